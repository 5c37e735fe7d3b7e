//! A running control plane, the people who use it, and Twilio.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::bus::{Bus, NodeEvent};
use common::token::{Signer, StreamTicket, Verifier};
use common::{AccountSid, CallId, CallSid, NodeId, StreamSid, TenantId};
use control::backstage::Backstage;
use control::rest::RestConfig;
use control::{Bootstrap, BootstrapTwilio, Config, Control};
use prometheus::Registry;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::STORE;
use crate::Store;
use crate::postgres::{self, Database};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const NUMBER: &str = "+15550100";
/// Behind a proxy: what Twilio signs is not what we listen on.
pub(crate) const PUBLIC_URL: &str = "https://calls.example.com";
pub(crate) const GATEWAY_URL: &str = "https://media.example.com";

/// A running control plane.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) bus: Bus,
    pub(crate) registry: Registry,
    pub(crate) verifier: Verifier,
    pub(crate) node: NodeId,
    pub(crate) http: Client,
    pub(crate) data: Data,
    pub(crate) backstage: Backstage,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// What outlives a server: its folder, and its database if that is not in the folder.
#[derive(Clone)]
pub(crate) struct Data {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) postgres: Option<Database>,
}

impl Data {
    async fn fresh() -> Self {
        let postgres = match STORE {
            Store::Sqlite => None,
            Store::Postgres => Some(postgres::fresh().await),
        };
        Self { folder: Arc::new(tempfile::tempdir().unwrap()), postgres }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn url(&self) -> String {
        match &self.postgres {
            None => format!("sqlite://{}/partyline.db", self.folder.path().display()),
            Some(database) => database.url(postgres::SERVER),
        }
    }
}

/// Somebody who signed in.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) token: String,
    pub(crate) cookie: String,
    pub(crate) tenant: TenantId,
    pub(crate) body: Value,
}

/// The nth tenant that a test makes.
pub(crate) fn bootstrap(n: u8) -> Bootstrap {
    Bootstrap {
        tenant: format!("Tenant {n}"),
        email: email(n),
        password: PASSWORD.to_owned(),
        twilio: Some(BootstrapTwilio {
            account_sid: account(n),
            auth_token: AUTH_TOKEN.to_owned(),
            auth_token_secondary: None,
            number: NUMBER.to_owned(),
            dial: Some("+15550199".to_owned()),
        }),
    }
}

pub(crate) fn email(n: u8) -> String {
    format!("admin{n}@example.com")
}

pub(crate) fn account(n: u8) -> AccountSid {
    format!("AC{n:032x}").parse().unwrap()
}

pub(crate) fn call_sid(n: u32) -> CallSid {
    format!("CA{n:032x}").parse().unwrap()
}

pub(crate) fn stream_sid(n: u32) -> StreamSid {
    format!("MZ{n:032x}").parse().unwrap()
}

