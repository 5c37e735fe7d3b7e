//! The sessions as HTTP sees them: who may open one, and by which secret it is reached afterwards.
//!
//! The workers touch this only when a session connects or ends, never while they send.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use common::SessionId;
use common::token::ListenGrant;
use gateway_core::listener::RemoteIce;

use super::mouth::Mouth;

/// How long a revoked session's grant is remembered. Grants live a minute.
const REVOKED_FOR: Duration = Duration::from_secs(600);

/// The most revoked sessions that are remembered.
const REVOKED_MAX: usize = 65_536;

/// One session.
#[derive(Debug)]
pub(super) struct Record {
    /// What stands in the session's URL: 128 random bits in base64url.
    pub(super) secret: String,
    /// Its number on the worker's socket.
    pub(super) tag: u32,
    /// Which worker has it.
    pub(super) worker: usize,
    /// What its opener may do.
    pub(super) grant: ListenGrant,
    /// SHA-256 of the grant as it was shown.
    token: [u8; 32],
    /// When the POST that opened it arrived.
    pub(super) opened: Instant,
    /// What PATCH changes. Held over a whole restart, so that two cannot mix.
    pub(super) ice: tokio::sync::Mutex<Ice>,
    connected: AtomicBool,
    revoked: AtomicBool,
    /// Whether what it says is heard.
    pub(super) mouth: Mouth,
}

/// The present ICE session.
#[derive(Debug)]
pub(super) struct Ice {
    /// The browser's half of the credentials.
    pub(super) remote: RemoteIce,
    /// Counts ICE sessions from 1: the entity tag.
    pub(super) version: u32,
    /// What the last restart was answered with, in case the browser did not get it.
    pub(super) answered: Option<String>,
}

/// Why a session may not be opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Refused {
    /// The grant has a living session.
    #[error("this grant's session is open")]
    InUse,
    /// No place.
    #[error("no place for another session")]
    Full,
    /// Control ended this session.
    #[error("this session was revoked")]
    Revoked,
}

/// All sessions of this gateway.
#[derive(Debug)]
pub(super) struct Registry {
    inner: Mutex<Inner>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Inner {
    by_secret: HashMap<String, Arc<Record>>,
    by_session: HashMap<SessionId, Arc<Record>>,
    revoked: HashMap<SessionId, Instant>,
}

/// A place in the registry that is given back unless it is kept.
#[derive(Debug)]
pub(super) struct Place {
    registry: Arc<Registry>,
    record: Arc<Record>,
    kept: bool,
}

impl Record {
    pub(super) fn new(
        secret: String,
        tag: u32,
        worker: usize,
        grant: ListenGrant,
        token: &str,
        opened: Instant,
        remote: RemoteIce,
    ) -> Self {
        let ice = tokio::sync::Mutex::new(Ice { remote, version: 1, answered: None });
        let (connected, revoked) = (AtomicBool::new(false), AtomicBool::new(false));
        let (mouth, token) = (Mouth::new(grant.mode, opened), fingerprint(token));
        Self { secret, tag, worker, grant, token, opened, ice, connected, revoked, mouth }
    }

    /// Whether this is the grant that opened the session.
    pub(super) fn was_opened_with(&self, token: &str) -> bool {
        // Digests: how long a comparison takes says nothing of the token.
        self.token == fingerprint(token)
    }

    /// Whether control has ended it. A worker asks when it takes the session over: the order to end it may
    /// have come first.
    pub(super) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }

    /// Whether the browser is connected.
    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Says that the browser is connected.
    pub(super) fn set_connected(&self) {
        self.connected.store(true, Ordering::Relaxed);
    }
}

