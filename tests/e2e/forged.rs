//! Who can write to Redis, and read it, and does not have the bus's key: nobody hears him.

use std::time::Duration;

use ::redis::aio::{MultiplexedConnection, PubSub};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use common::SessionId;
use common::bus::redis::Link;
use common::bus::{Bus, BusKeys, Channel, NodeCommand, Received, Subscription};
use futures_util::StreamExt as _;
use prometheus::Registry;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::installation::eventually;
use crate::redis::{BUS_KEY, Redis};

const COMMANDS: &str = "partyline:2:commands";
const EVENTS: &str = "partyline:2:events";

#[tokio::test]
async fn only_what_one_of_us_has_just_sent_is_heard() {
    let redis = Redis::start();
    let mut stranger = Stranger::connect(&redis).await;
    let gateway = Process::start(&redis, &[Channel::Commands]).await;
    let control = Process::start(&redis, &[Channel::Events, Channel::News]).await;
    let mut orders = gateway.bus.commands.subscribe();
    let sessions = [(); 4].map(|()| SessionId::new());

    control.bus.commands.publish(NodeCommand::EndSession { session: sessions[0] });
    assert_eq!(ended(&mut orders).await, sessions[0]);
    let kept = stranger.overhear().await;
    let (_, message) = kept.split_once('\n').unwrap();
    let other = message.replace(&sessions[0].to_string(), &sessions[1].to_string());
    let as_another = |message: &str| {
        let (_, rest) = message.split_at(r#"{"from":""#.len() + Uuid::nil().to_string().len());
        format!(r#"{{"from":"{}{rest}"#, Uuid::now_v7())
    };

    let now = OffsetDateTime::now_utc().unix_timestamp() * 1000;
    let our_key = BASE64_STANDARD.decode(BUS_KEY).unwrap();
    let stranger_says = [
        // What he has heard, once more; and what he has heard before, later.
        ("replayed", kept.clone()),
        ("stale", frame(&our_key, COMMANDS, now - 31_000, 1, &as_another(message))),
        ("stale", frame(&our_key, COMMANDS, now + 90_000, 1, &as_another(message))),
        // Another order under a code that he has seen; under one of another channel; of a key of his own.
        ("bad_signature", kept.replace(message, &other)),
        ("bad_signature", frame(&our_key, EVENTS, now, 2, &other)),
        ("bad_signature", frame(&[7; 32], COMMANDS, now, 2, &other)),
        // As it was before there was a key.
        ("unsigned", other.clone()),
        ("unsigned", String::new()),
    ];
    for (n, (_, frame)) in stranger_says.iter().enumerate() {
        stranger.say(COMMANDS, frame).await;
        eventually("a message that is not heard", async || {
            (gateway.rejected(None) == n as u64 + 1).then_some(())
        })
        .await;
    }
    for reason in ["replayed", "stale", "bad_signature", "unsigned"] {
        let expected = stranger_says.iter().filter(|(why, _)| *why == reason).count();
        assert_eq!(gateway.rejected(Some(reason)), expected as u64, "{reason}");
    }
    // An order is no event.
    stranger.say(EVENTS, &kept).await;
    eventually("an order among events", async || {
        (control.rejected(Some("bad_signature")) == 1).then_some(())
    })
    .await;

    // With the right key, channel and time the same form is heard, and in between was nothing.
    let ours = message.replace(&sessions[0].to_string(), &sessions[2].to_string());
    stranger.say(COMMANDS, &frame(&our_key, COMMANDS, now, 1, &as_another(&ours))).await;
    assert_eq!(ended(&mut orders).await, sessions[2]);
    control.bus.commands.publish(NodeCommand::EndSession { session: sessions[3] });
    assert_eq!(ended(&mut orders).await, sessions[3]);
}

/// A frame, made apart from the code under test.
fn frame(key: &[u8], channel: &str, sent_at: i64, number: u64, message: &str) -> String {
    let rest = format!("{sent_at}.{number}\n{message}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let code = hmac::sign(&key, format!("{channel}\n{rest}").as_bytes());
    format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(code))
}

async fn ended(orders: &mut Subscription<NodeCommand>) -> SessionId {
    let order = tokio::time::timeout(Duration::from_secs(20), orders.next()).await.expect("an order");
    match order.unwrap() {
        Received::Message(envelope) => match envelope.body {
            NodeCommand::EndSession { session } => session,
            other => panic!("{other:?}"),
        },
        Received::Lost(count) => panic!("{count} lost"),
    }
}

/// A process on the bus.
struct Process {
    bus: Bus,
    registry: Registry,
}

impl Process {
    async fn start(redis: &Redis, hears: &'static [Channel]) -> Self {
        let (bus, registry) = (Bus::in_process(), Registry::new());
        let keys = BusKeys { present: BUS_KEY.parse().unwrap(), others: Vec::new() };
        let link = Link::new(&redis.url(), &keys, bus.clone(), hears, &registry).unwrap();
        tokio::spawn(link.run());
        eventually("Redis", async || bus.hears_since()).await;
        Self { bus, registry }
    }

    fn rejected(&self, reason: Option<&str>) -> u64 {
        let families = self.registry.gather();
        let is_it = |name| name == "partyline_bus_messages_rejected_total";
        let family = families.iter().find(|family| is_it(family.name())).expect("registered");
        let of_reason = |metric: &&prometheus::proto::Metric| {
            reason.is_none_or(|reason| metric.get_label()[0].value() == reason)
        };
        family
            .get_metric()
            .iter()
            .filter(of_reason)
            .map(|metric| metric.get_counter().get_value() as u64)
            .sum()
    }
}

/// Somebody with Redis's password.
struct Stranger {
    speaks: MultiplexedConnection,
    hears: PubSub,
}

impl Stranger {
    async fn connect(redis: &Redis) -> Self {
        let client = ::redis::Client::open(redis.url()).unwrap();
        let speaks = eventually("Redis", async || client.get_multiplexed_async_connection().await.ok()).await;
        let mut hears = client.get_async_pubsub().await.unwrap();
        hears.subscribe(COMMANDS).await.unwrap();
        Self { speaks, hears }
    }

    async fn say(&mut self, channel: &str, frame: &str) {
        let heard: i64 =
            ::redis::cmd("PUBLISH").arg(channel).arg(frame).query_async(&mut self.speaks).await.unwrap();
        assert!(heard >= 1, "somebody listens on {channel}");
    }

    async fn overhear(&mut self) -> String {
        self.hears.on_message().next().await.expect("a message").get_payload().unwrap()
    }
}
