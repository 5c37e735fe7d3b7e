//! On what terms somebody is in a conference.

use common::CallSid;

use crate::twilio::twiml::Target;

/// Most participants of a conference.
pub(in crate::twilio) const MAX_PARTICIPANTS: usize = 250;

/// Longest name of a conference, and longest label of a participant, in characters.
pub(in crate::twilio) const MAX_NAME: usize = 128;

/// What a document, or the API, says of a participant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::twilio) struct Terms {
    /// A name by which the API finds it.
    pub(in crate::twilio) label: Option<String>,
    /// Whether nobody hears it.
    pub(in crate::twilio) muted: bool,
    /// When the others hear a tone.
    pub(in crate::twilio) beep: Beep,
    /// Whether the conference starts with it.
    pub(in crate::twilio) starts: bool,
    /// Whether the conference is over without it.
    pub(in crate::twilio) ends: bool,
    /// The only participant that hears it.
    pub(in crate::twilio) coaches: Option<CallSid>,
    /// Most participants with which it comes in.
    pub(in crate::twilio) limit: usize,
    /// Who is told of the conference. Only the first participant's counts.
    pub(in crate::twilio) callback: Option<Callback>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            label: None,
            muted: false,
            beep: Beep::Always,
            starts: true,
            ends: false,
            coaches: None,
            limit: MAX_PARTICIPANTS,
            callback: None,
        }
    }
}

/// When a tone is heard of somebody who comes or goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::twilio) enum Beep {
    Always,
    Enter,
    Exit,
    Never,
}

impl Beep {
    /// Twilio's words for it.
    pub(in crate::twilio) fn parse(word: &str) -> Option<Self> {
        match word {
            "true" => Some(Self::Always),
            "onEnter" => Some(Self::Enter),
            "onExit" => Some(Self::Exit),
            "false" => Some(Self::Never),
            _ => None,
        }
    }

    pub(super) const fn on_enter(self) -> bool {
        matches!(self, Self::Always | Self::Enter)
    }

    pub(super) const fn on_exit(self) -> bool {
        matches!(self, Self::Always | Self::Exit)
    }
}

/// Where a conference is reported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::twilio) struct Callback {
    pub(in crate::twilio) target: Target,
    /// Of `start end join leave mute hold modify speaker announcement`.
    pub(in crate::twilio) events: Vec<String>,
}

impl Callback {
    /// One that is told of these events, with spaces between them; by default of the beginning and the end.
    pub(in crate::twilio) fn new(target: Target, events: Option<&str>) -> Self {
        let events = events.unwrap_or("start end").split_whitespace().map(str::to_owned).collect();
        Self { target, events }
    }
}
