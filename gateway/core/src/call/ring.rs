//! The last minutes of one voice.
//!
//! Memory comes in pieces of about a second, so that a short call costs little; when the ring is full the
//! oldest piece is used again. Which samples are known is kept as stretches, nearly always a single one, and that
//! is the only record of what arrived: gaps, duplicates and late frames are all read from it.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use crate::frame::PHONE_RATE;
use crate::g711::SILENCE;

/// Samples in a piece: 1.024 s. A size that allocators give without a rest.
const PIECE: usize = 8192;

/// Stretches that are kept apart at most, a hole between each two. A voice of which every other frame is lost has
/// 3,000 in two minutes; past it the oldest is forgotten.
const MAX_STRETCHES: usize = 8192;

/// The last minutes of one voice, as mu-law at 8 kHz, addressed by the call's time in samples.
pub struct Ring {
    /// Sample `n` of the call lies in slot `n / PIECE % slots.len()`. What lies where nothing is known means nothing.
    slots: Box<[Option<Box<[u8; PIECE]>>]>,
    length: u64,
    /// What is known, in order: none is empty, none touches the next, all of it within `length` of the end.
    known: VecDeque<Range<u64>>,
}

impl Ring {
    /// An empty ring that will hold `length`, at least one sample.
    pub fn new(length: Duration) -> Self {
        let samples = length.as_millis().saturating_mul(u128::from(PHONE_RATE)) / 1000;
        let length = u64::try_from(samples).unwrap_or(u64::MAX).clamp(1, u64::from(u32::MAX));
        // One piece more than fits: the oldest and the newest are cut by the ring's ends.
        let slots = length.div_ceil(PIECE as u64) + 1;
        Self { slots: (0..slots).map(|_| None).collect(), length, known: VecDeque::new() }
    }

    /// Puts samples at a place in the call, and says how many of them were not known before.
    ///
    /// What is older than the ring is long is left out; what is newer pushes the oldest out. Over known
    /// samples the new ones win.
    pub fn write(&mut self, position: u64, ulaw: &[u8]) -> usize {
        let Some(end) = position.checked_add(ulaw.len() as u64) else { return 0 };
        let oldest = self.range().end.max(end).saturating_sub(self.length);
        let from = position.max(oldest);
        if from >= end {
            return 0;
        }
        self.forget_before(oldest);
        let mut at = from;
        let mut rest = &ulaw[(from - position) as usize..];
        while !rest.is_empty() {
            let (slot, offset) = self.place(at);
            let (now, later) = rest.split_at(rest.len().min(PIECE - offset));
            let piece = self.slots[slot].get_or_insert_with(|| Box::new([SILENCE; PIECE]));
            piece[offset..offset + now.len()].copy_from_slice(now);
            at += now.len() as u64;
            rest = later;
        }
        self.learn(from..end)
    }

    /// Fills `ulaw` with what was said from `position` on, silence where nothing is known, and says how
    /// many samples are known.
    pub fn read(&self, position: u64, ulaw: &mut [u8]) -> usize {
        let mut known = 0;
        let mut at = position;
        let mut rest = ulaw;
        while !rest.is_empty() {
            let (is_known, length) = self.run(at, rest.len());
            let (now, later) = rest.split_at_mut(length);
            if is_known {
                known += length;
                self.copy(at, now);
            } else {
                now.fill(SILENCE);
            }
            at = at.saturating_add(length as u64);
            rest = later;
        }
        known
    }

    /// How many samples of this stretch are known.
    pub fn count(&self, stretch: Range<u64>) -> usize {
        let from = self.known.partition_point(|known| known.end <= stretch.start);
        let known = self.known.range(from..).take_while(|known| known.start < stretch.end);
        known.map(|known| overlap(known, &stretch)).sum()
    }

    /// From the oldest known sample to the end of the newest: at most the ring's length, with holes. Empty
    /// at first.
    pub fn range(&self) -> Range<u64> {
        match (self.known.front(), self.known.back()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => 0..0,
        }
    }

