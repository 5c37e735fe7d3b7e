//! One round: a server, its calls, its listeners, and a window.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use indicatif::ProgressBar;
use serde::Serialize;

use super::Load;
use crate::measure::ears::Ears;
use crate::measure::encode;
use crate::measure::janus::Figures;
use crate::measure::latency::Spread;
use crate::measure::rounded;
use crate::measure::site::Site;
use crate::measure::window::{Forward, Window};

/// Until a change has settled.
const SETTLE: Duration = Duration::from_secs(3);

/// A ring holds the last two minutes of a call; a little longer for those that were placed last.
pub(super) const RINGS_FULL_AFTER: Duration = Duration::from_secs(125);

/// Of fewer listeners, or calls, the memory is not much more than a process's moves by itself.
const LISTENERS_FOR_MEMORY: usize = 500;
const CALLS_FOR_MEMORY: u32 = 20;

/// The figures of one round. What needs the server's process is left out when it is not known.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Round {
    pub(super) floor_us_per_packet: Option<f64>,
    /// All of the server's CPU time, a packet that was delivered.
    pub(super) us_per_packet: Option<f64>,
    /// Nothing when Janus was overloaded.
    pub(super) janus_us_per_packet: Option<f64>,
    /// Cores that the server used.
    pub(super) cores: Option<f64>,
    /// Cores that the load used, in the same window.
    pub(super) load_cores: f64,
    /// CPU time of the server for one join, media meanwhile taken off.
    pub(super) ms_per_join: Option<f64>,
    /// Until the first packet, from the POST.
    pub(super) join: Spread,
    pub(super) memory: Option<Memory>,
    /// Frame in to SRTP out, by the server's own clock.
    pub(super) forward: Forward,
    pub(super) packets: u64,
    pub(super) bytes_per_packet: f64,
    pub(super) lost: u64,
    pub(super) dropped: f64,
    pub(super) churned: u64,
    pub(super) above_encode: Option<AboveEncode>,
    pub(super) janus: Option<Figures>,
    /// Why there are none, though they were asked for.
    pub(super) janus_failed: Option<String>,
}

/// Anonymous memory of the server.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Memory {
    pub(super) empty_mb: f64,
    /// With its ring full. Only when that was waited for, and of 20 calls or more.
    pub(super) mb_per_call: Option<f64>,
    /// Only where it stands out: of 500 listeners or more, and not while many rings grow.
    pub(super) kb_per_listener: Option<f64>,
    pub(super) end_mb: f64,
}

/// What sending costs above calls that nobody hears and above encoding.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct AboveEncode {
    /// A call nobody hears, milliseconds of CPU a second.
    pub(super) unheard_ms_per_call_second: f64,
    /// Encoding alone, in a thread that does nothing else.
    pub(super) encode_us_per_frame: f64,
    /// Frames that gave this figure.
    pub(super) encode_frames: u64,
    pub(super) us_per_packet_above_encode: f64,
    pub(super) times_the_floor: Option<f64>,
}

impl Round {
    pub(super) fn set_floor(&mut self, floor: Option<f64>) {
        self.floor_us_per_packet = floor;
        if let (Some(above), Some(floor)) = (&mut self.above_encode, floor) {
            above.times_the_floor = Some(rounded(above.us_per_packet_above_encode / floor));
        }
    }

    /// What came of Janus. That it does not carry the load does not undo what else was measured.
    pub(super) fn set_janus(&mut self, outcome: Result<Figures>) {
        match outcome {
            Ok(janus) => {
                self.janus_us_per_packet = (!janus.overloaded).then_some(janus.us_per_packet);
                self.janus = Some(janus);
            }
            Err(error) => self.janus_failed = Some(format!("{error:#}")),
        }
    }
}

