//! How a packet's cost changes with the number of listeners: one server, more and more of them.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};
use indicatif::ProgressBar;
use serde::Serialize;

use super::Load;
use crate::measure::ears::Ears;
use crate::measure::window::Window;
use crate::measure::{median, rounded};

/// Until a change has settled.
const SETTLE: Duration = Duration::from_secs(2);

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Flat {
    server: String,
    calls: u32,
    seconds: u64,
    rounds: u32,
    /// The median of all rounds for each size, fewest listeners first.
    sizes: Vec<Size>,
    /// A packet's cost with the most listeners, by its cost with the fewest.
    largest_to_smallest: Option<f64>,
    method: &'static str,
}

/// The figures of one size.
#[derive(Clone, Copy, Debug, Serialize)]
struct Size {
    /// Of each call.
    listeners: u32,
    /// The calls' own cost taken off.
    us_per_packet: Option<f64>,
    /// All of the server's CPU time, a packet.
    us_per_packet_in_all: Option<f64>,
    /// What was taken off, a frame of a call.
    own_us_per_frame: Option<f64>,
    cores: Option<f64>,
    load_cores: f64,
    /// Of all rounds.
    packets: u64,
    lost: u64,
    dropped: f64,
}

const METHOD: &str = "user + system time of the server process (its CPU clock). A call's own cost is what one frame of it \
                      costs with one listener: a window with one listener a call, its CPU time divided by the packets \
                      they heard; receiving both tracks, encoding, and sending once are in it. Of each larger window so \
                      much is taken off for every frame that a listener heard, and the rest is divided by the packets of \
                      all listeners but one of each call. Lost packets are by the listeners' count of RTP sequence \
                      numbers: many mean that the load itself could not keep up";

impl Load {
    pub(super) async fn flat(&self, bar: &ProgressBar) -> Result<Flat> {
        let mut sizes = self.listeners.clone();
        sizes.sort_unstable();
        sizes.dedup();
        ensure!(
            sizes.first().is_some_and(|&fewest| fewest > 1),
            "a list of --listeners begins with 2 or more: one is taken off"
        );
        let unfit = [("--janus", self.janus), ("--above-encode", self.above_encode), ("--fill", self.fill)];
        if let Some((name, _)) = unfit.iter().find(|(_, given)| *given) {
            anyhow::bail!("{name} goes with one number of --listeners, not with a list");
        }
        let most = u64::from(sizes.last().copied().unwrap_or_default() * self.calls);
        let windows = sizes.len() as u64 + 1;
        bar.set_length(u64::from(self.rounds) * (most + windows * self.seconds));
        let mut rounds = Vec::new();
        for _ in 0..self.rounds {
            rounds.push(self.grow(&sizes, bar).await?);
        }
        let sizes: Vec<Size> = (0..sizes.len()).filter_map(|n| Size::median(&rounds, n)).collect();
        let of = |size: Option<&Size>| size.and_then(|size| size.us_per_packet);
        Ok(Flat {
            server: self.which.name(),
            calls: self.calls,
            seconds: self.seconds,
            rounds: self.rounds,
            largest_to_smallest: of(sizes.last())
                .zip(of(sizes.first()))
                .map(|(most, fewest)| rounded(most / fewest)),
            sizes,
            method: METHOD,
        })
    }

    /// One server, all sizes.
    async fn grow(&self, sizes: &[u32], bar: &ProgressBar) -> Result<Vec<Size>> {
        bar.set_message("server");
        let site = self.which.open().await?;
        let (crowd, live) = site.place(self.calls).await?;
        let mut ears = Ears::new(site.console(), live)?;
        let own = self.window(&site, &mut ears, 1, bar).await?;
        ensure!(own.heard.packets > 0, "nothing was heard");
        let own_us = own.us_per_packet();
        let mut figures = Vec::with_capacity(sizes.len());
        for &listeners in sizes {
            let window = self.window(&site, &mut ears, listeners, bar).await?;
            figures.push(Size::of(listeners, &window, own_us));
        }
        crowd.hang_up();
        drop(site);
        crowd.finished().await;
        Ok(figures)
    }

