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

/// Why a packet was not opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::listener) enum Bad {
    /// A packet with its number was seen before, or it is too old to tell.
    Replayed,
    /// Not authentic, not whole, or of another source.
    Unauthentic,
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

    /// Opens an RTP packet in place, and gives its payload without padding (RFC 3550, section 5.1).
    pub(in crate::listener) fn open_rtp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a [u8], Bad> {
        let (header, ssrc, sequence) = rtp_header(packet).ok_or(Bad::Unauthentic)?;
        let index = match &self.rtp_source {
            Some(source) if source.ssrc != ssrc => return Err(Bad::Unauthentic),
            Some(source) => source.estimate(sequence).ok_or(Bad::Unauthentic)?,
            None => u64::from(sequence),
        };
        if self.rtp_source.as_ref().is_some_and(|source| source.has_seen(index)) {
            return Err(Bad::Replayed);
        }
        let end = self.rtp.open_rtp(packet, header, ssrc, index).map_err(|_| Bad::Unauthentic)?;
        accept(&mut self.rtp_source, ssrc, index);
        let padded = packet.first().is_some_and(|first| first & 0x20 != 0);
        let payload = packet.get(header..end).ok_or(Bad::Unauthentic)?;
        let padding = if padded { payload.last().map_or(0, |length| usize::from(*length)) } else { 0 };
        // Who has the keys may still count wrong: then nothing is left.
        Ok(&payload[..payload.len().saturating_sub(padding)])
    }

    /// Opens a compound RTCP packet in place, under the same terms.
    pub(in crate::listener) fn open_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a [u8], Bad> {
        let ssrc = packet.get(4..RTCP_HEADER).and_then(<[u8]>::first_chunk).copied();
        let ssrc = u32::from_be_bytes(ssrc.ok_or(Bad::Unauthentic)?);
        let index = self.rtcp.rtcp_index(packet).ok_or(Bad::Unauthentic)?;
        match &self.rtcp_source {
            Some(source) if source.ssrc != ssrc => return Err(Bad::Unauthentic),
            Some(source) if source.has_seen(u64::from(index)) => return Err(Bad::Replayed),
            _ => {}
        }
        let end = self.rtcp.open_rtcp(packet, ssrc, index).map_err(|_| Bad::Unauthentic)?;
        accept(&mut self.rtcp_source, ssrc, u64::from(index));
        packet.get(..end).ok_or(Bad::Unauthentic)
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

/// Where the payload begins, the source and the sequence number.
fn rtp_header(packet: &[u8]) -> Option<(usize, u32, u16)> {
    let length = rtp_header_len(packet)?;
    let sequence = u16::from_be_bytes(*packet.get(2..)?.first_chunk()?);
    let ssrc = u32::from_be_bytes(*packet.get(8..)?.first_chunk()?);
    Some((length, ssrc, sequence))
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
