//! What encoding alone costs: libopus at the server's setting, on voices like the server's.
//!
//! One thread has an encoder for each call and gives each a frame every 20 ms, the calls spread over the frame as
//! they are in a server, so that an encoder's state has left the nearest caches when its turn comes again. Only
//! encoding is timed, by the thread's CPU clock. The setting is that of `docs/decisions/0001-opus-setting.md`.
//! What both voices keep silent in is not encoded after some frames, as in the server.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use opusic_c::{Application, Bitrate, Channels, Encoder, ErrorCode, SampleRate};

use super::cpu::thread_time;
use crate::audio::ulaw;
use crate::voices;

/// Between two frames of a call.
const FRAME: Duration = Duration::from_millis(20);

/// Samples of one voice in it.
const SAMPLES: usize = 160;

/// Bits a second, of both voices together.
const BITRATE: u32 = 80_000;

/// How often the thread wakes in a frame: each time for a share of the calls.
const SLOTS: usize = 20;

/// The loudest sample of silence, and how many frames of it are still encoded.
const SILENT: i16 = 8;
const SILENT_FRAMES: u32 = 5;

/// Frames between the places where two calls begin in a conversation.
const APART: usize = 37;

/// Room for a packet.
const PACKET: usize = 1_000;

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoding {
    /// CPU time of one encoded frame of 20 ms, both voices, in microseconds.
    pub(super) us_per_frame: f64,
    /// Frames that were encoded.
    pub(super) frames: u64,
}

/// Encodes so many calls for `seconds`.
///
/// # Errors
///
/// When libopus refuses something, or nothing was encoded.
pub(super) async fn run(calls: usize, seconds: u64) -> Result<Encoding> {
    tokio::task::spawn_blocking(move || encode(calls, seconds)).await?
}

fn encode(calls: usize, seconds: u64) -> Result<Encoding> {
    let conversations: Vec<Vec<u16>> =
        voices::all().iter().map(|one| interleaved(one.caller, one.agent)).collect();
    let failed = |error: ErrorCode| anyhow::anyhow!("libopus: {}", error.message());
    let mut voices = Vec::with_capacity(calls);
    for n in 0..calls {
        let conversation =
            n.checked_rem(conversations.len()).and_then(|n| conversations.get(n)).context("no voices")?;
        voices.push(Voices { opus: encoder().map_err(failed)?, conversation, next: n * APART, quiet: 0 });
    }
    let (mut spent, mut frames) = (Duration::ZERO, 0);
    let share = calls.div_ceil(SLOTS).max(1);
    let slots = seconds * 1_000 / FRAME.as_millis() as u64 * SLOTS as u64;
    let began = Instant::now();
    for slot in 0..slots {
        let due = began + FRAME.mul_f64(slot as f64 / SLOTS as f64);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let here = (slot % SLOTS as u64) as usize * share;
        let cpu = thread_time()?;
        for voices in voices.iter_mut().skip(here).take(share) {
            frames += u64::from(voices.encode().map_err(failed)?);
        }
        spent += thread_time()?.saturating_sub(cpu);
    }
    ensure!(frames > 0, "nothing was encoded");
    Ok(Encoding { us_per_frame: spent.as_secs_f64() * 1e6 / frames as f64, frames })
}

/// As the server's encoder is made.
fn encoder() -> Result<Encoder, ErrorCode> {
    let mut opus = Encoder::new(Channels::Stereo, SampleRate::Hz8000, Application::LowDelay)?;
    opus.set_bitrate(Bitrate::Value(BITRATE))?;
    opus.set_complexity(0)?;
    opus.set_vbr(true)?;
    opus.set_vbr_constraint(false)?;
    opus.set_force_channels(Some(Channels::Stereo))?;
    opus.set_lsb_depth(14)?;
    Ok(opus)
}

/// The two voices of one call.
struct Voices<'a> {
    opus: Encoder,
    /// Both, sample by sample. The binding calls signed samples unsigned; the bits are the same.
    conversation: &'a [u16],
    /// Frames so far.
    next: usize,
    /// Silent frames in a row, up to now.
    quiet: u32,
}

impl Voices<'_> {
    /// Takes the next frame, and says whether it was encoded.
    fn encode(&mut self) -> Result<bool, ErrorCode> {
        let frames = self.conversation.len() / (2 * SAMPLES);
        let at = self.next.checked_rem(frames).unwrap_or(0) * 2 * SAMPLES;
        self.next += 1;
        let Some(frame) = self.conversation.get(at..at + 2 * SAMPLES) else { return Ok(false) };
        let silent = frame.iter().all(|&sample| (-SILENT..=SILENT).contains(&(sample as i16)));
        self.quiet = if silent { self.quiet.saturating_add(1) } else { 0 };
        if self.quiet > SILENT_FRAMES {
            return Ok(false);
        }
        let mut packet = [0; PACKET];
        let length = self.opus.encode_to_slice(frame, &mut packet)?;
        std::hint::black_box(packet.get(..length));
        Ok(true)
    }
}

fn interleaved(caller: &[u8], agent: &[u8]) -> Vec<u16> {
    let (caller, agent) = (ulaw::decode_all(caller), ulaw::decode_all(agent));
    caller.into_iter().zip(agent).flat_map(|(left, right)| [left as u16, right as u16]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_gets_a_frame_each_20_ms_unless_both_are_silent() {
        // The first second of all conversations is not silent throughout.
        let encoding = encode(45, 1).unwrap();
        assert!((1_000..=45 * 50).contains(&encoding.frames), "{}", encoding.frames);
        assert!(encoding.us_per_frame > 0.0);
    }

    #[test]
    fn silence_is_encoded_for_a_moment_and_then_no_more() {
        let conversation = vec![0; 2 * SAMPLES * 10];
        let mut voices = Voices { opus: encoder().unwrap(), conversation: &conversation, next: 0, quiet: 0 };
        let encoded = (0..30).filter(|_| voices.encode().unwrap()).count();
        assert_eq!(encoded, SILENT_FRAMES as usize);
    }
}
