//! Criterion benches of gateway-core, and what they share: seeded input, the same in every run.

pub mod browser;

use gateway_core::call::SLOT;
use gateway_core::g711;

/// Something like speech at 8 kHz: voiced syllables with a moving pitch, hiss and pauses between them. As
/// hard for a codec as speech, and ours. `seed` tells voices apart.
pub fn voice(seed: u32, samples: usize) -> Vec<i16> {
    let mut noise = Noise(seed.wrapping_mul(2_654_435_761) | 1);
    let base = 95.0 + f64::from(seed % 7) * 17.0;
    let (mut phase, mut energy) = (0.0f64, 0.0f64);
    (0..samples)
        .map(|at| {
            let time = at as f64 / 8000.0 + f64::from(seed) * 0.37;
            // Four syllables a second, every fifth missing.
            let syllable = (time * 4.0).fract();
            let speaking = (time * 4.0) as u64 % 5 != 4;
            let target = if speaking { (syllable * std::f64::consts::PI).sin() } else { 0.0 };
            energy += (target - energy) * 0.01;
            phase += (base + 25.0 * (time * 2.3).sin()) / 8000.0;
            let voiced: f64 = (1..=24)
                .map(|harmonic| {
                    let hertz = base * f64::from(harmonic);
                    let formants = [500.0 + 200.0 * (time * 5.0).sin(), 1500.0, 2500.0];
                    let strength: f64 =
                        formants.iter().map(|f| 1.0 / (1.0 + ((hertz - f) / 120.0).powi(2))).sum();
                    strength * (std::f64::consts::TAU * phase * f64::from(harmonic)).sin()
                })
                .sum();
            ((voiced * 2600.0 + noise.next() * 300.0) * energy + noise.next() * 12.0) as i16
        })
        .collect()
}

/// The same as mu-law, in frames of 20 ms.
pub fn frames(seed: u32, count: usize) -> Vec<[u8; SLOT]> {
    let voice = voice(seed, count * SLOT);
    let frame = |pcm: &[i16; SLOT]| {
        let mut ulaw = [0; SLOT];
        g711::encode(pcm, &mut ulaw);
        ulaw
    };
    voice.as_chunks().0.iter().map(frame).collect()
}

/// White noise between -1 and 1, by xorshift.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        f64::from(self.0) / f64::from(u32::MAX) * 2.0 - 1.0
    }
}
