//! A call from the outside: placed, watched, spoiled, hung up, and what became of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use common::{CallSid, StreamSid};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::courier::Reports;
use super::exchange::Line;
use super::leg::{Leg, Opening, Orders};
use super::origin::Origin;
use super::played::Played;
use super::report::CallReport;
use super::spec::CallSpec;
use super::stream::Command;
use super::twiml::{self, Method, Target};
use super::voice::{Speech, Voice};
use super::wire::Track;

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

/// What the parts of a leg share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Whether the other side has answered.
    pub(super) answered: AtomicBool,
    /// When the two began to talk.
    pub(super) conversation: Arc<OnceLock<Instant>>,
    /// Frames sent on all streams.
    pub(super) frames: AtomicU64,
    /// What the leg's party says.
    pub(super) voice: Voice,
    /// What the leg's party hears.
    pub(super) played: Arc<Played>,
    /// What those hear whom it dials.
    pub(super) agent: Arc<Played>,
    /// The leg that it dialled last.
    child: Mutex<Option<CallSid>>,
    phase: watch::Sender<Phase>,
}

impl Shared {
    /// Of a leg whose party says and hears this.
    pub(super) fn new(voice: Voice, played: Arc<Played>) -> Self {
        let conversation = match &voice {
            Voice::Person(speech) => speech.began.clone(),
            Voice::Line(_) => Arc::default(),
        };
        Self {
            answered: AtomicBool::new(false),
            conversation,
            frames: AtomicU64::new(0),
            voice,
            played,
            agent: Arc::new(Played::new(Instant::now())),
            child: Mutex::default(),
            phase: watch::Sender::new(Phase::Opening),
        }
    }

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

    /// It is over.
    pub(super) fn over(&self) {
        self.phase.send_replace(Phase::Over);
    }

    /// The conversation begins now, unless it has begun.
    pub(super) fn begin(&self) {
        self.conversation.get_or_init(Instant::now);
    }

    /// Writes what a track carried up to that moment. False, and nothing written: what the spec's party of it says.
    pub(super) fn carried(&self, track: Track, until: Instant, out: &mut [u8]) -> bool {
        match (track, &self.voice) {
            (Track::Inbound, Voice::Person(_)) => false,
            (Track::Inbound, Voice::Line(line)) => line.hear(until, out),
            (Track::Outbound, _) => self.played.hear(until, out),
        }
    }

    /// It dials this leg.
    pub(super) fn dials(&self, child: CallSid) {
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
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
    let (orders, receiver) = order_channel();
    if let Some(exchange) = &spec.exchange {
        exchange.add(Line::new(&spec, sid, Origin::Inbound, orders.downgrade()));
    }
    let speech = Speech { audio: spec.caller.clone(), looped: spec.loop_audio, began: Arc::default() };
    let shared = Arc::new(Shared::new(Voice::Person(speech), Arc::new(Played::new(Instant::now()))));
    let reports = spec
        .status_url
        .clone()
        .map(|url| Reports { target: Target { url, method: Method::Post }, events: None });
    let voice = Target { url: spec.voice_url.clone(), method: Method::Post };
    let leg = Leg::new(spec, sid, Origin::Inbound, Orders::of(receiver), shared.clone(), reports);
    let phase = shared.phase.subscribe();
    Call { sid, orders, phase, shared, leg: tokio::spawn(leg.run(Opening::Voice(voice))) }
}

/// What is asked of a leg goes this way.
pub(super) fn order_channel() -> (mpsc::Sender<Order>, mpsc::Receiver<Order>) {
    mpsc::channel(COMMANDS)
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

    /// What the caller heard up to now, as PCM at 8 kHz: what a stream's server had played, whoever the caller was
    /// bridged with, or the conference; silence where there was nothing. It begins at
    /// [`played_since`](Self::played_since), and has the last ten minutes of a longer call.
    pub fn played(&self) -> Vec<i16> {
        self.shared.played.until(Instant::now())
    }

    /// When the first sample of [`played`](Self::played) was.
    pub fn played_since(&self) -> Instant {
        self.shared.played.since()
    }

    /// The leg of whom it dialled last, once `<Dial>` has.
    pub fn child_sid(&self) -> Option<CallSid> {
        *self.shared.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What whoever was dialled heard up to now, on a bridge or in a conference, as [`played`](Self::played) says it of
    /// the caller.
    pub fn agent_played(&self) -> Vec<i16> {
        self.shared.agent.until(Instant::now())
    }

    /// When the first sample of [`agent_played`](Self::agent_played) was.
    pub fn agent_played_since(&self) -> Instant {
        self.shared.agent.since()
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
