//! What comes out of a session.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::frame::Speech;

/// How media is protected.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SrtpProfile {
    /// `SRTP_AEAD_AES_256_GCM` (RFC 7714): 16 bytes of tag.
    AeadAes256Gcm,
    /// `SRTP_AEAD_AES_128_GCM` (RFC 7714): 16 bytes of tag.
    AeadAes128Gcm,
    /// `SRTP_AES128_CM_HMAC_SHA1_80` (RFC 5764): 10 bytes of tag, and the one everybody has.
    Aes128CmSha1_80,
}

impl SrtpProfile {
    /// A short name, for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AeadAes256Gcm => "aead_aes_256_gcm",
            Self::AeadAes128Gcm => "aead_aes_128_gcm",
            Self::Aes128CmSha1_80 => "aes_cm_128_hmac_sha1_80",
        }
    }
}

/// A datagram to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transmit {
    /// Where to. An IPv4 address is never in its IPv6-mapped form.
    pub to: SocketAddr,
    /// The datagram.
    pub payload: Vec<u8>,
}

/// What a session has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The browser has answered from this address: datagrams from there are this session's from now on, and
    /// no other's, even if another session reported the address before.
    Validated(SocketAddr),
    /// The session has no more use for an address it reported: stop routing it here.
    Forgotten(SocketAddr),
    /// The handshake is done and the certificate is the offer's: [`Session::write`](super::Session::write)
    /// works.
    Connected {
        /// What was agreed.
        profile: SrtpProfile,
    },
    /// The browser told how it receives.
    Report(Report),
    /// A packet of the microphone, while it is [open](super::Session::set_open).
    Speech(Speech),
    /// It is over, once and for all. Drain [`Session::poll_transmit`](super::Session::poll_transmit) once
    /// more, then drop the session.
    Closed(CloseReason),
}

/// How the browser receives, from an RTCP report block (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Part of the packets lost since its last report, 0 to 1.
    pub fraction_lost: f32,
    /// Packets lost since the start; duplicates can make it negative.
    pub total_lost: i32,
    /// Interarrival jitter.
    pub jitter: Duration,
    /// Round trip to the browser and back, if it has seen a sender report of ours.
    pub round_trip: Option<Duration>,
}

/// What a session has counted since it was last asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// STUN that was malformed, or a check not signed with our password.
    pub bad_checks: u64,
    /// Checks over a rate limit.
    pub limited_checks: u64,
    /// Datagrams other than STUN from an address that is not this session's.
    pub strangers: u64,
    /// SRTP and SRTCP that came before, or is too old to tell. Its tag was not checked.
    pub replayed: u64,
    /// SRTP and SRTCP that was no such thing: not authentic, cut, from another source.
    pub unauthentic: u64,
    /// Authentic RTP that was dropped undecoded: the microphone was not open, or it was no Opus.
    pub unheard: u64,
    /// Packets of the microphone that were passed on.
    pub heard: u64,
    /// RTP packets written.
    pub packets: u64,
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// [`Session::close`](super::Session::close) was called.
    Local,
    /// The browser closed the connection.
    Peer,
    /// The browser was connected and no longer answers (RFC 7675).
    Lost,
    /// It was not connected within [`Limits::connect`](super::Limits::connect).
    Timeout,
    /// The certificate it showed is not the one of its offer.
    Fingerprint,
    /// The handshake failed.
    Dtls,
    /// It sent more handshake than any client needs, or we have sent 2^48 packets.
    Limit,
}

impl CloseReason {
    /// A short name, for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Peer => "peer",
            Self::Lost => "lost",
            Self::Timeout => "timeout",
            Self::Fingerprint => "fingerprint",
            Self::Dtls => "dtls",
            Self::Limit => "limit",
        }
    }
}

/// What waits to be polled.
#[derive(Debug, Default)]
pub(super) struct Output {
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Output {
    /// The most datagrams that wait. One input makes a dozen at most, so an owner that drains loses none.
    const MAX_TRANSMITS: usize = 64;
    /// The most events that wait.
    const MAX_EVENTS: usize = 64;

    pub(super) fn transmit(&mut self, to: SocketAddr, payload: Vec<u8>) {
        if self.transmits.len() < Self::MAX_TRANSMITS {
            self.transmits.push_back(Transmit { to, payload });
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        // The end is told whatever else was not.
        if self.events.len() < Self::MAX_EVENTS || matches!(event, Event::Closed(_)) {
            self.events.push_back(event);
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
