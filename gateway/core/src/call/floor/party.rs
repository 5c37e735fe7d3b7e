//! Somebody on the floor: what they say, and what they hear.

use std::time::Instant;

use common::token::Mode;

use super::super::microphone::Microphone;
use super::super::mixer::{Frame, Mixer};
use super::super::routing::{Hearer, Speaker};
use super::super::stream::Stream;
use super::speech::Speech;
use super::{FloorConfig, FloorError, PartyId, Role};

/// Somebody on the floor.
#[derive(Debug)]
pub(super) struct Party {
    pub(super) id: PartyId,
    pub(super) role: Role,
    pub(super) mode: Mode,
    pub(super) voice: Voice,
    /// What they hear by.
    pub(super) mixer: Mixer,
    /// While they may speak they hear by an encoder of their own.
    pub(super) stream: Option<Box<Stream>>,
}

/// Where somebody's voice comes from.
#[derive(Debug)]
pub(super) enum Voice {
    /// A person who may not speak.
    None,
    /// A person.
    Microphone(Box<Microphone>),
    /// A machine.
    Speech(Box<Speech>),
}

impl Party {
    /// Somebody new. A person may not speak until [`set_mode`](Self::set_mode).
    pub(super) fn new(id: PartyId, role: Role, config: &FloorConfig) -> Self {
        let voice = match role {
            Role::Agent | Role::Supervisor => Voice::None,
            Role::Bot | Role::Announcer => Voice::Speech(Box::new(Speech::new(config))),
        };
        Self { id, role, mode: Mode::Listen, voice, mixer: Mixer::new(), stream: None }
    }

    /// Changes what a person may. On an error nothing has changed.
    pub(super) fn set_mode(
        &mut self,
        now: Instant,
        mode: Mode,
        config: &FloorConfig,
    ) -> Result<(), FloorError> {
        if !self.is_person() {
            return Ok(());
        }
        if mode == Mode::Listen {
            (self.voice, self.stream) = (Voice::None, None);
        } else if self.stream.is_none() {
            let microphone = Box::new(Microphone::new(config.jitter, now)?);
            let stream = Stream::new(config.opus, config.hangover)?;
            self.voice = Voice::Microphone(microphone);
            self.stream = Some(Box::new(stream));
        }
        self.mode = mode;
        Ok(())
    }

    pub(super) fn is_person(&self) -> bool {
        matches!(self.role, Role::Agent | Role::Supervisor)
    }

    /// As what they speak.
    pub(super) fn speaker(&self) -> Speaker {
        match self.role {
            Role::Agent => Speaker::Agent(self.mode),
            Role::Supervisor => Speaker::Supervisor(self.mode),
            Role::Bot => Speaker::Bot,
            Role::Announcer => Speaker::Announcer,
        }
    }

    /// As what they hear. An announcer has no ears.
    pub(super) fn hearer(&self) -> Option<Hearer> {
        match self.role {
            Role::Agent => Some(Hearer::Agent),
            Role::Supervisor => Some(Hearer::Supervisor),
            Role::Bot => Some(Hearer::Bot),
            Role::Announcer => None,
        }
    }

    /// What they say in the 20 ms that begin now.
    pub(super) fn next(&mut self, now: Instant) -> Frame {
        match &mut self.voice {
            Voice::None => Frame::SILENCE,
            Voice::Microphone(microphone) => microphone.next(now),
            Voice::Speech(speech) => speech.next(),
        }
    }

    /// Whether the clock must run for them.
    pub(super) fn needs_clock(&self, bot_paused: bool) -> bool {
        match &self.voice {
            Voice::None => false,
            Voice::Microphone(_) => true,
            Voice::Speech(speech) => speech.len() > 0 || (self.role == Role::Bot && !bot_paused),
        }
    }
}
