//! The leg of a call at Twilio: asks the webhook what to do, and does it.

mod orders;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{CallSid, StreamSid};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep_until;
use uuid::Uuid;

use super::call::{Follow, Order, Shared, new_sid};
use super::courier::{Courier, Statuses};
use super::exchange::Line;
use super::form;
use super::report::{CallReport, CallStatus, Problem, StreamEnd, StreamReport, WebhookReport};
use super::spec::CallSpec;
use super::stream::{Command, Stream};
use super::twiml::{self, Document, Method, Target, Tracks, Verb};
use super::webhook::{self, Params};
use super::wire::Ids;

/// Most documents of one call: a redirect that leads to itself ends here.
const MAX_DOCUMENTS: usize = 20;

/// Most tracks that may be streamed at a time.
const MAX_TRACKS: usize = 4;

/// Commands that may wait for a stream.
const COMMANDS: usize = 64;

/// How long a call outlives its length while a stream is still busy sending it.
const GRACE: Duration = Duration::from_secs(10);

/// How fast `<Say>` speaks.
const PER_CHARACTER: Duration = Duration::from_millis(60);

/// Longest `<Say>`.
const MAX_SAY: Duration = Duration::from_secs(60);

/// For ever.
const NEVER: Duration = Duration::from_secs(30 * 86_400);

/// A stream under way.
struct Running {
    sid: StreamSid,
    name: String,
    tracks: usize,
    commands: mpsc::Sender<Command>,
}

/// What comes after a verb.
enum Flow {
    Next,
    Document(Target, Params),
    /// The API asks for another document.
    Follow(Follow),
    Over(CallStatus),
}

/// Why waiting ended.
#[derive(Eq, PartialEq)]
enum Woke {
    Elapsed,
    StreamEnded,
    Follow,
    CallOver,
}

/// A call's leg at Twilio.
pub(super) struct Leg {
    spec: Arc<CallSpec>,
    sid: CallSid,
    orders: mpsc::Receiver<Order>,
    /// The API asked for another document, and the call has not turned to it yet.
    follow: Option<Follow>,
    shared: Arc<Shared>,
    courier: Courier,
    carried: JoinHandle<Vec<WebhookReport>>,
    statuses: Statuses,
    running: Vec<Running>,
    tasks: JoinSet<StreamReport>,
    /// When it was answered; not yet while it rings.
    answered: Option<Instant>,
    hung_up: bool,
    report: CallReport,
}

impl Leg {
    pub(super) fn new(
        spec: CallSpec,
        sid: CallSid,
        orders: mpsc::Receiver<Order>,
        shared: Arc<Shared>,
    ) -> Self {
        let spec = Arc::new(spec);
        let (courier, carried) = Courier::start(spec.clone());
        let report = CallReport {
            call_sid: sid,
            account_sid: spec.account.sid,
            from: spec.from.clone(),
            to: spec.to.clone(),
            status: CallStatus::Ringing,
            duration_ms: 0,
            webhooks: Vec::new(),
            twiml: Vec::new(),
            streams: Vec::new(),
            problems: Vec::new(),
            unplayed: Vec::new(),
        };
        Self {
            statuses: Statuses::new(spec.clone(), courier.clone()),
            spec,
            sid,
            orders,
            follow: None,
            shared,
            courier,
            carried,
            running: Vec::new(),
            tasks: JoinSet::new(),
            answered: None,
            hung_up: false,
            report,
        }
    }

    /// From the first ring to the last callback.
    pub(super) async fn run(mut self) -> CallReport {
        let voice = Target { url: self.spec.voice_url.clone(), method: Method::Post };
        let first = self.first_document(&voice).await;
        self.report_status(CallStatus::Ringing);
        let status = match first {
            Some(document) => self.obey(document).await,
            None if self.hung_up => CallStatus::NoAnswer,
            // Twilio answers, says that an application error has occurred, and hangs up.
            None => CallStatus::Failed,
        };
        self.report.status = status;
        self.end(status).await
    }