impl Server {
    /// With one tenant, number 1.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::open(Data::fresh().await, change).await
    }

    /// With two tenants, numbers 1 and 2.
    pub(crate) async fn start_with_two_tenants() -> Self {
        let first = Self::start_with(|config| config.bootstrap = Some(bootstrap(2))).await;
        first.restart(|_| {}).await
    }

    /// One more process on the same data.
    pub(crate) async fn beside(&self) -> Self {
        self.beside_with(|_| {}).await
    }

    pub(crate) async fn beside_with(&self, change: impl FnOnce(&mut Config)) -> Self {
        Self::open(self.data.clone(), change).await
    }

    /// One more process on the same data, which hears the same gateways.
    pub(crate) async fn beside_on_the_bus(&self) -> Self {
        Self::open_on(self.bus.clone(), self.data.clone(), |_| {}).await
    }

    pub(crate) async fn open(data: Data, change: impl FnOnce(&mut Config)) -> Self {
        Self::open_on(Bus::in_process(), data, change).await
    }

    async fn open_on(bus: Bus, data: Data, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            public_url: PUBLIC_URL.to_owned(),
            gateway_public_url: GATEWAY_URL.to_owned(),
            data_dir: data.folder.path().to_owned(),
            database_url: data.url(),
            bootstrap: Some(bootstrap(1)),
            // Nobody listens there: no test asks the real one.
            twilio_api: RestConfig {
                base_url: "http://127.0.0.1:9".to_owned(),
                tries: 1,
                ..RestConfig::default()
            },
            ..Config::default()
        };
        // No gateway beats here by itself, and none is dead for that, however slow the machine is.
        config.timings.node_silence = Duration::from_secs(3600);
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let registry = Registry::new();
        let signer: Signer = control::signing_key(data.folder.path()).unwrap();
        let verifier = signer.verifier();
        let control = Control::new(config, listener, bus.clone(), signer, &registry).await.unwrap();
        let backstage = control.backstage();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(control.run(async {
            let _ = stopped.await;
        }));
        let http = Client::builder().timeout(Duration::from_secs(20)).no_proxy().build().unwrap();
        let node = NodeId::new();
        Self { addr, bus, registry, verifier, node, http, data, backstage, stop: Some(stop), task }
    }

    /// Stops in order, and starts again on the same data.
    pub(crate) async fn restart(mut self, change: impl FnOnce(&mut Config)) -> Self {
        drop(self.stop.take());
        (&mut self.task).await.unwrap();
        Self::open(self.data.clone(), change).await
    }

    /// Drops everything where it stands, as a kill would, and starts again on what was on disk.
    pub(crate) async fn kill_and_restart(self, change: impl FnOnce(&mut Config)) -> Self {
        let copy = tempfile::tempdir().unwrap();
        // The files as they are at this moment: what a killed process leaves behind.
        for file in std::fs::read_dir(self.data.folder.path()).unwrap() {
            let file = file.unwrap();
            // The folder of webhooks that wait for the database is empty here: no database is away.
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
            }
        }
        self.task.abort();
        let data = Data { folder: Arc::new(copy), postgres: self.data.postgres.clone() };
        Self::open(data, change).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.addr))
    }

    pub(crate) async fn login(&self, n: u8) -> Person {
        self.login_as(&email(n), PASSWORD).await
    }

    pub(crate) async fn login_as(&self, email: &str, password: &str) -> Person {
        let body = json!({ "email": email, "password": password });
        let response = self.request(Method::POST, "/api/auth/login").json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Person::of(response).await
    }

    /// A person of tenant `admin` with this role.
    pub(crate) async fn hire(&self, admin: &Person, role: &str) -> Person {
        let email = format!("{role}@example.com");
        let body = json!({ "email": email, "name": role, "role": role, "password": PASSWORD });
        let made = self.send(admin, Method::POST, "/api/users", Some(body)).await;
        assert_eq!(made.status(), StatusCode::CREATED);
        self.login_as(&email, PASSWORD).await
    }

    pub(crate) async fn send(
        &self,
        person: &Person,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Response {
        let request = self.request(method, path).bearer_auth(&person.token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.unwrap()
    }

    /// What signs its tokens.
    pub(crate) fn signer(&self) -> Signer {
        control::signing_key(self.data.folder.path()).unwrap()
    }

    /// What a GET of the path gives; it must be there.
    pub(crate) async fn get(&self, person: &Person, path: &str) -> Value {
        let response = self.send(person, Method::GET, path, None).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    /// Asks until the answer satisfies. Things that come by the bus take a moment; a test that waits for
    /// ever is ended by the test runner.
    pub(crate) async fn until(&self, person: &Person, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1500 {
            let value = self.get(person, path).await;
            if is_so(&value) {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{path} never became so: {}", self.get(person, path).await);
    }

    /// A webhook as Twilio sends it.
    pub(crate) async fn twilio(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let signature = sign(AUTH_TOKEN, &format!("{PUBLIC_URL}{path}"), form);
        self.twilio_signed(path, form, &signature).await
    }

    pub(crate) async fn twilio_signed(&self, path: &str, form: &[(&str, &str)], signature: &str) -> Response {
        let request = self.request(Method::POST, path).header("X-Twilio-Signature", signature);
        request.form(form).send().await.unwrap()
    }

    /// A call to tenant `n`'s number: the TwiML.
    pub(crate) async fn ring(&self, n: u8, call: u32) -> String {
        let (account, sid) = (account(n).to_string(), call_sid(call).to_string());
        let response = self.twilio("/api/twilio/voice", &voice(&account, &sid)).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.text().await.unwrap()
    }

    /// A call to tenant `n`'s number whose audio arrives.
    pub(crate) async fn ring_live(&self, person: &Person, n: u8, call: u32) -> CallId {
        let ticket = self.ticket(&self.ring(n, call).await);
        self.bus.events.publish(NodeEvent::StreamStarted {
            node: self.node,
            tenant: ticket.tenant,
            call: ticket.call,
            call_sid: ticket.call_sid,
            stream: stream_sid(call),
            tracks: vec!["inbound".to_owned(), "outbound".to_owned()],
        });
        let path = format!("/api/calls/{}", ticket.call);
        self.until(person, &path, |call| call["media"]["live"] == true).await;
        ticket.call
    }

    /// The ticket in the TwiML.
    pub(crate) fn ticket(&self, twiml: &str) -> StreamTicket {
        let (_, rest) = twiml.split_once("/twilio/media/").expect("a stream");
        let (ticket, _) = rest.split_once('"').unwrap();
        self.verifier.verify(ticket, OffsetDateTime::now_utc()).unwrap()
    }

    /// The value of a counter.
    pub(crate) fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name).expect("registered");
        let is_it = |metric: &&prometheus::proto::Metric| {
            labels.iter().all(|(name, value)| {
                metric.get_label().iter().any(|label| label.name() == *name && label.value() == *value)
            })
        };
        family.get_metric().iter().filter(is_it).map(|metric| metric.get_counter().get_value() as u64).sum()
    }
}

impl Person {
    pub(crate) async fn of(response: Response) -> Self {
        let cookie = cookie(&response).expect("a refresh cookie");
        let body: Value = response.json().await.unwrap();
        Self {
            token: body["access_token"].as_str().unwrap().to_owned(),
            cookie,
            tenant: body["user"]["tenant"]["id"].as_str().unwrap().parse().unwrap(),
            body,
        }
    }
}

/// `name=value` of the refresh cookie that a response sets.
pub(crate) fn cookie(response: &Response) -> Option<String> {
    let header = response.headers().get("set-cookie")?.to_str().unwrap();
    Some(header.split(';').next().unwrap().to_owned())
}

/// The fields of a voice webhook, as Twilio sends them.
pub(crate) fn voice<'a>(account: &'a str, call: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("AccountSid", account),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", call),
        ("CallStatus", "ringing"),
        ("CallerName", "ANNE O'NEIL & SÖHNE"),
        ("Direction", "inbound"),
        ("From", "+14155550111"),
        ("To", NUMBER),
    ]
}

/// `X-Twilio-Signature`, made apart from the code under test. Fields must have different names.
/// The end of TwiML that puts a caller through to this number.
pub(crate) fn dials(number: &str) -> String {
    format!(
        "<Dial answerOnBridge=\"true\" action=\"{PUBLIC_URL}/api/twilio/dialled\" method=\"POST\">{number}</Dial></Response>"
    )
}

pub(crate) fn sign(token: &str, url: &str, form: &[(&str, &str)]) -> String {
    let mut form = form.to_vec();
    form.sort_unstable();
    let text: String = form.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{url}{text}").as_bytes()))
}

/// The stable code of a problem, after checking its form.
pub(crate) async fn code(response: Response) -> String {
    let status = response.status();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(kind, "application/problem+json", "{body}");
    assert_eq!(body["status"], status.as_u16());
    for field in ["type", "title", "detail", "code"] {
        assert!(body[field].is_string(), "{body}");
    }
    body["code"].as_str().unwrap().to_owned()
}
