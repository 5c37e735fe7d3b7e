//! The simulator against a server that records everything, and the listeners against senders of other makes.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

mod calls;
mod command;
mod crowds;
mod ears;
mod faults;
mod legs;
mod measuring;
mod office;
mod server;
mod speaking;
