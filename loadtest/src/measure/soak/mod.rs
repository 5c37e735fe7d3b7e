//! A long load with coming and going: does anything grow, does anybody lose the call?
//!
//! Listeners are replaced all the time, and calls hang up and are placed anew. The server is looked at every ten
//! seconds. Only after a warm-up, in which the rings of all calls fill, does the time count.

mod sample;
mod verdict;

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use self::sample::{Sample, Tally};
use self::verdict::Verdict;
use super::ears::Ears;
use super::site::{Site, Which};
use super::{descriptors, placing};
use crate::twilio::{Call, dial};

/// Between two samples.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);

/// Between two calls that are placed. Spreads them over the 20 ms of a frame.
const PLACED_EVERY: Duration = Duration::from_micros(9_700);

/// Joins a second while the listeners come.
const JOINS: u32 = 50;

/// Load a server for long, with coming and going, and fail when something grows or somebody loses the call
#[derive(Args, Clone, Debug)]
pub struct Soak {
    #[command(flatten)]
    which: Which,
    /// How long, after the warm-up
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=10_080))]
    minutes: u64,
    /// Seconds before that, with all of the load: rings fill for two minutes
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    warm_up: u64,
    /// Calls at the same time
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(2..=5_000))]
    calls: u32,
    /// Listeners of all calls together
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=8_000))]
    listeners: u32,
    /// Listeners that leave a second, each replaced by a new one
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=200))]
    churn: u32,
    /// Calls that hang up a minute, each replaced by a new one
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(0..=60))]
    call_churn: u32,
    /// The largest part of packets that may be lost
    #[arg(long, default_value_t = 0.000_1)]
    loss: f64,
    /// Where the samples are written, a JSON object a line
    #[arg(long, default_value = "soak.jsonl", value_name = "FILE")]
    samples: PathBuf,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    server: String,
    minutes: u64,
    calls: u32,
    listeners: u32,
    samples: usize,
    /// What the load did and heard, warm-up included.
    #[serde(flatten)]
    tally: Tally,
    verdicts: Vec<Verdict>,
    /// Why it is not good. Empty when it is.
    failures: Vec<String>,
    method: &'static str,
}

const METHOD: &str = "the median of the last quarter of the samples beside that of the second; something grows when it is \
                      above it by more than the allowance, which is a share and a constant part";

impl Soak {
    /// Lets it run.
    ///
    /// # Errors
    ///
    /// When the server does not start, or a call or a listener does not come about.
    pub async fn run(&self, bar: &ProgressBar) -> Result<Report> {
        ensure!((0.0..=1.0).contains(&self.loss), "--loss is a part of all packets, from 0 to 1");
        descriptors::allow_all()?;
        let mut file = File::create(&self.samples).with_context(|| self.samples.display().to_string())?;
        let total = self.warm_up + self.minutes * 60;
        bar.set_length(u64::from(self.listeners) + total);
        bar.set_message("server");
        let site = self.which.open().await?;
        let mut load = Running::start(&site, self, bar).await?;
        let mut samples = Vec::new();
        let began = Instant::now();
        for second in 0..total {
            load.churn_listeners(self.churn).await?;
            if call_is_due(second, self.call_churn) {
                load.replace_call(bar).await?;
            }
            let counts = second >= self.warm_up;
            if counts && (second - self.warm_up).is_multiple_of(SAMPLE_EVERY.as_secs()) {
                let sample = Sample::take(&site, began.elapsed().as_secs(), &load.tally()).await?;
                serde_json::to_writer(&mut file, &sample)?;
                file.write_all(b"\n")?;
                samples.push(sample);
            }
            bar.set_message(if counts { load.news() } else { format!("warm-up, {}", load.news()) });
            bar.inc(1);
            tokio::time::sleep(Duration::from_secs(second + 1).saturating_sub(began.elapsed())).await;
        }
        let tally = load.tally();
        let verdicts = verdict::of(&samples);
        let failures = verdict::failures(&verdicts, &samples, &tally, self.loss);
        Ok(Report {
            server: self.which.name(),
            minutes: self.minutes,
            calls: self.calls,
            listeners: self.listeners,
            samples: samples.len(),
            tally,
            verdicts,
            failures,
            method: METHOD,
        })
    }
}

