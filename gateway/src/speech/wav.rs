//! The head of a WAV file that comes in pieces: 16-bit PCM in one channel, and the rate.

use super::SpeechError;

/// Most bytes in front of the sound.
const MAX_HEAD: usize = 4096;

/// What a head says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Head {
    /// Samples a second.
    pub(super) rate: u32,
    /// Bytes to leave out in front of the sound.
    pub(super) bytes: usize,
}

/// Reads the head of what has come so far. `None`: there is more of it to come. How long the sound is, nobody who
/// writes to a pipe can know; it ends with the pipe.
pub(super) fn head(wav: &[u8]) -> Result<Option<Head>, SpeechError> {
    const NOT_WAV: SpeechError = SpeechError::Malformed("not a WAV file");
    let Some((riff, mut rest)) = wav.split_at_checked(12) else {
        return if b"RIFF".starts_with(&wav[..wav.len().min(4)]) { Ok(None) } else { Err(NOT_WAV) };
    };
    if !riff.starts_with(b"RIFF") || !riff.ends_with(b"WAVE") {
        return Err(NOT_WAV);
    }
    let mut rate = None;
    while let Some((chunk, body)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]) as usize;
        match (&chunk[..4], rate) {
            (b"data", Some(rate)) => return Ok(Some(Head { rate, bytes: wav.len() - body.len() })),
            (b"data", None) => return Err(SpeechError::Malformed("a WAV file without a format")),
            _ => {}
        }
        // Chunks have even lengths on disk.
        let padded = length.saturating_add(length % 2);
        if padded > MAX_HEAD {
            return Err(SpeechError::Malformed("a WAV file with too long a head"));
        }
        let Some((body, next)) = body.split_at_checked(padded) else { break };
        if chunk.starts_with(b"fmt ") {
            rate = Some(format(body)?);
        }
        rest = next;
    }
    match wav.len() > MAX_HEAD {
        true => Err(SpeechError::Malformed("a WAV file with too long a head")),
        false => Ok(None),
    }
}

fn format(body: &[u8]) -> Result<u32, SpeechError> {
    const NOT_PCM: SpeechError = SpeechError::Malformed("not 16-bit PCM in one channel at 8 to 48 kHz");
    let Some(&[kind, 0, channels, 0, a, b, c, d, _, _, _, _, _, _, bits, 0]) = body.first_chunk::<16>()
    else {
        return Err(NOT_PCM);
    };
    let rate = u32::from_le_bytes([a, b, c, d]);
    match (kind, channels, bits, rate) {
        (1, 1, 16, 8000..=48_000) => Ok(rate),
        _ => Err(NOT_PCM),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [name, &(body.len() as u32).to_le_bytes()[..], body].concat()
    }

    fn fmt(kind: u8, channels: u8, rate: u32, bits: u8) -> Vec<u8> {
        let rate = rate.to_le_bytes();
        let body = [&[kind, 0, channels, 0][..], &rate, &[0; 6], &[bits, 0]].concat();
        chunk(b"fmt ", &body)
    }

    fn wav(chunks: &[Vec<u8>]) -> Vec<u8> {
        [b"RIFF\xff\xff\xff\x7fWAVE".to_vec(), chunks.concat()].concat()
    }

    #[test]
    fn the_sound_begins_behind_its_chunk_however_the_head_comes() {
        // What espeak-ng writes into a pipe, and one with a chunk more, of an odd length.
        let plain = wav(&[fmt(1, 1, 22_050, 16), b"data\x00\xf0\xff\x7f".to_vec()]);
        let more = [chunk(b"LIST", &[7; 5]), vec![0], fmt(1, 1, 48_000, 16), b"data\0\0\0\0".to_vec()];
        for (bytes, rate) in [(plain, 22_050), (wav(&more), 48_000)] {
            for some in 0..bytes.len() {
                assert_eq!(head(&bytes[..some]), Ok(None), "{some}");
            }
            let found = Head { rate, bytes: bytes.len() };
            assert_eq!(head(&bytes), Ok(Some(found)));
            assert_eq!(head(&[bytes, vec![1; 5000]].concat()), Ok(Some(found)));
        }
    }

    #[test]
    fn what_is_not_such_a_file_is_refused() {
        let data = b"data\0\0\0\0".to_vec();
        for (bytes, why) in [
            (b"<html>".to_vec(), "not a WAV file"),
            (b"RIFX\0\0\0\0WAVE".to_vec(), "not a WAV file"),
            (wav(std::slice::from_ref(&data)), "a WAV file without a format"),
            (wav(&[fmt(1, 2, 22_050, 16)]), "not 16-bit PCM in one channel at 8 to 48 kHz"),
            (wav(&[fmt(7, 1, 8000, 8)]), "not 16-bit PCM in one channel at 8 to 48 kHz"),
            (wav(&[fmt(1, 1, 7999, 16)]), "not 16-bit PCM in one channel at 8 to 48 kHz"),
            (wav(&[chunk(b"fmt ", &[1; 4])]), "not 16-bit PCM in one channel at 8 to 48 kHz"),
            (wav(&[b"LIST\xff\xff\xff\xff".to_vec()]), "a WAV file with too long a head"),
            (wav(&vec![chunk(b"LIST", &[0; 100]); 40]), "a WAV file with too long a head"),
        ] {
            assert_eq!(
                head(&bytes),
                Err(SpeechError::Malformed(why)),
                "{:?}",
                bytes.escape_ascii().to_string()
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _whatever = head(&tail);
            let _whatever = head(&[b"RIFF1234WAVEfmt ".to_vec(), tail].concat());
        }
    }
}
