//! Audio that waits to be played to the caller, and the marks in it.

use std::collections::VecDeque;

use super::super::SLOT;
use super::super::mixer::Frame;
use super::FloorConfig;
use crate::frame::PHONE_RATE;
use crate::g711::SILENCE;

/// A queue that is empty keeps memory for so many bytes: 2 s.
const KEPT: usize = 16_000;

/// The queue of a bot or an announcer.
#[derive(Debug)]
pub(super) struct Speech {
    audio: VecDeque<u8>,
    /// Marks, and how much audio had been queued before each.
    marks: VecDeque<(u64, u64)>,
    /// Bytes queued, and bytes that have left the queue, since it was made.
    queued: u64,
    left: u64,
    room: usize,
    max_marks: usize,
    /// Bytes that are waited for before an empty queue plays.
    lead: usize,
    /// Slots it has waited for them. `None` while it plays.
    waited: Option<usize>,
}

impl Speech {
    pub(super) fn new(config: &FloorConfig) -> Self {
        let bytes =
            |time: std::time::Duration| time.as_millis().min(600_000) as usize * PHONE_RATE as usize / 1000;
        Self {
            audio: VecDeque::new(),
            marks: VecDeque::new(),
            queued: 0,
            left: 0,
            room: bytes(config.queue),
            max_marks: config.marks,
            lead: bytes(config.lead),
            waited: Some(0),
        }
    }

    /// Queues what fits, and says how many bytes did not.
    pub(super) fn push(&mut self, ulaw: &[u8]) -> usize {
        let fits = ulaw.len().min(self.room.saturating_sub(self.audio.len()));
        self.audio.extend(&ulaw[..fits]);
        self.queued += fits as u64;
        ulaw.len() - fits
    }

    /// Puts a mark behind all that is queued. False: there are too many.
    pub(super) fn mark(&mut self, mark: u64) -> bool {
        let fits = self.marks.len() < self.max_marks;
        if fits {
            self.marks.push_back((self.queued, mark));
        }
        fits
    }

    /// The next mark that all audio before has left the queue of.
    pub(super) fn next_mark(&mut self) -> Option<u64> {
        self.marks.pop_front_if(|&mut (at, _)| at <= self.left).map(|(_, mark)| mark)
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.audio.len()
    }

    /// The next 20 ms; what is missing at the end is silent.
    pub(super) fn next(&mut self) -> Frame {
        if self.audio.is_empty() {
            self.waited = Some(0);
            return Frame::SILENCE;
        }
        if let Some(waited) = self.waited.as_mut()
            && self.marks.is_empty()
            && self.audio.len() < self.lead
            && *waited * SLOT < self.lead
        {
            *waited += 1;
            return Frame::SILENCE;
        }
        self.waited = None;
        let mut ulaw = [SILENCE; SLOT];
        let length = self.audio.len().min(SLOT);
        for (byte, queued) in ulaw.iter_mut().zip(self.audio.drain(..length)) {
            *byte = queued;
        }
        self.left += length as u64;
        Frame::telephone(ulaw)
    }

    /// Drops all, says how much, and gives what leads from it into silence.
    pub(super) fn clear(&mut self) -> (usize, Frame) {
        let playing = self.waited.is_none();
        let length = self.audio.len();
        let tail = if playing { self.next().fade_out() } else { Frame::SILENCE };
        self.audio.clear();
        self.audio.shrink_to(KEPT);
        self.left = self.queued;
        self.waited = Some(0);
        (length, tail)
    }
}
