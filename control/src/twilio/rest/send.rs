//! One request: how it is tried, again, and not at all.

use std::time::{Duration, Instant};

use reqwest::{Method, Response, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::{RestAccount, RestClient, RestError};
use crate::dependency::Failure;

/// The longest answer that is read, in bytes. A page of a list has some hundred kilobytes.
const MAX_ANSWER: usize = 2 * 1024 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";

/// What is asked.
#[derive(Debug)]
pub(super) struct Ask {
    /// As in the label `op`.
    pub(super) op: &'static str,
    pub(super) method: Method,
    /// From the account on: `Calls/CA….json`.
    pub(super) path: String,
    /// The query of a GET, the form of a POST.
    pub(super) fields: Vec<(String, String)>,
    /// Whether twice is the same as once, so that it may be tried again without knowing what became of it.
    pub(super) is_idempotent: bool,
}

impl Ask {
    /// Reads something.
    pub(super) fn get(op: &'static str, path: String) -> Self {
        Self { op, method: Method::GET, path, fields: Vec::new(), is_idempotent: true }
    }

    /// Makes something anew each time.
    pub(super) fn make(op: &'static str, path: String) -> Self {
        Self { op, method: Method::POST, path, fields: Vec::new(), is_idempotent: false }
    }

    /// Sets something: as often as one likes.
    pub(super) fn set(op: &'static str, path: String) -> Self {
        Self { is_idempotent: true, ..Self::make(op, path) }
    }

    /// Takes something away.
    pub(super) fn delete(op: &'static str, path: String) -> Self {
        Self { op, method: Method::DELETE, path, fields: Vec::new(), is_idempotent: true }
    }

    pub(super) fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    pub(super) fn optional(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }
}

/// Why one try came to nothing, and whether another may be made.
struct Missed {
    error: RestError,
    /// `None`: not again. `Some(None)`: after the usual wait. `Some(Some(…))`: after the wait that Twilio asks for.
    again: Option<Option<Duration>>,
}

impl RestClient {
    /// Asks, and reads the answer.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        account: &RestAccount,
        ask: Ask,
    ) -> Result<T, RestError> {
        let body = self.request(account, &ask).await?;
        serde_json::from_slice(&body).map_err(|error| {
            tracing::warn!(
                op = ask.op,
                error = &error as &dyn std::error::Error,
                "an answer of Twilio cannot be read"
            );
            self.metrics.failed(Failure::Protocol);
            RestError::Protocol("not the JSON that this asks for")
        })
    }

    /// Asks, and takes any good answer.
    pub(super) async fn tell(&self, account: &RestAccount, ask: Ask) -> Result<(), RestError> {
        self.request(account, &ask).await.map(drop)
    }

    async fn request(&self, account: &RestAccount, ask: &Ask) -> Result<Vec<u8>, RestError> {
        let _place = self.places.acquire().await.map_err(|_| RestError::Unavailable(None))?;
        let mut tokens = account.auth_tokens.iter();
        let mut token = tokens.next().ok_or(RestError::Unauthorized)?;
        let mut made = 0;
        loop {
            self.breaker.enter(Instant::now()).map_err(RestError::Open)?;
            self.metrics.set_circuit(self.breaker.circuit());
            let missed = match self.attempt(account, token, ask).await {
                Ok(body) => return Ok(body),
                Err(missed) => missed,
            };
            if let (RestError::Unauthorized, Some(next)) = (&missed.error, tokens.next()) {
                // Nothing was done: the other token may be the good one while they are being rotated.
                token = next;
                continue;
            }
            made += 1;
            let wait = match missed.again {
                Some(wait) if made < self.config.tries => wait.unwrap_or_else(|| self.backoff(made)),
                _ => return Err(missed.error),
            };
            if wait > self.config.longest_wait {
                return Err(missed.error);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// A random wait, so that those who failed together do not come back together.
    fn backoff(&self, made: u32) -> Duration {
        let most = self.config.backoff.saturating_mul(1 << made.saturating_sub(1).min(10));
        most.min(self.config.longest_wait).mul_f64(fastrand::f64())
    }

    async fn attempt(&self, account: &RestAccount, token: &str, ask: &Ask) -> Result<Vec<u8>, Missed> {
        let mut url = format!("{}/2010-04-01/Accounts/{}/{}", self.base, account.sid, ask.path);
        let fields = form_urlencoded::Serializer::new(String::new()).extend_pairs(&ask.fields).finish();
        if ask.method == Method::GET && !fields.is_empty() {
            url.push('?');
            url.push_str(&fields);
        }
        let request = self.http.request(ask.method.clone(), url).basic_auth(account.sid, Some(token));
        let request = match ask.method {
            Method::POST => request.header(header::CONTENT_TYPE, FORM).body(fields),
            _ => request,
        };
        let began = Instant::now();
        let answer = match request.send().await {
            Ok(response) => read(response).await,
            Err(error) => Err(error),
        };
        self.metrics.took(ask.op, began.elapsed());
        match answer {
            Ok(answer) => self.judge(ask, answer),
            Err(error) => {
                let failure = if error.is_timeout() { Failure::Timeout } else { Failure::Refused };
                // Without a connection nothing was asked; otherwise nobody knows what Twilio did.
                let again = (error.is_connect() || ask.is_idempotent).then_some(None);
                // The URL has the ids of a tenant's calls.
                Err(self.failed(ask, failure, RestError::Unavailable(Some(error.without_url())), again))
            }
        }
    }

    /// What an answer means.
    fn judge(&self, ask: &Ask, answer: Answer) -> Result<Vec<u8>, Missed> {
        let status = answer.status;
        if status.is_server_error() {
            let again = ask.is_idempotent.then_some(answer.retry_after);
            return Err(self.failed(ask, Failure::Server, RestError::Unavailable(None), again));
        }
        self.metrics.set_up(true);
        self.metrics.set_circuit(self.breaker.answered());
        let refused = |error| Err(Missed { error, again: None });
        match status {
            // It was not carried out, so whatever it is may be tried again.
            StatusCode::TOO_MANY_REQUESTS => {
                self.metrics.failed(Failure::TooMany);
                Err(Missed { error: RestError::TooMany, again: Some(answer.retry_after) })
            }
            StatusCode::UNAUTHORIZED => refused(RestError::Unauthorized),
            StatusCode::NOT_FOUND => refused(RestError::NotFound),
            _ if !status.is_success() => {
                let said: Said = serde_json::from_slice(&answer.body).unwrap_or_default();
                tracing::info!(
                    op = ask.op,
                    status = status.as_u16(),
                    code = said.code,
                    "Twilio refuses a request"
                );
                refused(RestError::Refused { status: status.as_u16(), code: said.code })
            }
            _ if answer.is_cut => {
                self.metrics.failed(Failure::Protocol);
                refused(RestError::Protocol("more than an answer may have"))
            }
            _ => Ok(answer.body),
        }
    }

    fn failed(
        &self,
        ask: &Ask,
        failure: Failure,
        error: RestError,
        again: Option<Option<Duration>>,
    ) -> Missed {
        tracing::warn!(op = ask.op, ?failure, error = &error as &dyn std::error::Error, "Twilio's API fails");
        self.metrics.failed(failure);
        self.metrics.set_up(false);
        self.metrics.set_circuit(self.breaker.failed(Instant::now()));
        Missed { error, again }
    }
}

/// An answer, read.
struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Vec<u8>,
    /// Whether there was more than may be.
    is_cut: bool,
}

async fn read(mut response: Response) -> Result<Answer, reqwest::Error> {
    let seconds = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = seconds.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let (status, mut body, mut is_cut) = (response.status(), Vec::new(), false);
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            is_cut = true;
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, retry_after, body, is_cut })
}

/// An error as Twilio says it, in the old form and in that of RFC 9457.
#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    code: u32,
}
