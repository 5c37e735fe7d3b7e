//! What the planes tell each other. Events go up in the past tense, commands come down in the imperative.
//!
//! A message may be lost (a subscriber that lags loses the oldest) and may come twice: nothing durable
//! depends on one. What must be right in the end is rebuilt from [`NodeEvent::NodeAlive`], which every
//! gateway repeats each second with all that it holds.
//!
//! Inside a process it is memory. [`redis`] ties the processes together.

mod command;
mod event;
pub mod redis;
mod seal;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::command::{Bot, NodeCommand};
pub use self::event::{BotState, ListenerQuality, NodeEvent, SayEnd, SessionEnd, Speaker, StreamEnd};
pub use self::seal::BusKeys;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use crate::TenantId;

/// Messages a subscriber may be behind before it loses the oldest.
const BACKLOG: usize = 4096;

/// How often it is looked whether all has left.
const LEAVING: Duration = Duration::from_millis(20);

/// What travels: a message with what a receiver needs to drop it safely.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Envelope<M> {
    /// The same on every redelivery.
    pub id: Uuid,
    /// When the sender decided, by its own clock. For people and metrics, never for ordering.
    #[serde(with = "time::serde::rfc3339")]
    pub sent_at: OffsetDateTime,
    /// The message proper.
    #[serde(flatten)]
    pub body: M,
}

/// Control to control: an event of a tenant, for the consoles of the others.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TenantNews {
    /// Whose.
    pub tenant: TenantId,
    /// Its number among the tenant's events.
    pub seq: i64,
    /// The event in the form a console gets it.
    pub text: String,
}

/// Which messages.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Channel {
    /// Gateway to control.
    Events,
    /// Control to gateways.
    Commands,
    /// Control to control.
    News,
}

impl Channel {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Events, Self::Commands, Self::News];

    /// Its name in Redis. The number changes when old and new builds could not read each other.
    const fn name(self) -> &'static str {
        match self {
            Self::Events => "partyline:2:events",
            Self::Commands => "partyline:2:commands",
            Self::News => "partyline:2:news",
        }
    }
}

/// What may be said on the bus.
pub trait Message: Clone + Serialize {
    /// Where it is said.
    const CHANNEL: Channel;

    /// Said again in a moment, newer: worth nothing when it is late.
    fn is_repeated(&self) -> bool {
        false
    }
}

impl Message for NodeEvent {
    const CHANNEL: Channel = Channel::Events;

    fn is_repeated(&self) -> bool {
        matches!(self, Self::NodeAlive { .. } | Self::ListenersHeard { .. })
    }
}

impl Message for NodeCommand {
    const CHANNEL: Channel = Channel::Commands;
}

impl Message for TenantNews {
    const CHANNEL: Channel = Channel::News;
}

/// A process's place on the bus. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Bus {
    /// Gateways speak, control listens.
    pub events: Topic<NodeEvent>,
    /// Control speaks, gateways listen.
    pub commands: Topic<NodeCommand>,
    /// Control speaks, the other control processes listen.
    pub news: Topic<TenantNews>,
    outbox: broadcast::Sender<Parcel>,
    hearing: Hearing,
}

impl Bus {
    /// A bus of this process alone, on which nobody speaks or listens yet. A [`redis::Link`] ties it to others.
    pub fn in_process() -> Self {
        let (outbox, from) = (broadcast::Sender::new(BACKLOG), Uuid::now_v7());
        Self {
            events: Topic::new(&outbox, from),
            commands: Topic::new(&outbox, from),
            news: Topic::new(&outbox, from),
            outbox,
            hearing: Hearing::default(),
        }
    }

    /// Since when all that is said reaches this process. `None`: the link to the others is lost now. Who would conclude
    /// something from silence asks this first.
    pub fn hears_since(&self) -> Option<Instant> {
        *self.hearing.0.borrow()
    }

    /// Changes when the link to the others is lost, and when it is back.
    pub fn hearing(&self) -> watch::Receiver<Option<Instant>> {
        self.hearing.0.subscribe()
    }

    /// Waits until all that was said has left for the other processes, if there is a link to them.
    pub async fn left(&self) {
        while !self.outbox.is_empty() && self.hears_since().is_some() {
            tokio::time::sleep(LEAVING).await;
        }
        // What was taken last is on its way.
        tokio::time::sleep(LEAVING).await;
    }
}

/// Since when the others are heard.
#[derive(Clone, Debug)]
struct Hearing(Arc<watch::Sender<Option<Instant>>>);

impl Default for Hearing {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Some(Instant::now()))))
    }
}

impl Hearing {
    fn set(&self, since: Option<Instant>) {
        self.0.send_replace(since);
    }
}

/// A message on its way to other processes.
#[derive(Clone, Debug)]
struct Parcel {
    channel: Channel,
    is_repeated: bool,
    said_at: Instant,
    text: Arc<str>,
}

