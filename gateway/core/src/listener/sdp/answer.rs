//! The answer.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::{Direction, Offer};
use crate::frame::Codec;
use crate::listener::fingerprint::Fingerprint;
use crate::listener::ice::IceCredentials;

/// Our side of the session.
pub(in crate::listener) struct Ours<'a> {
    pub(in crate::listener) id: u64,
    pub(in crate::listener) ice: &'a IceCredentials,
    pub(in crate::listener) fingerprint: &'a Fingerprint,
    pub(in crate::listener) ssrc: u32,
    pub(in crate::listener) cname: &'a str,
    pub(in crate::listener) codec: Codec,
    pub(in crate::listener) payload_type: u8,
}

/// Answers `offer`: its audio section is accepted, every other rejected in its place.
pub(in crate::listener) fn answer(offer: &Offer, ours: &Ours<'_>, candidates: &[SocketAddr]) -> String {
    let mut out = String::with_capacity(1024);
    write_answer(&mut out, offer, ours, candidates);
    out
}

/// Writing to a `String` cannot fail.
macro_rules! line {
    ($out:expr, $($arg:tt)*) => {{
        let _ = write!($out, $($arg)*);
        $out.push_str("\r\n");
    }};
}

fn write_answer(out: &mut String, offer: &Offer, ours: &Ours<'_>, candidates: &[SocketAddr]) {
    // The upper bit stays clear: some read it as a signed number (RFC 8829, section 5.2.1).
    line!(out, "v=0");
    line!(out, "o=- {} 1 IN IP4 127.0.0.1", ours.id >> 1);
    line!(out, "s=-");
    line!(out, "t=0 0");
    if let (true, Some(mid)) = (offer.bundled, offer.mid()) {
        line!(out, "a=group:BUNDLE {mid}");
    }
    line!(out, "a=ice-lite");
    for (i, section) in offer.sections.iter().enumerate() {
        let (media, protocol) = (&section.media, &section.protocol);
        if i == offer.audio {
            let (port, ip) = candidates.first().map_or((9, None), |c| (c.port(), Some(c.ip())));
            line!(out, "m={media} {port} {protocol} {}", ours.payload_type);
            match ip {
                Some(IpAddr::V4(ip)) => line!(out, "c=IN IP4 {ip}"),
                Some(IpAddr::V6(ip)) => line!(out, "c=IN IP6 {ip}"),
                None => line!(out, "c=IN IP4 0.0.0.0"),
            }
        } else {
            line!(out, "m={media} 0 {protocol} {}", section.format);
            line!(out, "c=IN IP4 0.0.0.0");
        }
        if let Some(mid) = &section.mid {
            line!(out, "a=mid:{mid}");
        }
        if i == offer.audio {
            write_audio(out, offer, ours);
            write_candidates(out, candidates);
        } else {
            line!(out, "a=inactive");
        }
    }
}

fn write_audio(out: &mut String, offer: &Offer, ours: &Ours<'_>) {
    let payload_type = ours.payload_type;
    // With `sendrecv` a microphone can be let through later without a new offer. Of Opus we always send stereo,
    // and want none: a voice is mono, and what is lost of it is in the packet after it.
    let (direction, wish) = match offer.direction {
        Direction::Receive => ("sendonly", "stereo=1;sprop-stereo=1;useinbandfec=0"),
        Direction::SendReceive => ("sendrecv", "sprop-stereo=1;useinbandfec=1;maxaveragebitrate=32000"),
    };
    line!(out, "a={direction}");
    line!(out, "a=rtcp-mux");
    if offer.mux_only {
        line!(out, "a=rtcp-mux-only");
    }
    line!(out, "a=ice-ufrag:{}", ours.ice.ufrag);
    line!(out, "a=ice-pwd:{}", ours.ice.pwd);
    line!(out, "a=fingerprint:{}", ours.fingerprint);
    line!(out, "a=setup:passive");
    match ours.codec {
        Codec::Opus => {
            line!(out, "a=rtpmap:{payload_type} opus/48000/2");
            line!(out, "a=fmtp:{payload_type} minptime=10;{wish}");
        }
        Codec::Pcmu => line!(out, "a=rtpmap:{payload_type} PCMU/8000"),
    }
    line!(out, "a=ptime:20");
    line!(out, "a=msid:{} audio", ours.cname);
    line!(out, "a=ssrc:{} cname:{}", ours.ssrc, ours.cname);
}

/// Host candidates, best first, and their end: a lite agent has no others (RFC 8445, section 5.2).
pub(in crate::listener) fn write_candidates(out: &mut String, candidates: &[SocketAddr]) {
    for (i, candidate) in candidates.iter().enumerate().take(16) {
        let (ip, port) = (candidate.ip().to_canonical(), candidate.port());
        // Type preference 126, local preference by place, component 1 (RFC 8445, section 5.1.2.1).
        let priority = (126_u32 << 24) | ((65_535 - i as u32) << 8) | 255;
        line!(out, "a=candidate:{} 1 udp {priority} {ip} {port} typ host", i + 1);
    }
    line!(out, "a=end-of-candidates");
}
