#![no_main]
//! A datagram on the media port: routed and read as STUN.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_core::listener::fuzzing::stun(data));
