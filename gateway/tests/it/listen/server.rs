//! A running gateway with a call in it, and the ways to ask it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use common::bus::{Bus, NodeEvent, Received, SessionEnd, Subscription};
use common::serve::Limits;
use common::token::{ListenGrant, Mode, Side, Signer, StreamKind};
use common::{CallId, SessionId, TenantId, UserId};
use gateway::hub::{CallInfo, Hub, LiveCall};
use gateway::{Config, Gateway, ingest, listen};
use prometheus::Registry;
use reqwest::{Client, Method, RequestBuilder, Response};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::server::PATIENCE;

/// What Chromium offers to listen.
pub(crate) const OFFER: &str = include_str!("../offer.sdp");

pub(crate) struct Server {
    pub(crate) base: String,
    pub(crate) udp: SocketAddr,
    pub(crate) hub: Arc<Hub>,
    pub(crate) bus: Bus,
    pub(crate) signer: Signer,
    pub(crate) registry: Registry,
    events: Subscription<NodeEvent>,
    client: Client,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// A session that was opened.
pub(crate) struct Opened {
    pub(crate) url: String,
    pub(crate) etag: String,
    pub(crate) answer: String,
    pub(crate) token: String,
    pub(crate) grant: ListenGrant,
}

/// The parts of an answer that tests look at.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Of a problem document, or empty.
    pub(crate) code: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut config = config(&base);
        change(&mut config);
        let signer = Signer::from_pkcs8(&Signer::generate_pkcs8()).unwrap();
        let (bus, registry) = (Bus::in_process(), Registry::new());
        let events = bus.events.subscribe();
        let gateway = Gateway::new(&config, listener, bus.clone(), signer.verifier(), &registry).unwrap();
        let (hub, udp) = (gateway.hub().clone(), gateway.udp_addrs()[0]);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(gateway.run(async {
            let _ = stopped.await;
        }));
        let client = Client::new();
        Self { base, udp, hub, bus, signer, registry, events, client, stop: Some(stop), task }
    }

    /// A call with a media stream.
    pub(crate) fn call(&self) -> Arc<LiveCall> {
        let sid = |prefix: &str| format!("{prefix}{}", CallId::new().as_uuid().simple());
        let info = CallInfo {
            tenant: TenantId::new(),
            call: CallId::new(),
            call_sid: sid("CA").parse().unwrap(),
            account_sid: sid("AC").parse().unwrap(),
            stream: sid("MZ").parse().unwrap(),
            kind: StreamKind::Agent,
        };
        self.hub.open(info).0
    }

    pub(crate) fn grant(&self, call: &LiveCall) -> ListenGrant {
        ListenGrant {
            session: SessionId::new(),
            tenant: call.info().tenant,
            call: call.info().call,
            user: UserId::new(),
            side: Side::Beside,
            mode: Mode::Listen,
            exp: i64::MAX,
        }
    }

    pub(crate) fn whep(&self, call: impl std::fmt::Display) -> String {
        format!("{}/whep/{call}", self.base)
    }

    pub(crate) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// A POST that does everything right.
    pub(crate) fn post(&self, grant: &ListenGrant) -> RequestBuilder {
        self.request(Method::POST, &self.whep(grant.call))
            .bearer_auth(self.signer.sign(grant))
            .header("content-type", "application/sdp")
            .body(OFFER)
    }

    pub(crate) fn patch(&self, session: &Opened, fragment: &str) -> RequestBuilder {
        self.request(Method::PATCH, &session.url)
            .header("content-type", "application/trickle-ice-sdpfrag")
            .body(fragment.to_owned())
    }

    pub(crate) async fn open(&self, grant: ListenGrant) -> Opened {
        let token = self.signer.sign(&grant);
        let reply = reply(self.post(&grant)).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        Opened {
            url: format!("{}{}", self.base, reply.headers["location"]),
            etag: reply.headers["etag"].clone(),
            answer: reply.body,
            token,
            grant,
        }
    }

    /// The next session that ends.
    pub(crate) async fn ended(&mut self) -> (SessionId, SessionEnd) {
        loop {
            match timeout(PATIENCE, self.events.next()).await.expect("a session ends") {
                Some(Received::Message(envelope)) => {
                    if let NodeEvent::SessionEnded { session, reason, .. } = envelope.body {
                        return (session, reason);
                    }
                }
                other => panic!("{other:?} for an event"),
            }
        }
    }

    /// Stops it in order, and waits.
    pub(crate) async fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        timeout(PATIENCE, &mut self.task).await.expect("it stops").unwrap();
    }

    /// A metric's value: a counter, a gauge, or the number of a histogram's observations. All series whose
    /// labels contain these are summed.
    pub(crate) fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name).expect(name);
        let matches = |metric: &&prometheus::proto::Metric| {
            labels.iter().all(|(name, value)| {
                metric.get_label().iter().any(|label| label.name() == *name && label.value() == *value)
            })
        };
        let value = |metric: &prometheus::proto::Metric| {
            metric.get_counter().get_value()
                + metric.get_gauge().get_value()
                + metric.get_histogram().get_sample_count() as f64
        };
        family.get_metric().iter().filter(matches).map(value).sum()
    }
}

pub(crate) fn config(public_url: &str) -> Config {
    Config {
        public_url: public_url.to_owned(),
        threads: std::num::NonZeroUsize::MIN,
        udp_addr: "127.0.0.1:0".parse().unwrap(),
        public_ips: Vec::new(),
        allowed_origins: vec!["https://console.example".to_owned()],
        http: Limits::default(),
        tls: None,
        ingest: ingest::Config::default(),
        listen: listen::Config::default(),
        budget: gateway::budget::Config::default(),
        bot: gateway::bot::BotConfig::default(),
        speech: gateway::speech::SpeechConfig::default(),
    }
}

pub(crate) async fn reply(request: RequestBuilder) -> Reply {
    let response: Response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let mut headers = HashMap::<String, String>::new();
    for (name, value) in response.headers() {
        let value = value.to_str().unwrap();
        let all = headers.entry(name.to_string()).or_default();
        all.push_str(if all.is_empty() { "" } else { ", " });
        all.push_str(value);
    }
    let body = response.text().await.unwrap();
    let problem = headers.get("content-type").is_some_and(|kind| kind == "application/problem+json");
    let code = match problem {
        true => {
            let json: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(json["status"], status, "{body}");
            for field in ["type", "title", "detail"] {
                assert!(json[field].is_string(), "{field}: {body}");
            }
            json["code"].as_str().unwrap().to_owned()
        }
        false => String::new(),
    };
    Reply { status, code, headers, body }
}
