//! A call's packets on their way to who hears it.

use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway_core::frame::Packet;

use super::{Entry, Sessions};
use crate::hub::CallKey;
use crate::listen::metrics::{Join, Tally};
use crate::listen::net::{Sender, Udp};
use crate::listen::slab::Key;

/// Who hears a call.
#[derive(Default)]
pub(super) struct Audience {
    pub(super) members: Vec<Key>,
    /// The last packet, while nothing follows it: who comes in a pause gets it at once.
    pause: Option<Packet>,
}

/// The way out, and what is counted on it.
pub(in crate::listen) struct Out {
    pub(in crate::listen) udp: Arc<Udp>,
    sender: Sender,
    pub(in crate::listen) tally: Tally,
    /// When the frames came whose packets are written but perhaps not sent.
    arrivals: Vec<Instant>,
}

impl Sessions {
    /// The hot path: a packet to all who hear its call.
    pub(in crate::listen) fn deliver(&mut self, call: CallKey, packet: &Packet) {
        let Some(Audience { members, pause }) = self.calls.get_mut(&(call, packet.codec)) else { return };
        *pause = packet.is_pause().then(|| packet.clone());
        let (sessions, out, join) = (&mut self.entries, &mut self.out, &self.setting.metrics.join);
        // Once for all: what sealing for the others costs is less than anybody's clock can tell over the net.
        let (mut at, mut written, latency) = (0, 0u64, packet.arrived.elapsed());
        let mut broken = Vec::new(); // does not allocate while it is empty
        while at < members.len() {
            // Once around all sessions, not around each: it costs nothing until one panics.
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                while let Some(&key) = members.get(at) {
                    at += 1;
                    let Some(entry) = sessions.get_mut(key) else { continue };
                    // Who speaks has packets of their own; who no longer does has heard up to here.
                    if entry.own || packet.timestamp < entry.not_before {
                        continue;
                    }
                    written += u64::from(out.packet(entry, packet, latency, join));
                }
            }));
            if outcome.is_err() {
                broken.extend(members.get(at - 1).copied());
            }
        }
        if written > 0 {
            out.arrivals.push(packet.arrived);
        }
        for key in broken {
            self.panicked(key);
        }
    }

    /// A packet that one session alone hears: without its own voice.
    pub(in crate::listen) fn deliver_own(&mut self, tag: u32, packet: &Packet) {
        let Some(key) = self.routes.by_tag(tag) else { return };
        let (out, join) = (&mut self.out, &self.setting.metrics.join);
        let is_heard = |entry: &&mut Entry| entry.own && packet.timestamp >= entry.not_before;
        let Some(entry) = self.entries.get_mut(key).filter(is_heard) else { return };
        entry.not_before = packet.timestamp + 1;
        let latency = packet.arrived.elapsed();
        let outcome = catch_unwind(AssertUnwindSafe(|| out.packet(entry, packet, latency, join)));
        match outcome {
            Ok(true) => self.out.arrivals.push(packet.arrived),
            Ok(false) => {}
            Err(_) => self.panicked(key),
        }
    }

    /// Sends who comes in a pause what says so: the next packet may be long in coming.
    pub(super) fn greet(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let audience = self.calls.get(&(entry.call.key(), entry.session.codec()));
        let Some(packet) = audience.and_then(|audience| audience.pause.as_ref()) else { return };
        // It is as old as the pause, which is nobody's delay.
        self.out.packet(entry, packet, Duration::ZERO, &self.setting.metrics.join);
    }
}

impl Out {
    pub(super) fn new(udp: Arc<Udp>, tally: Tally) -> Self {
        let sender = Sender::new(&udp);
        Self { udp, sender, tally, arrivals: Vec::new() }
    }

    /// A packet for one listener, this long after its frame came. True: it will leave.
    fn packet(&mut self, entry: &mut Entry, packet: &Packet, latency: Duration, join: &Join) -> bool {
        let Some(to) = entry.session.write(packet, self.room()) else { return false };
        self.sender.commit(to, entry.local);
        self.tally.packet();
        if entry.quality.sent(latency) {
            join.first_audio.observe(entry.record.opened.elapsed().as_secs_f64());
        }
        true
    }

    /// The buffer of the next datagram.
    fn room(&mut self) -> &mut Vec<u8> {
        if self.sender.is_full() {
            self.flush();
        }
        self.sender.buffer()
    }

    /// A datagram of any kind.
    pub(super) fn send(&mut self, to: SocketAddr, local: Option<IpAddr>, payload: &[u8]) {
        let buffer = self.room();
        buffer.clear();
        buffer.extend_from_slice(payload);
        self.sender.commit(to, local);
    }

    /// Gives the counts to the metrics.
    pub(in crate::listen) fn flush_tally(&mut self) {
        self.tally.flush(&self.udp);
    }

    /// Sends what is waiting. Every packet that was written whole has then left.
    pub(in crate::listen) fn flush(&mut self) {
        let sent = self.sender.flush(&self.udp);
        if sent != Default::default() {
            self.tally.sent(sent);
        }
        if !self.arrivals.is_empty() {
            let now = Instant::now();
            for arrived in self.arrivals.drain(..) {
                self.tally.forwarded(now.saturating_duration_since(arrived));
            }
        }
    }
}
