//! A sender on the whole `webrtc` crate, a full ICE agent.

use std::sync::Arc;
use std::time::Duration;

use rtc::interceptor::{SenderReportBuilder, Slot};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MediaEngine};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::Notify;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder,
};

use super::sender::Script;

const SOURCE: u32 = 0x5eed;

pub(crate) async fn answer(offer: String, script: &Script) -> String {
    let codec = RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1".to_owned(),
        rtcp_feedback: vec![],
    };
    let mut media = MediaEngine::default();
    media
        .register_codec(
            RTCRtpCodecParameters { rtp_codec: codec.clone(), payload_type: 111 },
            RtpCodecKind::Audio,
        )
        .unwrap();
    let (gathered, connected) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = Handler { gathered: Arc::clone(&gathered), connected: Arc::clone(&connected) };
    let reports = SenderReportBuilder::new().with_interval(Duration::from_millis(100)).build();
    let reports = Registry::new().with(Slot::SenderReport, reports);
    let settings = SettingEngineBuilder::new().with_include_loopback_candidate(true).build();
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(media)
        .with_setting_engine(settings)
        .with_interceptor_registry(reports)
        .with_handler(Arc::new(handler))
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await
        .unwrap();
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(SOURCE), ..Default::default() },
        codec,
        ..Default::default()
    };
    let track = Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "call".to_owned(),
        "audio".to_owned(),
        "audio".to_owned(),
        RtpCodecKind::Audio,
        vec![encoding],
    )));
    connection.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await.unwrap();
    connection.set_remote_description(RTCSessionDescription::offer(offer).unwrap()).await.unwrap();
    let answer = connection.create_answer(None).await.unwrap();
    connection.set_local_description(answer).await.unwrap();
    gathered.notified().await;
    let answer = connection.local_description().await.unwrap().sdp;

    let script = script.clone();
    tokio::spawn(async move {
        let spoken = script.speak();
        connected.notified().await;
        let mut tick = tokio::time::interval(script.pace);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tick.reset_after(script.lead);
        for packet in spoken {
            tick.tick().await;
            let header = rtc::rtp::Header {
                version: 2,
                payload_type: 111,
                sequence_number: packet.sequence as u16,
                timestamp: packet.timestamp,
                ssrc: SOURCE,
                ..Default::default()
            };
            track.write_rtp(rtc::rtp::Packet { header, payload: packet.payload.into() }).await.unwrap();
        }
        // Stays until the test ends.
        std::future::pending::<()>().await;
        drop(connection);
    });
    answer
}

struct Handler {
    gathered: Arc<Notify>,
    connected: Arc<Notify>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.notify_one();
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            self.connected.notify_one();
        }
    }
}
