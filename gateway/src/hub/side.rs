//! Our own legs in the conference of a call at Twilio: how people are heard in a call on whose own stream nothing can be
//! said.
//!
//! There are two at most, and which one a person speaks on is who hears them: all others in the conference, or the agent
//! alone. Twilio sees to the second (coaching), so what is whispered never is on a leg that the caller hears.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::token::{Mode, Side, StreamKind};
use gateway_core::call::PartyId;
use gateway_core::frame::Speech;

use super::LiveCall;
use super::floor::{Door, Inlet, Party, ToFloor};

/// The legs of a call.
#[derive(Debug, Default)]
pub(super) struct Legs {
    join: Leg,
    coach: Leg,
}

/// A leg, or the place for one.
#[derive(Debug, Default)]
struct Leg {
    door: Door,
    /// Its stream, while it has one.
    stream: Mutex<Option<Arc<LiveCall>>>,
}

impl Leg {
    fn stream(&self) -> MutexGuard<'_, Option<Arc<LiveCall>>> {
        // Replaced in one step, so a panic elsewhere while it was held spoils nothing.
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever is on a leg speaks to its far end, whom Twilio has chosen.
    fn set(&self, party: Party, speaks: bool) {
        let mode = if speaks { Mode::Join } else { Mode::Listen };
        self.door.set(Party { mode, side: Side::Beside, ..party });
    }
}

impl Legs {
    /// The leg on which one speaks in this mode.
    fn of(&self, mode: Mode) -> Option<&Leg> {
        match mode {
            Mode::Listen => None,
            Mode::Whisper => Some(&self.coach),
            Mode::Join | Mode::Takeover => Some(&self.join),
        }
    }

    fn get(&self, kind: StreamKind) -> Option<&Leg> {
        match kind {
            StreamKind::Join => Some(&self.join),
            StreamKind::Coach => Some(&self.coach),
            StreamKind::Monitor | StreamKind::Agent => None,
        }
    }

    /// Whether one can be heard in this mode now.
    pub(super) fn carry(&self, mode: Mode) -> bool {
        self.of(mode).is_some_and(|leg| leg.stream().is_some())
    }

    /// Says what somebody may do: they speak on one leg at most.
    pub(super) fn set(&self, party: Party) {
        let own = self.of(party.mode);
        let is_own = |leg: &Leg| own.is_some_and(|own| std::ptr::eq(own, leg));
        // First off the other: nobody may be heard on both, not even for a moment.
        for leg in [&self.join, &self.coach].into_iter().filter(|leg| !is_own(leg)) {
            leg.set(party, false);
        }
        if let Some(own) = own {
            own.set(party, true);
        }
    }

    /// Passes a packet on to the leg on which this person speaks. False: it was dropped.
    pub(super) fn speak(&self, party: PartyId, speech: Speech) -> bool {
        let leg = [&self.join, &self.coach].into_iter().find(|leg| leg.door.has(party));
        leg.is_some_and(|leg| leg.door.speak(party, speech))
    }

    /// A microphone was closed.
    pub(super) fn hush(&self, party: PartyId) {
        for leg in [&self.join, &self.coach] {
            leg.door.tell(ToFloor::Hush(party));
        }
    }

    /// A stream begins on a leg. Gives the one whose place it takes.
    pub(super) fn open(&self, live: &Arc<LiveCall>) -> Option<Arc<LiveCall>> {
        self.get(live.info.kind)?.stream().replace(live.clone())
    }

    /// What the stream of a leg is told from now on.
    pub(super) fn take_floor(&self, kind: StreamKind) -> Option<Inlet> {
        self.get(kind).map(|leg| leg.door.take())
    }

    /// A leg's stream is over. False: another had taken its place.
    pub(super) fn close(&self, live: &Arc<LiveCall>) -> bool {
        let Some(leg) = self.get(live.info.kind) else { return false };
        let mut stream = leg.stream();
        let was_its = stream.as_ref().is_some_and(|stream| Arc::ptr_eq(stream, live));
        if was_its {
            *stream = None;
            leg.door.close();
        }
        was_its
    }
}
