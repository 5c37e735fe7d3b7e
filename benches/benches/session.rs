//! A listener's session: its handshake, the seal of a packet, and a tick of many.
//!
//! Budgets, on the clock of one core: `handshake` 0.6 ms from the offer's text to the keys (of the 0.9 ms of CPU a
//! whole join may cost, sockets and HTTP included); `seal` 0.45 µs a packet of 180 bytes, of which AES-GCM has
//! 0.25; `tick/N` 0.45 µs a listener at 1, 0.6 at 1,000, whose keys are no longer in the nearest cache. The
//! kernel's part of sending is not in it: `make load` shows the whole next to its floor.

use std::hint::black_box;
use std::time::{Duration, Instant};

use benches::browser::Browser;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gateway_core::frame::{Codec, Packet};
use gateway_core::listener::{Session, Shared};

/// Bytes of Opus in a packet of speech.
const PAYLOAD: usize = 180;

fn packet(slot: u64) -> Packet {
    Packet {
        codec: Codec::Opus,
        payload: vec![0x5a; PAYLOAD].into(),
        timestamp: slot * 160,
        marker: false,
        arrived: Instant::now(),
    }
}

fn handshake(c: &mut Criterion) {
    let shared = Shared::new().expect("a certificate");
    c.bench_function("session/handshake", |b| {
        b.iter_custom(|count| {
            (0..count).map(|n| Browser::new(n as u16).join(&shared).took).sum::<Duration>()
        });
    });
}

fn seal(c: &mut Criterion) {
    let shared = Shared::new().expect("a certificate");
    let mut session = Browser::new(0).join(&shared).session;
    let (mut out, packet) = (Vec::with_capacity(PAYLOAD + Session::OVERHEAD), packet(0));
    let mut group = c.benchmark_group("session");
    group.throughput(Throughput::Elements(1));
    group.bench_function("seal", |b| b.iter(|| black_box(session.write(black_box(&packet), &mut out))));
    group.finish();
}

fn tick(c: &mut Criterion) {
    let shared = Shared::new().expect("a certificate");
    let mut group = c.benchmark_group("session/tick");
    for listeners in [1, 100, 1000] {
        let mut sessions: Vec<_> = (0..listeners).map(|n| Browser::new(n).join(&shared).session).collect();
        // As many buffers as one call of sendmmsg takes.
        let mut buffers: Vec<_> = (0..64).map(|_| Vec::with_capacity(1500)).collect();
        group.throughput(Throughput::Elements(listeners.into()));
        group.bench_function(BenchmarkId::from_parameter(listeners), |b| {
            b.iter_batched(
                || packet(0),
                |packet| {
                    for (n, session) in sessions.iter_mut().enumerate() {
                        black_box(session.write(&packet, &mut buffers[n % 64]));
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, handshake, seal, tick);
criterion_main!(benches);