impl Load {
    pub(super) async fn round(&self, wanted: usize, bar: &ProgressBar) -> Result<Round> {
        bar.set_message("server");
        let site = self.which.open().await?;
        // Checking a password takes memory for a moment.
        tokio::time::sleep(SETTLE).await;
        let empty = site.memory()?;
        bar.set_message("calls");
        let (crowd, live) = site.place(self.calls).await?;
        self.let_rings_fill(bar).await;
        tokio::time::sleep(SETTLE).await;
        let with_calls = site.memory()?;

        let mut ears = Ears::new(site.console(), live)?;
        let unheard = if self.above_encode {
            bar.set_message("window, nobody listens");
            Some(Window::watch(&site, &mut ears, self.seconds, 0, bar).await?)
        } else {
            None
        };

        bar.set_message("joins");
        let (began, cpu) = (Instant::now(), site.cpu()?);
        ears.come(wanted, self.joins, bar).await?;
        let (joining, join_cpu) = (began.elapsed(), self.spent(&site, cpu)?);
        tokio::time::sleep(SETTLE).await;
        let with_listeners = site.memory()?;

        bar.set_message(if self.churn > 0 { "window, with churn" } else { "window" });
        let window = Window::watch(&site, &mut ears, self.seconds, self.churn as usize, bar).await?;
        let end = site.memory()?;
        crowd.hang_up();
        ensure!(window.heard.packets > 0, "nothing was heard");
        let above_encode = match unheard {
            Some(unheard) => self.above(&unheard, &window, wanted, bar).await?,
            None => None,
        };
        // Its server goes first when it is of its own: nobody is there then to be told.
        drop(site);
        crowd.finished().await;

        // While they joined, half of them were served on average.
        let media = window.us_per_packet().map(|us| us * wanted as f64 * 25.0 * joining.as_secs_f64() / 1e3);
        let ms_per_join = join_cpu
            .zip(media)
            .map(|(cpu, media)| rounded((cpu.as_secs_f64() * 1e3 - media).max(0.0) / wanted as f64));
        let memory = (|| {
            let (empty, with_calls) = (empty?, with_calls?);
            let still = self.fill || self.calls == 1;
            let listeners = with_listeners?.saturating_sub(with_calls) as f64;
            Some(Memory {
                empty_mb: megabytes(empty),
                mb_per_call: (self.fill && self.calls >= CALLS_FOR_MEMORY)
                    .then(|| rounded(with_calls.saturating_sub(empty) as f64 / 1e6 / f64::from(self.calls))),
                kb_per_listener: (still && wanted >= LISTENERS_FOR_MEMORY)
                    .then(|| rounded(listeners / 1e3 / wanted as f64)),
                end_mb: megabytes(end?),
            })
        })();
        Ok(Round {
            floor_us_per_packet: None,
            us_per_packet: window.us_per_packet().map(rounded),
            janus_us_per_packet: None,
            cores: window.cores().map(rounded),
            load_cores: rounded(window.own_cores()),
            ms_per_join,
            join: ears.join_times(),
            memory,
            forward: window.forward,
            packets: window.heard.packets,
            bytes_per_packet: rounded(window.heard.bytes as f64 / window.heard.packets as f64),
            lost: window.heard.lost,
            dropped: window.dropped,
            churned: window.churned,
            above_encode,
            janus: None,
            janus_failed: None,
        })
    }

    /// Takes off the calls' cost unheard, by the second, and encoding, by the frame.
    async fn above(
        &self,
        unheard: &Window,
        heard: &Window,
        listeners: usize,
        bar: &ProgressBar,
    ) -> Result<Option<AboveEncode>> {
        bar.set_message("encoding alone");
        let encoding = encode::run(self.calls as usize, self.seconds).await?;
        bar.inc(self.seconds);
        let (Some(unheard_cores), Some(cpu)) = (unheard.cores(), heard.cpu) else { return Ok(None) };
        let packets = heard.heard.packets as f64;
        // Every listener of a call gets each of its frames.
        let frames = packets * f64::from(self.calls) / listeners as f64;
        let encode = encoding.us_per_frame * frames;
        let unheard_cpu = unheard_cores * heard.lasted.as_secs_f64() * 1e6;
        Ok(Some(AboveEncode {
            unheard_ms_per_call_second: rounded(unheard_cores * 1e3 / f64::from(self.calls)),
            encode_us_per_frame: rounded(encoding.us_per_frame),
            encode_frames: encoding.frames,
            us_per_packet_above_encode: rounded((cpu.as_secs_f64() * 1e6 - unheard_cpu - encode) / packets),
            times_the_floor: None,
        }))
    }

    async fn let_rings_fill(&self, bar: &ProgressBar) {
        if !self.fill {
            return;
        }
        bar.set_message("rings fill");
        for _ in 0..RINGS_FULL_AFTER.as_secs() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            bar.inc(1);
        }
    }

    fn spent(&self, site: &Site, before: Option<Duration>) -> Result<Option<Duration>> {
        Ok(site.cpu()?.zip(before).map(|(now, then)| now.saturating_sub(then)))
    }
}

fn megabytes(bytes: u64) -> f64 {
    rounded(bytes as f64 / 1e6)
}
