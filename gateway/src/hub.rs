//! The calls whose audio this gateway holds now, and where the two sides meet.
//!
//! Ingest adds a call and feeds its packets to the outlets, one for each media worker. Listen looks a
//! call up and takes an [`Ear`] for each person who hears it: with the first ear the call begins to
//! encode, with the last it stops. Neither side waits for the other.
//!
//! A call's listeners are its own and not its stream's: when Twilio opens a second stream of a call, because it lost
//! the first, they go on with that one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use common::{CallId, CallSid, StreamSid, TenantId};
use gateway_core::call::{SLOT, Wanted};
use gateway_core::frame::{Codec, PHONE_RATE, Packet};

use crate::threads::Threads;

/// A call inside this process. Small, so that a worker can index by it; never used again for another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallKey(pub u32);

/// Takes a heard call's packets to the listeners of one media worker.
pub trait Outlet: fmt::Debug + Send + Sync {
    /// Passes a packet on. Never waits: with a full queue the packet is dropped and counted.
    fn packet(&self, call: CallKey, packet: &Packet);

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
    /// The stream.
    pub stream: StreamSid,
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
            stream: format!("MZ{sid}").parse().unwrap(),
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
        Ear { call: self.clone(), worker, codec }
    }

    /// Gives a packet to each worker that has listeners of its codec, once. What a stream still has when a newer one
    /// has taken its place is heard by nobody.
    pub fn send(&self, packet: &Packet) {
        if self.replaced.load(Ordering::Relaxed) {
            return;
        }
        match *self.base.get_or_init(|| self.audience.base(packet)) {
            0 => self.audience.send(packet),
            base => {
                let timestamp = packet.timestamp.wrapping_add(base);
                self.audience.send(&Packet { timestamp, ..packet.clone() });
            }
        }
    }
}

/// One person hearing a call. Dropping it is leaving.
#[derive(Debug)]
pub struct Ear {
    call: Arc<LiveCall>,
    worker: usize,
    codec: Codec,
}

impl Ear {
    /// The call that is heard.
    pub fn call(&self) -> &Arc<LiveCall> {
        &self.call
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.call.audience.ears[self.worker][self.codec.index()].fetch_sub(1, Ordering::Relaxed);
    }
}

/// All calls of this gateway.
#[derive(Debug)]
pub struct Hub {
    calls: Mutex<Calls>,
    next_key: AtomicU32,
    outlets: Arc<[Arc<dyn Outlet>]>,
}

#[derive(Debug, Default)]
struct Calls {
    live: HashMap<CallId, Arc<LiveCall>>,
    /// Those whose stream broke, and until when their listeners wait for another.
    lost: HashMap<CallId, (Arc<LiveCall>, Instant)>,
}

