//! Flat or not.

use std::fmt;

use serde::Serialize;

use super::sample::{Sample, Tally};
use crate::measure::{median, rounded};

/// Ends of sessions that are nobody's wish.
const UNWANTED: [&str; 5] = ["lost", "failed", "revoked", "shutdown", "unknown"];

/// One figure over the time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Verdict {
    pub(super) what: &'static str,
    /// Medians.
    pub(super) second_quarter: f64,
    pub(super) last_quarter: f64,
    /// By how much the last may be above.
    pub(super) allowance: f64,
    pub(super) flat: bool,
}

/// What is watched: its name, the figure, and what it may grow by, as a share and in its own unit.
type Watched = (&'static str, fn(&Sample) -> Option<f64>, f64, f64);

/// Memory moves with the calls that have just been placed, whose rings are not full; descriptors and counts move
/// with those who come and go at the very moment.
const WATCHED: [Watched; 8] = [
    ("anonymous memory, MB", |sample| sample.anonymous_mb, 0.05, 4.0),
    ("resident memory, MB", |sample| sample.resident_mb, 0.05, 4.0),
    ("file descriptors", |sample| sample.descriptors.map(|n| n as f64), 0.05, 8.0),
    ("threads", |sample| sample.threads.map(|n| n as f64), 0.0, 2.0),
    ("listeners", |sample| sample.listeners, 0.02, 10.0),
    ("calls", |sample| sample.calls, 0.0, 2.0),
    ("encoders", |sample| sample.encoders, 0.0, 2.0),
    ("tasks", |sample| sample.tasks, 0.05, 20.0),
];

/// Of all that is known.
pub(super) fn of(samples: &[Sample]) -> Vec<Verdict> {
    let quarter =
        |n: usize| samples.get(samples.len() * n / 4..samples.len() * (n + 1) / 4).unwrap_or_default();
    let verdicts = WATCHED.iter().filter_map(|&(what, figure, share, constant)| {
        let second_quarter = median(quarter(1).iter().filter_map(figure))?;
        let last_quarter = median(quarter(3).iter().filter_map(figure))?;
        let allowance = rounded(second_quarter * share + constant);
        let flat = last_quarter - second_quarter <= allowance;
        Some(Verdict { what, second_quarter, last_quarter, allowance, flat })
    });
    verdicts.collect()
}

/// All that is not good. `loss` is the part of the packets that may be lost.
pub(super) fn failures(verdicts: &[Verdict], samples: &[Sample], tally: &Tally, loss: f64) -> Vec<String> {
    let grown = verdicts.iter().filter(|verdict| !verdict.flat);
    let mut failures: Vec<String> = grown.map(|verdict| format!("{} grew", verdict.what)).collect();
    if tally.listeners_lost > 0 {
        failures.push(format!("{} listeners lost a call that went on", tally.listeners_lost));
    }
    if tally.lost as f64 > tally.packets as f64 * loss {
        failures
            .push(format!("{} of {} packets were lost, more than {loss} of them", tally.lost, tally.packets));
    }
    if tally.packets == 0 {
        failures.push("nothing was heard".to_owned());
    }
    if let (Some(first), Some(last)) = (samples.first(), samples.last()) {
        for reason in UNWANTED {
            let of = |sample: &Sample| sample.ended.get(reason).copied().unwrap_or_default();
            let ended = of(last) - of(first);
            if ended > 0.0 {
                failures.push(format!("{ended} sessions ended by {reason:?}"));
            }
        }
        if last.dropped > first.dropped {
            failures.push(format!("the server dropped {} packets", last.dropped - first.dropped));
        }
    }
    failures
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, second_quarter, last_quarter, allowance, flat } = self;
        let verdict = if *flat { "flat" } else { "GROWS" };
        writeln!(
            f,
            "  {what:<21} {second_quarter:>10.1} -> {last_quarter:>10.1}   {verdict} (allowance {allowance:.1})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(memory: impl Fn(usize) -> f64) -> Vec<Sample> {
        let sample = |n| Sample { anonymous_mb: Some(memory(n)), calls: Some(50.0), ..Sample::default() };
        (0..40).map(sample).collect()
    }

    const GOOD: Tally = Tally {
        present: 500,
        packets: 1_000_000,
        lost: 100,
        listeners_replaced: 10,
        listeners_moved: 10,
        listeners_lost: 0,
        calls_replaced: 1,
    };

    fn failures_of(samples: &[Sample], tally: &Tally) -> Vec<String> {
        failures(&of(samples), samples, tally, 0.000_1)
    }

    #[test]
    fn what_stays_is_flat_and_what_is_not_known_is_left_out() {
        let samples = samples(|n| 100.0 + (n % 3) as f64);
        let verdicts = of(&samples);
        assert_eq!(
            verdicts.iter().map(|verdict| verdict.what).collect::<Vec<_>>(),
            ["anonymous memory, MB", "calls"]
        );
        assert!(verdicts.iter().all(|verdict| verdict.flat), "{verdicts:?}");
        assert_eq!(failures_of(&samples, &GOOD), Vec::<String>::new());
        assert_eq!(of(&[]), []);
    }

    #[test]
    fn what_grows_fails_but_shrinking_does_not() {
        let growing = failures_of(&samples(|n| 100.0 + n as f64), &GOOD);
        assert_eq!(growing, ["anonymous memory, MB grew"]);
        assert!(failures_of(&samples(|n| 100.0 - n as f64), &GOOD).is_empty());
        assert!(
            failures_of(&samples(|n| if n < 10 { 10.0 } else { 100.0 }), &GOOD).is_empty(),
            "the first quarter"
        );
    }

    #[test]
    fn whoever_loses_a_call_or_packets_fails() {
        let samples = samples(|_| 100.0);
        for (tally, part) in [
            (Tally { listeners_lost: 1, ..GOOD }, "1 listeners lost"),
            (Tally { lost: 101, ..GOOD }, "101 of 1000000 packets"),
            (Tally { packets: 0, lost: 0, ..GOOD }, "nothing was heard"),
        ] {
            let failures = failures_of(&samples, &tally);
            assert!(matches!(&failures[..], [one] if one.contains(part)), "{failures:?}");
        }
    }

    #[test]
    fn what_the_server_says_against_itself_counts() {
        let mut samples = samples(|_| 100.0);
        let last = samples.last_mut().unwrap();
        last.ended.insert("lost".to_owned(), 2.0);
        last.ended.insert("left".to_owned(), 900.0);
        last.dropped = 3.0;
        let failures = failures_of(&samples, &GOOD);
        assert_eq!(failures, ["2 sessions ended by \"lost\"", "the server dropped 3 packets"]);
    }
}
