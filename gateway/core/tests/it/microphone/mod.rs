//! A microphone behind a network, in virtual time: speech is encoded as a browser does, packets are lost, held
//! up and mixed up, and what is heard is compared with the original.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

mod network;
mod speech;
mod stream;

use std::time::{Duration, Instant};

use gateway_core::call::{Jitter, Microphone, MicrophoneCounts, Rtp};
use opusic_c::{Application, Bitrate, Channels, Decoder, Encoder, InbandFec, SampleRate};

use self::speech::{Noise, Score, score, speech};

/// How fast the fastest packet is, in ms after the speech in it has ended.
const PATH: u64 = 30;

/// A packet on its way.
#[derive(Clone, Debug)]
struct Sent {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
    /// When it would arrive, in µs since the speech began.
    arrives: u64,
}

/// How a browser encodes.
#[derive(Clone, Copy, Debug)]
struct Coding {
    application: Application,
    channels: Channels,
    bitrate: u32,
    /// ms.
    frame: usize,
    fec: bool,
    dtx: bool,
}

impl Default for Coding {
    /// As Chromium does, without asking for more.
    fn default() -> Self {
        Self {
            application: Application::Voip,
            channels: Channels::Mono,
            bitrate: 32_000,
            frame: 20,
            fec: true,
            dtx: false,
        }
    }
}

/// Encodes speech, and gives what a decoder makes of it at 8 kHz if nothing happens to it.
fn encode(speech: &[i16], coding: Coding) -> (Vec<Sent>, Vec<i16>) {
    let channels = coding.channels as usize;
    let mut encoder = Encoder::new(coding.channels, SampleRate::Hz48000, coding.application).unwrap();
    encoder.set_bitrate(Bitrate::Value(coding.bitrate)).unwrap();
    encoder.set_inband_fec(if coding.fec { InbandFec::Mode1 } else { InbandFec::Off }).unwrap();
    encoder.set_packet_loss(if coding.fec { 10 } else { 0 }).unwrap();
    encoder.set_dtx(coding.dtx).unwrap();
    encoder.set_complexity(3).unwrap();
    let mut decoder = Decoder::new(Channels::Mono, SampleRate::Hz8000).unwrap();
    let (mut sent, mut original, mut resting) = (Vec::new(), Vec::new(), false);
    let (mut sequence, mut timestamp, mut marker) = (65_400u16, u32::MAX - 100_000, true);
    for (i, pcm) in speech.chunks_exact(48 * coding.frame).enumerate() {
        let pcm: Vec<u16> = pcm.iter().flat_map(|&sample| vec![sample as u16; channels]).collect();
        let mut payload = vec![0; 1400];
        let length = encoder.encode_to_slice(&pcm, &mut payload).unwrap();
        payload.truncate(length);
        let mut heard = [0; 960];
        let made = decoder.decode_to_slice(&payload, &mut heard, false).unwrap();
        original.extend(heard[..made].iter().map(|&sample| sample as i16));
        // In discontinuous transmission the first empty packet is sent and those after it are not.
        let empty = length <= 2;
        if !(empty && resting) {
            let arrives = (((i + 1) * coding.frame) as u64 + PATH) * 1000;
            sent.push(Sent { sequence, timestamp, marker, payload, arrives });
            sequence = sequence.wrapping_add(1);
        }
        (marker, resting) = (empty, empty);
        timestamp = timestamp.wrapping_add(48 * coding.frame as u32);
    }
    (sent, original)
}

/// Lets packets arrive at a microphone, and hears it from the moment the speech began.
fn hear(sent: &[Sent]) -> (Vec<i16>, MicrophoneCounts, Duration) {
    let t0 = epoch();
    let mut sent: Vec<&Sent> = sent.iter().collect();
    sent.sort_by_key(|sent| sent.arrives);
    let mut microphone = Microphone::new(Jitter::default(), t0).unwrap();
    let mut heard = Vec::new();
    let end = sent.last().unwrap().arrives + 1_000_000;
    let mut sent = sent.into_iter().peekable();
    for slot in 0..end / 20_000 {
        // The floor's clock has a phase of its own.
        let now = slot * 20_000 + 13_000;
        while let Some(packet) = sent.next_if(|packet| packet.arrives <= now) {
            let at = t0 + Duration::from_micros(packet.arrives);
            let &Sent { sequence, timestamp, marker, ref payload, .. } = packet;
            microphone.handle_rtp(at, Rtp { sequence, timestamp, marker, payload });
        }
        if slot == 0 {
            heard.resize(8 * 13, 0);
        }
        heard.extend(microphone.next(t0 + Duration::from_micros(now)).pcm);
    }
    (heard, microphone.take_counts(), microphone.delay())
}

/// How long after its arrival the median of speech is heard, in ms, for packets of so many ms.
fn added(score: &Score, frame: usize) -> i64 {
    score.lag as i64 / 8 - (frame as u64 + PATH) as i64
}

#[expect(clippy::disallowed_methods, reason = "a time to count from; nothing depends on which")]
fn epoch() -> Instant {
    Instant::now()
}
