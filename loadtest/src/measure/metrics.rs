//! Reading the server's Prometheus metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use url::Url;

use crate::http;

/// How long the answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Encoders that run now. One a heard call, none for a call nobody hears.
pub(super) const ENCODERS: &str = "partyline_encoders_active";

/// What the server threw away.
pub(super) const DROPS: [&str; 3] = [
    "partyline_forward_queue_dropped_total",
    "partyline_udp_send_errors_total",
    "partyline_udp_rcvbuf_dropped_total",
];

/// The metrics of a server as they were at one moment.
pub(super) struct Metrics(String);

impl Metrics {
    /// Asks the admin address, on a connection for this alone: the next time is many seconds away.
    pub(super) async fn read(admin: &Url) -> Result<Self> {
        let url = admin.join("/metrics")?;
        let request = http::client(ANSWER_WITHIN).build()?.get(url.clone());
        let response = request.send().await.with_context(|| format!("{url} does not answer"))?;
        ensure!(response.status().is_success(), "{url} answered {}", response.status());
        Ok(Self(response.text().await?))
    }

    /// The sum of all samples of this name, whatever their labels. Nothing when there is none.
    pub(super) fn sum(&self, name: &str) -> Option<f64> {
        let samples = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let value = match rest.strip_prefix('{') {
                Some(labelled) => labelled.rsplit_once("} ")?.1,
                None => rest.strip_prefix(' ')?,
            };
            value.split(' ').next()?.parse::<f64>().ok()
        });
        samples.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    }

    /// The samples of this name, added up by the value of one label. Empty when there are none.
    pub(super) fn by_label(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let opening = format!("{label}=\"");
        let mut sums = BTreeMap::new();
        for line in self.0.lines() {
            let labelled = line.strip_prefix(name).and_then(|rest| rest.strip_prefix('{'));
            let Some((labels, value)) = labelled.and_then(|rest| rest.rsplit_once("} ")) else { continue };
            let given = labels.split_once(&opening).and_then(|(_, rest)| rest.split_once('"'));
            let value = value.split(' ').next().and_then(|value| value.parse::<f64>().ok());
            if let (Some((given, _)), Some(value)) = (given, value) {
                *sums.entry(given.to_owned()).or_insert(0.0) += value;
            }
        }
        sums
    }

    /// The quantile of a histogram's observations since `before`, interpolated within its bucket as Prometheus
    /// does. Nothing when there was none.
    pub(super) fn quantile_since(&self, before: &Self, name: &str, quantile: f64) -> Option<f64> {
        let old = before.buckets(name);
        let count = |bound: f64| old.iter().find(|(b, _)| *b == bound).map_or(0.0, |(_, count)| *count);
        let buckets: Vec<_> = self.buckets(name).into_iter().map(|(b, n)| (b, n - count(b))).collect();
        let wanted = buckets.last().filter(|(_, all)| *all > 0.0)?.1 * quantile;
        let mut below = (0.0, 0.0);
        for (bound, count) in buckets {
            if count >= wanted {
                let share = (wanted - below.1) / (count - below.1).max(f64::MIN_POSITIVE);
                return Some(if bound.is_finite() { below.0 + (bound - below.0) * share } else { below.0 });
            }
            below = (bound, count);
        }
        None
    }

    /// Upper bounds and cumulative counts of a histogram without other labels.
    fn buckets(&self, name: &str) -> Vec<(f64, f64)> {
        let samples = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?.strip_prefix("_bucket{le=\"")?;
            let (bound, count) = rest.split_once("\"} ")?;
            Some((bound.parse().ok()?, count.parse().ok()?))
        });
        samples.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_one_name_are_added_and_of_longer_names_not() {
        let metrics = Metrics(
            "# TYPE a gauge\na{worker=\"0 } 9\"} 2\na{worker=\"1\"} 3 1700000000\na_total 50\nab 7\nb 1.5\n"
                .to_owned(),
        );
        assert_eq!(metrics.sum("a"), Some(5.0));
        assert_eq!(metrics.sum("b"), Some(1.5));
        assert_eq!(metrics.sum("c"), None);
    }

    #[test]
    fn samples_are_added_up_by_a_label() {
        let metrics = Metrics(
            "# TYPE a counter\na{reason=\"left\",x=\"1\"} 2\na{x=\"2\",reason=\"left\"} 3\na{reason=\"lost\"} 1\n\
             ab{reason=\"left\"} 9\na 7\n"
                .to_owned(),
        );
        let expected = [("left".to_owned(), 5.0), ("lost".to_owned(), 1.0)];
        assert_eq!(metrics.by_label("a", "reason"), expected.into());
        assert!(metrics.by_label("a", "colour").is_empty());
    }

    #[test]
    fn quantiles_are_of_what_came_in_between() {
        let at = |counts: [u32; 3]| {
            let [a, b, c] = counts;
            Metrics(format!(
                "h_bucket{{le=\"1\"}} {a}\nh_bucket{{le=\"3\"}} {b}\nh_bucket{{le=\"+Inf\"}} {c}\n"
            ))
        };
        let (before, after) = (at([5, 5, 5]), at([5, 15, 15]));
        assert_eq!(after.quantile_since(&before, "h", 0.5), Some(2.0));
        assert_eq!(after.quantile_since(&before, "h", 1.0), Some(3.0));
        assert_eq!(before.quantile_since(&before, "h", 0.5), None);
        assert_eq!(
            at([0, 0, 4]).quantile_since(&at([0, 0, 0]), "h", 0.5),
            Some(3.0),
            "beyond the last bound"
        );
    }
}
