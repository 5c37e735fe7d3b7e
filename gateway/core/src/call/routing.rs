//! Who hears whom on the floor of a call.
//!
//! The table is the whole rule, and what it does not say is not heard.

use common::token::Mode;

/// Who speaks, and as what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Speaker {
    /// The far end of the telephone.
    Caller,
    /// A person who has answered the call.
    Agent(Mode),
    /// A person beside the call.
    Supervisor(Mode),
    /// An AI that talks with the caller.
    Bot,
    /// Text that is read out, prompts.
    Announcer,
    /// Keys that are dialled to the caller.
    Keys,
    /// What says that the caller is on hold.
    HoldTone,
}

/// Who hears, by kind. A person hears as what they are, whatever their mode.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hearer {
    /// The far end of the telephone.
    Caller,
    /// A person who has answered the call.
    Agent,
    /// A person beside the call who speaks.
    Supervisor,
    /// An AI that talks with the caller.
    Bot,
    /// Everybody who only listens, and what is recorded.
    Listener,
}

impl Hearer {
    /// All kinds, in the order of the table's columns.
    pub const ALL: [Self; 5] = [Self::Caller, Self::Agent, Self::Supervisor, Self::Bot, Self::Listener];
}

/// What of a call decides besides who speaks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct State {
    /// The caller is on hold.
    pub held: bool,
    /// The AI is silent and deaf.
    pub bot_paused: bool,
}

/// One cell of the table.
#[derive(Clone, Copy)]
enum Heard {
    Never,
    Always,
    /// Not while the caller is on hold.
    NotHeld,
    /// Only while the caller is on hold.
    Held,
    /// Not while the AI is paused.
    NotPaused,
}

use Heard::{Always, Held, Never, NotHeld, NotPaused};

/// A row for each speaker, a column for each of [`Hearer::ALL`]. Nobody hears themself, whatever stands here.
#[rustfmt::skip]
const TABLE: [(Speaker, [Heard; 5]); 11] = [
    //                                     caller     agent    supervisor bot        listener
    (Speaker::Caller,                     [Never,     NotHeld, Always,    NotPaused, Always]),
    (Speaker::Agent(Mode::Whisper),       [Never,     Always,  Always,    NotPaused, Always]),
    (Speaker::Agent(Mode::Join),          [NotHeld,   Always,  Always,    NotPaused, Always]),
    (Speaker::Agent(Mode::Takeover),      [NotHeld,   Always,  Always,    NotPaused, Always]),
    (Speaker::Supervisor(Mode::Whisper),  [Never,     Always,  Always,    NotPaused, Always]),
    (Speaker::Supervisor(Mode::Join),     [Always,    Always,  Always,    NotPaused, Always]),
    (Speaker::Supervisor(Mode::Takeover), [Always,    Always,  Always,    NotPaused, Always]),
    (Speaker::Bot,                        [NotPaused, NotPaused, NotPaused, Never,   NotPaused]),
    (Speaker::Announcer,                  [Always,    Always,  Always,    Never,     Always]),
    (Speaker::Keys,                       [Always,    Always,  Always,    Never,     Always]),
    (Speaker::HoldTone,                   [Held,      Never,   Held,      Never,     Held]),
];

/// Who hears somebody.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Audience(u8);

impl Audience {
    /// Nobody.
    pub const NOBODY: Self = Self(0);

    /// Whether this kind of hearer is among them.
    pub const fn has(self, hearer: Hearer) -> bool {
        self.0 & (1 << hearer as u8) != 0
    }

    /// Those who are in both.
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those who are in this and not in the other.
    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// Who hears this speaker now.
pub fn audience(speaker: Speaker, state: State) -> Audience {
    let Some((_, row)) = TABLE.iter().find(|(of, _)| *of == speaker) else { return Audience::NOBODY };
    let hears = |heard: Heard| match heard {
        Never => false,
        Always => true,
        NotHeld => !state.held,
        Held => state.held,
        NotPaused => !state.bot_paused,
    };
    let bits = Hearer::ALL.into_iter().zip(row).filter(|&(_, &heard)| hears(heard));
    Audience(bits.fold(0, |set, (hearer, _)| set | 1 << hearer as u8))
}
