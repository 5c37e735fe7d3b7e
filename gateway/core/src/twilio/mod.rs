//! Twilio's media streams: the messages, and the rules of one stream.
//!
//! [`Leg`] takes the text messages of one WebSocket and lends back the audio in them. It does not know
//! who may send: whether a [`Start`] is the one that was expected is settled by whoever holds the tokens.

mod leg;
#[cfg(any(test, feature = "fuzzing"))]
mod naive;
mod reply;
mod start;
#[cfg(test)]
mod tests;
mod wire;

use std::time::Duration;

pub use leg::{Counts, End, Event, Leg};
pub use reply::Reply;
pub use start::{MAX_PARAMETER_BYTES, MAX_PARAMETERS, Start};
pub use wire::{MAX_FRAME, MAX_TIMESTAMP_MS, WireError};

/// Entry point for the fuzzer: what a leg does with a text must be sound, whatever the text is.
#[cfg(feature = "fuzzing")]
pub fn fuzz_message(text: &str) {
    naive::check(text);
}

/// What one stream may do, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the opening of the WebSocket to `start`.
    pub start: Duration,
    /// From one `media` message, or `start`, to the next. Twilio sends silence too: a stream without
    /// frames is broken, even if its socket looks alive.
    pub stall: Duration,
    /// Bad messages within any [`window`](Self::window). Each is dropped and counted; one more than this
    /// ends the stream.
    pub bad: usize,
    /// Messages of every kind within one [`window`](Self::window). Both voices at 20 ms a frame are 100 a
    /// second, so the default leaves room for twenty times that.
    pub messages: u32,
    /// The time over which messages are counted.
    pub window: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(10),
            stall: Duration::from_secs(5),
            bad: 50,
            messages: 20_000,
            window: Duration::from_secs(10),
        }
    }
}
