//! What a test's sender sends: a tone on each side, as Opus.

use std::time::Duration;

use loadtest::tone::Tone;
use opusic_c::{Application, Channels, Encoder, SampleRate};

/// The caller's tone, on the left.
pub(crate) const LEFT: Tone = Tone(450);
/// The agent's tone, on the right.
pub(crate) const RIGHT: Tone = Tone(700);

/// Samples of one packet: 20 ms.
pub(crate) const PACKET: u32 = 960;

/// What to send.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Sequence number of the first packet.
    pub(crate) first_sequence: u16,
    /// Timestamp of the first packet.
    pub(crate) first_timestamp: u32,
    /// How many packets.
    pub(crate) packets: u32,
    /// Real time between two of them. Their timestamps are 20 ms apart all the same.
    pub(crate) pace: Duration,
    /// Real time from being connected to the first packet. Long enough for a listener to be ready as well.
    pub(crate) lead: Duration,
    /// Packets before which the sender pauses for this many packets' worth of its clock.
    pub(crate) pauses: Vec<(u32, u32)>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            first_sequence: 1,
            first_timestamp: 1_000,
            packets: 100,
            pace: Duration::from_millis(4),
            lead: Duration::from_millis(60),
            pauses: Vec::new(),
        }
    }
}

/// One packet to send.
#[derive(Clone, Debug)]
pub(crate) struct Spoken {
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) payload: Vec<u8>,
}

impl Script {
    /// The packets of this script.
    pub(crate) fn speak(&self) -> Vec<Spoken> {
        let mut encoder = Encoder::new(Channels::Stereo, SampleRate::Hz48000, Application::LowDelay).unwrap();
        let [left, right] = [LEFT, RIGHT].map(|tone| {
            let mut pcm = vec![0; (self.packets * PACKET) as usize];
            tone.add_to(&mut pcm, 48_000, 8_000);
            pcm
        });
        let mut clock = 0_u32;
        (0..self.packets)
            .map(|n| {
                clock += self.pauses.iter().filter(|(at, _)| *at == n).map(|(_, p)| p * PACKET).sum::<u32>();
                let here = (n * PACKET) as usize..((n + 1) * PACKET) as usize;
                let sides = left[here.clone()].iter().zip(&right[here]);
                let pcm: Vec<u16> = sides.flat_map(|(l, r)| [*l as u16, *r as u16]).collect();
                let mut payload = Vec::with_capacity(1_500);
                encoder.encode_to_vec(&pcm, &mut payload).unwrap();
                let timestamp = self.first_timestamp.wrapping_add(clock);
                clock += PACKET;
                Spoken { sequence: u64::from(self.first_sequence) + u64::from(n), timestamp, payload }
            })
            .collect()
    }
}
