//! The calls whose audio this gateway holds now, and where the two sides meet.
//!
//! Ingest adds a call and feeds its packets to the outlets, one for each media worker. Listen looks a
//! call up and takes an [`Ear`] for each person who hears it: with the first ear the call begins to
//! encode, with the last it stops. Neither side waits for the other.
//!
//! A call's listeners are its own and not its stream's: when Twilio opens a second stream of a call, because it lost
//! the first, they go on with that one. They wait for it in silence, for a while, when the first was lost before
//! the second came.

pub mod floor;
mod side;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use common::token::{Mode, StreamKind};
use common::{AccountSid, CallId, CallSid, StreamSid, TenantId};
use gateway_core::call::{PartyId, SLOT, Wanted};
use gateway_core::frame::{Codec, PHONE_RATE, Packet, Speech};

use self::floor::{Door, Inlet, Order, Party, ToFloor};
use self::side::Legs;

use crate::threads::Threads;

/// A call inside this process. Small, so that a worker can index by it; never used again for another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallKey(pub u32);

/// Takes a heard call's packets to the listeners of one media worker.
pub trait Outlet: fmt::Debug + Send + Sync {
    /// Passes a packet on. Never waits: with a full queue the packet is dropped and counted.
    fn packet(&self, call: CallKey, packet: &Packet);

    /// Passes a packet on that one session alone hears, under the same terms. `tag` is the session's.
    fn own(&self, tag: u32, packet: &Packet);

    /// A leg beside the call is over, on which some of its people may have been heard.
    fn side_ended(&self, call: CallKey);

    /// No packet of this call will come any more: its listeners are told that the call has ended.
    fn call_ended(&self, call: CallKey);
}

/// What one media stream is, as its tokens and its `start` say.
#[derive(Clone, Debug)]
pub struct CallInfo {
    /// The owner.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// The same as Twilio names it.
    pub call_sid: CallSid,
    /// Whose account it is at Twilio.
    pub account_sid: AccountSid,
    /// The stream.
    pub stream: StreamSid,
    /// What opened it: whether one can speak on it.
    pub kind: StreamKind,
}

#[cfg(test)]
impl CallInfo {
    /// Of this call of a tenant that has no other.
    pub(crate) fn of(call: CallId) -> Self {
        let sid = "0".repeat(32);
        Self {
            tenant: TenantId::new(),
            call,
            call_sid: format!("CA{sid}").parse().unwrap(),
            account_sid: format!("AC{sid}").parse().unwrap(),
            stream: format!("MZ{sid}").parse().unwrap(),
            kind: StreamKind::Agent,
        }
    }
}

/// A call whose media stream is open.
#[derive(Debug)]
pub struct LiveCall {
    info: CallInfo,
    /// The worker on the media thread that has its stream, if one has it.
    home: Option<usize>,
    audience: Arc<Audience>,
    /// A newer stream of the call has taken its place.
    replaced: AtomicBool,
    /// What is added to its packets' timestamps: listeners' time goes on over a change of streams.
    base: OnceLock<u64>,
}

/// Who hears a call, whichever stream brings it.
#[derive(Debug)]
struct Audience {
    key: CallKey,
    /// How many hear it, by worker and by codec: a worker nobody listens at gets no packet.
    ears: Box<[[AtomicU32; Codec::ALL.len()]]>,
    closed: AtomicBool,
    outlets: Arc<[Arc<dyn Outlet>]>,
    /// The last packet's timestamp, and when its audio came: microseconds since `born`.
    last: AtomicU64,
    last_at: AtomicU64,
    born: Instant,
    /// Milliseconds of media that its streams have brought up to now.
    media_ms: AtomicU64,
    /// Who may speak on its own stream.
    door: Door,
    /// Who may speak beside it.
    legs: Legs,
}

