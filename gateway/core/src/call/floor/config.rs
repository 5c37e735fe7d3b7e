//! What a floor may cost, what it says of itself, and why it refuses something.

use std::time::Duration;

use super::super::encoder::{EncoderError, Setting};
use super::super::microphone::{Jitter, MicrophoneCounts};

/// Parties on a floor at most.
pub const MAX_PARTIES: usize = 32;

/// Limits of one floor. The defaults are meant for production.
#[derive(Clone, Copy, Debug)]
pub struct FloorConfig {
    /// How what a speaking party hears is encoded.
    pub opus: Setting,
    /// How many 20 ms of silence are still encoded before Opus stops: 5.
    pub hangover: u32,
    /// How long microphones' packets may wait.
    pub jitter: Jitter,
    /// How much audio a bot or an announcer may queue: 60 s.
    pub queue: Duration,
    /// How many marks a queue may hold: 1024.
    pub marks: usize,
    /// A queue that was empty waits until it has so much, or a mark, or for so long: 40 ms. So frames that come
    /// one by one may tremble.
    pub lead: Duration,
    /// Whoever speaks hears the far end in both ears, and not in the left alone: it is many people.
    pub far_end_in_both_ears: bool,
}

impl Default for FloorConfig {
    fn default() -> Self {
        Self {
            opus: Setting::default(),
            hangover: 5,
            jitter: Jitter::default(),
            queue: Duration::from_secs(60),
            marks: 1024,
            lead: Duration::from_millis(40),
            far_end_in_both_ears: false,
        }
    }
}

/// Why a floor refuses something.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FloorError {
    /// No more parties are taken.
    #[error("a call has at most {MAX_PARTIES} parties")]
    TooManyParties,
    /// There is no encoder or decoder for a party.
    #[error(transparent)]
    Codec(#[from] EncoderError),
    /// No such key.
    #[error("{0:?} is no key: 0 to 9, *, #, A to D, and w for a pause")]
    NotAKey(char),
    /// More keys than can wait.
    #[error("too many keys: {room} more can wait")]
    TooManyKeys {
        /// How many more can wait.
        room: usize,
    },
}

/// What happened on a floor, in numbers that only grow until they are taken.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FloorCounts {
    /// 20 ms that the clock ran.
    pub ticks: u64,
    /// 20 ms that were left out because the floor's owner came too late.
    pub skipped_ticks: u64,
    /// Packets of a party that may not speak: dropped before decoding.
    pub gated: u64,
    /// What became of all microphones' packets.
    pub microphones: MicrophoneCounts,
    /// Samples of the caller that were missing when their time came.
    pub caller_missing_samples: u64,
    /// Samples of the caller that were left out, because too many waited.
    pub caller_dropped_samples: u64,
    /// Bytes that did not fit a queue, or came while the bot was paused.
    pub queue_refused: u64,
    /// Bytes that were cleared from queues.
    pub queue_cleared: u64,
    /// Opus packets made for parties.
    pub encoded: u64,
    /// Packets of them that say "silence goes on".
    pub comfort: u64,
    /// 20 ms that the encoder refused: none, unless libopus is broken.
    pub encoder_failures: u64,
    /// Outputs that were thrown away because nobody took them.
    pub outputs_dropped: u64,
}
