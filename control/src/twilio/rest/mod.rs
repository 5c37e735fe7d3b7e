//! Twilio's REST API, as far as a call that goes on needs it: calls, streams, recordings, conferences.
//!
//! A request is signed with the auth tokens of the tenant's account (HTTP Basic), takes a bounded time, and is tried
//! again only where that does no harm. A host that fails again and again is left alone for a while. Nothing
//! here knows the database: whoever asks gives the account and does something with the answer.

mod applications;
mod breaker;
mod calls;
mod conferences;
mod error;
mod form;
mod recordings;
mod send;
mod streams;

use std::fmt;
use std::time::Duration;

use common::AccountSid;
use reqwest::redirect::Policy;
use tokio::sync::Semaphore;
use url::Url;

pub use applications::Application;
pub use calls::{CallChange, CallFilter, MAX_TWIML, TwilioCall};
pub use conferences::{Conference, NewParticipant, Participant, ParticipantChange};
pub use error::{ClientError, RestError};
pub use recordings::{NewRecording, RecordingChange, TwilioRecording};
pub use streams::{NewStream, TwilioStream};

use crate::dependency::{Circuit, Dependencies, Dependency};
use breaker::Breaker;

/// Where Twilio's API is, and how long things may take.
#[derive(Clone, Debug)]
pub struct RestConfig {
    /// `https://api.twilio.com`, or a stand-in.
    pub base_url: String,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long one try may take, connection and answer included.
    pub answer: Duration,
    /// Tries of one request, at least 1.
    pub tries: u32,
    /// The wait before the second try is random, up to this; it doubles with each further one.
    pub backoff: Duration,
    /// The longest wait between two tries, whatever `Retry-After` says. One that asks for more ends the tries.
    pub longest_wait: Duration,
    /// Failures in a row after which Twilio is left alone.
    pub failures: u32,
    /// For how long it is left alone.
    pub rest: Duration,
    /// Requests under way at one time; more wait.
    pub at_once: usize,
}

impl Default for RestConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.twilio.com".to_owned(),
            connect: Duration::from_secs(3),
            answer: Duration::from_secs(10),
            tries: 4,
            backoff: Duration::from_millis(200),
            longest_wait: Duration::from_secs(10),
            failures: 5,
            rest: Duration::from_secs(10),
            at_once: 32,
        }
    }
}

/// Whose request it is.
#[derive(Clone)]
pub struct RestAccount {
    /// The account.
    pub sid: AccountSid,
    /// Its auth tokens, at least one: the primary, and while it is being rotated the secondary.
    pub auth_tokens: Vec<String>,
}

impl fmt::Debug for RestAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestAccount").field("sid", &self.sid).finish_non_exhaustive()
    }
}

/// A client of Twilio's REST API.
#[derive(Debug)]
pub struct RestClient {
    http: reqwest::Client,
    /// Without a trailing slash.
    base: String,
    config: RestConfig,
    breaker: Breaker,
    places: Semaphore,
    metrics: Dependency,
}

/// What is asked, as in the label `op`.
const OPS: [&str; 20] = [
    "application_create",
    "application_list",
    "application_update",
    "call_fetch",
    "call_list",
    "call_update",
    "conference_list",
    "conference_update",
    "participant_create",
    "participant_fetch",
    "participant_list",
    "participant_remove",
    "participant_update",
    "recording_delete",
    "recording_fetch",
    "recording_list",
    "recording_start",
    "recording_update",
    "stream_create",
    "stream_stop",
];

impl RestClient {
    /// Makes a client; nothing is asked yet.
    ///
    /// # Errors
    ///
    /// When the base is no URL, or HTTPS cannot be used.
    pub fn new(config: RestConfig, dependencies: &Dependencies) -> Result<Self, ClientError> {
        let url = Url::parse(&config.base_url).map_err(|_| ClientError::Base)?;
        let is_base = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.query().is_none()
            && url.fragment().is_none();
        if !is_base {
            return Err(ClientError::Base);
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("partyline/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect)
            .timeout(config.answer)
            // An answer that sends us elsewhere is none of Twilio's.
            .redirect(Policy::none())
            .build()?;
        Ok(Self {
            http,
            base: config.base_url.trim_end_matches('/').to_owned(),
            breaker: Breaker::new(config.failures, config.rest),
            places: Semaphore::new(config.at_once.max(1)),
            metrics: dependencies.of("twilio_api", &OPS),
            config,
        })
    }

    /// Whether requests are let through at all, for those who would rather wait.
    pub fn is_open(&self) -> bool {
        self.breaker.circuit() != Circuit::Open
    }
}
