//! The sessions of one media worker: who is told what, and what they want sent.
//!
//! Everything here happens on the worker's thread. What any of it means, the sessions know; a session that
//! panics ends, and no other.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use common::NodeId;
use common::bus::{Bus, NodeEvent, SessionEnd};
use common::token::Mode;
use gateway_core::frame::Codec;
use gateway_core::listener::{CloseReason, Event, IceCredentials, RemoteIce, Session};
use tokio::sync::oneshot;

use super::inbox::NewSession;
use super::metrics::{Metrics, Tally};
use super::net::Udp;
use super::registry::{Record, Registry};
use super::routes::{Names, Reject, Routes};
use super::slab::{Key, Slab};
use super::timers::{Alarm, Timers};
use crate::hub::{CallKey, Ear, LiveCall};

mod deliver;
mod quality;
mod speak;

use self::deliver::{Audience, Out};
use self::quality::{Quality, Telling};
use self::speak::Spoken;

/// The finest a session's timer is served: one that is due for ever does not stop the worker.
const TICK: Duration = Duration::from_millis(1);

/// What a worker knows of its surroundings.
pub(super) struct Setting {
    /// Its number, by which the hub counts its listeners.
    pub(super) index: usize,
    pub(super) node: NodeId,
    pub(super) bus: Bus,
    pub(super) registry: Arc<Registry>,
    pub(super) metrics: Metrics,
    /// Where browsers reach its socket.
    pub(super) candidates: Vec<SocketAddr>,
}

/// All sessions of a worker.
pub(super) struct Sessions {
    setting: Setting,
    pub(super) out: Out,
    entries: Slab<Entry>,
    routes: Routes,
    timers: Timers,
    telling: Telling,
    /// Which call is heard in which codec, and by whom.
    calls: HashMap<(CallKey, Codec), Audience>,
    /// Reused: events of one session.
    events: Vec<Event>,
}

/// One session, and what the worker knows of it.
struct Entry {
    session: Session,
    names: Names,
    alarm: Alarm,
    record: Arc<Record>,
    call: Arc<LiveCall>,
    /// From the moment it is connected.
    ear: Option<Ear>,
    /// Our address that its browser talks to, if the socket has several.
    local: Option<IpAddr>,
    validated: bool,
    /// It speaks, and hears packets of its own.
    own: bool,
    /// Behind the last of them what others hear goes on.
    not_before: u64,
    /// Packets of its microphone in this second.
    spoken: Spoken,
    quality: Quality,
    /// Why we ended it, if it was us.
    ending: Option<SessionEnd>,
}

impl Sessions {
    pub(super) fn new(setting: Setting, udp: Arc<Udp>) -> Self {
        let tally = Tally::new(setting.metrics.clone());
        Self {
            setting,
            out: Out::new(udp, tally),
            entries: Slab::new(),
            routes: Routes::default(),
            timers: Timers::default(),
            telling: Telling::default(),
            calls: HashMap::new(),
            events: Vec::new(),
        }
    }

    /// Takes a session over from HTTP.
    pub(super) fn add(&mut self, new: NewSession) {
        let NewSession { session, ufrag, call, record } = new;
        let (names, hears) = (Names::new(ufrag, record.tag), (call.key(), session.codec()));
        let (gone, revoked) = (!call.is_open(), record.is_revoked());
        let key = self.entries.insert(Entry {
            session,
            names,
            alarm: Alarm::default(),
            record,
            call,
            ear: None,
            local: None,
            validated: false,
            own: false,
            not_before: 0,
            spoken: Spoken::default(),
            quality: Quality::default(),
            ending: None,
        });
        self.calls.entry(hears).or_default().members.push(key);
        let Some(entry) = self.entries.get_mut(key) else { return };
        if !self.routes.add(key, &entry.names) {
            // Two random names alike: the chance is one in 2^48 and less.
            self.forget(key, SessionEnd::Failed);
        } else if revoked {
            self.close(key, SessionEnd::Revoked);
        } else if gone {
            self.close(key, SessionEnd::CallEnded);
        } else {
            self.tell(key, Instant::now(), None, |_| {});
        }
    }

