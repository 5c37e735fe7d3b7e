//! The browser's offer, and our answer to it (RFC 8829, RFC 8839, RFC 8842, RFC 9143).

use std::io::Cursor;
use std::sync::Arc;

use rtc_sdp::SessionDescription;
use rtc_sdp::description::common::Attribute;
use rtc_sdp::description::media::MediaDescription;

use super::fingerprint::{Fingerprint, FingerprintError};
use super::ice::RemoteIce;
use crate::frame::Codec;

mod answer;

pub(super) use answer::{Ours, answer, write_candidates};

/// An SDP offer this gateway can answer.
#[derive(Clone, Debug)]
pub struct Offer {
    pub(super) remote: RemoteIce,
    /// Those of the strongest hash function offered.
    pub(super) fingerprints: Arc<[Fingerprint]>,
    /// In the offer's order, one of them accepted.
    sections: Vec<Section>,
    /// Which one.
    audio: usize,
    codecs: Codecs,
    direction: Direction,
    bundled: bool,
    mux_only: bool,
}

/// What the answer repeats of a section.
#[derive(Clone, Debug)]
struct Section {
    media: String,
    protocol: String,
    /// The first of its formats: a rejected section must name one (RFC 3264, section 6).
    format: String,
    mid: Option<String>,
}

/// Under which payload types the accepted section has the codecs we speak.
#[derive(Clone, Copy, Debug)]
struct Codecs {
    /// In the order of [`Codec::ALL`].
    payload_types: [Option<u8>; 2],
    /// Which stands first.
    preferred: Codec,
}

/// What the client wants of audio.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Direction {
    Receive,
    SendReceive,
}

/// Why an offer was refused. Every one is the client's doing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// Not SDP.
    #[error("not an SDP offer: {0}")]
    Malformed(&'static str),
    /// SDP, but not a session we can take part in.
    #[error("offer not supported: {0}")]
    Unsupported(&'static str),
}

/// Which HTTP status an [`OfferError`] is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// 400.
    Malformed,
    /// 422.
    Unsupported,
}

impl OfferError {
    /// The class of status to answer with.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Malformed(_) => Refusal::Malformed,
            Self::Unsupported(_) => Refusal::Unsupported,
        }
    }
}

use OfferError::{Malformed, Unsupported};

impl Offer {
    /// The most bytes of an offer that are read.
    pub const MAX_BYTES: usize = 64 * 1024;
    const MAX_LINES: usize = 2048;
    const MAX_SECTIONS: usize = 16;
    const MAX_FINGERPRINTS: usize = 8;

