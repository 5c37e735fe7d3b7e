//! What we send: one RTP stream, and RTCP about it.

use std::fmt;
use std::time::Instant;

use aws_lc_rs::error::Unspecified;

use super::{Cipher, Master, Protocol, RTP_HEADER};
use crate::frame::{Codec, PHONE_RATE, Packet};
use crate::listener::random;

/// Protects what one listener hears.
pub(in crate::listener) struct Sender {
    rtp: Cipher,
    rtcp: Cipher,
    ssrc: u32,
    payload_type: u8,
    codec: Codec,
    /// Of the next packet. Its low 16 bits are the sequence number, the 32 above them the roll-over counter:
    /// as one number they cannot disagree.
    index: u64,
    offset: u32,
    rtcp_index: u32,
    /// Sent so far, for sender reports; both wrap (RFC 3550, section 6.4.1).
    pub(in crate::listener) packets: u32,
    pub(in crate::listener) octets: u32,
    /// The last packet: when its audio came, and its RTP timestamp.
    last: Option<(Instant, u32)>,
}

impl Sender {
    /// Begins a stream at a random place of both number spaces. The sequence number starts in the lower half,
    /// so that loss of the first packets cannot be taken for a wrap (RFC 3711, section 3.3.1).
    pub(in crate::listener) fn new(
        master: &Master,
        ssrc: u32,
        payload_type: u8,
        codec: Codec,
    ) -> Result<Self, Unspecified> {
        Ok(Self {
            rtp: Cipher::new(master, Protocol::Rtp)?,
            rtcp: Cipher::new(master, Protocol::Rtcp)?,
            ssrc,
            payload_type,
            codec,
            index: u64::from(u16::from_ne_bytes(random()) >> 1),
            offset: u32::from_ne_bytes(random()),
            rtcp_index: 0,
            packets: 0,
            octets: 0,
            last: None,
        })
    }

    /// Writes one protected packet into `out`, which it clears. On an error nothing may be sent any more:
    /// all 2^48 indices are used up.
    pub(in crate::listener) fn write(
        &mut self,
        packet: &Packet,
        out: &mut Vec<u8>,
    ) -> Result<(), Unspecified> {
        out.clear();
        if self.index >= 1 << 48 {
            return Err(Unspecified);
        }
        let [.., high, low] = self.index.to_be_bytes();
        // The media clock wraps here, as it does in RTP.
        let ticks = self.codec.clock() / PHONE_RATE;
        let timestamp = self.offset.wrapping_add((packet.timestamp as u32).wrapping_mul(ticks));
        let marker = u8::from(packet.marker) << 7;
        out.extend_from_slice(&[0x80, marker | self.payload_type, high, low]);
        out.extend_from_slice(&timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&packet.payload);
        self.rtp.seal_rtp(out, RTP_HEADER, self.ssrc, self.index).inspect_err(|_| out.clear())?;
        self.index += 1;
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload.len() as u32);
        self.last = Some((packet.arrived, timestamp));
        Ok(())
    }

    /// What the RTP clock shows at `now`, if it runs yet: the last packet's timestamp, and the time since
    /// its audio came.
    pub(in crate::listener) fn clock(&self, now: Instant) -> Option<u32> {
        let (arrived, timestamp) = self.last?;
        let passed = now.saturating_duration_since(arrived);
        let ticks = passed.as_micros() * u128::from(self.codec.clock()) / 1_000_000;
        Some(timestamp.wrapping_add(ticks as u32))
    }

    /// Protects a compound RTCP packet of ours. An error leaves nothing that may be sent.
    pub(in crate::listener) fn protect(&mut self, packet: &mut Vec<u8>) -> Result<(), Unspecified> {
        if self.rtcp_index >= 1 << 31 {
            return Err(Unspecified);
        }
        self.rtcp.seal_rtcp(packet, self.ssrc, self.rtcp_index)?;
        self.rtcp_index += 1;
        Ok(())
    }

    #[cfg(test)]
    pub(in crate::listener) fn set_index(&mut self, index: u64) {
        self.index = index;
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({:08x}, {})", self.ssrc, self.index)
    }
}
