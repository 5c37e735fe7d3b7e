//! A load that a stranger can repeat: calls, listeners, joins, churn, and what each costs the server.
//!
//! The server is a process of its own, with fresh data unless it runs already; calls and listeners are in this one.
//! Beside it runs [the floor](super::floor), and on request [Janus](super::janus), in turns: floor, server, janus,
//! floor, server, janus. Figures drift with the machine's mood, their ratio does not.

mod flat;
mod report;
mod round;

use anyhow::{Result, bail, ensure};
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use super::janus::{self, Task};
use super::site::Which;
use super::{descriptors, floor, rounded};
use flat::Flat;
use report::Report;

/// Bytes of Opus in the floor's packets when none was heard before.
const PAYLOAD: usize = 180;

/// Load a server, and say what a packet, a call, a listener and a join cost
#[derive(Args, Clone, Debug)]
pub struct Load {
    #[command(flatten)]
    which: Which,
    /// Calls at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    calls: u32,
    /// Listeners of each call. A list, as 10,100,1000: one window each in the same server, to see how a packet's
    /// cost changes with them
    #[arg(long, default_value = "500", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=8_000))]
    listeners: Vec<u32>,
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
    /// Wait until the calls' rings are full, two minutes, before memory is measured
    #[arg(long)]
    fill: bool,
    /// Also take off what the calls cost unheard, and encoding: what sending costs above them. For many calls of
    /// few listeners
    #[arg(long)]
    above_encode: bool,
    /// Leave the floor out
    #[arg(long)]
    no_floor: bool,
    /// Also give the same work to Janus, the Debian package, in the same turns
    #[arg(long)]
    janus: bool,
    /// Event loops of Janus; 0 is its own default, a thread for each listener
    #[arg(long, default_value_t = 2, requires = "janus", value_parser = clap::value_parser!(u32).range(0..=64))]
    janus_loops: u32,
}

/// What came of it, whichever was asked for.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// Rounds of one size.
    Rounds(Box<Report>),
    /// Several sizes.
    Flat(Flat),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rounds(report) => report.fmt(f),
            Self::Flat(flat) => flat.fmt(f),
        }
    }
}

impl Load {
    /// Does all rounds.
    ///
    /// # Errors
    ///
    /// When the server does not start, or a call or a listener does not come about: figures for fewer would
    /// mislead.
    pub async fn run(&self, bar: &ProgressBar) -> Result<Outcome> {
        descriptors::allow_all()?;
        match self.listeners[..] {
            [listeners] => Ok(Outcome::Rounds(Box::new(self.rounds(listeners, bar).await?))),
            _ => Ok(Outcome::Flat(self.flat(bar).await?)),
        }
    }

    async fn rounds(&self, each: u32, bar: &ProgressBar) -> Result<Report> {
        let listeners = self.calls * each;
        self.check_janus()?;
        bar.set_length(u64::from(self.rounds) * self.steps(listeners));
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
            round.set_floor(floor);
            payload = round.bytes_per_packet as usize;
            if self.janus {
                let task = Task {
                    listeners: listeners as usize,
                    payload,
                    seconds: self.seconds,
                    joins: self.joins,
                    loops: self.janus_loops,
                };
                round.set_janus(task.run(bar).await);
            }
            rounds.push(round);
        }
        Ok(Report::new(self, listeners, rounds))
    }

    /// The bar's steps in a round.
    fn steps(&self, listeners: u32) -> u64 {
        let joins_and_window = u64::from(listeners) + self.seconds;
        let turns = |wanted: bool, steps| if wanted { steps } else { 0 };
        joins_and_window
            + turns(!self.no_floor, self.seconds)
            + turns(self.janus, joins_and_window)
            + turns(self.above_encode, 2 * self.seconds)
            + turns(self.fill, round::RINGS_FULL_AFTER.as_secs())
    }

    fn check_janus(&self) -> Result<()> {
        if !self.janus {
            return Ok(());
        }
        if self.calls > 1 {
            bail!("--janus compares one call: leave --calls at 1");
        }
        ensure!(
            janus::is_installed(),
            "--janus: no `janus` on the PATH; `make janus` or `apt-get install janus` installs it"
        );
        Ok(())
    }
}
