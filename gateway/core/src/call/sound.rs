//! 20 ms of both voices as they are heard, with what is missing filled.

use bytes::Bytes;

use super::SLOT;
use super::conceal::Concealer;
use super::ring::Ring;
use crate::g711;

/// The loudest sample that still is silence: one step of mu-law from zero, where idle lines hum.
const SILENT: i16 = 8;

/// What one 20 ms became in one codec.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) bytes: Bytes,
    /// The first after a pause.
    pub(super) marker: bool,
}

/// 20 ms of both voices, caller first.
#[derive(Debug)]
pub(super) struct Sound {
    pub(super) pcm: [[i16; SLOT]; 2],
    /// As they came. Only where [`whole`](Self::whole) says so it is all there was.
    pub(super) ulaw: [[u8; SLOT]; 2],
    /// Nothing of the voice was filled or blended.
    pub(super) whole: [bool; 2],
    /// Nobody would hear anything of it.
    pub(super) silent: [bool; 2],
}

impl Sound {
    pub(super) fn is_silent(&self) -> bool {
        self.silent == [true; 2]
    }
}

/// The ears between a call's rings and its streams.
#[derive(Debug)]
pub(super) struct Hearing {
    voices: [Concealer; 2],
}

impl Hearing {
    pub(super) fn new() -> Self {
        Self { voices: [Concealer::new(), Concealer::new()] }
    }

    /// Hears the 20 ms at `position` in both rings.
    pub(super) fn hear(&mut self, rings: [&Ring; 2], position: u64) -> Sound {
        let mut sound =
            Sound { pcm: [[0; SLOT]; 2], ulaw: [[0; SLOT]; 2], whole: [false; 2], silent: [false; 2] };
        for (i, (voice, ring)) in self.voices.iter_mut().zip(rings).enumerate() {
            sound.whole[i] = listen(voice, ring, position, &mut sound.ulaw[i], &mut sound.pcm[i]);
            sound.silent[i] = is_silent(&sound.pcm[i]);
        }
        sound
    }
}

/// Whether nobody would hear anything of it.
pub(super) fn is_silent(pcm: &[i16]) -> bool {
    pcm.iter().all(|sample| (-SILENT..=SILENT).contains(sample))
}

/// Decodes one voice's 20 ms and fills what is missing. True: nothing was.
fn listen(
    voice: &mut Concealer,
    ring: &Ring,
    position: u64,
    ulaw: &mut [u8; SLOT],
    pcm: &mut [i16; SLOT],
) -> bool {
    if ring.read(position, ulaw) == SLOT {
        g711::decode(ulaw, pcm);
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
    false
}
