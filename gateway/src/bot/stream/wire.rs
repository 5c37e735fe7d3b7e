//! The messages between Twilio and a bot, seen from Twilio's side.

use std::borrow::Cow;

use base64_simd::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use crate::bot::adapter::Bad;

/// Longest name of a mark, in bytes.
const MAX_MARK: usize = 1024;

/// Room for a `media` message of 20 ms: 216 of base64 and the rest.
const MEDIA_BYTES: usize = 400;

/// What a bot says.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Said {
    /// Mu-law to be played.
    Media(Bytes),
    /// To be told when what was before it is played.
    Mark(String),
    /// What is not played yet shall not be.
    Clear,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow, default)]
    stream_sid: Cow<'a, str>,
    #[serde(borrow, default)]
    media: Option<MediaBody<'a>>,
    #[serde(borrow, default)]
    mark: Option<MarkBody<'a>>,
}

#[derive(Deserialize)]
struct MediaBody<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct MarkBody<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// Reads what a bot of this stream says.
pub(super) fn parse(text: &str, stream: &str) -> Result<Said, Bad> {
    let raw: Raw<'_> = serde_json::from_str(text).map_err(|_| Bad("it is not such JSON"))?;
    if raw.stream_sid != stream {
        return Err(Bad("it is of no stream, or another"));
    }
    match &*raw.event {
        "media" => {
            let payload = raw.media.ok_or(Bad("it is without its media"))?.payload;
            let ulaw = STANDARD.decode_to_vec(payload.as_bytes()).map_err(|_| Bad("it is not base64"))?;
            if ulaw.is_empty() {
                return Err(Bad("it has no audio"));
            }
            Ok(Said::Media(ulaw.into()))
        }
        "mark" => {
            let name = raw.mark.ok_or(Bad("it is without its mark"))?.name;
            match name.len() <= MAX_MARK {
                true => Ok(Said::Mark(name.into_owned())),
                false => Err(Bad("its mark's name is too long")),
            }
        }
        "clear" => Ok(Said::Clear),
        _ => Err(Bad("nobody may say such an event to Twilio")),
    }
}

/// A frame of the caller's voice, as Twilio writes it: counters are strings. One allocation.
pub(super) fn media(sequence: u64, chunk: u64, timestamp_ms: u64, ulaw: &[u8], stream: &str) -> String {
    use std::fmt::Write as _;

    let mut text = String::with_capacity(MEDIA_BYTES);
    let _never_fails = write!(
        text,
        r#"{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"{chunk}","timestamp":"{timestamp_ms}","payload":""#
    );
    STANDARD.encode_append(ulaw, &mut text);
    let _never_fails = write!(text, r#""}},"streamSid":"{stream}"}}"#);
    text
}
