//! A microphone in a browser: RTP packets of Opus in whatever order and however late they come, 20 ms of
//! speech at 8 kHz whenever they are asked for.
//!
//! What is heard now is what was said a certain delay ago: as little as the path allows, see [`delay`]. Where
//! the delay is longer or shorter than it should be, speech is shortened or lengthened by single periods; in
//! a pause it is just begun anew. A packet that is missing when its time comes is decoded from the next one
//! if that carries it (in-band FEC), else concealed by the decoder, fading to silence. A concealed stretch is
//! not yet lost: the late packet may still come and is heard then, a little later than it should be.

mod delay;
mod packets;
mod stretch;

use std::fmt;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use opusic_c::{Channels, Decoder, SampleRate};

use self::delay::Delay;
use self::packets::{Packets, Taken};
use super::SLOT;
use super::encoder::EncoderError;
use super::mixer::{Frame, RAMP, fade_in, fade_out};
use crate::frame::{OPUS_CLOCK, PHONE_RATE};

/// Ticks a second of a microphone's time: that of Opus in RTP.
const CLOCK: i64 = OPUS_CLOCK as i64;

/// Ticks in a sample of the telephone's.
const TICKS: i64 = (OPUS_CLOCK / PHONE_RATE) as i64;

/// Samples in the longest packet: 120 ms.
const LONGEST: usize = SLOT * 6;

/// The decoder conceals by multiples of 2.5 ms.
const GRAIN: usize = 20;

/// A payload of so many bytes has nothing in it: a pause follows (RFC 6716, section 2.1.9).
const PAUSE: usize = 2;

/// Concealment is heard in full for 40 ms, and nothing is left of it after 100 ms.
const FULL: usize = 320;
const GONE: usize = 800;

/// The delay may be so much longer or shorter than it should be: 10 ms, 8 ms.
const TOO_LONG: i64 = CLOCK * 10 / 1000;
const TOO_SHORT: i64 = CLOCK * 8 / 1000;

/// Between two corrections lie at least so many slots.
const BETWEEN: u32 = 4;

/// One RTP packet of a microphone: Opus, 48 kHz clock.
#[derive(Clone, Copy, Debug)]
pub struct Rtp<'a> {
    /// The sequence number.
    pub sequence: u16,
    /// In ticks of 1/48000 s.
    pub timestamp: u32,
    /// The first packet after a pause.
    pub marker: bool,
    /// One Opus packet.
    pub payload: &'a [u8],
}

/// How long microphones' packets may wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Jitter {
    /// The shortest delay that is aimed at: 20 ms, for so much is asked for at a time.
    pub least: Duration,
    /// The longest: 200 ms. Past it speech is skipped.
    pub most: Duration,
}

impl Default for Jitter {
    fn default() -> Self {
        Self { least: Duration::from_millis(20), most: Duration::from_millis(200) }
    }
}

/// What happened to a microphone's packets, in numbers that only grow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MicrophoneCounts {
    /// Packets given to it, whatever became of them.
    pub received: u64,
    /// Packets that are no Opus, or too large.
    pub malformed: u64,
    /// Packets that came twice.
    pub duplicate: u64,
    /// Packets that came out of order and still in time.
    pub reordered: u64,
    /// Packets whose time had passed.
    pub late: u64,
    /// Packets that did not fit the stream, in case the next one does not either.
    pub strays: u64,
    /// How often another stream began: numbers or clock had jumped.
    pub restarts: u64,
    /// Packets dropped because too much was waiting.
    pub overrun: u64,
    /// Packets decoded.
    pub decoded: u64,
    /// Packets in order that libopus could not decode.
    pub undecodable: u64,
    /// Lost packets that were decoded from the next one.
    pub recovered: u64,
    /// Samples of 1/8000 s that the decoder made up within speech.
    pub concealed_samples: u64,
    /// Samples left out because speech had waited too long.
    pub shortened_samples: u64,
    /// Samples said twice because packets wait too short.
    pub lengthened_samples: u64,
}