impl Registry {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), capacity })
    }

    /// Takes a place. A grant opens one session at a time; again only after that one is gone, so that a
    /// browser that failed may try once more while its grant lasts.
    pub(super) fn open(self: &Arc<Self>, record: Record) -> Result<Place, Refused> {
        let mut inner = self.lock();
        let session = record.grant.session;
        if inner.revoked.contains_key(&session) {
            return Err(Refused::Revoked);
        }
        if inner.by_session.contains_key(&session) {
            return Err(Refused::InUse);
        }
        if inner.by_secret.len() >= self.capacity {
            return Err(Refused::Full);
        }
        let record = Arc::new(record);
        inner.by_secret.insert(record.secret.clone(), record.clone());
        inner.by_session.insert(session, record.clone());
        drop(inner);
        Ok(Place { registry: self.clone(), record, kept: false })
    }

    /// The session with this secret.
    pub(super) fn find(&self, secret: &str) -> Option<Arc<Record>> {
        self.lock().by_secret.get(secret).cloned()
    }

    /// Forgets a session. Nothing happens if it is gone, or if its grant has opened another since.
    pub(super) fn close(&self, record: &Arc<Record>) {
        let mut inner = self.lock();
        inner.by_secret.remove(&record.secret);
        if inner.by_session.get(&record.grant.session).is_some_and(|now| Arc::ptr_eq(now, record)) {
            inner.by_session.remove(&record.grant.session);
        }
    }

    /// Sees to it that this session's grant opens nothing any more, and says which session it has open.
    pub(super) fn revoke(&self, session: SessionId, now: Instant) -> Option<Arc<Record>> {
        let mut inner = self.lock();
        inner.revoked.retain(|_, at| now.saturating_duration_since(*at) < REVOKED_FOR);
        if inner.revoked.len() >= REVOKED_MAX
            && let Some(oldest) = inner.revoked.iter().min_by_key(|(_, at)| **at).map(|(id, _)| *id)
        {
            inner.revoked.remove(&oldest);
        }
        inner.revoked.insert(session, now);
        let open = inner.by_session.get(&session).cloned();
        if let Some(record) = &open {
            record.revoked.store(true, Ordering::Release);
        }
        open
    }

    /// The session that this grant has open.
    pub(super) fn find_session(&self, session: SessionId) -> Option<Arc<Record>> {
        self.lock().by_session.get(&session).cloned()
    }

    /// Places taken, by sessions that are connected or still may be.
    pub(super) fn taken(&self) -> usize {
        self.lock().by_secret.len()
    }

    /// Sessions that are connected now.
    pub(super) fn connected(&self) -> Vec<SessionId> {
        let inner = self.lock();
        let connected = inner.by_session.iter().filter(|(_, r)| r.connected.load(Ordering::Relaxed));
        connected.map(|(id, _)| *id).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The maps are whole after every operation, so a panic elsewhere spoils nothing.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(super) fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// The session lives: from now on its worker gives the place back.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept {
            self.registry.close(&self.record);
        }
    }
}

fn fingerprint(token: &str) -> [u8; 32] {
    let whole = digest(&SHA256, token.as_bytes());
    whole.as_ref().first_chunk().copied().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use common::token::{Mode, Side};
    use common::{CallId, TenantId, UserId};

    use super::*;

    #[test]
    fn a_grant_opens_one_session_at_a_time() {
        let registry = Registry::new(10);
        let grant = grant();
        let first = registry.open(record(&grant, "first")).unwrap();
        let first_record = first.record().clone();
        first.keep();
        assert_eq!(registry.open(record(&grant, "second")).unwrap_err(), Refused::InUse);

        registry.close(&first_record);
        let second = registry.open(record(&grant, "third")).unwrap();
        // The worker reports the end of the first one late: the second is not hurt.
        registry.close(&first_record);
        assert!(Arc::ptr_eq(&registry.find("third").unwrap(), second.record()));
        assert_eq!(registry.open(record(&grant, "fourth")).unwrap_err(), Refused::InUse);
    }

    #[test]
    fn a_place_that_is_not_kept_is_given_back() {
        let registry = Registry::new(1);
        let place = registry.open(record(&grant(), "one")).unwrap();
        assert_eq!(registry.open(record(&grant(), "two")).unwrap_err(), Refused::Full);
        drop(place);
        assert!(registry.find("one").is_none());
        assert!(registry.open(record(&grant(), "three")).is_ok());
    }

    #[test]
    fn a_revoked_grant_opens_nothing_whether_it_was_used_or_not() {
        let (registry, now) = (Registry::new(10), Instant::now());
        let (used, unused) = (grant(), grant());
        registry.open(record(&used, "used")).unwrap().keep();
        assert_eq!(registry.revoke(used.session, now).unwrap().secret, "used");
        assert!(registry.find("used").unwrap().is_revoked());
        assert!(registry.revoke(unused.session, now).is_none());
        for grant in [used, unused] {
            assert_eq!(registry.open(record(&grant, "again")).unwrap_err(), Refused::Revoked);
        }
        assert!(registry.revoke(SessionId::new(), now + REVOKED_FOR).is_none());
        assert_eq!(registry.lock().revoked.len(), 1, "what is older than any grant is forgotten");
    }

    #[test]
    fn only_connected_sessions_are_reported() {
        let registry = Registry::new(10);
        let (a, b) = (grant(), grant());
        registry.open(record(&a, "a")).unwrap().keep();
        registry.open(record(&b, "b")).unwrap().keep();
        registry.find("b").unwrap().set_connected();
        assert_eq!(registry.connected(), [b.session]);
    }

    #[test]
    fn a_session_knows_the_grant_that_opened_it() {
        let record = record(&grant(), "x");
        assert!(record.was_opened_with("token"));
        assert!(!record.was_opened_with("Token"));
    }

    fn record(grant: &ListenGrant, secret: &str) -> Record {
        let remote = RemoteIce::new("ufrag", "password-of-22-letters").unwrap();
        Record::new(secret.to_owned(), 1, 0, grant.clone(), "token", Instant::now(), remote)
    }

    fn grant() -> ListenGrant {
        ListenGrant {
            session: SessionId::new(),
            tenant: TenantId::new(),
            call: CallId::new(),
            user: UserId::new(),
            side: Side::Beside,
            mode: Mode::Listen,
            exp: 0,
        }
    }
}
