//! A load that a stranger can repeat: calls, listeners, joins, churn, and what each costs the server.
//!
//! The server is a process of its own with fresh data; calls and listeners are in this one. Beside it runs
//! [the floor](super::floor), in turns: floor, server, floor, server. Figures drift with the machine's mood, their
//! ratio does not.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use serde::Serialize;

use super::cpu::time_of;
use super::latency::{Latency, Spread};
use super::memory::resident;
use super::metrics::Metrics;
use super::server::Server;
use super::target::Grants;
use super::{floor, rounded};
use crate::ears::whep::Whep;
use crate::ears::{EarError, Heard, Listener, Options, Profile, light};

/// Until a change has settled.
const SETTLE: Duration = Duration::from_secs(2);

/// Joins under way at one time, at most.
const PARALLEL: usize = 64;

/// Bytes of Opus in the floor's packets when none was heard before.
const PAYLOAD: usize = 180;

/// Load a server of its own, and say what a packet, a call, a listener and a join cost
#[derive(Args, Clone, Debug)]
pub struct Load {
    /// The server's binary; a release build, or the figures mean nothing
    #[arg(long, default_value = "target/release/partyline")]
    partyline: PathBuf,
    /// Calls at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    calls: u32,
    /// Listeners of each call
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=8_000))]
    listeners: u32,
    /// Joins a second while the listeners come
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    joins: u32,
    /// Listeners that leave a second, each replaced by a new one
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=200))]
    churn: u32,
    /// Length of each measured window
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How often everything is done
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// The server's media threads; one a core if it is left out
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Leave the floor out
    #[arg(long)]
    no_floor: bool,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    calls: u32,
    listeners: u32,
    seconds: u64,
    /// Of the medians.
    times_the_floor: Option<f64>,
    rounds: Vec<Round>,
    method: &'static str,
}

