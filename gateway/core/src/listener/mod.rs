//! One person who hears a call in a browser: WHEP's media side, without a socket or a clock.
//!
//! [`Offer`] reads the browser's SDP, [`Session`] answers it and then speaks ICE-lite (RFC 8445, section
//! 2.5), DTLS in the server's role (RFC 5764) and SRTP (RFC 3711, RFC 7714) with that browser. Datagrams
//! go in with the time they arrived, datagrams come out; [`Session::write`] protects one packet of audio.
//!
//! Whoever owns the socket asks [`route`] which session a datagram is for.

mod agent;
mod dtls;
mod event;
mod fingerprint;
mod fragment;
mod ice;
mod mos;
mod reception;
mod rtcp;
mod sdp;
mod session;
mod srtp;
mod stun;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;
#[cfg(test)]
mod tests;

pub use dtls::{Shared, SharedError};
pub use event::{CloseReason, Counts, Event, Report, SrtpProfile, Transmit};
pub use fingerprint::Fingerprint;
pub use fragment::{Fragment, FragmentError};
pub use ice::{IceCredentials, RemoteIce};
pub use mos::mos;
pub use sdp::{Offer, OfferError, Refusal};
pub use session::{Limits, Session, SessionConfig};
pub use stun::{Route, route};

/// Bytes nobody can guess. A system that cannot give them cannot speak DTLS either: that is a panic.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}