impl AddAssign for MicrophoneCounts {
    fn add_assign(&mut self, more: Self) {
        self.received += more.received;
        self.malformed += more.malformed;
        self.duplicate += more.duplicate;
        self.reordered += more.reordered;
        self.late += more.late;
        self.strays += more.strays;
        self.restarts += more.restarts;
        self.overrun += more.overrun;
        self.decoded += more.decoded;
        self.undecodable += more.undecodable;
        self.recovered += more.recovered;
        self.concealed_samples += more.concealed_samples;
        self.shortened_samples += more.shortened_samples;
        self.lengthened_samples += more.lengthened_samples;
    }
}

/// Whether anything is being said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Nothing is, until a packet's time comes.
    Idle,
    /// What begins at `cursor` is decoded next. So many samples were made up while it did not come.
    Speaking { cursor: i64, filled: usize },
}

/// One microphone: its packets, its decoder, and what was decoded and not yet asked for.
pub struct Microphone {
    epoch: Instant,
    packets: Packets,
    delay: Delay,
    most: i64,
    decoder: Decoder,
    state: State,
    /// Decoded and not yet heard.
    ready: Vec<i16>,
    /// The sequence number of the packet decoded last.
    last: Option<i64>,
    /// The packet decoded last said that a pause follows (RFC 6716, section 2.1.9).
    pause: bool,
    /// Slots since the delay was corrected.
    corrected: u32,
    counts: MicrophoneCounts,
}

impl Microphone {
    /// A microphone that has said nothing.
    pub fn new(jitter: Jitter, now: Instant) -> Result<Self, EncoderError> {
        let most = jitter.most.clamp(Duration::from_millis(20), Duration::from_millis(500));
        let (least, most) = (ticks(jitter.least.min(most)), ticks(most));
        Ok(Self {
            epoch: now,
            packets: Packets::default(),
            delay: Delay::new(least, most),
            most,
            decoder: Decoder::new(Channels::Mono, SampleRate::Hz8000)?,
            state: State::Idle,
            ready: Vec::with_capacity(2 * LONGEST),
            last: None,
            pause: false,
            corrected: 0,
            counts: MicrophoneCounts::default(),
        })
    }

    /// Takes a packet. What cannot be used is dropped and counted.
    pub fn handle_rtp(&mut self, now: Instant, rtp: Rtp<'_>) {
        let arrived = self.at(now);
        match self.packets.take(arrived, rtp, &mut self.counts) {
            Taken::Known { timestamp } => self.delay.learn(arrived, timestamp),
            Taken::Restarted { timestamp } => {
                self.delay.forget();
                self.delay.learn(arrived, timestamp);
                self.rest();
            }
            Taken::Dropped => {}
        }
    }

    /// What is heard in the 20 ms that begin now.
    pub fn next(&mut self, now: Instant) -> Frame {
        let now = self.at(now);
        self.corrected = self.corrected.saturating_add(1);
        self.skip(now);
        while self.ready.len() < SLOT {
            match self.state {
                State::Speaking { cursor, filled } => self.go_on(cursor, filled),
                State::Idle => {
                    if !self.begin(now) {
                        break;
                    }
                }
            }
        }
        self.correct(now);
        if self.ready.is_empty() {
            return Frame::SILENCE;
        }
        let mut pcm = [0; SLOT];
        let length = self.ready.len().min(SLOT);
        pcm[..length].copy_from_slice(&self.ready[..length]);
        self.ready.drain(..length);
        Frame::linear(pcm)
    }

    /// Drops all that was sent up to now, and gives what leads from it into silence.
    ///
    /// What is still on its way is dropped when it comes, if the fastest path would have brought it by now.
    pub fn cut(&mut self, now: Instant) -> Frame {
        let tail = self.next(now).fade_out();
        self.packets.cut(self.at(now).saturating_sub(self.delay.base()));
        self.ready.clear();
        self.rest();
        tail
    }

    /// Whether nothing is being said.
    pub fn is_idle(&self) -> bool {
        self.state == State::Idle && self.ready.is_empty() && self.packets.len() == 0
    }

    /// The delay that is aimed at: between a packet's arrival, were it as fast as the fastest, and its being heard.
    pub fn delay(&self) -> Duration {
        Duration::from_micros((self.delay.target() * 1000 / (CLOCK / 1000)) as u64)
    }

