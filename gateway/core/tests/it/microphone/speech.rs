//! Something like speech, ours and the same in every run, and a score for what a path leaves of it.

use std::f64::consts::{PI, TAU};

/// White noise between -1 and 1, by xorshift.
pub struct Noise(pub u32);

impl Noise {
    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        f64::from(self.0) / f64::from(u32::MAX) * 2.0 - 1.0
    }

    /// Between 0 and 1.
    pub fn chance(&mut self) -> f64 {
        self.next() / 2.0 + 0.5
    }
}

/// Voiced syllables at 48 kHz with a moving pitch and moving formants, hiss between them. Every fifth syllable
/// is missing; of every ten seconds the last two are a pause if `pauses`.
pub fn speech(samples: usize, pauses: bool) -> Vec<i16> {
    let mut noise = Noise(0x2545_f491);
    let (mut phase, mut energy, mut strengths) = (0.0f64, 0.0f64, [0.0; 28]);
    (0..samples)
        .map(|at| {
            let time = at as f64 / 48_000.0;
            let syllable = (time * 4.0) as u64;
            let speaks = syllable % 5 != 4 && !(pauses && time % 10.0 > 8.0);
            let target = if speaks { ((time * 4.0).fract() * PI).sin() } else { 0.0 };
            energy += (target - energy) * 0.002;
            if at % 480 == 0 {
                strengths = vowel((syllable * 7 % 5) as f64);
            }
            let base = 110.0 + 25.0 * (time * 2.3).sin() + 12.0 * (time * 0.7).sin();
            phase = (phase + base / 48_000.0).fract();
            // The sine of each harmonic follows from the two before.
            let (step, mut last, mut sine) = (2.0 * (TAU * phase).cos(), 0.0, (TAU * phase).sin());
            let mut voiced = 0.0;
            for strength in strengths {
                voiced += strength * sine;
                (last, sine) = (sine, step * sine - last);
            }
            ((voiced * 2600.0 + noise.next() * 250.0) * energy + noise.next() * 8.0) as i16
        })
        .collect()
}

/// How strong each harmonic is in one of several vowels.
fn vowel(vowel: f64) -> [f64; 28] {
    let formants = [350.0 + 110.0 * vowel, 1100.0 + 230.0 * vowel, 2500.0];
    std::array::from_fn(|i| {
        let hertz = 110.0 * (i + 1) as f64;
        formants.iter().map(|formant| 1.0 / (1.0 + ((hertz - formant) / 120.0).powi(2))).sum()
    })
}

/// What a listener would say of a path.
#[derive(Debug)]
pub struct Score {
    /// How like the original it is, on average over stretches of 100 ms of speech, each wherever it is found
    /// within 200 ms. 1 is the same; two different stretches have less than 0.5.
    pub likeness: f64,
    /// The part of stretches that are less than 0.7 like it.
    pub broken: f64,
    /// Where they are found, in samples at 8 kHz after their place: the median.
    pub lag: usize,
}

/// Compares what was heard with the original, both at 8 kHz, from the same moment on.
pub fn score(original: &[i16], heard: &[i16]) -> Score {
    const STRETCH: usize = 800;
    const FURTHEST: usize = 1600;
    let (mut sum, mut broken, mut lags) = (0.0, 0, Vec::new());
    // Past the first second: a path is not known before.
    for start in (8000..original.len().saturating_sub(STRETCH)).step_by(STRETCH) {
        let stretch = &original[start..start + STRETCH];
        if energy(stretch) < 300.0 * 300.0 * STRETCH as f64 || heard.len() < start + FURTHEST + STRETCH {
            continue;
        }
        let best = (0..FURTHEST).map(|lag| (lag, likeness(stretch, &heard[start + lag..][..STRETCH])));
        let (lag, likeness) = best.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        sum += likeness;
        broken += u32::from(likeness < 0.7);
        lags.push(lag);
    }
    lags.sort_unstable();
    let count = lags.len() as f64;
    assert!(count > 30.0, "there is speech to compare");
    Score { likeness: sum / count, broken: f64::from(broken) / count, lag: lags[lags.len() / 2] }
}

fn likeness(a: &[i16], b: &[i16]) -> f64 {
    let product: f32 = a.iter().zip(b).map(|(&a, &b)| f32::from(a) * f32::from(b)).sum();
    f64::from(product) / (energy(a) * energy(b)).sqrt().max(1.0)
}

fn energy(pcm: &[i16]) -> f64 {
    f64::from(pcm.iter().map(|&sample| f32::from(sample) * f32::from(sample)).sum::<f32>())
}