impl Audience {
    fn new(key: CallKey, outlets: Arc<[Arc<dyn Outlet>]>) -> Self {
        Self {
            key,
            ears: outlets.iter().map(|_| Default::default()).collect(),
            closed: AtomicBool::new(false),
            outlets,
            last: AtomicU64::new(0),
            last_at: AtomicU64::new(0),
            born: Instant::now(),
            media_ms: AtomicU64::new(0),
            door: Door::default(),
            legs: Legs::default(),
        }
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.born).as_micros()).unwrap_or(u64::MAX)
    }

    /// What takes the timestamp of a new stream's first packet to where listeners are: as far behind the last one
    /// as it came after it.
    fn base(&self, first: &Packet) -> u64 {
        let passed = self.micros(first.arrived).saturating_sub(self.last_at.load(Ordering::Relaxed));
        let samples = passed.saturating_mul(u64::from(PHONE_RATE)) / 1_000_000;
        let slots = (samples / SLOT as u64).max(1);
        (self.last.load(Ordering::Relaxed) + slots * SLOT as u64).wrapping_sub(first.timestamp)
    }

    fn send(&self, packet: &Packet) {
        self.last.store(packet.timestamp, Ordering::Relaxed);
        self.last_at.store(self.micros(packet.arrived), Ordering::Relaxed);
        for (ears, outlet) in self.ears.iter().zip(self.outlets.iter()) {
            if ears[packet.codec.index()].load(Ordering::Relaxed) > 0 {
                outlet.packet(self.key, packet);
            }
        }
    }
}

impl LiveCall {
    /// Its name among the workers.
    pub fn key(&self) -> CallKey {
        self.audience.key
    }

    /// What it is.
    pub fn info(&self) -> &CallInfo {
        &self.info
    }

    /// Whether a stream of it is still open. A worker asks when it takes a listener on: the end of the call may
    /// have been told before.
    pub fn is_open(&self) -> bool {
        !self.audience.closed.load(Ordering::Acquire)
    }

    /// In which codecs it is heard now. A few atomic reads: cheap enough to ask at each frame.
    pub fn wanted(&self) -> Wanted {
        let by = |codec: Codec| {
            self.audience.ears.iter().any(|ears| ears[codec.index()].load(Ordering::Relaxed) > 0)
        };
        Wanted { opus: by(Codec::Opus), pcmu: by(Codec::Pcmu) }
    }

    /// The worker to which its packets are nearest: they change no thread on the way.
    pub fn home(&self) -> Option<usize> {
        self.home
    }

    /// How many hear it at this worker now.
    pub fn listeners_at(&self, worker: usize) -> u32 {
        self.audience.ears[worker].iter().map(|ears| ears.load(Ordering::Relaxed)).sum()
    }

    /// Begins to hear it at this worker and in this codec, until the ear is dropped.
    pub fn listen(self: &Arc<Self>, worker: usize, codec: Codec) -> Ear {
        self.audience.ears[worker][codec.index()].fetch_add(1, Ordering::Relaxed);
        Ear { call: self.clone(), worker, codec, resting: false }
    }

    /// Gives a packet to each worker that has listeners of its codec, once. What a stream still has when a newer one
    /// has taken its place is heard by nobody.
    pub fn send(&self, packet: &Packet) {
        if self.replaced.load(Ordering::Relaxed) {
            return;
        }
        match self.base_of(packet) {
            0 => self.audience.send(packet),
            base => {
                let timestamp = packet.timestamp.wrapping_add(base);
                self.audience.send(&Packet { timestamp, ..packet.clone() });
            }
        }
    }

    /// Gives a packet to the one session that it was made for, under the same terms.
    pub fn send_own(&self, party: &Party, packet: Packet) {
        if self.replaced.load(Ordering::Relaxed) {
            return;
        }
        let timestamp = packet.timestamp.wrapping_add(self.base_of(&packet));
        if let Some(outlet) = self.audience.outlets.get(party.worker) {
            outlet.own(party.id.0, &Packet { timestamp, ..packet });
        }
    }

    fn base_of(&self, packet: &Packet) -> u64 {
        *self.base.get_or_init(|| self.audience.base(packet))
    }

    /// Whether somebody can be heard in it in this mode: on its own stream, or on a leg beside it.
    pub fn carries(&self, mode: Mode) -> bool {
        match self.info.kind {
            StreamKind::Agent => true,
            StreamKind::Monitor | StreamKind::Join | StreamKind::Coach => self.audience.legs.carry(mode),
        }
    }

    /// Says what somebody may do in it. With [`Mode::Listen`] they may speak no more.
    pub fn set_party(&self, party: Party) {
        match self.info.kind {
            StreamKind::Agent => self.audience.door.set(party),
            StreamKind::Monitor | StreamKind::Join | StreamKind::Coach => self.audience.legs.set(party),
        }
    }