    /// What happened since this was last asked.
    pub fn take_counts(&mut self) -> MicrophoneCounts {
        std::mem::take(&mut self.counts)
    }

    /// Nothing of the past leads into what comes.
    fn rest(&mut self) {
        self.state = State::Idle;
        (self.last, self.pause) = (None, false);
        if self.decoder.reset().is_err() {
            self.counts.undecodable += 1;
        }
    }

    /// Begins with the oldest packet if its time comes within the slot at `now`.
    fn begin(&mut self, now: i64) -> bool {
        let now = now + self.ready.len() as i64 * TICKS;
        // After a hole the oldest may be older than is worth hearing.
        while self.packets.len() > 1 && self.oldest(now) > self.most {
            self.packets.pop();
            self.counts.overrun += 1;
        }
        let Some(front) = self.packets.front() else { return false };
        let due = self.delay.base() + front.timestamp + self.delay.target();
        let wait = ((due - now).max(0) / TICKS) as usize;
        if self.ready.len() + wait >= SLOT {
            return false;
        }
        self.ready.resize(self.ready.len() + wait, 0);
        self.decode_front(true);
        true
    }

    /// Decodes, or makes up, what comes next.
    fn go_on(&mut self, cursor: i64, filled: usize) {
        let Some(front) = self.packets.front() else { return self.fill(SLOT, cursor, filled) };
        // What was made up meanwhile stands for what is missing now.
        let missing = ((front.timestamp - cursor).max(0) / TICKS) as usize;
        let missing = missing.saturating_sub(filled) / GRAIN * GRAIN;
        let follows = front.marker || self.last.is_some_and(|last| front.sequence == last + 1);
        if missing == 0 {
            self.decode_front(filled > FULL);
        } else if follows || missing > GONE {
            // A pause, or a loss too long to make up.
            self.fill(missing.min(SLOT), cursor, filled);
        } else {
            self.recover(missing);
        }
    }

    /// Decodes the oldest packet. It begins softly if it does not go on from what was heard.
    fn decode_front(&mut self, softly: bool) {
        let Some(front) = self.packets.front() else { return };
        let begun = self.ready.len();
        if decode(&mut self.decoder, &front.payload, LONGEST, false, &mut self.ready) {
            self.counts.decoded += 1;
        } else {
            self.counts.undecodable += 1;
            let length = (front.duration / TICKS) as usize / GRAIN * GRAIN;
            if !decode(&mut self.decoder, &[], length, false, &mut self.ready) {
                self.ready.resize(begun + length, 0);
            }
        }
        if softly {
            let end = self.ready.len().min(begun + RAMP);
            fade_in(&mut self.ready[begun..end]);
        }
        self.last = Some(front.sequence);
        self.pause = front.payload.len() <= PAUSE;
        let cursor = front.timestamp + front.duration;
        self.packets.pop();
        // What began a little too early is heard a little too late.
        self.packets.pass(cursor - GRAIN as i64 * TICKS);
        self.state = State::Speaking { cursor, filled: 0 };
    }

    /// Makes up lost samples before the oldest packet, with its help if it can.
    fn recover(&mut self, missing: usize) {
        let Some(front) = self.packets.front() else { return };
        let begun = self.ready.len();
        if !decode(&mut self.decoder, &front.payload, missing, true, &mut self.ready) {
            self.ready.resize(begun + missing, 0);
        }
        let known = if has_fec(&front.payload) { missing.min((front.duration / TICKS) as usize) } else { 0 };
        self.counts.recovered += u64::from(known > 0);
        self.counts.concealed_samples += (missing - known) as u64;
        self.state = State::Speaking { cursor: front.timestamp, filled: 0 };
    }

    /// Makes up samples for what may still come; after long enough there is nothing to be heard.
    fn fill(&mut self, length: usize, cursor: i64, filled: usize) {
        let begun = self.ready.len();
        if !decode(&mut self.decoder, &[], length, false, &mut self.ready) {
            self.ready.resize(begun + length, 0);
        }
        for (i, sample) in self.ready[begun..].iter_mut().enumerate() {
            let left = GONE.saturating_sub((filled + i).max(FULL)) as i32;
            *sample = (i32::from(*sample) * left / (GONE - FULL) as i32) as i16;
        }
        if !self.pause {
            self.counts.concealed_samples += length as u64;
        }
        let filled = filled + length;
        self.state = if filled < GONE { State::Speaking { cursor, filled } } else { State::Idle };
    }