    /// Bytes of memory taken so far.
    pub fn memory(&self) -> usize {
        let pieces = self.slots.iter().flatten().count() * PIECE;
        pieces + size_of_val(&*self.slots) + self.known.capacity() * size_of::<Range<u64>>()
    }

    /// Whether the sample at `position` is known, and for how many samples, at most `limit`, that is so.
    pub(super) fn run(&self, position: u64, limit: usize) -> (bool, usize) {
        // By far most ask for what was said last.
        let next = match self.known.back() {
            Some(last) if last.start <= position => (position < last.end).then_some(last),
            _ => self.known.get(self.known.partition_point(|known| known.end <= position)),
        };
        let (known, end) = match next {
            Some(next) if next.start <= position => (true, next.end),
            Some(next) => (false, next.start),
            None => (false, u64::MAX),
        };
        (known, usize::try_from(end - position).map_or(limit, |length| length.min(limit)))
    }

    /// The first known sample at `position` or after it.
    pub(super) fn next_known(&self, position: u64) -> Option<u64> {
        let next = self.known.get(self.known.partition_point(|known| known.end <= position))?;
        Some(next.start.max(position))
    }

    /// Slot and offset of a sample.
    fn place(&self, position: u64) -> (usize, usize) {
        let slot = position / PIECE as u64 % self.slots.len() as u64;
        (slot as usize, position as usize % PIECE)
    }

    /// Copies known samples.
    fn copy(&self, position: u64, ulaw: &mut [u8]) {
        let mut at = position;
        let mut rest = ulaw;
        while !rest.is_empty() {
            let (slot, offset) = self.place(at);
            let (now, later) = rest.split_at_mut(rest.len().min(PIECE - offset));
            match &self.slots[slot] {
                Some(piece) => now.copy_from_slice(&piece[offset..offset + now.len()]),
                None => now.fill(SILENCE),
            }
            at += now.len() as u64;
            rest = later;
        }
    }

    fn forget_before(&mut self, oldest: u64) {
        while let Some(first) = self.known.front_mut() {
            if first.end > oldest {
                first.start = first.start.max(oldest);
                break;
            }
            self.known.pop_front();
        }
    }

    /// Marks a stretch as known, and says how much of it was not.
    fn learn(&mut self, new: Range<u64>) -> usize {
        let length = (new.end - new.start) as usize;
        if let Some(last) = self.known.back_mut().filter(|last| last.end == new.start) {
            last.end = new.end;
            return length;
        }
        // All that it overlaps or touches becomes one with it.
        let first = self.known.partition_point(|known| known.end < new.start);
        let after = self.known.partition_point(|known| known.start <= new.end);
        let mut whole = new.clone();
        let mut had = 0;
        for known in self.known.range(first..after) {
            had += overlap(known, &new);
            whole = whole.start.min(known.start)..whole.end.max(known.end);
        }
        if first == after {
            self.known.insert(first, whole);
        } else {
            self.known[first] = whole;
            self.known.drain(first + 1..after);
        }
        if self.known.len() > MAX_STRETCHES {
            self.known.pop_front();
        }
        length - had
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("range", &self.range()).field("memory", &self.memory()).finish()
    }
}