    /// Ends the session with this tag, if it is here.
    pub(super) fn remove(&mut self, tag: u32, reason: SessionEnd) {
        if let Some(key) = self.routes.by_tag(tag) {
            self.close(key, reason);
        }
    }

    /// Restarts ICE of the session with this tag. Without an answer it is not here, or the fresh ufrag is
    /// in use.
    pub(super) fn restart(
        &mut self,
        tag: u32,
        remote: RemoteIce,
        fresh: IceCredentials,
        reply: oneshot::Sender<String>,
    ) {
        let Some(key) = self.routes.by_tag(tag) else { return };
        let Some(entry) = self.entries.get_mut(key) else { return };
        if !self.routes.rename(key, &mut entry.names, fresh.ufrag.clone()) {
            return;
        }
        let (now, candidates) = (Instant::now(), self.setting.candidates.clone());
        self.tell(key, now, None, |session| {
            session.ice_restart(now, remote, fresh);
            let _the_request_was_given_up = reply.send(session.fragment(&candidates));
        });
    }

    /// Whose a datagram is.
    pub(super) fn find(&self, src: SocketAddr, bytes: &[u8]) -> Result<Key, Reject> {
        self.routes.find(src, bytes)
    }

    /// A datagram for this session.
    pub(super) fn input(&mut self, key: Key, src: SocketAddr, local: Option<IpAddr>, bytes: &[u8]) {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let mut open = false;
        if let Some(entry) = self.entries.get_mut(key) {
            self.routes.claim_again(key, &mut entry.names);
            open = entry.own && entry.record.mouth.is_open(now);
        }
        self.tell(key, now, local, |session| {
            session.set_open(open);
            session.handle_input(now, wall, src, bytes);
        });
    }