    /// Lets listeners come until each call has so many, then watches.
    async fn window(
        &self,
        site: &crate::measure::site::Site,
        ears: &mut Ears,
        listeners: u32,
        bar: &ProgressBar,
    ) -> Result<Window> {
        bar.set_message(format!("joins, up to {listeners}"));
        ears.come((self.calls * listeners) as usize - ears.count(), self.joins, bar).await?;
        tokio::time::sleep(SETTLE).await;
        bar.set_message(format!("window, {listeners} listeners a call"));
        Window::watch(site, ears, self.seconds, self.churn as usize, bar).await
    }
}

impl Size {
    fn of(listeners: u32, window: &Window, own_us: Option<f64>) -> Self {
        let packets = window.heard.packets as f64;
        let frames = packets / f64::from(listeners);
        let us_per_packet = window.cpu.zip(own_us).map(|(cpu, own)| {
            rounded((cpu.as_secs_f64() * 1e6 - own * frames) / (packets - frames).max(1.0))
        });
        Self {
            listeners,
            us_per_packet,
            us_per_packet_in_all: window.us_per_packet().map(rounded),
            own_us_per_frame: own_us.map(rounded),
            cores: window.cores().map(rounded),
            load_cores: rounded(window.own_cores()),
            packets: window.heard.packets,
            lost: window.heard.lost,
            dropped: window.dropped,
        }
    }

    /// The medians of size number `n` over the rounds.
    fn median(rounds: &[Vec<Self>], n: usize) -> Option<Self> {
        let sizes: Vec<&Self> = rounds.iter().filter_map(|round| round.get(n)).collect();
        let of = |figure: fn(&Self) -> Option<f64>| median(sizes.iter().filter_map(|size| figure(size)));
        Some(Self {
            listeners: sizes.first()?.listeners,
            us_per_packet: of(|size| size.us_per_packet),
            us_per_packet_in_all: of(|size| size.us_per_packet_in_all),
            own_us_per_frame: of(|size| size.own_us_per_frame),
            cores: of(|size| size.cores),
            load_cores: of(|size| Some(size.load_cores))?,
            packets: sizes.iter().map(|size| size.packets).sum(),
            lost: sizes.iter().map(|size| size.lost).sum(),
            dropped: sizes.iter().map(|size| size.dropped).sum(),
        })
    }
}

impl fmt::Display for Flat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, seconds, rounds, .. } = self;
        writeln!(f, "{calls} calls, windows of {seconds} s, {rounds} rounds: medians")?;
        writeln!(
            f,
            "  {:>9} {:>14} {:>14} {:>8} {:>8} {:>12} {:>8} {:>8}",
            "listeners", "µs a packet", "µs in all", "cores", "load", "packets", "lost", "dropped"
        )?;
        let known = |figure: Option<f64>| figure.map_or("?".to_owned(), |figure| format!("{figure:.3}"));
        for size in &self.sizes {
            writeln!(
                f,
                "  {:>9} {:>14} {:>14} {:>8} {:>8.3} {:>12} {:>8} {:>8}",
                size.listeners,
                known(size.us_per_packet),
                known(size.us_per_packet_in_all),
                known(size.cores),
                size.load_cores,
                size.packets,
                size.lost,
                size.dropped
            )?;
        }
        if let Some(own) = self.sizes.first().and_then(|size| size.own_us_per_frame) {
            writeln!(f, "  taken off: {own:.1} µs a frame of a call, its cost with one listener")?;
        }
        if let Some(ratio) = self.largest_to_smallest {
            writeln!(f, "  {ratio:.2} times as much a packet with the most as with the fewest")?;
        }
        writeln!(f, "  {}", self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::ears::Sums;
    use crate::measure::window::Forward;

    #[test]
    fn a_call_is_taken_off_by_the_frame() {
        // 500 frames at 50 µs of their own, then 3 µs for each of 9 further listeners.
        let window = Window {
            cpu: Some(Duration::from_micros(500 * 50 + 500 * 9 * 3)),
            own_cpu: Duration::from_secs(1),
            lasted: Duration::from_secs(10),
            heard: Sums { packets: 5_000, bytes: 0, lost: 2 },
            forward: Forward { p50_ms: None, p99_ms: None },
            dropped: 0.0,
            churned: 0,
        };
        let size = Size::of(10, &window, Some(50.0));
        assert_eq!(size.us_per_packet, Some(3.0));
        assert_eq!((size.us_per_packet_in_all, size.load_cores, size.lost), (Some(7.7), 0.1, 2));
        assert_eq!(Size::of(10, &Window { cpu: None, ..window }, None).us_per_packet, None);
    }
}