    async fn first_document(&mut self, voice: &Target) -> Option<Document> {
        if !webhook::is_web_url(&voice.url) {
            let text = format!("{:?} is not an http or https URL", voice.url);
            self.report.problems.push(Problem::new(11100, text));
            return None;
        }
        let token = Uuid::new_v4();
        if self.spec.faults.webhooks.duplicate_voice {
            self.fetch("voice", voice, Params::new(), token).await;
            self.report.problems.clear();
            self.report.twiml.clear();
        }
        self.fetch("voice", voice, Params::new(), token).await
    }

    /// Asks for a document. None: there is none, and the problems say why; or the caller has hung up.
    async fn fetch(&mut self, what: &str, target: &Target, more: Params, token: Uuid) -> Option<Document> {
        let status = if self.answered.is_some() { CallStatus::InProgress } else { CallStatus::Ringing };
        let mut params = form::of_call(&self.spec, self.sid, status);
        params.extend(more);
        let spec = self.spec.clone();
        let request = webhook::request(&spec.account, what, target, &params, token);
        tokio::pin!(request);
        let (report, answer) = loop {
            // The caller may hang up while the server thinks.
            tokio::select! {
                answered = &mut request => break answered,
                order = self.orders.recv(), if !self.hung_up => self.take(order),
            }
        };
        let document = webhook::twiml(&report, answer);
        self.report.webhooks.push(report);
        let document = document.and_then(|text| {
            let document = twiml::parse(&text, &target.url);
            self.report.twiml.push(text);
            document
        });
        match document {
            Ok(_) if self.hung_up => None,
            Ok(mut document) => {
                self.report.problems.append(&mut document.problems);
                Some(document)
            }
            Err(problem) => {
                self.report.problems.push(problem);
                None
            }
        }
    }

    /// Does what the documents say, and gives back how the call ended.
    async fn obey(&mut self, mut document: Document) -> CallStatus {
        for _ in 0..MAX_DOCUMENTS {
            let mut flow = Flow::Next;
            for verb in std::mem::take(&mut document.verbs) {
                flow = self.play(verb).await;
                if !matches!(flow, Flow::Next) {
                    break;
                }
            }
            let next = match flow {
                Flow::Next => return CallStatus::Completed,
                Flow::Over(status) => return status,
                Flow::Document(target, params) => {
                    let what = if params.is_empty() { "redirect" } else { "action" };
                    self.fetch(what, &target, params, Uuid::new_v4()).await
                }
                Flow::Follow(follow) => self.go(follow).await,
            };
            match next {
                Some(next) => document = next,
                None => return CallStatus::Completed,
            }
        }
        self.report.problems.push(Problem::new(64005, format!("more than {MAX_DOCUMENTS} documents")));
        CallStatus::Completed
    }

