//! Those who hear a call and speak in it, whichever stream brings it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use gateway_core::call::SLOT;
use gateway_core::frame::{Codec, PHONE_RATE, Packet};

use super::floor::Door;
use super::side::Legs;
use super::{CallKey, Outlet};

/// Who hears a call, whichever stream brings it.
#[derive(Debug)]
pub(super) struct Audience {
    pub(super) key: CallKey,
    /// How many hear it, by worker and by codec: a worker nobody listens at gets no packet.
    pub(super) ears: Box<[[AtomicU32; Codec::ALL.len()]]>,
    pub(super) closed: AtomicBool,
    pub(super) outlets: Arc<[Arc<dyn Outlet>]>,
    /// The last packet's timestamp, and when its audio came: microseconds since `born`.
    pub(super) last: AtomicU64,
    pub(super) last_at: AtomicU64,
    pub(super) born: Instant,
    /// Milliseconds of media that its streams have brought up to now.
    pub(super) media_ms: AtomicU64,
    /// Whether one speaks on its own stream, or on legs beside it.
    pub(super) speaks: AtomicBool,
    /// Another stream will come when this one ends, and its listeners wait for it.
    pub(super) expects: AtomicBool,
    /// Who may speak on its own stream.
    pub(super) door: Door,
    /// Who may speak beside it.
    pub(super) legs: Legs,
}

impl Audience {
    pub(super) fn new(key: CallKey, outlets: Arc<[Arc<dyn Outlet>]>) -> Self {
        Self {
            key,
            ears: outlets.iter().map(|_| Default::default()).collect(),
            closed: AtomicBool::new(false),
            outlets,
            last: AtomicU64::new(0),
            last_at: AtomicU64::new(0),
            born: Instant::now(),
            media_ms: AtomicU64::new(0),
            speaks: AtomicBool::new(false),
            expects: AtomicBool::new(false),
            door: Door::default(),
            legs: Legs::default(),
        }
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.born).as_micros()).unwrap_or(u64::MAX)
    }

    /// What takes the timestamp of a new stream's first packet to where listeners are: as far behind the last one
    /// as it came after it.
    pub(super) fn base(&self, first: &Packet) -> u64 {
        let passed = self.micros(first.arrived).saturating_sub(self.last_at.load(Ordering::Relaxed));
        let samples = passed.saturating_mul(u64::from(PHONE_RATE)) / 1_000_000;
        let slots = (samples / SLOT as u64).max(1);
        (self.last.load(Ordering::Relaxed) + slots * SLOT as u64).wrapping_sub(first.timestamp)
    }

    pub(super) fn send(&self, packet: &Packet) {
        self.last.store(packet.timestamp, Ordering::Relaxed);
        self.last_at.store(self.micros(packet.arrived), Ordering::Relaxed);
        for (ears, outlet) in self.ears.iter().zip(self.outlets.iter()) {
            if ears[packet.codec.index()].load(Ordering::Relaxed) > 0 {
                outlet.packet(self.key, packet);
            }
        }
    }
}
