//! A running installation of the test's own, and what tests do with it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::AccountSid;
use loadtest::api::{Call, Console};
use loadtest::audio::Audio;
use loadtest::ears::whep::Whep;
use loadtest::tone::Tone;
use loadtest::twilio::{Account, CallSpec, Exchange};
use partyline::node::{Addrs, Node};
use partyline::settings::{Planes, Raw, Settings};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;

pub(crate) const EMAIL: &str = "ada@acme.example";
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const ACCOUNT_SID: &str = "AC11111111111111111111111111111111";
pub(crate) const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const NUMBER: &str = "+15550100100";

/// How long a state may take to come about before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Both planes on free ports with a fresh database.
pub(crate) struct Installation {
    pub(crate) addrs: Addrs,
    pub(crate) console: Console,
    pub(crate) whep: Whep,
    /// Twilio's REST API.
    pub(crate) exchange: Exchange,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
    data_dir: PathBuf,
    _fresh: Option<TempDir>,
}

impl Installation {
    pub(crate) async fn start() -> Self {
        let fresh = tempfile::tempdir().unwrap();
        let here = Self::start_in(fresh.path()).await;
        Self { _fresh: Some(fresh), ..here }
    }

    /// On what is in this folder.
    pub(crate) async fn start_in(data_dir: &Path) -> Self {
        let exchange = Exchange::start(vec![account()]).await.unwrap();
        let raw = Raw { twilio_api_url: Some(exchange.url().to_owned()), ..settings(data_dir) };
        let up = Node::new(Settings::from_raw(raw, Planes::Both).unwrap()).await.unwrap();
        let addrs = up.addrs.clone();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(up.run(async {
            let _dropped_is_stop_too = stopped.await;
        }));
        let console = console(&addrs.public_url).await;
        let (whep, data_dir) = (Whep::new().unwrap(), data_dir.to_owned());
        Self { addrs, console, whep, exchange, stop, running, data_dir, _fresh: None }
    }

    /// Where its keys and its database are.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// A call of this tenant's, not yet placed.
    pub(crate) fn call_spec(&self, caller: Audio, agent: Audio) -> CallSpec {
        call_spec(&self.addrs.public_url, caller, agent).at(&self.exchange)
    }

    /// The one call whose audio flows, once there is one.
    pub(crate) async fn live_call(&self) -> Call {
        eventually("a live call", async || {
            let mut calls = self.console.live_calls().await.unwrap();
            (calls.len() == 1).then(|| calls.remove(0))
        })
        .await
    }

    /// The value of one series, name and labels as printed.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        metric(self.addrs.admin, series).await
    }

    /// Waits until a series has this value.
    pub(crate) async fn metric_becomes(&self, series: &str, wanted: f64) {
        eventually(series, async || (self.metric(series).await == wanted).then_some(())).await;
    }

    /// Ends in order.
    pub(crate) async fn stop(self) {
        let _already_over = self.stop.send(());
        self.running.await.unwrap();
    }
}

/// Its admin, signed in at this control.
pub(crate) async fn console(public_url: &str) -> Console {
    Console::login(&Url::parse(public_url).unwrap(), EMAIL, PASSWORD).await.unwrap()
}

/// A call of the tenant's to this control, not yet placed.
pub(crate) fn call_spec(public_url: &str, caller: Audio, agent: Audio) -> CallSpec {
    let spec = CallSpec::new(account(), format!("{public_url}/api/twilio/voice"))
        .reporting_to(format!("{public_url}/api/twilio/status"))
        .between("+15550199001", NUMBER)
        .saying(caller, agent);
    CallSpec { loop_audio: true, ..spec }
}

/// The tenant's account at Twilio.
pub(crate) fn account() -> Account {
    Account { sid: ACCOUNT_SID.parse::<AccountSid>().unwrap(), auth_token: AUTH_TOKEN.to_owned() }
}

/// One tenant, free ports, and a database in `data_dir`.
pub(crate) fn settings(data_dir: &Path) -> Raw {
    let any = || Some("127.0.0.1:0".to_owned());
    Raw {
        http_addr: any(),
        gateway_http_addr: any(),
        gateway_udp_addr: any(),
        gateway_bot_hosts: Some("127.0.0.1".to_owned()),
        admin_addr: any(),
        data_dir: Some(data_dir.to_str().unwrap().to_owned()),
        bootstrap_tenant: Some("Acme".to_owned()),
        bootstrap_email: Some(EMAIL.to_owned()),
        bootstrap_password: Some(PASSWORD.to_owned()),
        bootstrap_twilio_account_sid: Some(ACCOUNT_SID.to_owned()),
        bootstrap_twilio_auth_token: Some(AUTH_TOKEN.to_owned()),
        bootstrap_twilio_number: Some(NUMBER.to_owned()),
        bootstrap_twilio_dial: Some("+15550100200".to_owned()),
        ..Raw::default()
    }
}

/// Changes what the tenant's number does.
pub(crate) async fn set_number(here: &Installation, change: serde_json::Value) {
    let path = format!("/api/numbers/{}", NUMBER.replace('+', "%2B"));
    here.console.send(reqwest::Method::PATCH, &path, change).await.unwrap();
}

/// The value of one series at this admin address, name and labels as printed.
pub(crate) async fn metric(admin: SocketAddr, series: &str) -> f64 {
    let text = reqwest::get(format!("http://{admin}/metrics")).await.unwrap();
    let text = text.text().await.unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no series {series}")).parse().unwrap()
}

/// A loud, steady tone.
pub(crate) fn tone(hertz: u16) -> Audio {
    Audio::tone(Tone(hertz), 8000)
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        loop {
            pause.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("no {what} within {PATIENCE:?}"))
}
