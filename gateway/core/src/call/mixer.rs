//! What somebody hears of several voices: their sum, kept within the range of a telephone.

use super::SLOT;
use super::sound::is_silent;
use crate::g711::{self, SILENCE};

/// The loudest sample of mu-law: a mix is kept within it.
const LIMIT: i32 = 32_124;

/// A gain of one, in the limiter's fixed point.
const ONE: i32 = 1 << 15;

/// What the limiter gives back in 20 ms at most: from half to whole in 160 ms.
const RELEASE: i32 = ONE / 16;

/// A voice that enters or leaves a mix takes so many samples: 5 ms.
pub(super) const RAMP: usize = 40;

/// 20 ms of one voice or of a mix.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Linear samples at 8 kHz.
    pub pcm: [i16; SLOT],
    /// The same in mu-law, where [`coded`](Self::coded) says so.
    pub ulaw: [u8; SLOT],
    /// The mu-law is what came, or was made of the linear samples already.
    pub coded: bool,
    /// Nobody would hear anything of it.
    pub silent: bool,
}

impl Frame {
    /// True silence.
    pub const SILENCE: Self = Self { pcm: [0; SLOT], ulaw: [SILENCE; SLOT], coded: true, silent: true };

    /// 20 ms of a linear voice.
    pub fn linear(pcm: [i16; SLOT]) -> Self {
        Self { silent: is_silent(&pcm), pcm, ulaw: [SILENCE; SLOT], coded: false }
    }

    /// 20 ms of a voice from the telephone.
    pub fn telephone(ulaw: [u8; SLOT]) -> Self {
        let mut pcm = [0; SLOT];
        g711::decode(&ulaw, &mut pcm);
        Self { silent: is_silent(&pcm), pcm, ulaw, coded: true }
    }

    /// The frame in mu-law.
    pub fn code(&mut self) -> &[u8; SLOT] {
        if !self.coded {
            g711::encode(&self.pcm, &mut self.ulaw);
            self.coded = true;
        }
        &self.ulaw
    }

    /// Its beginning, faded out; silence after it.
    pub(super) fn fade_out(&self) -> Self {
        let mut pcm = [0; SLOT];
        pcm[..RAMP].copy_from_slice(&self.pcm[..RAMP]);
        fade_out(&mut pcm[..RAMP]);
        Self::linear(pcm)
    }

    /// The whole of it, faded in.
    pub(super) fn fade_in(&self) -> Self {
        let mut pcm = self.pcm;
        fade_in(&mut pcm[..RAMP]);
        Self::linear(pcm)
    }
}

/// Lets samples begin softly.
pub(super) fn fade_in(pcm: &mut [i16]) {
    let length = pcm.len() as i32;
    for (i, sample) in pcm.iter_mut().enumerate() {
        *sample = (i32::from(*sample) * (i as i32 + 1) / (length + 1)) as i16;
    }
}

/// Lets samples end softly.
pub(super) fn fade_out(pcm: &mut [i16]) {
    let length = pcm.len() as i32;
    for (i, sample) in pcm.iter_mut().enumerate() {
        *sample = (i32::from(*sample) * (length - i as i32) / (length + 1)) as i16;
    }
}

/// The ears of one hearer.
///
/// A single voice is heard as it came, to the bit. Where several together would leave the range, all are
/// turned down as one, before the loud sample and without a jump, and come back within a few frames.
#[derive(Clone, Debug)]
pub struct Mixer {
    gain: i32,
}

impl Default for Mixer {
    fn default() -> Self {
        Self { gain: ONE }
    }
}

impl Mixer {
    /// Ears that have heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is heard of these voices together.
    pub fn mix<'a>(&mut self, voices: impl Iterator<Item = &'a Frame>) -> Frame {
        let mut voices = voices.filter(|frame| !frame.silent);
        let Some(first) = voices.next() else {
            self.gain = ONE;
            return Frame::SILENCE;
        };
        let Some(second) = voices.next() else {
            if self.gain == ONE {
                return first.clone();
            }
            return self.limit(&first.pcm.map(i32::from), ONE);
        };
        let mut sum = [0; SLOT];
        for ((sum, &a), &b) in sum.iter_mut().zip(&first.pcm).zip(&second.pcm) {
            *sum = i32::from(a) + i32::from(b);
        }
        for frame in voices {
            for (sum, &sample) in sum.iter_mut().zip(&frame.pcm) {
                *sum += i32::from(sample);
            }
        }
        self.limit(&sum, RELEASE)
    }

    /// Brings a sum into the range. The gain goes up by `release` at most.
    fn limit(&mut self, sum: &[i32; SLOT], release: i32) -> Frame {
        let peak = sum.iter().map(|sample| sample.abs()).max().unwrap_or(0);
        let allowed =
            if peak <= LIMIT { ONE } else { (i64::from(LIMIT) * i64::from(ONE) / i64::from(peak)) as i32 };
        let from = self.gain;
        let mut pcm = [0; SLOT];
        if from == ONE && allowed == ONE {
            for (pcm, &sum) in pcm.iter_mut().zip(sum) {
                *pcm = sum as i16;
            }
            return Frame::linear(pcm);
        }
        let (to, length) = if allowed < from {
            // Down, and down there before the first sample that is too loud now.
            let loud = sum.iter().position(|&sample| scale(sample, from).abs() > LIMIT);
            (allowed, loud.unwrap_or(RAMP).min(RAMP))
        } else {
            (allowed.min(from + release), SLOT)
        };
        for (i, (pcm, &sum)) in pcm.iter_mut().zip(sum).enumerate() {
            let gain = if i < length { from + (to - from) * (i as i32) / length as i32 } else { to };
            *pcm = scale(sum, gain).clamp(-LIMIT, LIMIT) as i16;
        }
        self.gain = to;
        Frame::linear(pcm)
    }
}

fn scale(sample: i32, gain: i32) -> i32 {
    ((i64::from(sample) * i64::from(gain)) >> 15) as i32
}
