//! The floor of a call: where the caller, agents, supervisors and machines speak with each other.
//!
//! Voices come as they come: the caller's in frames of mu-law, people's in RTP, machines' in pieces of any
//! length. Every 20 ms of the floor's own clock one slot of each is taken, and everybody is given what they
//! may hear ([`routing`](super::routing)): the caller and bots mu-law, who speaks an Opus stream of their own,
//! all who only listen one voice for their right ear. The clock stands still while nobody could be heard.
//!
//! A voice that loses or wins hearers is cut: what of it still waits is dropped and fades out for those who
//! heard it. So nobody hears what was said for others, not even the moment around a change.

mod caller;
mod config;
mod cut;
mod output;
mod party;
mod speech;
mod tick;

use std::time::{Duration, Instant};

use common::token::Mode;

pub use config::{FloorConfig, FloorCounts, FloorError, MAX_PARTIES};
pub use output::{Output, PartyId, Role};

use self::caller::Caller;
use self::cut::Tail;
use self::output::Outputs;
use self::party::{Party, Voice};
use self::tick::Ears;
use super::Counts;
use super::microphone::Rtp;
use super::mixer::Frame;
use super::routing::{Audience, State};
use super::tone::{Hold, Keys};
use crate::frame::PHONE_RATE;

/// A tick of the floor's clock.
const TICK: Duration = Duration::from_millis(20);

/// So many ticks are caught up with when the owner comes late; what is before is left out.
const CATCH_UP: u64 = 5;

/// The floor of one call.
///
/// After each call of another function, call [`poll_output`](Self::poll_output) until it returns `None`, and
/// come back when [`poll_timeout`](Self::poll_timeout) says.
#[derive(Debug)]
pub struct Floor {
    config: FloorConfig,
    epoch: Instant,
    /// The latest time it was told.
    now: Instant,
    /// The next tick that has not been.
    tick: u64,
    running: bool,
    parties: Vec<Party>,
    /// What each of them says in this tick.
    frames: Vec<Frame>,
    /// Voices that were cut: heard in the next tick, by those who heard them.
    tails: Vec<Tail>,
    /// While the clock runs.
    caller: Option<Box<Caller>>,
    /// Who heard the caller last.
    caller_heard: Audience,
    keys: Keys,
    hold: Option<Hold>,
    bot_paused: bool,
    ears: Ears,
    outputs: Outputs,
    /// Of all parties' streams.
    streams: Counts,
    counts: FloorCounts,
}

impl Floor {
    /// A floor that nobody is on.
    pub fn new(config: FloorConfig, now: Instant) -> Self {
        Self {
            config,
            epoch: now,
            now,
            tick: 0,
            running: false,
            parties: Vec::new(),
            frames: Vec::new(),
            tails: Vec::new(),
            caller: None,
            caller_heard: Audience::NOBODY,
            keys: Keys::default(),
            hold: None,
            bot_paused: false,
            ears: Ears::default(),
            outputs: Outputs::default(),
            streams: Counts::default(),
            counts: FloorCounts::default(),
        }
    }

    /// Takes a frame of the caller's as it arrives: mu-law of any length.
    pub fn handle_caller(&mut self, now: Instant, ulaw: &[u8]) {
        self.see(now);
        if self.running {
            self.caller.get_or_insert_with(|| Box::new(Caller::new())).push(ulaw, &mut self.counts);
        }
    }

    /// Adds a party, or changes what it may. `mode` counts for agents and supervisors; one in mode takeover
    /// pauses the bot. On an error nothing has changed.
    pub fn set_party(
        &mut self,
        now: Instant,
        party: PartyId,
        role: Role,
        mode: Mode,
    ) -> Result<(), FloorError> {
        self.see(now);
        let Some(at) = self.find(party).filter(|&at| self.parties[at].role == role) else {
            return self.replace_party(party, role, mode);
        };
        if self.parties[at].is_person() && self.parties[at].mode != mode {
            let state = self.state();
            // What was said up to now is for those who hear it now.
            let tail = self.cut_microphone(at);
            if let Err(error) = self.parties[at].set_mode(self.now, mode, &self.config) {
                self.settle();
                return Err(error);
            }
            self.fade(tail);
            self.follow_bot_pause(state);
        }
        self.settle();
        Ok(())
    }

    /// Takes a party off the floor. What it has queued is dropped.
    pub fn remove_party(&mut self, now: Instant, party: PartyId) {
        self.see(now);
        self.drop_party(party);
        self.settle();
    }

