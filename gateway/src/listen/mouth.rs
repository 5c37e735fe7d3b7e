//! Whether somebody is heard: their mode, and their own will, said again and again.
//!
//! What control allows is not enough. The microphone is open only while the browser says so on the session's control
//! connection (`mic.rs`), and for a second after it last did: who is cut off is heard by nobody. It is decided for each
//! packet before anybody decodes it, from what stands here, so a change has no queue to wait in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::token::Mode;
use tokio::sync::watch;

/// How long the microphone stays open after the browser last said so.
pub(super) const ALIVE: Duration = Duration::from_secs(1);

/// Whether a session's microphone is heard, and as what.
#[derive(Debug)]
pub(super) struct Mouth {
    mode: watch::Sender<Mode>,
    /// Until when it is open, in milliseconds since `born`; 0: closed.
    until: AtomicU64,
    born: Instant,
}

impl Mouth {
    pub(super) fn new(mode: Mode, born: Instant) -> Self {
        Self { mode: watch::Sender::new(mode), until: AtomicU64::new(0), born }
    }

    /// What it may do.
    pub(super) fn mode(&self) -> Mode {
        *self.mode.borrow()
    }

    /// Tells when that changes.
    pub(super) fn modes(&self) -> watch::Receiver<Mode> {
        self.mode.subscribe()
    }

    /// Changes what it may do. False: it may do just that already.
    pub(super) fn set_mode(&self, mode: Mode) -> bool {
        self.mode.send_if_modified(|now| std::mem::replace(now, mode) != mode)
    }

    /// The browser wants to be heard, and will say so again; or it does not.
    pub(super) fn set_talking(&self, now: Instant, talking: bool) {
        let until = if talking { self.millis(now + ALIVE).max(1) } else { 0 };
        self.until.store(until, Ordering::Release);
    }

    /// Whether the browser wants to be heard, and has said so lately.
    pub(super) fn is_talking(&self, now: Instant) -> bool {
        self.millis(now) < self.until.load(Ordering::Acquire)
    }

    /// Whether what comes from the microphone now is heard by anybody.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.is_talking(now) && self.mode() != Mode::Listen
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.born).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_leave_and_will_and_the_will_is_said_again() {
        let t0 = Instant::now();
        let mouth = Mouth::new(Mode::Listen, t0);
        assert!(!mouth.is_open(t0));
        mouth.set_talking(t0, true);
        assert!(!mouth.is_open(t0), "it only listens");
        assert!(mouth.set_mode(Mode::Whisper) && !mouth.set_mode(Mode::Whisper));
        assert!(mouth.is_open(t0));
        assert!(mouth.is_open(t0 + ALIVE - Duration::from_millis(1)));
        assert!(!mouth.is_open(t0 + ALIVE), "nobody has said so for a second");
        mouth.set_talking(t0 + ALIVE, true);
        assert!(mouth.is_open(t0 + ALIVE));
        mouth.set_talking(t0 + ALIVE, false);
        assert!(!mouth.is_open(t0 + ALIVE), "closed at once");
        mouth.set_talking(t0 + ALIVE, true);
        mouth.set_mode(Mode::Listen);
        assert!(!mouth.is_open(t0 + ALIVE), "closed at once");
    }
}
