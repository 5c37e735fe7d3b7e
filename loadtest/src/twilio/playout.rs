//! What the server wants played to the caller, and when its marks come back.
//!
//! Audio is played in the order of arrival, in real time. The audio itself is not kept: only when it
//! ends counts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Most marks that may wait. Twilio names no limit; a server with this many has lost count.
const MAX_MARKS: usize = 10_000;

/// The playout queue of one stream.
#[derive(Debug)]
pub(super) struct Playout {
    /// When the last of the queued audio will have been played.
    ends: Instant,
    marks: VecDeque<(Instant, String)>,
}

impl Playout {
    pub(super) const fn new(now: Instant) -> Self {
        Self { ends: now, marks: VecDeque::new() }
    }

    /// Queues this many bytes of mu-law: 8000 are a second. Says when they begin to play.
    pub(super) fn media(&mut self, now: Instant, bytes: usize) -> Instant {
        let begins = self.ends.max(now);
        self.ends = begins + Duration::from_micros(bytes as u64 * 125);
        begins
    }

    /// Queues a mark. False: there are too many.
    pub(super) fn mark(&mut self, now: Instant, name: String) -> bool {
        let room = self.marks.len() < MAX_MARKS;
        if room {
            self.marks.push_back((self.ends.max(now), name));
        }
        room
    }

    /// Forgets all audio. Every mark comes back at once, though nothing was played.
    pub(super) fn clear(&mut self, now: Instant) {
        self.ends = now;
        for (due, _) in &mut self.marks {
            *due = now;
        }
    }

    /// The next mark whose time has come.
    pub(super) fn poll_mark(&mut self, now: Instant) -> Option<String> {
        self.marks.pop_front_if(|(due, _)| *due <= now).map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: usize = 8000;

    #[test]
    fn a_mark_comes_back_exactly_when_all_before_it_was_played() {
        let t0 = Instant::now();
        let mut playout = Playout::new(t0);
        playout.media(t0, SECOND);
        playout.media(t0, SECOND);
        assert!(playout.mark(t0, "a".into()));
        playout.media(t0, SECOND);
        assert!(playout.mark(t0, "b".into()));

        let (a, b) = (t0 + Duration::from_secs(2), t0 + Duration::from_secs(3));
        assert_eq!(playout.poll_mark(a - Duration::from_nanos(1)), None, "a moment too early");
        assert_eq!(playout.poll_mark(a).as_deref(), Some("a"));
        assert_eq!(playout.poll_mark(a), None);
        assert_eq!(playout.poll_mark(b).as_deref(), Some("b"));
    }

    #[test]
    fn a_mark_with_nothing_queued_comes_back_at_once() {
        let t0 = Instant::now();
        let mut playout = Playout::new(t0);
        playout.media(t0, SECOND);
        let later = t0 + Duration::from_secs(5);
        assert!(playout.mark(later, "late".into()));
        assert_eq!(playout.poll_mark(later).as_deref(), Some("late"));
    }

    #[test]
    fn clear_sends_back_every_mark_and_starts_afresh() {
        let t0 = Instant::now();
        let mut playout = Playout::new(t0);
        playout.media(t0, 10 * SECOND);
        assert!(playout.mark(t0, "a".into()) && playout.mark(t0, "b".into()));
        playout.clear(t0);
        assert_eq!(playout.poll_mark(t0).as_deref(), Some("a"));
        assert_eq!(playout.poll_mark(t0).as_deref(), Some("b"));
        playout.media(t0, SECOND);
        assert!(playout.mark(t0, "c".into()));
        assert_eq!(playout.poll_mark(t0 + Duration::from_millis(999)), None);
        assert_eq!(playout.poll_mark(t0 + Duration::from_secs(1)).as_deref(), Some("c"));
    }

    #[test]
    fn marks_have_a_limit() {
        let t0 = Instant::now();
        let mut playout = Playout::new(t0);
        assert!((0..MAX_MARKS).all(|_| playout.mark(t0, String::new())));
        assert!(!playout.mark(t0, String::new()));
    }
}
