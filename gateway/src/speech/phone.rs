//! PCM of a provider, made fit for the telephone: 8000 Hz, a sane loudness, mu-law.

use bytes::Bytes;
use gateway_core::g711;
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

use super::SpeechError;

/// The telephone's rate.
const PHONE: u32 = 8000;

/// Samples that are made at once, at the telephone's rate: 20 ms.
const CHUNK: usize = 160;

/// Length of the low-pass, in samples of the input: -6 dB at 3.7 kHz, nothing above 4 kHz that is heard.
const TAPS: usize = 256;

/// The loudness of speech that is aimed at, as the root mean square of what is not a pause: 20 dB below the loudest.
const TARGET: f32 = 0.1;

/// What is quieter is a pause: 50 dB below the loudest.
const PAUSE: f32 = 0.003;

/// How much louder or quieter a voice may be made: 12 dB.
const GAIN: (f32, f32) = (0.25, 4.0);

/// The part of the way to the wanted loudness that is gone in 20 ms of speech: half of it in about 0.3 s.
const STEP: f32 = 0.05;

/// From here up, peaks are bent and not cut: 6 dB below the loudest.
const KNEE: f32 = 0.5;

/// Makes mu-law of 16-bit PCM in little-endian order that comes in pieces of any length.
pub(super) struct Phone {
    resampler: Option<Async<f32>>,
    /// Half a sample, when a piece ended within it.
    odd: Option<u8>,
    /// Samples that wait for the resampler.
    input: Vec<f32>,
    /// What the resampler writes into.
    output: [f32; CHUNK],
    /// Samples that went in, at the provider's rate, and came out, at the telephone's.
    taken: u64,
    made: u64,
    /// Samples still to leave out in front: the low-pass begins with its own silence.
    delay: usize,
    rate: u32,
    level: Level,
}

impl Phone {
    /// For PCM at this rate, from 8000 to 48,000.
    pub(super) fn new(rate: u32) -> Result<Self, SpeechError> {
        let resampler = match rate {
            PHONE => None,
            8001..=48_000 => {
                let parameters = SincInterpolationParameters {
                    sinc_len: TAPS,
                    f_cutoff: None,
                    oversampling_factor: 128,
                    interpolation: SincInterpolationType::Quadratic,
                    window: WindowFunction::BlackmanHarris2,
                };
                let ratio = f64::from(PHONE) / f64::from(rate);
                let made = Async::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Output);
                Some(made.map_err(|_| SpeechError::Malformed("a rate that cannot be used"))?)
            }
            _ => return Err(SpeechError::Malformed("a rate that cannot be used")),
        };
        let delay = resampler.as_ref().map_or(0, |resampler| resampler.output_delay());
        Ok(Self {
            resampler,
            odd: None,
            input: Vec::with_capacity(2 * CHUNK * 6),
            output: [0.0; CHUNK],
            taken: 0,
            made: 0,
            delay,
            rate,
            level: Level { gain: 1.0 },
        })
    }

    /// What this piece makes. It may be nothing yet.
    pub(super) fn push(&mut self, pcm: &[u8]) -> Bytes {
        let mut rest = pcm;
        if let (Some(low), Some((&high, after))) = (self.odd, rest.split_first()) {
            self.sample([low, high]);
            (self.odd, rest) = (None, after);
        }
        let (samples, odd) = rest.as_chunks::<2>();
        samples.iter().for_each(|&sample| self.sample(sample));
        self.odd = odd.first().copied().or(self.odd);
        let mut ulaw = Vec::with_capacity(pcm.len() / 2);
        while self.input.len() >= self.wanted() {
            self.turn(None, &mut ulaw);
        }
        ulaw.into()
    }

    /// What is left, when no more will come.
    pub(super) fn finish(mut self) -> Bytes {
        let mut ulaw = Vec::new();
        let wanted = (self.taken * u64::from(PHONE)).div_ceil(u64::from(self.rate));
        while self.made < wanted {
            let before = self.made;
            self.turn(Some(self.input.len().min(self.wanted())), &mut ulaw);
            let over = self.made.saturating_sub(wanted);
            let keep = ulaw.len().saturating_sub(usize::try_from(over).unwrap_or(usize::MAX));
            ulaw.truncate(keep);
            if self.made == before && self.delay == 0 {
                break;
            }
        }
        ulaw.into()
    }

    fn sample(&mut self, bytes: [u8; 2]) {
        self.input.push(f32::from(i16::from_le_bytes(bytes)) / 32_768.0);
        self.taken += 1;
    }

    /// Samples that the next turn takes.
    fn wanted(&self) -> usize {
        self.resampler.as_ref().map_or(CHUNK, |resampler| resampler.input_frames_next())
    }

    /// Makes 20 ms of what waits, of which only so many samples are there.
    fn turn(&mut self, partial: Option<usize>, ulaw: &mut Vec<u8>) {
        let wanted = self.wanted();
        let there = partial.unwrap_or(wanted);
        let made = match &mut self.resampler {
            None => {
                self.output[..there].copy_from_slice(&self.input[..there]);
                there
            }
            Some(resampler) => {
                // It looks at the whole length even of a part.
                self.input.resize(self.input.len().max(wanted), 0.0);
                let indexing = Indexing { partial_len: partial, ..Indexing::default() };
                let input = InterleavedSlice::new(&self.input, 1, wanted);
                let output = InterleavedSlice::new_mut(&mut self.output, 1, CHUNK);
                match (input, output) {
                    (Ok(input), Ok(mut output)) => resampler
                        .process_into_buffer(&input, &mut output, Some(&indexing))
                        .map_or(0, |(_, made)| made),
                    _ => 0,
                }
            }
        };
        self.input.drain(..wanted.min(self.input.len()));
        let skipped = self.delay.min(made);
        self.delay -= skipped;
        let samples = &mut self.output[skipped..made];
        self.level.apply(samples);
        self.made += samples.len() as u64;
        ulaw.extend(samples.iter().map(|&sample| g711::encode_sample((sample * 32_767.0) as i16)));
    }
}

/// Brings speech to the same loudness, slowly enough that nobody hears it done.
struct Level {
    gain: f32,
}

impl Level {
    fn apply(&mut self, samples: &mut [f32]) {
        if samples.is_empty() {
            return;
        }
        let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32;
        let loudness = power.sqrt();
        let before = self.gain;
        if loudness > PAUSE {
            let wanted = (TARGET / loudness).clamp(GAIN.0, GAIN.1);
            self.gain += (wanted - self.gain) * STEP;
        }
        let step = (self.gain - before) / samples.len() as f32;
        for (place, sample) in samples.iter_mut().enumerate() {
            *sample = bent(*sample * (before + step * place as f32));
        }
    }
}

/// Never beyond 1, and the same below the knee.
fn bent(sample: f32) -> f32 {
    let over = sample.abs() - KNEE;
    match over > 0.0 {
        true => (KNEE + (1.0 - KNEE) * (over / (1.0 - KNEE)).tanh()).copysign(sample),
        false => sample,
    }
}
