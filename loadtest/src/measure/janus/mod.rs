//! The same work through Janus: its streaming plugin sends one stream of audio to as many viewers.
//!
//! Janus is the Debian package, run as a process of its own with a configuration of its own. Its mountpoint is fed
//! by this process, and the viewers are the same light listeners that hear the server.

mod api;
mod configuration;
mod feed;
mod process;

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use indicatif::ProgressBar;
use serde::Serialize;

use self::api::Api;
use self::process::Janus;
use super::cpu::time_of;
use super::ears::ticks;
use super::rounded;
use crate::ears::{Ear, Options, Profile, light};

pub(super) use self::process::is_installed;

/// Until a change has settled.
const SETTLE: Duration = Duration::from_secs(2);

/// Joins under way at one time, at most.
const PARALLEL: usize = 64;

/// Cheapest first. Which of them Janus knows depends on how it was built.
const PROFILES: [Profile; 2] = [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80];

/// How long the first viewer may take with a profile that Janus may not know.
const FIRST_WITHIN: Duration = Duration::from_secs(5);

/// What Janus is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) listeners: usize,
    /// Bytes of audio in a packet.
    pub(super) payload: usize,
    /// Length of the measured window.
    pub(super) seconds: u64,
    /// Joins a second.
    pub(super) joins: u32,
    /// Its event loops; 0 is its own default, one thread a viewer.
    pub(super) loops: u32,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figures {
    /// As it says itself.
    version: String,
    /// 0: one thread a viewer.
    event_loops: u32,
    /// What the viewers and Janus agreed on.
    profile: &'static str,
    pub(super) us_per_packet: f64,
    /// Cores that it used.
    cores: f64,
    /// CPU time for one join, media meanwhile taken off.
    pub(super) ms_per_join: f64,
    pub(super) packets: u64,
    pub(super) lost: u64,
    /// Whether so many were lost, by Janus or by the viewers, that its cost a packet says nothing.
    pub(super) overloaded: bool,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = match self.event_loops {
            0 => "a thread a listener".to_owned(),
            loops => format!("{loops} event loops"),
        };
        let Self { version, profile, .. } = self;
        writeln!(
            f,
            "    janus               {:.3} µs a packet   ({version}, {threads}, {profile})",
            self.us_per_packet
        )?;
        writeln!(
            f,
            "      {:.3} cores, {:.3} ms a join, {} packets, {} lost{}",
            self.cores,
            self.ms_per_join,
            self.packets,
            self.lost,
            if self.overloaded { ": overloaded, and left out of the comparison" } else { "" }
        )
    }
}

impl Task {
    /// Starts Janus, lets the viewers come, and measures a window.
    ///
    /// # Errors
    ///
    /// When Janus does not start, or a viewer does not come about: figures for fewer would mislead.
    pub(super) async fn run(&self, bar: &ProgressBar) -> Result<Figures> {
        bar.set_message("janus");
        let local = own_address()?;
        let (janus, api) = Janus::start(self.loops, local).await?;
        self.measure(&janus, &api, local, bar).await.with_context(|| format!("Janus says:\n{}", janus.log()))
    }

    async fn measure(&self, janus: &Janus, api: &Api, local: IpAddr, bar: &ProgressBar) -> Result<Figures> {
        let port = api.create_mountpoint().await?;
        let _feed = feed::start(port, self.payload).await?;
        let (first, options) = first(api, local).await?;

        bar.set_message("joins of janus");
        let (began, cpu) = (Instant::now(), time_of(janus.pid())?);
        let mut ears = vec![first];
        let joining = ticks(self.joins, self.listeners.saturating_sub(1)).map(|_| view(api, &options));
        let mut joining = std::pin::pin!(joining.buffer_unordered(PARALLEL));
        while let Some(joined) = joining.next().await {
            ears.push(joined.with_context(|| format!("viewer {}", ears.len() + 1))?);
            bar.inc(1);
        }
        let (join_time, join_cpu) = (began.elapsed(), time_of(janus.pid())?.saturating_sub(cpu));
        tokio::time::sleep(SETTLE).await;

        bar.set_message("window of janus");
        let (packets_before, lost_before) = totals(&ears);
        let (began, cpu) = (Instant::now(), time_of(janus.pid())?);
        for second in 0..self.seconds {
            tokio::time::sleep(Duration::from_secs(second + 1).saturating_sub(began.elapsed())).await;
            bar.inc(1);
        }
        let (cpu, lasted) = (time_of(janus.pid())?.saturating_sub(cpu), began.elapsed());
        let (packets, lost) = totals(&ears);
        let (packets, lost) = (packets - packets_before, lost.saturating_sub(lost_before));
        ensure!(packets > 0, "nothing was heard");
        let us_per_packet = cpu.as_secs_f64() * 1e6 / packets as f64;
        // While they joined, half of them were served on average.
        let media = us_per_packet * self.listeners as f64 * 25.0 * join_time.as_secs_f64() / 1e3;
        let profile = ears.iter().find_map(|ear| ear.profile());
        Ok(Figures {
            version: janus.version().to_owned(),
            event_loops: self.loops,
            profile: profile.map_or("none", Profile::name),
            us_per_packet: rounded(us_per_packet),
            cores: rounded(cpu.as_secs_f64() / lasted.as_secs_f64()),
            ms_per_join: rounded((join_cpu.as_secs_f64() * 1e3 - media).max(0.0) / self.listeners as f64),
            packets,
            lost,
            overloaded: lost * 100 > packets + lost,
        })
    }
}

/// The first viewer, with the first profile that Janus agrees to, and how all others are to join.
async fn first(api: &Api, local: IpAddr) -> Result<(Ear, Options)> {
    let mut last = None;
    for profile in PROFILES {
        let options = Options {
            profile: Some(profile),
            decode: false,
            count_only: true,
            local,
            patience: FIRST_WITHIN,
            ..Options::default()
        };
        match view(api, &options).await {
            Ok(ear) => return Ok((ear, Options { patience: Options::default().patience, ..options })),
            Err(error) => last = Some(error.context(format!("with {profile}"))),
        }
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("no profile to try"))).context("the first viewer")
}

/// Joins, and waits for the first packet.
async fn view(api: &Api, options: &Options) -> Result<Ear> {
    let asked = Instant::now();
    let handle = api.attach().await?;
    let offer = api.watch(handle).await?;
    let (ear, answer) = light::answer(&offer, asked, options).await?;
    api.start(handle, &answer).await?;
    ear.connected().await?;
    ear.wait_packets(1).await?;
    Ok(ear)
}

/// Packets that came to all so far, and that did not.
fn totals(ears: &[Ear]) -> (u64, u64) {
    let counts = ears.iter().map(|ear| ear.counts());
    counts.fold((0, 0), |(packets, lost), one| (packets + one.packets, lost + one.lost))
}

/// An address of this machine that Janus offers: it never offers loopback, though what is sent from a machine to
/// itself takes no other way.
fn own_address() -> Result<IpAddr> {
    // Connecting a UDP socket sends nothing; the kernel only looks which address it would take.
    let socket = std::net::UdpSocket::bind(("0.0.0.0", 0))?;
    let address = socket.connect(("198.51.100.1", 9)).and_then(|()| socket.local_addr());
    let none = "Janus needs an IPv4 address that is not loopback, and this machine has none";
    let address = address.context(none)?.ip();
    ensure!(!address.is_loopback() && !address.is_unspecified(), none);
    Ok(address)
}