    async fn play(&mut self, verb: Verb) -> Flow {
        if self.answered.is_none() {
            match verb {
                Verb::Reject { busy: true } => return Flow::Over(CallStatus::Busy),
                Verb::Reject { busy: false } => return Flow::Over(CallStatus::NoAnswer),
                // Neither answers the call: it goes on ringing.
                Verb::Pause(_) | Verb::Redirect(_) => {}
                _ => self.answer(),
            }
        }
        match verb {
            Verb::Start(stream) => {
                self.start(stream, false);
                Flow::Next
            }
            Verb::Stop { name } => {
                self.stop(&name);
                Flow::Next
            }
            Verb::Connect { stream, action } => {
                let Some(sid) = self.start(stream, true) else { return Flow::Next };
                // The caller speaks to whoever is behind the socket.
                self.shared.answered.store(true, Ordering::Release);
                match self.wait(NEVER, Some(sid)).await {
                    Woke::CallOver => Flow::Over(CallStatus::Completed),
                    Woke::Follow => {
                        // Its verb is left, so the stream is over.
                        self.stop_stream(sid);
                        self.turn()
                    }
                    Woke::Elapsed | Woke::StreamEnded => match action {
                        Some(target) => Flow::Document(target, form::of_stream(sid)),
                        None => Flow::Next,
                    },
                }
            }
            Verb::Dial { action, time_limit } => self.dial(action, time_limit).await,
            Verb::Say { text } => {
                let spoken = PER_CHARACTER * u32::try_from(text.chars().count()).unwrap_or(u32::MAX / 100);
                self.pass(spoken.min(MAX_SAY)).await
            }
            Verb::Pause(length) => self.pass(length).await,
            Verb::Redirect(target) => Flow::Document(target, Params::new()),
            Verb::Hangup => Flow::Over(CallStatus::Completed),
            // On a call that was answered it is just a hang-up.
            Verb::Reject { .. } => Flow::Over(CallStatus::Completed),
            Verb::Unplayed(name) => {
                self.report.unplayed.push(name);
                Flow::Next
            }
        }
    }

    async fn pass(&mut self, time: Duration) -> Flow {
        match self.wait(time, None).await {
            Woke::CallOver if self.answered.is_none() => Flow::Over(CallStatus::NoAnswer),
            Woke::CallOver => Flow::Over(CallStatus::Completed),
            Woke::Follow => self.turn(),
            Woke::Elapsed | Woke::StreamEnded => Flow::Next,
        }
    }

    async fn dial(&mut self, action: Option<Target>, time_limit: Option<Duration>) -> Flow {
        match self.wait(self.spec.agent_rings, None).await {
            Woke::CallOver => return Flow::Over(CallStatus::Completed),
            Woke::Follow => return self.turn(),
            Woke::Elapsed | Woke::StreamEnded => {}
        }
        self.shared.answered.store(true, Ordering::Release);
        let begun = Instant::now();
        match self.wait(time_limit.unwrap_or(NEVER), None).await {
            Woke::CallOver => return Flow::Over(CallStatus::Completed),
            Woke::Follow => return self.turn(),
            Woke::Elapsed | Woke::StreamEnded => {}
        }
        match action {
            Some(target) => Flow::Document(target, form::of_dial(new_sid(CallSid::PREFIX), begun.elapsed())),
            None => Flow::Next,
        }
    }

    fn answer(&mut self) {
        self.answered = Some(Instant::now());
        self.on_line(Line::answered);
        self.report_status(CallStatus::InProgress);
    }

    /// Sets a stream up in the background. None: it is not allowed, and the problems say why.
    fn start(&mut self, plan: twiml::Stream, bidirectional: bool) -> Option<StreamSid> {
        let stream: StreamSid = new_sid(StreamSid::PREFIX);
        let tracks = if plan.tracks == Tracks::Both { 2 } else { 1 };
        let used: usize = self.running.iter().map(|running| running.tracks).sum();
        if used + tracks > MAX_TRACKS {
            self.report
                .problems
                .push(Problem::new(31941, format!("more than {MAX_TRACKS} tracks at a time")));
            return None;
        }
        let ids = Ids { account: self.spec.account.sid, call: self.sid, stream };
        let left = |length: Duration| match (self.report.streams.is_empty(), self.running.is_empty()) {
            (true, true) => length,
            _ => length.saturating_sub(self.answered.map_or(Duration::ZERO, |at| at.elapsed())),
        };
        let task = Stream {
            spec: self.spec.clone(),
            ids,
            plan,
            bidirectional,
            length: self.spec.length.map(left),
            shared: self.shared.clone(),
            courier: self.courier.clone(),
        };
        let name = task.name();
        if self.running.iter().any(|running| running.name == name) {
            let text = format!("a stream called {name:?} is there already");
            self.report.problems.push(Problem::new(12200, text));
            return None;
        }
        let (commands, receiver) = mpsc::channel(COMMANDS);
        self.on_line(|line| line.stream_began(stream, &name));
        self.running.push(Running { sid: stream, name, tracks, commands });
        self.tasks.spawn(task.run(receiver));
        Some(stream)
    }

