//! Planes in processes of their own, with Redis between them.

use std::time::Duration;

use futures_util::StreamExt as _;
use loadtest::api::{Call, Console};
use loadtest::ears::{self, Listener, Options};
use loadtest::twilio::dial;
use partyline::node::{Addrs, Node};
use partyline::settings::{Planes, Raw, Settings, verifying_key};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_tungstenite::connect_async;

use crate::hearing::assert_hears_both;
use crate::installation::{call_spec, console, eventually, metric, settings, tone};
use crate::redis::{BUS_KEY, Redis};

const CONNECTED: &str = "partyline_bus_connected";

#[tokio::test(flavor = "multi_thread")]
async fn any_control_serves_any_console_and_any_call() {
    let redis = Redis::start();
    let here = Apart::start(&redis).await;
    let mut live = here.live_events().await;
    assert_eq!(live.next().await["type"], "snapshot");

    // The first control answers Twilio; the second has the consoles.
    let call = dial(call_spec(&here.first.addrs.public_url, tone(450), tone(700)));
    for kind in ["call.incoming", "call.answered", "call.media"] {
        live.until(kind).await;
    }
    let id = here.live_call().await.id;
    let session = here.second_console.listen(&id).await.unwrap();
    assert!(session.endpoint.whep_url.as_str().starts_with(&here.gateway.addrs.gateway_public_url));
    let listener = here.join(&id).await;
    listener.listen_for(Duration::from_secs(2)).await.unwrap();
    let started = live.until("session.started").await;
    assert_eq!(started["call"]["listeners"], 1);
    assert_hears_both(&listener.leave().await.unwrap(), "a listener of the second control");
    live.until("session.ended").await;

    call.hang_up();
    assert!(call.finished().await.is_good());
    live.until("call.ended").await;
    let events = live.seqs;
    assert!(events.windows(2).all(|pair| pair[1] == pair[0] + 1), "a hole or a double in {events:?}");
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_die_and_come_back_empty() {
    let mut redis = Redis::start();
    let here = Apart::start(&redis).await;
    let call = dial(call_spec(&here.first.addrs.public_url, tone(450), tone(700)));
    let id = here.live_call().await.id;
    let listener = here.join(&id).await;
    listener.wait_packets(50).await.unwrap();

    redis.kill();
    for node in here.nodes() {
        eventually("loss of Redis", async || {
            (metric(node.addrs.admin, CONNECTED).await == 0.0).then_some(())
        })
        .await;
    }
    // Longer than a gateway may be silent.
    listener.listen_for(Duration::from_secs(7)).await.unwrap();
    assert!(here.live_call().await.media.live, "who cannot hear a gateway does not bury its calls");

    redis.start_again();
    for node in here.nodes() {
        eventually("Redis", async || (metric(node.addrs.admin, CONNECTED).await == 1.0).then_some(())).await;
    }
    let mut live = here.live_events().await;
    live.until("snapshot").await;
    let second = here.join(&id).await;
    live.until("session.started").await;
    second.wait_packets(50).await.unwrap();
    assert_hears_both(&second.leave().await.unwrap(), "a listener after the outage");
    assert_hears_both(&listener.leave().await.unwrap(), "a listener through the outage");
    call.hang_up();
    call.finished().await;
    live.until("call.ended").await;
    here.stop().await;
}

/// Two controls and a gateway.
struct Apart {
    first: Running,
    second: Running,
    gateway: Running,
    second_console: Console,
    whep: ears::whep::Whep,
    _data_dir: TempDir,
}

struct Running {
    addrs: Addrs,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Apart {
    async fn start(redis: &Redis) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let bus_key = Some(BUS_KEY.to_owned());
        let raw = Raw { redis_url: Some(redis.url()), bus_key, ..settings(data_dir.path()) };
        let signer = control::signing_key(data_dir.path()).unwrap();
        let key = Raw { verifying_key: Some(verifying_key(&signer)), ..raw.clone() };
        let gateway = Running::start(Settings::from_raw(key, Planes::Gateway).unwrap()).await;
        let gateway_public_url = Some(gateway.addrs.gateway_public_url.clone());
        let raw = Raw { gateway_public_url, ..raw };
        let [first, second] = [
            Running::start(Settings::from_raw(raw.clone(), Planes::Control).unwrap()).await,
            Running::start(Settings::from_raw(raw, Planes::Control).unwrap()).await,
        ];
        let second_console = console(&second.addrs.public_url).await;
        let whep = ears::whep::Whep::new().unwrap();
        let here = Self { first, second, gateway, second_console, whep, _data_dir: data_dir };
        for node in here.nodes() {
            eventually("Redis", async || (metric(node.addrs.admin, CONNECTED).await == 1.0).then_some(()))
                .await;
        }
        here
    }

    fn nodes(&self) -> [&Running; 3] {
        [&self.first, &self.second, &self.gateway]
    }

    async fn live_call(&self) -> Call {
        eventually("a live call", async || self.second_console.live_calls().await.unwrap().pop()).await
    }

    async fn join(&self, call: &str) -> Listener {
        let endpoint = self.second_console.listen(call).await.unwrap().endpoint;
        ears::light::join(&self.whep, &endpoint, &Options::default()).await.unwrap()
    }

    /// A live socket at the second control.
    async fn live_events(&self) -> Live {
        let token = self.second_console.token().await;
        let url =
            format!("{}/api/live?token={token}", self.second.addrs.public_url.replacen("http", "ws", 1));
        let (socket, _) = connect_async(url).await.unwrap();
        let messages = socket.filter_map(async |message| Some(message.ok()?.into_text().ok()?.to_string()));
        Live { messages: Box::pin(messages), seqs: Vec::new() }
    }

    async fn stop(self) {
        // Gateways first, so that control hears how each call ended.
        for node in [self.gateway, self.first, self.second] {
            let _already_over = node.stop.send(());
            node.task.await.unwrap();
        }
    }
}

impl Running {
    async fn start(settings: Settings) -> Self {
        let node = Node::new(settings).await.unwrap();
        let addrs = node.addrs.clone();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(node.run(async {
            let _dropped_is_stop_too = stopped.await;
        }));
        Self { addrs, stop, task }
    }
}

struct Live {
    messages: std::pin::Pin<Box<dyn futures_util::Stream<Item = String> + Send>>,
    /// The numbers of all events so far.
    seqs: Vec<i64>,
}

impl Live {
    async fn next(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(20), self.messages.next()).await;
            let text = message.expect("an event within 20 s").expect("the socket stays open");
            let Ok(message) = serde_json::from_str::<Value>(&text) else { continue };
            if message["type"] != "snapshot" {
                self.seqs.push(message["seq"].as_i64().unwrap());
            }
            return message;
        }
    }

    async fn until(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] == kind {
                return message;
            }
        }
    }
}