    /// Reads an offer and checks that it can be answered: the first audio section with Opus, or without any the
    /// first with PCMU, over DTLS-SRTP on one port, with the client listening.
    pub fn parse(text: &str) -> Result<Self, OfferError> {
        if text.len() > Self::MAX_BYTES || text.lines().count() > Self::MAX_LINES {
            return Err(Malformed("too long"));
        }
        if text.contains('\0') {
            return Err(Malformed("zero byte"));
        }
        // Some clients put a blank line first.
        let mut reader = Cursor::new(text.trim_start());
        let sdp = SessionDescription::unmarshal(&mut reader).map_err(|_| Malformed("syntax"))?;
        let media = &sdp.media_descriptions;
        if media.len() > Self::MAX_SECTIONS {
            return Err(Malformed("too many sections"));
        }
        let sections = media.iter().map(Section::read).collect::<Result<Vec<_>, _>>()?;
        let known = || media.iter().enumerate().filter_map(|(i, m)| Some((i, m, Codecs::of(m)?)));
        let found = known().find(|(_, _, codecs)| codecs.has(Codec::Opus)).or_else(|| known().next());
        let (audio, section, codecs) = found.ok_or(Unsupported("no audio section with Opus or PCMU"))?;

        // The tagged section speaks for the transport of a bundled one that is silent (RFC 9143, section 7).
        let group = sdp.attributes.iter().filter(|a| a.key == "group").find_map(|a| {
            let mids = a.value.as_deref()?.strip_prefix("BUNDLE ")?;
            Some(mids.split_ascii_whitespace().collect::<Vec<_>>())
        });
        let group = group.unwrap_or_default();
        let bundled = sections[audio].mid.as_deref().is_some_and(|mid| group.contains(&mid));
        let tagged = bundled.then(|| {
            let first = sections.iter().position(|s| s.mid.as_deref() == group.first().copied());
            first.and_then(|first| media.get(first))
        });
        let levels = Levels {
            section: &section.attributes,
            tagged: tagged.flatten().map_or(&[], |m| &m.attributes),
            session: &sdp.attributes,
        };

        if sdp.has_attribute("ice-lite") {
            return Err(Unsupported("both sides are ICE lite"));
        }
        if levels.get("rtcp-mux").is_none() && levels.get("rtcp-mux-only").is_none() {
            return Err(Unsupported("no rtcp-mux"));
        }
        match levels.value("setup") {
            Some("actpass" | "active") => {}
            Some("passive" | "holdconn") | None => return Err(Unsupported("client must start DTLS")),
            Some(_) => return Err(Malformed("setup")),
        }
        let (Some(ufrag), Some(pwd)) = (levels.value("ice-ufrag"), levels.value("ice-pwd")) else {
            return Err(Malformed("no ICE credentials"));
        };
        Ok(Self {
            remote: RemoteIce::new(ufrag, pwd).ok_or(Malformed("ICE credentials"))?,
            fingerprints: levels.fingerprints()?,
            audio,
            codecs,
            direction: levels.direction()?,
            bundled,
            mux_only: levels.get("rtcp-mux-only").is_some(),
            sections,
        })
    }

    /// The client's ICE credentials: what tells a trickle fragment from a restart.
    pub fn remote_ice(&self) -> &RemoteIce {
        &self.remote
    }

    /// Whether the client can hear it.
    pub fn has(&self, codec: Codec) -> bool {
        self.codecs.has(codec)
    }

    /// What the client would rather hear: the first of ours in its list.
    pub fn preferred(&self) -> Codec {
        self.codecs.preferred
    }

    /// Whether the client may want to send.
    pub fn may_send(&self) -> bool {
        self.direction == Direction::SendReceive
    }

    /// Its payload type, if the client can hear it.
    pub(super) fn payload_type(&self, codec: Codec) -> Option<u8> {
        self.codecs.payload_types[codec.index()]
    }

    /// The name of the accepted section.
    pub(super) fn mid(&self) -> Option<&str> {
        self.sections.get(self.audio)?.mid.as_deref()
    }
}

impl Section {
    fn read(media: &MediaDescription) -> Result<Self, OfferError> {
        let name = &media.media_name;
        let protocol = name.protos.join("/");
        let format = name.formats.first().ok_or(Malformed("a section without formats"))?;
        let mid = value(&media.attributes, "mid");
        if ![&name.media, &protocol, format].into_iter().all(|text| is_printable(text)) {
            return Err(Malformed("media line"));
        }
        if mid.is_some_and(|mid| mid.len() > 64 || mid.contains(' ') || !is_printable(mid)) {
            return Err(Malformed("mid"));
        }
        Ok(Self { media: name.media.clone(), protocol, format: format.clone(), mid: mid.map(str::to_owned) })
    }
}

/// What we repeat must not be able to start a line of its own.
fn is_printable(text: &str) -> bool {
    text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

fn value<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    attributes.iter().find(|a| a.key == key)?.value.as_deref().map(str::trim)
}

impl Codecs {
    /// `None` if this is no audio section over DTLS-SRTP that is in use, or has none of them.
    fn of(media: &MediaDescription) -> Option<Self> {
        let name = &media.media_name;
        let has = |key| media.attributes.iter().any(|a: &Attribute| a.key == key);
        let in_use = name.port.value != 0 || has("bundle-only");
        let protocol = name.protos.join("/");
        let fits = matches!(protocol.as_str(), "UDP/TLS/RTP/SAVPF" | "UDP/TLS/RTP/SAVP" | "RTP/SAVPF");
        if name.media != "audio" || !in_use || !fits {
            return None;
        }
        let mut payload_types = [None; 2];
        let mut preferred = None;
        for format in &name.formats {
            let Some((codec, number)) = codec(media, format) else { continue };
            payload_types[codec.index()].get_or_insert(number);
            preferred.get_or_insert(codec);
        }
        Some(Self { payload_types, preferred: preferred? })
    }

