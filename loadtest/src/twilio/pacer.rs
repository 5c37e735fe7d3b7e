//! What a stream sends and when: frames on a schedule, with the faults that were asked for.
//!
//! It reads no clock and opens no socket. Times are counted from the opening of the stream; each call of
//! [`Pacer::tick`] is one frame of all tracks.

use std::num::NonZeroU32;
use std::time::Duration;

use super::report::Sent;
use super::spec::{CallSpec, Faults};
use super::twiml::Tracks;
use super::wire::{BAD_KINDS, Track, Writer};
use crate::audio::{Audio, ulaw};

/// Samples of a millisecond.
const PER_MS: u64 = 8;

/// What comes after a tick.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// The next tick.
    Tick,
    /// The call is over: all its frames have been sent.
    Over,
    /// The connection is to be broken.
    Drop,
}

#[derive(Debug)]
pub(super) struct Pacer {
    writer: Writer,
    tracks: Tracks,
    caller: Audio,
    agent: Audio,
    loop_audio: bool,
    frame_ms: u64,
    first_timestamp_ms: u64,
    /// After how many frames the call is over.
    length: Option<u64>,
    faults: Faults,
    random: fastrand::Rng,
    /// The frame that is sent next, and when.
    frame: u64,
    due: Duration,
    /// How many frames the conversation is ahead of the stream; none before it has begun.
    ahead: Option<i64>,
    /// Frames still missing of the gap that has begun.
    missing: u32,
    stalled: bool,
    batch: Batch,
    /// A frame that waits for its successor to go first.
    held: Batch,
    ulaw: Vec<u8>,
    sent: Sent,
}

impl Pacer {
    pub(super) fn new(spec: &CallSpec, writer: Writer, tracks: Tracks, length: Option<Duration>) -> Self {
        let frame_ms = spec.frame_ms.clamp(1, 1000);
        let mut pacer = Self {
            writer,
            tracks,
            caller: spec.caller.clone(),
            agent: spec.agent.clone(),
            loop_audio: spec.loop_audio,
            frame_ms,
            first_timestamp_ms: spec.first_timestamp_ms,
            length: length.map(|length| frames(length, frame_ms)),
            faults: spec.faults.clone(),
            random: fastrand::Rng::with_seed(spec.seed),
            frame: 0,
            due: Duration::ZERO,
            ahead: None,
            missing: 0,
            stalled: false,
            batch: Batch::default(),
            held: Batch::default(),
            ulaw: vec![0; (frame_ms * PER_MS) as usize],
            sent: Sent::default(),
        };
        pacer.due = pacer.due_of(0);
        pacer
    }

    /// When the next tick is due, in time since the stream opened.
    pub(super) const fn due(&self) -> Duration {
        self.due
    }

    /// Where the next frame stands in the stream.
    pub(super) const fn position(&self) -> Duration {
        Duration::from_millis(self.frame * self.frame_ms)
    }

    /// What was sent so far.
    pub(super) const fn sent(&self) -> &Sent {
        &self.sent
    }

    /// The same, for what is sent around the frames.
    pub(super) const fn sent_mut(&mut self) -> &mut Sent {
        &mut self.sent
    }

    /// Writes the messages around the frames.
    pub(super) const fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// Whether the conversation has begun on this stream.
    pub(super) const fn is_talking(&self) -> bool {
        self.ahead.is_some()
    }

    /// Begins the conversation, this long before the stream opened, or this long after. Until then the
    /// tracks are silent.
    pub(super) fn talk(&mut self, before: Duration, after: Duration) {
        let frame = u128::from(self.frame_ms) * 1_000_000;
        let ahead = (before.as_nanos() / frame) as i64 - after.as_nanos().div_ceil(frame) as i64;
        self.ahead = Some(ahead);
    }

    /// Sends no more media until told otherwise, while time goes on.
    pub(super) const fn stall(&mut self, stalled: bool) {
        self.stalled = stalled;
    }

    /// Sends the messages of the next frame. `live` writes what a track carries, or says false: then that is what the
    /// call's own party says.
    pub(super) fn tick(
        &mut self,
        live: &mut impl FnMut(Track, &mut [u8]) -> bool,
        send: &mut impl FnMut(&str),
    ) -> Next {
        let frame = self.frame;
        let number = frame + 1;
        let at = self.position();
        if self.faults.drop_after.is_some_and(|after| after <= at) {
            return Next::Drop;
        }
        if self.length.is_some_and(|length| length <= frame) {
            self.release(send);
            return Next::Over;
        }
        self.frame += 1;
        self.due = self.due_of(self.frame);

        if self.is_silent(number, at) {
            self.sent.skipped += self.track_count();
            return Next::Tick;
        }
        self.write_frame(frame, live);
        if strikes(self.faults.reorder_every, number) && self.held.is_empty() {
            self.sent.reordered += self.track_count();
            std::mem::swap(&mut self.batch, &mut self.held);
            return Next::Tick;
        }
        self.batch.send(send);
        if strikes(self.faults.duplicate_every, number) {
            self.sent.duplicates += self.track_count();
            self.batch.send(send);
        }
        self.release(send);
        if strikes(self.faults.bad_every, number) {
            self.batch.clear();
            self.writer.bad(&mut self.batch.text, self.sent.bad % BAD_KINDS);
            self.batch.end();
            self.batch.send(send);
            self.sent.bad += 1;
        }
        Next::Tick
    }