/// The figures of one round.
#[derive(Clone, Debug, Serialize)]
struct Round {
    floor_us_per_packet: Option<f64>,
    /// All of the server's CPU time, a packet that was delivered.
    us_per_packet: f64,
    /// Cores that the server used.
    cores: f64,
    /// CPU time of the server for one join, media meanwhile taken off.
    ms_per_join: f64,
    /// Until the first packet, from the POST.
    join: Spread,
    memory: Memory,
    /// Frame in to SRTP out, by the server's own clock.
    forward: Forward,
    packets: u64,
    bytes_per_packet: f64,
    lost: u64,
    dropped: f64,
    churned: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Memory {
    empty_mb: f64,
    /// Since the calls came: their rings fill for two minutes.
    mb_per_call: f64,
    kb_per_listener: f64,
    end_mb: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Forward {
    p50_ms: f64,
    p99_ms: f64,
}

const METHOD: &str = "server: user + system time of its process (/proc/PID/stat) over the window, divided by the packets \
                      that arrived in it; floor: CPU time of a thread that only seals (AES-128-GCM) and calls \
                      sendmmsg(64) for as many sockets; both on this machine, in turns";

impl Load {
    /// Does all rounds.
    ///
    /// # Errors
    ///
    /// When the server does not start, or a call or a listener does not come about: figures for fewer would
    /// mislead.
    pub async fn run(&self, bar: &ProgressBar) -> Result<Report> {
        let listeners = self.calls * self.listeners;
        let floors = if self.no_floor { 0 } else { self.seconds };
        bar.set_length(u64::from(self.rounds) * (floors + u64::from(listeners) + self.seconds));
        let mut rounds = Vec::new();
        let mut payload = PAYLOAD;
        for _ in 0..self.rounds {
            let floor = if self.no_floor {
                None
            } else {
                bar.set_message("floor");
                let floor = floor::run(listeners as usize, payload, self.seconds).await?;
                bar.inc(self.seconds);
                let lost = floor.refused + floor.sent.saturating_sub(floor.arrived);
                ensure!(lost * 100 <= floor.sent, "{lost} packets of the floor's {} were lost", floor.sent);
                Some(rounded(floor.us_per_packet))
            };
            let mut round = self.round(listeners as usize, bar).await?;
            round.floor_us_per_packet = floor;
            payload = round.bytes_per_packet as usize;
            rounds.push(round);
        }
        let floor = median(rounds.iter().filter_map(|round| round.floor_us_per_packet));
        let server = median(rounds.iter().map(|round| round.us_per_packet));
        Ok(Report {
            calls: self.calls,
            listeners,
            seconds: self.seconds,
            times_the_floor: floor.zip(server).map(|(floor, server)| rounded(server / floor)),
            rounds,
            method: METHOD,
        })
    }

    async fn round(&self, wanted: usize, bar: &ProgressBar) -> Result<Round> {
        bar.set_message("server");
        let server = Server::start(&self.partyline, self.threads).await?;
        let (http, admin) = (reqwest::Client::new(), server.admin_url()?);
        // Checking a password takes memory for a moment.
        let console = server.login().await?;
        tokio::time::sleep(SETTLE).await;
        let empty = resident(server.pid())?;
        bar.set_message("calls");
        let (crowd, live) = server.place(&console, self.calls, self.calls).await?;
        tokio::time::sleep(SETTLE).await;
        let with_calls = resident(server.pid())?;

        bar.set_message("joins");
        let grants = Grants::of(console, live);
        let whep = Whep::new()?;
        let options = Options {
            profile: Some(Profile::AeadAes128Gcm),
            decode: false,
            count_only: true,
            ..Options::default()
        };
        let (began, cpu) = (Instant::now(), time_of(server.pid())?);
        let mut listeners = self.join(wanted, &grants, &whep, &options, bar).await?;
        let (joining, join_cpu) = (began.elapsed(), time_of(server.pid())?.saturating_sub(cpu));
        tokio::time::sleep(SETTLE).await;
        let with_listeners = resident(server.pid())?;
        let mut join = Latency::new();
        for listener in &listeners {
            listener.counts().first_packet_after.into_iter().for_each(|after| join.record(after));
        }

        bar.set_message(if self.churn > 0 { "window, with churn" } else { "window" });
        let before = Metrics::read(&http, &admin).await?;
        let (packets_before, bytes_before) = totals(&listeners);
        let (began, cpu) = (Instant::now(), time_of(server.pid())?);
        let mut gone = Vec::new();
        let mut churned = 0;
        for second in 0..self.seconds {
            churned += self.churn(second, &mut listeners, &mut gone, &grants, &whep, &options).await?;
            let next = Duration::from_secs(second + 1).saturating_sub(began.elapsed());
            tokio::time::sleep(next).await;
            bar.inc(1);
        }
        let (cpu, lasted) = (time_of(server.pid())?.saturating_sub(cpu), began.elapsed());
        let (packets, bytes) = totals(&listeners);
        let gone_packets: u64 = gone.iter().map(|one| one.packets).sum();
        // Who left took packets along that were counted before the window; churn makes this a little too small.
        let packets = (packets + gone_packets).saturating_sub(packets_before);
        let after = Metrics::read(&http, &admin).await?;
        let end = resident(server.pid())?;
        let lost: u64 =
            listeners.iter().map(|one| one.counts().lost).chain(gone.iter().map(|one| one.lost)).sum();
        crowd.hang_up();
        ensure!(packets > 0, "nothing was heard");

        let us_per_packet = cpu.as_secs_f64() * 1e6 / packets as f64;
        // While they joined, half of them were served on average.
        let media = us_per_packet * wanted as f64 * 25.0 * joining.as_secs_f64();
        let quantile = |q| after.quantile_since(&before, FORWARD, q).map_or(f64::NAN, |s| rounded(s * 1e3));
        let mb = |bytes: u64| rounded(bytes as f64 / 1e6);
        Ok(Round {
            floor_us_per_packet: None,
            us_per_packet: rounded(us_per_packet),
            cores: rounded(cpu.as_secs_f64() / lasted.as_secs_f64()),
            ms_per_join: rounded((join_cpu.as_secs_f64() * 1e3 - media / 1e3).max(0.0) / wanted as f64),
            join: join.spread(),
            memory: Memory {
                empty_mb: mb(empty),
                mb_per_call: rounded(with_calls.saturating_sub(empty) as f64 / 1e6 / f64::from(self.calls)),
                kb_per_listener: rounded(
                    with_listeners.saturating_sub(with_calls) as f64 / 1e3 / wanted as f64,
                ),
                end_mb: mb(end),
            },
            forward: Forward { p50_ms: quantile(0.5), p99_ms: quantile(0.99) },
            packets,
            bytes_per_packet: rounded(bytes.saturating_sub(bytes_before) as f64 / packets.max(1) as f64),
            lost,
            dropped: DROPS.iter().filter_map(|name| after.sum(name)).sum(),
            churned,
        })
    }

    /// Lets listeners come at the wanted rate, to one call after another.
    async fn join(
        &self,
        wanted: usize,
        grants: &Grants,
        whep: &Whep,
        options: &Options,
        bar: &ProgressBar,
    ) -> Result<VecDeque<Listener>> {
        let mut clock = tokio::time::interval(Duration::from_secs(1) / self.joins);
        let ticks = stream::poll_fn(move |cx| clock.poll_tick(cx).map(Some)).take(wanted).enumerate();
        let joining = ticks.map(|(n, _)| one(n, grants, whep, options)).buffer_unordered(PARALLEL);
        let mut joining = std::pin::pin!(joining);
        let mut listeners = VecDeque::with_capacity(wanted);
        while let Some(joined) = joining.next().await {
            listeners.push_back(joined.with_context(|| format!("listener {}", listeners.len() + 1))?);
            bar.inc(1);
        }
        Ok(listeners)
    }

    /// A second's churn: the oldest listeners leave, new ones come.
    async fn churn(
        &self,
        second: u64,
        listeners: &mut VecDeque<Listener>,
        gone: &mut Vec<Heard>,
        grants: &Grants,
        whep: &Whep,
        options: &Options,
    ) -> Result<u64> {
        let mut churned = 0;
        for n in 0..u64::from(self.churn) {
            let Some(oldest) = listeners.pop_front() else { break };
            gone.push(oldest.leave().await?);
            let number = second * u64::from(self.churn) + n;
            listeners.push_back(one(number as usize, grants, whep, options).await?);
            churned += 1;
        }
        Ok(churned)
    }
}

/// Joins, and waits for the first packet.
async fn one(n: usize, grants: &Grants, whep: &Whep, options: &Options) -> Result<Listener> {
    let endpoint = grants.grant(n).await?;
    let join = async {
        let listener = light::join(whep, &endpoint, options).await?;
        listener.connected().await?;
        listener.wait_packets(1).await?;
        Ok::<_, EarError>(listener)
    };
    Ok(join.await?)
}

/// Frame in to SRTP out.
const FORWARD: &str = "partyline_forward_latency_seconds";

/// What the server threw away.
const DROPS: [&str; 3] = [
    "partyline_forward_queue_dropped_total",
    "partyline_udp_send_errors_total",
    "partyline_udp_rcvbuf_dropped_total",
];

/// Packets and bytes of all so far.
fn totals(listeners: &VecDeque<Listener>) -> (u64, u64) {
    let counts = listeners.iter().map(Listener::counts);
    counts.fold((0, 0), |(packets, bytes), one| (packets + one.packets, bytes + one.bytes))
}

fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let upper = figures.get(figures.len() / 2)?;
    let lower = figures.get((figures.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} calls, {} listeners, windows of {} s", self.calls, self.listeners, self.seconds)?;
        for round in &self.rounds {
            let floor = round.floor_us_per_packet.map_or("left out".to_owned(), |us| format!("{us:.3} µs"));
            writeln!(f, "  CPU a packet          {:.3} µs   (floor {floor})", round.us_per_packet)?;
            writeln!(f, "    cores in use        {:.3}", round.cores)?;
            writeln!(f, "    CPU a join          {:.3} ms", round.ms_per_join)?;
            writeln!(f, "    POST to first audio {}", round.join)?;
            writeln!(
                f,
                "    frame in, SRTP out  p50 {} ms   p99 {} ms",
                round.forward.p50_ms, round.forward.p99_ms
            )?;
            let memory = round.memory;
            writeln!(
                f,
                "    memory              {} MB empty, {} MB a call, {} kB a listener, {} MB at the end",
                memory.empty_mb, memory.mb_per_call, memory.kb_per_listener, memory.end_mb
            )?;
            writeln!(
                f,
                "    packets             {} of {} bytes, {} lost, {} dropped, {} listeners replaced",
                round.packets, round.bytes_per_packet, round.lost, round.dropped, round.churned
            )?;
        }
        if let Some(times) = self.times_the_floor {
            writeln!(f, "  {times:.2} times the floor (medians)")?;
        }
        writeln!(f, "  {}", self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0].into_iter()), Some(2.5));
        assert_eq!(median(std::iter::empty()), None);
    }
}
