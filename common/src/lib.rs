//! What crosses a process boundary: ids, tokens, bus messages, and what every process serves alike.
//!
//! The planes never import each other; they meet here. Nothing in this crate knows a call's audio, a
//! user's password or a database.

pub mod admin;
pub mod bus;
pub mod id;
pub mod serve;
pub mod sid;
pub mod telemetry;
pub mod tls;
pub mod token;

pub use id::{CallId, NodeId, SayId, SessionId, TenantId, TicketId, UserId};
pub use sid::{AccountSid, ApplicationSid, CallSid, ConferenceSid, RecordingSid, StreamSid};
