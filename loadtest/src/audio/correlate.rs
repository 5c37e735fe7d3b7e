//! Whether what was heard is what was sent: the likeness of two signals, a piece at a time.
//!
//! A piece is looked for in the whole of what was sent: first roughly, at 2 kHz, then exactly at 8 kHz,
//! and last between the samples, because a recording at 48 kHz begins anywhere between two of ours.

use super::resample::{kaiser, sinc};
use super::{RATE, resample, rms_dbfs};

/// Samples of a piece: a second.
const PIECE: usize = RATE as usize;

/// Pieces quieter than this say nothing and are left out.
const QUIET_DBFS: f32 = -45.0;

/// The rough search is at a rate this many times lower.
const COARSE: usize = 4;

/// How many rough finds are looked at closely.
const CANDIDATES: usize = 4;

/// A find this good, where the piece before would have it, is not searched further.
const GOOD: f32 = 0.9;

/// How far from there it may lie, in samples: 10 ms of clock drift or of a jitter buffer's stretching.
const DRIFT: usize = 80;

/// Steps between two samples in the last search.
const FRACTIONS: i32 = 8;

/// Taps on each side of the filter that shifts by a part of a sample.
const TAPS: i32 = 16;

/// Where a piece of what was heard stands in what was sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// Where the piece begins in what was heard, in samples at 8 kHz.
    pub heard_at: usize,
    /// Where it was found in what was sent, in samples at 8 kHz.
    pub sent_at: f64,
    /// The normalised correlation: 1 is the same but for the level, 0 has nothing in common.
    pub likeness: f32,
}

/// What was sent, prepared to be looked through.
#[derive(Clone, Debug)]
pub struct Reference {
    fine: Signal,
    coarse: Signal,
}

impl Reference {
    /// Prepares what was sent, sampled at `rate`. Give it as often as it was repeated.
    pub fn new(sent: &[i16], rate: u32) -> Self {
        let sent = resample(sent, rate, RATE);
        let coarse = resample(&sent, RATE, RATE / COARSE as u32);
        Self { fine: Signal::new(&sent), coarse: Signal::new(&coarse) }
    }

    /// Finds each whole second of `heard`, sampled at `rate`. Quiet seconds are left out, so the result
    /// may be empty: check that it is not.
    pub fn compare(&self, heard: &[i16], rate: u32) -> Vec<Match> {
        let heard = resample(heard, rate, RATE);
        let mut found: Vec<Match> = Vec::new();
        for (number, piece) in heard.chunks_exact(PIECE).enumerate() {
            if rms_dbfs(piece) < QUIET_DBFS {
                continue;
            }
            let heard_at = number * PIECE;
            let expected = found.last().map(|last| last.sent_at + (heard_at - last.heard_at) as f64);
            let near = expected.map(|at| self.near(piece, at.max(0.0) as usize, DRIFT));
            let (sent_at, likeness) = match near {
                Some(found) if found.1 >= GOOD => found,
                _ => self.anywhere(piece),
            };
            found.push(Match { heard_at, sent_at, likeness });
        }
        found
    }

    /// The best place of all.
    fn anywhere(&self, piece: &[i16]) -> (f64, f32) {
        let rough = floats(&resample(piece, RATE, RATE / COARSE as u32));
        let places = self.coarse.samples.len().saturating_sub(rough.len()) + 1;
        let mut likenesses: Vec<f32> = (0..places).map(|at| self.coarse.likeness(&rough, at)).collect();
        let mut best = (0.0, 0.0);
        for _ in 0..CANDIDATES {
            let top = (0..likenesses.len()).max_by(|&a, &b| likenesses[a].total_cmp(&likenesses[b]));
            let Some(top) = top else { break };
            let found = self.near(piece, top * COARSE, 2 * COARSE);
            if found.1 > best.1 {
                best = found;
            }
            // The next candidate is another peak, not the flank of this one.
            let flank = top.saturating_sub(2)..(top + 3).min(likenesses.len());
            likenesses[flank].fill(-1.0);
        }
        best
    }

    /// The best place within `radius` samples of `at`, and then between the samples.
    fn near(&self, piece: &[i16], at: usize, radius: usize) -> (f64, f32) {
        let piece = floats(piece);
        let places = at.saturating_sub(radius)..=at + radius;
        let rated = places.map(|at| (at, self.fine.likeness(&piece, at)));
        let Some((at, likeness)) = rated.max_by(|a, b| a.1.total_cmp(&b.1)) else {
            return (0.0, 0.0);
        };
        let mut best = (at as f64, likeness);
        for step in (1 - FRACTIONS..FRACTIONS).filter(|&step| step != 0) {
            let shift = f64::from(step) / f64::from(FRACTIONS);
            let likeness = self.fine.likeness_between(&piece, at, shift);
            if likeness > best.1 {
                best = (at as f64 + shift, likeness);
            }
        }
        best
    }
}

/// A signal, and the energy of all that comes before each of its samples.
#[derive(Clone, Debug)]
struct Signal {
    samples: Vec<f32>,
    energy: Vec<f64>,
}

