//! How far the audio of a call may have come by now: it is live, so it cannot outrun real time.

use std::time::{Duration, Instant};

/// What was held up may come at once if it is no more than this: 10 s. A stream that stood still for longer
/// has lost the rest.
const LAG: u64 = 80_000;

/// The call's place in real time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// At this time...
    since: Instant,
    /// ...audio might have reached this place.
    limit: u64,
    burst: u64,
}

impl Pace {
    /// Audio begins at `origin` now, and may run ahead by `burst` samples: what comes first may have waited.
    pub(super) fn new(now: Instant, origin: u64, burst: u64) -> Self {
        Self { since: now, limit: origin + burst, burst }
    }

    /// Where audio may end at this time. The sender's clock may be faster than ours by a thousandth.
    pub(super) fn limit(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.since).min(Duration::from_secs(1 << 30));
        self.limit + (elapsed.as_micros() as u64).saturating_mul(8_008) / 1_000_000
    }

    /// Audio has come as far as `newest`.
    pub(super) fn advance(&mut self, now: Instant, newest: u64) {
        let most = newest + self.burst + LAG;
        if self.limit(now) > most {
            (self.since, self.limit) = (now, most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_may_always_go_on_and_a_fast_one_may_not() {
        let t0 = epoch();
        let mut pace = Pace::new(t0, 1000, 24_000);
        for second in 0..100_000 {
            let (now, newest) = (t0 + Duration::from_secs(second), 1000 + 8000 * second);
            assert!(newest + 24_000 <= pace.limit(now), "after {second} s");
            pace.advance(now, newest);
        }
        assert!(pace.limit(t0 + Duration::from_secs(100_000)) < 1000 + 8008 * 100_000 + 24_001);
    }

    #[test]
    fn an_hour_of_nothing_allows_a_jump_of_an_hour_but_no_burst_of_one() {
        let t0 = epoch();
        let mut pace = Pace::new(t0, 0, 24_000);
        let hour = t0 + Duration::from_secs(3600);
        assert!(pace.limit(hour) >= 3600 * 8000 + 24_000);
        pace.advance(hour, 160);
        assert_eq!(pace.limit(hour), 160 + 24_000 + 80_000);
    }

    #[expect(clippy::disallowed_methods, reason = "a time to count from; nothing depends on which")]
    fn epoch() -> Instant {
        Instant::now()
    }
}
