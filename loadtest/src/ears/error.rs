//! What can keep a listener from hearing.

use std::io;
use std::time::Duration;

use super::whep::WhepError;

/// Why a listener did not join, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum EarError {
    /// The HTTP exchange failed.
    #[error(transparent)]
    Whep(#[from] WhepError),
    /// No socket could be opened or used.
    #[error("socket: {0}")]
    Socket(#[from] io::Error),
    /// `str0m` refused the answer, or failed.
    #[error("str0m: {0}")]
    Str0m(#[from] str0m::RtcError),
    /// The answer is not a session description `str0m` can read.
    #[error("the answer is no session description: {0}")]
    Answer(String),
    /// The offer is not a session description `str0m` can read.
    #[error("the offer is no session description: {0}")]
    Offer(String),
    /// `webrtc` refused the answer, or failed.
    #[error("webrtc: {0}")]
    Webrtc(#[from] webrtc::error::Error),
    /// The DTLS of the listener could not be set up.
    #[error("dtls: {0}")]
    Dtls(String),
    /// libopus could not be set up.
    #[error("opus: {0:?}")]
    Opus(opusic_c::ErrorCode),
    /// ICE and DTLS did not finish in time.
    #[error("not connected after {0:?}")]
    NotConnected(Duration),
    /// Fewer packets came than were waited for.
    #[error("{got} packets after {within:?}, {wanted} wanted")]
    TooFewPackets {
        /// How many were waited for.
        wanted: u64,
        /// How many came.
        got: u64,
        /// How long the wait was.
        within: Duration,
    },
    /// The connection ended: by the server, or because nothing answered any more.
    #[error("the connection ended")]
    Closed,
    /// The listener was still there when it should have been ended.
    #[error("the connection did not end within {0:?}")]
    StillOpen(Duration),
    /// The microphone's control connection could not be opened, or did not say what was waited for.
    #[error("microphone: {0}")]
    Mic(String),
}
