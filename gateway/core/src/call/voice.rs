//! One voice's place in the call's time.
//!
//! A voice has its own clock, Twilio's `timestamp`, and the call has one for both voices. Normally they are
//! the same; after a jump of the voice's clock an offset lies between them.

use std::time::{Duration, Instant};

use super::SLOT;
use super::config::{Config, Counts};
use super::ring::Ring;

/// Arrival times are kept for so many slots.
const ARRIVALS: usize = 16;

/// A frame that is older than the last by more than this does not belong to the same clock: 1 s. One
/// connection keeps frames in order, so such a frame cannot just be late.
const BEHIND: i64 = 8_000;

/// A frame this close to what was expected is no jump, even if it must be dropped: 1 s.
const NEAR: i64 = 8_000;

/// A voice that has been late for so long, and never in time, is moved to where it is heard.
const ALWAYS_LATE: Duration = Duration::from_secs(1);

/// Where the call stands, as both voices must know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// When the frame in hand arrived.
    pub(super) now: Instant,
    /// Where the first frame began: slots are counted from here.
    pub(super) origin: u64,
    /// The next slot to be heard begins here.
    pub(super) cursor: u64,
    /// Audio cannot reach beyond this yet, as real time goes.
    pub(super) limit: u64,
    /// The offset of the other voice, if it has spoken.
    pub(super) other_offset: Option<i64>,
}

/// One voice of a call.
#[derive(Debug)]
pub(super) struct Voice {
    pub(super) ring: Ring,
    /// Everything before this was heard, or was given up; nothing is known at it.
    pub(super) edge: u64,
    /// Whether others wait for it.
    pub(super) live: bool,
    /// Where it spoke first: nothing is missing before.
    begun: u64,
    /// Whether the last sample counted was missing.
    in_gap: bool,
    /// What to add to its clock, in samples. `None` before the first frame.
    offset: Option<i64>,
    /// Its clock at the frame that ends at the edge, in ms.
    last_timestamp: Option<u64>,
    /// Where its clock would continue after a frame that fitted nothing.
    suspect: Option<i64>,
    /// Since when its frames bring nothing that is heard.
    late_since: Option<Instant>,
    /// When the newest frame of a slot arrived, by the slot's number.
    arrivals: Option<[Instant; ARRIVALS]>,
}

impl Voice {
    pub(super) fn new(config: &Config, announced: bool) -> Self {
        Self {
            ring: Ring::new(config.ring),
            edge: 0,
            live: announced,
            begun: u64::MAX,
            in_gap: false,
            offset: None,
            last_timestamp: None,
            suspect: None,
            late_since: None,
            arrivals: None,
        }
    }

    /// Its offset, if it has spoken.
    pub(super) fn offset(&self) -> Option<i64> {
        self.offset
    }

    /// Puts a frame where it belongs, and returns where that ends. `None` if nothing came of it.
    pub(super) fn take(
        &mut self,
        at: &Standing,
        timestamp_ms: u64,
        ulaw: &[u8],
        wait: u64,
        counts: &mut Counts,
    ) -> Option<u64> {
        let length = ulaw.len() as u64;
        let mut position = self.place(at, timestamp_ms, ulaw.len(), counts)?;
        let mut fresh = ulaw;
        let mut late = false;
        if position < self.edge {
            let old = position..self.edge.min(position + length);
            let missing = (old.end - old.start) as usize - self.ring.count(old.clone());
            let duplicate = missing == 0 && old.end == position + length;
            late = duplicate || (missing > 0 && self.is_missed(&old, at.cursor));
            if late && self.is_always_late(at.now) {
                self.move_by(self.edge - position);
                position = self.edge;
                counts.jumps += 1;
                late = false;
            } else if duplicate {
                counts.duplicate += 1;
                return None;
            } else if missing == 0 {
                // The beginning is known: only the rest is news.
                fresh = &ulaw[(self.edge - position) as usize..];
                position = self.edge;
            } else if late {
                counts.late += 1;
            }
        } else if position > self.edge && (!self.live || self.last_timestamp.is_none()) {
            // It was given up, or it begins here: there is no predecessor to wait for.
            self.edge = position;
        }
        let end = position + fresh.len() as u64;
        if !late {
            self.late_since = None;
            counts.reordered += u64::from(end < self.ring.range().end);
        }
        self.ring.write(position, fresh);
        self.begun = self.begun.min(position);
        if end > at.cursor {
            self.note_arrival(at, position.max(at.cursor), end);
        }
        self.live |= end + wait >= at.cursor;
        if position <= self.edge && end > self.edge {
            self.last_timestamp = Some(timestamp_ms);
        }
        self.follow();
        Some(end)
    }

    /// When the newest frame in the slot at `position` arrived.
    pub(super) fn arrival(&self, origin: u64, position: u64) -> Option<Instant> {
        self.arrivals.map(|arrivals| arrivals[slot_number(origin, position) % ARRIVALS])
    }

