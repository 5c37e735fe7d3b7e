//! Which calls a person may see, and what they may do in them.
//!
//! An agent's are the calls that ring in the console and those that they answered. What is neither does not exist for
//! them.

use common::token::{Mode, Side};

use super::Caller;
use crate::error::ApiError;
use crate::model::{Call, Person, Role, Route, Scope, TenantSettings};

/// Its audio does not arrive, so nobody can be heard in it.
const NOT_LIVE: ApiError = ApiError::Conflict { code: "call_not_live", detail: "the call has no audio now" };

/// Its other side is a telephone of somebody else's.
const NOT_JOINABLE: ApiError = ApiError::Conflict {
    code: "call_cannot_be_joined",
    detail: "the call is put through to a telephone: one can only listen, whisper and join",
};

/// Its TwiML is none of ours.
const NOT_OURS: ApiError = ApiError::Conflict {
    code: "call_cannot_be_joined",
    detail: "the call came to no number of ours, so it can only be heard",
};

/// Another agent was faster.
const ANSWERED: ApiError =
    ApiError::Conflict { code: "call_already_answered", detail: "somebody else has answered the call" };

/// It rings, and they have not answered it.
const NOT_YOURS: ApiError = ApiError::Forbidden("this call is not yours: answer it first");

impl Caller {
    /// Who, as others see them.
    pub(crate) fn in_short(&self) -> Person {
        Person { id: self.person.id, name: self.person.name.clone() }
    }

    /// Whether they answered this call.
    pub(crate) fn owns(&self, call: &Call) -> bool {
        call.answered_by.as_ref().is_some_and(|person| person.id == self.user())
    }

    /// Whether there is this call for them.
    pub(crate) fn sees(&self, call: &Call) -> bool {
        self.role() != Role::Agent || call.rings || self.owns(call)
    }

    /// An error unless there is this call for them.
    pub(crate) fn must_see(&self, call: &Call) -> Result<(), ApiError> {
        if self.sees(call) { Ok(()) } else { Err(ApiError::NotFound) }
    }

    /// An error unless they may have a say in this call: supervisors, and the agent whose it is.
    pub(crate) fn must_command(&self, call: &Call) -> Result<(), ApiError> {
        self.must_see(call)?;
        match self.role() {
            Role::Admin | Role::Supervisor => Ok(()),
            Role::Agent if self.owns(call) => Ok(()),
            Role::Agent => Err(NOT_YOURS),
            Role::Viewer => Err(ApiError::Forbidden("your role does not allow this")),
        }
    }

    /// An error unless one can be heard in this call, and they may have a say in it.
    pub(crate) fn must_speak(&self, call: &Call) -> Result<(), ApiError> {
        self.must_command(call)?;
        must_carry_speech(call)
    }

    /// On which side of the call they may be with this mode. [`Side::Agent`] in a call that rings is the answer to it.
    pub(crate) fn side(&self, call: &Call, mode: Mode, settings: &TenantSettings) -> Result<Side, ApiError> {
        let is_mine = self.owns(call);
        if mode == Mode::Listen {
            self.must_see(call)?;
            return Ok(if is_mine { Side::Agent } else { Side::Beside });
        }
        self.within(Scope::CallsSpeak)?;
        self.require(&[Role::Admin, Role::Supervisor, Role::Agent])?;
        if self.role() == Role::Agent && !is_mine {
            // Of two agents who answer at once neither may be told that there is no such call.
            let rang = call.route == Some(Route::Agent) && call.media.live && call.answered_by.is_some();
            if !call.rings {
                return Err(if rang { ANSWERED } else { ApiError::NotFound });
            }
            if mode != Mode::Join {
                return Err(NOT_YOURS);
            }
        }
        way(call, mode)?;
        if is_mine || (mode == Mode::Join && call.rings) {
            return Ok(Side::Agent);
        }
        allowed(mode, settings).map(|()| Side::Beside)
    }

    /// An error unless a connection of theirs, on this side of the call, may have this mode.
    pub(crate) fn must_be_allowed(
        &self,
        call: &Call,
        (side, mode): (Side, Mode),
        settings: &TenantSettings,
    ) -> Result<(), ApiError> {
        // To be heard no more takes no leave.
        if mode == Mode::Listen {
            return Ok(());
        }
        self.within(Scope::CallsSpeak)?;
        self.must_command(call)?;
        way(call, mode)?;
        match side {
            Side::Agent if self.owns(call) => Ok(()),
            Side::Agent => Err(NOT_YOURS),
            Side::Beside => allowed(mode, settings),
        }
    }
}

fn allowed(mode: Mode, settings: &TenantSettings) -> Result<(), ApiError> {
    match settings.allows(mode) {
        true => Ok(()),
        false => Err(ApiError::Forbidden("the organization does not allow this mode")),
    }
}

/// An error unless its audio arrives.
pub(crate) fn must_be_live(call: &Call) -> Result<(), ApiError> {
    match call.media.live && !call.status.is_over() {
        true => Ok(()),
        false => Err(NOT_LIVE),
    }
}

/// How one is heard in a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    /// On its own stream.
    Stream,
    /// In its conference at Twilio, on a leg of ours.
    Side,
}

/// How one is heard in this call, in this mode. Whoever only listens needs no way of their own.
pub(crate) fn way(call: &Call, mode: Mode) -> Result<Way, ApiError> {
    if mode == Mode::Listen {
        return Ok(Way::Stream);
    }
    must_be_live(call)?;
    match call.route {
        Some(Route::Agent) => Ok(Way::Stream),
        Some(Route::Monitor | Route::Conference) if mode == Mode::Takeover => Err(NOT_JOINABLE),
        Some(Route::Monitor | Route::Conference) => Ok(Way::Side),
        None => Err(NOT_OURS),
    }
}

fn must_carry_speech(call: &Call) -> Result<(), ApiError> {
    must_be_live(call)?;
    if call.route == Some(Route::Agent) { Ok(()) } else { Err(NOT_JOINABLE) }
}
