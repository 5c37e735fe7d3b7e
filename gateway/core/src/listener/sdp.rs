//! The browser's offer, and our answer to it (RFC 8829, RFC 8839, RFC 8842, RFC 9143).

use std::io::Cursor;
use std::sync::Arc;

use rtc_sdp::SessionDescription;
use rtc_sdp::description::common::Attribute;
use rtc_sdp::description::media::MediaDescription;

use super::fingerprint::{Fingerprint, FingerprintError};
use super::ice::RemoteIce;

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
    pub(super) payload_type: u8,
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

    /// Reads an offer and checks that it can be answered: the first audio section with Opus, over DTLS-SRTP
    /// on one port, with the client listening.
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
        let found = media.iter().enumerate().find_map(|(i, m)| Some((i, m, opus(m)?)));
        let (audio, section, payload_type) = found.ok_or(Unsupported("no audio section with Opus"))?;

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
            payload_type,
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

/// The payload type of Opus, if this is an audio section over DTLS-SRTP that is in use.
fn opus(media: &MediaDescription) -> Option<u8> {
    let name = &media.media_name;
    let has = |key| media.attributes.iter().any(|a: &Attribute| a.key == key);
    let in_use = name.port.value != 0 || has("bundle-only");
    let protocol = name.protos.join("/");
    let fits = matches!(protocol.as_str(), "UDP/TLS/RTP/SAVPF" | "UDP/TLS/RTP/SAVP" | "RTP/SAVPF");
    if name.media != "audio" || !in_use || !fits {
        return None;
    }
    let maps = media.attributes.iter().filter(|a| a.key == "rtpmap");
    maps.filter_map(|map| map.value.as_deref()?.trim().split_once(' '))
        .filter(|(_, codec)| codec.trim().eq_ignore_ascii_case("opus/48000/2"))
        .filter(|(number, _)| name.formats.iter().any(|format| format == number))
        // 64 to 95 would be taken for RTCP on the same port (RFC 5761, section 4).
        .find_map(|(number, _)| number.parse().ok().filter(|n| *n < 128 && !(64..96).contains(n)))
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
