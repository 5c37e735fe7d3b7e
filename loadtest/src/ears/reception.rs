//! What arrives, counted and kept, shared between the task that receives and whoever asks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::decode::Timeline;
use super::heard::{Arrival, Heard};
use super::sequence::{Place, Sequence};
use super::{EarError, Options, Profile, RATE};

/// Arrivals kept of one listener: 20 minutes of 20 ms packets.
const ARRIVALS_AT_MOST: usize = 60_000;

/// Sources kept of one listener. There should be one.
const SOURCES_AT_MOST: usize = 16;

/// Where a listener stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Progress {
    pub(super) connected: bool,
    pub(super) closed: bool,
    pub(super) packets: u64,
}

/// An RTP packet, decrypted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) source: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) payload: &'a [u8],
}

/// The shared state of one listener.
pub(super) struct Reception {
    state: Mutex<State>,
    progress: watch::Sender<Progress>,
}

struct State {
    posted: Instant,
    answered: Option<Instant>,
    connected: Option<Instant>,
    first: Option<Instant>,
    profile: Option<Profile>,
    sequence: Sequence,
    /// Duplicates that never came as far as the decrypted stream.
    replays: u64,
    bytes: u64,
    sender_reports: u64,
    sources: Vec<u32>,
    clock: Clock,
    jitter: f64,
    transit: Option<f64>,
    timeline: Option<Timeline>,
    arrivals: Vec<Arrival>,
}

/// Timestamps without their roll-over.
#[derive(Default)]
struct Clock {
    first: Option<u64>,
    newest: u64,
}

impl Clock {
    fn extend(&mut self, timestamp: u32) -> u64 {
        if self.first.is_none() {
            self.newest = u64::from(timestamp) + (1 << 32);
            self.first = Some(self.newest);
            return self.newest;
        }
        let step = timestamp.wrapping_sub(self.newest as u32) as i32;
        let extended = self.newest.saturating_add_signed(i64::from(step));
        self.newest = self.newest.max(extended);
        extended
    }
}

impl Reception {
    pub(super) fn new(options: &Options) -> Result<Self, EarError> {
        let timeline = options.decode.then(Timeline::new).transpose().map_err(EarError::Opus)?;
        Ok(Self {
            state: Mutex::new(State {
                posted: Instant::now(),
                answered: None,
                connected: None,
                first: None,
                profile: None,
                sequence: Sequence::default(),
                replays: 0,
                bytes: 0,
                sender_reports: 0,
                sources: Vec::new(),
                clock: Clock::default(),
                jitter: 0.0,
                transit: None,
                timeline,
                arrivals: Vec::new(),
            }),
            progress: watch::Sender::new(Progress::default()),
        })
    }

    pub(super) fn note_answer(&self, posted: Instant, answered: Instant) {
        let mut state = self.lock();
        state.posted = posted;
        state.answered = Some(answered);
    }

    pub(super) fn note_connected(&self, now: Instant) {
        self.lock().connected.get_or_insert(now);
        self.progress.send_modify(|progress| progress.connected = true);
    }

    pub(super) fn note_profile(&self, profile: Profile) {
        self.lock().profile = Some(profile);
    }

    pub(super) fn profile(&self) -> Option<Profile> {
        self.lock().profile
    }

    pub(super) fn note_closed(&self) {
        self.progress.send_modify(|progress| progress.closed = true);
    }

    pub(super) fn note_sender_report(&self) {
        self.lock().sender_reports += 1;
    }

    /// A datagram with a sequence number that was already used, refused by the SRTP replay check.
    pub(super) fn note_replay(&self) {
        self.lock().replays += 1;
    }

    pub(super) fn packet(&self, now: Instant, packet: Packet<'_>) {
        self.packets(now, std::iter::once(packet));
    }

    /// Packets that were read together.
    pub(super) fn packets<'a>(&self, now: Instant, packets: impl Iterator<Item = Packet<'a>>) {
        let mut state = self.lock();
        packets.for_each(|packet| state.packet(now, packet));
        let received = state.sequence.received;
        drop(state);
        self.progress.send_if_modified(|progress| {
            let news = progress.packets != received;
            progress.packets = received;
            news
        });
    }

    pub(super) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Everything so far. With `take`, the audio is taken out and the listener goes on with none.
    pub(super) fn heard(&self, take: bool) -> Heard {
        let closed = self.progress.borrow().closed;
        self.lock().heard(take, closed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counters stay usable whatever a panicking holder left.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn packet(&mut self, now: Instant, packet: Packet<'_>) {
        self.first.get_or_insert(now);
        if !self.sources.contains(&packet.source) && self.sources.len() < SOURCES_AT_MOST {
            self.sources.push(packet.source);
        }
        let (Place::Newest(sequence) | Place::Overtaken(sequence)) = self.sequence.record(packet.sequence)
        else {
            return;
        };
        self.bytes += packet.payload.len() as u64;
        let time = self.clock.extend(packet.timestamp);
        self.count_jitter(now, time);
        if let Some(timeline) = &mut self.timeline {
            timeline.push(sequence, time, packet.payload);
            if self.arrivals.len() < ARRIVALS_AT_MOST {
                self.arrivals.push(Arrival {
                    after: now.saturating_duration_since(self.posted),
                    sequence,
                    timestamp: packet.timestamp,
                    sample: time.saturating_sub(self.clock.first.unwrap_or(time)),
                    bytes: u16::try_from(packet.payload.len()).unwrap_or(u16::MAX),
                });
            }
        }
    }

    /// RFC 3550 section 6.4.1, in RTP clock units.
    fn count_jitter(&mut self, now: Instant, time: u64) {
        let arrival = now.saturating_duration_since(self.posted).as_secs_f64() * f64::from(RATE);
        let transit = arrival - time as f64;
        if let Some(previous) = self.transit.replace(transit) {
            self.jitter += ((transit - previous).abs() - self.jitter) / 16.0;
        }
    }

    fn heard(&mut self, take: bool, closed: bool) -> Heard {
        let since = |moment: Option<Instant>| moment.map(|m| m.saturating_duration_since(self.posted));
        let (connected_after, first_packet_after) = (since(self.connected), since(self.first));
        let answered_after = since(self.answered).unwrap_or_default();
        let mut heard = Heard {
            left: Vec::new(),
            right: Vec::new(),
            rate: RATE,
            posted: self.posted,
            answered_after,
            connected_after,
            first_packet_after,
            profile: self.profile,
            packets: self.sequence.received,
            bytes: self.bytes,
            lost: self.sequence.lost(),
            duplicates: self.sequence.duplicates + self.replays,
            reordered: self.sequence.reordered,
            stale: self.sequence.stale,
            jitter: Duration::from_secs_f64(self.jitter / f64::from(RATE)),
            sender_reports: self.sender_reports,
            sources: self.sources.clone(),
            concealed: 0,
            silent: 0,
            broken: 0,
            arrivals: Vec::new(),
            closed,
        };
        if let Some(timeline) = &mut self.timeline {
            if take {
                (heard.left, heard.right) = timeline.finish();
                heard.arrivals = std::mem::take(&mut self.arrivals);
            }
            (heard.concealed, heard.silent, heard.broken) =
                (timeline.concealed, timeline.silent, timeline.broken);
        }
        heard
    }
}