    /// Pauses the bot, or lets it go on: while it is paused it hears nothing, and what it says is dropped.
    pub fn set_bot_paused(&mut self, now: Instant, paused: bool) {
        self.see(now);
        let state = self.state();
        self.bot_paused = paused;
        self.follow_bot_pause(state);
        self.settle();
    }

    /// Whether the bot is paused, by [`set_bot_paused`](Self::set_bot_paused) or by somebody who took over.
    pub fn is_bot_paused(&self) -> bool {
        self.bot_paused || self.parties.iter().any(|party| party.is_person() && party.mode == Mode::Takeover)
    }

    /// Puts the caller on hold, or takes them back: they hear a tone and no agent, and agents do not hear them.
    pub fn set_held(&mut self, now: Instant, held: bool) {
        self.see(now);
        if held == self.hold.is_some() {
            return;
        }
        // What agents said before is not for the time after.
        for at in 0..self.parties.len() {
            if self.parties[at].role == Role::Agent {
                let tail = self.cut_microphone(at);
                self.fade(tail);
            }
        }
        self.hold = held.then(Hold::default);
        self.settle();
    }

    /// Takes a packet of a microphone. False: it was dropped before decoding, because the party may not speak.
    pub fn handle_rtp(&mut self, now: Instant, party: PartyId, rtp: Rtp<'_>) -> bool {
        self.see(now);
        let now = self.now;
        let voice = self.find(party).map(|at| &mut self.parties[at].voice);
        let Some(Voice::Microphone(microphone)) = voice else {
            self.counts.gated += 1;
            return false;
        };
        microphone.handle_rtp(now, rtp);
        true
    }

    /// A microphone was closed: what is queued of it is dropped, and it fades out within the next tick.
    pub fn hush(&mut self, now: Instant, party: PartyId) {
        self.see(now);
        if let Some(at) = self.find(party) {
            let tail = self.cut_microphone(at);
            self.fade(tail);
        }
        self.settle();
    }

    /// Queues audio of a bot or an announcer: mu-law of any length, played in order at real time. Returns how
    /// many bytes did not fit.
    pub fn queue(&mut self, now: Instant, party: PartyId, ulaw: &[u8]) -> usize {
        self.see(now);
        let refused = match self.speech(party) {
            Some(at) if self.is_mute(at) => ulaw.len(),
            Some(at) => match &mut self.parties[at].voice {
                Voice::Speech(speech) => speech.push(ulaw),
                _ => ulaw.len(),
            },
            None => ulaw.len(),
        };
        self.counts.queue_refused += refused as u64;
        self.settle();
        refused
    }

    /// Queues a mark: [`Output::Mark`] comes when all queued before it has been given out. False: the queue has
    /// too many marks, or the party has no queue.
    pub fn queue_mark(&mut self, now: Instant, party: PartyId, mark: u64) -> bool {
        self.see(now);
        let Some(at) = self.speech(party) else { return false };
        let dropped = self.is_mute(at);
        let Voice::Speech(speech) = &mut self.parties[at].voice else { return false };
        let fits = dropped || speech.mark(mark);
        if dropped {
            self.outputs.give(Output::Mark { party, mark, dropped });
        } else {
            self.give_marks(at, false);
        }
        self.settle();
        fits
    }

    /// Drops a party's queue; the marks in it come out at once.
    pub fn clear(&mut self, now: Instant, party: PartyId) {
        self.see(now);
        if let Some(at) = self.speech(party) {
            self.clear_speech(at);
        }
        self.settle();
    }

    /// How much of a party's audio waits.
    pub fn queued(&self, party: PartyId) -> Duration {
        match self.find(party).map(|at| &self.parties[at].voice) {
            Some(Voice::Speech(speech)) => {
                Duration::from_micros(speech.len() as u64 * 1_000_000 / u64::from(PHONE_RATE))
            }
            _ => Duration::ZERO,
        }
    }

    /// How long a party's speech waits for packets that come late. `None` if it may not speak.
    pub fn delay(&self, party: PartyId) -> Option<Duration> {
        match self.find(party).map(|at| &self.parties[at].voice) {
            Some(Voice::Microphone(microphone)) => Some(microphone.delay()),
            _ => None,
        }
    }

