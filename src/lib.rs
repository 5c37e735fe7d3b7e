//! A process of Partyline: what the binary starts, and what the end-to-end tests start too.

pub mod admin;
pub mod audit;
pub mod demo;
pub mod node;
pub mod settings;
