//! How each session is heard: what its browser reports and what our own clocks say, for metrics and for
//! control.
//!
//! Sending costs two stores a packet and a listener, and one look at the clock a packet. All else happens when a
//! report comes and when control is told.

use std::time::{Duration, Instant};

use common::SessionId;
use common::bus::{ListenerQuality, NodeEvent};
use gateway_core::listener::{Report, mos};

use super::Sessions;

/// How often control is told.
const INTERVAL: Duration = Duration::from_secs(5);

/// How many deviations of a packet's arrival a browser's jitter buffer holds, as those who estimate it from
/// outside assume.
const BUFFERED_JITTERS: u32 = 2;

/// What a worker knows of how one session is heard.
#[derive(Debug, Default)]
pub(super) struct Quality {
    packets: u64,
    /// How long after its frame the last packet was protected.
    latency: Duration,
    reported: Option<Reported>,
}

/// What the browser said.
#[derive(Clone, Copy, Debug)]
struct Reported {
    at: Instant,
    last: Report,
    /// The newest there is: a browser that has not heard us yet cannot tell.
    round_trip: Option<Duration>,
    /// Part of all packets until then.
    loss_in_all: f64,
}

/// When control is told next.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// `None`: no session has a report.
    next: Option<Instant>,
}

impl Telling {
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }
}

impl Quality {
    /// A packet was written, this long after its frame came. True: it was the first.
    pub(super) fn sent(&mut self, latency: Duration) -> bool {
        self.packets += 1;
        self.latency = latency;
        self.packets == 1
    }

    /// The browser said how it receives.
    pub(super) fn reported(&mut self, now: Instant, report: Report) {
        let before = self.reported.and_then(|reported| reported.round_trip);
        self.reported = Some(Reported {
            at: now,
            last: report,
            round_trip: report.round_trip.or(before),
            // Duplicates can make it negative, a report that was long on its way more than there were.
            loss_in_all: (f64::from(report.total_lost) / self.packets.max(1) as f64).clamp(0.0, 1.0),
        });
    }

    /// How far the listener is behind Twilio's frame: our own latency and half the round trip. What the browser
    /// holds back in its jitter buffer comes on top; nobody tells us of it.
    fn behind(&self) -> Option<Duration> {
        let round_trip = self.reported?.round_trip?;
        Some(self.latency + round_trip / 2)
    }

    /// The estimate of how it sounds; needs a round trip.
    pub(super) fn mos(&self) -> Option<f64> {
        let last = self.reported?.last;
        let delay = self.behind()?.saturating_add(last.jitter.saturating_mul(BUFFERED_JITTERS));
        Some(mos(delay, last.fraction_lost.into()))
    }

    /// What control is told. `None`: nothing was reported yet.
    fn told(&self, session: SessionId, now: Instant) -> Option<ListenerQuality> {
        let reported = self.reported?;
        let age = now.saturating_duration_since(reported.at).as_millis();
        Some(ListenerQuality {
            session,
            packets: self.packets,
            loss_ratio: rounded(reported.last.fraction_lost.into(), 10_000.0),
            loss_ratio_total: rounded(reported.loss_in_all, 10_000.0),
            jitter_ms: milliseconds(reported.last.jitter),
            round_trip_ms: reported.round_trip.map(milliseconds),
            behind_ms: self.behind().map(milliseconds),
            mos: self.mos().map(|mos| rounded(mos, 100.0)),
            age_ms: u64::try_from(age).unwrap_or(u64::MAX),
        })
    }
}

impl Sessions {
    /// Takes a session's report.
    pub(super) fn report(&mut self, key: super::Key, now: Instant, report: Report) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.quality.reported(now, report);
        self.setting.metrics.report(&report, entry.quality.mos());
        self.telling.next.get_or_insert(now + INTERVAL);
    }

    /// Tells control how the sessions are heard, if it is time to.
    pub(super) fn tell_quality(&mut self, now: Instant) {
        if self.telling.next.is_none_or(|next| next > now) {
            return;
        }
        let sessions = self.entries.iter();
        let told = |entry: &super::Entry| entry.quality.told(entry.record.grant.session, now);
        let mut all = sessions.filter_map(told).peekable();
        self.telling.next = all.peek().map(|_| now + INTERVAL);
        while all.peek().is_some() {
            let listeners = all.by_ref().take(ListenerQuality::MAX_AT_ONCE).collect();
            let node = self.setting.node;
            self.setting.bus.events.publish(NodeEvent::ListenersHeard { node, listeners });
        }
    }
}

/// With a tenth: finer than anybody's clock.
fn milliseconds(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1000.0, 10.0)
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(fraction_lost: f32, total_lost: i32, round_trip: Option<u64>) -> Report {
        let round_trip = round_trip.map(Duration::from_millis);
        Report { fraction_lost, total_lost, jitter: Duration::from_micros(12_340), round_trip }
    }

    #[test]
    fn a_listener_is_behind_by_our_latency_and_half_the_round_trip() {
        let (mut quality, now, session) = (Quality::default(), Instant::now(), SessionId::new());
        assert!(quality.sent(Duration::from_millis(9)));
        (1..200).for_each(|_| assert!(!quality.sent(Duration::from_micros(1500))));
        assert_eq!(quality.told(session, now), None, "nothing was reported");

        quality.reported(now, report(0.25, 10, Some(80)));
        let told = quality.told(session, now + Duration::from_millis(1234)).unwrap();
        let expected = ListenerQuality {
            session,
            packets: 200,
            loss_ratio: 0.25,
            loss_ratio_total: 0.05,
            jitter_ms: 12.3,
            round_trip_ms: Some(80.0),
            behind_ms: Some(41.5),
            mos: told.mos,
            age_ms: 1234,
        };
        assert_eq!(told, expected);
        let lossless = mos(Duration::from_micros(41_500 + 2 * 12_340), 0.0);
        assert!(told.mos.unwrap() < lossless - 1.0, "a quarter lost is heard: {told:?}");
    }

    #[test]
    fn without_a_round_trip_nobody_knows_how_far_behind() {
        let (mut quality, now) = (Quality::default(), Instant::now());
        quality.sent(Duration::from_millis(1));
        quality.reported(now, report(0.0, 0, None));
        let told = quality.told(SessionId::new(), now).unwrap();
        assert_eq!((told.round_trip_ms, told.behind_ms, told.mos), (None, None, None));

        quality.reported(now, report(0.0, 0, Some(20)));
        quality.reported(now, report(0.0, 0, None));
        let told = quality.told(SessionId::new(), now).unwrap();
        assert_eq!((told.round_trip_ms, told.behind_ms), (Some(20.0), Some(11.0)), "the last one known");
    }

    #[test]
    fn whatever_a_browser_reports_a_ratio_stays_one() {
        let (mut quality, now) = (Quality::default(), Instant::now());
        for (packets, lost, expected) in [(0, 5, 1.0), (10, -3, 0.0), (0, i32::MAX, 1.0), (0, i32::MIN, 0.0)]
        {
            for _ in 0..packets {
                quality.sent(Duration::ZERO);
            }
            let odd = Report { jitter: Duration::MAX, ..report(1.0, lost, Some(u64::MAX)) };
            quality.reported(now, odd);
            let told = quality.told(SessionId::new(), now).unwrap();
            assert_eq!((told.loss_ratio_total, told.mos), (expected, Some(1.0)), "{lost}");
        }
    }
}
