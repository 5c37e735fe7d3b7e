//! What comes back: the browser's RTCP, and its microphone.

use std::fmt;

use aws_lc_rs::error::Unspecified;

use super::{Cipher, Master, Protocol, RTCP_HEADER, RTP_HEADER};

/// Opens what one browser sends. One source each of RTP and RTCP: the first whose packet was authentic.
/// Nothing is kept of a packet that was not.
pub(in crate::listener) struct Receiver {
    rtp: Cipher,
    rtcp: Cipher,
    rtp_source: Option<Source>,
    rtcp_source: Option<Source>,
}

/// A source, and which of its packets were seen (RFC 3711, section 3.3.2).
#[derive(Debug)]
struct Source {
    ssrc: u32,
    highest: u64,
    /// Bit n: the packet n before the highest was seen.
    window: u128,
}

impl Receiver {
    pub(in crate::listener) fn new(master: &Master) -> Result<Self, Unspecified> {
        Ok(Self {
            rtp: Cipher::new(master, Protocol::Rtp)?,
            rtcp: Cipher::new(master, Protocol::Rtcp)?,
            rtp_source: None,
            rtcp_source: None,
        })
    }

    /// Opens an RTP packet in place. Its payload, or `None` if it is not authentic, was seen before, is too
    /// old or is of another source.
    pub(in crate::listener) fn open_rtp<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let header = rtp_header_len(packet)?;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = u32::from_be_bytes(*packet.get(8..)?.first_chunk()?);
        let index = match &self.rtp_source {
            Some(source) if source.ssrc != ssrc => return None,
            Some(source) => source.estimate(sequence)?,
            None => u64::from(sequence),
        };
        if self.rtp_source.as_ref().is_some_and(|source| source.has_seen(index)) {
            return None;
        }
        let end = self.rtp.open_rtp(packet, header, ssrc, index).ok()?;
        accept(&mut self.rtp_source, ssrc, index);
        packet.get(header..end)
    }

    /// Opens a compound RTCP packet in place, under the same terms.
    pub(in crate::listener) fn open_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let ssrc = u32::from_be_bytes(*packet.get(4..RTCP_HEADER)?.first_chunk()?);
        let index = self.rtcp.rtcp_index(packet)?;
        if let Some(source) = &self.rtcp_source
            && (source.ssrc != ssrc || source.has_seen(u64::from(index)))
        {
            return None;
        }
        let end = self.rtcp.open_rtcp(packet, ssrc, index).ok()?;
        accept(&mut self.rtcp_source, ssrc, u64::from(index));
        packet.get(..end)
    }
}

impl Source {
    /// The index of a sequence number: the one nearest to the highest (RFC 3711, section 3.3.1). `None` if
    /// it would be before the first roll-over, or after the last.
    fn estimate(&self, sequence: u16) -> Option<u64> {
        let roll_over = self.highest >> 16;
        let ahead = i32::from(sequence) - i32::from(self.highest as u16);
        let roll_over = match ahead {
            -0x8000..=0x8000 => Some(roll_over),
            ..-0x8000 => Some(roll_over + 1),
            _ => roll_over.checked_sub(1),
        };
        let index = roll_over? << 16 | u64::from(sequence);
        (index < 1 << 48).then_some(index)
    }

    fn has_seen(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => false,
            // Too old to tell.
            Some(128..) => true,
            Some(age) => self.window >> age & 1 == 1,
        }
    }
}

fn accept(source: &mut Option<Source>, ssrc: u32, index: u64) {
    let source = source.get_or_insert(Source { ssrc, highest: index, window: 0 });
    if let Some(ahead) = index.checked_sub(source.highest) {
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        source.window = source.window.checked_shl(ahead).unwrap_or(0);
        source.highest = index;
    }
    let age = u32::try_from(source.highest - index).unwrap_or(u32::MAX);
    source.window |= 1_u128.checked_shl(age).unwrap_or(0);
}

/// Where the payload begins: after CSRCs and the header extension (RFC 3550, section 5.1).
fn rtp_header_len(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let csrcs = RTP_HEADER + 4 * usize::from(first & 15);
    let mut length = csrcs;
    if first & 0x10 != 0 {
        let words = u16::from_be_bytes(*packet.get(csrcs + 2..)?.first_chunk()?);
        length += 4 + 4 * usize::from(words);
    }
    (first >> 6 == 2 && packet.len() >= length).then_some(length)
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({:?}, {:?})", self.rtp_source, self.rtcp_source)
    }
}
