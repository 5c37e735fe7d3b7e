//! A call in virtual time: tones go in as mu-law frames, what a listener's decoder makes of it comes out.

mod clock;
mod order;
mod phone;
mod property;
mod silence;
mod sound;

use std::f64::consts::TAU;
use std::time::{Duration, Instant};

use gateway_core::call::{Call, Config, Counts, Wanted};
use gateway_core::frame::{Packet, Track};
use gateway_core::g711;
use opusic_c::{Channels, Decoder, SampleRate};

const CALLER: Track = Track::Inbound;
const AGENT: Track = Track::Outbound;

/// As most listeners hear it.
const OPUS: Wanted = Wanted { opus: true, pcmu: false };

/// The tones of the two voices, in hertz.
const CALLER_TONE: f64 = 450.0;
const AGENT_TONE: f64 = 700.0;

/// A call and a clock. All times are in ms since the test began.
struct Line {
    call: Call,
    t0: Instant,
    sent: Vec<Sent>,
}

/// A packet, and when it left.
struct Sent {
    at: u64,
    packet: Packet,
}

impl Line {
    fn heard() -> Self {
        let mut line = Self::unheard(Config::default());
        line.call.set_heard(line.t0, OPUS).expect("libopus is there");
        line
    }

    fn unheard(config: Config) -> Self {
        Self { call: Call::new(config, &Track::ALL), t0: epoch(), sent: Vec::new() }
    }

    /// Lets time pass, with all deadlines on the way.
    fn run_to(&mut self, at: u64) {
        let until = self.t0 + Duration::from_millis(at);
        while let Some(deadline) = self.call.poll_timeout().filter(|&deadline| deadline <= until) {
            self.call.handle_timeout(deadline);
            self.drain(deadline);
            assert!(self.call.poll_timeout().is_none_or(|next| next > deadline), "the clock stands still");
        }
    }

    /// A frame of anything arrives.
    fn frame(&mut self, at: u64, track: Track, timestamp: u64, ulaw: &[u8]) {
        self.run_to(at);
        let now = self.t0 + Duration::from_millis(at);
        self.call.handle_frame(now, track, timestamp, ulaw);
        self.drain(now);
    }

    /// A frame of the voice's own tone arrives.
    fn tone(&mut self, at: u64, track: Track, timestamp: u64, ms: u64) {
        self.frame(at, track, timestamp, &tone(track, timestamp * 8, ms as usize * 8));
    }

    /// Both voices for a while, in frames of 20 ms that arrive when they end.
    fn both(&mut self, from: u64, to: u64) {
        for timestamp in (from..to).step_by(20) {
            self.tone(timestamp + 20, CALLER, timestamp, 20);
            self.tone(timestamp + 20, AGENT, timestamp, 20);
        }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(packet) = self.call.poll_packet() {
            assert!(packet.arrived <= now);
            if let Some(last) = self.sent.iter().rfind(|sent| sent.packet.codec == packet.codec) {
                assert!(packet.timestamp > last.packet.timestamp, "time went back");
            }
            self.sent.push(Sent { at: (now - self.t0).as_millis() as u64, packet });
        }
    }

    fn counts(&mut self) -> Counts {
        self.call.take_counts()
    }

    /// When each packet left, and its timestamp in ms.
    fn times(&self) -> Vec<(u64, u64)> {
        self.sent.iter().map(|sent| (sent.at, sent.packet.timestamp / 8)).collect()
    }

    /// What is heard, left and right at 8 kHz, from the first packet on. Where none was sent the decoder
    /// bridges the time, as a listener's does.
    fn decode(&self) -> [Vec<i16>; 2] {
        self.decode_from(0)
    }

    /// What is heard by somebody who comes at this time.
    fn decode_from(&self, timestamp: u64) -> [Vec<i16>; 2] {
        let mut decoder = Decoder::new(Channels::Stereo, SampleRate::Hz8000).expect("libopus is there");
        let mut heard = [Vec::new(), Vec::new()];
        let missed = self.sent.partition_point(|sent| sent.packet.timestamp < timestamp * 8);
        let Some(first) = self.sent.get(missed) else { return heard };
        let mut play = |payload: &[u8]| {
            let mut pcm = [0u16; 320];
            assert_eq!(decoder.decode_to_slice(payload, &mut pcm, false), Ok(160));
            for pair in pcm.chunks_exact(2) {
                heard[0].push(pair[0] as i16);
                heard[1].push(pair[1] as i16);
            }
        };
        let mut expected = first.packet.timestamp;
        for sent in &self.sent[missed..] {
            while expected < sent.packet.timestamp {
                play(&[]);
                expected += 160;
            }
            play(&sent.packet.payload);
            expected += 160;
        }
        heard
    }
}

/// A voice's tone as mu-law, in step with the call's time in samples.
fn tone(track: Track, from: u64, length: usize) -> Vec<u8> {
    let hertz = if track == CALLER { CALLER_TONE } else { AGENT_TONE };
    let sample = |at: u64| (8000.0 * (TAU * hertz * at as f64 / 8000.0).sin()) as i16;
    (from..from + length as u64).map(|at| g711::encode_sample(sample(at))).collect()
}

/// How strong a tone is, by Goertzel's algorithm: its amplitude.
fn strength(pcm: &[i16], hertz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * hertz / 8000.0).cos();
    let (mut s1, mut s2) = (0.0, 0.0);
    for &sample in pcm {
        (s1, s2) = (f64::from(sample) + coefficient * s1 - s2, s1);
    }
    2.0 * (s1 * s1 + s2 * s2 - coefficient * s1 * s2).max(0.0).sqrt() / pcm.len() as f64
}

/// The loudest sample.
fn peak(pcm: &[i16]) -> i32 {
    pcm.iter().map(|&sample| i32::from(sample).abs()).max().unwrap_or(0)
}

/// The steepest step between two samples: clicks are steep.
fn steepest(pcm: &[i16]) -> i32 {
    pcm.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
}

#[expect(clippy::disallowed_methods, reason = "a time to count from; nothing depends on which")]
fn epoch() -> Instant {
    Instant::now()
}
