//! What this node may carry, how much of that is taken, and whether one more may come.
//!
//! Each budget is a number that an operator can know beforehand, but for two that the media threads tell
//! themselves: how much of a core they take, and how late a timer of theirs is served. Listeners are turned away
//! when one of those that concern them is spent; a call of Twilio's only when there is no place for a socket.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::{Gauge, GaugeVec, IntGauge, Opts, Registry};
use rustix::time::{ClockId, clock_gettime};

use crate::threads::Threads;

/// How often the sampled budgets are looked at.
const SAMPLED: Duration = Duration::from_secs(1);

/// So many seconds are averaged: long enough that a burst of joins is not taken for a lack of room.
const SECONDS: usize = 5;

/// How often a media thread is asked how late it is. Waking one costs more than answering.
const PULSE: Duration = Duration::from_millis(200);

/// So many answers count: of them the median, for a machine that stands still now and then is not a full one.
const PULSES: usize = 15;

/// Later than this in most cases, and a packet is later than the whole way through the gateway may take.
const LATE: Duration = Duration::from_millis(40);

/// From this part of the threads' time on nothing more is encoded that need not be.
const SPARE: f64 = 0.8;

/// What a node may carry.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Calls that are encoded at one time, for each media thread.
    pub encoders: NonZeroU32,
    /// Bits a second to all listeners together; `None` is no limit. Counted without UDP's and IP's headers.
    pub egress: Option<u64>,
    /// Part of a core that a media thread may take, over 0 and up to 1.
    pub busy: f64,
}

impl Default for Config {
    /// 300 encoders take about half of a core (`make bench`, `encode`).
    fn default() -> Self {
        const ENCODERS: NonZeroU32 = NonZeroU32::new(300).unwrap();
        Self { encoders: ENCODERS, egress: None, busy: 0.9 }
    }
}

/// The budgets, by the words of the metrics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Budget {
    Calls,
    Encoders,
    Listeners,
    Egress,
    Busy,
    Late,
}

impl Budget {
    const ALL: [Self; 6] =
        [Self::Calls, Self::Encoders, Self::Listeners, Self::Egress, Self::Busy, Self::Late];

    /// Those that turn a listener away by what was last seen of them. Without an encoder there still is mu-law, and
    /// places are counted where they are given out.
    const OF_LISTENERS: [Self; 3] = [Self::Egress, Self::Busy, Self::Late];

    /// The word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Encoders => "encoders",
            Self::Listeners => "listeners",
            Self::Egress => "egress",
            Self::Busy => "busy",
            Self::Late => "late",
        }
    }
}

/// The numbers that are counted elsewhere, now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) calls: usize,
    pub(crate) listeners: usize,
    /// Bytes sent since the start.
    pub(crate) egress: u64,
}

/// How much of each budget is taken. Shared by all who ask and by the one who samples.
#[derive(Debug)]
pub(crate) struct Budgets {
    config: Config,
    calls: usize,
    listeners: usize,
    threads: usize,
    encoders: IntGauge,
    /// In the order of [`Budget::ALL`], as they are exported: 1 is all of it.
    taken: [Gauge; Budget::ALL.len()],
    tasks: IntGauge,
    whole: Gauge,
    /// What each thread has said.
    pulses: Vec<Mutex<Pulses>>,
}

/// What one thread has said of itself.
#[derive(Debug, Default)]
struct Pulses {
    /// How late it was the last times.
    late: VecDeque<Duration>,
    /// When it last spoke, and its CPU time then.
    last: Option<(Instant, Duration)>,
}

impl Pulses {
    /// How late it mostly is; one that says nothing any more is as late as that lasts.
    fn lateness(&self, now: Instant) -> Duration {
        let silent = self.last.map_or(Duration::ZERO, |(at, _)| now.saturating_duration_since(at));
        if silent > PULSE * PULSES as u32 {
            return silent;
        }
        // With few answers one of them would be the median of all.
        if self.late.len() < PULSES {
            return Duration::ZERO;
        }
        let mut late: Vec<Duration> = self.late.iter().copied().collect();
        late.sort_unstable();
        late[late.len() / 2]
    }
}

impl Budgets {
    /// For this many calls and listeners, and an encoders' gauge that somebody else keeps.
    pub(crate) fn new(
        config: Config,
        (calls, listeners, threads): (usize, usize, usize),
        encoders: IntGauge,
        registry: &Registry,
    ) -> Result<Arc<Self>, prometheus::Error> {
        let whole = Gauge::new(
            "partyline_admission_utilization_ratio",
            "The fullest of this node's budgets, of which 1 is all. Scale on this",
        )?;
        let parts = GaugeVec::new(
            Opts::new("partyline_admission_budget_ratio", "How much of each budget is taken"),
            &["budget"],
        )?;
        let tasks = IntGauge::new(
            "partyline_media_tasks",
            "Tasks on the media threads: one a connection, and two a thread",
        )?;
        registry.register(Box::new(tasks.clone()))?;
        registry.register(Box::new(whole.clone()))?;
        registry.register(Box::new(parts.clone()))?;
        let taken = Budget::ALL.map(|budget| parts.with_label_values(&[budget.as_str()]));
        let pulses = (0..threads).map(|_| Mutex::default()).collect();
        Ok(Arc::new(Self { config, calls, listeners, threads, encoders, tasks, taken, whole, pulses }))
    }

