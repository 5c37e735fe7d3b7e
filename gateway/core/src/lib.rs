//! The media plane as pure state machines: no socket, no clock, no task, no lock.
//!
//! Every machine here has the same shape: it is told what happened and at what time, and is then asked,
//! until it has no more to say, what to do. The `gateway` crate owns the sockets and the clock and does
//! nothing else of interest.
//!
//! The edges (`twilio`, `listener`) do not know each other, and `call` knows neither: they meet in the
//! plain types of [`frame`].

mod block;
pub mod call;
pub mod frame;
pub mod g711;
pub mod listener;
pub mod twilio;
