//! RTCP (RFC 3550, section 6): the few packets a listener needs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::event::Report;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const CNAME: u8 = 1;

/// The most packets of one compound that are read.
const MAX_PACKETS: usize = 16;
/// Seconds from NTP's epoch to Unix's.
const NTP_OFFSET: u64 = 2_208_988_800;

/// What a sender report says of our stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct SenderInfo {
    pub(super) rtp_time: u32,
    pub(super) packets: u32,
    pub(super) octets: u32,
}

/// What we say of a stream that we are sent (section 6.4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Block {
    /// Its SSRC.
    pub(super) source: u32,
    /// Of 256, since the last report.
    pub(super) fraction_lost: u8,
    /// Of all: 24 bits, signed.
    pub(super) total_lost: i32,
    /// The highest sequence number, with how often they began anew.
    pub(super) highest: u32,
    /// In ticks of its clock.
    pub(super) jitter: u32,
    /// The middle of the NTP time of its last sender report, and how long ago that came in 1/65536 s.
    pub(super) last_sender_report: Option<(u32, u32)>,
}

/// A compound packet: a sender report (a receiver report if nothing was sent) with a block about what we are sent, our
/// name, and BYE at the end.
pub(super) fn compound(
    ssrc: u32,
    cname: &str,
    wall: SystemTime,
    info: Option<SenderInfo>,
    block: Option<Block>,
    bye: bool,
) -> Vec<u8> {
    // Room for the SRTCP trailer as well.
    let mut out = Vec::with_capacity(120 + cname.len());
    let ssrc = ssrc.to_be_bytes();
    let (count, words) = if block.is_some() { (1, 6) } else { (0, 0) };
    match info {
        Some(info) => {
            header(&mut out, count, SENDER_REPORT, 6 + words);
            out.extend_from_slice(&ssrc);
            out.extend_from_slice(&ntp(wall).to_be_bytes());
            out.extend_from_slice(&info.rtp_time.to_be_bytes());
            out.extend_from_slice(&info.packets.to_be_bytes());
            out.extend_from_slice(&info.octets.to_be_bytes());
        }
        None => {
            header(&mut out, count, RECEIVER_REPORT, 1 + words);
            out.extend_from_slice(&ssrc);
        }
    }
    if let Some(block) = block {
        let (last, delay) = block.last_sender_report.unwrap_or_default();
        let lost = u32::from(block.fraction_lost) << 24 | (block.total_lost.cast_unsigned() & 0xFF_FFFF);
        for word in [block.source, lost, block.highest, block.jitter, last, delay] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
    let name = &cname.as_bytes()[..cname.len().min(255)];
    // The chunk ends with one to four zero bytes, at a multiple of four (section 6.5).
    let words = (4 + 2 + name.len()) / 4 + 1;
    header(&mut out, 1, DESCRIPTION, words as u16);
    let end = out.len() + 4 * words;
    out.extend_from_slice(&ssrc);
    out.extend_from_slice(&[CNAME, name.len() as u8]);
    out.extend_from_slice(name);
    out.resize(end, 0);
    if bye {
        header(&mut out, 1, BYE, 1);
        out.extend_from_slice(&ssrc);
    }
    out
}

fn header(out: &mut Vec<u8>, count: u8, kind: u8, words: u16) {
    out.extend_from_slice(&[0x80 | count, kind]);
    out.extend_from_slice(&words.to_be_bytes());
}

/// Seconds since 1900 in 32.32 bits; wraps in 2036 as all NTP does.
fn ntp(wall: SystemTime) -> u64 {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().wrapping_add(NTP_OFFSET);
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    seconds << 32 | fraction
}

/// The middle 32 bits of an NTP time: 1/65536 seconds (section 4).
fn ntp_middle(wall: SystemTime) -> u32 {
    (ntp(wall) >> 16) as u32
}

/// A time in 1/65536 seconds.
pub(super) fn short(time: Duration) -> u32 {
    (time.as_micros() * 65_536 / 1_000_000) as u32
}

/// The source of the sender report that a compound begins with, and the middle of its NTP time.
pub(super) fn sender_report(compound: &[u8]) -> Option<(u32, u32)> {
    let head = compound.first_chunk::<20>()?;
    let word = |at: usize| head[at..].first_chunk().map_or(0, |word| u32::from_be_bytes(*word));
    let is_report = head[0] >> 6 == 2 && head[1] == SENDER_REPORT;
    is_report.then(|| (word(4), word(8) << 16 | word(12) >> 16))
}

/// The first report about `ssrc`, whose RTP clock has `clock` ticks a second, in an authentic compound packet that
/// came at `wall`. Other packets, also those cut or malformed, say nothing.
pub(super) fn report(compound: &[u8], ssrc: u32, clock: u32, wall: SystemTime) -> Option<Report> {
    let mut rest = compound;
    for _ in 0..MAX_PACKETS {
        let [first, kind, high, low, ..] = *rest else { return None };
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let (packet, next) = rest.split_at_checked(length)?;
        if first >> 6 != 2 {
            return None;
        }
        let blocks_at = match kind {
            SENDER_REPORT => 28,
            RECEIVER_REPORT => 8,
            _ => length,
        };
        let blocks = packet.get(blocks_at..)?.chunks_exact(24).take(usize::from(first & 31));
        for block in blocks {
            if let Some(report) = block.first_chunk().and_then(|block| read_block(block, ssrc, clock, wall)) {
                return Some(report);
            }
        }
        rest = next;
    }
    None
}

fn read_block(block: &[u8; 24], ssrc: u32, clock: u32, wall: SystemTime) -> Option<Report> {
    let words: [u32; 6] =
        std::array::from_fn(|i| block[4 * i..].first_chunk().map_or(0, |w| u32::from_be_bytes(*w)));
    let [source, lost, _, jitter, last_report, delay] = words;
    if source != ssrc {
        return None;
    }
    // 24 bits, signed.
    let total_lost = (lost << 8).cast_signed() >> 8;
    let round_trip = ntp_middle(wall).wrapping_sub(last_report).wrapping_sub(delay);
    // A clock that is set, or a browser that lies, can make it absurd: half the number space is "negative".
    let is_sane = last_report != 0 && round_trip < 1 << 31;
    Some(Report {
        fraction_lost: (lost >> 24) as f32 / 256.0,
        total_lost,
        jitter: Duration::from_micros(u64::from(jitter) * 1_000_000 / u64::from(clock)),
        round_trip: is_sane.then(|| Duration::from_micros((u64::from(round_trip) * 1_000_000) >> 16)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_700_000_000_500)
    }

    fn receiver_report(ssrc: u32, lost: u32, last: u32, delay: u32) -> Vec<u8> {
        let mut out = Vec::new();
        header(&mut out, 1, RECEIVER_REPORT, 7);
        for word in [9, ssrc, lost, 70_000, 480, last, delay] {
            out.extend_from_slice(&u32::to_be_bytes(word));
        }
        out
    }

    #[test]
    fn a_compound_has_the_layout_of_rfc_3550() {
        let info = SenderInfo { rtp_time: 7, packets: 8, octets: 9 };
        let bytes = compound(0x0102_0304, "me", wall(), Some(info), None, true);
        let (report, rest) = bytes.split_at(28);
        assert_eq!(report[..8], [0x80, 200, 0, 6, 1, 2, 3, 4]);
        assert_eq!(report[8..12], (1_700_000_000_u32.wrapping_add(NTP_OFFSET as u32)).to_be_bytes());
        assert_eq!(report[12..16], [0x80, 0, 0, 0]);
        assert_eq!(report[16..], [0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9]);
        assert_eq!(rest[..16], [0x81, 202, 0, 3, 1, 2, 3, 4, 1, 2, b'm', b'e', 0, 0, 0, 0]);
        assert_eq!(rest[16..], [0x81, 203, 0, 1, 1, 2, 3, 4]);
        assert_eq!(compound(1, "abc", wall(), None, None, false)[..8], [0x80, 201, 0, 1, 0, 0, 0, 1]);
    }

    #[test]
    fn what_we_say_of_a_microphone_is_read_as_such() {
        let middle = ntp_middle(wall() - Duration::from_millis(300));
        let block = Block {
            source: 5,
            fraction_lost: 64,
            total_lost: -2,
            highest: 70_000,
            jitter: 480,
            last_sender_report: Some((middle, short(Duration::from_millis(200)))),
        };
        for info in [None, Some(SenderInfo { rtp_time: 7, packets: 8, octets: 9 })] {
            let bytes = compound(1, "me", wall(), info, Some(block), false);
            let report = report(&bytes, 5, 48_000, wall()).unwrap();
            assert_eq!((report.fraction_lost, report.total_lost), (0.25, -2));
            assert_eq!(report.jitter, Duration::from_millis(10));
            assert!(
                report.round_trip.unwrap().abs_diff(Duration::from_millis(100)) < Duration::from_micros(50)
            );
            let sender = info.map(|_| (1, ntp_middle(wall())));
            assert_eq!(sender_report(&bytes), sender);
            assert_eq!(sender_report(&bytes[..19]), None);
        }
    }

    #[test]
    fn every_length_of_name_makes_whole_words() {
        for length in 0..300 {
            let bytes = compound(1, &"n".repeat(length), wall(), None, None, true);
            assert_eq!(bytes.len() % 4, 0);
            assert_eq!(bytes[bytes.len() - 8..], [0x81, 203, 0, 1, 0, 0, 0, 1]);
        }
    }

    #[test]
    fn a_report_tells_loss_jitter_and_round_trip() {
        // It heard us 300 ms ago and kept the report for 200 ms.
        let last = ntp_middle(wall() - Duration::from_millis(300));
        let bytes = receiver_report(5, 0x40FF_FFFE, last, 65_536 / 5);
        let report = report(&bytes, 5, 48_000, wall()).unwrap();
        assert_eq!((report.fraction_lost, report.total_lost), (0.25, -2));
        assert_eq!(report.jitter, Duration::from_millis(10));
        let round_trip = report.round_trip.unwrap();
        assert!(round_trip.abs_diff(Duration::from_millis(100)) < Duration::from_micros(50));
    }

    #[test]
    fn a_report_of_the_future_or_about_others_is_not_believed() {
        let last = ntp_middle(wall() + Duration::from_secs(1));
        assert_eq!(report(&receiver_report(5, 0, last, 0), 5, 48_000, wall()).unwrap().round_trip, None);
        assert_eq!(report(&receiver_report(5, 0, 0, 0), 5, 48_000, wall()).unwrap().round_trip, None);
        assert_eq!(report(&receiver_report(6, 0, 0, 0), 5, 48_000, wall()), None);
    }

    #[test]
    fn a_cut_compound_says_nothing() {
        let bytes = receiver_report(5, 0, 0, 0);
        for length in 0..bytes.len() {
            assert_eq!(report(&bytes[..length], 5, 48_000, wall()), None);
        }
        // Claims more blocks than it has.
        let mut bytes = receiver_report(6, 0, 0, 0);
        bytes[0] |= 31;
        assert_eq!(report(&bytes, 5, 48_000, wall()), None);
    }
}
