//! One 20 ms of both voices through Opus, by setting. The setting that ships is the first.
//!
//! This is what a heard call costs, whoever many hear it: at 40 µs a frame, 50 times a second, it is 2 ms of
//! CPU a call-second, and a core encodes 500 calls.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gateway_core::call::{Encoder, Layer, SLOT, Setting};

fn encode(c: &mut Criterion) {
    let voices = [1, 2].map(|seed| benches::voice(seed, 500 * SLOT));
    let celt = Setting::default();
    let settings = [
        ("default", celt),
        ("celt-64k-c0", Setting { bitrate: 64_000, ..celt }),
        ("celt-96k-c0", Setting { bitrate: 96_000, ..celt }),
        ("celt-80k-c1", Setting { complexity: 1, ..celt }),
        ("voip-32k-c0", Setting { layer: Layer::Voip, bitrate: 32_000, ..celt }),
    ];
    let mut group = c.benchmark_group("encode");
    group.throughput(Throughput::Elements(1));
    for (name, setting) in settings {
        group.bench_with_input(BenchmarkId::from_parameter(name), &setting, |b, &setting| {
            let mut encoder = Encoder::new(setting).expect("libopus is there");
            let [left, right] = voices.each_ref().map(|voice| voice.as_chunks().0);
            let mut pairs = left.iter().zip(right).cycle();
            b.iter(|| {
                let (left, right) = pairs.next().expect("a cycle has no end");
                encoder.encode(black_box(left), black_box(right)).expect("the input is whole")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, encode);
criterion_main!(benches);
