//! One call: two voices in, their last minutes kept, one Opus stream out while anybody hears it.
//!
//! The call is told of frames as they arrive and keeps them in a [`Ring`] for each voice. Nothing else
//! happens to a call that nobody hears: no PCM is made and no encoder exists. While it is heard, each 20 ms
//! of both voices become one packet of each [`Codec`] that is wanted, at the moment the second voice's frame
//! arrives.
//!
//! Time in a call is counted in samples of 1/8000 s and is the stream's own: it begins at the first frame's
//! timestamp and never goes back, whatever the timestamps do later.

mod conceal;
mod config;
mod encoder;
mod floor;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod microphone;
mod mixer;
mod pace;
mod phone;
mod ring;
pub mod routing;
mod sound;
mod stream;
mod tone;
mod voice;

use std::time::{Duration, Instant};

pub use config::{Config, Counts};
pub use encoder::{Encoder, EncoderError, Layer, Rate, Setting};
pub use floor::{Floor, FloorConfig, FloorCounts, FloorError, MAX_PARTIES, Output, PartyId, Role};
pub use microphone::{Jitter, Microphone, MicrophoneCounts, Rtp};
pub use mixer::{Frame, Mixer};
pub use ring::Ring;

use self::pace::Pace;
use self::phone::Phone;
use self::sound::Hearing;
use self::stream::Stream;
use self::voice::{Standing, Voice};
use crate::frame::{Codec, PHONE_RATE, Packet, Track};

/// Samples of one voice in a packet: 20 ms.
pub const SLOT: usize = 160;

/// The longest frame that is taken: a second.
const MAX_FRAME: usize = PHONE_RATE as usize;

/// The last timestamp that is taken, in ms: what a number in JSON can hold without loss.
const MAX_TIMESTAMP: u64 = 1 << 53;

/// The longest wait that can be asked for.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// So many times 20 ms are concealed when nothing is known of either voice: longer is passed over at once.
const MAX_VOID: u32 = 5;

/// The audio of one call.
///
/// After each `handle_*` and `set_heard`, call [`poll_packet`](Self::poll_packet) until it returns `None`,
/// and come back no later than [`poll_timeout`](Self::poll_timeout) says.
#[derive(Debug)]
pub struct Call {
    config: Config,
    /// Caller, then agent.
    voices: [Voice; 2],
    /// `None` before the first frame.
    grid: Option<Grid>,
    /// While somebody hears the call.
    heard: Option<Heard>,
    deadline: Option<Instant>,
    counts: Counts,
}

/// In which codecs a call is heard.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Wanted {
    /// Somebody hears it in Opus: an encoder is needed.
    pub opus: bool,
    /// Somebody hears it in mu-law.
    pub pcmu: bool,
}

impl Wanted {
    /// Nobody hears it.
    pub const NOTHING: Self = Self { opus: false, pcmu: false };
}

/// A call that is heard.
#[derive(Debug)]
struct Heard {
    hearing: Hearing,
    opus: Option<Stream>,
    pcmu: Option<Phone>,
    /// The second packet of the last 20 ms, if they became two.
    second: Option<Packet>,
}

/// The call's time, cut into slots of 20 ms.
#[derive(Debug)]
struct Grid {
    /// Where the first slot began.
    origin: u64,
    /// Where the next slot begins.
    cursor: u64,
    /// Where the newest audio ends.
    newest: u64,
    /// The last time this call was told.
    now: Instant,
    pace: Pace,
    /// In how many slots, up to this one, nothing was known.
    void: u32,
}

/// What can be done with the next slot.
enum Next {
    /// All that will come of it is there.
    Ready,
    /// A voice or a frame is missing and may come until then, or for ever.
    Wait(Option<Instant>),
}

impl Call {
    /// A call of which nothing was heard yet. `tracks` are the voices announced in `start`: the others are
    /// taken for silent until a frame of theirs arrives.
    pub fn new(config: Config, tracks: &[Track]) -> Self {
        let config = Config { wait: config.wait.min(MAX_WAIT), ..config };
        let voices = Track::ALL.map(|track| Voice::new(&config, tracks.contains(&track)));
        Self { config, voices, grid: None, heard: None, deadline: None, counts: Counts::default() }
    }

