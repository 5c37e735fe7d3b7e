//! gateway-core from outside: only what its public API shows.

mod call;
mod floor;
mod microphone;
