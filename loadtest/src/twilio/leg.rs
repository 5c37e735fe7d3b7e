//! The leg of a call at Twilio: asks the webhook what to do, and does it.

mod dial;
mod orders;
mod streams;
mod wait;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{CallSid, StreamSid};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use self::dial::Child;
use self::wait::{NEVER, Woke};
use super::call::{Follow, Order, Shared, order_channel};
use super::conference::Seat;
use super::courier::{Courier, Reports, Statuses};
use super::exchange::Line;
use super::form;
use super::origin::Origin;
use super::report::{CallReport, CallStatus, Problem, StreamReport, WebhookReport};
use super::spec::CallSpec;
use super::stream::Command;
use super::twiml::{self, Document, Target, Verb};
use super::webhook::{self, Params};

/// Most documents of one call: a redirect that leads to itself ends here.
const MAX_DOCUMENTS: usize = 20;

/// How long a leg lasts that nobody has a handle of: Twilio's limit of a call that was dialled.
pub(super) const LONGEST: Duration = Duration::from_secs(4 * 3600);

/// How long a number rings that nobody answers.
const UNANSWERED: Duration = Duration::from_secs(1);

/// How fast `<Say>` speaks.
const PER_CHARACTER: Duration = Duration::from_millis(60);

/// Longest `<Say>`.
const MAX_SAY: Duration = Duration::from_secs(60);

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

/// How a leg begins.
#[derive(Debug)]
pub(super) enum Opening {
    /// It rings while this webhook is asked what to do.
    Voice(Target),
    /// It is taken out of a bridge that it was in since it answered.
    Elsewhere { follow: Follow, answered: Instant },
    /// A person is called into a conference, and answers after this time; or does not.
    Person { answers: Option<Duration> },
}

impl Opening {
    /// Against what the URLs are resolved of documents that come from nowhere.
    pub(super) fn url(&self) -> &str {
        match self {
            Self::Voice(voice) => &voice.url,
            Self::Elsewhere { .. } | Self::Person { .. } => "",
        }
    }
}

/// What is asked of a leg.
#[derive(Debug)]
pub(super) struct Orders {
    receiver: mpsc::Receiver<Order>,
    /// Of a leg that nobody has a handle of: without it the leg would hang up.
    kept: Option<mpsc::Sender<Order>>,
}

impl Orders {
    /// Of a leg that hangs up when its handle is dropped.
    pub(super) const fn of(receiver: mpsc::Receiver<Order>) -> Self {
        Self { receiver, kept: None }
    }

    /// Of a leg without a handle.
    pub(super) fn kept() -> Self {
        let (sender, receiver) = order_channel();
        Self { receiver, kept: Some(sender) }
    }

    /// For whoever asks something of the leg.
    pub(super) fn weak(&self) -> mpsc::WeakSender<Order> {
        let kept = self.kept.as_ref().map(mpsc::Sender::downgrade);
        kept.unwrap_or_else(|| order_channel().0.downgrade())
    }
}

/// A call's leg at Twilio.
pub(super) struct Leg {
    spec: Arc<CallSpec>,
    sid: CallSid,
    origin: Origin,
    orders: Orders,
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
    /// The leg that it dialled and is bridged with.
    child: Option<Child>,
    /// Its place in the conference that it dialled, or was called into.
    seat: Option<Seat>,
    /// An application's place in the conference on its other side.
    far: Option<Seat>,
    hung_up: bool,
    report: CallReport,
}

