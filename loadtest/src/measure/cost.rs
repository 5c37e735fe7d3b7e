//! What a call costs the server: CPU time a second of call, unheard and heard.
//!
//! The server is a process of its own, started for this; calls and listeners are made by this process. The
//! server's user and system time is read from its CPU clock before and after each window, and divided by the
//! seconds of call in it. Both tracks of a call carry speech at 50 frames a second each. What the kernel
//! does for a packet outside the server's own system calls is in neither process's time.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use serde::Serialize;

use super::cpu::time_of;
use super::metrics::{ENCODERS, Metrics};
use super::rounded;
use super::server::Server;
use super::target::Grants;
use crate::ears::whep::Whep;
use crate::ears::{Options, light};

/// Until a change has settled: encoders gone or there, buffers filled.
const SETTLE: Duration = Duration::from_secs(3);

/// Measure the server's CPU time a second of call, unheard and heard
#[derive(Args, Clone, Debug)]
pub struct Cost {
    /// The server's binary; a release build, or the figures mean nothing
    #[arg(long, default_value = "target/release/partyline")]
    partyline: PathBuf,
    /// Calls at the same time
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    calls: u32,
    /// Length of each window
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// The server's media threads; one a core if it is left out
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Calls that have one listener each in the second window and two in the third; 0 leaves both out
    #[arg(long, default_value_t = 0)]
    heard: u32,
}

/// What came of it. Costs are milliseconds of CPU a second of call.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    calls: u32,
    seconds: u64,
    /// The server with nothing to do, milliseconds of CPU a second.
    idle: f64,
    /// A call nobody hears.
    unheard: f64,
    /// Encoders meanwhile. Must be 0.
    encoders_unheard: Option<f64>,
    heard: Option<Heard>,
    method: &'static str,
}

/// The second window and the third.
#[derive(Clone, Debug, Serialize)]
struct Heard {
    /// Calls with one listener each.
    calls: usize,
    /// A call with one listener, the unheard ones' share taken off.
    cost: f64,
    /// What each further listener of a call adds.
    listener: f64,
    /// A heard call without its listeners: what one costs, less what another adds.
    before_fan_out: f64,
    /// Encoders meanwhile. Must be as many as the calls.
    encoders: Option<f64>,
    packets: u64,
    lost: u64,
}

const METHOD: &str = "user + system time of the server process (its CPU clock) over the window, divided by calls \
                      and seconds; calls and listeners run in another process";

impl Cost {
    /// Starts the server, places the calls, and measures.
    ///
    /// # Errors
    ///
    /// When the server does not start, or not all calls and listeners come about: a figure for fewer would
    /// mislead.
    pub async fn run(&self, bar: &ProgressBar) -> Result<Report> {
        let idle_seconds = self.seconds.min(5);
        let windows = if self.heard > 0 { 3 } else { 1 };
        bar.set_length(idle_seconds + windows * self.seconds);
        bar.set_message("server starts");
        let server = Server::start(&self.partyline, self.threads).await?;
        tokio::time::sleep(SETTLE).await;
        bar.set_message("idle");
        let idle = self.window(&server, idle_seconds, bar).await?;

        bar.set_message("calls");
        let console = server.login().await?;
        let (crowd, live) = server.place(&console, self.calls, self.heard.max(1)).await?;
        tokio::time::sleep(SETTLE).await;
        bar.set_message("nobody listens");
        let unheard = self.window(&server, self.seconds, bar).await? / f64::from(self.calls);
        let encoders_unheard = Metrics::read(&server.admin_url()?).await?.sum(ENCODERS);

        let heard = if self.heard > 0 {
            let grants = Grants::of(console, live);
            Some(self.heard(&server, &grants, unheard, bar).await?)
        } else {
            None
        };
        crowd.hang_up();
        Ok(Report {
            calls: self.calls,
            seconds: self.seconds,
            idle: rounded(idle),
            unheard: rounded(unheard),
            encoders_unheard,
            heard,
            method: METHOD,
        })
    }

    async fn heard(
        &self,
        server: &Server,
        grants: &Grants,
        unheard: f64,
        bar: &ProgressBar,
    ) -> Result<Heard> {
        let wanted = self.heard.min(self.calls) as usize;
        let (whep, options) = (Whep::new()?, Options { decode: false, ..Options::default() });
        let join = async || {
            bar.set_message("listeners");
            let endpoints = stream::iter(0..wanted).map(|n| grants.grant(n)).buffered(8);
            let endpoints: Vec<_> = endpoints.try_collect().await?;
            let joined = light::join_many(stream::iter(endpoints).boxed(), 8, &whep, &options, || {}).await;
            if let Some(failure) = joined.failures.first() {
                bail!("{} of {wanted} listeners failed, the first: {failure}", joined.failures.len());
            }
            tokio::time::sleep(SETTLE).await;
            anyhow::Ok(joined)
        };
        let first = join().await?;
        bar.set_message("one listener each");
        let one = self.window(server, self.seconds, bar).await?;
        let encoders = Metrics::read(&server.admin_url()?).await?.sum(ENCODERS);
        let second = join().await?;
        bar.set_message("two listeners each");
        let two = self.window(server, self.seconds, bar).await?;
        let (mut counts, _) = first.leave().await;
        counts.extend(second.leave().await.0);
        let others = f64::from(self.calls) - wanted as f64;
        let (cost, listener) = ((one - others * unheard) / wanted as f64, (two - one) / wanted as f64);
        Ok(Heard {
            calls: wanted,
            cost: rounded(cost),
            listener: rounded(listener),
            before_fan_out: rounded(cost - listener),
            encoders,
            packets: counts.iter().map(|one| one.packets).sum(),
            lost: counts.iter().map(|one| one.lost).sum(),
        })
    }

    /// Milliseconds of CPU a second over a window.
    async fn window(&self, server: &Server, seconds: u64, bar: &ProgressBar) -> Result<f64> {
        let (cpu, began) = (time_of(server.pid())?, Instant::now());
        for _ in 0..seconds {
            tokio::time::sleep(Duration::from_secs(1)).await;
            bar.inc(1);
        }
        let (cpu, lasted) = (time_of(server.pid())?.saturating_sub(cpu), began.elapsed());
        Ok(cpu.as_secs_f64() * 1e3 / lasted.as_secs_f64())
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = |encoders: Option<f64>| encoders.map_or("not known".to_owned(), |n| n.to_string());
        writeln!(f, "{} calls for {} s, ms of CPU a call-second", self.calls, self.seconds)?;
        let encoders = known(self.encoders_unheard);
        writeln!(f, "  nobody listens        {:.3}   (encoders running: {encoders})", self.unheard)?;
        if let Some(heard) = &self.heard {
            let encoders = known(heard.encoders);
            writeln!(f, "  one listener          {:.3}   (encoders running: {encoders})", heard.cost)?;
            writeln!(f, "  another listener      {:.3}", heard.listener)?;
            writeln!(f, "  heard, before fan-out {:.3}", heard.before_fan_out)?;
            writeln!(f, "    {} of the calls, {} packets, {} lost", heard.calls, heard.packets, heard.lost)?;
        }
        writeln!(f, "  server with no calls  {:.3} ms of CPU a second", self.idle)?;
        writeln!(f, "  {}", self.method)
    }
}
