//! What a listener says, and the control connection that lets it be heard.
//!
//! A [`whole`](super::whole) listener with something to say sends it from the moment it is connected, whatever it may: a
//! server has to drop what nobody may hear. The [`Mic`] is the will to be heard, kept alive as a browser does.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use opusic_c::{Application, Channels, Encoder, SampleRate};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::Message;
use url::Url;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use super::EarError;
use crate::audio::Audio;

/// Samples of a packet at 8 kHz: 20 ms; and ticks of its RTP clock.
const FRAME: usize = 160;
const FRAME_TIME: Duration = Duration::from_millis(20);
const TICKS: u32 = 960;

/// How often the will to be heard is said again.
const KEEP_ALIVE: Duration = Duration::from_millis(250);

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the server says is true of a microphone.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
pub struct Truth {
    /// What the session may do.
    pub mode: String,
    /// Whether what it says is heard.
    pub talking: bool,
    /// By whom.
    pub heard_by: Vec<String>,
}

/// The control connection of a session's microphone. Dropping it is what a browser does that loses its network.
#[derive(Debug)]
pub struct Mic {
    talk: watch::Sender<bool>,
    truth: watch::Receiver<Option<Truth>>,
    task: JoinHandle<()>,
}

impl Mic {
    /// Opens it, for the session at this URL. It does not talk yet.
    ///
    /// # Errors
    ///
    /// [`EarError::Mic`] when the server takes no such connection.
    pub async fn open(session: &Url) -> Result<Self, EarError> {
        let scheme = if session.scheme() == "https" { "wss" } else { "ws" };
        let url = format!("{}/mic", session.as_str().replacen(session.scheme(), scheme, 1));
        let (mut socket, _) =
            tokio_tungstenite::connect_async(url).await.map_err(|error| EarError::Mic(error.to_string()))?;
        let (talk, mut will) = watch::channel(false);
        let (told, truth) = watch::channel(None);
        let task = tokio::spawn(async move {
            let mut again = tokio::time::interval(KEEP_ALIVE);
            loop {
                tokio::select! {
                    received = socket.next() => match received {
                        Some(Ok(Message::Text(text))) => drop(told.send_replace(serde_json::from_str(&text).ok())),
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => return,
                    },
                    changed = will.changed() => if changed.is_err() { return },
                    _ = again.tick() => {}
                }
                let talk = *will.borrow_and_update();
                if socket.send(Message::text(format!("{{\"talk\":{talk}}}"))).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { talk, truth, task })
    }

    /// Wants to be heard from now on, or not.
    pub fn talk(&self, talk: bool) {
        self.talk.send_replace(talk);
    }

    /// What the server said last.
    pub fn truth(&self) -> Option<Truth> {
        self.truth.borrow().clone()
    }

    /// Waits until the server says that these hear it.
    ///
    /// # Errors
    ///
    /// [`EarError::Mic`] when it does not say so in time.
    pub async fn heard_by(&self, whom: &[&str]) -> Result<(), EarError> {
        let mut truth = self.truth.clone();
        let is_so = |truth: &Option<Truth>| truth.as_ref().is_some_and(|truth| truth.heard_by == whom);
        match tokio::time::timeout(PATIENCE, truth.wait_for(is_so)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(EarError::Mic("the server ended it".to_owned())),
            Err(_) => Err(EarError::Mic(format!("never heard by {whom:?}: {:?}", self.truth()))),
        }
    }
}

impl Drop for Mic {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A track for what is said.
pub(super) fn track(codec: RTCRtpCodec, source: u32) -> Arc<TrackLocalStaticRTP> {
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(source), ..Default::default() },
        codec,
        ..Default::default()
    };
    Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "mouth".to_owned(),
        "audio".to_owned(),
        "audio".to_owned(),
        RtpCodecKind::Audio,
        vec![encoding],
    )))
}

/// Says it over and over, in real time, until it is dropped.
pub(super) async fn speak(
    track: Arc<TrackLocalStaticRTP>,
    source: u32,
    payload_type: u8,
    audio: Audio,
    began: Arc<OnceLock<Instant>>,
) {
    let Ok(mut encoder) = Encoder::new(Channels::Mono, SampleRate::Hz8000, Application::Voip) else { return };
    let mut tick = tokio::time::interval(FRAME_TIME);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut ulaw, mut at) = ([0; FRAME], 0);
    for n in 0_u32.. {
        let due = tick.tick().await;
        // A microphone has a frame when its last sample was spoken.
        began.get_or_init(|| due.into_std() - FRAME_TIME);
        audio.fill(at, true, &mut ulaw);
        at += FRAME as u64;
        // The binding calls signed samples unsigned; the bits are the same.
        let pcm: Vec<u16> = ulaw.iter().map(|&byte| crate::audio::ulaw::decode(byte) as u16).collect();
        let mut payload = vec![0; 400];
        let Ok(length) = encoder.encode_to_slice(&pcm, &mut payload) else { continue };
        payload.truncate(length);
        let header = rtc::rtp::Header {
            version: 2,
            payload_type,
            marker: n == 0,
            sequence_number: n as u16,
            timestamp: n.wrapping_mul(TICKS),
            ssrc: source,
            ..Default::default()
        };
        if track.write_rtp(rtc::rtp::Packet { header, payload: payload.into() }).await.is_err() {
            return;
        }
    }
}
