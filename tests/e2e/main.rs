//! Both planes, the Twilio simulator and WebRTC listeners: what is said into a phone is heard.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

mod apart;
mod bot;
mod commands;
mod conference;
mod cut_off;
mod hearing;
mod installation;
mod killed;
mod lost;
mod metrics;
mod people;
mod process;
mod quality;
mod redis;
mod speaking;
mod tls;