    fn has(&self, codec: Codec) -> bool {
        self.payload_types[codec.index()].is_some()
    }
}

/// What this format of a section is, if it is one of ours.
fn codec(media: &MediaDescription, format: &str) -> Option<(Codec, u8)> {
    let mut maps = media.attributes.iter().filter(|a| a.key == "rtpmap").filter_map(|a| a.value.as_deref());
    let map = maps.find_map(|map| map.trim().split_once(' ').filter(|(number, _)| *number == format));
    let codec = match map.map(|(_, codec)| codec.trim()) {
        Some(codec) if codec.eq_ignore_ascii_case("opus/48000/2") => Codec::Opus,
        Some(codec) if ["PCMU/8000", "PCMU/8000/1"].iter().any(|pcmu| codec.eq_ignore_ascii_case(pcmu)) => {
            Codec::Pcmu
        }
        // It needs no map (RFC 3551, table 4).
        None if format == "0" => Codec::Pcmu,
        _ => return None,
    };
    // 64 to 95 would be taken for RTCP on the same port (RFC 5761, section 4).
    let number = format.parse().ok().filter(|n| *n < 128 && !(64..96).contains(n))?;
    Some((codec, number))
}

/// Where an attribute of the accepted section may stand, nearest first.
struct Levels<'a> {
    section: &'a [Attribute],
    tagged: &'a [Attribute],
    session: &'a [Attribute],
}

impl<'a> Levels<'a> {
    fn get(&self, key: &str) -> Option<&'a Attribute> {
        let mut all = [self.section, self.session, self.tagged].into_iter().flatten();
        all.find(|a| a.key == key)
    }

    fn value(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.value.as_deref().map(str::trim)
    }

    fn direction(&self) -> Result<Direction, OfferError> {
        let known = ["sendrecv", "recvonly", "sendonly", "inactive"];
        let mut all = self.section.iter().chain(self.session);
        match all.find(|a| known.contains(&a.key.as_str())).map(|a| a.key.as_str()) {
            Some("sendrecv") | None => Ok(Direction::SendReceive),
            Some("recvonly") => Ok(Direction::Receive),
            Some(_) => Err(Unsupported("client does not want to receive")),
        }
    }

    /// The fingerprints of the nearest level that has any; of those, the ones of the strongest function.
    fn fingerprints(&self) -> Result<Arc<[Fingerprint]>, OfferError> {
        let mut levels = [self.section, self.session, self.tagged].into_iter();
        let mut lines = Vec::new();
        while let (true, Some(level)) = (lines.is_empty(), levels.next()) {
            let values = level.iter().filter(|a| a.key == "fingerprint");
            lines = values.map(|a| a.value.as_deref().unwrap_or_default()).collect();
        }
        if lines.is_empty() {
            return Err(Malformed("no fingerprint"));
        }
        if lines.len() > Offer::MAX_FINGERPRINTS {
            return Err(Malformed("too many fingerprints"));
        }
        let mut known: Vec<Fingerprint> = Vec::new();
        for line in lines {
            match Fingerprint::parse(line) {
                Ok(fingerprint) => known.push(fingerprint),
                Err(FingerprintError::Unknown) => {}
                Err(FingerprintError::Malformed) => return Err(Malformed("fingerprint")),
            }
        }
        let Some(best) = known.iter().map(Fingerprint::hash).max() else {
            return Err(Unsupported("no fingerprint by SHA-256 or better"));
        };
        known.retain(|fingerprint| fingerprint.hash() == best);
        Ok(known.into())
    }
}

#[cfg(test)]
mod tests;