impl Signal {
    fn new(pcm: &[i16]) -> Self {
        let mut sum = 0.0;
        let add = |&sample: &i16| {
            sum += f64::from(sample).powi(2);
            sum
        };
        let energy = std::iter::once(0.0).chain(pcm.iter().map(add)).collect();
        Self { samples: floats(pcm), energy }
    }

    /// The correlation of `piece` with what stands at `at`; zero where it would not fit.
    fn likeness(&self, piece: &[f32], at: usize) -> f32 {
        let Some(here) = self.samples.get(at..at + piece.len()) else { return 0.0 };
        let energy = self.energy[at + piece.len()] - self.energy[at];
        normalised(piece, here, energy)
    }

    /// The same `shift` of a sample later, by a windowed sinc.
    fn likeness_between(&self, piece: &[f32], at: usize, shift: f64) -> f32 {
        let tap = |k: i32| {
            let x = f64::from(k) - shift;
            (sinc(x) * kaiser(x / f64::from(TAPS + 1))) as f32
        };
        let taps: Vec<f32> = (-TAPS..=TAPS).map(tap).collect();
        let Some(first) = at.checked_sub(TAPS as usize) else { return 0.0 };
        let Some(around) = self.samples.get(first..first + piece.len() + 2 * TAPS as usize) else {
            return 0.0;
        };
        let shifted: Vec<f32> = around.windows(taps.len()).map(|window| dot(window, &taps) as f32).collect();
        normalised(piece, &shifted, dot(&shifted, &shifted))
    }
}

fn normalised(piece: &[f32], here: &[f32], energy: f64) -> f32 {
    let energies = dot(piece, piece) * energy;
    if energies > 0.0 { (dot(piece, here) / energies.sqrt()) as f32 } else { 0.0 }
}

/// Eight sums at once, which the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    f64::from(sums.iter().sum::<f32>() + rest)
}

fn floats(pcm: &[i16]) -> Vec<f32> {
    pcm.iter().map(|&sample| f32::from(sample)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Audio;
    use crate::voices;

    #[test]
    fn speech_is_found_where_it_was_said() {
        let sent = speech(0);
        let heard: Vec<i16> = sent[33_333..33_333 + 40_000].iter().map(|&sample| sample / 3).collect();
        let found = Reference::new(&sent, RATE).compare(&heard, RATE);
        assert!(found.len() >= 4, "{found:?}");
        for piece in found {
            assert!(piece.likeness > 0.999, "{piece:?}");
            assert_eq!(piece.sent_at, 33_333.0 + piece.heard_at as f64);
        }
    }

    #[test]
    fn a_recording_at_48_khz_that_begins_between_two_samples_is_found() {
        let sent = speech(1);
        // 48 kHz, begun 3 of its samples after one of ours: half a sample at 8 kHz.
        let heard = &resample(&sent, RATE, 48_000)[6 * 80_000 + 3..6 * 120_000];
        let found = Reference::new(&sent, RATE).compare(heard, 48_000);
        assert!(found.len() >= 3, "{found:?}");
        for piece in found {
            assert!(piece.likeness > 0.99, "{piece:?}");
            assert_eq!(piece.sent_at, 80_000.5 + piece.heard_at as f64);
        }
    }

    #[test]
    fn speech_is_still_found_under_noise_and_after_a_lost_half_second() {
        let sent = speech(2);
        let mut random = fastrand::Rng::with_seed(7);
        let noisy = |&sample: &i16| sample.saturating_add(random.i16(-600..600));
        let mut heard: Vec<i16> = sent[8000..24_000].iter().map(noisy).collect();
        heard.extend(&sent[28_000..52_000]);
        let found = Reference::new(&sent, RATE).compare(&heard, RATE);
        assert!(found.iter().all(|piece| piece.likeness > 0.9), "{found:?}");
        let last = found.last().unwrap();
        assert_eq!(last.sent_at - last.heard_at as f64, 12_000.0, "the loss shows as a shift");
    }

    #[test]
    fn another_voice_is_not_taken_for_it() {
        let reference = Reference::new(&speech(0), RATE);
        let found = reference.compare(&speech(3)[..64_000], RATE);
        assert!(found.len() >= 3, "{found:?}");
        for piece in found {
            assert!(piece.likeness < 0.5, "{piece:?}");
        }
    }

    #[test]
    fn too_little_to_compare_finds_nothing() {
        let reference = Reference::new(&[100; 4000], RATE);
        assert!(reference.compare(&[0; 16_000], RATE).is_empty(), "silence");
        let found = reference.compare(&[5000; 8000], RATE);
        assert_eq!(found, [Match { heard_at: 0, sent_at: 0.0, likeness: 0.0 }], "less was sent than heard");
    }

    /// Both sides of a conversation, so that somebody always speaks.
    fn speech(conversation: usize) -> Vec<i16> {
        let (caller, agent) = voices::all()[conversation].audio();
        let render = |audio: &Audio| audio.render(audio.bytes().len(), false);
        render(&caller).iter().zip(render(&agent)).map(|(a, b)| a + b).collect()
    }
}