    /// Gives up the hole at the edge, up to `position`.
    pub(super) fn give_up(&mut self, position: u64) {
        self.edge = self.edge.max(position);
        self.follow();
    }

    /// The stretch has been heard, if anyone listens: counts what was missing in it.
    pub(super) fn pass(&mut self, from: u64, to: u64, counts: &mut Counts) {
        self.give_up(to);
        let from = from.max(self.begun);
        if from >= to {
            return;
        }
        let missing = (to - from) - self.ring.count(from..to) as u64;
        if !self.live {
            counts.absent_samples += missing;
            self.in_gap = false;
            return;
        }
        counts.missing_samples += missing;
        counts.gaps += u64::from(missing > 0 && !self.in_gap);
        self.in_gap = missing > 0 && !self.ring.run(to - 1, 1).0;
    }

    /// Where a frame belongs in the call's time.
    fn place(&mut self, at: &Standing, timestamp_ms: u64, length: usize, counts: &mut Counts) -> Option<u64> {
        // Milliseconds are rounded and may tremble: half a frame, 10 ms at most, is taken for that.
        let slack = (length / 2).clamp(8, SLOT / 2) as i64;
        let length = length as i64;
        let clock = (timestamp_ms * 8) as i64;
        let (edge, limit) = (self.edge as i64, at.limit as i64);
        let fits = |position: i64| position >= 0 && position + BEHIND >= edge && position + length <= limit;

        let offset = self.offset.unwrap_or_else(|| first_offset(at, clock));
        let position = clock + offset;
        if !fits(position) {
            if position + length > limit && (edge..edge + NEAR).contains(&(position + slack)) {
                counts.overrun += 1;
                return None;
            }
            let other = at.other_offset.filter(|&other| other != offset && fits(clock + other));
            let confirmed = self.suspect.is_some_and(|expected| (clock - expected).abs() <= slack);
            let Some(offset) = other.or_else(|| confirmed.then_some(edge - clock)) else {
                self.suspect = Some(clock + length);
                counts.stray += 1;
                return None;
            };
            counts.jumps += 1;
            self.last_timestamp = None;
            self.offset = Some(offset);
            self.suspect = None;
            if !fits(clock + offset) {
                counts.overrun += 1;
                return None;
            }
            return Some((clock + offset) as u64);
        }
        self.offset = Some(offset);
        self.suspect = None;
        let newer = self.last_timestamp.is_none_or(|last| timestamp_ms > last);
        let ahead = position - edge;
        // Two frames of a millisecond or more cannot have the same timestamp: that is a duplicate.
        let continues = ahead.abs() <= slack && (ahead >= 0 || newer || length < 8);
        Some(if continues { self.edge } else { position as u64 })
    }

    /// Whether anything in this stretch was missing when its time came.
    fn is_missed(&self, stretch: &std::ops::Range<u64>, cursor: u64) -> bool {
        let passed = stretch.start..stretch.end.min(cursor);
        passed.start < passed.end && self.ring.count(passed.clone()) < (passed.end - passed.start) as usize
    }

    fn is_always_late(&mut self, now: Instant) -> bool {
        let since = *self.late_since.get_or_insert(now);
        now.saturating_duration_since(since) >= ALWAYS_LATE
    }

    fn move_by(&mut self, samples: u64) {
        self.offset = self.offset.map(|offset| offset + samples as i64);
        self.last_timestamp = None;
    }

    /// Moves the edge over what is known.
    fn follow(&mut self) {
        // A hole may be long: only what is known is measured.
        if self.ring.run(self.edge, 1).0 {
            let rest = self.ring.range().end - self.edge;
            self.edge += self.ring.run(self.edge, rest as usize).1 as u64;
        }
    }

    fn note_arrival(&mut self, at: &Standing, position: u64, end: u64) {
        let arrivals = self.arrivals.get_or_insert([at.now; ARRIVALS]);
        let (first, last) = (slot_number(at.origin, position), slot_number(at.origin, end - 1));
        for slot in (first..=last).rev().take(ARRIVALS) {
            arrivals[slot % ARRIVALS] = at.now;
        }
    }
}

/// The offset of a voice that speaks for the first time: the other's, and what brings its frames into step
/// with the slots, 10 ms at most. Else each packet would wait for a frame that ends in the middle of it.
fn first_offset(at: &Standing, clock: i64) -> i64 {
    let Some(offset) = at.other_offset else { return 0 };
    let half = SLOT as i64 / 2;
    offset + half - (clock + offset - at.origin as i64 + half).rem_euclid(SLOT as i64)
}

fn slot_number(origin: u64, position: u64) -> usize {
    (position.saturating_sub(origin) / SLOT as u64) as usize
}
