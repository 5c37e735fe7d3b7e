//! The Opus stream of a call that is heard: what becomes of each 20 ms.
//!
//! Silence on both sides is not encoded. After a few packets of it, which leave every decoder at rest, one
//! packet of a single byte says "nothing follows", and again every 400 ms, as Opus itself does in its
//! discontinuous transmission. RFC 6716, section 3.1: such a packet is a table of contents and an empty frame.

use bytes::Bytes;

use super::conceal::Concealer;
use super::encoder::{Encoder, EncoderError, Setting};
use super::ring::Ring;
use super::{Counts, SLOT};
use crate::g711;

/// The loudest sample that still is silence: one step of mu-law from zero, where idle lines hum.
const SILENT: i16 = 8;

/// A reminder of silence comes after so many times 20 ms: 400 ms, the interval of libopus.
const REMINDER: u32 = 20;

/// What one 20 ms became.
#[derive(Debug)]
pub(super) struct Sound {
    pub(super) payload: Bytes,
    pub(super) marker: bool,
}

/// The encoder and what goes before it.
#[derive(Debug)]
pub(super) struct Stream {
    encoder: Encoder,
    voices: [Concealer; 2],
    hangover: u32,
    /// How many times 20 ms both sides were silent, up to now.
    quiet: u32,
    /// The next audio follows a pause or is the first.
    resume: bool,
    /// The first byte of the last packet: its mode, bandwidth and channels.
    contents: Option<u8>,
}

impl Stream {
    pub(super) fn new(setting: Setting, hangover: u32) -> Result<Self, EncoderError> {
        Ok(Self {
            encoder: Encoder::new(setting)?,
            voices: [Concealer::new(), Concealer::new()],
            // At least one, or a decoder would be left in the middle of a sound.
            hangover: hangover.max(1),
            quiet: 0,
            resume: true,
            contents: None,
        })
    }

    /// Takes the 20 ms at `position` from both rings. `None` if nothing needs to be sent.
    pub(super) fn next(&mut self, rings: [&Ring; 2], position: u64, counts: &mut Counts) -> Option<Sound> {
        let mut pcm = [[0; SLOT]; 2];
        for ((voice, ring), pcm) in self.voices.iter_mut().zip(rings).zip(&mut pcm) {
            listen(voice, ring, position, pcm);
        }
        let silent = pcm.as_flattened().iter().all(|sample| (-SILENT..=SILENT).contains(sample));
        self.quiet = if silent { self.quiet.saturating_add(1) } else { 0 };
        if self.quiet > self.hangover {
            return self.pause(counts);
        }
        let marker = std::mem::take(&mut self.resume);
        let payload = if self.quiet == self.hangover {
            self.encoder.rest()
        } else {
            self.encoder.encode(&pcm[0], &pcm[1])
        };
        self.send(payload, marker, counts)
    }

    /// Nothing is known for a while: leaves the decoders at rest, if they are not.
    pub(super) fn hush(&mut self, counts: &mut Counts) -> Option<Sound> {
        if self.resume {
            return None;
        }
        (self.quiet, self.resume) = (self.hangover, true);
        let payload = self.encoder.rest();
        self.send(payload, false, counts)
    }

    fn send(
        &mut self,
        payload: Result<Bytes, EncoderError>,
        marker: bool,
        counts: &mut Counts,
    ) -> Option<Sound> {
        let Ok(payload) = payload else {
            counts.encoder_failures += 1;
            self.resume |= marker;
            return None;
        };
        self.contents = payload.first().copied();
        counts.encoded += 1;
        Some(Sound { payload, marker })
    }

    fn pause(&mut self, counts: &mut Counts) -> Option<Sound> {
        let since = self.quiet - self.hangover - 1;
        self.resume = true;
        if !since.is_multiple_of(REMINDER) {
            return None;
        }
        // The two low bits count frames: zero stands for one.
        let contents = [self.contents? & !3];
        counts.comfort += 1;
        Some(Sound { payload: Bytes::copy_from_slice(&contents), marker: false })
    }
}

/// Decodes one voice's 20 ms and fills what is missing.
fn listen(voice: &mut Concealer, ring: &Ring, position: u64, pcm: &mut [i16; SLOT]) {
    let mut ulaw = [0; SLOT];
    if ring.read(position, &mut ulaw) == SLOT {
        g711::decode(&ulaw, pcm);
        return voice.hear(pcm);
    }
    let mut at = 0;
    while at < SLOT {
        let (known, length) = ring.run(position + at as u64, SLOT - at);
        let stretch = at..at + length;
        if known {
            g711::decode(&ulaw[stretch.clone()], &mut pcm[stretch.clone()]);
            voice.hear(&mut pcm[stretch]);
        } else {
            voice.fill(&mut pcm[stretch]);
        }
        at += length;
    }
}
