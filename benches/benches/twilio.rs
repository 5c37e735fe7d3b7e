//! One media message of Twilio's: 20 ms of one voice, from its JSON text to mu-law bytes.
//!
//! The budget is 0.35 µs a message. A call of two voices has 100 of them a second, so that reading them
//! takes 35 µs of a core per second of call: one part in ten of what a call may cost that nobody hears.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gateway_core::twilio::{Leg, Limits};

const STREAM: &str = "MZ0123456789abcdef0123456789abcdef";

/// A leg that is live, and that never takes the same message again and again for a flood.
fn live_leg(now: Instant) -> Leg {
    let limits = Limits { messages: u32::MAX, window: Duration::from_secs(3600), ..Limits::default() };
    let mut leg = Leg::new(limits, now);
    let start = format!(
        r#"{{"event":"start","sequenceNumber":"1","start":{{"accountSid":"AC0123456789abcdef0123456789abcdef","streamSid":"{STREAM}","callSid":"CA0123456789abcdef0123456789abcdef","tracks":["inbound","outbound"],"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},"customParameters":{{}}}},"streamSid":"{STREAM}"}}"#
    );
    assert!(leg.handle_text(now, &start).is_ok_and(|event| event.is_some()), "the stream starts");
    leg
}

/// A message of 20 ms as Twilio writes it. `payload`: 160 bytes of mu-law in base64.
fn media(payload: &str) -> String {
    format!(
        r#"{{"event":"media","sequenceNumber":"1203","media":{{"track":"inbound","chunk":"1202","timestamp":"24040","payload":"{payload}"}},"streamSid":"{STREAM}"}}"#
    )
}

fn parse(c: &mut Criterion) {
    let now = Instant::now();
    let mut leg = live_leg(now);
    let plain = media(&format!("{}{}", "f+9+".repeat(53), "fw=="));
    // Legal JSON, and the slower way: the string cannot be borrowed.
    let escaped = media(&format!("{}{}", r"f\/9+".repeat(53), "fw=="));

    let mut group = c.benchmark_group("twilio/media");
    for (name, text) in [("plain", &plain), ("escaped", &escaped)] {
        assert!(leg.handle_text(now, text).is_ok_and(|event| event.is_some()), "the message is good");
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                let heard = leg.handle_text(black_box(now), black_box(text));
                black_box(heard.is_ok())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