    /// The budget for which one more listener is too many, if there is one.
    pub(crate) fn spent(&self) -> Option<Budget> {
        Budget::OF_LISTENERS.into_iter().find(|budget| self.taken(*budget) >= 1.0)
    }

    /// Whether one more call may be encoded.
    pub(crate) fn may_encode(&self) -> bool {
        self.encoded() < 1.0 && self.taken(Budget::Busy).max(self.taken(Budget::Late)) < SPARE
    }

    /// Looks at everything once a second, and asks each thread how late it is, for as long as it is polled.
    /// `counted` gives what is counted elsewhere.
    pub(crate) async fn sample(self: &Arc<Self>, threads: &Threads, counted: impl Fn() -> Counted) {
        for (index, thread) in threads.handles().iter().enumerate() {
            let budgets = Arc::downgrade(self);
            thread.spawn(async move {
                loop {
                    let due = tokio::time::Instant::now() + PULSE;
                    tokio::time::sleep_until(due).await;
                    let Some(budgets) = budgets.upgrade() else { return };
                    budgets.pulse(index, Instant::now(), due.elapsed(), cpu_time());
                }
            });
        }
        let mut clock = tokio::time::interval(SAMPLED);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut samples = VecDeque::with_capacity(SECONDS + 1);
        loop {
            clock.tick().await;
            self.tasks.set(i64::try_from(threads.tasks()).unwrap_or(i64::MAX));
            let cpu = self.pulses.iter().map(|pulses| lock(pulses).last).collect();
            samples.push_back(Sample { at: Instant::now(), cpu, counted: counted() });
            if let (Some(first), Some(last)) = (samples.front(), samples.back()) {
                self.take(first, last);
            }
            if samples.len() > SECONDS {
                samples.pop_front();
            }
        }
    }

    fn pulse(&self, thread: usize, now: Instant, late: Duration, cpu: Duration) {
        let Some(pulses) = self.pulses.get(thread) else { return };
        let mut pulses = lock(pulses);
        if pulses.late.len() >= PULSES {
            pulses.late.pop_front();
        }
        pulses.late.push_back(late);
        pulses.last = Some((now, cpu));
    }

    fn take(&self, first: &Sample, last: &Sample) {
        let seconds = last.at.saturating_duration_since(first.at).as_secs_f64();
        let rate = |amount: f64| if seconds > 0.0 { amount / seconds } else { 0.0 };
        let busy = last.cpu.iter().zip(&first.cpu).filter_map(|(last, first)| {
            let ((last_at, last), (first_at, first)) = ((*last)?, (*first)?);
            let passed = last_at.saturating_duration_since(first_at).as_secs_f64();
            (passed > 0.0).then(|| last.saturating_sub(first).as_secs_f64() / passed)
        });
        let busiest = busy.fold(0.0, f64::max);
        let bits = rate(last.counted.egress.saturating_sub(first.counted.egress) as f64 * 8.0);
        let latest =
            self.pulses.iter().map(|pulses| lock(pulses).lateness(last.at)).max().unwrap_or_default();
        let mut whole = 0.0_f64;
        for budget in Budget::ALL {
            let taken = match budget {
                Budget::Calls => part(last.counted.calls, self.calls),
                Budget::Encoders => self.encoded(),
                Budget::Listeners => part(last.counted.listeners, self.listeners),
                Budget::Egress => self.config.egress.map_or(0.0, |most| bits / most.max(1) as f64),
                Budget::Busy => busiest / self.config.busy,
                Budget::Late => latest.as_secs_f64() / LATE.as_secs_f64(),
            };
            self.taken[budget as usize].set(taken);
            whole = whole.max(taken);
        }
        self.whole.set(whole);
    }

    /// The fullest budget, of which 1 is all.
    pub(crate) fn utilization(&self) -> f64 {
        self.whole.get()
    }

    fn taken(&self, budget: Budget) -> f64 {
        self.taken[budget as usize].get()
    }

    /// By the gauge itself: a burst of joins is over before the next sample.
    fn encoded(&self) -> f64 {
        let most = self.config.encoders.get() as usize * self.threads;
        part(usize::try_from(self.encoders.get()).unwrap_or(0), most)
    }
}

/// What was seen at one time.
#[derive(Debug)]
struct Sample {
    at: Instant,
    /// When each thread last spoke, and its CPU time then.
    cpu: Vec<Option<(Instant, Duration)>>,
    counted: Counted,
}

fn part(taken: usize, most: usize) -> f64 {
    taken as f64 / most.max(1) as f64
}

