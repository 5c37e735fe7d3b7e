//! The calls whose audio this gateway holds now, and where the two sides meet.
//!
//! Ingest adds a call and feeds its packets to the outlets, one for each media worker. Listen looks a
//! call up and takes an [`Ear`] for each person who hears it: with the first ear the call begins to
//! encode, with the last it stops. Neither side waits for the other.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::{CallId, CallSid, StreamSid, TenantId};
use gateway_core::call::Wanted;
use gateway_core::frame::{Codec, Packet};

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

/// A call whose media stream is open.
#[derive(Debug)]
pub struct LiveCall {
    key: CallKey,
    info: CallInfo,
    /// The worker on the media thread that has its stream, if one has it.
    home: Option<usize>,
    /// How many hear it, by worker and by codec: a worker nobody listens at gets no packet.
    ears: Box<[[AtomicU32; Codec::ALL.len()]]>,
    closed: AtomicBool,
    outlets: Arc<[Arc<dyn Outlet>]>,
}

impl LiveCall {
    /// Its name among the workers.
    pub fn key(&self) -> CallKey {
        self.key
    }

    /// What it is.
    pub fn info(&self) -> &CallInfo {
        &self.info
    }

    /// Whether its stream is still open. A worker asks when it takes a listener on: the end of the call may
    /// have been told before.
    pub fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Acquire)
    }

    /// In which codecs it is heard now. A few atomic reads: cheap enough to ask at each frame.
    pub fn wanted(&self) -> Wanted {
        let by = |codec: Codec| self.ears.iter().any(|ears| ears[codec.index()].load(Ordering::Relaxed) > 0);
        Wanted { opus: by(Codec::Opus), pcmu: by(Codec::Pcmu) }
    }

    /// The worker to which its packets are nearest: they change no thread on the way.
    pub fn home(&self) -> Option<usize> {
        self.home
    }

    /// How many hear it at this worker now.
    pub fn listeners_at(&self, worker: usize) -> u32 {
        self.ears[worker].iter().map(|ears| ears.load(Ordering::Relaxed)).sum()
    }

    /// Begins to hear it at this worker and in this codec, until the ear is dropped.
    pub fn listen(self: &Arc<Self>, worker: usize, codec: Codec) -> Ear {
        self.ears[worker][codec.index()].fetch_add(1, Ordering::Relaxed);
        Ear { call: self.clone(), worker, codec }
    }

    /// Gives a packet to each worker that has listeners of its codec, once.
    pub fn send(&self, packet: &Packet) {
        for (ears, outlet) in self.ears.iter().zip(self.outlets.iter()) {
            if ears[packet.codec.index()].load(Ordering::Relaxed) > 0 {
                outlet.packet(self.key, packet);
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
        self.call.ears[self.worker][self.codec.index()].fetch_sub(1, Ordering::Relaxed);
    }
}

/// All calls of this gateway.
#[derive(Debug)]
pub struct Hub {
    calls: Mutex<HashMap<CallId, Arc<LiveCall>>>,
    next_key: AtomicU32,
    outlets: Arc<[Arc<dyn Outlet>]>,
}

impl Hub {
    /// No call yet. `outlets` has one for each media worker, in the order of their numbers.
    pub fn new(outlets: Vec<Arc<dyn Outlet>>) -> Self {
        Self { calls: Mutex::default(), next_key: AtomicU32::new(1), outlets: outlets.into() }
    }

    /// Adds a call, at home on the media thread that says so, if one does; and says which older stream of the
    /// same call it replaces, if any: the newest wins, and the holder of the old one must close it.
    pub fn open(&self, info: CallInfo) -> (Arc<LiveCall>, Option<Arc<LiveCall>>) {
        let call = info.call;
        let live = Arc::new(LiveCall {
            key: CallKey(self.next_key.fetch_add(1, Ordering::Relaxed)),
            info,
            home: Threads::current().filter(|home| *home < self.outlets.len()),
            ears: self.outlets.iter().map(|_| Default::default()).collect(),
            closed: AtomicBool::new(false),
            outlets: self.outlets.clone(),
        });
        let replaced = self.lock().insert(call, live.clone());
        (live, replaced)
    }

    /// Takes a call out and tells its listeners that it has ended. A call that was replaced leaves its
    /// successor alone.
    pub fn close(&self, call: &Arc<LiveCall>) {
        if let Entry::Occupied(entry) = self.lock().entry(call.info.call)
            && Arc::ptr_eq(entry.get(), call)
        {
            entry.remove();
        }
        // Before the workers are told: a listener who comes after that is seen to be too late.
        call.closed.store(true, Ordering::Release);
        for outlet in self.outlets.iter() {
            outlet.call_ended(call.key);
        }
    }

    /// The call, if it is here and belongs to this tenant.
    pub fn find(&self, tenant: TenantId, call: CallId) -> Option<Arc<LiveCall>> {
        self.lock().get(&call).filter(|live| live.info.tenant == tenant).cloned()
    }

    /// How many are here.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// All that are here.
    pub fn ids(&self) -> Vec<CallId> {
        self.lock().keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CallId, Arc<LiveCall>>> {
        // The map is whole after every operation, so a panic elsewhere while it was held spoils nothing.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