    /// A microphone was closed: nothing of it is to be heard any more.
    pub fn hush(&self, party: PartyId) {
        self.audience.door.tell(ToFloor::Hush(party));
        self.audience.legs.hush(party);
    }

    /// Tells the task of its present stream what control wants. False: it has none now, or none on which one can speak.
    pub fn order(&self, order: Order) -> bool {
        self.audience.door.tell(ToFloor::Order(order))
    }

    /// Passes a microphone's packet to the task of the stream on which its owner speaks. False: it was dropped.
    pub fn speak(&self, party: PartyId, speech: Speech) -> bool {
        match self.info.kind {
            StreamKind::Agent => self.audience.door.speak(party, speech),
            StreamKind::Monitor | StreamKind::Join | StreamKind::Coach => {
                self.audience.legs.speak(party, speech)
            }
        }
    }

    /// What the task of this stream is told from now on. `None`: nobody speaks on it.
    pub fn take_floor(&self) -> Option<Inlet> {
        match self.info.kind {
            StreamKind::Monitor => None,
            StreamKind::Agent => Some(self.audience.door.take()),
            kind @ (StreamKind::Join | StreamKind::Coach) => self.audience.legs.take_floor(kind),
        }
    }

    /// The timestamp of the newest packet that its listeners were sent.
    pub fn newest(&self) -> u64 {
        self.audience.last.load(Ordering::Relaxed)
    }

    /// How much audio it has brought up to now, in milliseconds of media time.
    pub fn media_ms(&self) -> u64 {
        self.audience.media_ms.load(Ordering::Relaxed)
    }

    /// Says how much audio it has brought.
    pub fn set_media_ms(&self, ms: u64) {
        self.audience.media_ms.fetch_max(ms, Ordering::Relaxed);
    }
}

/// One person hearing a call. Dropping it is leaving.
#[derive(Debug)]
pub struct Ear {
    call: Arc<LiveCall>,
    worker: usize,
    codec: Codec,
    resting: bool,
}

impl Ear {
    /// The call that is heard.
    pub fn call(&self) -> &Arc<LiveCall> {
        &self.call
    }

    /// Says whether they need nothing of what others hear, because they get packets of their own.
    pub fn set_resting(&mut self, resting: bool) {
        if resting == std::mem::replace(&mut self.resting, resting) {
            return;
        }
        let count = self.count();
        if resting {
            count.fetch_sub(1, Ordering::Relaxed)
        } else {
            count.fetch_add(1, Ordering::Relaxed)
        };
    }

