//! What the server had played to the caller, as the caller heard it: for tests that listen.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::audio::ulaw;

/// The most that is kept: ten minutes. What comes after is counted elsewhere and not kept.
const MAX: usize = 10 * 60 * 8000;

/// Mu-law for silence.
const SILENCE: u8 = 0xFF;

/// A line's recorder, on the caller's side.
#[derive(Debug)]
pub(super) struct Played {
    since: Instant,
    /// Mu-law from `since` on, some of it still to be played.
    line: Mutex<Vec<u8>>,
}

impl Played {
    pub(super) const fn new(since: Instant) -> Self {
        Self { since, line: Mutex::new(Vec::new()) }
    }

    pub(super) const fn since(&self) -> Instant {
        self.since
    }

    /// Audio that begins to play then, or right after what was there before.
    pub(super) fn add(&self, begins: Instant, ulaw: &[u8]) {
        let mut line = self.line();
        let at = self.place(begins).max(line.len());
        if at + ulaw.len() <= MAX {
            line.resize(at, SILENCE);
            line.extend_from_slice(ulaw);
        }
    }

    /// What was not played by then never is.
    pub(super) fn clear(&self, now: Instant) {
        self.line().truncate(self.place(now));
    }

    /// What was played by then.
    pub(super) fn until(&self, now: Instant) -> Vec<i16> {
        let mut line = self.line().clone();
        line.resize(self.place(now).min(MAX), SILENCE);
        line.into_iter().map(ulaw::decode).collect()
    }

    fn place(&self, at: Instant) -> usize {
        let passed: Duration = at.saturating_duration_since(self.since);
        usize::try_from(passed.as_micros() / 125).unwrap_or(usize::MAX)
    }

    fn line(&self) -> MutexGuard<'_, Vec<u8>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_silence_where_nothing_was_played_and_nothing_that_was_cleared() {
        let t0 = Instant::now();
        let played = Played::new(t0);
        let ms = |ms| t0 + Duration::from_millis(ms);
        played.add(ms(10), &[0x80; 160]);
        played.add(ms(10), &[0x80; 160]);
        played.clear(ms(40));
        let line = played.until(ms(100));
        assert_eq!(line.len(), 800);
        let loud: Vec<usize> = (0..800).filter(|&at| line[at] != 0).collect();
        assert_eq!((loud.first(), loud.last(), loud.len()), (Some(&80), Some(&319), 240));
    }
}
