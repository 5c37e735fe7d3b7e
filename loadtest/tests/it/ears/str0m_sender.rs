//! A sender on `str0m`, ICE-lite, with str0m's own DTLS.

use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig, RtcError};
use tokio::net::UdpSocket;

use super::sender::{Script, Spoken};

pub(crate) async fn answer(offer: &str, script: &Script) -> String {
    let (mut rtc, socket) = ice_lite().await;
    let answer = rtc.sdp_api().accept_offer(SdpOffer::from_sdp_string(offer).unwrap()).unwrap();
    tokio::spawn(run(rtc, socket, script.clone(), None));
    answer.to_sdp_string()
}

/// Offers itself to a listener, which `answer` makes of the offer. Sends once that is given.
pub(crate) async fn offer_to<R>(script: &Script, answer: impl AsyncFnOnce(String) -> (R, String)) -> R {
    let (mut rtc, socket) = ice_lite().await;
    let mut changes = rtc.sdp_api();
    let mid = changes.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
    let (offer, pending) = changes.apply().unwrap();
    let (listener, answer) = answer(offer.to_sdp_string()).await;
    rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer).unwrap()).unwrap();
    tokio::spawn(run(rtc, socket, script.clone(), Some(mid)));
    listener
}

async fn ice_lite() -> (Rtc, UdpSocket) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut rtc = RtcConfig::new()
        .set_crypto_provider(std::sync::Arc::new(str0m::crypto::from_feature_flags()))
        .set_ice_lite(true)
        .set_rtp_mode(true)
        .set_rtcp_report_interval_audio(Duration::from_millis(100))
        .build(Instant::now());
    rtc.add_local_candidate(Candidate::host(socket.local_addr().unwrap(), "udp").unwrap());
    (rtc, socket)
}

async fn run(mut rtc: Rtc, socket: UdpSocket, script: Script, mut mid: Option<Mid>) -> Result<(), RtcError> {
    let mut buffer = vec![0; 2_000];
    let mut spoken = script.speak().into_iter();
    let mut speaking = false;
    let mut tick = tokio::time::interval(script.pace);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let deadline = loop {
            match rtc.poll_output()? {
                Output::Timeout(deadline) => break deadline,
                Output::Transmit(t) => {
                    socket.send_to(&t.contents, t.destination).await?;
                }
                Output::Event(Event::MediaAdded(media)) => mid = Some(media.mid),
                Output::Event(Event::Connected) => {
                    speaking = true;
                    tick.reset_after(script.lead);
                }
                Output::Event(_) => {}
            }
            if !rtc.is_alive() {
                return Ok(());
            }
        };
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                let Ok((n, source)) = received else { continue };
                let destination = socket.local_addr()?;
                let Ok(contents) = buffer[..n].try_into() else { continue };
                rtc.handle_input(Input::Receive(
                    Instant::now(),
                    Receive { proto: Protocol::Udp, source, destination, contents },
                ))?;
            }
            _ = tokio::time::sleep_until(deadline.into()) => rtc.handle_input(Input::Timeout(Instant::now()))?,
            _ = tick.tick(), if speaking => {
                if let (Some(mid), Some(packet)) = (mid, spoken.next()) {
                    write(&mut rtc, mid, packet);
                }
                rtc.handle_input(Input::Timeout(Instant::now()))?;
            }
        }
    }
}

fn write(rtc: &mut Rtc, mid: Mid, packet: Spoken) {
    let mut api = rtc.direct_api();
    let stream = api.stream_tx_by_mid(mid, None).unwrap();
    stream.write_rtp(RtpWrite::new(
        Pt::from(111),
        packet.sequence.into(),
        packet.timestamp,
        Instant::now(),
        packet.payload.as_slice(),
    ));
}