/// Of this thread, since it started: unlike the time it was not asleep, it does not grow while others have the core.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn lock(pulses: &Mutex<Pulses>) -> MutexGuard<'_, Pulses> {
    // Whole after every step: a panic elsewhere spoils nothing.
    pulses.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_budget_is_the_nodes_utilization() {
        let (budgets, registry) = budgets(Config::default());
        let at = Instant::now();
        let counted = Counted { calls: 25, listeners: 10, egress: 0 };
        budgets.take(&sample(at, 0, Counted::default()), &sample(at + SAMPLED, 450, counted));
        assert_eq!(utilization(&registry), 0.5, "450 ms of 900");
        let counted = Counted { calls: 80, ..counted };
        budgets.take(&sample(at, 0, Counted::default()), &sample(at + SAMPLED, 450, counted));
        assert_eq!(utilization(&registry), 0.8, "80 of 100 calls");
        assert_eq!(budgets.spent(), None);
    }

    #[test]
    fn listeners_are_turned_away_for_their_own_budgets_and_not_for_calls() {
        let (budgets, _) = budgets(Config { egress: Some(8_000_000), ..Config::default() });
        let at = Instant::now();
        let spent = |busy, counted| {
            budgets.take(&sample(at, 0, Counted::default()), &sample(at + SAMPLED, busy, counted));
            budgets.spent()
        };
        let none = Counted::default();
        assert_eq!(spent(0, Counted { calls: 100, ..none }), None, "a listener takes no call's place");
        assert_eq!(spent(0, Counted { listeners: 50, ..none }), None, "one may just have left");
        assert_eq!(spent(0, Counted { egress: 1_000_000, ..none }), Some(Budget::Egress));
        assert_eq!(spent(0, Counted { egress: 999_000, ..none }), None);
        assert_eq!(spent(900, none), Some(Budget::Busy));
        assert_eq!(spent(0, none), None);
    }

    #[test]
    fn a_thread_that_is_late_most_of_the_time_takes_no_more() {
        let (budgets, _) = budgets(Config::default());
        let at = Instant::now();
        let spent = |late: &[u64]| {
            late.iter().for_each(|late| budgets.pulse(1, at, Duration::from_millis(*late), Duration::ZERO));
            budgets.take(&sample(at, 0, Counted::default()), &sample(at + SAMPLED, 0, Counted::default()));
            budgets.spent()
        };
        assert_eq!(spent(&[500; PULSES - 1]), None, "too few to tell");
        assert_eq!(spent(&[1; PULSES]), None);
        assert_eq!(spent(&[500; PULSES / 2]), None, "it stood still for a while");
        assert_eq!(spent(&[41]), Some(Budget::Late));
        assert_eq!(spent(&[1; PULSES]), None);

        let much_later = sample(at + Duration::from_secs(9), 0, Counted::default());
        budgets.take(&sample(at, 0, Counted::default()), &much_later);
        assert_eq!(budgets.spent(), Some(Budget::Late), "it has not been heard of for long");
    }

    #[test]
    fn a_call_more_is_encoded_while_there_is_room_for_an_encoder_and_time_to_spare() {
        let (budgets, _) = budgets(Config::default());
        let at = Instant::now();
        assert!(budgets.may_encode());
        budgets.encoders.set(2 * 300 - 1);
        assert!(budgets.may_encode());
        budgets.encoders.set(2 * 300);
        assert!(!budgets.may_encode());
        budgets.encoders.set(0);
        budgets.take(&sample(at, 0, Counted::default()), &sample(at + SAMPLED, 730, Counted::default()));
        assert!(!budgets.may_encode(), "730 ms are more than four fifths of 900");
        assert_eq!(budgets.spent(), None, "but who wants no encoder may come");
    }

    #[tokio::test]
    async fn threads_tell_how_busy_and_how_late_they_are() {
        let threads = Threads::start(std::num::NonZeroUsize::new(2).unwrap()).unwrap();
        let (budgets, _) = budgets(Config::default());
        // Holds one thread up for most of its time, at work.
        threads.handles()[1].spawn(async {
            loop {
                let began = Instant::now();
                while began.elapsed() < Duration::from_millis(150) {}
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let full = async {
            // How much of a core it gets is not for a test to say.
            while budgets.taken(Budget::Busy) < 0.05 || budgets.taken(Budget::Late) < 1.0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            () = budgets.sample(&threads, Counted::default) => {}
            () = full => {}
        }
        assert!(budgets.spent().is_some());
        threads.stop().await;
    }

    /// For 100 calls and 50 listeners on two threads.
    fn budgets(config: Config) -> (Arc<Budgets>, Registry) {
        let registry = Registry::new();
        let encoders = IntGauge::new("encoders", "for the test").unwrap();
        (Budgets::new(config, (100, 50, 2), encoders, &registry).unwrap(), registry)
    }

    fn sample(at: Instant, busy_ms: u64, counted: Counted) -> Sample {
        Sample {
            at,
            cpu: vec![Some((at, Duration::ZERO)), Some((at, Duration::from_millis(busy_ms)))],
            counted,
        }
    }

    fn utilization(registry: &Registry) -> f64 {
        let all = registry.gather();
        let family = all.iter().find(|family| family.name() == "partyline_admission_utilization_ratio");
        family.unwrap().get_metric()[0].get_gauge().get_value()
    }
}
