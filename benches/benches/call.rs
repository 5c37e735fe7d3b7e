//! 20 ms of a whole call: a frame of each voice in, and out what a listener gets.
//!
//! Budgets, for 50 of these a call-second: nobody listens 0.025 ms of CPU (the 0.45 ms of an unheard call are
//! for sockets, WebSocket and JSON); somebody listens 2.0 ms of the 2.3 ms of a heard call; nobody speaks
//! 0.05 ms; somebody listens in mu-law, both voices added up, 0.08 ms.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gateway_core::call::{Call, Config, Wanted};
use gateway_core::frame::Track;
use gateway_core::g711::SILENCE;

fn call(c: &mut Criterion) {
    let speech = [benches::frames(1, 500), benches::frames(2, 500)];
    let silence = [vec![[SILENCE; 160]; 500], vec![[SILENCE; 160]; 500]];
    let mut group = c.benchmark_group("call");
    group.throughput(Throughput::Elements(1));
    let opus = Wanted { opus: true, pcmu: false };
    let pcmu = Wanted { opus: false, pcmu: true };
    for (name, voices, wanted) in [
        ("unheard", &speech, Wanted::NOTHING),
        ("heard", &speech, opus),
        ("heard-silent", &silence, opus),
        ("heard-pcmu", &speech, pcmu),
    ] {
        group.bench_with_input(BenchmarkId::from_parameter(name), voices, |b, voices| {
            let mut now = Instant::now();
            let mut call = Call::new(Config::default(), &Track::ALL);
            call.set_heard(now, wanted).expect("libopus is there");
            let mut slot = 0;
            b.iter(|| {
                now += Duration::from_millis(20);
                for (track, voice) in Track::ALL.into_iter().zip(voices) {
                    let ulaw = &voice[slot as usize % voice.len()];
                    call.handle_frame(now, track, 20 * slot, black_box(ulaw));
                }
                slot += 1;
                while let Some(packet) = call.poll_packet() {
                    black_box(packet);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, call);
criterion_main!(benches);
