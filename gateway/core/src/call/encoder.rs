//! The call's one Opus encoder.

use std::fmt;

use bytes::Bytes;
use opusic_c::{Application, Bitrate, Channels, ErrorCode, SampleRate};

use super::SLOT;
use crate::block::Block;

/// Room for one packet. At 80 kbit/s a packet has about 200 bytes; libopus keeps within what it is given.
const PACKET: usize = 1000;

/// libopus refused something.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("libopus: {0}")]
pub struct EncoderError(&'static str);

impl From<ErrorCode> for EncoderError {
    fn from(code: ErrorCode) -> Self {
        Self(code.message())
    }
}

/// How the voices are encoded. The default was chosen by measuring: `docs/decisions/0001-opus-setting.md`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Setting {
    /// Which half of Opus does the work.
    pub layer: Layer,
    /// Bits a second for both voices together.
    pub bitrate: u32,
    /// From 0, cheapest, to 10.
    pub complexity: u8,
    /// How far the bit rate is held to.
    pub rate: Rate,
}

/// How far a packet's size follows what is in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rate {
    /// All packets have the same size.
    Constant,
    /// Easy packets save for hard ones, and the bit rate is kept at any moment.
    Constrained,
    /// Each packet takes what it needs; the bit rate is what speech needs on average.
    Free,
}

/// The two halves of Opus.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layer {
    /// CELT alone ("restricted low delay"): 2.5 ms of its own delay, both voices at the price of one.
    Celt,
    /// What libopus takes for telephony: SILK at low bit rates.
    Voip,
}

impl Default for Setting {
    fn default() -> Self {
        Self { layer: Layer::Celt, bitrate: 80_000, complexity: 0, rate: Rate::Free }
    }
}

/// Makes stereo Opus packets of 20 ms from two voices at 8 kHz.
pub struct Encoder {
    opus: opusic_c::Encoder,
    setting: Setting,
    block: Block,
}

impl Encoder {
    /// An encoder that has heard nothing.
    pub fn new(setting: Setting) -> Result<Self, EncoderError> {
        let application = match setting.layer {
            Layer::Celt => Application::LowDelay,
            Layer::Voip => Application::Voip,
        };
        let mut opus = opusic_c::Encoder::new(Channels::Stereo, SampleRate::Hz8000, application)?;
        opus.set_bitrate(Bitrate::Value(setting.bitrate))?;
        opus.set_complexity(setting.complexity)?;
        opus.set_vbr(setting.rate != Rate::Constant)?;
        opus.set_vbr_constraint(setting.rate != Rate::Free)?;
        // Two voices are never one: libopus must not fold them into mono when they are quiet.
        opus.set_force_channels(Some(Channels::Stereo))?;
        // Mu-law has 14 bits; what is below them is not worth coding.
        opus.set_lsb_depth(14)?;
        Ok(Self { opus, setting, block: Block::default() })
    }

    /// What it was made with.
    pub fn setting(&self) -> Setting {
        self.setting
    }

    /// Encodes the next 20 ms.
    pub fn encode(&mut self, left: &[i16; SLOT], right: &[i16; SLOT]) -> Result<Bytes, EncoderError> {
        let mut pcm = [0; 2 * SLOT];
        for ((pair, &left), &right) in pcm.chunks_exact_mut(2).zip(left).zip(right) {
            // The binding calls signed samples unsigned; the bits are the same.
            pair[0] = left as u16;
            pair[1] = right as u16;
        }
        let mut packet = [0; PACKET];
        let length = self.opus.encode_to_slice(&pcm, &mut packet)?;
        Ok(self.block.packet(&packet[..length]))
    }

    /// Encodes 20 ms of true silence from a fresh start.
    ///
    /// It brings every decoder to rest: without it the filters' memory of the last sound is coded as a
    /// faint one, and a decoder takes that for the noise to be heard through the whole pause. The packet
    /// after it leans on nothing before, so a decoder that begins in the pause is in step too.
    pub fn rest(&mut self) -> Result<Bytes, EncoderError> {
        self.opus.reset()?;
        self.encode(&[0; SLOT], &[0; SLOT])
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("setting", &self.setting).finish_non_exhaustive()
    }
}
