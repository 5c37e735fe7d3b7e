#![no_main]
//! An SDP offer or trickle fragment.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| gateway_core::listener::fuzzing::sdp(data));