    /// Lets `time` pass, or until this stream has ended, or until the call is over.
    async fn wait(&mut self, time: Duration, stream: Option<StreamSid>) -> Woke {
        let until = Instant::now() + time;
        loop {
            if self.hung_up {
                return Woke::CallOver;
            }
            if self.follow.is_some() {
                return Woke::Follow;
            }
            let over = self.over_at();
            let first = over.map_or(until, |over| over.min(until));
            tokio::select! {
                order = self.orders.recv() => self.take(order),
                Some(ended) = self.tasks.join_next() => {
                    let ended = self.note(ended);
                    if ended.is_some() && ended == stream {
                        return if self.hung_up { Woke::CallOver } else { Woke::StreamEnded };
                    }
                }
                () = sleep_until(first.into()) => match over {
                    Some(over) if over <= until => self.hung_up = true,
                    _ => return Woke::Elapsed,
                },
            }
        }
    }

    /// When the caller hangs up, by the clock.
    fn over_at(&self) -> Option<Instant> {
        let over = self.answered? + self.spec.length?;
        Some(if self.running.is_empty() { over } else { over + GRACE })
    }

    /// Takes a stream that has ended. One that sent the whole length of the call ends the call.
    fn note(&mut self, ended: Result<StreamReport, tokio::task::JoinError>) -> Option<StreamSid> {
        let report = match ended {
            Ok(report) => report,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The whole runtime ends, and nobody waits for the report.
                Err(_cancelled) => return None,
            },
        };
        let sid = report.stream_sid;
        self.running.retain(|running| running.sid != sid);
        self.on_line(|line| line.stream_ended(sid));
        self.hung_up |= report.end == StreamEnd::CallOver;
        self.report.streams.push(report);
        Some(sid)
    }

    fn report_status(&mut self, status: CallStatus) {
        let mut params = form::of_call(&self.spec, self.sid, status);
        params.push(("CallbackSource", "call-progress-events".into()));
        // The year has four digits, so this cannot fail.
        let now = OffsetDateTime::now_utc().format(&Rfc2822).unwrap_or_default();
        params.push(("Timestamp", now));
        if !matches!(status, CallStatus::Ringing | CallStatus::InProgress) {
            let seconds = self.report.duration_ms.div_ceil(1000);
            params.push(("CallDuration", seconds.to_string()));
            // In minutes, as they are billed.
            params.push(("Duration", seconds.div_ceil(60).to_string()));
        }
        self.statuses.report(status, params);
    }

    async fn end(mut self, status: CallStatus) -> CallReport {
        if let Some(answered) = self.answered {
            self.report.duration_ms = u64::try_from(answered.elapsed().as_millis()).unwrap_or(u64::MAX);
        }
        self.tell_all(Command::HangUp);
        while let Some(ended) = self.tasks.join_next().await {
            self.note(ended);
        }
        let seconds = self.report.duration_ms.div_ceil(1000);
        self.on_line(|line| line.ended(status, seconds));
        if let Some(exchange) = &self.spec.exchange {
            exchange.end_recordings(self.sid);
        }
        self.report_status(status);
        self.statuses.finish();
        drop(self.courier);
        match self.carried.await {
            Ok(mut carried) => self.report.webhooks.append(&mut carried),
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
                // Cancelled: the whole runtime ends, and nobody waits for the report.
            }
        }
        self.report
    }
}

fn send(commands: &mpsc::Sender<Command>, command: Command) {
    // Full or closed: the stream is ending already, or ends when the channel is dropped.
    if let Err(error) = commands.try_send(command) {
        tracing::debug!(%error, "a command came to nothing");
    }
}
