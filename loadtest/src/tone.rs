//! Tones that say who is in the mix.
//!
//! Each party of a test speaks its own frequency; what a listener hears then proves who was mixed in,
//! who was left out and at what level, through mu-law, Opus and the network.

use std::f64::consts::TAU;

/// One party's tone, in hertz. Multiples of 50 fit a 20 ms frame exactly, so they never leak.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tone(pub u16);

impl Tone {
    /// How many tones [`of_caller`](Self::of_caller) has: the last is 3550 Hz, well inside the telephone
    /// band.
    pub const COUNT: u16 = 64;

    /// The tone of caller number `n`: 400 Hz, 450 Hz, …, and after [`COUNT`](Self::COUNT) of them again.
    pub const fn of_caller(n: u16) -> Self {
        Self(400 + 50 * (n % Self::COUNT))
    }

    /// Adds the tone to `pcm` at `rate`.
    pub fn add_to(self, pcm: &mut [i16], rate: u32, amplitude: i16) {
        for (i, sample) in pcm.iter_mut().enumerate() {
            let phase = TAU * f64::from(self.0) * i as f64 / f64::from(rate);
            *sample = sample.saturating_add((phase.sin() * f64::from(amplitude)).round() as i16);
        }
    }

    /// The tone's amplitude in `pcm`, by Goertzel's algorithm. Zero when there is no sample.
    pub fn amplitude_in(self, pcm: &[i16], rate: u32) -> f32 {
        let coeff = 2.0 * (TAU * f64::from(self.0) / f64::from(rate)).cos();
        let (mut s1, mut s2) = (0.0, 0.0);
        for &sample in pcm {
            (s1, s2) = (f64::from(sample) + coeff * s1 - s2, s1);
        }
        let power = s1 * s1 + s2 * s2 - coeff * s1 * s2;
        (2.0 * power.max(0.0).sqrt() / pcm.len().max(1) as f64) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_who_speaks_and_only_them() {
        let (alice, bob, carol) = (Tone::of_caller(0), Tone::of_caller(1), Tone::of_caller(2));
        let mut pcm = [0; 960];
        alice.add_to(&mut pcm, 48_000, 8000);
        carol.add_to(&mut pcm, 48_000, 3000);

        assert!((alice.amplitude_in(&pcm, 48_000) - 8000.0).abs() < 20.0);
        assert!((carol.amplitude_in(&pcm, 48_000) - 3000.0).abs() < 20.0);
        assert!(bob.amplitude_in(&pcm, 48_000) < 20.0);
    }

    #[test]
    fn nothing_has_no_tone() {
        assert_eq!(Tone(450).amplitude_in(&[], 8000), 0.0);
    }
}
