//! Many listeners on the same calls for a while: what gets lost, and how many encoders that takes.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use serde::Serialize;
use url::Url;

use super::latency::{Latency, Spread};
use super::metrics::{ENCODERS, Metrics};
use super::target::Target;
use super::{Offered, milliseconds};
use crate::ears::whep::Whep;
use crate::ears::{Options, light};

/// Grants that are asked for at the same time.
const PARALLEL: usize = 16;

/// Listen with many at the same time, and say what was lost
#[derive(Args, Clone, Debug)]
pub struct Listen {
    #[command(flatten)]
    target: Target,
    /// How many listen
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    count: u32,
    /// For how long, once all have joined
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// The SRTP profile to offer
    #[arg(long, value_enum, default_value_t = Offered::Any)]
    profile: Offered,
    /// The server's admin address, to read how many encoders run
    #[arg(long, default_value = "http://127.0.0.1:8083")]
    admin_url: Url,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    listeners: usize,
    calls: usize,
    seconds: u64,
    /// Encoders while all listened. Nothing when the metrics could not be read.
    encoders: Option<f64>,
    packets: u64,
    lost: u64,
    duplicates: u64,
    reordered: u64,
    /// Fewest and most packets of one listener in the time.
    packets_least: u64,
    packets_most: u64,
    jitter_worst_ms: f64,
    first_packet: Spread,
    failed: usize,
    failures: Vec<String>,
}

impl Listen {
    /// Lets them listen.
    ///
    /// # Errors
    ///
    /// When control cannot be asked at all. A listener that fails is in the report.
    pub async fn run(&self, bar: &ProgressBar) -> Result<Report> {
        let grants = self.target.grants().await?;
        let whep = Whep::new()?;
        let options = Options { profile: self.profile.profile(), decode: false, ..Options::default() };
        bar.set_length(u64::from(self.count) + self.seconds);
        let mut refused = Vec::new();
        let endpoints =
            stream::iter(0..self.count as usize).then(|n| grants.grant(n)).filter_map(|granted| {
                let endpoint = granted.map_err(|error| refused.push(format!("{error:#}"))).ok();
                std::future::ready(endpoint)
            });
        let crowd = light::join_many(endpoints, PARALLEL, &whep, &options, || bar.inc(1)).await;
        let before = crowd.counts();
        for _ in 0..self.seconds {
            tokio::time::sleep(Duration::from_secs(1)).await;
            bar.inc(1);
        }
        let during = crowd.counts();
        let metrics = Metrics::read(&self.admin_url).await;
        let encoders = metrics.as_ref().ok().and_then(|metrics| metrics.sum(ENCODERS));
        let (heard, failed) = crowd.leave().await;

        let each = || during.iter().zip(&before).map(|(now, then)| now.packets - then.packets);
        let mut first_packet = Latency::new();
        heard.iter().filter_map(|one| one.first_packet_after).for_each(|delay| first_packet.record(delay));
        let mut failures = refused;
        failures.extend(failed.iter().map(ToString::to_string));
        failures.extend(metrics.err().map(|error| format!("{error:#}")));
        Ok(Report {
            listeners: heard.len(),
            calls: grants.calls().min(self.count as usize),
            seconds: self.seconds,
            encoders,
            packets: each().sum(),
            lost: heard.iter().map(|one| one.lost).sum(),
            duplicates: heard.iter().map(|one| one.duplicates).sum(),
            reordered: heard.iter().map(|one| one.reordered).sum(),
            packets_least: each().min().unwrap_or(0),
            packets_most: each().max().unwrap_or(0),
            jitter_worst_ms: milliseconds(during.iter().map(|one| one.jitter).max().unwrap_or_default()),
            first_packet: first_packet.spread(),
            failed: failures.len(),
            failures: failures.into_iter().take(5).collect(),
        })
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} listeners on {} calls for {} s", self.listeners, self.calls, self.seconds)?;
        match self.encoders {
            Some(encoders) => writeln!(f, "  encoders running      {encoders}")?,
            None => writeln!(f, "  encoders running      not known")?,
        }
        writeln!(f, "  POST to first audio   {}", self.first_packet)?;
        writeln!(
            f,
            "  packets {} ({} to {} each), lost {}, twice {}, overtaken {}, worst jitter {} ms",
            self.packets,
            self.packets_least,
            self.packets_most,
            self.lost,
            self.duplicates,
            self.reordered,
            self.jitter_worst_ms
        )?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "  failed: {failure}"))
    }
}
