#![no_main]
//! A compound RTCP packet, once decrypted.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_core::listener::fuzzing::rtcp(data));