    /// Skips what has waited too long: many packets came at once.
    fn skip(&mut self, now: i64) {
        let State::Speaking { cursor, filled: 0 } = self.state else { return };
        if self.waited(now, cursor) <= self.most + TOO_LONG {
            return;
        }
        while self.packets.len() > 1 && self.oldest(now) > self.delay.target() {
            self.packets.pop();
            self.counts.overrun += 1;
        }
        // What is ready leads into silence, and what comes next begins softly.
        let begun = self.ready.len();
        if !decode(&mut self.decoder, &[], RAMP, false, &mut self.ready) {
            self.ready.resize(begun + RAMP, 0);
        }
        fade_out(&mut self.ready[begun..]);
        self.state = State::Idle;
    }

    /// Speech that waits too long is shortened, and speech that waits too short is lengthened.
    fn correct(&mut self, now: i64) {
        let State::Speaking { cursor, filled: 0 } = self.state else { return };
        if self.corrected < BETWEEN {
            return;
        }
        let excess = self.waited(now, cursor) - self.delay.target();
        if excess > TOO_LONG {
            let follows =
                self.packets.front().is_some_and(|front| front.timestamp - cursor < GRAIN as i64 * TICKS);
            if self.ready.len() < SLOT + stretch::ENOUGH && follows {
                self.decode_front(false);
            }
            if self.ready.len() >= SLOT + stretch::LONGEST {
                self.counts.shortened_samples += stretch::shorten(&mut self.ready) as u64;
                self.corrected = 0;
            }
        } else if excess < -TOO_SHORT {
            self.counts.lengthened_samples += stretch::lengthen(&mut self.ready) as u64;
            self.corrected = 0;
        }
    }

    /// How long what is heard next has waited, in ticks, were its packet as fast as the fastest.
    fn waited(&self, now: i64, cursor: i64) -> i64 {
        now - self.delay.base() - (cursor - self.ready.len() as i64 * TICKS)
    }

    /// How long the oldest packet has waited, likewise.
    fn oldest(&self, now: i64) -> i64 {
        self.packets.front().map_or(0, |front| now - self.delay.base() - front.timestamp)
    }

    /// A time in ticks since this microphone was made.
    fn at(&self, now: Instant) -> i64 {
        ticks(now.saturating_duration_since(self.epoch))
    }
}

impl fmt::Debug for Microphone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Microphone")
            .field("state", &self.state)
            .field("delay", &self.delay())
            .finish_non_exhaustive()
    }
}

/// Appends what a packet says, or what an empty one lets the decoder make up. False: nothing, it was refused.
fn decode(decoder: &mut Decoder, payload: &[u8], length: usize, fec: bool, ready: &mut Vec<i16>) -> bool {
    let mut pcm = [0; LONGEST];
    let Ok(made) = decoder.decode_to_slice(payload, &mut pcm[..length], fec) else { return false };
    // The binding calls signed samples unsigned; the bits are the same.
    ready.extend(pcm[..made].iter().map(|&sample| sample as i16));
    true
}

/// Whether a packet carries the speech of the one before it: the flag of its first frame (RFC 6716, section
/// 4.2.4). Of packets with several frames it is not known.
fn has_fec(payload: &[u8]) -> bool {
    let &[contents, flags, ..] = payload else { return false };
    let (configuration, stereo, frames) = (contents >> 3, contents & 4 != 0, contents & 3);
    // CELT alone has none. In SILK there are so many flags of activity before it as parts of 20 ms.
    let parts = match configuration {
        0..12 => [1, 1, 2, 3][usize::from(configuration % 4)],
        12..16 => 1,
        _ => return false,
    };
    let flag = |at: u8| flags >> (7 - at) & 1 == 1;
    frames == 0 && (flag(parts) || (stereo && flag(2 * parts + 1)))
}

fn ticks(time: Duration) -> i64 {
    // A call has an end: this overflows after 6,000 years.
    (time.as_micros() as i64).saturating_mul(CLOCK / 1000) / 1000
}
