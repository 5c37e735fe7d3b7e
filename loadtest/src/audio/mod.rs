//! Audio as a test needs it: mu-law and WAV in, levels and likeness out.
//!
//! PCM is `i16`, one channel. 0 dBFS is the largest sample, so that a full-scale sine has -3 dBFS RMS.

mod correlate;
mod resample;
mod source;
pub mod ulaw;

pub use correlate::{Match, Reference};
pub use resample::resample;
pub use source::{Audio, AudioError};

/// Samples a second on a telephone line.
pub const RATE: u32 = 8000;

/// What [`rms_dbfs`] and [`peak_dbfs`] say of digital silence, in place of minus infinity.
pub const FLOOR_DBFS: f32 = -120.0;

/// The root mean square of `pcm` in dBFS, at least [`FLOOR_DBFS`].
pub fn rms_dbfs(pcm: &[i16]) -> f32 {
    let sum: f64 = pcm.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    dbfs((sum / pcm.len().max(1) as f64).sqrt())
}

/// The largest sample of `pcm` in dBFS, at least [`FLOOR_DBFS`].
pub fn peak_dbfs(pcm: &[i16]) -> f32 {
    dbfs(pcm.iter().map(|sample| sample.unsigned_abs()).max().map_or(0.0, f64::from))
}

fn dbfs(amplitude: f64) -> f32 {
    (20.0 * (amplitude / 32768.0).log10()).max(f64::from(FLOOR_DBFS)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::Tone;

    #[test]
    fn levels_are_those_of_the_text_book() {
        let mut sine = vec![0; 8000];
        Tone(1000).add_to(&mut sine, RATE, 16384);
        assert!((rms_dbfs(&sine) - -9.03).abs() < 0.02, "half of full scale, less 3 dB: {}", rms_dbfs(&sine));
        assert!((peak_dbfs(&sine) - -6.02).abs() < 0.02, "{}", peak_dbfs(&sine));
        assert!((rms_dbfs(&[i16::MIN; 10])).abs() < 0.001);
    }

    #[test]
    fn silence_and_nothing_are_at_the_floor() {
        for pcm in [&[][..], &[0; 160]] {
            assert_eq!((rms_dbfs(pcm), peak_dbfs(pcm)), (FLOOR_DBFS, FLOOR_DBFS));
        }
    }
}
