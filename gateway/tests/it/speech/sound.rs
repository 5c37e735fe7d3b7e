//! What becomes of PCM on its way to the telephone.

use std::f64::consts::TAU;

use bytes::Bytes;
use gateway::speech::Provider;
use tokio::sync::mpsc;

use super::server::{Reply, Server};
use super::{collected, loudness, pcm, speech};

/// PCM at 24 kHz, as it goes through a provider in pieces of these lengths, in turn.
async fn through(samples: impl Iterator<Item = f64>, pieces: &[usize]) -> Vec<f64> {
    let bytes: Vec<u8> = samples.flat_map(|sample| ((sample * 32_767.0) as i16).to_le_bytes()).collect();
    let (make, live) = mpsc::channel(1);
    let server = Server::start([Reply::Live(live)]).await;
    let url = server.url.clone();
    let speech = speech(|config| {
        config.provider = Provider::OpenAi;
        config.openai.url = url;
    });
    let sound = speech.say("Hello", None, None);
    let mut rest = Bytes::from(bytes);
    let mut lengths = pieces.iter().cycle();
    let making = tokio::spawn({
        let mut all = Vec::new();
        while !rest.is_empty() {
            all.push(rest.split_to(rest.len().min(*lengths.next().unwrap())));
        }
        async move {
            for piece in all {
                make.send(Ok(piece)).await.unwrap();
            }
        }
    });
    let (ulaw, end) = collected(sound).await;
    end.unwrap();
    making.await.unwrap();
    pcm(&ulaw)
}

fn tone(hertz: f64, amplitude: f64, seconds: f64) -> impl Iterator<Item = f64> {
    (0..(seconds * 24_000.0) as u32).map(move |n| amplitude * (TAU * hertz * f64::from(n) / 24_000.0).sin())
}

/// The part of a sound's power that is at this frequency.
fn share(samples: &[f64], hertz: f64) -> f64 {
    let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let (sin, cos) = (TAU * hertz * n as f64 / 8000.0).sin_cos();
        re += sample * cos;
        im += sample * sin;
        all += sample * sample;
    }
    2.0 * (re * re + im * im) / (all * samples.len() as f64)
}

#[tokio::test]
async fn a_tone_stays_itself_however_it_comes() {
    let whole = through(tone(1000.0, 0.2, 1.0), &[48_000]).await;
    assert_eq!(whole.len(), 8000, "not a sample more or less");
    let part = share(&whole, 1000.0);
    assert!(part > 0.98, "{part}");
    for pieces in [&[1][..], &[7, 1001], &[959, 961, 3]] {
        // But for its last few milliseconds, which know that the end is near.
        let heard = through(tone(1000.0, 0.2, 0.25), pieces).await;
        assert!(heard.len() == 2000 && heard[..1900] == whole[..1900], "{pieces:?}");
    }
}

#[tokio::test]
async fn the_end_is_not_lost_and_the_beginning_not_late() {
    // A click at each end.
    let clicks = |n: u32| if (30..23_970).contains(&n) { 0.0 } else { 0.4 };
    let heard = through((0..24_000).map(clicks), &[4096]).await;
    assert_eq!(heard.len(), 8000);
    let loud = |part: &[f64]| part.iter().any(|sample| sample.abs() > 0.2);
    assert!(loud(&heard[..12]) && loud(&heard[7988..]) && !loud(&heard[200..7800]));
}

#[tokio::test]
async fn what_a_telephone_cannot_carry_is_left_out_and_not_folded_back() {
    let heard = through(tone(6000.0, 0.5, 1.0), &[4800]).await;
    // To begin and to end at once is a click.
    let loudest = heard[200..7800].iter().fold(0.0, |max: f64, sample| max.max(sample.abs()));
    assert!(loudest < 0.002, "{loudest}");
    let mixed = tone(6000.0, 0.3, 1.0).zip(tone(500.0, 0.3, 1.0)).map(|(high, low)| high + low);
    let heard = through(mixed, &[4800]).await;
    // Folded back, it would be at 2000 Hz.
    let (low, folded) = (share(&heard, 500.0), share(&heard, 2000.0));
    assert!(low > 0.9 && folded < 1e-4, "{low} {folded}");
}

#[tokio::test]
async fn the_quiet_become_louder_the_loud_quieter_and_none_too_loud() {
    for amplitude in [0.05, 0.2, 0.9] {
        let heard = through(tone(700.0, amplitude, 3.0), &[4800]).await;
        let level = loudness(&heard[16_000..]);
        assert!((-22.0..-14.0).contains(&level), "{amplitude}: {level} dB");
        assert!(heard.iter().all(|sample| sample.abs() < 0.99), "{amplitude}");
    }
    let silence = through(std::iter::repeat_n(0.0, 24_000), &[4800]).await;
    assert!(silence.iter().all(|sample| sample.abs() < 0.001), "and silence stays silence");
}
