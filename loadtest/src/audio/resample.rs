//! From one sampling rate to another, by a windowed sinc.

use std::f64::consts::PI;

/// Zero crossings of the filter on each side, at the lower of the two rates.
const CROSSINGS: f64 = 32.0;

/// Where the filter cuts, as a share of the lower Nyquist frequency. With [`CROSSINGS`] and [`BETA`] the
/// stop band begins at Nyquist.
const CUTOFF: f64 = 0.92;

/// The Kaiser window's shape: about 80 dB of attenuation.
const BETA: f64 = 7.86;

/// `pcm` at another rate, low-passed below the lower Nyquist frequency.
///
/// Time is kept: sample `n` of the result stands at `n * from / to` of `pcm`.
///
/// # Panics
///
/// If a rate is zero.
pub fn resample(pcm: &[i16], from: u32, to: u32) -> Vec<i16> {
    assert!(from > 0 && to > 0, "a rate of zero");
    if from == to {
        return pcm.to_vec();
    }
    let common = gcd(from, to);
    let (up, down) = (u64::from(to / common), u64::from(from / common));
    let bank = Bank::new(up as usize, f64::from(from) / f64::from(to));
    let length = (pcm.len() as u64 * up).div_ceil(down);
    (0..length)
        .map(|n| {
            let at = n * down;
            let value = bank.apply(pcm, (at / up) as usize, (at % up) as usize);
            value.round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
        })
        .collect()
}

/// The filter, once for each place that an output sample can have between two input samples.
struct Bank {
    half: usize,
    phases: Vec<Vec<f64>>,
}

impl Bank {
    /// `ratio` is input samples for an output sample.
    fn new(phases: usize, ratio: f64) -> Self {
        let stretch = ratio.max(1.0);
        let half = (CROSSINGS * stretch).ceil() as usize;
        let cutoff = CUTOFF / stretch;
        let phase = |number: usize| {
            let offset = number as f64 / phases as f64;
            let tap = |i: usize| {
                let x = i as f64 - half as f64 - offset;
                cutoff * sinc(cutoff * x) * kaiser(x / (half as f64 + 1.0))
            };
            let taps: Vec<f64> = (0..=2 * half + 1).map(tap).collect();
            // Each phase passes a constant unchanged, or the result would hum at the phase rate.
            let gain: f64 = taps.iter().sum();
            taps.into_iter().map(|tap| tap / gain).collect()
        };
        Self { half, phases: (0..phases).map(phase).collect() }
    }

    /// The output between `pcm[base]` and the sample after it. Outside of `pcm` is silence.
    fn apply(&self, pcm: &[i16], base: usize, phase: usize) -> f64 {
        let taps = &self.phases[phase];
        let skipped = self.half.saturating_sub(base);
        let first = base.saturating_sub(self.half);
        let last = (base + self.half + 2).min(pcm.len());
        let samples = pcm.get(first..last).unwrap_or_default();
        samples.iter().zip(&taps[skipped..]).map(|(&sample, tap)| f64::from(sample) * tap).sum()
    }
}

/// sin(pi x) / (pi x).
pub(super) fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// The Kaiser window, zero outside of -1 to 1.
pub(super) fn kaiser(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { bessel_i0(BETA * (1.0 - x * x).sqrt()) / bessel_i0(BETA) }
}

/// The modified Bessel function of the first kind and order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::rms_dbfs;
    use crate::tone::Tone;

    #[test]
    fn a_tone_keeps_its_pitch_and_level_at_every_rate() {
        for (from, to) in [(48_000, 8000), (44_100, 8000), (16_000, 8000), (8000, 48_000), (11_025, 8000)] {
            for tone in [Tone(300), Tone(1000), Tone(3000)] {
                let out = resample(&tone_at(tone, from), from, to);
                assert_eq!(out.len(), to as usize, "a second stays a second");
                let middle = &out[out.len() / 4..out.len() * 3 / 4];
                let amplitude = tone.amplitude_in(middle, to);
                assert!((amplitude - 8000.0).abs() < 40.0, "{tone:?} {from} to {to}: {amplitude}");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_gone_and_not_folded_back() {
        for hz in [4100, 5000, 7000, 12_000, 20_000] {
            let out = resample(&tone_at(Tone(hz), 48_000), 48_000, 8000);
            let level = rms_dbfs(&out[1000..7000]);
            assert!(level < -80.0, "{hz} Hz left {level} dBFS");
        }
    }

    #[test]
    fn time_is_kept() {
        let mut pcm = vec![0; 48_000];
        pcm[24_000] = 30_000;
        let out = resample(&pcm, 48_000, 8000);
        let peak = (0..out.len()).max_by_key(|&i| out[i].unsigned_abs());
        assert_eq!(peak, Some(4000));
    }

    #[test]
    fn nothing_in_is_nothing_out() {
        assert!(resample(&[], 48_000, 8000).is_empty());
        assert_eq!(resample(&[1, 2, 3], 8000, 8000), [1, 2, 3]);
    }

    fn tone_at(tone: Tone, rate: u32) -> Vec<i16> {
        let mut pcm = vec![0; rate as usize];
        tone.add_to(&mut pcm, rate, 8000);
        pcm
    }
}
