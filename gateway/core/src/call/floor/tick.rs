//! One tick of the floor's clock: 20 ms of every voice in, and what everybody hears out.

use super::super::mixer::{Frame, Mixer};
use super::super::routing::{Audience, Hearer, Speaker, audience};
use super::{Floor, Output, PartyId, Role};

/// The ears of those who have none of their own.
#[derive(Debug, Default)]
pub(super) struct Ears {
    caller: Mixer,
    listener: Mixer,
}

/// Voices of a tick at most: the parties, as many that were cut, the caller twice, and two tones.
const MAX_VOICES: usize = 2 * super::MAX_PARTIES + 4;

/// One voice of a tick.
#[derive(Clone, Copy)]
struct Sound<'a> {
    frame: &'a Frame,
    heard: Audience,
    of: Of,
}

/// Whose voice it is.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Of {
    Caller,
    Bot(PartyId),
    Party(PartyId),
    Floor,
}

/// The voices of a tick that are not silent.
struct Sounds<'a> {
    all: [Option<Sound<'a>>; MAX_VOICES],
    count: usize,
}

impl<'a> Sounds<'a> {
    fn add(&mut self, frame: &'a Frame, heard: Audience, of: Of) {
        if !frame.silent
            && let Some(place) = self.all.get_mut(self.count)
        {
            *place = Some(Sound { frame, heard, of });
            self.count += 1;
        }
    }

    /// What one kind of hearer hears.
    fn for_hearer(&self, hearer: Hearer) -> impl Iterator<Item = Sound<'a>> + Clone {
        self.all[..self.count].iter().flatten().copied().filter(move |sound| sound.heard.has(hearer))
    }
}

impl Floor {
    /// Runs one tick.
    pub(super) fn run_tick(&mut self) {
        self.counts.ticks += 1;
        let (tick, now, state) = (self.tick, self.time_of(self.tick), self.state());
        for (party, frame) in self.parties.iter_mut().zip(&mut self.frames) {
            *frame = party.next(now);
        }
        let caller = self.caller.as_mut().map_or(Frame::SILENCE, |caller| caller.next(&mut self.counts));
        let keys = self.keys.next();
        let hold = self.hold.as_mut().and_then(|hold| hold.next());

        let mut sounds = Sounds { all: [None; MAX_VOICES], count: 0 };
        let hears_caller = audience(Speaker::Caller, state);
        let before = std::mem::replace(&mut self.caller_heard, hears_caller);
        let (fading_in, fading_out);
        if before == hears_caller || before == Audience::NOBODY {
            sounds.add(&caller, hears_caller, Of::Caller);
        } else {
            (fading_in, fading_out) = (caller.fade_in(), caller.fade_out());
            sounds.add(&caller, hears_caller.and(before), Of::Caller);
            sounds.add(&fading_in, hears_caller.without(before), Of::Caller);
            sounds.add(&fading_out, before.without(hears_caller), Of::Caller);
        }
        for (party, frame) in self.parties.iter().zip(&self.frames) {
            let of = if party.role == Role::Bot { Of::Bot(party.id) } else { Of::Party(party.id) };
            sounds.add(frame, audience(party.speaker(), state), of);
        }
        for tail in &self.tails {
            let of = if tail.bot { Of::Bot(tail.party) } else { Of::Party(tail.party) };
            sounds.add(&tail.frame, tail.heard, of);
        }
        if let Some(hold) = &hold {
            sounds.add(hold, audience(Speaker::HoldTone, state), Of::Floor);
        }
        if let Some(keys) = &keys {
            sounds.add(keys, audience(Speaker::Keys, state), Of::Floor);
        }

        let outputs = &mut self.outputs;
        let heard = || sounds.for_hearer(Hearer::Caller);
        let by_bot_only = heard().all(|sound| matches!(sound.of, Of::Bot(_)));
        // A receiver of keys is sure of them only where nothing else sounds.
        let mut frame = match &keys {
            Some(keys) => self.ears.caller.mix([keys].into_iter()),
            None => self.ears.caller.mix(heard().map(|sound| sound.frame)),
        };
        if !frame.silent {
            outputs.give(Output::Caller { tick, ulaw: *frame.code(), by_bot_only });
        }
        for party in &mut self.parties {
            let (id, Some(hearer)) = (party.id, party.hearer()) else { continue };
            let heard = sounds
                .for_hearer(hearer)
                .filter(|sound| sound.of != Of::Bot(id) && sound.of != Of::Party(id));
            if party.role == Role::Bot {
                if !state.bot_paused {
                    let mut frame = party.mixer.mix(heard.map(|sound| sound.frame));
                    outputs.give(Output::Bot { tick, party: id, ulaw: *frame.code() });
                }
                continue;
            }
            let Some(stream) = &mut party.stream else { continue };
            let mut left = heard.clone().filter(|sound| sound.of == Of::Caller);
            // At most one fades in or out for one hearer.
            let left = left.next().map_or(&Frame::SILENCE, |sound| sound.frame);
            let both = self.config.far_end_in_both_ears;
            let right = heard.filter(|sound| both || sound.of != Of::Caller);
            let right = party.mixer.mix(right.map(|sound| sound.frame));
            let silent = left.silent && right.silent;
            if let Some(payload) = stream.next([&left.pcm, &right.pcm], silent, &mut self.streams) {
                outputs.give(Output::Party {
                    tick,
                    party: id,
                    payload: payload.bytes,
                    marker: payload.marker,
                });
            }
        }
        let heard = sounds.for_hearer(Hearer::Listener).filter(|sound| sound.of != Of::Caller);
        let mut frame = self.ears.listener.mix(heard.map(|sound| sound.frame));
        outputs.give(Output::AgentSide { tick, ulaw: *frame.code() });
        self.tails.clear();
        for at in 0..self.parties.len() {
            self.give_marks(at, false);
        }
    }
}