    fn count(&self) -> &AtomicU32 {
        &self.call.audience.ears[self.worker][self.codec.index()]
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if !self.resting {
            self.count().fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[derive(Debug, Default)]
struct Calls {
    live: HashMap<CallId, Arc<LiveCall>>,
    /// The last stream was lost, and its listeners wait for another.
    lost: HashMap<CallId, Arc<LiveCall>>,
}

/// All calls of this gateway.
#[derive(Debug)]
pub struct Hub {
    calls: Mutex<Calls>,
    next_key: AtomicU32,
    outlets: Arc<[Arc<dyn Outlet>]>,
}

impl Hub {
    /// No call yet. `outlets` has one for each media worker, in the order of their numbers.
    pub fn new(outlets: Vec<Arc<dyn Outlet>>) -> Self {
        Self { calls: Mutex::default(), next_key: AtomicU32::new(1), outlets: outlets.into() }
    }

    /// Adds a call, at home on the media thread that says so, if one does; and says which older stream of the
    /// same call it replaces, if any: the newest wins and takes the listeners over, and the holder of the old one
    /// must close it.
    pub fn open(&self, info: CallInfo) -> (Arc<LiveCall>, Option<Arc<LiveCall>>) {
        let mut calls = self.lock();
        let call = info.call;
        // Another tenant's call cannot have this id; if it had, it would get nobody's listeners.
        let old =
            calls.live.get(&call).or(calls.lost.get(&call)).filter(|old| old.info.tenant == info.tenant);
        let (audience, base) = match old {
            Some(old) => (old.audience.clone(), OnceLock::new()),
            None => {
                let key = CallKey(self.next_key.fetch_add(1, Ordering::Relaxed));
                (Arc::new(Audience::new(key, self.outlets.clone())), OnceLock::from(0))
            }
        };
        let home = Threads::current().filter(|home| *home < self.outlets.len());
        let live = Arc::new(LiveCall { info, home, audience, replaced: AtomicBool::new(false), base });
        calls.lost.remove(&call);
        let replaced = calls.live.insert(call, live.clone());
        if let Some(old) = &replaced {
            old.replaced.store(true, Ordering::Relaxed);
        }
        (live, replaced)
    }

    /// Adds a stream on a leg of our own beside a call that is here, and says which older one it replaces. `None`: the
    /// call is not here, or needs no such leg.
    pub fn open_side(&self, info: CallInfo) -> Option<(Arc<LiveCall>, Option<Arc<LiveCall>>)> {
        let calls = self.lock();
        let call = calls.live.get(&info.call)?;
        if call.info.tenant != info.tenant || call.info.kind == StreamKind::Agent {
            return None;
        }
        let home = Threads::current().filter(|home| *home < self.outlets.len());
        let (audience, replaced, base) = (call.audience.clone(), AtomicBool::new(false), OnceLock::new());
        let side = Arc::new(LiveCall { info, home, audience, replaced, base });
        let old = side.audience.legs.open(&side);
        if let Some(old) = &old {
            old.replaced.store(true, Ordering::Relaxed);
        }
        Some((side, old))
    }

    /// The stream on a leg beside a call is over: who was heard there is heard no more.
    pub fn close_side(&self, side: &Arc<LiveCall>) {
        let _calls = self.lock();
        if side.audience.legs.close(side) {
            for outlet in self.outlets.iter() {
                outlet.side_ended(side.key());
            }
        }
    }

    /// Takes a call out whose stream was lost. Its listeners hear nothing, and stay for the call's next stream until
    /// somebody [gives up](Self::give_up). A stream that was replaced leaves them to its successor.
    pub fn lose(&self, call: &Arc<LiveCall>) {
        let mut calls = self.lock();
        if let Entry::Occupied(entry) = calls.live.entry(call.info.call)
            && Arc::ptr_eq(entry.get(), call)
        {
            let (id, lost) = entry.remove_entry();
            calls.lost.insert(id, lost);
        }
    }

    /// Takes a call out and tells its listeners that it has ended. A stream that was replaced leaves them to its
    /// successor.
    pub fn close(&self, call: &Arc<LiveCall>) {
        let mut calls = self.lock();
        if let Entry::Occupied(entry) = calls.live.entry(call.info.call) {
            if Arc::ptr_eq(entry.get(), call) {
                entry.remove();
            } else if Arc::ptr_eq(&entry.get().audience, &call.audience) {
                return;
            }
        }
        self.end(calls, call);
    }

    /// Tells those who wait for a lost stream's successor that the call has ended. `which`: only if it is this stream
    /// that they have lost; else whichever.
    pub fn give_up(&self, call: CallId, which: Option<&Arc<LiveCall>>) {
        let mut calls = self.lock();
        if let Entry::Occupied(entry) = calls.lost.entry(call)
            && which.is_none_or(|which| Arc::ptr_eq(entry.get(), which))
        {
            let call = entry.remove();
            self.end(calls, &call);
        }
    }

    fn end(&self, calls: MutexGuard<'_, Calls>, call: &LiveCall) {
        // Before the workers are told, and before another stream may come: a listener who comes after that is seen
        // to be too late.
        call.audience.closed.store(true, Ordering::Release);
        drop(calls);
        for outlet in self.outlets.iter() {
            outlet.call_ended(call.key());
        }
    }

    /// The call, if it is here and belongs to this tenant.
    pub fn find(&self, tenant: TenantId, call: CallId) -> Option<Arc<LiveCall>> {
        self.lock().live.get(&call).filter(|live| live.info.tenant == tenant).cloned()
    }

    /// Passes an order on to the call, if it has a stream here on which one can speak.
    pub fn order(&self, call: CallId, order: Order) {
        let live = self.lock().live.get(&call).cloned();
        if let Some(live) = live {
            live.order(order);
        }
    }

    /// How many are here.
    pub fn count(&self) -> usize {
        self.lock().live.len()
    }

    /// All that are here.
    pub fn ids(&self) -> Vec<CallId> {
        self.lock().live.keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        // The maps are whole after every operation, so a panic elsewhere while it was held spoils nothing.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
