//! The outside world: a Twilio simulator, WebRTC listeners, tones, measurements.
//!
//! An outsider: it may import nothing of the planes and of `common` only ids, so that what it proves of
//! a test server it also proves of a deployed one.

pub mod api;
pub mod audio;
pub mod bot;
pub mod cli;
pub mod demo;
pub mod ears;
mod http;
pub mod measure;
pub mod shaper;
pub mod tone;
pub mod twilio;
pub mod voices;
