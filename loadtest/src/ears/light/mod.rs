//! The light listener: `str0m`, one task and one socket each, thousands in one process.

mod association;
mod crowd;
mod dtls;
mod header;
pub(crate) mod inbox;
mod peer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::{Codec, FormatParams};
use str0m::media::{Direction, Frequency, MediaKind, Pt};
use str0m::{Candidate, Rtc, RtcConfig};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::listener::{Ear, Listener};
use super::reception::Reception;
use super::whep::{Endpoint, Whep, candidates, with_candidate, without_candidates};
use super::{EarError, Options};

pub use crowd::{Crowd, join_many};

/// Opus, by the number most senders use. The answer may not change it (RFC 8829 section 5.3.1).
const OPUS: u8 = 111;

/// Joins a call.
///
/// # Errors
///
/// When the server refuses, or answers what `str0m` cannot use. That the connection then comes about is for
/// [`Listener::connected`] to say.
pub async fn join(whep: &Whep, endpoint: &Endpoint, options: &Options) -> Result<Listener, EarError> {
    let reception = Arc::new(Reception::new(options)?);
    let socket = UdpSocket::bind(SocketAddr::new(options.local, 0)).await?;
    let local = socket.local_addr()?;
    let mut rtc = new_rtc(options, &reception)?;
    let (offer, pending) = offer(&mut rtc, local)?;
    let mut text = offer.to_sdp_string();
    if options.shaper.is_some() {
        text = without_candidates(&text);
    }

    let mut resource = whep.post(endpoint, &text).await?;
    reception.note_answer(resource.posted, resource.answered);
    if let Some(shaper) = &options.shaper {
        let target = *candidates(&resource.answer).first().ok_or_else(no_candidate)?;
        resource.answer = with_candidate(&resource.answer, target, shaper.forward(target).await?);
    }
    let answer = SdpAnswer::from_sdp_string(&resource.answer).map_err(|e| EarError::Answer(e.to_string()))?;
    rtc.sdp_api().accept_answer(pending, answer)?;

    Ok(Listener { ear: ear(rtc, socket, local, reception, options), whep: whep.clone(), resource })
}

/// Takes the offer of a server that was asked for one at `asked`, and gives the answer to hand back.
///
/// # Errors
///
/// When the offer is not one that `str0m` can answer. That the connection then comes about is for
/// [`Ear::connected`] to say.
pub async fn answer(offer: &str, asked: Instant, options: &Options) -> Result<(Ear, String), EarError> {
    let reception = Arc::new(Reception::new(options)?);
    let socket = UdpSocket::bind(SocketAddr::new(options.local, 0)).await?;
    let local = socket.local_addr()?;
    let mut rtc = new_rtc(options, &reception)?;
    add_host(&mut rtc, local)?;
    // Left the choice, `str0m` would wait for the first hello. Who answers is to send it (RFC 8842, section 5.3).
    let offer = offer.replace("a=setup:actpass", "a=setup:passive");
    let offer = SdpOffer::from_sdp_string(&offer).map_err(|e| EarError::Offer(e.to_string()))?;
    let answer = rtc.sdp_api().accept_offer(offer)?.to_sdp_string();
    reception.note_answer(asked, Instant::now());
    Ok((ear(rtc, socket, local, reception, options), answer))
}

/// Sets the connection going.
fn ear(rtc: Rtc, socket: UdpSocket, local: SocketAddr, reception: Arc<Reception>, options: &Options) -> Ear {
    let (commands, orders) = mpsc::channel(1);
    let task =
        tokio::spawn(peer::run(rtc, socket, local, Arc::clone(&reception), orders, options.count_only));
    Ear { reception, commands, task, patience: options.patience, began: Arc::default() }
}

fn no_candidate() -> EarError {
    EarError::Answer("no host candidate".to_owned())
}

