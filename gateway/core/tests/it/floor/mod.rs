//! A floor in virtual time: people speak Opus, the caller and machines mu-law, each a tone of their own, and
//! what everybody hears is kept apart.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

mod caller;
mod clock;
mod hostile;
mod mix;
mod mode;
mod queue;
mod routing;

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::time::{Duration, Instant};

use common::token::Mode;
use gateway_core::call::{Floor, FloorConfig, FloorCounts, FloorError, Output, PartyId, Role, Rtp};
use gateway_core::g711::{self, SILENCE};
use opusic_c::{Application, Bitrate, Channels, Decoder, Encoder, SampleRate};

/// The caller's tone, in hertz. Nobody else's, nor a hold tone's.
const CALLER_TONE: f64 = 350.0;

/// How loud everybody's tone is.
const PEAK: f64 = 4000.0;

/// A person at a microphone: 48 kHz stereo Opus as a browser makes it, a packet each 20 ms.
struct Mouth {
    encoder: Encoder,
    hertz: f64,
    /// What is said is sent.
    open: bool,
    sequence: u16,
    timestamp: u32,
    at: u64,
}

/// What somebody has heard: by tick, left and right. Mono is in both.
#[derive(Default)]
struct Ear {
    decoder: Option<Decoder>,
    left: Vec<i16>,
    right: Vec<i16>,
    /// The last slot heard.
    tick: Option<u64>,
}

/// A floor, its clock, and all who are on it.
struct Room {
    floor: Floor,
    t0: Instant,
    /// In ms since the test began.
    now: u64,
    caller: Option<f64>,
    caller_at: u64,
    mouths: BTreeMap<u32, Mouth>,
    machines: BTreeMap<u32, (f64, u64)>,
    ears: BTreeMap<Who, Ear>,
    marks: Vec<(u32, u64, bool)>,
}

/// Who hears.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Who {
    Caller,
    Party(u32),
    Listener,
}

impl Room {
    fn new() -> Self {
        let t0 = epoch();
        Self {
            floor: Floor::new(FloorConfig::default(), t0),
            t0,
            now: 0,
            caller: None,
            caller_at: 0,
            mouths: BTreeMap::new(),
            machines: BTreeMap::new(),
            ears: BTreeMap::new(),
            marks: Vec::new(),
        }
    }

    fn time(&self) -> Instant {
        self.t0 + Duration::from_millis(self.now)
    }

    /// Somebody comes, or may something else from now on.
    fn party(&mut self, party: u32, role: Role, mode: Mode) {
        self.floor.set_party(self.time(), PartyId(party), role, mode).unwrap();
        self.drain();
    }

    /// A person speaks a tone from now on.
    fn speaks(&mut self, party: u32, hertz: f64) {
        self.mouths.entry(party).or_insert_with(|| Mouth::new(hertz)).open = true;
    }

    /// All people close their microphones. Their clocks go on.
    fn quiet(&mut self) {
        self.mouths.values_mut().for_each(|mouth| mouth.open = false);
    }

    /// A machine queues a tone in real time from now on.
    fn plays(&mut self, party: u32, hertz: f64) {
        self.machines.insert(party, (hertz, 0));
    }

