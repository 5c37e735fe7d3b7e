//! The light listener: `str0m`, one task and one socket each, thousands in one process.

mod association;
mod crowd;
mod dtls;
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

use super::listener::Listener;
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

    let (commands, orders) = mpsc::channel(1);
    let task =
        tokio::spawn(peer::run(rtc, socket, local, Arc::clone(&reception), orders, options.count_only));
    Ok(Listener { reception, whep: whep.clone(), resource, commands, task, patience: options.patience })
}

fn no_candidate() -> EarError {
    EarError::Answer("no host candidate".to_owned())
}

fn new_rtc(options: &Options, reception: &Arc<Reception>) -> Result<Rtc, EarError> {
    let mut config = RtcConfig::new()
        .clear_codecs()
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
    let host = Candidate::host(local, "udp").map_err(|e| EarError::Answer(e.to_string()))?;
    rtc.add_local_candidate(host);
    let mut changes = rtc.sdp_api();
    changes.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
    changes.apply().ok_or_else(|| EarError::Answer("nothing to offer".to_owned()))
}
