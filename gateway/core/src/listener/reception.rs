//! How a browser's microphone arrives: what it is told of its own packets (RFC 3550, sections 6.4.1 and A.3).
//!
//! Without that word a browser takes the way to us for perfect, and its Opus adds nothing against loss.

use std::time::{Duration, Instant, SystemTime};

use super::rtcp::{self, Block};

/// Ticks of Opus' RTP clock in a second (RFC 7587, section 4.1).
const CLOCK: u32 = 48_000;

/// A sequence number so far from the last begins a new count (RFC 3550, section A.1).
const LEAP: u16 = 3000;

/// The packets of one source.
#[derive(Debug)]
pub(super) struct Reception {
    source: u32,
    /// The first number, and the highest, both counted on over the wrap.
    first: u64,
    highest: u64,
    received: u64,
    /// At the last report.
    expected_before: u64,
    received_before: u64,
    /// Arrival less RTP time of the last packet, in ticks.
    transit: u32,
    /// In 1/16 ticks.
    jitter: u32,
    born: Instant,
    /// The last sender report: the middle of its NTP time, and when it came.
    sender_report: Option<(u32, SystemTime)>,
}

impl Reception {
    /// Counts an authentic packet. One of another source, or from elsewhere in the numbers, begins anew.
    pub(super) fn packet(this: &mut Option<Self>, now: Instant, source: u32, sequence: u16, timestamp: u32) {
        let goes_on = this.as_ref().is_some_and(|known| {
            let ahead = sequence.wrapping_sub(known.highest as u16);
            known.source == source && !(LEAP..=u16::MAX - LEAP).contains(&ahead)
        });
        let known = match this {
            Some(known) if goes_on => known,
            _ => {
                let sequence = u64::from(sequence) + 0x1_0000;
                let transit = 0u32.wrapping_sub(timestamp);
                return *this = Some(Self {
                    source,
                    first: sequence,
                    highest: sequence,
                    received: 1,
                    expected_before: 0,
                    received_before: 0,
                    transit,
                    jitter: 0,
                    born: now,
                    sender_report: None,
                });
            }
        };
        known.received += 1;
        let ahead = sequence.wrapping_sub(known.highest as u16);
        if ahead < LEAP {
            known.highest += u64::from(ahead);
        }
        let arrival = now.saturating_duration_since(known.born);
        let arrival = (arrival.as_micros() * u128::from(CLOCK) / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        let difference = transit.wrapping_sub(known.transit).cast_signed().unsigned_abs();
        known.transit = transit;
        // A pause of the microphone, in which its clock stood still, is no jitter.
        if difference < CLOCK {
            known.jitter = known.jitter + difference - ((known.jitter + 8) >> 4);
        }
    }

    /// Takes a sender report about it that came at `wall`.
    pub(super) fn sender_report(&mut self, source: u32, ntp_middle: u32, wall: SystemTime) {
        if source == self.source {
            self.sender_report = Some((ntp_middle, wall));
        }
    }

    /// What is told of it at `wall`, since this was last asked. `None`: nothing came.
    pub(super) fn report(&mut self, wall: SystemTime) -> Option<Block> {
        let expected = self.highest - self.first + 1;
        let (new, came) = (expected - self.expected_before, self.received - self.received_before);
        if came == 0 {
            return None;
        }
        (self.expected_before, self.received_before) = (expected, self.received);
        let lost = new.saturating_sub(came);
        let since = self.sender_report.map(|(middle, at)| {
            let delay = wall.duration_since(at).unwrap_or(Duration::ZERO);
            (middle, rtcp::short(delay))
        });
        let total = i64::try_from(expected).unwrap_or(i64::MAX) - i64::try_from(self.received).unwrap_or(0);
        Some(Block {
            source: self.source,
            fraction_lost: u8::try_from(lost * 256 / new.max(1)).unwrap_or(u8::MAX),
            // 24 bits, signed.
            total_lost: total.clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest: (self.highest - 0x1_0000) as u32,
            jitter: self.jitter >> 4,
            last_sender_report: since,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::tests::moment;

    const SOURCE: u32 = 7;

    /// Packets of 20 ms with these numbers, the n-th `late(n)` ms late.
    fn receive(numbers: impl IntoIterator<Item = u16>, late: impl Fn(u64) -> u64) -> Option<Reception> {
        let (mut reception, t0) = (None, moment());
        for (n, sequence) in (0u64..).zip(numbers) {
            let now = t0 + Duration::from_millis(20 * n + late(n));
            Reception::packet(&mut reception, now, SOURCE, sequence, (n as u32) * 960);
        }
        reception
    }

    fn report(reception: &mut Option<Reception>) -> Block {
        reception.as_mut().unwrap().report(SystemTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn loss_is_told_since_the_last_report_and_in_all() {
        // Over the wrap, every fourth missing.
        let numbers = (65_500..65_600u32).filter(|n| n % 4 != 3).map(|n| n as u16);
        let mut reception = receive(numbers, |_| 0);
        let block = report(&mut reception);
        assert_eq!((block.total_lost, block.fraction_lost), (24, (24 * 256 / 99) as u8));
        assert_eq!(block.highest, (1 << 16) + (65_598 - 65_536));
        assert!(reception.as_mut().unwrap().report(SystemTime::UNIX_EPOCH).is_none(), "nothing came since");
        let next = 65_599u32 as u16;
        Reception::packet(&mut reception, moment(), SOURCE, next, 0);
        assert_eq!((report(&mut reception).fraction_lost, 24), (0, 24));
    }

    #[test]
    fn what_comes_late_or_twice_is_not_lost() {
        let mut reception = receive([1, 2, 4, 3, 5, 5], |_| 0);
        let block = report(&mut reception);
        assert_eq!((block.fraction_lost, block.total_lost, block.highest), (0, -1, 5));
    }

    #[test]
    fn jitter_is_what_arrivals_differ_by() {
        assert_eq!(report(&mut receive(0..500, |_| 0)).jitter, 0);
        // Every other packet 10 ms late: 480 ticks from each to the next.
        let jitter = report(&mut receive(0..500, |n| 10 * (n % 2))).jitter;
        assert!((450..=480).contains(&jitter), "{jitter}");
    }

    #[test]
    fn another_source_and_a_leap_begin_anew() {
        let mut reception = receive([1, 2, 30_000, 30_001], |_| 0);
        assert_eq!((report(&mut reception).total_lost, report_source(&reception)), (0, SOURCE));
        Reception::packet(&mut reception, moment(), 8, 9, 0);
        let block = report(&mut reception);
        assert_eq!((block.source, block.highest, block.total_lost), (8, 9, 0));
    }

    #[test]
    fn how_long_ago_the_sender_reported_is_told() {
        let mut reception = receive([1], |_| 0);
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
        let known = reception.as_mut().unwrap();
        known.sender_report(SOURCE + 1, 1, at);
        known.sender_report(SOURCE, 0x1234_5678, at);
        let block = known.report(at + Duration::from_millis(500)).unwrap();
        assert_eq!(block.last_sender_report, Some((0x1234_5678, 32_768)));
    }

    fn report_source(reception: &Option<Reception>) -> u32 {
        reception.as_ref().map_or(0, |reception| reception.source)
    }
}
