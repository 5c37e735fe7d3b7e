//! The listeners of a measurement: they come at a rate, some go, and what they heard is added up.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use futures_util::{Stream, StreamExt, stream};
use indicatif::ProgressBar;

use super::latency::{Latency, Spread};
use crate::api::Console;
use crate::ears::whep::Whep;
use crate::ears::{EarError, Heard, Listener, Options, Profile, light};

/// Joins under way at one time, at most.
const PARALLEL: usize = 64;

/// All that was heard so far, by those who left too.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Sums {
    pub(super) packets: u64,
    /// Bytes of audio in them.
    pub(super) bytes: u64,
    pub(super) lost: u64,
}

impl Sums {
    fn add(&mut self, heard: &Heard) {
        self.packets += heard.packets;
        self.bytes += heard.bytes;
        self.lost += heard.lost;
    }

    /// What came since then.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(before.packets),
            bytes: self.bytes.saturating_sub(before.bytes),
            // A packet that was overtaken counts as lost until it comes.
            lost: self.lost.saturating_sub(before.lost),
        }
    }
}

/// Listeners of some calls. They only count.
pub(super) struct Ears {
    console: Console,
    whep: Whep,
    options: Options,
    calls: Vec<String>,
    present: VecDeque<One>,
    gone: Sums,
    /// How many have ever joined: who comes next listens to the next call.
    joined: usize,
    join: Latency,
}

struct One {
    call: String,
    listener: Listener,
}

impl Ears {
    /// Nobody yet, for these calls.
    pub(super) fn new(console: Console, calls: Vec<String>) -> Result<Self> {
        let options = Options {
            profile: Some(Profile::AeadAes128Gcm),
            decode: false,
            count_only: true,
            ..Options::default()
        };
        Ok(Self {
            console,
            whep: Whep::new()?,
            options,
            calls,
            present: VecDeque::new(),
            gone: Sums::default(),
            joined: 0,
            join: Latency::new(),
        })
    }

    /// How many listen now.
    pub(super) fn count(&self) -> usize {
        self.present.len()
    }

    /// Until the first packet, from the POST, of all who joined.
    pub(super) fn join_times(&self) -> Spread {
        self.join.spread()
    }

    /// What was heard so far.
    pub(super) fn sums(&self) -> Sums {
        let mut sums = self.gone;
        self.present.iter().for_each(|one| sums.add(&one.listener.counts()));
        sums
    }

    /// Lets more come at this rate a second, to one call after another, and waits until each hears something.
    ///
    /// # Errors
    ///
    /// The first who does not.
    pub(super) async fn come(&mut self, wanted: usize, rate: u32, bar: &ProgressBar) -> Result<()> {
        ensure!(!self.calls.is_empty() || wanted == 0, "there is no call to listen to");
        let came = self.joined_by(ticks(rate, wanted), bar).await?;
        came.into_iter().for_each(|one| self.add(one));
        Ok(())
    }

    /// Those who join, one for each number.
    async fn joined_by(&self, numbers: impl Stream<Item = usize>, bar: &ProgressBar) -> Result<Vec<One>> {
        let first = self.joined;
        let joining = numbers.map(|n| self.join(first + n)).buffer_unordered(PARALLEL);
        let mut joining = std::pin::pin!(joining);
        let mut came = Vec::new();
        while let Some(joined) = joining.next().await {
            came.push(joined.with_context(|| format!("listener {}", first + came.len() + 1))?);
            bar.inc(1);
        }
        Ok(came)
    }

    /// The oldest leave, as many new ones come.
    ///
    /// # Errors
    ///
    /// When one cannot leave, or does not come.
    pub(super) async fn replace(&mut self, count: usize) -> Result<u64> {
        let oldest: Vec<_> = self.present.drain(..count.min(self.present.len())).collect();
        let left = try_join_all(oldest.into_iter().map(|one| one.listener.leave())).await?;
        left.iter().for_each(|heard| self.gone.add(heard));
        self.fill(left.len()).await?;
        Ok(left.len() as u64)
    }

    /// Lets so many come at once.
    pub(super) async fn fill(&mut self, count: usize) -> Result<()> {
        let first = self.joined;
        let came = try_join_all((0..count).map(|n| self.join(first + n))).await?;
        came.into_iter().for_each(|one| self.add(one));
        Ok(())
    }

    /// A call that can be listened to.
    pub(super) fn add_call(&mut self, call: String) {
        self.calls.push(call);
    }

    /// Takes out who listens to a call that was hung up, once the server has told each, and says how many.
    ///
    /// # Errors
    ///
    /// When the server leaves one on a call that is over.
    pub(super) async fn end_call(&mut self, call: &str) -> Result<usize> {
        self.calls.retain(|id| id != call);
        let (ended, others): (VecDeque<One>, _) = self.present.drain(..).partition(|one| one.call == call);
        self.present = others;
        try_join_all(ended.iter().map(|one| one.listener.closed())).await.context("a call is over")?;
        ended.iter().for_each(|one| self.gone.add(&one.listener.counts()));
        Ok(ended.len())
    }

    /// Takes out whose connection ended though the call goes on, and says how many.
    pub(super) fn take_lost(&mut self) -> usize {
        let (lost, others): (VecDeque<One>, _) =
            self.present.drain(..).partition(|one| one.listener.counts().closed);
        self.present = others;
        lost.iter().for_each(|one| self.gone.add(&one.listener.counts()));
        lost.len()
    }

    fn add(&mut self, one: One) {
        one.listener.counts().first_packet_after.into_iter().for_each(|after| self.join.record(after));
        self.joined += 1;
        self.present.push_back(one);
    }

    /// Joins as number `n`, and waits for the first packet.
    async fn join(&self, n: usize) -> Result<One> {
        let call = n.checked_rem(self.calls.len()).and_then(|n| self.calls.get(n)).context("no call")?;
        let endpoint = self.console.listen(call).await?.endpoint;
        let join = async {
            let listener = light::join(&self.whep, &endpoint, &self.options).await?;
            listener.connected().await?;
            listener.wait_packets(1).await?;
            Ok::<_, EarError>(listener)
        };
        Ok(One { call: call.clone(), listener: join.await? })
    }
}

/// The numbers up to `count`, so many a second.
pub(super) fn ticks(rate: u32, count: usize) -> impl Stream<Item = usize> {
    let mut clock = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    stream::poll_fn(move |cx| clock.poll_tick(cx).map(Some)).take(count).enumerate().map(|(n, _)| n)
}
