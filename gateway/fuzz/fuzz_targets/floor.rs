#![no_main]
//! A floor on which two people, a bot and the caller speak: bytes as RTP, and all that may happen between.

use std::sync::OnceLock;
use std::time::Instant;

use gateway_core::call::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    fuzzing::floor(*EPOCH.get_or_init(Instant::now), data);
});
