//! How a leg begins: it rings, is called, or comes out of a bridge.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use uuid::Uuid;

use super::wait::NEVER;
use super::{Flow, Leg};
use crate::twilio::call::{Follow, Order, order_channel};
use crate::twilio::conference::Seat;
use crate::twilio::exchange::Line;
use crate::twilio::origin::Origin;
use crate::twilio::report::{CallReport, CallStatus, Problem};
use crate::twilio::twiml::{Document, Target};
use crate::twilio::webhook::{self, Params};

/// How long a leg lasts that nobody has a handle of: Twilio's limit of a call that was dialled.
pub(in crate::twilio) const LONGEST: Duration = Duration::from_secs(4 * 3600);

/// How long a number rings that nobody answers.
const UNANSWERED: Duration = Duration::from_secs(1);

/// How a leg begins.
#[derive(Debug)]
pub(in crate::twilio) enum Opening {
    /// It rings while this webhook is asked what to do.
    Voice(Target),
    /// It is taken out of a bridge that it was in since it answered.
    Elsewhere { follow: Follow, answered: Instant },
    /// A person is called into a conference, and answers after this time; or does not.
    Person { answers: Option<Duration> },
}

impl Opening {
    /// Against what the URLs are resolved of documents that come from nowhere.
    pub(in crate::twilio) fn url(&self) -> &str {
        match self {
            Self::Voice(voice) => &voice.url,
            Self::Elsewhere { .. } | Self::Person { .. } => "",
        }
    }
}

/// What is asked of a leg.
#[derive(Debug)]
pub(in crate::twilio) struct Orders {
    pub(super) receiver: mpsc::Receiver<Order>,
    /// Of a leg that nobody has a handle of: without it the leg would hang up.
    kept: Option<mpsc::Sender<Order>>,
}

impl Orders {
    /// Of a leg that hangs up when its handle is dropped.
    pub(in crate::twilio) const fn of(receiver: mpsc::Receiver<Order>) -> Self {
        Self { receiver, kept: None }
    }

    /// Of a leg without a handle.
    pub(in crate::twilio) fn kept() -> Self {
        let (sender, receiver) = order_channel();
        Self { receiver, kept: Some(sender) }
    }

    /// For whoever asks something of the leg.
    pub(in crate::twilio) fn weak(&self) -> mpsc::WeakSender<Order> {
        let kept = self.kept.as_ref().map(mpsc::Sender::downgrade);
        kept.unwrap_or_else(|| order_channel().0.downgrade())
    }
}

impl Leg {
    /// A person's place in the conference that it is called into.
    pub(in crate::twilio) fn in_conference(self, seat: Seat) -> Self {
        Self { seat: Some(seat), ..self }
    }

    /// An application's place in the conference whose sound it gets, and gives.
    pub(in crate::twilio) fn beside_conference(self, seat: Seat) -> Self {
        Self { far: Some(seat), ..self }
    }

    /// Lets it run by itself. What Twilio would log of it is logged.
    pub(in crate::twilio) fn launch(self, opening: Opening) {
        let run = self.run(opening);
        tokio::spawn(async move {
            let report = run.await;
            let problems: Vec<String> = report.all_problems().map(Problem::to_string).collect();
            let (call, status) = (report.call_sid, report.status.as_str());
            tracing::debug!(%call, status, problems = problems.join("; "), "a leg is over");
        });
    }

    /// From the first ring to the last callback.
    pub(in crate::twilio) async fn run(mut self, opening: Opening) -> CallReport {
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

    pub(super) fn answer(&mut self) {
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
}
