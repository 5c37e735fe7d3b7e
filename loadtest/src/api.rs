//! The part of control's HTTP API that a listener needs: sign in, find a call, get a session for it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use reqwest::Method;
use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use crate::ears::whep::Endpoint;
use crate::http;

/// The longest one exchange may take. Signing in hashes a password, which is slow on purpose.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How long a server that is busy, or limits us, is asked again for.
const BUSY_AT_MOST: Duration = Duration::from_secs(60);

/// How long to wait when it does not say.
const BUSY_FOR: Duration = Duration::from_millis(500);

/// How much of a refusal is kept to be shown.
const REFUSAL_AT_MOST: usize = 512;

/// Why control could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No response.
    #[error("control: {0}")]
    Http(#[from] reqwest::Error),
    /// Not the JSON that was expected.
    #[error("control's answer: {0}")]
    Json(#[from] serde_json::Error),
    /// Control refused.
    #[error("{path} answered {status}: {body}")]
    Refused {
        /// The path that was asked.
        path: String,
        /// The status.
        status: StatusCode,
        /// The beginning of the body.
        body: String,
    },
    /// The address is not one that paths can be joined to, or the WHEP address that came back is none.
    #[error("not an address: {0}")]
    Address(#[from] url::ParseError),
}

/// A call, as far as listening goes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Call {
    /// Its id (`call_…`).
    pub id: String,
    /// Twilio's id of it.
    pub call_sid: String,
    /// `incoming`, `in_progress`, …
    pub status: String,
    /// Whether audio flows.
    pub media: Media,
}

/// Where a call's audio is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Media {
    /// Whether a stream is up.
    pub live: bool,
}

/// A session: the right to listen to one call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// Where and with what token to POST.
    pub endpoint: Endpoint,
}

/// Somebody who hears a call.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Hearing {
    /// The session.
    pub id: String,
    /// How well, once the listener has reported.
    pub quality: Option<Quality>,
}

/// How a listener hears a call, as far as the server knows.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Quality {
    /// Part of the packets lost, of late.
    pub loss_ratio: f64,
    /// Part of all packets lost.
    pub loss_ratio_total: f64,
    /// Jitter.
    pub jitter_ms: f64,
    /// Round trip, once known.
    pub round_trip_ms: Option<f64>,
    /// Delay behind Twilio's frame, once known.
    pub behind_ms: Option<f64>,
    /// The estimated opinion score, once known.
    pub mos: Option<f64>,
    /// Packets sent.
    pub packets: u64,
}

/// Control, signed in to. When it is busy (503) or limits us (429) it is asked again, for up to a minute; when the
/// sign-in has expired, it is done again.
#[derive(Clone)]
pub struct Console {
    http: reqwest::Client,
    base: Url,
    person: Arc<Person>,
}

/// Who signed in, and the newest access token.
struct Person {
    email: String,
    password: String,
    token: Mutex<String>,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Console({}, {})", self.base, self.person.email)
    }
}

#[derive(Serialize)]
struct Login<'a> {
    email: &'a str,
    password: &'a str,
}

#[derive(Deserialize)]
struct LoggedIn {
    access_token: String,
}

#[derive(Deserialize)]
struct Calls {
    calls: Vec<Call>,
}

#[derive(Deserialize)]
struct Listeners {
    listeners: Vec<Hearing>,
}

#[derive(Deserialize)]
struct MadeSession {
    id: String,
    whep_url: String,
    token: String,
}

#[derive(Serialize)]
struct NewUser<'a> {
    email: &'a str,
    name: &'a str,
    role: &'a str,
    password: &'a str,
}

#[derive(Serialize)]
struct NewSession<'a> {
    mode: &'a str,
}

impl Console {
    /// Signs in.
    ///
    /// # Errors
    ///
    /// A wrong password, or a control that does not answer.
    pub async fn login(base: &Url, email: &str, password: &str) -> Result<Self, ApiError> {
        let http = http::client(TIMEOUT).build()?;
        let token = sign_in(&http, base, email, password).await?;
        let (email, password) = (email.to_owned(), password.to_owned());
        let person = Arc::new(Person { email, password, token: Mutex::new(token) });
        Ok(Self { http, base: base.clone(), person })
    }

    /// The access token at hand, good for some minutes.
    pub async fn token(&self) -> String {
        self.person.token.lock().await.clone()
    }

