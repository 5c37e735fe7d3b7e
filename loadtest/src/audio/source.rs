//! What one side of a call says.

use std::path::Path;

use bytes::Bytes;

use super::{RATE, resample, ulaw};
use crate::tone::Tone;

/// Longest audio that is read from a file: an hour.
const MAX_SECONDS: u64 = 3600;

/// Largest amplitude that [`Audio::parse`] gives a tone: about -12 dBFS, the level of loud speech.
const TONE_AMPLITUDE: i16 = 8000;

/// What one side of a call says, as mu-law at 8 kHz. Cloning shares it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Audio {
    ulaw: Bytes,
    /// A period of a tone or of silence, repeated for ever whatever the caller wants of speech.
    endless: bool,
}

/// Why audio could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The file could not be read.
    #[error("cannot be read")]
    Read(#[from] std::io::Error),
    /// Not a WAV file that is understood.
    #[error("not a readable WAV file")]
    Wav(#[from] hound::Error),
    /// A WAV file, but not 16-bit PCM with one channel at 8 to 48 kHz.
    #[error("must be 16-bit PCM with one channel at 8 to 48 kHz, is {bits}-bit with {channels} at {rate} Hz")]
    Format {
        /// Bits of a sample.
        bits: u16,
        /// Channels.
        channels: u16,
        /// Samples a second.
        rate: u32,
    },
    /// More than an hour.
    #[error("longer than {MAX_SECONDS} s")]
    TooLong,
    /// There is no sample in it.
    #[error("empty")]
    Empty,
    /// Not a tone between 1 and 4000 Hz.
    #[error("a tone is a whole number of hertz from 1 to 3999, as in tone:450")]
    Tone,
    /// The file's name says no kind.
    #[error("expected tone:<hertz>, silence, or a file ending in .ulaw or .wav")]
    Kind,
}

impl Audio {
    /// A tone for ever. A second of it is a period, whatever the frequency.
    pub fn tone(tone: Tone, amplitude: i16) -> Self {
        let mut pcm = vec![0; RATE as usize];
        tone.add_to(&mut pcm, RATE, amplitude);
        Self { ulaw: ulaw::encode_all(&pcm).into(), endless: true }
    }

    /// Digital silence for ever.
    pub const fn silence() -> Self {
        Self { ulaw: Bytes::from_static(&[ulaw::SILENCE; 160]), endless: true }
    }

    /// Mu-law at 8 kHz without a header.
    pub fn ulaw(bytes: impl Into<Bytes>) -> Self {
        Self { ulaw: bytes.into(), endless: false }
    }

    /// Samples at 8 kHz.
    pub fn pcm(pcm: &[i16]) -> Self {
        Self::ulaw(ulaw::encode_all(pcm))
    }

    /// A WAV file: 16-bit PCM, one channel, 8 to 48 kHz.
    pub fn wav(path: &Path) -> Result<Self, AudioError> {
        let mut reader = hound::WavReader::open(path)?;
        let hound::WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format } =
            reader.spec();
        let integer = sample_format == hound::SampleFormat::Int;
        if !(integer && bits == 16 && channels == 1 && (8000..=48_000).contains(&rate)) {
            return Err(AudioError::Format { bits, channels, rate });
        }
        if u64::from(reader.duration()) > MAX_SECONDS * u64::from(rate) {
            return Err(AudioError::TooLong);
        }
        let pcm = reader.samples().collect::<Result<Vec<i16>, _>>()?;
        match pcm.is_empty() {
            true => Err(AudioError::Empty),
            false => Ok(Self::pcm(&resample(&pcm, rate, RATE))),
        }
    }

    /// A file, by the end of its name: `.wav`, or mu-law without a header (`.ulaw`, `.ul`, `.mulaw`).
    pub fn open(path: &Path) -> Result<Self, AudioError> {
        match path.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("wav") => Self::wav(path),
            Some("ulaw" | "ul" | "mulaw") => match std::fs::metadata(path)?.len() {
                0 => Err(AudioError::Empty),
                bytes if bytes > MAX_SECONDS * u64::from(RATE) => Err(AudioError::TooLong),
                _ => Ok(Self::ulaw(std::fs::read(path)?)),
            },
            _ => Err(AudioError::Kind),
        }
    }

    /// `tone:<hertz>`, `silence` or a file, as a person types it.
    pub fn parse(text: &str) -> Result<Self, AudioError> {
        match text.strip_prefix("tone:") {
            Some(hertz) => match hertz.parse() {
                Ok(hertz @ 1..=3999) => Ok(Self::tone(Tone(hertz), TONE_AMPLITUDE)),
                _ => Err(AudioError::Tone),
            },
            None if text == "silence" => Ok(Self::silence()),
            None => Self::open(Path::new(text)),
        }
    }

    /// The mu-law itself: once through, or one period.
    pub fn bytes(&self) -> &[u8] {
        &self.ulaw
    }

    /// Writes what is said from sample `at` on. After the end comes silence, or the beginning again.
    pub fn fill(&self, at: u64, looped: bool, out: &mut [u8]) {
        let length = self.ulaw.len() as u64;
        let mut at = at;
        let mut rest = out;
        while !rest.is_empty() {
            let place = if (looped || self.endless) && length > 0 { at % length } else { at };
            let said = self.ulaw.get(usize::try_from(place).unwrap_or(usize::MAX)..).unwrap_or_default();
            let count = said.len().min(rest.len());
            if count == 0 {
                rest.fill(ulaw::SILENCE);
                return;
            }
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&said[..count]);
            at += count as u64;
            rest = later;
        }
    }

    /// What is said in the first `samples`, decoded: to compare with what was heard.
    pub fn render(&self, samples: usize, looped: bool) -> Vec<i16> {
        let mut out = vec![0; samples];
        self.fill(0, looped, &mut out);
        ulaw::decode_all(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_ends_in_silence_or_begins_again() {
        let audio = Audio::ulaw(vec![1, 2, 3]);
        let mut out = [0; 7];
        audio.fill(1, false, &mut out);
        assert_eq!(out, [2, 3, 255, 255, 255, 255, 255]);
        audio.fill(1, true, &mut out);
        assert_eq!(out, [2, 3, 1, 2, 3, 1, 2]);
        audio.fill(u64::MAX - 10, false, &mut out);
        assert_eq!(out, [255; 7]);
        Audio::ulaw(Vec::new()).fill(0, true, &mut out);
        assert_eq!(out, [255; 7], "no audio is silence, not an endless search");
    }

    #[test]
    fn a_tone_has_no_seam() {
        let heard = Audio::tone(Tone(450), 8000).render(24_000, false);
        assert!((Tone(450).amplitude_in(&heard, RATE) - 8000.0).abs() < 60.0);
        let seam = &heard[7920..8080];
        assert!(Tone(700).amplitude_in(seam, RATE) < 60.0, "a click would be heard everywhere");
    }

    #[test]
    fn a_wav_of_any_common_rate_is_the_same_tone() {
        let folder = tempfile::tempdir().unwrap();
        for rate in [8000, 16_000, 44_100, 48_000] {
            let path = folder.path().join(format!("{rate}.wav"));
            let mut pcm = vec![0; rate as usize];
            Tone(700).add_to(&mut pcm, rate, 6000);
            write_wav(&path, rate, 1, &pcm);
            let heard = Audio::open(&path).unwrap().render(8000, false);
            let amplitude = Tone(700).amplitude_in(&heard[800..7200], RATE);
            assert!((amplitude - 6000.0).abs() < 60.0, "{rate}: {amplitude}");
        }
    }

    #[test]
    fn what_cannot_be_played_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        write_wav(Path::new(&path("stereo.wav")), 8000, 2, &[1, 2]);
        write_wav(Path::new(&path("empty.wav")), 8000, 1, &[]);
        std::fs::write(path("not.wav"), "hello").unwrap();
        std::fs::write(path("empty.ulaw"), "").unwrap();
        for (text, reason) in [
            (path("stereo.wav"), "must be 16-bit PCM with one channel"),
            (path("empty.wav"), "empty"),
            (path("not.wav"), "not a readable WAV"),
            (path("empty.ulaw"), "empty"),
            (path("missing.ulaw"), "cannot be read"),
            (path("speech.mp3"), "expected tone:"),
            ("tone:0".into(), "whole number of hertz"),
            ("tone:4000".into(), "whole number of hertz"),
            ("tone:high".into(), "whole number of hertz"),
        ] {
            let error = Audio::parse(&text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    fn write_wav(path: &Path, sample_rate: u32, channels: u16, pcm: &[i16]) {
        let sample_format = hound::SampleFormat::Int;
        let spec = hound::WavSpec { channels, sample_rate, bits_per_sample: 16, sample_format };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        for &sample in pcm {
            writer.write_sample(sample).unwrap();
        }
        writer.finalize().unwrap();
    }
}
