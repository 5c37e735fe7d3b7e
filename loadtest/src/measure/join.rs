//! How long joining takes: from the POST to the connection, and to the first packet of audio.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::task::JoinSet;

use super::latency::{Latency, Spread};
use super::target::Target;
use super::{Kind, Offered};
use crate::ears::whep::Whep;
use crate::ears::{Heard, Options};

/// Failures that are told one by one.
const FAILURES_SHOWN: usize = 5;

/// Join live calls, one listener after another, and say how long each part takes
#[derive(Args, Clone, Debug)]
pub struct Join {
    #[command(flatten)]
    target: Target,
    /// How many listeners join
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
    /// How many are joining at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    parallel: u32,
    /// Packets each hears before it leaves
    #[arg(long, default_value_t = 50)]
    packets: u64,
    #[arg(long, value_enum, default_value_t = Kind::Light)]
    kind: Kind,
    /// The SRTP profile to offer
    #[arg(long, value_enum, default_value_t = Offered::Any)]
    profile: Offered,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    listeners: u32,
    kind: &'static str,
    profile: Option<&'static str>,
    /// POST sent to answer read.
    answered: Spread,
    /// POST sent to ICE and DTLS done.
    connected: Spread,
    /// POST sent to first RTP packet decrypted.
    first_packet: Spread,
    packets: u64,
    lost: u64,
    failed: usize,
    failures: Vec<String>,
}

impl Join {
    /// Joins them all.
    ///
    /// # Errors
    ///
    /// When control cannot be asked at all. A listener that fails is in the report.
    pub async fn run(&self, bar: &ProgressBar) -> Result<Report> {
        let grants = self.target.grants().await?;
        let whep = Whep::new()?;
        let options = Options { profile: self.profile.profile(), decode: false, ..Options::default() };
        bar.set_length(u64::from(self.count));
        let joining = stream::iter(0..self.count as usize).map(|n| {
            let (grants, whep, options) = (&grants, &whep, &options);
            async move {
                let endpoint = grants.grant(n).await?;
                let listener = self.kind.join(whep, &endpoint, options).await?;
                listener.connected().await?;
                listener.wait_packets(1).await?;
                anyhow::Ok(listener)
            }
        });
        let mut joining = std::pin::pin!(joining.buffer_unordered(self.parallel as usize));
        let mut leaving = JoinSet::new();
        let mut failures = Vec::new();
        let mut heard = Vec::new();
        while let Some(joined) = joining.next().await {
            bar.inc(1);
            match joined {
                Ok(listener) => {
                    let packets = self.packets;
                    leaving.spawn(async move {
                        listener.wait_packets(packets).await?;
                        anyhow::Ok(listener.leave().await?)
                    });
                }
                Err(error) => failures.push(format!("{error:#}")),
            }
            while let Some(left) = leaving.try_join_next() {
                keep(left?, &mut heard, &mut failures);
            }
        }
        while let Some(left) = leaving.join_next().await {
            keep(left?, &mut heard, &mut failures);
        }
        Ok(self.report(&heard, failures))
    }

    fn report(&self, heard: &[Heard], failures: Vec<String>) -> Report {
        let spread = |of: fn(&Heard) -> Option<Duration>| {
            let mut latency = Latency::new();
            heard.iter().filter_map(of).for_each(|delay| latency.record(delay));
            latency.spread()
        };
        Report {
            listeners: self.count,
            kind: match self.kind {
                Kind::Light => "light",
                Kind::Whole => "whole",
            },
            profile: heard.iter().find_map(|one| one.profile).map(|profile| profile.name()),
            answered: spread(|one| Some(one.answered_after)),
            connected: spread(|one| one.connected_after),
            first_packet: spread(|one| one.first_packet_after),
            packets: heard.iter().map(|one| one.packets).sum(),
            lost: heard.iter().map(|one| one.lost).sum(),
            failed: failures.len(),
            failures: failures.into_iter().take(FAILURES_SHOWN).collect(),
        }
    }
}

fn keep(left: Result<Heard>, heard: &mut Vec<Heard>, failures: &mut Vec<String>) {
    match left {
        Ok(one) => heard.push(one),
        Err(error) => failures.push(format!("{error:#}")),
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{} {} listeners, {}",
            self.listeners,
            self.kind,
            self.profile.unwrap_or("not connected")
        )?;
        writeln!(f, "  POST to answer        {}", self.answered)?;
        writeln!(f, "  POST to connected     {}", self.connected)?;
        writeln!(f, "  POST to first audio   {}", self.first_packet)?;
        writeln!(f, "  packets {}, lost {}, listeners failed {}", self.packets, self.lost, self.failed)?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "  failed: {failure}"))
    }
}
