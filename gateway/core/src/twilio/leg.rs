//! The rules of one stream, from the opening of its WebSocket to its end.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Instant;

use super::wire::{Envelope, Message, WireError, decode};
use super::{Limits, Start};
use crate::frame::Track;

/// One media stream.
///
/// Feed it each message of the WebSocket with [`handle_text`](Self::handle_text) and its kin, and
/// [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) has passed. After
/// each, ask [`end`](Self::end): once that says something the stream is over, and what still comes is
/// ignored.
///
/// An `Err` is a bad message: it was dropped and counted, and the stream goes on unless `end` says
/// otherwise. A panic is ours.
#[derive(Debug)]
pub struct Leg {
    limits: Limits,
    state: State,
    /// The newest frame, decoded. Its space is used again for the next.
    frame: Vec<u8>,
    /// When the last bad messages came, oldest first: at most [`Limits::bad`] and one.
    bad: VecDeque<Instant>,
    /// When the present [`Limits::window`] began, and the messages in it.
    window: (Instant, u32),
    /// Highest `sequenceNumber` so far.
    sequence: Option<u64>,
    counts: Counts,
}

#[derive(Debug)]
enum State {
    Opening { until: Instant },
    Live { stream: Box<str>, tracks: Vec<Track>, until: Instant },
    Over(End),
}

/// What a message says to whoever holds the leg.
#[derive(Debug, Eq, PartialEq)]
pub enum Event<'a> {
    /// The stream has begun, if it is the one that was expected: check that before anything else.
    Started(Box<Start>),
    /// Audio.
    Media {
        /// Whose voice.
        track: Track,
        /// Its place in the stream's time, in milliseconds; at most
        /// [`MAX_TIMESTAMP_MS`](super::MAX_TIMESTAMP_MS). Frames may come late, twice, or not at all.
        timestamp_ms: u64,
        /// Mu-law at 8000 Hz, 1 to [`MAX_FRAME`](super::MAX_FRAME) bytes. Lent until the next message.
        ulaw: &'a [u8],
    },
    /// The caller pressed a key: `0` to `9`, `*`, `#`, `A` to `D`.
    Dtmf(char),
    /// What was queued for playing before this mark was played, or thrown away.
    Mark(Cow<'a, str>),
}

/// Why a stream is over.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum End {
    /// Twilio said `stop`.
    Stopped,
    /// No `start` within [`Limits::start`].
    NoStart,
    /// No audio for [`Limits::stall`].
    Stalled,
    /// More bad messages than [`Limits::bad`].
    TooManyBad,
    /// More messages than [`Limits::messages`].
    Flood,
}

/// Messages by what they were, since the counts were last taken.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// `connected`.
    pub connected: u32,
    /// `start`, good or second.
    pub start: u32,
    /// `media` of a stream that is live.
    pub media: u32,
    /// `dtmf`.
    pub dtmf: u32,
    /// `mark`.
    pub mark: u32,
    /// `stop`.
    pub stop: u32,
    /// Events this build does not know. Ignored.
    pub unknown: u32,
    /// Before `start` or after the end. Ignored.
    pub misplaced: u32,
    /// Bad ones.
    pub bad: u32,
    /// Holes in `sequenceNumber`, however wide.
    pub sequence_gaps: u32,
}