    /// Takes one frame of one voice: `ulaw` of any length up to a second, which begins at the media time
    /// `timestamp_ms`. What cannot be used is dropped and counted.
    pub fn handle_frame(&mut self, now: Instant, track: Track, timestamp_ms: u64, ulaw: &[u8]) {
        self.counts.received += 1;
        if ulaw.is_empty() || ulaw.len() > MAX_FRAME || timestamp_ms > MAX_TIMESTAMP {
            self.counts.refused += 1;
            return;
        }
        let wait = samples(self.config.wait);
        let grid = self.grid.get_or_insert_with(|| {
            let origin = timestamp_ms * 8;
            for voice in &mut self.voices {
                voice.edge = origin;
            }
            let pace = Pace::new(now, origin, samples(self.config.burst));
            Grid { origin, cursor: origin, newest: origin, now, pace, void: 0 }
        });
        grid.now = grid.now.max(now);
        let (this, other) = match track {
            Track::Inbound => (0, 1),
            Track::Outbound => (1, 0),
        };
        let standing = Standing {
            now: grid.now,
            origin: grid.origin,
            cursor: grid.cursor,
            limit: grid.pace.limit(grid.now),
            other_offset: self.voices[other].offset(),
        };
        let taken = self.voices[this].take(&standing, timestamp_ms, ulaw, wait, &mut self.counts);
        if let Some(end) = taken {
            grid.newest = grid.newest.max(end);
            grid.pace.advance(grid.now, grid.newest);
        }
        if self.heard.is_none() {
            self.pass_unheard();
        }
    }

