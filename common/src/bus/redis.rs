//! The bus over Redis, for processes that are apart: each tells all others by pub/sub.
//!
//! Redis carries what a heartbeat or the database can rebuild, and keeps nothing. It may be away, slow, or empty
//! after a restart at any time: nobody waits for it, and the link heals by itself. It is not believed either: what is
//! heard is what somebody with the bus's key has just sent.

use std::time::Duration;

use futures_util::StreamExt as _;
use prometheus::{IntCounterVec, IntGauge, Opts, Registry};
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{AsyncConnectionConfig, Client, Msg, RedisError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::seal::{Opened, Opener, Rejected, Sealer};
use super::{Bus, BusKeys, Channel, Envelope, Message, Parcel, Topic};

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
    sealer: Sealer,
    opener: Opener,
    connected: IntGauge,
    counts: Counts,
}

/// What became of messages.
#[derive(Clone, Debug)]
struct Counts {
    messages: IntCounterVec,
    rejected: IntCounterVec,
}

struct Connection {
    speaks: MultiplexedConnection,
    asks: PubSubSink,
    hears: PubSubStream,
}

impl Link {
    /// A link of `bus` to the Redis at `url` (`redis://`, or with TLS `rediss://`), for a process that wants to hear
    /// these channels from processes that have one of these keys. What is said from now on goes out with the first
    /// connection, which [`run`](Self::run) makes.
    ///
    /// # Errors
    ///
    /// When the URL cannot be used.
    pub fn new(
        url: &str,
        keys: &BusKeys,
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
        let help = "Messages on Redis that are not of a process with the bus's key, or not of now";
        let rejected =
            IntCounterVec::new(Opts::new("partyline_bus_messages_rejected_total", help), &["reason"])?;
        for reason in Rejected::ALL {
            rejected.with_label_values(&[reason.as_str()]);
        }
        registry.register(Box::new(connected.clone()))?;
        registry.register(Box::new(messages.clone()))?;
        registry.register(Box::new(rejected.clone()))?;
        bus.hearing.set(None);
        let said = bus.outbox.subscribe();
        let (sealer, opener) = (Sealer::new(keys), Opener::new(keys));
        Ok(Self {
            client,
            bus,
            hears,
            said,
            sealer,
            opener,
            connected,
            counts: Counts { messages, rejected },
        })
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
            error = speak(speaks, &mut self.said, &mut self.sealer, &self.counts) => error.to_string(),
            error = hear(hears, &self.bus, &mut self.opener, &self.counts) => error,
            error = ask(asks) => error,
        }
    }
}

/// Sends what is said, in batches: whatever has gathered while the last one was under way.
async fn speak(
    mut connection: MultiplexedConnection,
    said: &mut Receiver<Parcel>,
    sealer: &mut Sealer,
    counts: &Counts,
) -> RedisError {
    let lost = |count| counts.messages.with_label_values(&["lost"]).inc_by(count);
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
                    // Of the moment it leaves: it may have waited for Redis.
                    let frame = sealer.seal(parcel.channel, &parcel.text, now());
                    batch.publish(parcel.channel.name(), frame).ignore();
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
        counts.messages.with_label_values(&["sent"]).inc_by(count);
    }
}

/// Tells this process what others say.
async fn hear(mut stream: PubSubStream, bus: &Bus, opener: &mut Opener, counts: &Counts) -> String {
    while let Some(message) = stream.next().await {
        match take(&message, bus, opener, now()) {
            Ok(()) => counts.messages.with_label_values(&["received"]).inc(),
            Err(NotTaken::Unreadable) => counts.messages.with_label_values(&["lost"]).inc(),
            Err(NotTaken::Rejected(why)) => {
                let why = why.as_str();
                counts.rejected.with_label_values(&[why]).inc();
                tracing::debug!(why, channel = message.get_channel_name(), "a message on Redis is not heard");
            }
        }
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

/// Why a message is not delivered.
enum NotTaken {
    /// Too large, or nothing that this build can read.
    Unreadable,
    /// Not from one of us, or not of now.
    Rejected(Rejected),
}

impl From<Rejected> for NotTaken {
    fn from(why: Rejected) -> Self {
        Self::Rejected(why)
    }
}

/// Delivers a message that came at `now`, unless it is our own.
fn take(message: &Msg, bus: &Bus, opener: &mut Opener, now: i64) -> Result<(), NotTaken> {
    let frame = message.get_payload_bytes();
    if frame.len() > LARGEST {
        return Err(NotTaken::Unreadable);
    }
    let is_it = |channel: &Channel| channel.name() == message.get_channel_name();
    let channel = Channel::ALL.into_iter().find(is_it).ok_or(NotTaken::Unreadable)?;
    let opened = opener.open(channel, frame, now)?;
    match channel {
        Channel::Events => deliver(&bus.events, &opened, opener, now),
        Channel::Commands => deliver(&bus.commands, &opened, opener, now),
        Channel::News => deliver(&bus.news, &opened, opener, now),
    }
}

fn deliver<M: Message + DeserializeOwned>(
    topic: &Topic<M>,
    opened: &Opened<'_>,
    opener: &mut Opener,
    now: i64,
) -> Result<(), NotTaken> {
    /// As [`Topic`] writes it.
    #[derive(Deserialize)]
    struct Said<M> {
        from: Uuid,
        #[serde(flatten)]
        envelope: Envelope<M>,
    }
    let Said { from, envelope } = serde_json::from_slice(opened.message).map_err(|_| NotTaken::Unreadable)?;
    if from != topic.from {
        opener.note(from, opened, now)?;
        topic.deliver(envelope);
    }
    Ok(())
}

/// Unix milliseconds.
fn now() -> i64 {
    let now = OffsetDateTime::now_utc();
    now.unix_timestamp() * 1000 + i64::from(now.millisecond())
}
