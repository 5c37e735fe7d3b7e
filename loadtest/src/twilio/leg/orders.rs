//! What a leg does when the test or the API asks for it.

use uuid::Uuid;

use super::{Flow, Leg};
use crate::twilio::call::{Follow, Order};
use crate::twilio::exchange::Line;
use crate::twilio::stream::Command;
use crate::twilio::twiml::{self, Document};
use crate::twilio::webhook::Params;

impl Leg {
    /// Takes an order. None: nobody can give one any more, and the caller hangs up.
    pub(super) fn take(&mut self, order: Option<Order>) {
        match order {
            None | Some(Order::Tell(Command::HangUp)) => self.hung_up = true,
            Some(Order::Tell(command)) => self.tell_all(command),
            Some(Order::Stream { plan, answer }) => {
                // A call that still rings has no audio to stream.
                let begun = self.answered.and_then(|_| self.start(plan, false));
                let _nobody_waits = answer.send(begun);
            }
            Some(Order::StopStream(stream)) => self.stop_stream(stream),
            Some(Order::Follow(follow)) => self.follow = Some(follow),
        }
    }

    /// Turns to the document that the API asked for.
    pub(super) fn turn(&mut self) -> Flow {
        self.follow.take().map_or(Flow::Next, Flow::Follow)
    }

    /// The document that the API asked for. None: there is none, and the problems say why.
    pub(super) async fn go(&mut self, follow: Follow) -> Option<Document> {
        let text = match follow {
            Follow::Url(target) => {
                return self.fetch("redirect", &target, Params::new(), Uuid::new_v4()).await;
            }
            Follow::Twiml(text) => text,
        };
        let document = twiml::parse(&text, &self.spec.voice_url);
        self.report.twiml.push(text);
        match document {
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

    /// Changes what the API knows of the call.
    pub(super) fn on_line(&self, change: impl FnOnce(&mut Line)) {
        if let Some(exchange) = &self.spec.exchange {
            exchange.change(self.sid, change);
        }
    }
}
