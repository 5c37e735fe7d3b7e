//! Twilio, played from the outside: signed webhooks, TwiML, media streams, callbacks.
//!
//! [`dial`] places a call as Twilio would: it posts the number's voice webhook, obeys the TwiML it gets,
//! opens the WebSocket that stands there, sends a frame every 20 ms and reports what became of it all. It
//! shares nothing with the server but the form of Twilio's ids, and is as unkind as the real one: it
//! never reconnects, throws audio away when the server reads too slowly, and goes wrong on request.

mod call;
mod conference;
mod courier;
mod crowd;
mod exchange;
mod form;
mod leg;
mod origin;
mod pacer;
mod played;
mod playout;
mod report;
mod signature;
mod socket;
mod spec;
mod stream;
mod twiml;
mod voice;
mod webhook;
mod wire;
mod xml;

pub use call::{Call, NotLive, Phase, dial};
pub use crowd::Crowd;
pub use exchange::{ApiRequest, Exchange, Fault};
pub use report::{CallReport, CallStatus, Problem, Received, Sent, StreamEnd, StreamReport, WebhookReport};
pub use signature::sign;
pub use spec::{Account, Burst, CallSpec, Chunks, Faults, Gap, Stall, StatusOrder, WebhookFaults};
