//! What a floor gives out, and to whom.

use std::collections::VecDeque;

use bytes::Bytes;

use super::super::SLOT;

/// Outputs that wait to be taken at most. A tick gives one or two for each party.
const MAX_OUTPUTS: usize = 4096;

/// Somebody who takes part in a call beside the caller. The owner's own number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PartyId(pub u32);

/// What somebody is in a call.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// A person who has answered.
    Agent,
    /// A person beside the call.
    Supervisor,
    /// An AI that hears and speaks.
    Bot,
    /// Text that is read out, prompts. It has no ears.
    Announcer,
}

/// What a floor gives out. `tick` counts 20 ms of its clock since it was made, and jumps over the time that
/// the clock stood still.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Output {
    /// 20 ms for the caller. Not given while they would hear silence.
    Caller {
        /// Its place in the floor's time.
        tick: u64,
        /// What the caller hears.
        ulaw: [u8; SLOT],
        /// All that is heard in it is a bot's.
        by_bot_only: bool,
    },
    /// All audio of this party before the mark has been given out, or was dropped.
    Mark {
        /// Whose queue it was in.
        party: PartyId,
        /// The mark.
        mark: u64,
        /// It was not played to the end.
        dropped: bool,
    },
    /// 20 ms for a bot: each tick while it is there and not paused, silence included.
    Bot {
        /// Its place in the floor's time.
        tick: u64,
        /// The bot.
        party: PartyId,
        /// What it hears.
        ulaw: [u8; SLOT],
    },
    /// 20 ms for an agent or a supervisor who may speak: stereo Opus, left the caller, right everybody else
    /// but themself. Not given for every tick while all are silent.
    Party {
        /// Its place in the floor's time.
        tick: u64,
        /// Who hears it.
        party: PartyId,
        /// One Opus packet.
        payload: Bytes,
        /// The first packet after silence: the RTP marker bit.
        marker: bool,
    },
    /// What all who only listen hear in their right ear: everybody but the caller. Each tick, silence included.
    AgentSide {
        /// Its place in the floor's time.
        tick: u64,
        /// What they hear.
        ulaw: [u8; SLOT],
    },
}

/// What was not taken yet.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    pub(super) waiting: VecDeque<Output>,
    pub(super) dropped: u64,
}

impl Outputs {
    pub(super) fn give(&mut self, output: Output) {
        if self.waiting.len() >= MAX_OUTPUTS {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back(output);
    }
}
