//! Voices that end at once: what waits of them is dropped, and they fade for those who heard them.

use super::super::mixer::Frame;
use super::super::routing::{Audience, State, audience};
use super::party::Voice;
use super::{Floor, MAX_PARTIES, Output, PartyId, Role};

/// The end of a voice that was cut.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) party: PartyId,
    pub(super) bot: bool,
    pub(super) heard: Audience,
    pub(super) frame: Frame,
}

impl Floor {
    /// Drops what waits of a microphone. What leads it into silence is for those who hear it now.
    pub(super) fn cut_microphone(&mut self, at: usize) -> Option<Tail> {
        let (now, state) = (self.now, self.state());
        let party = &mut self.parties[at];
        let Voice::Microphone(microphone) = &mut party.voice else { return None };
        let frame = microphone.cut(now);
        let heard = audience(party.speaker(), state);
        Some(Tail { party: party.id, bot: false, heard, frame })
    }

    /// Lets a voice that was cut fade in the next tick. More than so many in one end without.
    pub(super) fn fade(&mut self, tail: Option<Tail>) {
        self.tails.extend(tail.filter(|tail| !tail.frame.silent && self.tails.len() < MAX_PARTIES));
    }

    /// Drops a queue and gives its marks out.
    pub(super) fn clear_speech(&mut self, at: usize) {
        let state = self.state();
        let party = &mut self.parties[at];
        let Voice::Speech(speech) = &mut party.voice else { return };
        let (cleared, frame) = speech.clear();
        self.counts.queue_cleared += cleared as u64;
        let heard = audience(party.speaker(), state);
        let tail = Tail { party: party.id, bot: party.role == Role::Bot, heard, frame };
        self.fade(Some(tail));
        self.give_marks(at, true);
    }

    /// The bot may have been paused since this was the state: then its queue goes.
    pub(super) fn follow_bot_pause(&mut self, before: State) {
        if before.bot_paused || !self.is_bot_paused() {
            return;
        }
        for at in 0..self.parties.len() {
            if self.parties[at].role == Role::Bot {
                let from = self.tails.len();
                self.clear_speech(at);
                // Those who heard it until now hear it fade.
                let heard = audience(self.parties[at].speaker(), before);
                self.tails[from..].iter_mut().for_each(|tail| tail.heard = heard);
            }
        }
    }

    /// Gives out the marks that are due.
    pub(super) fn give_marks(&mut self, at: usize, dropped: bool) {
        let party = self.parties[at].id;
        while let Voice::Speech(speech) = &mut self.parties[at].voice
            && let Some(mark) = speech.next_mark()
        {
            self.outputs.give(Output::Mark { party, mark, dropped });
        }
    }
}
