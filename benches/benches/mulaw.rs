//! Mu-law to linear and back, 20 ms of one voice.
//!
//! Decoding is done for both voices of each heard call: at 0.1 µs a frame it is a two-hundredth of the encode.
//! Encoding is done once a frame for each voice that is spoken back to the telephone.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gateway_core::call::SLOT;
use gateway_core::g711;

fn mulaw(c: &mut Criterion) {
    let pcm: Vec<[i16; SLOT]> = benches::voice(1, 50 * SLOT).as_chunks().0.to_vec();
    let frames = benches::frames(1, 50);
    let mut group = c.benchmark_group("mulaw");
    group.throughput(Throughput::Elements(1));
    group.bench_function("decode", |b| {
        let (mut linear, mut frames) = ([0; SLOT], frames.iter().cycle());
        b.iter(|| {
            g711::decode(black_box(frames.next().expect("a cycle has no end")), black_box(&mut linear))
        });
    });
    group.bench_function("encode", |b| {
        let (mut ulaw, mut pcm) = ([0; SLOT], pcm.iter().cycle());
        b.iter(|| g711::encode(black_box(pcm.next().expect("a cycle has no end")), black_box(&mut ulaw)));
    });
    group.finish();
}

criterion_group!(benches, mulaw);
criterion_main!(benches);
