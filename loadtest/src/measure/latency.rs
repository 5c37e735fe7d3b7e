//! How delays spread.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::milliseconds;

/// The longest delay told from longer ones, in microseconds: a minute.
const LONGEST: u64 = 60_000_000;

/// Delays, to be asked for percentiles. Kept to three significant figures.
#[derive(Clone, Debug)]
pub(super) struct Latency(Histogram<u64>);

/// What there is to say of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) count: u64,
    pub(super) p50_ms: f64,
    pub(super) p95_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

impl Latency {
    pub(super) fn new() -> Self {
        Self(Histogram::new_with_max(LONGEST, 3).expect("a minute at three figures is in range"))
    }

    pub(super) fn record(&mut self, delay: Duration) {
        self.0.saturating_record(u64::try_from(delay.as_micros()).unwrap_or(LONGEST));
    }

    pub(super) fn spread(&self) -> Spread {
        let at = |quantile| milliseconds(Duration::from_micros(self.0.value_at_quantile(quantile)));
        Spread {
            count: self.0.len(),
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: milliseconds(Duration::from_micros(self.0.max())),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {:>8.1} ms   p95 {:>8.1} ms   p99 {:>8.1} ms   max {:>8.1} ms   ({} times)",
            self.p50_ms, self.p95_ms, self.p99_ms, self.max_ms, self.count
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_recorded() {
        let mut latency = Latency::new();
        for ms in 1..=100 {
            latency.record(Duration::from_millis(ms));
        }
        let spread = latency.spread();
        assert_eq!(spread.count, 100);
        for (found, expected) in [(spread.p50_ms, 50.0), (spread.p95_ms, 95.0), (spread.max_ms, 100.0)] {
            assert!((found - expected).abs() < 0.1, "{found} next to {expected}");
        }
    }

    #[test]
    fn nothing_recorded_is_zero_and_longer_than_a_minute_is_a_minute() {
        let mut latency = Latency::new();
        assert_eq!(latency.spread(), Spread::default());
        latency.record(Duration::from_secs(3_600));
        assert!((latency.spread().max_ms - 60_000.0).abs() < 60.0);
    }
}
