//! The caller's voice between Twilio's frames and the floor's clock.

use std::collections::VecDeque;

use super::super::SLOT;
use super::super::conceal::Concealer;
use super::super::mixer::Frame;
use super::FloorCounts;
use crate::g711;

/// Samples that wait at most: 200 ms. Past it the oldest are dropped.
const MOST: usize = 10 * SLOT;

/// Samples that may be left over after each slot: 15 ms, before they are too many. With the slot itself, and
/// the frame that has come since, the voice waits less than 40 ms.
const SPARE: usize = 120;

/// For so many slots without a hole the fewest left over are looked for: 2 s.
const WATCH: u32 = 100;

/// What is left out at once at most, and the stretch by which what is before leads into what is after: 8 ms.
const SEAM: usize = 64;

/// After so many slots without a frame the voice is absent, and begins anew with the next one.
const ABSENT: u32 = 5;

/// A small queue, as short as the caller's frames allow.
#[derive(Debug)]
pub(super) struct Caller {
    waiting: VecDeque<u8>,
    concealer: Concealer,
    /// Slots since the voice was whole. [`ABSENT`]: it is not there.
    broken: u32,
    /// The fewest samples left over since the watch began, and how many slots ago that was.
    fewest: usize,
    watched: u32,
}

impl Caller {
    pub(super) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            concealer: Concealer::new(),
            broken: ABSENT,
            fewest: MOST,
            watched: 0,
        }
    }

    /// A frame has come.
    pub(super) fn push(&mut self, ulaw: &[u8], counts: &mut FloorCounts) {
        let new = &ulaw[ulaw.len().saturating_sub(MOST)..];
        let over = (self.waiting.len() + new.len()).saturating_sub(MOST);
        self.waiting.drain(..over);
        self.waiting.extend(new);
        counts.caller_dropped_samples += (over + ulaw.len() - new.len()) as u64;
    }

    /// The next 20 ms.
    pub(super) fn next(&mut self, counts: &mut FloorCounts) -> Frame {
        if self.broken >= ABSENT && self.waiting.len() < SLOT {
            return Frame::SILENCE;
        }
        let seam = self.shorten(counts);
        let length = self.waiting.len().min(SLOT);
        let mut ulaw = [g711::SILENCE; SLOT];
        for (byte, waiting) in ulaw.iter_mut().zip(self.waiting.drain(..length)) {
            *byte = waiting;
        }
        let mut frame = Frame::telephone(ulaw);
        if let Some(seam) = seam {
            for (i, (sample, old)) in frame.pcm.iter_mut().zip(seam).enumerate() {
                let (weight, whole) = (2 * i as i32 + 1, 2 * SEAM as i32);
                *sample = ((i32::from(old) * (whole - weight) + i32::from(*sample) * weight) / whole) as i16;
            }
        }
        let whole = length == SLOT && seam.is_none();
        let (heard, hole) = frame.pcm.split_at_mut(length);
        let continues = heard.is_empty() || self.concealer.hear(heard);
        if !hole.is_empty() {
            self.concealer.fill(hole);
            counts.caller_missing_samples += hole.len() as u64;
            (self.fewest, self.watched) = (MOST, 0);
        }
        self.broken = if length == SLOT { 0 } else { self.broken.min(ABSENT - 1) + 1 };
        self.fewest = self.fewest.min(self.waiting.len());
        self.watched += 1;
        if whole && continues { frame } else { Frame::linear(frame.pcm) }
    }

    /// Leaves out what has long been more than is needed; what was to come leads into what comes.
    fn shorten(&mut self, counts: &mut FloorCounts) -> Option<[i16; SEAM]> {
        if self.watched < WATCH {
            return None;
        }
        let excess = std::mem::replace(&mut self.fewest, MOST).saturating_sub(SPARE / 2);
        self.watched = 0;
        if excess < SPARE / 2 || self.waiting.len() < excess + SLOT {
            return None;
        }
        let mut old = [0; SEAM];
        for (sample, &waiting) in old.iter_mut().zip(&self.waiting) {
            *sample = g711::decode_sample(waiting);
        }
        self.waiting.drain(..excess);
        counts.caller_dropped_samples += excess as u64;
        Some(old)
    }
}
