//! The gateway as a whole, from outside: real sockets, its public API, the bus and the metrics.

#![expect(clippy::unwrap_used, reason = "what fails in a test may panic")]

mod bot;
mod ingest;
mod listen;
mod server;
mod speech;
mod twilio;
