//! 20 ms of a floor: what speaking costs beside listening.
//!
//! Budgets, for 50 of these a call-second: one packet of a microphone, put in order and decoded, 1.5 ms of CPU; the
//! mix of four voices 0.05 ms; a whole tick with a caller, a bot and one supervisor who speaks, with the stereo
//! stream they hear by, 5 ms. A floor on which nobody may speak takes the caller's frames for 0.005 ms.

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::token::Mode;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gateway_core::call::{Floor, FloorConfig, Frame, Jitter, Microphone, Mixer, PartyId, Role, Rtp, SLOT};
use opusic_c::{Application, Bitrate, Channels, Encoder, SampleRate};

/// Ten seconds of a voice as a browser sends it: mono, 48 kHz, 32 kbit/s.
fn packets(seed: u32) -> Vec<Vec<u8>> {
    let mut encoder =
        Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Voip).expect("libopus is there");
    encoder.set_bitrate(Bitrate::Value(32_000)).expect("it is in range");
    let voice = benches::voice(seed, 500 * SLOT);
    let encode = |pcm: &[i16; SLOT]| {
        let pcm: Vec<u16> = pcm.iter().flat_map(|&sample| [sample as u16; 6]).collect();
        let mut payload = vec![0; 1000];
        let length = encoder.encode_to_slice(&pcm, &mut payload).expect("the input is whole");
        payload.truncate(length);
        payload
    };
    voice.as_chunks().0.iter().map(encode).collect()
}

/// The packet of a slot.
fn rtp(packets: &[Vec<u8>], slot: u32) -> Rtp<'_> {
    let payload = &packets[slot as usize % packets.len()];
    Rtp { sequence: slot as u16, timestamp: slot.wrapping_mul(960), marker: slot == 0, payload }
}

fn microphone(c: &mut Criterion) {
    let packets = packets(1);
    let mut group = c.benchmark_group("floor");
    group.throughput(Throughput::Elements(1));
    group.bench_function("microphone", |b| {
        let mut now = Instant::now();
        let mut microphone = Microphone::new(Jitter::default(), now).expect("libopus is there");
        let mut slot = 0;
        b.iter(|| {
            now += Duration::from_millis(20);
            microphone.handle_rtp(now, black_box(rtp(&packets, slot)));
            slot += 1;
            microphone.next(now)
        });
    });
    group.finish();
}

fn mix(c: &mut Criterion) {
    let voices = [1, 2, 3, 4].map(|seed| benches::frames(seed, 500));
    let mut group = c.benchmark_group("floor");
    group.throughput(Throughput::Elements(1));
    group.bench_function("mix-4", |b| {
        let frames: Vec<[Frame; 4]> =
            (0..500).map(|slot| voices.each_ref().map(|voice| Frame::telephone(voice[slot]))).collect();
        let (mut mixer, mut frames) = (Mixer::new(), frames.iter().cycle());
        b.iter(|| {
            let mut frame = mixer.mix(black_box(frames.next().expect("a cycle has no end")).iter());
            *frame.code()
        });
    });
    group.finish();
}

fn tick(c: &mut Criterion) {
    let (packets, caller, bot) = (packets(1), benches::frames(2, 500), benches::frames(3, 500));
    let mut group = c.benchmark_group("floor");
    group.throughput(Throughput::Elements(1));
    for (name, speaks) in [("tick-speaking", true), ("idle", false)] {
        group.bench_function(name, |b| {
            let mut now = Instant::now();
            let mut floor = Floor::new(FloorConfig::default(), now);
            let (supervisor, machine) = (PartyId(1), PartyId(2));
            if speaks {
                floor.set_party(now, supervisor, Role::Supervisor, Mode::Join).expect("libopus is there");
                floor.set_party(now, machine, Role::Bot, Mode::Join).expect("there is room");
            }
            let mut slot = 0;
            b.iter(|| {
                now += Duration::from_millis(20);
                floor.handle_caller(now, black_box(&caller[slot as usize % 500]));
                if speaks {
                    floor.handle_rtp(now, supervisor, black_box(rtp(&packets, slot)));
                    floor.queue(now, machine, black_box(&bot[slot as usize % 500]));
                    floor.handle_timeout(now);
                    while let Some(output) = floor.poll_output() {
                        black_box(output);
                    }
                }
                slot += 1;
            });
        });
    }
    group.finish();
}

criterion_group!(benches, microphone, mix, tick);
criterion_main!(benches);