fn new_rtc(options: &Options, reception: &Arc<Reception>) -> Result<Rtc, EarError> {
    let mut config = RtcConfig::new()
        .clear_codecs()
        // Nobody here reads one, and a sender may write one only if it was agreed on.
        .clear_extension_map()
        // One event a packet, in the order of arrival, nothing held back.
        .set_rtp_mode(true)
        .set_crypto_provider(dtls::provider(options.profile)?);
    config.codec_config().add_config(
        Pt::from(OPUS),
        None,
        Codec::Opus,
        Frequency::FORTY_EIGHT_KHZ,
        Some(2),
        FormatParams {
            min_p_time: Some(10),
            use_inband_fec: Some(true),
            stereo: options.stereo.then_some(true),
            ..FormatParams::default()
        },
    );
    let reception = Arc::clone(reception);
    Ok(dtls::noting(move |profile| reception.note_profile(profile), || config.build(Instant::now())))
}

fn offer(rtc: &mut Rtc, local: SocketAddr) -> Result<(SdpOffer, SdpPendingOffer), EarError> {
    add_host(rtc, local)?;
    let mut changes = rtc.sdp_api();
    changes.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
    changes.apply().ok_or_else(|| EarError::Answer("nothing to offer".to_owned()))
}

fn add_host(rtc: &mut Rtc, local: SocketAddr) -> Result<(), EarError> {
    let host = Candidate::host(local, "udp").map_err(|e| EarError::Answer(e.to_string()))?;
    rtc.add_local_candidate(host);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ears::Profile;

    /// As Janus 1.1.2 writes it, on one address.
    const OFFER: &str = "v=0\r\no=- 1795267651139084 1 IN IP4 127.0.0.1\r\ns=Mountpoint 1\r\nt=0 0\r\n\
        a=group:BUNDLE 0\r\na=ice-options:trickle\r\na=fingerprint:sha-256 18:2A:3F:32:F6:56:11:CE:B9:A4:6F:2E:\
        63:6F:A5:15:4C:64:3C:34:31:47:85:45:D8:9E:10:19:D9:72:CE:01\r\na=extmap-allow-mixed\r\n\
        a=msid-semantic: WMS *\r\na=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 127.0.0.1\r\n\
        a=sendonly\r\na=mid:0\r\na=rtcp-mux\r\na=ice-ufrag:VVDY\r\na=ice-pwd:cYK2mrk4NHjYq8Gvkq7tCt\r\n\
        a=ice-options:trickle\r\na=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
        a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=msid:janus janus0\r\n\
        a=ssrc:3734572290 cname:janus\r\na=candidate:1 1 udp 2015363327 127.0.0.1 9 typ host\r\n\
        a=end-of-candidates\r\n";

    fn options() -> Options {
        Options { profile: Some(Profile::AeadAes128Gcm), decode: false, ..Options::default() }
    }

    #[tokio::test]
    async fn an_offer_to_send_is_answered_with_receiving_and_with_opening_the_connection() {
        let (ear, answer) = answer(OFFER, Instant::now(), &options()).await.unwrap();
        let lines: Vec<&str> = answer.lines().collect();
        for line in ["a=recvonly", "a=setup:active", "a=rtcp-mux", "a=mid:0", "a=rtpmap:111 opus/48000/2"] {
            assert!(lines.contains(&line), "{line} is missing in {answer}");
        }
        assert!(!lines.contains(&"a=ice-lite"), "one side has to check: {answer}");
        assert!(!answer.contains("extmap:"), "no extension is wanted: {answer}");
        assert_eq!(candidates(&answer).len(), 1, "{answer}");
        assert_eq!(ear.counts().packets, 0);
    }

    #[tokio::test]
    async fn what_is_no_offer_is_refused() {
        let cut = OFFER.split("a=fingerprint").next().unwrap_or_default();
        for bad in ["", "v=0", "hello", cut] {
            assert!(answer(bad, Instant::now(), &options()).await.is_err(), "{bad}");
        }
    }
}
