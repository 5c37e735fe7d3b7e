#![no_main]
//! A listener's session as a whole: datagrams from its browser and from a stranger, and time that passes.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use gateway_core::listener::{Offer, Shared, fuzzing};
use libfuzzer_sys::fuzz_target;

const OFFER: &str = include_str!("../../tests/it/offer.sdp");

fuzz_target!(|data: &[u8]| {
    // A key pair for each run would be most of the work.
    static FIXED: OnceLock<(Instant, Offer, Arc<Shared>)> = OnceLock::new();
    let (now, offer, shared) = FIXED.get_or_init(|| {
        let offer = Offer::parse(OFFER).expect("a browser's offer is read");
        (Instant::now(), offer, Shared::new().expect("a certificate can be made"))
    });
    fuzzing::session(*now, offer, shared.clone(), data);
});
