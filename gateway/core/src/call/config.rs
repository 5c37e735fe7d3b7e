//! What a call may cost, and what it says of itself.

use std::time::Duration;

use super::encoder::Setting;

/// Limits of one call. The defaults are meant for production.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How much of each voice is kept: 120 s. Memory is taken as the call grows: about 9 kB a second.
    pub ring: Duration,
    /// How long a finished 20 ms of one voice waits for the other voice, or for a missing frame of its
    /// own: 60 ms.
    pub wait: Duration,
    /// How far audio may run ahead of real time, as it does when a connection was held up: 3 s. What
    /// comes faster is dropped.
    pub burst: Duration,
    /// How many 20 ms of silence are still encoded before Opus stops: 5.
    pub hangover: u32,
    /// How the voices are encoded.
    pub opus: Setting,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ring: Duration::from_secs(120),
            wait: Duration::from_millis(60),
            burst: Duration::from_secs(3),
            hangover: 5,
            opus: Setting::default(),
        }
    }
}

/// What happened in a call, in numbers that only grow until they are taken.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Frames given to the call, whatever became of them.
    pub received: u64,
    /// Frames that were empty, longer than a second, or had a timestamp beyond any call.
    pub refused: u64,
    /// Frames that brought nothing new.
    pub duplicate: u64,
    /// Frames that came out of order and still in time.
    pub reordered: u64,
    /// Frames that came after their time had passed: kept in the ring, not heard.
    pub late: u64,
    /// Frames whose timestamp fitted nothing: dropped, in case the next one does not confirm it.
    pub stray: u64,
    /// Frames dropped because audio came faster than real time for too long.
    pub overrun: u64,
    /// How often a voice's clock jumped and was followed.
    pub jumps: u64,
    /// Holes in a voice that had to be filled.
    pub gaps: u64,
    /// Their length together, in samples of 1/8000 s.
    pub missing_samples: u64,
    /// How long voices that had been there sent nothing at all, in samples.
    pub absent_samples: u64,
    /// Opus packets with audio in them.
    pub encoded: u64,
    /// Packets of mu-law, which no encoder made.
    pub relayed: u64,
    /// Packets that say "silence goes on".
    pub comfort: u64,
    /// 20 ms that the encoder refused: none, unless libopus is broken.
    pub encoder_failures: u64,
}
