//! One measured window: what the server spent, what arrived, what this process spent.

use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::ProgressBar;
use serde::Serialize;

use super::cpu::time_of;
use super::ears::{Ears, Sums};
use super::metrics::DROPS;
use super::rounded;
use super::site::Site;

/// Frame in to SRTP out.
const FORWARD: &str = "partyline_forward_latency_seconds";

/// What happened in a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// CPU time of the server, if its process is known.
    pub(super) cpu: Option<Duration>,
    /// CPU time of this process.
    pub(super) own_cpu: Duration,
    pub(super) lasted: Duration,
    pub(super) heard: Sums,
    pub(super) forward: Forward,
    /// Packets that the server says it threw away.
    pub(super) dropped: f64,
    pub(super) churned: u64,
}

/// How long a frame was in the server, by its own clock.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Forward {
    /// Nothing when nothing was sent.
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
}

impl Window {
    /// Watches for so many seconds, in each of which `churn` listeners are replaced.
    pub(super) async fn watch(
        site: &Site,
        ears: &mut Ears,
        seconds: u64,
        churn: usize,
        bar: &ProgressBar,
    ) -> Result<Self> {
        let before = site.metrics().await?;
        let heard = ears.sums();
        let own = std::process::id();
        let (began, cpu, own_cpu) = (Instant::now(), site.cpu()?, time_of(own)?);
        let mut churned = 0;
        for second in 0..seconds {
            churned += ears.replace(churn).await?;
            tokio::time::sleep(Duration::from_secs(second + 1).saturating_sub(began.elapsed())).await;
            bar.inc(1);
        }
        let cpu = site.cpu()?.zip(cpu).map(|(now, then)| now.saturating_sub(then));
        let (own_cpu, lasted) = (time_of(own)?.saturating_sub(own_cpu), began.elapsed());
        let heard = ears.sums().since(heard);
        let after = site.metrics().await?;
        let quantile = |q| after.quantile_since(&before, FORWARD, q).map(|seconds| rounded(seconds * 1e3));
        let dropped = |metrics: &super::metrics::Metrics| -> f64 {
            DROPS.iter().filter_map(|name| metrics.sum(name)).sum()
        };
        Ok(Self {
            cpu,
            own_cpu,
            lasted,
            heard,
            forward: Forward { p50_ms: quantile(0.5), p99_ms: quantile(0.99) },
            dropped: dropped(&after) - dropped(&before),
            churned,
        })
    }

    /// All of the server's CPU time, a packet that arrived.
    pub(super) fn us_per_packet(&self) -> Option<f64> {
        Some(self.cpu?.as_secs_f64() * 1e6 / self.heard.packets.max(1) as f64)
    }

    /// Cores that the server used.
    pub(super) fn cores(&self) -> Option<f64> {
        Some(self.cpu?.as_secs_f64() / self.lasted.as_secs_f64())
    }

    /// Cores that this process used: calls and listeners.
    pub(super) fn own_cores(&self) -> f64 {
        self.own_cpu.as_secs_f64() / self.lasted.as_secs_f64()
    }
}
