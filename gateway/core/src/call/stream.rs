//! The Opus stream of a call that is heard: what becomes of each 20 ms.
//!
//! Silence on both sides is not encoded. After a few packets of it, which leave every decoder at rest, one
//! packet of a single byte says "nothing follows", and again every 400 ms, as Opus itself does in its
//! discontinuous transmission. RFC 6716, section 3.1: such a packet is a table of contents and an empty frame.

use bytes::Bytes;

use super::encoder::{Encoder, EncoderError, Setting};
use super::sound::Payload;
use super::{Counts, SLOT};

/// A reminder of silence comes after so many times 20 ms: 400 ms, the interval of libopus.
const REMINDER: u32 = 20;

/// The encoder and what is around it.
#[derive(Debug)]
pub(super) struct Stream {
    encoder: Encoder,
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
            // At least one, or a decoder would be left in the middle of a sound.
            hangover: hangover.max(1),
            quiet: 0,
            resume: true,
            contents: None,
        })
    }

    /// Takes the next 20 ms, left and right, and whether both are silent. `None` if nothing needs to be sent.
    pub(super) fn next(
        &mut self,
        [left, right]: [&[i16; SLOT]; 2],
        silent: bool,
        counts: &mut Counts,
    ) -> Option<Payload> {
        self.quiet = if silent { self.quiet.saturating_add(1) } else { 0 };
        if self.quiet > self.hangover {
            return self.pause(counts);
        }
        let marker = std::mem::take(&mut self.resume);
        let payload =
            if self.quiet == self.hangover { self.encoder.rest() } else { self.encoder.encode(left, right) };
        self.send(payload, marker, counts)
    }

    /// Nothing is known for a while: leaves the decoders at rest, if they are not.
    pub(super) fn hush(&mut self, counts: &mut Counts) -> Option<Payload> {
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
    ) -> Option<Payload> {
        let Ok(bytes) = payload else {
            counts.encoder_failures += 1;
            self.resume |= marker;
            return None;
        };
        self.contents = bytes.first().copied();
        counts.encoded += 1;
        Some(Payload { bytes, marker })
    }

    fn pause(&mut self, counts: &mut Counts) -> Option<Payload> {
        let since = self.quiet - self.hangover - 1;
        self.resume = true;
        if !since.is_multiple_of(REMINDER) {
            return None;
        }
        // The two low bits count frames: zero stands for one.
        let contents = [self.contents? & !3];
        counts.comfort += 1;
        Some(Payload { bytes: Bytes::copy_from_slice(&contents), marker: false })
    }
}
