//! A circuit breaker: what fails again and again is left alone for a while, then tried once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::dependency::Circuit;

/// Whether a host is asked. It is closed at first.
#[derive(Debug)]
pub(super) struct Breaker {
    /// Failures in a row that open it.
    failures: u32,
    /// How long it stays open before it is tried again.
    rest: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// One request is under way; the others wait for what it says. Should it never say anything, another is let
    /// through at this time.
    HalfOpen {
        until: Instant,
    },
}

impl Breaker {
    pub(super) fn new(failures: u32, rest: Duration) -> Self {
        Self { failures: failures.max(1), rest, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Asks for leave to make a request.
    ///
    /// # Errors
    ///
    /// How long to leave the host alone.
    pub(super) fn enter(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.lock();
        match *state {
            State::Closed { .. } => Ok(()),
            State::Open { until } | State::HalfOpen { until } if now < until => Err(until - now),
            State::Open { .. } | State::HalfOpen { .. } => {
                *state = State::HalfOpen { until: now + self.rest };
                Ok(())
            }
        }
    }

    /// The host answered.
    pub(super) fn answered(&self) -> Circuit {
        *self.lock() = State::Closed { failures: 0 };
        Circuit::Closed
    }

    /// The host failed.
    pub(super) fn failed(&self, now: Instant) -> Circuit {
        let mut state = self.lock();
        let failures = match *state {
            State::Closed { failures } => failures + 1,
            // What was let through before it opened says nothing new.
            State::Open { .. } => return Circuit::Open,
            State::HalfOpen { .. } => self.failures,
        };
        match failures < self.failures {
            true => {
                *state = State::Closed { failures };
                Circuit::Closed
            }
            false => {
                *state = State::Open { until: now + self.rest };
                Circuit::Open
            }
        }
    }

    /// Where it stands.
    pub(super) fn circuit(&self) -> Circuit {
        match *self.lock() {
            State::Closed { .. } => Circuit::Closed,
            State::Open { .. } => Circuit::Open,
            State::HalfOpen { .. } => Circuit::HalfOpen,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // One word, whole at every moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(10);

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_try_through() {
        let (breaker, now) = (Breaker::new(3, REST), Instant::now());
        assert_eq!([breaker.failed(now), breaker.failed(now)], [Circuit::Closed; 2]);
        assert_eq!(breaker.answered(), Circuit::Closed);
        assert_eq!([breaker.failed(now), breaker.failed(now)], [Circuit::Closed; 2], "not in a row");
        assert_eq!(breaker.failed(now), Circuit::Open);
        assert_eq!(breaker.enter(now + REST / 2), Err(REST / 2));

        let later = now + REST;
        assert_eq!((breaker.enter(later), breaker.circuit()), (Ok(()), Circuit::HalfOpen));
        assert_eq!(breaker.enter(later), Err(REST), "one is enough");
        assert_eq!(breaker.failed(later), Circuit::Open, "one failure is enough too");
        assert_eq!(breaker.enter(later), Err(REST));
        assert_eq!(breaker.enter(later + REST), Ok(()));
        assert_eq!((breaker.answered(), breaker.enter(later + REST)), (Circuit::Closed, Ok(())));
    }

    #[test]
    fn a_try_that_says_nothing_does_not_close_the_way_for_ever() {
        let (breaker, now) = (Breaker::new(1, REST), Instant::now());
        breaker.failed(now);
        assert_eq!(breaker.enter(now + REST), Ok(()));
        assert_eq!(breaker.enter(now + 2 * REST), Ok(()), "the first was dropped");
    }
}
