//! Twilio's REST API, over the calls of this process: what stands there is what the calls do, and what is asked for
//! there happens to them.
//!
//! A call is known to an exchange when its [`CallSpec`](super::CallSpec) names it.

mod answer;
mod applications;
mod callees;
mod conferences;
mod fault;
mod line;
mod people;
mod recording;
mod routes;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use common::CallSid;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use self::applications::Applications;
use self::fault::Faults;
pub use self::fault::{ApiRequest, Fault};
pub(super) use self::line::Line;
use self::people::People;
use super::conference::Rooms;
use super::spec::Account;
use crate::audio::Audio;

/// Calls that are remembered; of more the oldest that are over are forgotten.
const MAX_LINES: usize = 10_000;

/// A server of Twilio's REST API. Cloning shares it; it stops when the last is dropped.
#[derive(Clone)]
pub struct Exchange {
    shared: Arc<Shared>,
    /// None: of a call that lives in it, which does not keep it going.
    _server: Option<Arc<Server>>,
}

struct Shared {
    url: String,
    accounts: Vec<Account>,
    lines: Mutex<BTreeMap<u64, Line>>,
    rooms: Rooms,
    applications: Applications,
    people: People,
    faults: Mutex<Faults>,
}

struct Server(AbortHandle);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("url", &self.shared.url).finish_non_exhaustive()
    }
}

impl Exchange {
    /// Starts one on a free port of loopback. An account that stands there twice has two good auth tokens.
    ///
    /// # Errors
    ///
    /// When there is no port.
    pub async fn start(accounts: Vec<Account>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let shared = Arc::new(Shared {
            url: format!("http://{}", listener.local_addr()?),
            accounts,
            lines: Mutex::default(),
            rooms: Rooms::default(),
            applications: Applications::default(),
            people: People::default(),
            faults: Mutex::default(),
        });
        let router = Router::new().fallback(routes::serve).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { shared, _server: Some(Arc::new(Server(task.abort_handle()))) })
    }

    /// The base of the API: `http://127.0.0.1:…`.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// From now on every request goes wrong like this, or none does.
    pub fn fail(&self, fault: Option<Fault>) {
        self.shared.faults().always = fault;
    }

    /// The next requests go wrong like this, one each.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults().next.extend(faults);
    }

    /// The requests so far, the newest thousand.
    pub fn requests(&self) -> Vec<ApiRequest> {
        self.shared.faults().requests.iter().cloned().collect()
    }

    /// Forgets a call, as if it had been deleted. It goes on.
    pub fn forget(&self, call: CallSid) {
        self.shared.lines().retain(|_, line| line.sid != call);
    }

    /// From now on somebody answers when a conference calls this number, E.164, and says this.
    pub fn person(&self, number: &str, audio: Audio) {
        self.shared.people.add(number, audio);
    }

    /// What the person at this number has heard up to now, from [`person_played_since`](Self::person_played_since) on,
    /// as PCM at 8 kHz. Nothing, if nobody is there.
    pub fn person_played(&self, number: &str) -> Vec<i16> {
        let person = self.shared.people.at(number);
        person.map(|person| person.played.until(Instant::now())).unwrap_or_default()
    }

    /// When the first sample of [`person_played`](Self::person_played) was.
    pub fn person_played_since(&self, number: &str) -> Option<Instant> {
        self.shared.people.at(number).map(|person| person.played.since())
    }

    /// Puts a call on the list.
    pub(super) fn add(&self, line: Line) {
        self.shared.add(line);
    }

    /// Its conferences.
    pub(super) fn rooms(&self) -> &Rooms {
        &self.shared.rooms
    }

    /// Changes what stands there of a call, if it still does.
    pub(super) fn change(&self, call: CallSid, change: impl FnOnce(&mut Line)) {
        self.shared.change(call, change);
    }

    /// A call is over: so are its recordings.
    pub(super) fn end_recordings(&self, call: CallSid) {
        recording::end_all(&self.shared, call);
    }
}

impl Shared {
    /// Puts a call on the list.
    fn add(&self, line: Line) {
        let mut lines = self.lines();
        let next = lines.last_key_value().map_or(0, |(number, _)| number + 1);
        if lines.len() >= MAX_LINES
            && let Some(oldest) = lines.iter().find(|(_, line)| line.is_over()).map(|(&number, _)| number)
        {
            lines.remove(&oldest);
        }
        lines.insert(next, line);
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<u64, Line>> {
        // Each change is whole, so a panic elsewhere spoils nothing.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, call: CallSid, change: impl FnOnce(&mut Line) -> T) -> Option<T> {
        self.lines().values_mut().rev().find(|line| line.sid == call).map(change)
    }
}
