//! When which session wants to be called: the earliest first, without looking at the others.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use super::slab::Key;

/// Entries that may be stale before it is worth looking for them.
const SLACK: usize = 256;

/// A heap of deadlines with lazy deletion: an entry is never searched for. Whoever takes one out asks
/// whether it still counts, by [`Alarm`].
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Key)>>,
}

/// The earliest entry a session has in the heap. Its later entries are stale.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Instant>);

impl Timers {
    /// Sees to it that the session is called at `at`, or earlier. A deadline that moves back costs
    /// nothing: the earlier entry fires and is set again.
    pub(super) fn arm(&mut self, alarm: &mut Alarm, key: Key, at: Instant) {
        if alarm.0.is_none_or(|armed| at < armed) {
            alarm.0 = Some(at);
            self.heap.push(Reverse((at, key)));
        }
    }

    /// The next entry that is due at `now`, stale ones too.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Key)> {
        let Reverse((at, _)) = self.heap.peek()?;
        if *at > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    /// When to come back.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Throws stale entries away when they are most of the heap: it stays within a few entries for each of
    /// the `live` sessions, whatever the network makes them do.
    pub(super) fn prune(&mut self, live: usize, mut counts: impl FnMut(Instant, Key) -> bool) {
        if self.heap.len() > SLACK + 4 * live {
            self.heap.retain(|Reverse((at, key))| counts(*at, *key));
        }
    }
}

impl Alarm {
    /// Whether the entry for `at` is the one that counts.
    pub(super) fn is(&self, at: Instant) -> bool {
        self.0 == Some(at)
    }

    /// Takes note that it rang.
    pub(super) fn rang(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::listen::slab::Slab;

    #[test]
    fn the_earliest_comes_first_and_nobody_before_time() {
        let (mut timers, now, [a, b]) = fixture();
        let (mut alarm_a, mut alarm_b) = (Alarm::default(), Alarm::default());
        timers.arm(&mut alarm_a, a, now + ms(20));
        timers.arm(&mut alarm_b, b, now + ms(10));

        assert_eq!(timers.next(), Some(now + ms(10)));
        assert_eq!(timers.pop_due(now + ms(9)), None);
        assert_eq!(timers.pop_due(now + ms(20)), Some((now + ms(10), b)));
        assert_eq!(timers.pop_due(now + ms(20)), Some((now + ms(20), a)));
        assert_eq!((timers.pop_due(now + ms(99)), timers.next()), (None, None));
    }

    #[test]
    fn only_the_earliest_entry_of_a_session_counts() {
        let (mut timers, now, [a, _]) = fixture();
        let mut alarm = Alarm::default();
        timers.arm(&mut alarm, a, now + ms(20));
        timers.arm(&mut alarm, a, now + ms(30));
        assert_eq!(timers.heap.len(), 1, "later than what is armed: no entry");
        timers.arm(&mut alarm, a, now + ms(10));

        let (at, _) = timers.pop_due(now + ms(50)).unwrap();
        assert!(alarm.is(at));
        alarm.rang();
        let (stale, _) = timers.pop_due(now + ms(50)).unwrap();
        assert!(!alarm.is(stale));
    }

    #[test]
    fn a_session_that_moves_its_deadline_for_ever_does_not_grow_the_heap() {
        let (mut timers, now, [a, _]) = fixture();
        let mut alarm = Alarm::default();
        for step in 0..100_000 {
            // Earlier each time, then all over again: the worst a session can do.
            if step % 100 == 0 {
                alarm.rang();
            }
            timers.arm(&mut alarm, a, now + ms(60_000) - ms(step % 100));
            timers.prune(1, |at, _| alarm.is(at));
            assert!(timers.heap.len() <= SLACK + 5);
        }
        assert!(alarm.is(timers.next().unwrap()), "the one that counts is still there");
    }

    fn fixture() -> (Timers, Instant, [Key; 2]) {
        let mut slab = Slab::new();
        (Timers::default(), Instant::now(), [slab.insert(()), slab.insert(())])
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }
}
