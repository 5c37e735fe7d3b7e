//! The last minutes of one voice.
//!
//! Memory comes in pieces of about a second, so that a short call costs little; when the ring is full the
//! oldest piece is used again. A bit for each sample says whether it is known, and that is the only record
//! of what arrived: gaps, duplicates and late frames are all read from it.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use crate::frame::PHONE_RATE;
use crate::g711::SILENCE;

/// Samples in a piece: 1.024 s, 9 KiB with its bits.
const PIECE: usize = 8192;

/// Bits in a word of the map.
const WORD: usize = u64::BITS as usize;

/// The last minutes of one voice, as mu-law at 8 kHz, addressed by the call's time in samples.
pub struct Ring {
    /// Piece `n` of the call lies in slot `n % slots.len()`.
    slots: Box<[Option<Box<Piece>>]>,
    length: u64,
    /// Where the first and the last known sample lie, the last one's end. Empty if equal.
    known: Range<u64>,
}

struct Piece {
    number: u64,
    known: [u64; PIECE / WORD],
    /// Mu-law silence where nothing is known.
    ulaw: [u8; PIECE],
}

impl Ring {
    /// An empty ring that will hold `length`, at least one sample.
    pub fn new(length: Duration) -> Self {
        let samples = length.as_millis().saturating_mul(u128::from(PHONE_RATE)) / 1000;
        let length = u64::try_from(samples).unwrap_or(u64::MAX).clamp(1, u64::from(u32::MAX));
        // One piece more than fits: the oldest and the newest are cut by the ring's ends.
        let slots = length.div_ceil(PIECE as u64) + 1;
        Self { slots: (0..slots).map(|_| None).collect(), length, known: 0..0 }
    }

    /// Puts samples at a place in the call, and says how many of them were not known before.
    ///
    /// What is older than the ring is long is left out; what is newer pushes the oldest out. Over known
    /// samples the new ones win.
    pub fn write(&mut self, position: u64, ulaw: &[u8]) -> usize {
        let Some(end) = position.checked_add(ulaw.len() as u64) else { return 0 };
        if ulaw.is_empty() {
            return 0;
        }
        let empty = self.known.is_empty();
        let newest = if empty { end } else { self.known.end.max(end) };
        let oldest = newest.saturating_sub(self.length);
        if end <= oldest {
            return 0;
        }
        self.known.start = if empty { position } else { self.known.start.min(position) }.max(oldest);
        self.known.end = newest;

        let mut fresh = 0;
        let mut at = position.max(oldest);
        let mut rest = &ulaw[(at - position) as usize..];
        while !rest.is_empty() {
            let (number, from) = (at / PIECE as u64, at as usize % PIECE);
            let (now, later) = rest.split_at(rest.len().min(PIECE - from));
            let slot = (number % self.slots.len() as u64) as usize;
            let piece = self.slots[slot].get_or_insert_with(|| Box::new(Piece::new(number)));
            if piece.number != number {
                // All pieces within the ring's length have slots of their own: this one has fallen out.
                piece.known.fill(0);
                piece.ulaw.fill(SILENCE);
                piece.number = number;
            }
            piece.ulaw[from..from + now.len()].copy_from_slice(now);
            fresh += piece.mark(from, from + now.len());
            at += now.len() as u64;
            rest = later;
        }
        fresh
    }

    /// Fills `ulaw` with what was said from `position` on, silence where nothing is known, and says how
    /// many samples are known.
    pub fn read(&self, position: u64, ulaw: &mut [u8]) -> usize {
        let mut known = 0;
        let mut at = position;
        let mut rest = ulaw;
        while !rest.is_empty() {
            let from = at as usize % PIECE;
            let (now, later) = rest.split_at_mut(rest.len().min(PIECE - from));
            match self.piece(at) {
                Some(piece) => {
                    now.copy_from_slice(&piece.ulaw[from..from + now.len()]);
                    known += piece.count(from, from + now.len());
                }
                None => now.fill(SILENCE),
            }
            at = at.saturating_add(now.len() as u64);
            rest = later;
        }
        known
    }

    /// How many samples of this stretch are known.
    pub fn count(&self, stretch: Range<u64>) -> usize {
        let mut known = 0;
        let mut at = stretch.start.max(self.known.start);
        let end = stretch.end.min(self.known.end);
        while at < end {
            let from = at as usize % PIECE;
            let length = ((end - at) as usize).min(PIECE - from);
            known += self.piece(at).map_or(0, |piece| piece.count(from, from + length));
            at += length as u64;
        }
        known
    }

