//! Where a call stands, out of reports that come late, twice and in any order.
//!
//! A call's progress only ever grows: each report is joined to what is known, and joining is commutative,
//! associative and idempotent. So every order and every repetition of the same reports ends the same.

use time::{Duration, OffsetDateTime};

use crate::model::CallStatus;

/// What is known of a call's progress.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Progress {
    /// The earliest time that anybody reported.
    pub(crate) started_at: OffsetDateTime,
    /// The earliest time of an answer.
    pub(crate) answered_at: Option<OffsetDateTime>,
    /// The weightiest report of its end.
    pub(crate) end: Option<End>,
}

/// A report that a call is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct End {
    pub(crate) source: EndSource,
    /// Twilio's number of the report.
    pub(crate) sequence: Option<u32>,
    /// One that [is over](CallStatus::is_over).
    pub(crate) status: CallStatus,
    pub(crate) at: OffsetDateTime,
    /// As Twilio counted it.
    pub(crate) seconds: Option<u32>,
}

/// Who says that a call is over. The later one outweighs the earlier.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum EndSource {
    /// Nobody: it was still for too long.
    Reconciled,
    /// Twilio.
    Twilio,
}

impl EndSource {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Reconciled => "reconciled",
            Self::Twilio => "twilio",
        }
    }
}

/// Something that was reported about a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Report {
    /// It exists: queued, initiated, ringing.
    Rings(OffsetDateTime),
    /// It was answered.
    Answered(OffsetDateTime),
    /// It is over.
    Over(End),
}

impl Progress {
    /// Joins a report to what is known.
    pub(crate) fn join(&mut self, report: Report) {
        match report {
            Report::Rings(at) => self.started_at = self.started_at.min(at),
            Report::Answered(at) => {
                self.started_at = self.started_at.min(at);
                self.answered_at = Some(self.answered_at.map_or(at, |known| known.min(at)));
            }
            Report::Over(end) => {
                self.started_at = self.started_at.min(end.at);
                match &mut self.end {
                    None => self.end = Some(end),
                    Some(known) if known.weight() == end.weight() => {
                        // The same report again: keep the same half of it, whichever came first.
                        known.at = known.at.min(end.at);
                        known.seconds = known.seconds.max(end.seconds);
                    }
                    Some(known) if known.weight() < end.weight() => *known = end,
                    Some(_) => {}
                }
            }
        }
    }

    /// Audio came though we had given the call up: it is not over after all. What Twilio ended stays so.
    pub(crate) fn revive(&mut self) {
        if self.end.is_some_and(|end| end.source == EndSource::Reconciled) {
            self.end = None;
        }
    }

    /// Where the call stands.
    pub(crate) fn status(&self) -> CallStatus {
        match (self.end, self.answered_at) {
            (Some(end), _) => end.status,
            (None, Some(_)) => CallStatus::InProgress,
            (None, None) => CallStatus::Incoming,
        }
    }

    /// When it was over.
    pub(crate) fn ended_at(&self) -> Option<OffsetDateTime> {
        self.end.map(|end| end.at.max(self.started_at))
    }

    /// Its length once it is over: Twilio's count, else from the answer to the end.
    pub(crate) fn duration_seconds(&self) -> Option<i64> {
        let end = self.end?;
        let talked = || self.answered_at.map_or(Duration::ZERO, |answered| end.at - answered);
        Some(end.seconds.map_or_else(|| talked().whole_seconds().max(0), i64::from))
    }
}

impl End {
    /// Which of two ends counts. The last term only makes the order total: Twilio ends a call once.
    fn weight(&self) -> (EndSource, Option<u32>, u8) {
        let rank = match self.status {
            CallStatus::Completed => 5,
            CallStatus::Failed => 4,
            CallStatus::Busy => 3,
            CallStatus::NoAnswer => 2,
            CallStatus::Canceled => 1,
            CallStatus::Incoming | CallStatus::InProgress => 0,
        };
        (self.source, self.sequence, rank)
    }
}