    /// When the earliest timer is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.timers.next().into_iter().chain(self.telling.next()).min()
    }

    /// Serves the timers that are due.
    pub(super) fn due(&mut self) {
        let now = Instant::now();
        while let Some((at, key)) = self.timers.pop_due(now) {
            let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.alarm.is(at)) else { continue };
            entry.alarm.rang();
            let wall = SystemTime::now();
            self.tell(key, now, None, |session| {
                // The deadline may have moved back since the alarm was set.
                if session.poll_timeout().is_some_and(|due| due <= now) {
                    session.handle_timeout(now, wall);
                }
            });
        }
        self.tell_quality(now);
        let entries = &mut self.entries;
        self.timers.prune(entries.len(), |at, key| entries.get_mut(key).is_some_and(|e| e.alarm.is(at)));
    }

    /// Ends all sessions of a call.
    pub(super) fn call_ended(&mut self, call: CallKey) {
        // Taken out whole, so that nobody is searched for in it.
        for codec in Codec::ALL {
            for key in self.calls.remove(&(call, codec)).unwrap_or_default().members {
                self.close(key, SessionEnd::CallEnded);
            }
        }
    }

    /// Ends all there are.
    pub(super) fn close_all(&mut self, reason: SessionEnd) {
        self.calls.clear();
        for key in self.entries.keys() {
            self.close(key, reason);
        }
    }

    /// Ends a session from our side, and tells its browser.
    fn close(&mut self, key: Key, reason: SessionEnd) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.ending = Some(reason);
        let (now, wall) = (Instant::now(), SystemTime::now());
        self.tell(key, now, None, |session| session.close(now, wall));
        self.forget(key, reason); // nothing, if it said `Closed`
    }

    /// Lets a session do something, then does what it wants done. `local` is the address at which it came.
    ///
    /// A panic ends this session and no other.
    fn tell(&mut self, key: Key, now: Instant, local: Option<IpAddr>, f: impl FnOnce(&mut Session)) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let (out, mut events) = (&mut self.out, std::mem::take(&mut self.events));
        let local = local.or(entry.local);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            f(&mut entry.session);
            while let Some(transmit) = entry.session.poll_transmit() {
                out.send(transmit.to, local, &transmit.payload);
            }
            events.extend(std::iter::from_fn(|| entry.session.poll_event()));
            out.tally.counts(entry.session.take_counts());
            entry.session.poll_timeout()
        }));
        let mut closed = None;
        for event in events.drain(..) {
            match event {
                Event::Closed(reason) => closed = Some(reason),
                event => self.event(key, local, event),
            }
        }
        self.events = events;
        let Some(entry) = self.entries.get_mut(key) else { return };
        match (outcome, closed) {
            (Err(_), _) => self.panicked(key),
            (Ok(_), Some(reason)) => {
                if entry.validated && entry.ear.is_none() {
                    self.setting.metrics.handshake_failed(reason);
                }
                let reason = entry.ending.unwrap_or(end_of(reason));
                self.forget(key, reason);
            }
            (Ok(Some(at)), None) => self.timers.arm(&mut entry.alarm, key, at.max(now + TICK)),
            (Ok(None), None) => {}
        }
    }

    fn event(&mut self, key: Key, local: Option<IpAddr>, event: Event) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let metrics = &self.setting.metrics;
        let since_post = || entry.record.opened.elapsed().as_secs_f64();
        match event {
            Event::Validated(addr) => {
                if !entry.validated {
                    metrics.join.ice.observe(since_post());
                }
                entry.validated = true;
                // Media leaves from where the browser was heard.
                entry.local = local;
                if !self.routes.claim(key, &mut entry.names, addr) {
                    metrics.address_taken();
                }
            }
            Event::Forgotten(addr) => self.routes.release(key, &mut entry.names, addr),
            Event::Connected { profile } => {
                metrics.join.dtls.observe(since_post());
                metrics.handshake_done();
                metrics.active.inc();
                entry.record.set_connected();
                entry.ear = Some(entry.call.listen(self.setting.index, entry.session.codec()));
                let grant = &entry.record.grant;
                tracing::debug!(session = %grant.session, call = %grant.call, profile = profile.as_str(), "listener connected");
                self.setting.bus.events.publish(NodeEvent::SessionStarted {
                    node: self.setting.node,
                    tenant: grant.tenant,
                    call: grant.call,
                    session: grant.session,
                    user: grant.user,
                    mode: entry.record.mouth.mode(),
                });
                self.greet(key);
                self.take_part(key);
            }
            Event::Speech(speech) => self.speech(key, speech),
            Event::Report(report) => self.report(key, Instant::now(), report),
            Event::Closed(_) => {}
        }
    }

    fn panicked(&mut self, key: Key) {
        if let Some(entry) = self.entries.get_mut(key) {
            self.setting.metrics.panics.inc();
            tracing::error!(session = %entry.record.grant.session, "a session ended by a fault of ours");
            self.forget(key, SessionEnd::Failed);
        }
    }

    /// Takes a session out and says so.
    fn forget(&mut self, key: Key, reason: SessionEnd) {
        let Some(entry) = self.entries.remove(key) else { return };
        if entry.own {
            entry.call.set_party(speak::party(&entry, self.setting.index, Mode::Listen));
        }
        let Entry { session, names, record, call, ear, .. } = entry;
        self.routes.remove(&names);
        let hears = (call.key(), session.codec());
        if let Some(audience) = self.calls.get_mut(&hears) {
            audience.members.retain(|member| *member != key);
            if audience.members.is_empty() {
                self.calls.remove(&hears);
            }
        }
        self.setting.registry.close(&record);
        self.setting.metrics.ended(reason);
        if ear.is_some() {
            self.setting.metrics.active.dec();
        }
        let grant = &record.grant;
        tracing::debug!(session = %grant.session, call = %grant.call, ?reason, "listener gone");
        self.setting.bus.events.publish(NodeEvent::SessionEnded {
            tenant: grant.tenant,
            call: grant.call,
            session: grant.session,
            user: grant.user,
            reason,
        });
        // A session that has panicked may do so again.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(session)));
    }
}

/// What a session's own end means to people.
fn end_of(reason: CloseReason) -> SessionEnd {
    match reason {
        CloseReason::Local | CloseReason::Peer => SessionEnd::Left,
        CloseReason::Lost => SessionEnd::Lost,
        _ => SessionEnd::Failed,
    }
}

#[cfg(test)]
mod tests;
