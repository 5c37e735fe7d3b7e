//! Reading the server's Prometheus metrics.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use url::Url;

/// Encoders that run now. One a heard call, none for a call nobody hears.
pub(super) const ENCODERS: &str = "partyline_encoders_active";

/// The metrics of a server as they were at one moment.
pub(super) struct Metrics(String);

impl Metrics {
    /// Asks the admin address.
    pub(super) async fn read(http: &reqwest::Client, admin: &Url) -> Result<Self> {
        let url = admin.join("/metrics")?;
        let request = http.get(url.clone()).timeout(Duration::from_secs(5));
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
}
