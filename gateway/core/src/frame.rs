//! What the edges exchange: voices, and what is heard of them.

use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Samples a second of everything on the telephone's side, and ticks a second of a call's own time.
pub const PHONE_RATE: u32 = 8_000;

/// Ticks a second of Opus in RTP, whatever the real bandwidth (RFC 7587, section 4.1).
pub const OPUS_CLOCK: u32 = 48_000;

/// One of the two voices of a call, named as Twilio does: by the direction on the leg that is streamed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Track {
    /// What the party of this leg says: the caller. Left in a listener's ears.
    Inbound,
    /// What the party of this leg hears: the agent, the AI, hold music. Right in a listener's ears.
    Outbound,
}

impl Track {
    /// Both, caller first.
    pub const ALL: [Self; 2] = [Self::Inbound, Self::Outbound];

    /// Twilio's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// How what a listener hears is coded.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Codec {
    /// Stereo, caller left and agent side right. Costs an encoder a call.
    Opus,
    /// G.711 mu-law as the telephone has it, both voices in one (RFC 3551, section 4.5.14). Costs no encoder.
    Pcmu,
}

impl Codec {
    /// Both, the better one first.
    pub const ALL: [Self; 2] = [Self::Opus, Self::Pcmu];

    /// Its place in [`ALL`](Self::ALL).
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name in small letters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Pcmu => "pcmu",
        }
    }

    /// Ticks a second of its RTP timestamps.
    pub const fn clock(self) -> u32 {
        match self {
            Self::Opus => OPUS_CLOCK,
            Self::Pcmu => PHONE_RATE,
        }
    }
}

/// 20 ms of a call as one codec has them, made once and shared by all who hear the call that way.
#[derive(Clone, Debug)]
pub struct Packet {
    /// How the payload is coded.
    pub codec: Codec,
    /// Without any header.
    pub payload: Bytes,
    /// Its place in the call's time, in samples of [`PHONE_RATE`] since the stream began. It never goes
    /// back; it jumps over silence that was not sent. A listener adds an offset of its own.
    pub timestamp: u64,
    /// The first packet after silence: the RTP marker bit (RFC 3551, section 4.1).
    pub marker: bool,
    /// When the newest frame in it came from Twilio: forward latency is counted from here.
    pub arrived: Instant,
}

impl Packet {
    /// Whether it says that nothing follows for a while: a table of contents and an empty frame (RFC 6716,
    /// section 3.1).
    pub fn is_pause(&self) -> bool {
        self.codec == Codec::Opus && self.payload.len() == 1
    }
}

/// A packet of a microphone: Opus as the browser made it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Speech {
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, in ticks of [`OPUS_CLOCK`].
    pub timestamp: u32,
    /// The first packet after silence (RFC 3551, section 4.1).
    pub marker: bool,
    /// Without any header or padding.
    pub payload: Bytes,
}