    /// Whether the stream may end in good order. One that stalls at its end just goes away.
    pub(super) fn ends_well(&self) -> bool {
        !self.stalled && !self.in_stall(self.position())
    }

    /// Sends a frame that still waits for its successor.
    pub(super) fn release(&mut self, send: &mut impl FnMut(&str)) {
        self.held.send(send);
        self.held.clear();
    }

    fn is_silent(&mut self, number: u64, at: Duration) -> bool {
        if self.missing == 0
            && let Some(gap) = self.faults.gap
            && strikes(Some(gap.every), number)
        {
            self.missing = gap.frames;
        }
        let missing = self.missing > 0;
        self.missing = self.missing.saturating_sub(1);
        missing || self.stalled || self.in_stall(at)
    }

    fn in_stall(&self, at: Duration) -> bool {
        self.faults.stall.is_some_and(|stall| {
            at >= stall.after && stall.lasting.is_none_or(|lasting| at < stall.after + lasting)
        })
    }

    fn write_frame(&mut self, frame: u64, live: &mut impl FnMut(Track, &mut [u8]) -> bool) {
        self.batch.clear();
        let timestamp = self.first_timestamp_ms + frame * self.frame_ms;
        // Twilio's example has the outbound message first.
        for track in [Track::Outbound, Track::Inbound] {
            let (wanted, audio, count) = match track {
                Track::Outbound => (self.tracks != Tracks::Inbound, &self.agent, &mut self.sent.outbound),
                Track::Inbound => (self.tracks != Tracks::Outbound, &self.caller, &mut self.sent.inbound),
            };
            if !wanted {
                continue;
            }
            *count += 1;
            let spoken = self.ahead.and_then(|ahead| frame.checked_add_signed(ahead));
            match spoken {
                _ if live(track, &mut self.ulaw) => {}
                Some(frame) => audio.fill(frame * self.frame_ms * PER_MS, self.loop_audio, &mut self.ulaw),
                None => self.ulaw.fill(ulaw::SILENCE),
            }
            self.writer.media(&mut self.batch.text, track, timestamp, &self.ulaw);
            self.batch.end();
        }
    }

    const fn track_count(&self) -> u64 {
        match self.tracks {
            Tracks::Both => 2,
            Tracks::Inbound | Tracks::Outbound => 1,
        }
    }

    /// Never before the frame ahead of it: a TCP connection keeps the order.
    fn due_of(&mut self, frame: u64) -> Duration {
        let on_time = Duration::from_millis(frame * self.frame_ms);
        let jitter_us = u64::try_from(self.faults.jitter.as_micros()).unwrap_or(u64::MAX);
        let mut due = on_time + Duration::from_micros(self.random.u64(0..=jitter_us));
        if let Some(burst) = self.faults.burst
            && (burst.after..burst.after + burst.hold).contains(&on_time)
        {
            due = due.max(burst.after + burst.hold);
        }
        due.max(self.due)
    }
}

/// How many frames there are in `time`, the last perhaps in part.
fn frames(time: Duration, frame_ms: u64) -> u64 {
    u64::try_from(time.as_millis().div_ceil(u128::from(frame_ms))).unwrap_or(u64::MAX)
}

/// Whether "every nth" strikes frame `number`, counted from 1.
fn strikes(every: Option<NonZeroU32>, number: u64) -> bool {
    every.is_some_and(|every| number.is_multiple_of(u64::from(every.get())))
}

/// Messages in one piece of memory that is used again for each frame.
#[derive(Debug, Default)]
struct Batch {
    text: String,
    ends: Vec<usize>,
}

impl Batch {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// What was written since the last end is a message.
    fn end(&mut self) {
        self.ends.push(self.text.len());
    }

    fn send(&self, send: &mut impl FnMut(&str)) {
        let mut begin = 0;
        for &end in &self.ends {
            send(&self.text[begin..end]);
            begin = end;
        }
    }
}

#[cfg(test)]
#[path = "pacer_tests.rs"]
mod tests;
