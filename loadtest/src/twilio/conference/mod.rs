//! Twilio's conferences: who is in them, who hears whom, and what is told of it.
//!
//! A [`Room`] reads no clock. What is heard in it is worked out when somebody wants to know, up to that moment and
//! before anything changes, so that a conference costs what its listeners cost.

mod mix;
mod report;
mod room;
mod rooms;
mod seat;
mod terms;

pub(super) use self::room::{Change, Room, Why};
pub(super) use self::rooms::Rooms;
pub(super) use self::seat::{Refused, Seat, Standing};
pub(super) use self::terms::{Beep, Callback, MAX_NAME, MAX_PARTICIPANTS, Terms};