    /// Lets time pass. All speak each 20 ms, at different moments of it.
    fn run(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.now < end {
            match self.now % 20 {
                3 => {
                    if let Some(hertz) = self.caller {
                        let ulaw = tone(hertz, self.caller_at, 160);
                        self.caller_at += 160;
                        self.floor.handle_caller(self.time(), &ulaw);
                    }
                }
                7 => {
                    let now = self.time();
                    for (&party, mouth) in &mut self.mouths {
                        mouth.say(|rtp| {
                            self.floor.handle_rtp(now, PartyId(party), rtp);
                        });
                    }
                }
                11 => {
                    let now = self.time();
                    for (&party, (hertz, at)) in &mut self.machines {
                        self.floor.queue(now, PartyId(party), &tone(*hertz, *at, 160));
                        *at += 160;
                    }
                }
                _ => {}
            }
            self.drain();
            self.now += 1;
            while let Some(deadline) = self.floor.poll_timeout().filter(|&deadline| deadline <= self.time()) {
                self.floor.handle_timeout(deadline);
                self.drain();
                assert!(
                    self.floor.poll_timeout().is_none_or(|next| next > deadline),
                    "the clock stands still"
                );
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.floor.poll_output() {
            match output {
                Output::Caller { tick, ulaw, .. } => self.hears(Who::Caller, tick, &ulaw),
                Output::Bot { tick, party, ulaw } => self.hears(Who::Party(party.0), tick, &ulaw),
                Output::AgentSide { tick, ulaw } => self.hears(Who::Listener, tick, &ulaw),
                Output::Party { tick, party, payload, .. } => {
                    let ear = self.ears.entry(Who::Party(party.0)).or_default();
                    ear.wait(tick);
                    let decoder = ear.decoder.get_or_insert_with(|| decoder(Channels::Stereo));
                    let mut pcm = [0; 320];
                    assert_eq!(decoder.decode_to_slice(&payload, &mut pcm, false), Ok(160));
                    ear.left.extend(pcm.iter().step_by(2).map(|&sample| sample as i16));
                    ear.right.extend(pcm.iter().skip(1).step_by(2).map(|&sample| sample as i16));
                }
                Output::Mark { party, mark, dropped } => self.marks.push((party.0, mark, dropped)),
            }
        }
    }

    fn hears(&mut self, who: Who, tick: u64, ulaw: &[u8; 160]) {
        let ear = self.ears.entry(who).or_default();
        ear.wait(tick);
        let mut pcm = [0; 160];
        g711::decode(ulaw, &mut pcm);
        ear.left.extend(pcm);
        ear.right.extend(pcm);
    }

    /// Forgets what was heard up to now.
    fn forget(&mut self) {
        self.ears.clear();
        self.marks.clear();
    }

    /// How strong a tone is in the last `ms` that somebody heard: left, right.
    fn strength(&self, who: Who, hertz: f64, ms: usize) -> [f64; 2] {
        let Some(ear) = self.ears.get(&who) else { return [0.0; 2] };
        [&ear.left, &ear.right].map(|pcm| strength(&pcm[pcm.len().saturating_sub(ms * 8)..], hertz))
    }
}

impl Ear {
    /// Whoever is given nothing hears silence.
    fn wait(&mut self, tick: u64) {
        if let Some(last) = self.tick {
            assert!(tick > last, "ticks only grow");
            let silent = 160 * usize::try_from(tick - last - 1).unwrap();
            self.left.resize(self.left.len() + silent, 0);
            self.right.resize(self.right.len() + silent, 0);
        }
        self.tick = Some(tick);
    }
}

impl Mouth {
    fn new(hertz: f64) -> Self {
        let mut encoder = Encoder::new(Channels::Stereo, SampleRate::Hz48000, Application::Voip).unwrap();
        encoder.set_bitrate(Bitrate::Value(48_000)).unwrap();
        encoder.set_complexity(0).unwrap();
        Self { encoder, hertz, open: true, sequence: 65_500, timestamp: u32::MAX - 10_000, at: 0 }
    }

    /// The next 20 ms.
    fn say(&mut self, mut send: impl FnMut(Rtp<'_>)) {
        let pcm: Vec<u16> = (self.at..self.at + 960)
            .map(|at| ((TAU * self.hertz * at as f64 / 48_000.0).sin() * PEAK) as i16 as u16)
            .flat_map(|sample| [sample, sample])
            .collect();
        let mut payload = [0; 1000];
        let length = self.encoder.encode_to_slice(&pcm, &mut payload).unwrap();
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        if self.open {
            send(Rtp { sequence, timestamp, marker: self.at == 0, payload: &payload[..length] });
        }
        self.sequence = sequence.wrapping_add(1);
        self.timestamp = timestamp.wrapping_add(960);
        self.at += 960;
    }
}

fn decoder(channels: Channels) -> Decoder {
    Decoder::new(channels, SampleRate::Hz8000).unwrap()
}

/// A tone in mu-law, from a sample of its own time on.
fn tone(hertz: f64, at: u64, length: u64) -> Vec<u8> {
    let sample = |at| ((TAU * hertz * at as f64 / 8000.0).sin() * PEAK) as i16;
    (at..at + length).map(|at| g711::encode_sample(sample(at))).collect()
}

/// The peak of a tone in what was heard (Goertzel).
fn strength(pcm: &[i16], hertz: f64) -> f64 {
    if pcm.is_empty() {
        return 0.0;
    }
    let coefficient = 2.0 * (TAU * hertz / 8000.0).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for &sample in pcm {
        (last, before) = (f64::from(sample) + coefficient * last - before, last);
    }
    let power = last * last + before * before - coefficient * last * before;
    power.max(0.0).sqrt() * 2.0 / pcm.len() as f64
}

fn is_silent(ulaw: &[u8]) -> bool {
    ulaw.iter().all(|&byte| byte == SILENCE)
}

#[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere")]
fn epoch() -> Instant {
    Instant::now()
}