/// What a `CallStatus` of Twilio reports. `None`: a word that we do not know.
pub(crate) fn report(
    call_status: &str,
    sequence: Option<u32>,
    at: OffsetDateTime,
    seconds: Option<u32>,
) -> Option<Report> {
    let over = |status| Some(Report::Over(End { source: EndSource::Twilio, sequence, status, at, seconds }));
    match call_status {
        "queued" | "initiated" | "ringing" => Some(Report::Rings(at)),
        "in-progress" | "answered" => Some(Report::Answered(at)),
        "completed" => over(CallStatus::Completed),
        "busy" => over(CallStatus::Busy),
        "failed" => over(CallStatus::Failed),
        "no-answer" => over(CallStatus::NoAnswer),
        // One page of Twilio's documentation has two l's.
        "canceled" | "cancelled" => over(CallStatus::Canceled),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;

    const WORDS: [&str; 9] = [
        "queued",
        "initiated",
        "ringing",
        "in-progress",
        "completed",
        "busy",
        "failed",
        "no-answer",
        "canceled",
    ];

    proptest! {
        /// Five reports, whatever they say: all 120 orders, each with some reports repeated anywhere, end
        /// the same.
        #[test]
        fn every_order_and_repetition_ends_the_same(
            words in prop::collection::vec(0..WORDS.len(), 5),
            times in prop::collection::vec(0..600i64, 5),
            numbered in any::<bool>(),
            repeated in subsequence(vec![0usize, 1, 2, 3, 4], 0..=5),
            at_end in any::<bool>(),
        ) {
            let reports: Vec<Report> = (0..5u32).map(|i| {
                let n = i as usize;
                let (seq, at) = (numbered.then_some(i), time_at(times[n]));
                report(WORDS[words[n]], seq, at, (i % 2 == 0).then_some(i)).unwrap()
            }).collect();
            let expected = joined(&[0, 1, 2, 3, 4], &reports);
            for order in orders(5) {
                let mut with_repeats = order.clone();
                for &again in &repeated {
                    let place = if at_end { with_repeats.len() } else { again };
                    with_repeats.insert(place, again);
                }
                prop_assert_eq!(joined(&with_repeats, &reports), expected, "{:?}", with_repeats);
            }
        }
    }

    #[test]
    fn a_call_rings_is_answered_and_ends() {
        let mut call = new_call(0);
        assert_eq!(call.status(), CallStatus::Incoming);
        call.join(report("in-progress", Some(2), time_at(4), None).unwrap());
        assert_eq!(call.status(), CallStatus::InProgress);
        assert_eq!(call.duration_seconds(), None);
        call.join(report("completed", Some(3), time_at(64), None).unwrap());
        assert_eq!((call.status(), call.duration_seconds()), (CallStatus::Completed, Some(60)));
        call.join(report("ringing", Some(1), time_at(1), None).unwrap());
        assert_eq!(call.status(), CallStatus::Completed, "a late report does not bring it back");
    }

    #[test]
    fn twilio_knows_better_than_the_reconciler_and_audio_knows_better_too() {
        let given_up = Report::Over(End {
            source: EndSource::Reconciled,
            sequence: None,
            status: CallStatus::Completed,
            at: time_at(50),
            seconds: None,
        });
        let mut call = new_call(0);
        call.join(given_up);
        call.revive();
        assert_eq!(call.status(), CallStatus::Incoming);

        call.join(given_up);
        call.join(report("no-answer", None, time_at(30), None).unwrap());
        assert_eq!((call.status(), call.ended_at()), (CallStatus::NoAnswer, Some(time_at(30))));
        call.join(given_up);
        call.revive();
        assert_eq!(call.status(), CallStatus::NoAnswer);
    }

    #[test]
    fn an_end_before_the_start_is_moved_to_the_start() {
        let mut call = new_call(10);
        call.join(report("completed", None, time_at(5), None).unwrap());
        assert!(call.ended_at() >= Some(call.started_at));
        assert_eq!(report("teleported", None, time_at(0), None).map(|_| ()), None);
    }

    fn new_call(seconds: i64) -> Progress {
        Progress { started_at: time_at(seconds), answered_at: None, end: None }
    }

    fn joined(order: &[usize], reports: &[Report]) -> Progress {
        let mut call = new_call(300);
        for &i in order {
            call.join(reports[i]);
        }
        call
    }

    fn orders(n: usize) -> Vec<Vec<usize>> {
        if n == 0 {
            return vec![vec![]];
        }
        let shorter = orders(n - 1);
        let insert = |order: &Vec<usize>, place| {
            let mut longer = order.clone();
            longer.insert(place, n - 1);
            longer
        };
        shorter.iter().flat_map(|order| (0..n).map(move |place| insert(order, place))).collect()
    }

    fn time_at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(1_795_000_000 + seconds)
    }
}
