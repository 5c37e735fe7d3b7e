//! The whole listener: the complete `webrtc` crate, as close to a browser as Rust gets.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rtc::interceptor::{ReceiverReportBuilder, Slot};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MediaEngine};
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder, SrtpProtectionProfile,
    StatsSelector,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

use super::listener::{Command, Ear, Listener};
use super::reception::{Packet, Reception};
use super::reports::SenderReports;
use super::whep::{Endpoint, Whep, candidates, with_candidate, without_candidates};
use super::{EarError, Options, Profile, RATE, mouth};

/// Opus, by the number most senders use.
const OPUS: u8 = 111;

/// How often ICE tries a pair. The default of 200 ms is most of the time it takes to connect on loopback.
const CHECK_EVERY: Duration = Duration::from_millis(20);
/// How often it tries before it gives up: 14 s in all, less than the patience of a listener.
const CHECKS: u16 = 700;

/// How often the connection's own statistics are read.
const STATISTICS_EVERY: Duration = Duration::from_millis(250);

/// Joins a call.
///
/// # Errors
///
/// When the server refuses, or answers what `webrtc` cannot use. That the connection then comes about is for
/// [`Listener::connected`] to say.
pub async fn join(whep: &Whep, endpoint: &Endpoint, options: &Options) -> Result<Listener, EarError> {
    let reception = Arc::new(Reception::new(options)?);
    let gathered = Arc::new(Notify::new());
    let (tracks, arriving) = mpsc::channel(4);
    let handler = Handler { reception: Arc::clone(&reception), gathered: Arc::clone(&gathered), tracks };
    let source = fastrand::u32(..);
    let mouth = options.says.clone().map(|says| (mouth::track(opus(options), source), says));
    let track = mouth.as_ref().map(|(track, _)| track.clone() as Arc<dyn TrackLocal>);
    let connection = new_connection(options, handler, track).await?;
    let offer = connection.create_offer(None).await?;
    connection.set_local_description(offer).await?;
    tokio::time::timeout(options.patience, gathered.notified())
        .await
        .map_err(|_| EarError::NotConnected(options.patience))?;
    let local = connection.local_description().await;
    let mut offer = local.ok_or_else(|| EarError::Answer("nothing to offer".to_owned()))?.sdp;
    if options.shaper.is_some() {
        offer = without_candidates(&offer);
    }

    let mut resource = whep.post(endpoint, &offer).await?;
    reception.note_answer(resource.posted, resource.answered);
    if let Some(shaper) = &options.shaper {
        let found = candidates(&resource.answer);
        let target = *found.first().ok_or_else(|| EarError::Answer("no host candidate".to_owned()))?;
        resource.answer = with_candidate(&resource.answer, target, shaper.forward(target).await?);
    }
    connection.set_remote_description(RTCSessionDescription::answer(resource.answer.clone())?).await?;

    let (commands, orders) = mpsc::channel(1);
    let began = Arc::new(OnceLock::new());
    let speech = mouth.map(|(track, says)| mouth::speak(track, source, OPUS, says, began.clone()));
    let task = tokio::spawn(run(connection, Arc::clone(&reception), arriving, orders, speech));
    let ear = Ear { reception, commands, task, patience: options.patience, began };
    Ok(Listener { ear, whep: whep.clone(), resource })
}

