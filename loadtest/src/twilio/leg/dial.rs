//! `<Dial>`: another leg, or a conference.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::CallSid;

use super::wait::{NEVER, Woke};
use super::{Flow, LONGEST, Leg, Opening, Orders};
use crate::audio::Audio;
use crate::twilio::call::{Follow, Order, Shared, new_sid};
use crate::twilio::conference::{Refused, Rooms, Seat, Terms};
use crate::twilio::exchange::Line;
use crate::twilio::form;
use crate::twilio::origin::Origin;
use crate::twilio::report::{CallStatus, Problem};
use crate::twilio::spec::{CallSpec, Faults};
use crate::twilio::stream::Command;
use crate::twilio::twiml::{Dial, Whom};
use crate::twilio::voice::{Speech, Voice};
use crate::twilio::webhook::Params;

/// How long `<Dial>` rings if it does not say.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A dialled leg, as long as it is bridged with the one that dialled it. It is part of that one until it goes its own
/// way, so that a call costs one task.
pub(super) struct Child {
    sid: CallSid,
    to: String,
    /// None: no API knows it, so that nothing can be asked of it.
    pub(super) orders: Option<Orders>,
    /// Where it is sent.
    follow: Option<Follow>,
    answered: Option<Instant>,
}

impl Leg {
    pub(super) async fn dial(&mut self, dial: Dial) -> Flow {
        let (params, flow) = match dial.whom {
            Whom::Number(number) => {
                let rings = dial.timeout.unwrap_or(TIMEOUT);
                self.dial_number(number, rings, dial.time_limit.unwrap_or(NEVER)).await
            }
            Whom::Conference { name, terms } => {
                self.dial_conference(&name, &terms, dial.time_limit.unwrap_or(NEVER)).await
            }
        };
        match (flow, dial.action) {
            (Flow::Next, Some(action)) => Flow::Document(action, params),
            (flow, _) => flow,
        }
    }

    /// Rings a number, and stays connected with whoever answers. Gives back what the action is told, and what comes
    /// next if there is no action.
    async fn dial_number(&mut self, number: String, rings: Duration, limit: Duration) -> (Params, Flow) {
        let (sid, origin) = (new_sid(CallSid::PREFIX), Origin::Dialled { parent: self.sid });
        let orders = self.spec.exchange.as_ref().map(|exchange| {
            let orders = Orders::kept();
            let spec = CallSpec { to: number.clone(), ..(*self.spec).clone() };
            exchange.add(Line::new(&spec, sid, origin, orders.weak()));
            orders
        });
        self.shared.dials(sid);
        self.child = Some(Child { sid, to: number, orders, follow: None, answered: None });

        let answers = self.spec.agent_rings <= rings;
        let mut woke = self.wait(self.spec.agent_rings.min(rings), None).await;
        let status = match (&woke, answers) {
            (Woke::Elapsed, true) => {
                self.bridge();
                woke = self.wait(limit, None).await;
                self.part();
                CallStatus::Completed
            }
            (Woke::Elapsed, false) => CallStatus::NoAnswer,
            _ => CallStatus::Canceled,
        };
        let flow = match woke {
            Woke::CallOver => Flow::Over(CallStatus::Completed),
            Woke::Follow => self.turn(),
            _ => Flow::Next,
        };
        let Some(child) = self.child.take() else { return (Vec::new(), flow) };
        let params = form::of_dial(sid, status, child.answered.map(|answered| answered.elapsed()));
        self.let_go(child, status);
        (params, flow)
    }

    /// The two hear each other.
    fn bridge(&mut self) {
        let now = Instant::now();
        self.shared.answered.store(true, Ordering::Release);
        self.begin_unheard();
        self.shared.played.bridge(self.agent(), now);
        self.shared.agent.bridge(self.shared.voice.clone(), now);
        if let Some(child) = &mut self.child {
            child.answered = Some(now);
            let sid = child.sid;
            if let Some(exchange) = &self.spec.exchange {
                exchange.change(sid, Line::answered);
            }
        }
    }

