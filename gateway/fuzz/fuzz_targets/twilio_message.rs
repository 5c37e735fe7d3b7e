#![no_main]
//! A text message on Twilio's socket: read as the obvious parser reads it, or refused.

use gateway_core::twilio::fuzz_message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| fuzz_message(text));
