//! What a listener heard.

use std::time::{Duration, Instant};

use super::{Profile, RATE};

/// One packet's arrival.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// Time since the POST was sent.
    pub after: Duration,
    /// Sequence number, 65,536 greater after each roll-over.
    pub sequence: u64,
    /// RTP timestamp as it stood in the packet.
    pub timestamp: u32,
    /// Where the packet's first sample stands, counted from the first packet's.
    pub sample: u64,
    /// Bytes of Opus.
    pub bytes: u16,
}

/// All that one listener received.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The left side: the caller. Empty when nothing was decoded.
    pub left: Vec<i16>,
    /// The right side: the agent.
    pub right: Vec<i16>,
    /// Samples a second of either side, always [`RATE`].
    pub rate: u32,
    /// When the POST was sent; all durations here count from it.
    pub posted: Instant,
    /// Until the answer was here.
    pub answered_after: Duration,
    /// Until ICE and DTLS were done.
    pub connected_after: Option<Duration>,
    /// Until the first RTP packet that could be decrypted.
    pub first_packet_after: Option<Duration>,
    /// The SRTP profile that was agreed on.
    pub profile: Option<Profile>,
    /// Packets received, each counted once.
    pub packets: u64,
    /// Bytes of Opus in them.
    pub bytes: u64,
    /// Packets between the first and the newest that never came (RFC 3550).
    pub lost: u64,
    /// Packets that came again. Always 0 for the whole listener: `webrtc` refuses them unseen.
    pub duplicates: u64,
    /// Packets that were overtaken.
    pub reordered: u64,
    /// Packets too old to say more of.
    pub stale: u64,
    /// Interarrival jitter by RFC 3550 section 6.4.1.
    pub jitter: Duration,
    /// RTCP sender reports received.
    pub sender_reports: u64,
    /// Synchronisation sources seen, in the order of their first packet; at most 16.
    pub sources: Vec<u32>,
    /// Samples libopus had to invent.
    pub concealed: u64,
    /// Samples filled with silence because the sender sent none.
    pub silent: u64,
    /// Packets libopus would not decode.
    pub broken: u64,
    /// The packets in the order they came; at most 60,000. Only kept when decoding.
    pub arrivals: Vec<Arrival>,
    /// Whether the other side ended the connection, or it was lost.
    pub closed: bool,
}

impl Heard {
    /// When the packet came that carries this sample of either side. `None` when it was lost or silent.
    pub fn instant_of(&self, sample: u64) -> Option<Instant> {
        let packet =
            self.arrivals.iter().filter(|arrival| arrival.sample <= sample).max_by_key(|a| a.sample)?;
        let within = sample - packet.sample < u64::from(RATE) / 50;
        within.then(|| self.posted + packet.after)
    }

    /// How long both sides are.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.left.len() as f64 / f64::from(self.rate))
    }

    /// The RTP timestamps in the order the packets came.
    pub fn rtp_timestamps(&self) -> impl Iterator<Item = u32> {
        self.arrivals.iter().map(|arrival| arrival.timestamp)
    }
}
