//! Calls at an exchange, and what is asked of it over HTTP.

use std::time::Duration;

use loadtest::audio::{Audio, RATE};
use loadtest::tone::Tone;
use loadtest::twilio::{Account, Call, CallSpec, Exchange, dial};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::server::{Manner, Server, TOKEN};

pub(crate) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub(crate) const STRANGER: &str = "AC99999999999999999999999999999999";

/// Who speaks.
pub(crate) const CALLER: Tone = Tone(450);
pub(crate) const AGENT: Tone = Tone(700);
pub(crate) const COACH: Tone = Tone(1150);

/// A tone is there from this amplitude on, and is not below [`ABSENT`].
const PRESENT: f32 = 3000.0;
const ABSENT: f32 = 300.0;

/// What a tone says.
pub(crate) fn says(tone: Tone) -> Audio {
    Audio::tone(tone, 6000)
}

/// An exchange, and a server that its calls ask.
pub(crate) struct Office {
    pub(crate) exchange: Exchange,
    pub(crate) server: Server,
    http: reqwest::Client,
}

impl Office {
    pub(crate) async fn new(pages: &[(&'static str, &str)]) -> Self {
        let account = |sid: &str| Account { sid: sid.parse().unwrap(), auth_token: TOKEN.into() };
        let exchange = Exchange::start(vec![account(ACCOUNT), account(STRANGER)]).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { exchange, server: Server::with_pages(pages, Manner::Listen).await, http }
    }

    /// A caller who speaks to an agent who does, once somebody dials one.
    pub(crate) fn spec(&self) -> CallSpec {
        self.server.spec().saying(says(CALLER), says(AGENT)).at(&self.exchange)
    }

    /// A call whose agent has answered.
    pub(crate) async fn bridged(&self) -> (Call, String) {
        let call = dial(self.spec());
        until("the two talk", async || hears(&call.played(), &[AGENT], &[]).then_some(())).await;
        let child = call.child_sid().unwrap().to_string();
        (call, child)
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, form: &[(&str, &str)]) -> (StatusCode, Value) {
        self.ask_as(ACCOUNT, method, path, form).await
    }

    pub(crate) async fn ask_as(
        &self,
        account: &str,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> (StatusCode, Value) {
        let url = format!("{}/2010-04-01/Accounts/{account}/{path}", self.exchange.url());
        let request = self.http.request(method.clone(), url).basic_auth(account, Some(TOKEN));
        let request = match method {
            Method::POST => {
                let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
                request.header("content-type", "application/x-www-form-urlencoded").body(body)
            }
            _ => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, &[]).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let (status, body) = self.ask(Method::POST, path, form).await;
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    /// Waits until this call stands like this.
    pub(crate) async fn until_call(&self, call: &str, status: &str) -> Value {
        until(status, async || {
            Some(self.get(&format!("Calls/{call}.json")).await).filter(|known| known["status"] == status)
        })
        .await
    }

    /// The conference of this name, once it goes on.
    pub(crate) async fn conference(&self, name: &str) -> String {
        let path = format!("Conferences.json?FriendlyName={name}&Status=in-progress");
        let sid = async || self.get(&path).await["conferences"][0]["sid"].as_str().map(str::to_owned);
        until("the conference", sid).await
    }

    /// Waits until so many are in the conference, all of them connected.
    pub(crate) async fn until_in(&self, conference: &str, count: usize) -> Vec<Value> {
        let path = format!("Conferences/{conference}/Participants.json");
        until("they are in", async || {
            let all = self.get(&path).await["participants"].as_array().cloned().unwrap();
            let all_in = all.len() == count && all.iter().all(|one| one["status"] == "connected");
            all_in.then_some(all)
        })
        .await
    }
}

/// Asks until there is an answer. A test that waits for ever is ended by the test runner.
pub(crate) async fn until<T>(_what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether the last tenth of a second has exactly these of all tones, and nothing of `never`.
pub(crate) fn hears(pcm: &[i16], tones: &[Tone], never: &[Tone]) -> bool {
    let Some(last) = pcm.len().checked_sub(800) else { return false };
    let others = [CALLER, AGENT, COACH];
    let others = others.iter().filter(|tone| !tones.contains(tone)).chain(never);
    tones.iter().all(|tone| tone.amplitude_in(&pcm[last..], RATE) > PRESENT)
        && others.into_iter().all(|tone| tone.amplitude_in(&pcm[last..], RATE) < ABSENT)
}

/// Waits until somebody hears exactly these.
pub(crate) async fn until_hears(what: &str, pcm: impl Fn() -> Vec<i16>, tones: &[Tone]) {
    until(what, async || hears(&pcm(), tones, &[]).then_some(())).await;
}

/// Whether a tone is nowhere in this.
pub(crate) fn never(pcm: &[i16], tone: Tone) -> bool {
    pcm.chunks_exact(160).all(|frame| tone.amplitude_in(frame, RATE) < PRESENT / 2.0)
}
