//! Calls without end, so that a newcomer has something to hear at once.
//!
//! Each plays one of the embedded conversations over the real path: signed webhook, TwiML, WebSocket.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use crate::twilio::{Account, Call, CallSpec, Exchange, Phase, Problem, dial};
use crate::voices::{self, Conversation};

/// Fewest calls at a time, once it has got going.
const FEWEST: usize = 3;

/// Most calls at a time.
const MOST: usize = 5;

/// Calls that are there from the first moment.
const AT_ONCE: usize = 2;

/// Seconds between two calls, from and to.
const EVERY: (u64, u64) = (15, 25);

/// Seconds until the next call while there are too few.
const SOON: u64 = 4;

/// Seconds until the next call after one that failed: at first, and at most.
const AFTER_FAILURE: (u64, u64) = (2, 30);

/// How long a call lasts, in seconds, from and to.
const LENGTH: (u64, u64) = (45, 120);

/// How long a call may take to be live, before it counts as failed.
const LIVE_LIMIT: Duration = Duration::from_secs(10);

/// What to call.
#[derive(Clone, Debug)]
pub struct Config {
    /// The voice webhook.
    pub voice_url: String,
    /// Where the calls' status is reported.
    pub status_url: Option<String>,
    /// Whose calls.
    pub account: Account,
    /// Whose REST API knows the calls.
    pub exchange: Option<Exchange>,
    /// The numbers that are called, in turn. None: a number that belongs to nobody.
    pub numbers: Vec<String>,
    /// What chance there is, is made from this.
    pub seed: u64,
}

/// Keeps three to five calls going until `stop`, then hangs up and waits for their last callbacks.
///
/// A server that refuses a call is asked again, later and later, and a warning says why.
pub async fn run(config: Config, stop: impl Future<Output = ()>) {
    let mut demo =
        Demo { random: fastrand::Rng::with_seed(config.seed), config, placed: 0, calls: Vec::new() };
    tokio::select! {
        () = demo.keep_going() => {}
        () = stop => {}
    }
    for call in &demo.calls {
        call.hang_up();
    }
    for call in demo.calls {
        call.finished().await;
    }
}

struct Demo {
    config: Config,
    random: fastrand::Rng,
    placed: usize,
    calls: Vec<Call>,
}

impl Demo {
    async fn keep_going(&mut self) {
        let mut failures = 0_u32;
        loop {
            let begun = Instant::now();
            let call = dial(self.next_spec());
            let sid = call.call_sid();
            // Kept from the first moment, so that `stop` finds it and awaits its end.
            self.calls.push(call);
            match self.wait_newest().await {
                Some(true) => {
                    failures = 0;
                    tracing::info!(call = %sid, "demo call");
                }
                Some(false) => {
                    failures = failures.saturating_add(1);
                    self.explain_newest().await;
                }
                None => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(call = %sid, "a demo call was not live in time");
                }
            }
            sleep_until(begun + self.pause(failures)).await;
            while self.live() >= MOST {
                sleep_until(Instant::now() + Duration::from_secs(1)).await;
            }
        }
    }

    /// Whether the newest call is live; none if it was not in time and is hung up.
    async fn wait_newest(&self) -> Option<bool> {
        let call = self.calls.last()?;
        let live = timeout(LIVE_LIMIT, call.wait_live()).await;
        if live.is_err() {
            call.hang_up();
        }
        live.ok().map(|live| live.is_ok())
    }

    /// Says why the newest call failed.
    async fn explain_newest(&mut self) {
        if let Some(call) = self.calls.pop() {
            let report = call.finished().await;
            let why: Vec<String> = report.all_problems().map(Problem::to_string).collect();
            tracing::warn!(why = why.join("; "), "a demo call failed");
        }
    }

    /// Until the next call.
    fn pause(&mut self, failures: u32) -> Duration {
        let live = self.live();
        Duration::from_secs(match failures {
            0 if self.placed < AT_ONCE => 0,
            0 if live < FEWEST => SOON,
            0 => self.random.u64(EVERY.0..=EVERY.1),
            _ => AFTER_FAILURE.0.saturating_mul(1 << failures.min(5)).min(AFTER_FAILURE.1),
        })
    }

    fn live(&mut self) -> usize {
        self.calls.retain(|call| call.phase() != Phase::Over);
        self.calls.len()
    }

    fn next_spec(&mut self) -> CallSpec {
        let conversations = voices::all();
        let conversation = &conversations[self.placed % conversations.len()];
        let spec = spec_of(&self.config, conversation, self.placed, &mut self.random);
        self.placed += 1;
        spec
    }
}

fn spec_of(config: &Config, conversation: &Conversation, n: usize, random: &mut fastrand::Rng) -> CallSpec {
    let (caller, agent) = conversation.audio();
    // The same people call again, from the same numbers.
    let spec = CallSpec::new(config.account.clone(), &config.voice_url).saying(caller, agent);
    let number = match config.numbers.len() {
        0 => spec.to.clone(),
        count => config.numbers[n % count].clone(),
    };
    let spec = spec.between(conversation.number, number);
    CallSpec {
        status_url: config.status_url.clone(),
        caller_name: Some(conversation.caller_name.to_owned()),
        loop_audio: true,
        length: Some(Duration::from_secs(random.u64(LENGTH.0..=LENGTH.1))),
        exchange: config.exchange.clone(),
        seed: random.u64(..),
        ..spec
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_differ_in_voice_and_length_and_are_the_same_for_the_same_seed() {
        let specs = |seed| {
            let mut demo = demo(seed);
            (0..8).map(|_| demo.next_spec()).collect::<Vec<_>>()
        };
        let calls = specs(1);
        for pair in calls.windows(2) {
            assert_ne!(pair[0].caller, pair[1].caller);
            assert_ne!(pair[0].from, pair[1].from);
            assert_ne!(pair[0].caller, pair[0].agent);
        }
        let lengths: Vec<_> =
            calls.iter().filter_map(|call| call.length).map(|time| time.as_secs()).collect();
        assert_eq!(lengths.len(), 8, "every call ends");
        assert!(lengths.iter().all(|length| (45..=120).contains(length)), "{lengths:?}");
        let again: Vec<_> =
            specs(1).iter().filter_map(|call| call.length).map(|time| time.as_secs()).collect();
        let other: Vec<_> =
            specs(2).iter().filter_map(|call| call.length).map(|time| time.as_secs()).collect();
        assert_eq!(lengths, again);
        assert_ne!(lengths, other);
    }

    #[test]
    fn two_calls_come_at_once_and_a_server_that_refuses_is_left_in_peace() {
        let mut demo = demo(1);
        demo.placed = 1;
        assert_eq!(demo.pause(0), Duration::ZERO, "the second follows at once");
        demo.placed = 2;
        assert_eq!(demo.pause(0), Duration::from_secs(SOON));
        assert_eq!(demo.pause(1), Duration::from_secs(4));
        assert_eq!(demo.pause(1000), Duration::from_secs(30));
    }

    fn demo(seed: u64) -> Demo {
        let sid = "AC0123456789abcdef0123456789abcdef".parse().unwrap();
        let account = Account { sid, auth_token: "secret".into() };
        let config = Config {
            voice_url: "http://localhost/voice".into(),
            status_url: None,
            account,
            exchange: None,
            numbers: Vec::new(),
            seed,
        };
        Demo { random: fastrand::Rng::with_seed(config.seed), config, placed: 0, calls: Vec::new() }
    }
}
