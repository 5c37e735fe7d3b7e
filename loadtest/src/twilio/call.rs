//! A call from the outside: placed, watched, spoiled, hung up, and what became of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use common::{CallSid, StreamSid};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::exchange::Line;
use super::leg::Leg;
use super::played::Played;
use super::report::CallReport;
use super::spec::CallSpec;
use super::stream::Command;
use super::twiml::{self, Target};

/// Orders that may wait for a call.
const COMMANDS: usize = 64;

/// How far a call has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// The voice webhook is asked, the TwiML obeyed; no stream is open yet.
    Opening,
    /// A stream has been opened.
    Live(StreamSid),
    /// It is over. The report is ready, or will be as soon as the last callbacks are through.
    Over,
}

/// The call ended before a stream opened. Its report says why.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the call ended before a stream was open")]
pub struct NotLive;

/// What is asked of a call, by the test or through the API.
#[derive(Debug)]
pub(super) enum Order {
    /// For the call, or for all its streams.
    Tell(Command),
    /// Open one more stream, and say which; none if that cannot be.
    Stream { plan: twiml::Stream, answer: oneshot::Sender<Option<StreamSid>> },
    /// End this stream.
    StopStream(StreamSid),
    /// Leave what is being done, and go on with another document.
    Follow(Follow),
}

/// Where a document is.
#[derive(Debug)]
pub(super) enum Follow {
    /// Here.
    Twiml(String),
    /// There.
    Url(Target),
}

/// What the parts of a call share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Whether the other side has answered.
    pub(super) answered: AtomicBool,
    /// When the two began to talk.
    pub(super) conversation: OnceLock<Instant>,
    /// Frames sent on all streams.
    pub(super) frames: AtomicU64,
    /// What the caller hears of the server.
    pub(super) played: Played,
    phase: watch::Sender<Phase>,
}

impl Shared {
    /// A stream is open.
    pub(super) fn live(&self, stream: StreamSid) {
        self.phase.send_if_modified(|phase| {
            let first = *phase == Phase::Opening;
            if first {
                *phase = Phase::Live(stream);
            }
            first
        });
    }
}

/// A call that was placed. Dropping it hangs up; the call then ends in good order by itself.
#[derive(Debug)]
pub struct Call {
    sid: CallSid,
    orders: mpsc::Sender<Order>,
    shared: Arc<Shared>,
    phase: watch::Receiver<Phase>,
    leg: JoinHandle<CallReport>,
}

/// Places a call on the current Tokio runtime.
///
/// # Panics
///
/// Outside of a Tokio runtime.
pub fn dial(spec: CallSpec) -> Call {
    let sid = spec.call_sid.unwrap_or_else(|| new_sid(CallSid::PREFIX));
    let (orders, receiver) = mpsc::channel(COMMANDS);
    if let Some(exchange) = &spec.exchange {
        exchange.add(Line::new(&spec, sid, orders.downgrade()));
    }
    let (sender, phase) = watch::channel(Phase::Opening);
    let shared = Arc::new(Shared {
        answered: AtomicBool::new(false),
        conversation: OnceLock::new(),
        frames: AtomicU64::new(0),
        played: Played::new(Instant::now()),
        phase: sender,
    });
    let leg = Leg::new(spec, sid, receiver, shared.clone());
    let leg = tokio::spawn({
        let shared = shared.clone();
        async move {
            let report = leg.run().await;
            shared.phase.send_replace(Phase::Over);
            report
        }
    });
    Call { sid, orders, shared, phase, leg }
}

/// A new id: the two letters and 32 hexadecimal digits.
pub(super) fn new_sid<S: std::str::FromStr<Err: std::fmt::Debug>>(prefix: &str) -> S {
    format!("{prefix}{}", Uuid::new_v4().simple()).parse().expect("a UUID is 32 hexadecimal digits")
}

impl Call {
    /// Its id.
    pub const fn call_sid(&self) -> CallSid {
        self.sid
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Frames sent so far, on all streams. A frame is a media message a track.
    pub fn frames_sent(&self) -> u64 {
        self.shared.frames.load(Ordering::Relaxed)
    }

    /// What was played to the caller up to now, as PCM at 8 kHz: silence where there was nothing. It begins at
    /// [`played_since`](Self::played_since), and has the last ten minutes at most.
    pub fn played(&self) -> Vec<i16> {
        self.shared.played.until(Instant::now())
    }

    /// When the first sample of [`played`](Self::played) was.
    pub fn played_since(&self) -> Instant {
        self.shared.played.since()
    }

    /// Waits until a stream is open and `start` has been sent.
    pub async fn wait_live(&self) -> Result<StreamSid, NotLive> {
        let mut phase = self.phase.clone();
        match phase.wait_for(|phase| *phase != Phase::Opening).await.as_deref() {
            Ok(Phase::Live(stream)) => Ok(*stream),
            Ok(Phase::Opening | Phase::Over) | Err(_) => Err(NotLive),
        }
    }

    /// The caller hangs up.
    pub fn hang_up(&self) {
        self.tell(Command::HangUp);
    }

    /// The connections of all open streams break, without `stop`. The call goes on.
    pub fn drop_socket(&self) {
        self.tell(Command::Drop);
    }

    /// All open streams fall silent, with their sockets open.
    pub fn stall(&self) {
        self.tell(Command::Stall(true));
    }

    /// Stalled streams go on; what was said meanwhile is lost.
    pub fn resume(&self) {
        self.tell(Command::Stall(false));
    }

    /// The caller presses a key: `0` to `9`, `*`, `#`. Anything else is nothing.
    pub fn press(&self, key: char) {
        if matches!(key, '0'..='9' | '*' | '#') {
            self.tell(Command::Digit(key));
        }
    }

    /// Waits for the end of the call and of its callbacks.
    ///
    /// # Panics
    ///
    /// If the simulator itself did.
    pub async fn finished(self) -> CallReport {
        // The commands stay open to the end: without them the call would hang up.
        match self.leg.await {
            Ok(report) => report,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    fn tell(&self, command: Command) {
        // Full: more than a person can do to a call. Closed: the call is over.
        if let Err(error) = self.orders.try_send(Order::Tell(command)) {
            tracing::debug!(%error, "a command came to nothing");
        }
    }
}