/// Whether a call hangs up in this second, so many a minute.
fn call_is_due(second: u64, a_minute: u32) -> bool {
    let a_minute = u64::from(a_minute);
    (second + 1) * a_minute / 60 > second * a_minute / 60
}

/// The load while it runs.
struct Running<'a> {
    site: &'a Site,
    /// With their ids, the oldest first.
    calls: VecDeque<(Call, String)>,
    ears: Ears,
    /// Calls that were ever placed.
    placed: usize,
    tally: Tally,
}

impl<'a> Running<'a> {
    async fn start(site: &'a Site, soak: &Soak, bar: &ProgressBar) -> Result<Self> {
        bar.set_message("calls");
        let ears = Ears::new(site.console(), Vec::new())?;
        let mut this = Self { site, calls: VecDeque::new(), ears, placed: 0, tally: Tally::default() };
        for _ in 0..soak.calls {
            this.place().await?;
            tokio::time::sleep(PLACED_EVERY).await;
        }
        bar.set_message("listeners");
        this.ears.come(soak.listeners as usize, JOINS, bar).await?;
        Ok(this)
    }

    /// One more call, once control names it as live.
    async fn place(&mut self) -> Result<()> {
        let call = dial(placing::speaking(self.site.call(), self.placed));
        self.placed += 1;
        if call.wait_live().await.is_err() {
            let report = call.finished().await;
            let why = report.all_problems().next().map(ToString::to_string).unwrap_or_default();
            anyhow::bail!("a call came to nothing: {why}");
        }
        let console = self.site.console();
        let ours = [call.call_sid().to_string()].into();
        let id = placing::live_of(&console, &ours, 1).await?.pop().context("a call without an id")?;
        self.ears.add_call(id.clone());
        self.calls.push_back((call, id));
        Ok(())
    }

    /// The oldest call hangs up; its listeners go to others, and a new call is placed.
    async fn replace_call(&mut self, bar: &ProgressBar) -> Result<()> {
        let Some((call, id)) = self.calls.pop_front() else { return Ok(()) };
        bar.set_message("a call hangs up");
        call.hang_up();
        let ended = self.ears.end_call(&id).await?;
        tokio::spawn(call.finished());
        self.place().await?;
        self.ears.fill(ended).await?;
        self.tally.calls_replaced += 1;
        self.tally.listeners_moved += ended as u64;
        Ok(())
    }

    /// The oldest leave, as many come, and who was lost is replaced too.
    async fn churn_listeners(&mut self, count: u32) -> Result<()> {
        let lost = self.ears.take_lost();
        self.tally.listeners_lost += lost as u64;
        self.ears.fill(lost).await?;
        self.tally.listeners_replaced += self.ears.replace(count as usize).await?;
        Ok(())
    }

    fn tally(&self) -> Tally {
        let heard = self.ears.sums();
        Tally { packets: heard.packets, lost: heard.lost, present: self.ears.count() as u64, ..self.tally }
    }

    fn news(&self) -> String {
        let Tally { listeners_replaced, calls_replaced, listeners_lost, lost, .. } = self.tally();
        format!(
            "{listeners_replaced} listeners and {calls_replaced} calls replaced, {listeners_lost} and {lost} packets lost"
        )
    }
}

impl Report {
    /// Whether nothing grew and nobody lost the call.
    pub fn is_good(&self) -> bool {
        self.failures.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, listeners, minutes, samples, tally, .. } = self;
        writeln!(f, "{calls} calls and {listeners} listeners for {minutes} minutes, {samples} samples")?;
        writeln!(
            f,
            "  replaced              {} listeners, {} calls; {} listeners moved on with them",
            tally.listeners_replaced, tally.calls_replaced, tally.listeners_moved
        )?;
        writeln!(
            f,
            "  lost                  {} listeners; {} of {} packets",
            tally.listeners_lost, tally.lost, tally.packets
        )?;
        self.verdicts.iter().try_for_each(|verdict| verdict.fmt(f))?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "  NOT GOOD: {failure}"))?;
        writeln!(f, "  {}", self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_hang_up_as_often_as_was_asked() {
        for a_minute in [0, 1, 6, 7, 60] {
            let due = (0..120).filter(|&second| call_is_due(second, a_minute)).count();
            assert_eq!(due, 2 * a_minute as usize, "{a_minute} a minute");
        }
    }
}