impl Leg {
    pub(super) fn new(
        spec: CallSpec,
        sid: CallSid,
        origin: Origin,
        orders: Orders,
        shared: Arc<Shared>,
        reports: Option<Reports>,
    ) -> Self {
        let spec = Arc::new(spec);
        let (courier, carried) = Courier::start(spec.account.clone());
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
            statuses: Statuses::new(spec.clone(), reports, courier.clone()),
            spec,
            sid,
            origin,
            orders,
            follow: None,
            shared,
            courier,
            carried,
            running: Vec::new(),
            tasks: JoinSet::new(),
            answered: None,
            child: None,
            seat: None,
            far: None,
            hung_up: false,
            report,
        }
    }

    /// A person's place in the conference that it is called into.
    pub(super) fn in_conference(self, seat: Seat) -> Self {
        Self { seat: Some(seat), ..self }
    }

    /// An application's place in the conference whose sound it gets, and gives.
    pub(super) fn beside_conference(self, seat: Seat) -> Self {
        Self { far: Some(seat), ..self }
    }

    /// Lets it run by itself. What Twilio would log of it is logged.
    pub(super) fn launch(self, opening: Opening) {
        let run = self.run(opening);
        tokio::spawn(async move {
            let report = run.await;
            let problems: Vec<String> = report.all_problems().map(Problem::to_string).collect();
            let (call, status) = (report.call_sid, report.status.as_str());
            tracing::debug!(%call, status, problems = problems.join("; "), "a leg is over");
        });
    }

    /// From the first ring to the last callback.
    pub(super) async fn run(mut self, opening: Opening) -> CallReport {
        let status = match opening {
            Opening::Voice(voice) => self.ring(&voice).await,
            Opening::Elsewhere { follow, answered } => {
                self.answered = Some(answered);
                match self.go(follow).await {
                    Some(document) => self.obey(document).await,
                    None => CallStatus::Completed,
                }
            }
            Opening::Person { answers } => self.be_called(answers).await,
        };
        self.report.status = status;
        self.end(status).await
    }

    async fn ring(&mut self, voice: &Target) -> CallStatus {
        if matches!(self.origin, Origin::Made { .. }) {
            self.rings();
        }
        let first = self.first_document(voice).await;
        if self.origin == Origin::Inbound {
            self.report_status(CallStatus::Ringing);
        }
        match first {
            Some(document) => self.obey(document).await,
            None if self.hung_up => self.hung_up_status(),
            // Twilio answers, says that an application error has occurred, and hangs up.
            None => CallStatus::Failed,
        }
    }

    /// A person's telephone rings, and then there is a conference to be in.
    async fn be_called(&mut self, answers: Option<Duration>) -> CallStatus {
        self.rings();
        match self.pass(answers.unwrap_or(UNANSWERED)).await {
            Flow::Over(status) => return status,
            Flow::Next if self.seat.is_none() => return CallStatus::Canceled,
            Flow::Next if answers.is_none() => return CallStatus::NoAnswer,
            _ => {}
        }
        self.answer();
        let flow = match self.hung_up {
            true => Flow::Over(CallStatus::Completed),
            false => self.pass(NEVER).await,
        };
        self.seat = None;
        match flow {
            Flow::Over(status) => status,
            Flow::Follow(follow) => match self.go(follow).await {
                Some(document) => self.obey(document).await,
                None => CallStatus::Completed,
            },
            Flow::Next | Flow::Document(..) => CallStatus::Completed,
        }
    }

    /// A leg that the API made was asked for, and rings.
    fn rings(&mut self) {
        self.report_status(CallStatus::Initiated);
        for seat in self.seat.iter().chain(&self.far) {
            seat.ring();
        }
        self.on_line(Line::rings);
        self.report_status(CallStatus::Ringing);
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
        let mut params = form::of_call(&self.spec, &self.origin, self.sid, status);
        params.extend(more);
        let spec = self.spec.clone();
        let request = webhook::request(&spec.account, what, target, &params, token);
        tokio::pin!(request);
        let (report, answer) = loop {
            // The caller may hang up while the server thinks.
            tokio::select! {
                answered = &mut request => break answered,
                order = self.orders.receiver.recv(), if !self.hung_up => self.take(order),
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
                    _ => match action {
                        Some(target) => Flow::Document(target, form::of_stream(sid)),
                        None => Flow::Next,
                    },
                }
            }
            Verb::Dial(dial) => self.dial(dial).await,
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

    fn answer(&mut self) {
        let now = Instant::now();
        self.answered = Some(now);
        self.on_line(Line::answered);
        self.report_status(CallStatus::InProgress);
        if self.seat.is_some() {
            self.shared.answered.store(true, Ordering::Release);
            self.shared.begin();
        }
        for seat in self.seat.iter().chain(&self.far) {
            // It may have ended while this one rang.
            self.hung_up |= seat.enter(now).is_err();
        }
    }

    fn report_status(&mut self, status: CallStatus) {
        let mut params = form::of_call(&self.spec, &self.origin, self.sid, status);
        params.push(("CallbackSource", "call-progress-events".into()));
        // The year has four digits, so this cannot fail.
        let now = OffsetDateTime::now_utc().format(&Rfc2822).unwrap_or_default();
        params.push(("Timestamp", now));
        if !matches!(status, CallStatus::Initiated | CallStatus::Ringing | CallStatus::InProgress) {
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
        self.seat = None;
        self.far = None;
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
        self.shared.over();
        self.report
    }
}

fn send(commands: &mpsc::Sender<Command>, command: Command) {
    // Full or closed: the stream is ending already, or ends when the channel is dropped.
    if let Err(error) = commands.try_send(command) {
        tracing::debug!(%error, "a command came to nothing");
    }
}
