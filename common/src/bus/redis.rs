//! The bus over Redis, for processes that are apart: each tells all others by pub/sub.
//!
//! Redis carries what a heartbeat or the database can rebuild, and keeps nothing. It may be away, slow, or empty
//! after a restart at any time: nobody waits for it, and the link heals by itself.

use std::time::Duration;

use futures_util::StreamExt as _;
use prometheus::{IntCounterVec, IntGauge, Opts, Registry};
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{AsyncConnectionConfig, Client, Msg, RedisError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{Bus, Channel, Envelope, Message, Parcel, Topic};

/// How long Redis may take to connect, or to answer.
const ANSWER: Duration = Duration::from_secs(3);

/// How often a connection that is silent is tried: so soon a network that swallows everything is noticed.
const PING: Duration = Duration::from_secs(2);

/// The shortest and the longest wait before the next try to connect.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What is repeated anyway is not sent when it had to wait this long.
const STALE: Duration = Duration::from_secs(2);

/// Messages that leave in one round trip.
const BATCH: u64 = 64;

/// Largest message that is read, in bytes. A gateway's heartbeat has 40 for each of its calls and listeners.
const LARGEST: usize = 4 * 1024 * 1024;

/// Redis cannot be used as it was configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The URL.
    #[error("not a URL of Redis")]
    Url(#[source] RedisError),
    /// The metrics are registered already.
    #[error("metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
}

/// Ties a process's bus to those of all others at the same Redis.
#[derive(Debug)]
pub struct Link {
    client: Client,
    bus: Bus,
    hears: &'static [Channel],
    said: Receiver<Parcel>,
    connected: IntGauge,
    messages: IntCounterVec,
}

struct Connection {
    speaks: MultiplexedConnection,
    asks: PubSubSink,
    hears: PubSubStream,
}

impl Link {
    /// A link of `bus` to the Redis at `url` (`redis://`, or with TLS `rediss://`), for a process that wants to hear
    /// these channels. What is said from now on goes out with the first connection, which [`run`](Self::run) makes.
    ///
    /// # Errors
    ///
    /// When the URL cannot be used.
    pub fn new(
        url: &str,
        bus: Bus,
        hears: &'static [Channel],
        registry: &Registry,
    ) -> Result<Self, LinkError> {
        let client = Client::open(url).map_err(LinkError::Url)?;
        let connected = IntGauge::new("partyline_bus_connected", "Whether Redis carries the bus now")?;
        let help = "Messages of the bus over Redis. Lost: too many, too old or too large, or Redis failed under them";
        let messages = IntCounterVec::new(Opts::new("partyline_bus_messages_total", help), &["direction"])?;
        for direction in ["sent", "received", "lost"] {
            messages.with_label_values(&[direction]);
        }
        registry.register(Box::new(connected.clone()))?;
        registry.register(Box::new(messages.clone()))?;
        bus.hearing.set(None);
        let said = bus.outbox.subscribe();
        Ok(Self { client, bus, hears, said, connected, messages })
    }

    /// Carries messages for as long as it is polled, through every outage.
    pub async fn run(mut self) {
        let mut wait = RETRY.0;
        loop {
            match self.connect().await {
                Ok(connection) => {
                    tracing::info!("Redis carries the bus");
                    wait = RETRY.0;
                    self.connected.set(1);
                    self.bus.hearing.set(Some(std::time::Instant::now()));
                    let error = self.carry(connection).await;
                    self.bus.hearing.set(None);
                    self.connected.set(0);
                    tracing::warn!(%error, "Redis is lost: calls go on, and are told of when it is back");
                }
                Err(error) => tracing::debug!(%error, "Redis does not connect"),
            }
            // By chance, so that a fleet does not come back at one moment.
            sleep(wait.mul_f64(0.5 + f64::from(Uuid::new_v4().as_bytes()[0]) / 512.0)).await;
            wait = (wait * 2).min(RETRY.1);
        }
    }

    async fn connect(&self) -> Result<Connection, String> {
        let connect = async {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(ANSWER))
                .set_response_timeout(Some(ANSWER));
            let speaks = self.client.get_multiplexed_async_connection_with_config(&config).await?;
            let (mut asks, hears) = self.client.get_async_pubsub().await?.split();
            for channel in self.hears {
                asks.subscribe(channel.name()).await?;
            }
            Ok::<_, RedisError>(Connection { speaks, asks, hears })
        };
        match timeout(ANSWER, connect).await {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    /// Carries messages until a connection fails, and says how.
    async fn carry(&mut self, connection: Connection) -> String {
        let Connection { speaks, asks, hears } = connection;
        tokio::select! {
            error = speak(speaks, &mut self.said, &self.messages) => error.to_string(),
            error = hear(hears, &self.bus, &self.messages) => error,
            error = ask(asks) => error,
        }
    }
}

/// Sends what is said, in batches: whatever has gathered while the last one was under way.
async fn speak(
    mut connection: MultiplexedConnection,
    said: &mut Receiver<Parcel>,
    messages: &IntCounterVec,
) -> RedisError {
    let lost = |count| messages.with_label_values(&["lost"]).inc_by(count);
    loop {
        let mut batch = redis::pipe();
        let mut count = 0;
        let mut next = timeout(PING, said.recv()).await.map_err(|_| TryRecvError::Empty).and_then(|said| {
            said.map_err(|error| match error {
                RecvError::Lagged(count) => TryRecvError::Lagged(count),
                RecvError::Closed => TryRecvError::Closed,
            })
        });
        loop {
            match next {
                Ok(parcel) if parcel.is_repeated && parcel.said_at.elapsed() > STALE => lost(1),
                Ok(parcel) => {
                    batch.publish(parcel.channel.name(), &*parcel.text).ignore();
                    count += 1;
                }
                Err(TryRecvError::Lagged(count)) => lost(count),
                // The bus lives as long as the link, so it is empty.
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
            if count == BATCH {
                break;
            }
            next = said.try_recv();
        }
        if count == 0 {
            batch.cmd("PING").ignore();
        }
        if let Err(error) = batch.exec_async(&mut connection).await {
            lost(count);
            return error;
        }
        messages.with_label_values(&["sent"]).inc_by(count);
    }
}

/// Tells this process what others say.
async fn hear(mut stream: PubSubStream, bus: &Bus, messages: &IntCounterVec) -> String {
    while let Some(message) = stream.next().await {
        let outcome = match take(&message, bus) {
            Some(()) => "received",
            None => "lost",
        };
        messages.with_label_values(&[outcome]).inc();
    }
    "the connection was closed".to_owned()
}

/// Asks now and then whether Redis is still there: a subscriber hears nothing of a network that swallows everything.
async fn ask(mut connection: PubSubSink) -> String {
    let mut at = Instant::now();
    loop {
        at += PING;
        tokio::time::sleep_until(at).await;
        match timeout(ANSWER, connection.ping::<redis::Value>()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "no answer in time".to_owned(),
        }
    }
}

/// Delivers a message, unless it is our own. `None`: it cannot be read.
fn take(message: &Msg, bus: &Bus) -> Option<()> {
    let text = message.get_payload_bytes();
    if text.len() > LARGEST {
        return None;
    }
    let channel = Channel::ALL.into_iter().find(|channel| channel.name() == message.get_channel_name())?;
    match channel {
        Channel::Events => deliver(&bus.events, text),
        Channel::Commands => deliver(&bus.commands, text),
        Channel::News => deliver(&bus.news, text),
    }
}

fn deliver<M: Message + DeserializeOwned>(topic: &Topic<M>, text: &[u8]) -> Option<()> {
    /// As [`Topic`] writes it.
    #[derive(Deserialize)]
    struct Signed<M> {
        from: Uuid,
        #[serde(flatten)]
        envelope: Envelope<M>,
    }
    let Signed { from, envelope } = serde_json::from_slice(text).ok()?;
    if from != topic.from {
        topic.deliver(envelope);
    }
    Some(())
}
