//! Whether a bot has fallen silent for good.
//!
//! Silence alone says nothing: a bot that listens is silent too. It should speak when nobody has been heard for a
//! while: its own audio is played to the end, and the caller does not speak either.

use std::time::{Duration, Instant};

use gateway_core::g711;

use super::wire::Said;

/// A frame whose mean magnitude is over this has a voice in it: 40 dB below the loudest.
const VOICE: u32 = 320;

/// The watch over one bot.
#[derive(Debug)]
pub(super) struct Stall {
    after: Duration,
    /// Since when it should speak. `None`: it need not.
    since: Option<Instant>,
    /// Until when what it sent is played, if nothing is cleared.
    playing: Option<Instant>,
}

impl Stall {
    /// Takes a bot for dead that should have spoken for so long.
    pub(super) fn new(after: Duration) -> Self {
        Self { after, since: None, playing: None }
    }

    /// From now on it should speak.
    pub(super) fn restart(&mut self, now: Instant) {
        (self.since, self.playing) = (Some(now), None);
    }

    /// It need not speak until it is told again.
    pub(super) fn suspend(&mut self) {
        self.since = None;
    }

    /// The caller's frame.
    pub(super) fn caller(&mut self, now: Instant, ulaw: &[u8; 160]) {
        let sum: u32 = ulaw.iter().map(|&code| u32::from(g711::decode_sample(code).unsigned_abs())).sum();
        if sum / 160 > VOICE {
            self.since = self.since.max(Some(now));
        }
    }

    /// The bot's message.
    pub(super) fn bot(&mut self, now: Instant, said: &Said) {
        match said {
            Said::Media(ulaw) => {
                let long = Duration::from_micros(ulaw.len() as u64 * 125);
                self.playing = self.playing.max(Some(now)).map(|until| until + long);
            }
            Said::Clear => self.playing = None,
            Said::Mark(_) => {}
        }
        self.since = self.playing.max(Some(now));
    }

    /// When it is dead.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + self.after)
    }
}