async fn new_connection(
    options: &Options,
    handler: Handler,
    mouth: Option<Arc<dyn TrackLocal>>,
) -> Result<impl PeerConnection + use<>, EarError> {
    let mut media = MediaEngine::default();
    media.register_codec(
        RTCRtpCodecParameters { rtp_codec: opus(options), payload_type: OPUS },
        RtpCodecKind::Audio,
    )?;
    let settings = SettingEngineBuilder::new()
        .with_srtp_protection_profiles(options.profile.map(offered).into_iter().collect())
        .with_ice_connection_attempts(Some(CHECK_EVERY), Some(CHECKS))
        .with_host_acceptance_min_wait(Some(Duration::ZERO))
        .with_prflx_acceptance_min_wait(Some(Duration::ZERO))
        .with_include_loopback_candidate(true);
    let interceptors = Registry::new()
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
        // A listener sends no reports, so their place is free for those that arrive.
        .with(Slot::SenderReport, SenderReports::new(Arc::clone(&handler.reception)));
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(media)
        .with_setting_engine(settings.build())
        .with_interceptor_registry(interceptors)
        .with_handler(Arc::new(handler))
        .with_udp_addrs(vec![SocketAddr::new(options.local, 0)])
        .build()
        .await?;
    let init = |direction| RTCRtpTransceiverInit { direction, ..RTCRtpTransceiverInit::default() };
    match mouth {
        Some(track) => {
            let both_ways = init(RTCRtpTransceiverDirection::Sendrecv);
            connection.add_transceiver_from_track(track, Some(both_ways)).await?;
        }
        None => {
            let receive_only = init(RTCRtpTransceiverDirection::Recvonly);
            connection.add_transceiver_from_kind(RtpCodecKind::Audio, Some(receive_only)).await?;
        }
    }
    Ok(connection)
}

fn opus(options: &Options) -> RTCRtpCodec {
    let stereo = if options.stereo { ";stereo=1" } else { "" };
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: RATE,
        channels: 2,
        sdp_fmtp_line: format!("minptime=10;useinbandfec=1{stereo}"),
        rtcp_feedback: vec![],
    }
}

fn offered(profile: Profile) -> SrtpProtectionProfile {
    match profile {
        Profile::AeadAes256Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
        Profile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        Profile::Aes128CmSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    }
}

/// Holds the connection until told to close.
async fn run(
    connection: impl PeerConnection,
    reception: Arc<Reception>,
    mut arriving: mpsc::Receiver<Arc<dyn TrackRemote>>,
    mut orders: mpsc::Receiver<Command>,
    speech: Option<impl Future<Output = ()> + Send + 'static>,
) {
    // Ends with this task, however it ends.
    let mut reading = JoinSet::new();
    if let Some(speech) = speech {
        reading.spawn(speech);
    }
    let mut statistics = tokio::time::interval(STATISTICS_EVERY);
    loop {
        tokio::select! {
            Some(track) = arriving.recv() => {
                reading.spawn(read(track, Arc::clone(&reception)));
            }
            _ = statistics.tick() => note_profile(&connection, &reception).await,
            _ = orders.recv() => break,
        }
    }
    note_profile(&connection, &reception).await;
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "whole listener");
    }
    reception.note_closed();
}

async fn read(track: Arc<dyn TrackRemote>, reception: Arc<Reception>) {
    while let Some(event) = track.poll().await {
        let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
        reception.packet(
            Instant::now(),
            Packet {
                source: packet.header.ssrc,
                sequence: packet.header.sequence_number,
                timestamp: packet.header.timestamp,
                payload: &packet.payload,
            },
        );
    }
}

/// The profile is only in the statistics.
async fn note_profile(connection: &impl PeerConnection, reception: &Reception) {
    let report = connection.get_stats(Instant::now(), StatsSelector::None).await;
    if let Some(profile) = report.transport().and_then(|t| Profile::from_name(&t.srtp_cipher)) {
        reception.note_profile(profile);
    }
}

struct Handler {
    reception: Arc<Reception>,
    gathered: Arc<Notify>,
    tracks: mpsc::Sender<Arc<dyn TrackRemote>>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.notify_one();
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connected => self.reception.note_connected(Instant::now()),
            RTCPeerConnectionState::Failed
            | RTCPeerConnectionState::Disconnected
            | RTCPeerConnectionState::Closed => self.reception.note_closed(),
            _ => {}
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        // More than the one track of a call cannot be heard and is left out.
        let _ = self.tracks.try_send(track);
    }
}