    /// Asks with the token at hand, and once more with a new one if that is no longer good.
    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder, path: &str) -> Result<T, ApiError> {
        let token = self.person.token.lock().await.clone();
        let again = request.try_clone();
        let answered = answer(request.bearer_auth(&token), path).await;
        match (answered, again) {
            (Err(ApiError::Refused { status: StatusCode::UNAUTHORIZED, .. }), Some(again)) => {
                answer(again.bearer_auth(self.renewed(&token).await?), path).await
            }
            (answered, _) => answered,
        }
    }

    /// A token other than `old`. Many find out together; one of them signs in.
    async fn renewed(&self, old: &str) -> Result<String, ApiError> {
        let mut token = self.person.token.lock().await;
        if *token == old {
            *token = sign_in(&self.http, &self.base, &self.person.email, &self.person.password).await?;
        }
        Ok(token.clone())
    }

    /// The calls that are going on.
    ///
    /// # Errors
    ///
    /// When control refuses or does not answer.
    pub async fn active_calls(&self) -> Result<Vec<Call>, ApiError> {
        let path = "/api/calls/active";
        let request = self.http.get(self.base.join(path)?);
        Ok(self.ask::<Calls>(request, path).await?.calls)
    }

    /// The calls whose audio flows now.
    ///
    /// # Errors
    ///
    /// As [`Console::active_calls`].
    pub async fn live_calls(&self) -> Result<Vec<Call>, ApiError> {
        let mut calls = self.active_calls().await?;
        calls.retain(|call| call.media.live);
        Ok(calls)
    }

    /// Who hears a call, and how well.
    ///
    /// # Errors
    ///
    /// As [`Console::active_calls`].
    pub async fn listeners(&self, call: &str) -> Result<Vec<Hearing>, ApiError> {
        let path = format!("/api/calls/{call}/listeners");
        let request = self.http.get(self.base.join(&path)?);
        Ok(self.ask::<Listeners>(request, &path).await?.listeners)
    }

    /// The newest calls, at most `limit`, whatever became of them.
    ///
    /// # Errors
    ///
    /// As [`Console::active_calls`].
    pub async fn page(&self, limit: u32) -> Result<Vec<Call>, ApiError> {
        let request = self.http.get(self.base.join(&format!("/api/calls?limit={limit}"))?);
        Ok(self.ask::<Calls>(request, "/api/calls").await?.calls)
    }

    /// Asks for anything else: `body` is JSON, and so is the answer; `null` if it has none.
    ///
    /// # Errors
    ///
    /// When control refuses or does not answer.
    pub async fn send(&self, method: Method, path: &str, body: Value) -> Result<Value, ApiError> {
        let request = self.http.request(method, self.base.join(path)?);
        let request = if body.is_null() { request } else { request.json(&body) };
        self.ask(request, path).await
    }

    /// Makes a viewer of the same tenant, and signs in as them. For admins.
    ///
    /// # Errors
    ///
    /// As [`Console::active_calls`].
    pub async fn hire(&self) -> Result<Self, ApiError> {
        self.hire_as("viewer").await
    }

    /// As [`Console::hire`], somebody of this role.
    ///
    /// # Errors
    ///
    /// As [`Console::active_calls`].
    pub async fn hire_as(&self, role: &str) -> Result<Self, ApiError> {
        let email = format!("{}@load.example", uuid::Uuid::new_v4().simple());
        let new = NewUser { email: &email, name: "Load", role, password: &self.person.password };
        let path = "/api/users";
        let request = self.http.post(self.base.join(path)?).json(&new);
        let _made: Value = self.ask(request, path).await?;
        Self::login(&self.base, &email, &self.person.password).await
    }

    /// Where live events come from, as a WebSocket's URL without a token.
    ///
    /// # Errors
    ///
    /// When the base has no such form.
    pub fn live_url(&self) -> Result<Url, ApiError> {
        let mut url = self.base.join("/api/live")?;
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        // http to ws and https to wss is always possible.
        let _done = url.set_scheme(scheme);
        Ok(url)
    }

    /// The right to listen to a call, for the next minute.
    ///
    /// # Errors
    ///
    /// When control refuses or does not answer.
    pub async fn listen(&self, call: &str) -> Result<Session, ApiError> {
        self.open(call, "listen").await
    }

    /// The right to connect to a call in this mode, for the next minute.
    ///
    /// # Errors
    ///
    /// As [`Console::listen`].
    pub async fn open(&self, call: &str, mode: &str) -> Result<Session, ApiError> {
        let path = format!("/api/calls/{call}/sessions");
        let request = self.http.post(self.base.join(&path)?).json(&NewSession { mode });
        let made: MadeSession = self.ask(request, &path).await?;
        let endpoint = Endpoint { whep_url: Url::parse(&made.whep_url)?, token: made.token };
        Ok(Session { id: made.id, endpoint })
    }
}

/// An access token.
async fn sign_in(
    http: &reqwest::Client,
    base: &Url,
    email: &str,
    password: &str,
) -> Result<String, ApiError> {
    let path = "/api/auth/login";
    let login = http.post(base.join(path)?).json(&Login { email, password });
    Ok(answer::<LoggedIn>(login, path).await?.access_token)
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder, path: &str) -> Result<T, ApiError> {
    let began = Instant::now();
    let mut request = request;
    loop {
        // A request with a streamed body could not be sent again; ours never have one.
        let again = request.try_clone();
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            let body = response.bytes().await?;
            let body: &[u8] = if body.is_empty() { b"null" } else { &body };
            return Ok(serde_json::from_slice(body)?);
        }
        let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let wait = retry_after(&response);
        match again.filter(|_| busy && began.elapsed() + wait < BUSY_AT_MOST) {
            Some(again) => request = again,
            None => {
                let body = response.text().await?.chars().take(REFUSAL_AT_MOST).collect();
                return Err(ApiError::Refused { path: path.to_owned(), status, body });
            }
        }
        tokio::time::sleep(wait).await;
    }
}

/// What the server asks for (RFC 9110 section 10.2.3), in seconds; a date is not understood here.
fn retry_after(response: &Response) -> Duration {
    let seconds = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
    seconds.map_or(BUSY_FOR, Duration::from_secs)
}