    fn part(&self) {
        let now = Instant::now();
        self.shared.played.part(now);
        self.shared.agent.part(now);
    }

    /// Takes what was asked of the dialled leg. True: it is bridged no more.
    pub(super) fn child_asked(&mut self, order: Option<Order>) -> bool {
        let Some(child) = &mut self.child else { return false };
        match order {
            Some(Order::Follow(follow)) if child.answered.is_some() => {
                child.follow = Some(follow);
                true
            }
            None | Some(Order::Tell(Command::HangUp)) => true,
            // It has no streams, and nobody to follow before it has answered.
            Some(Order::Follow(_) | Order::Tell(_) | Order::Stream { .. } | Order::StopStream(_)) => false,
        }
    }

    /// The dialled leg hangs up, or goes its own way.
    fn let_go(&self, child: Child, status: CallStatus) {
        let Child { sid, to, orders, follow, answered } = child;
        if let (Some(orders), Some(follow), Some(answered)) = (orders, follow, answered) {
            let spec = CallSpec {
                call_sid: Some(sid),
                status_url: None,
                to,
                caller_name: None,
                caller: self.spec.agent.clone(),
                agent: Audio::silence(),
                length: Some(LONGEST),
                faults: Faults::default(),
                ..(*self.spec).clone()
            };
            let shared = Arc::new(Shared::new(self.agent(), self.shared.agent.clone()));
            shared.answered.store(true, Ordering::Release);
            let origin = Origin::Dialled { parent: self.sid };
            let leg = Leg::new(spec, sid, origin, orders, shared, None);
            leg.launch(Opening::Elsewhere { follow, answered });
        } else if let Some(exchange) = &self.spec.exchange {
            let seconds = answered.map_or(0, |answered| answered.elapsed().as_secs_f64().ceil() as u64);
            exchange.change(sid, |line| line.ended(status, seconds));
            exchange.end_recordings(sid);
        }
    }

    /// What whoever is dialled says, from the conversation's beginning on.
    fn agent(&self) -> Voice {
        let began = self.shared.conversation.clone();
        Voice::Person(Speech { audio: self.spec.agent.clone(), looped: self.spec.loop_audio, began })
    }

    /// Is in a conference until it is over, or the leg is put out.
    async fn dial_conference(&mut self, name: &str, terms: &Terms, limit: Duration) -> (Params, Flow) {
        match self.sit_down(name, terms) {
            Ok(seat) => self.seat = Some(seat),
            Err(refused) => {
                self.report.problems.push(Problem::new(13224, format!("<Conference>: {refused}")));
                return (form::of_conference(false), Flow::Next);
            }
        }
        self.shared.answered.store(true, Ordering::Release);
        self.begin_unheard();
        let woke = self.wait(limit, None).await;
        self.seat = None;
        let flow = match woke {
            Woke::CallOver => Flow::Over(CallStatus::Completed),
            Woke::Follow => self.turn(),
            _ => Flow::Next,
        };
        (form::of_conference(true), flow)
    }

    fn sit_down(&self, name: &str, terms: &Terms) -> Result<Seat, Refused> {
        // A call that no API knows meets nobody.
        let alone = Rooms::default();
        let rooms = self.spec.exchange.as_ref().map_or(&alone, |exchange| exchange.rooms());
        let enter = || {
            let room = rooms.open(&self.spec.account, name)?;
            let Shared { voice, played, .. } = &*self.shared;
            let seat = room.invite(self.sid, terms, voice.clone(), played.clone())?;
            seat.enter(Instant::now())?;
            Ok(seat)
        };
        match enter() {
            // It ended in this moment, and its name is another's now.
            Err(Refused::Over) => enter(),
            done => done,
        }
    }

    /// Begins the conversation of a call that both sides are in and no stream carries. One that a stream carries
    /// begins with its next frame, so that its listener hears the first word.
    pub(super) fn begin_unheard(&self) {
        if self.running.is_empty() && self.shared.answered.load(Ordering::Acquire) {
            self.shared.begin();
        }
    }
}
