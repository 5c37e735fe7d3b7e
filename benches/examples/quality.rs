//! What the call's encoder makes of two voices, at many settings, for `benches/quality/score.py` to judge.
//!
//! Reads `left.raw` and `right.raw` (16 bit, 8 kHz, mono) from the folder named as the argument, takes them
//! through mu-law as a telephone does, and writes `reference.<side>.raw` and, for each setting,
//! `<setting>.<side>.raw`. Prints a line of JSON for each setting.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use gateway_core::call::{Encoder, Layer, Rate, SLOT, Setting};
use gateway_core::g711;
use opusic_c::{Channels, Decoder, SampleRate};

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).context("which folder?")?;
    let folder = Path::new(&folder);
    let (left, right) = (telephone(folder, "left")?, telephone(folder, "right")?);
    for (name, setting) in settings() {
        let (pcm, bytes, time) = through_opus(setting, &left, &right)?;
        for (side, at) in [("left", 0), ("right", 1)] {
            let side_pcm: Vec<i16> = pcm.iter().skip(at).step_by(2).copied().collect();
            write(folder, &format!("{name}.{side}.raw"), &side_pcm)?;
        }
        let frames = (left.len().min(right.len()) / SLOT) as f64;
        let (micros, kbits) = (time.as_secs_f64() * 1e6, bytes as f64 * 8.0 / frames / 20.0);
        println!(
            r#"{{"name":"{name}","default":{},"micros":{micros:.2},"kbits":{kbits:.1}}}"#,
            setting == Setting::default()
        );
    }
    Ok(())
}

fn settings() -> Vec<(String, Setting)> {
    let variants = [(0, Rate::Free), (0, Rate::Constrained), (0, Rate::Constant), (1, Rate::Free)];
    let mut settings = Vec::new();
    for (layer, word, rates) in [
        (Layer::Celt, "celt", [48_000, 64_000, 80_000, 96_000].as_slice()),
        (Layer::Voip, "voip", [32_000, 64_000].as_slice()),
    ] {
        for &bitrate in rates {
            for (complexity, rate) in variants {
                let kbits = bitrate / 1000;
                let name = format!("{word} {kbits}k c{complexity} {rate:?}").to_lowercase();
                settings.push((name, Setting { layer, bitrate, complexity, rate }));
            }
        }
    }
    settings
}

/// Reads a voice and takes it through mu-law.
fn telephone(folder: &Path, side: &str) -> anyhow::Result<Vec<i16>> {
    let raw = fs::read(folder.join(format!("{side}.raw"))).with_context(|| format!("{side}.raw"))?;
    let pcm = raw.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
    let voice: Vec<i16> = pcm.map(|sample| g711::decode_sample(g711::encode_sample(sample))).collect();
    write(folder, &format!("reference.{side}.raw"), &voice)?;
    Ok(voice)
}

fn through_opus(
    setting: Setting,
    left: &[i16],
    right: &[i16],
) -> anyhow::Result<(Vec<i16>, usize, Duration)> {
    let Ok(mut decoder) = Decoder::new(Channels::Stereo, SampleRate::Hz8000) else { bail!("no decoder") };
    let mut encoder = Encoder::new(setting)?;
    let (mut heard, mut bytes, mut times) = (Vec::new(), 0, Vec::new());
    for (left, right) in left.as_chunks().0.iter().zip(right.as_chunks().0) {
        let begun = Instant::now();
        let packet = encoder.encode(left, right)?;
        times.push(begun.elapsed());
        bytes += packet.len();
        let mut pcm = [0; 2 * SLOT];
        if decoder.decode_to_slice(&packet, &mut pcm, false) != Ok(SLOT) {
            bail!("a packet could not be decoded");
        }
        heard.extend(pcm.iter().map(|&sample| sample as i16));
    }
    // The median: what else the machine does falls on few frames.
    times.sort_unstable();
    Ok((heard, bytes, times.get(times.len() / 2).copied().unwrap_or_default()))
}

fn write(folder: &Path, name: &str, pcm: &[i16]) -> anyhow::Result<()> {
    let bytes: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    fs::write(folder.join(name), bytes).with_context(|| name.to_owned())
}