    /// From the oldest known sample to the end of the newest: at most the ring's length, with holes. Empty
    /// at first.
    pub fn range(&self) -> Range<u64> {
        self.known.start.max(self.known.end.saturating_sub(self.length))..self.known.end
    }

    /// Bytes of memory taken so far.
    pub fn memory(&self) -> usize {
        self.slots.iter().flatten().count() * size_of::<Piece>() + size_of_val(&*self.slots)
    }

    /// Whether the sample at `position` is known, and for how many samples, at most `limit`, that is so.
    pub(super) fn run(&self, position: u64, limit: usize) -> (bool, usize) {
        let is_known = |at: u64| self.piece(at).is_some_and(|piece| piece.is_known(at as usize % PIECE));
        let known = is_known(position);
        let mut length = 0;
        while length < limit {
            let at = position + length as u64;
            let from = at as usize % PIECE;
            let (run, room) = match self.piece(at) {
                Some(piece) => (piece.run(from, known), PIECE - from),
                None if known => (0, PIECE - from),
                None => (PIECE - from, PIECE - from),
            };
            length += run;
            if run < room {
                break;
            }
        }
        (known, length.min(limit))
    }

    /// The first known sample at `position` or after it.
    pub(super) fn next_known(&self, position: u64) -> Option<u64> {
        let from = position.max(self.range().start);
        let rest = self.known.end.checked_sub(from).filter(|&rest| rest > 0)?;
        match self.run(from, rest as usize) {
            (true, _) => Some(from),
            (false, hole) => Some(from + hole as u64).filter(|&next| next < self.known.end),
        }
    }

    /// The piece with this sample, if it holds that part of the call.
    fn piece(&self, position: u64) -> Option<&Piece> {
        let number = position / PIECE as u64;
        let slot = (number % self.slots.len() as u64) as usize;
        // A piece that was not used again after a jump is older than the ring is long, and must not be read.
        let oldest = self.known.end.saturating_sub(self.length) / PIECE as u64;
        self.slots[slot].as_deref().filter(|piece| piece.number == number && number >= oldest)
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("range", &self.range()).field("memory", &self.memory()).finish()
    }
}

impl Piece {
    fn new(number: u64) -> Self {
        Self { number, known: [0; PIECE / WORD], ulaw: [SILENCE; PIECE] }
    }

    fn is_known(&self, at: usize) -> bool {
        self.known[at / WORD] >> (at % WORD) & 1 == 1
    }

    /// Marks a stretch as known, and says how much of it was not.
    fn mark(&mut self, from: usize, to: usize) -> usize {
        let mut fresh = 0;
        for (word, mask) in words(from, to) {
            fresh += (mask & !self.known[word]).count_ones();
            self.known[word] |= mask;
        }
        fresh as usize
    }

    fn count(&self, from: usize, to: usize) -> usize {
        words(from, to).map(|(word, mask)| (self.known[word] & mask).count_ones() as usize).sum()
    }

    /// How many samples from here to the end of the piece are `known`, or are not.
    fn run(&self, from: usize, known: bool) -> usize {
        let mut at = from;
        while at < PIECE {
            // Ones where it changes.
            let other = if known { !self.known[at / WORD] } else { self.known[at / WORD] } >> (at % WORD);
            if other != 0 {
                return at + other.trailing_zeros() as usize - from;
            }
            at = (at / WORD + 1) * WORD;
        }
        PIECE - from
    }
}

/// The words of the map that a stretch touches, with a mask of the bits in each. `from < to`.
fn words(from: usize, to: usize) -> impl Iterator<Item = (usize, u64)> {
    (from / WORD..to.div_ceil(WORD)).map(move |word| {
        let (low, high) = (from.max(word * WORD) % WORD, to.min((word + 1) * WORD) - word * WORD);
        (word, (u64::MAX << low) & (u64::MAX >> (WORD - high)))
    })
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
        assert!(ring.memory() < 1_110_000, "{} bytes for ten minutes", ring.memory());
        assert_eq!(ring.range(), 4_800_000 - 960_000..4_800_000);
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
                // Just outside its length the ring may still know more than it must.
                let at = at.max(end.saturating_sub(LENGTH));
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
