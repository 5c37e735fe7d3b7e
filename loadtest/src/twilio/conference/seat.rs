//! A place in a conference, as the leg has it that sits there.

use std::sync::Arc;
use std::time::Instant;

use common::CallSid;
use time::OffsetDateTime;
use tokio::sync::oneshot;

use super::room::{Room, Why};
use super::terms::Beep;

/// A place in a conference. Dropping it leaves.
#[derive(Debug)]
pub(in crate::twilio) struct Seat {
    room: Arc<Room>,
    call: CallSid,
    /// Ends when the conference has no such participant any more.
    gone: oneshot::Receiver<()>,
}

/// How a participant stands.
#[derive(Clone, Debug)]
pub(in crate::twilio) struct Standing {
    pub(in crate::twilio) call: CallSid,
    pub(in crate::twilio) label: Option<String>,
    pub(in crate::twilio) muted: bool,
    pub(in crate::twilio) held: bool,
    /// Whom alone it speaks to.
    pub(in crate::twilio) coaches: Option<CallSid>,
    pub(in crate::twilio) beep: Beep,
    pub(in crate::twilio) starts: bool,
    pub(in crate::twilio) ends: bool,
    /// `queued`, `ringing`, `connected`.
    pub(in crate::twilio) status: &'static str,
    pub(in crate::twilio) created: OffsetDateTime,
    pub(in crate::twilio) updated: OffsetDateTime,
}

/// Why somebody is not in a conference.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(in crate::twilio) enum Refused {
    /// The conference has ended.
    #[error("the conference is over")]
    Over,
    /// It has all the participants it may have.
    #[error("the conference is full")]
    Full,
    /// The coached call is not in the conference.
    #[error("the call to coach is not in the conference")]
    NobodyToCoach,
    /// Another participant is called so.
    #[error("there is a participant with this label")]
    Label,
    /// There are as many conferences as there may be.
    #[error("too many conferences")]
    TooMany,
}

impl Seat {
    pub(super) const fn new(room: Arc<Room>, call: CallSid, gone: oneshot::Receiver<()>) -> Self {
        Self { room, call, gone }
    }

    /// The participant's phone rings.
    pub(in crate::twilio) fn ring(&self) {
        self.room.ring(self.call);
    }

    /// The participant is there: from now on it hears, and may be heard.
    pub(in crate::twilio) fn enter(&self, now: Instant) -> Result<(), Refused> {
        self.room.enter(self.call, now)
    }

    /// Waits until it has been put out, or the conference is over.
    pub(in crate::twilio) async fn gone(&mut self) {
        // Nothing is ever sent: the other half is dropped.
        let _dropped = (&mut self.gone).await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // One who was put out is not there any more, and that is all.
        self.room.remove(self.call, Why::Left, Instant::now());
    }
}