    /// The deadline of [`poll_timeout`](Self::poll_timeout) has passed. Harmless at any other time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(grid) = &mut self.grid {
            grid.now = grid.now.max(now);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) if no frame comes first. A call that nobody
    /// hears needs no clock.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// Says in which codecs the call is heard: an encoder is made or dropped accordingly. Saying the same twice
    /// changes nothing. On an error nothing has changed but that mu-law comes as wanted.
    ///
    /// The first packet has the 20 ms that are complete next; what was said before stays in the ring.
    pub fn set_heard(&mut self, now: Instant, wanted: Wanted) -> Result<(), EncoderError> {
        self.handle_timeout(now);
        if wanted == Wanted::NOTHING {
            self.heard = None;
            self.deadline = None;
            return Ok(());
        }
        if self.heard.is_none() {
            self.pass_unheard();
        }
        let heard = self.heard.get_or_insert_with(Heard::new);
        heard.pcmu = if wanted.pcmu { heard.pcmu.take().or_else(|| Some(Phone::default())) } else { None };
        if !wanted.opus {
            heard.opus = None;
        } else if heard.opus.is_none() {
            heard.opus = Some(Stream::new(self.config.opus, self.config.hangover)?);
        }
        Ok(())
    }

    /// Whether an encoder exists.
    pub fn is_encoding(&self) -> bool {
        self.heard.as_ref().is_some_and(|heard| heard.opus.is_some())
    }

    /// The next packet, if one is ready. Call until it returns `None`.
    pub fn poll_packet(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = self.heard.as_mut()?.second.take() {
                return Some(packet);
            }
            if let Next::Wait(deadline) = self.next()? {
                self.deadline = deadline;
                return None;
            }
            let (grid, heard) = (self.grid.as_ref()?, self.heard.as_mut()?);
            let position = grid.cursor;
            let arrivals = self.voices.iter().filter_map(|voice| voice.arrival(grid.origin, position));
            let arrived = arrivals.max().unwrap_or(grid.now);
            let [left, right] = &self.voices;
            let rings = (grid.void <= MAX_VOID).then_some([&left.ring, &right.ring]);
            let mut packets = heard.next(rings, position, arrived, &mut self.counts).into_iter().flatten();
            let (first, second) = (packets.next(), packets.next());
            heard.second = second;
            self.pass();
            if first.is_some() {
                return first;
            }
        }
    }

    /// What happened since this was last asked.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// The last minutes of a voice, by the call's own time: media time in samples.
    pub fn ring(&self, track: Track) -> &Ring {
        match track {
            Track::Inbound => &self.voices[0].ring,
            Track::Outbound => &self.voices[1].ring,
        }
    }

    /// Looks at the next slot, and gives up what has been waited for long enough. `None` before the first
    /// frame.
    fn next(&mut self) -> Option<Next> {
        let grid = self.grid.as_mut()?;
        let end = grid.cursor + SLOT as u64;
        let [mut left, mut right] = [false; 2];
        let mut deadline: Option<Instant> = None;
        // A voice that is given up can be what the other one waits for, so the first is looked at twice.
        for this in [0, 1, 0] {
            let other = 1 - this;
            let partner_arrived = (self.voices[other].edge >= end)
                .then(|| self.voices[other].arrival(grid.origin, grid.cursor).unwrap_or(grid.now));
            let voice = &mut self.voices[this];
            let mut since = None;
            while voice.live && voice.edge < end {
                let beyond = voice.ring.next_known(voice.edge);
                let next_arrived = beyond.map(|at| voice.arrival(grid.origin, at).unwrap_or(grid.now));
                since = next_arrived.into_iter().chain(partner_arrived).min();
                if since.is_none_or(|since| grid.now < since + self.config.wait) {
                    break;
                }
                match beyond {
                    Some(position) => voice.give_up(position),
                    None => voice.live = false,
                }
            }
            let complete = !voice.live || voice.edge >= end;
            if let (false, Some(since)) = (complete, since) {
                let until = since + self.config.wait;
                deadline = Some(deadline.map_or(until, |earliest| earliest.min(until)));
            }
            *(if this == 0 { &mut left } else { &mut right }) = complete;
        }
        let somebody = self.voices.iter().any(|voice| voice.live);
        if !(left && right && somebody) {
            return Some(Next::Wait(deadline));
        }
        let known = self.voices.iter().any(|voice| voice.ring.count(grid.cursor..end) > 0);
        grid.void = if known { 0 } else { grid.void.saturating_add(1) };
        Some(Next::Ready)
    }

    /// Goes on to the next slot, or to the next of which something is known.
    fn pass(&mut self) {
        let Some(grid) = &mut self.grid else { return };
        let mut end = grid.cursor + SLOT as u64;
        if grid.void > MAX_VOID {
            let next = self.voices.iter().filter_map(|voice| voice.ring.next_known(end)).min();
            let void = next.map_or(0, |next| next - end);
            end += void - void % SLOT as u64;
        }
        for voice in &mut self.voices {
            voice.pass(grid.cursor, end, &mut self.counts);
        }
        grid.cursor = end;
    }

    /// Passes over all that is complete, for nobody.
    fn pass_unheard(&mut self) {
        while let Some(Next::Ready) = self.next() {
            self.pass();
        }
    }
}

impl Heard {
    fn new() -> Self {
        Self { hearing: Hearing::new(), opus: None, pcmu: None, second: None }
    }

    /// What becomes of the 20 ms at `position`, by codec. Without rings nothing is known of them.
    fn next(
        &mut self,
        rings: Option<[&Ring; 2]>,
        position: u64,
        arrived: Instant,
        counts: &mut Counts,
    ) -> [Option<Packet>; 2] {
        let payloads = match rings {
            Some(rings) => {
                let sound = self.hearing.hear(rings, position);
                let opus = self
                    .opus
                    .as_mut()
                    .and_then(|opus| opus.next(sound.pcm.each_ref(), sound.is_silent(), counts));
                [opus, self.pcmu.as_mut().map(|pcmu| pcmu.next(&sound, counts))]
            }
            None => {
                self.pcmu.iter_mut().for_each(Phone::hush);
                [self.opus.as_mut().and_then(|opus| opus.hush(counts)), None]
            }
        };
        let mut codecs = Codec::ALL.into_iter();
        payloads.map(|payload| {
            let (codec, payload) = (codecs.next()?, payload?);
            Some(Packet {
                codec,
                payload: payload.bytes,
                timestamp: position,
                marker: payload.marker,
                arrived,
            })
        })
    }
}

/// How many samples of the telephone's a time has, at most a minute's.
fn samples(time: Duration) -> u64 {
    time.min(Duration::from_secs(60)).as_millis() as u64 * u64::from(PHONE_RATE) / 1000
}
