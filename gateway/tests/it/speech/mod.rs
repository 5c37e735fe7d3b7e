//! Speech, from the program on this machine and from servers that stand in for the providers.

mod espeak;
mod http;
mod server;
mod sound;

use bytes::Bytes;
use gateway::speech::{Speech, SpeechConfig, SpeechError};
use gateway_core::g711;

use crate::server::PATIENCE;

/// All the sound of a line, and how it ended.
async fn said(speech: &Speech, text: &str) -> (Vec<u8>, Result<(), SpeechError>) {
    collected(speech.say(text, None, None)).await
}

async fn collected(
    mut sound: tokio::sync::mpsc::Receiver<Result<Bytes, SpeechError>>,
) -> (Vec<u8>, Result<(), SpeechError>) {
    let mut ulaw = Vec::new();
    let all = async {
        while let Some(piece) = sound.recv().await {
            ulaw.extend(piece?);
        }
        Ok(())
    };
    let end = tokio::time::timeout(PATIENCE, all).await.expect("the line ends");
    (ulaw, end)
}

fn pcm(ulaw: &[u8]) -> Vec<f64> {
    ulaw.iter().map(|&code| f64::from(g711::decode_sample(code)) / 32_768.0).collect()
}

/// The root mean square of what is not a pause, in dB below the loudest there can be.
fn loudness(samples: &[f64]) -> f64 {
    let power = |block: &[f64]| block.iter().map(|sample| sample * sample).sum::<f64>() / block.len() as f64;
    let loud: Vec<f64> = samples.chunks(160).map(power).filter(|power| *power > 1e-5).collect();
    10.0 * (loud.iter().sum::<f64>() / loud.len() as f64).log10()
}

fn speech(change: impl FnOnce(&mut SpeechConfig)) -> Speech {
    let mut config = SpeechConfig::default();
    change(&mut config);
    Speech::new(config).unwrap()
}