impl Leg {
    /// A stream whose WebSocket opened at `now`.
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            state: State::Opening { until: now + limits.start },
            frame: Vec::new(),
            bad: VecDeque::new(),
            window: (now, 0),
            sequence: None,
            counts: Counts::default(),
        }
    }

    /// Why the stream is over, once it is.
    pub fn end(&self) -> Option<End> {
        match self.state {
            State::Over(end) => Some(end),
            State::Opening { .. } | State::Live { .. } => None,
        }
    }

    /// What came since this was last asked.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// Takes a text message. `Ok(None)`: nothing that concerns anybody else.
    pub fn handle_text<'a>(
        &'a mut self,
        now: Instant,
        text: &'a str,
    ) -> Result<Option<Event<'a>>, WireError> {
        if !self.count_in(now) {
            return Ok(None);
        }
        match self.read(now, text) {
            Ok(Heard::Nothing) => Ok(None),
            Ok(Heard::Event(event)) => Ok(Some(event)),
            Ok(Heard::Frame { track, timestamp_ms }) => {
                Ok(Some(Event::Media { track, timestamp_ms, ulaw: &self.frame }))
            }
            Err(error) => {
                self.count_bad(now);
                Err(error)
            }
        }
    }

    /// Takes a binary message, which Twilio never sends: a bad one.
    pub fn handle_binary(&mut self, now: Instant) -> Result<(), WireError> {
        if !self.count_in(now) {
            return Ok(());
        }
        self.count_bad(now);
        Err(WireError::Binary)
    }

    /// Takes a ping or a pong. They say nothing, but too many are a flood too.
    pub fn handle_control(&mut self, now: Instant) {
        self.count_in(now);
    }

    /// Takes note that time has passed. Harmless when called too early.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Opening { until } if until <= now => self.state = State::Over(End::NoStart),
            State::Live { until, .. } if until <= now => self.state = State::Over(End::Stalled),
            State::Opening { .. } | State::Live { .. } | State::Over(_) => {}
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), or never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Opening { until } | State::Live { until, .. } => Some(until),
            State::Over(_) => None,
        }
    }

    /// Counts a message into the window. False: the stream is over, look no further.
    fn count_in(&mut self, now: Instant) -> bool {
        if let State::Over(_) = self.state {
            add(&mut self.counts.misplaced);
            return false;
        }
        let (since, messages) = &mut self.window;
        if now.saturating_duration_since(*since) >= self.limits.window {
            (*since, *messages) = (now, 0);
        }
        *messages = messages.saturating_add(1);
        if *messages > self.limits.messages {
            self.state = State::Over(End::Flood);
            return false;
        }
        true
    }

    fn count_bad(&mut self, now: Instant) {
        add(&mut self.counts.bad);
        let forgotten = |&since: &Instant| now.saturating_duration_since(since) >= self.limits.window;
        while self.bad.front().is_some_and(forgotten) {
            self.bad.pop_front();
        }
        self.bad.push_back(now);
        if self.bad.len() > self.limits.bad {
            self.state = State::Over(End::TooManyBad);
        }
    }

    fn read<'a>(&mut self, now: Instant, text: &'a str) -> Result<Heard<'a>, WireError> {
        let Envelope { stream: of, sequence, message } = Envelope::parse(text)?;
        let of = of.as_deref();
        let counts = &mut self.counts;
        let heard = match (&mut self.state, message) {
            (State::Opening { .. }, Message::Start(start)) => {
                let stream = start.stream.as_str();
                belongs(of, stream)?;
                add(&mut counts.start);
                let until = now + self.limits.stall;
                self.state = State::Live { stream: stream.into(), tracks: start.tracks.clone(), until };
                Heard::Event(Event::Started(start))
            }
            (State::Live { .. }, Message::Start(_)) => return Err(WireError::SecondStart),
            (State::Live { stream, tracks, until }, Message::Media { track, timestamp_ms, payload }) => {
                belongs(of, stream)?;
                if !tracks.contains(&track) {
                    return Err(WireError::Track);
                }
                decode(&payload, &mut self.frame)?;
                add(&mut counts.media);
                *until = now + self.limits.stall;
                Heard::Frame { track, timestamp_ms }
            }
            (State::Live { stream, .. }, Message::Dtmf(key)) => {
                belongs(of, stream)?;
                add(&mut counts.dtmf);
                Heard::Event(Event::Dtmf(key))
            }
            (State::Live { stream, .. }, Message::Mark(name)) => {
                belongs(of, stream)?;
                add(&mut counts.mark);
                Heard::Event(Event::Mark(name))
            }
            (State::Live { stream, .. }, Message::Stop) => {
                belongs(of, stream)?;
                add(&mut counts.stop);
                self.state = State::Over(End::Stopped);
                Heard::Nothing
            }
            // The call was over before its stream had begun.
            (State::Opening { .. }, Message::Stop) => {
                add(&mut counts.stop);
                self.state = State::Over(End::Stopped);
                return Ok(Heard::Nothing);
            }
            // Audio that overtakes `start` is worth nothing, but not a call either.
            (State::Opening { .. }, Message::Media { .. } | Message::Dtmf(_) | Message::Mark(_)) => {
                add(&mut counts.misplaced);
                return Ok(Heard::Nothing);
            }
            (_, Message::Connected) => {
                add(&mut counts.connected);
                Heard::Nothing
            }
            (_, Message::Unknown) => {
                add(&mut counts.unknown);
                Heard::Nothing
            }
            (State::Over(_), _) => Heard::Nothing,
        };
        self.follow(sequence);
        Ok(heard)
    }

    /// Notes a good message's place. Numbers that go back are left alone: `media` says its own time.
    fn follow(&mut self, sequence: Option<u64>) {
        let Some(sequence) = sequence else { return };
        if self.sequence.is_some_and(|last| sequence > last.saturating_add(1)) {
            add(&mut self.counts.sequence_gaps);
        }
        self.sequence = self.sequence.max(Some(sequence));
    }
}

/// What reading a message led to. A frame is lent only later, when nothing else is borrowed.
enum Heard<'a> {
    Nothing,
    Event(Event<'a>),
    Frame { track: Track, timestamp_ms: u64 },
}

/// Checks that a message names this stream.
fn belongs(of: Option<&str>, stream: &str) -> Result<(), WireError> {
    match of {
        Some(sid) if sid == stream => Ok(()),
        Some(_) => Err(WireError::OtherStream),
        None => Err(WireError::Missing("streamSid")),
    }
}

fn add(count: &mut u32) {
    *count = count.saturating_add(1);
}