    /// Dials keys to the caller as tones: 0 to 9, `*`, `#`, A to D, and `w` for a pause of 500 ms. While a key
    /// sounds the caller hears nothing else. All of them, or on an error none.
    pub fn dial(&mut self, now: Instant, keys: &str) -> Result<(), FloorError> {
        self.see(now);
        if let Some(other) = keys.chars().find(|&key| !Keys::is_key(key)) {
            return Err(FloorError::NotAKey(other));
        }
        let room = self.keys.room();
        if keys.len() > room {
            return Err(FloorError::TooManyKeys { room });
        }
        keys.chars().for_each(|key| self.keys.push(key));
        self.settle();
        Ok(())
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). `None` while nobody may speak, nothing is queued
    /// and no bot listens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.running.then(|| self.time_of(self.tick))
    }

    /// The deadline of [`poll_timeout`](Self::poll_timeout) has passed. Harmless at any other time.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.see(now);
        let last = self.tick_at(self.now);
        if self.running && last >= self.tick + CATCH_UP {
            let skipped = last + 1 - CATCH_UP - self.tick;
            self.tick += skipped;
            self.counts.skipped_ticks += skipped;
        }
        while self.running && self.tick <= last {
            self.run_tick();
            self.tick += 1;
            self.settle();
        }
    }

    /// The next thing to give out. Call until it returns `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.waiting.pop_front()
    }

    /// What happened since this was last asked.
    pub fn take_counts(&mut self) -> FloorCounts {
        for party in &mut self.parties {
            if let Voice::Microphone(microphone) = &mut party.voice {
                self.counts.microphones += microphone.take_counts();
            }
        }
        let streams = std::mem::take(&mut self.streams);
        FloorCounts {
            encoded: streams.encoded,
            comfort: streams.comfort,
            encoder_failures: streams.encoder_failures,
            outputs_dropped: std::mem::take(&mut self.outputs.dropped),
            ..std::mem::take(&mut self.counts)
        }
    }

    fn see(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn find(&self, party: PartyId) -> Option<usize> {
        self.parties.iter().position(|other| other.id == party)
    }

    /// A party that has a queue.
    fn speech(&self, party: PartyId) -> Option<usize> {
        self.find(party).filter(|&at| matches!(self.parties[at].voice, Voice::Speech(_)))
    }

    /// Whether what this party queues is dropped.
    fn is_mute(&self, at: usize) -> bool {
        self.parties[at].role == Role::Bot && self.is_bot_paused()
    }

    fn state(&self) -> State {
        State { held: self.hold.is_some(), bot_paused: self.is_bot_paused() }
    }

    fn replace_party(&mut self, party: PartyId, role: Role, mode: Mode) -> Result<(), FloorError> {
        if self.find(party).is_none() && self.parties.len() >= MAX_PARTIES {
            return Err(FloorError::TooManyParties);
        }
        let mut new = Party::new(party, role, &self.config);
        new.set_mode(self.now, mode, &self.config)?;
        self.drop_party(party);
        let state = self.state();
        self.parties.push(new);
        self.frames.push(Frame::SILENCE);
        self.follow_bot_pause(state);
        self.settle();
        Ok(())
    }

    fn drop_party(&mut self, party: PartyId) {
        let Some(at) = self.find(party) else { return };
        if matches!(self.parties[at].voice, Voice::Speech(_)) {
            self.clear_speech(at);
        } else {
            let tail = self.cut_microphone(at);
            self.fade(tail);
        }
        let mut gone = self.parties.swap_remove(at);
        self.frames.swap_remove(at);
        if let Voice::Microphone(microphone) = &mut gone.voice {
            self.counts.microphones += microphone.take_counts();
        }
    }

    /// Lets the clock run or stand as is needed now.
    fn settle(&mut self) {
        let paused = self.is_bot_paused();
        let runs = self.hold.is_some()
            || !self.keys.is_empty()
            || !self.tails.is_empty()
            || self.parties.iter().any(|party| party.needs_clock(paused));
        if runs && !self.running {
            // The next tick that is still to come.
            let now = self.tick_at(self.now);
            let next = if self.time_of(now) == self.now { now } else { now + 1 };
            self.tick = self.tick.max(next);
        }
        if !runs {
            self.caller = None;
            self.caller_heard = Audience::NOBODY;
        }
        self.running = runs;
    }

    fn time_of(&self, tick: u64) -> Instant {
        self.epoch + TICK * u32::try_from(tick).unwrap_or(u32::MAX)
    }

    /// The last tick that was due at this time.
    fn tick_at(&self, now: Instant) -> u64 {
        (now.saturating_duration_since(self.epoch).as_millis() / TICK.as_millis()) as u64
    }
}