/// How long listeners wait, in silence, for another stream of a call whose stream broke. Control asks Twilio for one
/// at once, and a few times more.
const PATIENCE: Duration = Duration::from_secs(20);

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
        // Another tenant's call cannot have this id; if it had, it would get nobody's listeners.
        let lost = calls.lost.remove(&info.call).map(|(lost, _)| lost);
        let old = calls.live.get(&info.call).or(lost.as_ref());
        let (audience, base) = match old.filter(|old| old.info.tenant == info.tenant) {
            Some(old) => (old.audience.clone(), OnceLock::new()),
            None => {
                let key = CallKey(self.next_key.fetch_add(1, Ordering::Relaxed));
                (Arc::new(Audience::new(key, self.outlets.clone())), OnceLock::from(0))
            }
        };
        let home = Threads::current().filter(|home| *home < self.outlets.len());
        let call = info.call;
        let live = Arc::new(LiveCall { info, home, audience, replaced: AtomicBool::new(false), base });
        let replaced = calls.live.insert(call, live.clone());
        if let Some(old) = &replaced {
            old.replaced.store(true, Ordering::Relaxed);
        }
        (live, replaced)
    }

    /// Takes a call out and tells its listeners that it has ended. A stream that was replaced leaves them to its
    /// successor.
    pub fn close(&self, call: &Arc<LiveCall>) {
        let mut calls = self.lock();
        if calls.take_out(call) {
            self.end(calls, std::slice::from_ref(call));
        }
    }

    /// As [`close`](Self::close), for a stream that broke: its listeners are told only if no other stream of the call
    /// has come after a while.
    pub fn lose(&self, call: &Arc<LiveCall>, now: Instant) {
        let mut calls = self.lock();
        if calls.take_out(call) {
            calls.lost.insert(call.info.call, (call.clone(), now + PATIENCE));
        }
    }

    /// Tells the listeners who have waited for long enough that their call has ended.
    pub fn give_up(&self, now: Instant) {
        let mut calls = self.lock();
        let over = calls.lost.extract_if(|_, (_, until)| *until <= now).map(|(_, (lost, _))| lost);
        let over: Vec<_> = over.collect();
        self.end(calls, &over);
    }

    fn end(&self, calls: MutexGuard<'_, Calls>, over: &[Arc<LiveCall>]) {
        // Before the workers are told, and before another stream may come: a listener who comes after that is seen
        // to be too late.
        for call in over {
            call.audience.closed.store(true, Ordering::Release);
        }
        drop(calls);
        for call in over {
            for outlet in self.outlets.iter() {
                outlet.call_ended(call.key());
            }
        }
    }

    /// The call, if it is here and belongs to this tenant.
    pub fn find(&self, tenant: TenantId, call: CallId) -> Option<Arc<LiveCall>> {
        self.lock().live.get(&call).filter(|live| live.info.tenant == tenant).cloned()
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

impl Calls {
    /// Takes a stream out, whose listeners are then nobody's. `false`: they are its successor's.
    fn take_out(&mut self, call: &Arc<LiveCall>) -> bool {
        if let Entry::Occupied(entry) = self.live.entry(call.info.call) {
            if Arc::ptr_eq(entry.get(), call) {
                entry.remove();
            } else if Arc::ptr_eq(&entry.get().audience, &call.audience) {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_of_a_broken_stream_wait_for_the_next_and_not_for_ever() {
        let (heard, hub, info) = fixture();
        let now = Instant::now();
        let (first, _) = hub.open(info.clone());
        let ear = first.listen(0, Codec::Opus);
        first.send(&packet(first.audience.born, 0));
        hub.lose(&first, now);
        assert_eq!((hub.count(), hub.ids().len()), (0, 0), "its audio is gone");
        assert!(hub.find(info.tenant, info.call).is_none());
        hub.give_up(now + PATIENCE / 2);
        assert!(ear.call().is_open());

        let (second, replaced) = hub.open(info.clone());
        assert!(replaced.is_none() && second.key() == first.key() && second.wanted().opus);
        second.send(&packet(first.audience.born + Duration::from_secs(1), 0));
        assert_eq!(heard.take(), [0, 8_000]);
        hub.give_up(now + 2 * PATIENCE);
        assert!(ear.call().is_open(), "it waits no more");

        hub.lose(&second, now);
        hub.give_up(now + PATIENCE);
        assert!(!ear.call().is_open());
        assert_eq!(heard.ended(), 1);
        let (third, _) = hub.open(info);
        assert!(third.key() != second.key());
        hub.give_up(now + 3 * PATIENCE);
        assert_eq!(heard.ended(), 1, "and it is told once");
    }

    #[test]
    fn a_stream_that_takes_anothers_place_has_its_listeners_and_their_time() {
        let (heard, hub, info) = fixture();
        let (first, _) = hub.open(info.clone());
        let ear = first.listen(0, Codec::Opus);
        first.send(&packet(first.audience.born, 0));
        first.send(&packet(first.audience.born + Duration::from_millis(20), 160));

        let (second, replaced) = hub.open(info.clone());
        assert!(Arc::ptr_eq(&replaced.unwrap(), &first));
        assert_eq!((second.key(), second.wanted().opus), (first.key(), true));
        first.send(&packet(first.audience.born + Duration::from_millis(40), 320));
        hub.close(&first);
        assert!(ear.call().is_open() && Arc::ptr_eq(&hub.find(info.tenant, info.call).unwrap(), &second));

        // A second later, from the beginning of its own time.
        second.send(&packet(first.audience.born + Duration::from_millis(1025), 7_000));
        second.send(&packet(first.audience.born + Duration::from_millis(1045), 7_160));
        assert_eq!(heard.take(), [0, 160, 160 + 8_000, 160 + 8_160], "and nothing of the old one");
        assert_eq!(heard.ended(), 0);

        hub.close(&second);
        assert!(!ear.call().is_open());
        assert_eq!(heard.ended(), 1);
        let (third, _) = hub.open(info);
        assert!(third.key() != second.key() && !third.wanted().opus, "what has ended has no heirs");
    }

    #[test]
    fn another_tenant_with_the_same_id_gets_nobodys_listeners() {
        let (_, hub, info) = fixture();
        let (mine, _) = hub.open(info.clone());
        let _ear = mine.listen(0, Codec::Opus);
        let (theirs, _) = hub.open(CallInfo { tenant: TenantId::new(), ..info });
        assert!(theirs.key() != mine.key() && !theirs.wanted().opus);
    }

    #[derive(Debug, Default)]
    struct Recorder {
        timestamps: Mutex<Vec<u64>>,
        ended: AtomicU32,
    }

    impl Recorder {
        fn take(&self) -> Vec<u64> {
            std::mem::take(&mut self.timestamps.lock().unwrap())
        }

        fn ended(&self) -> u32 {
            self.ended.load(Ordering::Relaxed)
        }
    }

    impl Outlet for Recorder {
        fn packet(&self, _: CallKey, packet: &Packet) {
            self.timestamps.lock().unwrap().push(packet.timestamp);
        }

        fn call_ended(&self, _: CallKey) {
            self.ended.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn fixture() -> (Arc<Recorder>, Hub, CallInfo) {
        let recorder = Arc::new(Recorder::default());
        let hub = Hub::new(vec![recorder.clone()]);
        (recorder, hub, CallInfo::of(CallId::new()))
    }

    fn packet(arrived: Instant, timestamp: u64) -> Packet {
        Packet { codec: Codec::Opus, payload: vec![1, 2].into(), timestamp, marker: false, arrived }
    }
}
