//! A session against a client made of other parts, in virtual time over a network in memory.

mod client;
mod connect;
mod dtls_client;
mod ice;
mod lab;
mod live;
mod wire;

use std::time::Instant;

/// When a test begins.
#[expect(clippy::disallowed_methods, reason = "a test needs some moment to start from")]
pub(super) fn moment() -> Instant {
    Instant::now()
}