/// How many samples two stretches share.
fn overlap(one: &Range<u64>, other: &Range<u64>) -> usize {
    one.end.min(other.end).saturating_sub(one.start.max(other.start)) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hole_is_silence_and_is_known_to_be_one() {
        let mut ring = Ring::new(Duration::from_secs(2));
        assert_eq!(ring.write(8000, &[1; 160]), 160);
        assert_eq!(ring.write(8320, &[2; 160]), 160);

        let mut heard = [0; 480];
        assert_eq!(ring.read(8000, &mut heard), 320);
        assert_eq!(heard[..160], [1; 160]);
        assert_eq!(heard[160..320], [SILENCE; 160]);
        assert_eq!(heard[320..], [2; 160]);
        assert_eq!(ring.run(8160, 1000), (false, 160));
        assert_eq!(ring.next_known(8160), Some(8320));
        assert_eq!(ring.next_known(8480), None);

        assert_eq!(ring.write(8100, &[3; 160]), 100, "60 of them were known");
        assert_eq!(ring.range(), 8000..8480);
    }

    #[test]
    fn memory_grows_with_the_call_and_ends_at_the_length() {
        let mut ring = Ring::new(Duration::from_secs(120));
        ring.write(0, &[1; 160]);
        assert!(ring.memory() < 12_000, "{} bytes for 20 ms", ring.memory());
        for frame in 1..50 * 600 {
            ring.write(frame * 160, &[1; 160]);
        }
        assert!(ring.memory() < 980_000, "{} bytes for ten minutes", ring.memory());
        assert_eq!(ring.range(), 4_800_000 - 960_000..4_800_000);
    }

    #[test]
    fn holes_without_number_cost_a_bounded_memory() {
        let mut ring = Ring::new(Duration::from_secs(120));
        for at in 0..480_000 {
            assert_eq!(ring.write(at * 2, &[1]), 1);
        }
        assert_eq!(ring.count(0..960_000), MAX_STRETCHES);
        assert!(ring.memory() < 1_300_000, "{} bytes", ring.memory());
        assert_eq!(ring.write(0, &[2; 960_000]), 960_000 - MAX_STRETCHES);
        assert_eq!(ring.run(0, usize::MAX), (true, 960_000));
    }

    #[test]
    fn a_jump_leaves_nothing_old_to_be_read() {
        let mut ring = Ring::new(Duration::from_secs(2));
        ring.write(0, &[1; 8000]);
        ring.write(1 << 50, &[2; 160]);
        let mut heard = [0; 160];
        assert_eq!(ring.read(0, &mut heard), 0);
        assert_eq!(heard, [SILENCE; 160]);
        assert_eq!(ring.write(0, &[1; 160]), 0, "older than the ring is long");
        assert_eq!(ring.write(u64::MAX, &[1; 160]), 0, "beyond the end of numbers");
    }

    proptest! {
        /// The ring agrees with an array of optional samples that keeps everything.
        #[test]
        fn agrees_with_an_endless_tape(
            writes in prop::collection::vec((0..60_000usize, 1..3000usize, 0..128u8), 1..40),
            reads in prop::collection::vec((0..60_000usize, 1..3000usize), 1..20),
        ) {
            const LENGTH: usize = 16_000;
            let mut ring = Ring::new(Duration::from_secs(2));
            let mut tape = vec![None; 64_000];
            let mut end = 0;
            for (at, length, value) in writes {
                end = end.max(at + length);
                let from = at.max(end.saturating_sub(LENGTH));
                let mut fresh = 0;
                for sample in tape.iter_mut().take(at + length).skip(from) {
                    fresh += usize::from(sample.replace(value).is_none());
                }
                prop_assert_eq!(ring.write(at as u64, &vec![value; length]), fresh);
                tape[..end.saturating_sub(LENGTH)].fill(None);
            }
            for (at, length) in reads {
                let mut heard = vec![0; length];
                let known = ring.read(at as u64, &mut heard);
                let expected = &tape[at..at + length];
                prop_assert_eq!(known, expected.iter().flatten().count());
                prop_assert_eq!(known, ring.count(at as u64..(at + length) as u64));
                prop_assert!(heard.iter().zip(expected).all(|(&got, &was)| got == was.unwrap_or(SILENCE)));
                let (is_known, run) = ring.run(at as u64, length);
                let same = expected.iter().take_while(|was| was.is_some() == expected[0].is_some()).count();
                prop_assert_eq!((is_known, run), (expected[0].is_some(), same));
            }
        }
    }
}