/// One kind of messages.
#[derive(Clone, Debug)]
pub struct Topic<M> {
    sender: broadcast::Sender<Envelope<M>>,
    outbox: broadcast::Sender<Parcel>,
    /// This process, so that it knows its own messages.
    from: Uuid,
}

impl<M: Message> Topic<M> {
    fn new(outbox: &broadcast::Sender<Parcel>, from: Uuid) -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG), outbox: outbox.clone(), from }
    }

    /// Tells all who listen now, in whatever process. Never waits; with nobody there the message is gone.
    pub fn publish(&self, body: M) {
        let envelope = Envelope { id: Uuid::now_v7(), sent_at: OffsetDateTime::now_utc(), body };
        self.send_away(&envelope);
        self.deliver(envelope);
    }

    /// Tells those who listen in other processes.
    pub fn tell_others(&self, body: M) {
        self.send_away(&Envelope { id: Uuid::now_v7(), sent_at: OffsetDateTime::now_utc(), body });
    }

    /// Listens from now on.
    pub fn subscribe(&self) -> Subscription<M> {
        Subscription { receiver: self.sender.subscribe() }
    }

    fn send_away(&self, envelope: &Envelope<M>) {
        /// As [`redis`] reads it.
        #[derive(Serialize)]
        struct Said<'a, M> {
            from: Uuid,
            #[serde(flatten)]
            envelope: &'a Envelope<M>,
        }
        if self.outbox.receiver_count() == 0 {
            return;
        }
        let text = serde_json::to_string(&Said { from: self.from, envelope }).expect("messages are JSON");
        let _link_is_gone = self.outbox.send(Parcel {
            channel: M::CHANNEL,
            is_repeated: envelope.body.is_repeated(),
            said_at: Instant::now(),
            text: text.into(),
        });
    }

    fn deliver(&self, envelope: Envelope<M>) {
        let _nobody_listens = self.sender.send(envelope);
    }
}

/// One listener of a topic.
#[derive(Debug)]
pub struct Subscription<M> {
    receiver: broadcast::Receiver<Envelope<M>>,
}

/// What a subscription got.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Received<M> {
    /// A message.
    Message(Envelope<M>),
    /// This many were lost: the subscriber was too slow.
    Lost(u64),
}

impl<M: Clone> Subscription<M> {
    /// Waits for the next message. `None`: nobody can speak any more.
    pub async fn next(&mut self) -> Option<Received<M>> {
        match self.receiver.recv().await {
            Ok(envelope) => Some(Received::Message(envelope)),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Received::Lost(count)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden bytes: a change that breaks this test breaks a rolling deploy.
    #[test]
    fn wire_form_is_frozen() {
        let json = r#"{"id":"01890000-0000-7000-8000-000000000001","sent_at":"2026-01-02T03:04:05Z","type":"stream_ended","node":"node_01890000000070008000000000000002","tenant":"ten_01890000000070008000000000000003","call":"call_01890000000070008000000000000004","stream":"MZ01890000000070008000000000000005","reason":"stalled"}"#;
        let parsed: Envelope<NodeEvent> = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), json);
    }

    #[test]
    fn the_wire_form_of_quality_is_frozen_and_may_grow() {
        let json = r#"{"type":"listeners_heard","node":"node_01890000000070008000000000000002","listeners":[{"session":"ses_01890000000070008000000000000003","packets":500,"loss_ratio":0.0156,"loss_ratio_total":0.004,"jitter_ms":3.1,"round_trip_ms":40.2,"behind_ms":21.3,"mos":4.29,"age_ms":1200}]}"#;
        let parsed: NodeEvent = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), json);

        let unknown =
            json.replace(r#""round_trip_ms":40.2,"behind_ms":21.3,"mos":4.29,"#, r#""colour":"red","#);
        let NodeEvent::ListenersHeard { listeners, .. } = serde_json::from_str(&unknown).unwrap() else {
            panic!("it is still the same kind")
        };
        assert_eq!((listeners[0].packets, listeners[0].mos), (500, None));
    }

    #[test]
    fn an_old_build_reads_what_it_does_not_know() {
        let event: NodeEvent = serde_json::from_str(r#"{"type":"from_the_future"}"#).unwrap();
        assert_eq!(event, NodeEvent::Unknown);
        assert_eq!(serde_json::from_str::<StreamEnd>(r#""eaten""#).unwrap(), StreamEnd::Unknown);
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_told_what_it_lost() {
        let bus = Bus::in_process();
        let mut slow = bus.events.subscribe();
        for _ in 0..BACKLOG + 3 {
            bus.events.publish(NodeEvent::Unknown);
        }
        assert_eq!(slow.next().await, Some(Received::Lost(3)));
        assert!(matches!(slow.next().await, Some(Received::Message(_))));
    }
}
