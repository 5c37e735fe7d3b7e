//! The packets of a microphone in their order, whatever order they came in.

use std::collections::VecDeque;

use opusic_c::SampleRate;

use super::{CLOCK, MicrophoneCounts, Rtp};

/// Packets kept at most: more than a second of 20 ms.
const MAX_HELD: usize = 64;

/// The largest payload: what fits a datagram.
const MAX_PAYLOAD: usize = 1500;

/// Sequence numbers may go so far ahead, or back, within one stream (RFC 3550, appendix A.1).
const MAX_DROPOUT: i16 = 3000;
const MAX_MISORDER: i16 = 100;

/// A packet whose clock and whose arrival are further apart than this does not belong to the stream: 1 s.
const MAX_APART: i64 = CLOCK;

/// A packet that waits.
#[derive(Debug)]
pub(super) struct Held {
    /// Counted on beyond 16 bits.
    pub(super) sequence: i64,
    /// When it begins, in ticks of the stream's clock, counted on beyond 32 bits.
    pub(super) timestamp: i64,
    /// In ticks.
    pub(super) duration: i64,
    /// The sender says that a pause came before it.
    pub(super) marker: bool,
    pub(super) payload: Vec<u8>,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Taken {
    /// It waits, or came too late; either way it tells of the path.
    Known { timestamp: i64 },
    /// It is the first of another stream: what was held is gone.
    Restarted { timestamp: i64 },
    /// Nothing came of it.
    Dropped,
}

/// The newest packet of the stream.
#[derive(Clone, Copy, Debug)]
struct Newest {
    sequence: i64,
    timestamp: i64,
    arrived: i64,
}

/// Puts packets into order.
#[derive(Debug, Default)]
pub(super) struct Packets {
    /// In the order of their timestamps.
    held: VecDeque<Held>,
    /// Memory of payloads that are done.
    spare: Vec<Vec<u8>>,
    newest: Option<Newest>,
    /// The sequence number that would confirm that another stream has begun.
    suspect: Option<u16>,
    /// What begins before was given up: heard, concealed, or cut off.
    edge: i64,
}

impl Packets {
    /// Takes a packet that arrived at this time.
    pub(super) fn take(&mut self, arrived: i64, rtp: Rtp<'_>, counts: &mut MicrophoneCounts) -> Taken {
        counts.received += 1;
        let Some(duration) = duration(rtp.payload) else {
            counts.malformed += 1;
            return Taken::Dropped;
        };
        let (at, restarted) = match self.place(arrived, &rtp) {
            Some(at) => (at, false),
            None if self.suspect == Some(rtp.sequence) => {
                self.clear();
                counts.restarts += 1;
                (first(arrived, &rtp), true)
            }
            None => {
                self.suspect = Some(rtp.sequence.wrapping_add(1));
                counts.strays += 1;
                return Taken::Dropped;
            }
        };
        self.suspect = None;
        if restarted || self.newest.is_none_or(|newest| at.sequence > newest.sequence) {
            self.newest = Some(at);
        }
        if restarted {
            self.edge = i64::MIN;
        }
        let duplicate = !self.keep(at, duration, &rtp, counts);
        if duplicate {
            Taken::Dropped
        } else if restarted {
            Taken::Restarted { timestamp: at.timestamp }
        } else {
            Taken::Known { timestamp: at.timestamp }
        }
    }

    /// The oldest packet.
    pub(super) fn front(&self) -> Option<&Held> {
        self.held.front()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// The oldest packet is done.
    pub(super) fn pop(&mut self) {
        if let Some(held) = self.held.pop_front() {
            self.spare.push(held.payload);
        }
    }

    /// What begins before this time comes too late from now on.
    pub(super) fn pass(&mut self, timestamp: i64) {
        self.edge = self.edge.max(timestamp);
        while self.held.front().is_some_and(|held| held.timestamp < timestamp) {
            self.pop();
        }
    }

    /// All that has come comes too late, and what begins before this time.
    pub(super) fn cut(&mut self, before: i64) {
        if let Some(newest) = self.newest {
            self.pass(before.max(newest.timestamp + 1));
        }
        self.clear();
    }

    fn clear(&mut self) {
        while !self.held.is_empty() {
            self.pop();
        }
    }

    /// Where a packet belongs. `None` if it does not fit the stream.
    fn place(&self, arrived: i64, rtp: &Rtp<'_>) -> Option<Newest> {
        let Some(newest) = self.newest else { return Some(first(arrived, rtp)) };
        let steps = rtp.sequence.wrapping_sub(newest.sequence as u16) as i16;
        let ticks = rtp.timestamp.wrapping_sub(newest.timestamp as u32) as i32;
        let apart = (arrived - newest.arrived) - i64::from(ticks);
        let fits = (-MAX_MISORDER..=MAX_DROPOUT).contains(&steps) && apart.abs() <= MAX_APART;
        fits.then(|| Newest {
            sequence: newest.sequence + i64::from(steps),
            timestamp: newest.timestamp + i64::from(ticks),
            arrived,
        })
    }

    /// Keeps a packet in its place, if its time has not passed. False: it is there already.
    fn keep(&mut self, at: Newest, duration: i64, rtp: &Rtp<'_>, counts: &mut MicrophoneCounts) -> bool {
        if at.timestamp < self.edge {
            counts.late += 1;
            return true;
        }
        let place = self.held.iter().rposition(|held| held.timestamp <= at.timestamp).map_or(0, |i| i + 1);
        let before = place.checked_sub(1).and_then(|i| self.held.get(i));
        if before.is_some_and(|held| held.timestamp == at.timestamp) {
            counts.duplicate += 1;
            return false;
        }
        counts.reordered += u64::from(place < self.held.len());
        let mut memory = self.spare.pop().unwrap_or_default();
        memory.clear();
        memory.extend_from_slice(rtp.payload);
        let Newest { sequence, timestamp, .. } = at;
        let held = Held { sequence, timestamp, duration, marker: rtp.marker, payload: memory };
        self.held.insert(place, held);
        if self.held.len() > MAX_HELD {
            self.pop();
            counts.overrun += 1;
        }
        true
    }
}

/// The first packet of a stream. Far from zero, so that one before it is no trouble.
fn first(arrived: i64, rtp: &Rtp<'_>) -> Newest {
    let sequence = (1 << 32) + i64::from(rtp.sequence);
    Newest { sequence, timestamp: (1 << 48) + i64::from(rtp.timestamp), arrived }
}

/// How long a packet sounds, in ticks. `None` if it is no Opus.
fn duration(payload: &[u8]) -> Option<i64> {
    if payload.is_empty() || payload.len() > MAX_PAYLOAD {
        return None;
    }
    let samples = opusic_c::utils::get_nb_samples(payload, SampleRate::Hz48000).ok()?;
    i64::try_from(samples).ok().filter(|samples| (1..=CLOCK * 120 / 1000).contains(samples))
}
