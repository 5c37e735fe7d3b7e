//! Two WebRTC listeners that share no code with the server.
//!
//! [`whole`] runs the complete `webrtc` crate and stands for a browser: tests use it. [`light`] runs
//! `str0m`, costs about 70 kB a listener, and is there for thousands in one process. Both join by WHEP, count
//! what arrives the way RFC 3550 says, and decode to stereo when asked; both hand back the same [`Listener`], so
//! a test or a measurement works with either.
//!
//! Each listener has a UDP socket of its own. It has to: a server tells listeners apart by their address, and
//! two behind one socket would be one to it.

mod decode;
mod error;
mod heard;
mod listener;
mod reception;
mod reports;
mod sequence;

pub mod light;
pub mod mouth;
pub mod whep;
pub mod whole;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

pub use error::EarError;
pub use heard::{Arrival, Heard};
pub use listener::{Ear, Listener};

use crate::audio::Audio;
use crate::shaper::Shaper;

/// The Opus clock: RTP timestamps and decoded samples, per second (RFC 7587 section 4.1).
pub const RATE: u32 = 48_000;

/// An SRTP protection profile.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Profile {
    /// AEAD_AES_256_GCM (RFC 7714).
    AeadAes256Gcm,
    /// AEAD_AES_128_GCM (RFC 7714).
    AeadAes128Gcm,
    /// SRTP_AES128_CM_HMAC_SHA1_80 (RFC 5764), the one every endpoint must know.
    Aes128CmSha1_80,
}

impl Profile {
    /// The name of the profile in IANA's registry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
            Self::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
            Self::Aes128CmSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
        }
    }

    /// Bytes it adds to an RTP packet.
    pub const fn tag(self) -> usize {
        match self {
            Self::AeadAes256Gcm | Self::AeadAes128Gcm => 16,
            Self::Aes128CmSha1_80 => 10,
        }
    }

    /// The profile of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::AeadAes256Gcm, Self::AeadAes128Gcm, Self::Aes128CmSha1_80]
            .into_iter()
            .find(|p| p.name() == name)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a listener joins.
#[derive(Clone, Debug)]
pub struct Options {
    /// The only SRTP profile to offer. `None` offers what the library offers, so the server chooses.
    pub profile: Option<Profile>,
    /// Whether to decode what arrives. Without, packets are counted and [`Heard::left`] stays empty.
    pub decode: bool,
    /// Whether the light listener, once it has decrypted a packet, counts the others by their headers alone, ten
    /// times a second. Many of them then cost less than the server that they measure; their jitter means nothing.
    pub count_only: bool,
    /// Whether the offer says `stereo=1` (RFC 7587 section 6.1). Decoding is stereo either way.
    pub stereo: bool,
    /// The address of the listener's own socket; its port is chosen by the system.
    pub local: IpAddr,
    /// A bad network between the server and this listener. Offered candidates are then left out, so that the
    /// server can only answer through it.
    pub shaper: Option<Arc<Shaper>>,
    /// What the whole listener says over and over, whether it may or not. The light one says nothing.
    pub says: Option<Audio>,
    /// How long to wait for the connection, and for packets.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            profile: None,
            decode: true,
            count_only: false,
            stereo: true,
            local: IpAddr::V4(Ipv4Addr::LOCALHOST),
            shaper: None,
            says: None,
            patience: Duration::from_secs(15),
        }
    }
}
