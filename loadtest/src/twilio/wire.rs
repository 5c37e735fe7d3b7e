//! The messages of a media stream: ours written, the server's judged.
//!
//! Written with the field order and the spellings of Twilio's documentation. Every counter is a string.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{AccountSid, CallSid, StreamSid};
use serde::Deserialize;

use super::report::Problem;
use super::spec::Chunks;
use super::twiml::Tracks;

/// What Twilio says first, before the stream has an id.
pub(super) const CONNECTED: &str = r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#;

/// How many kinds of message [`Writer::bad`] knows.
pub(super) const BAD_KINDS: u64 = 8;

/// A voice of the call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Track {
    Inbound,
    Outbound,
}

impl Track {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// Who the stream belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    pub(super) account: AccountSid,
    pub(super) call: CallSid,
    pub(super) stream: StreamSid,
}

/// Writes messages and numbers them. Each method appends one message to `out` and allocates nothing else.
#[derive(Debug)]
pub(super) struct Writer {
    ids: Ids,
    sequence: u64,
    numbering: Chunks,
    chunks: [u64; 2],
}

impl Writer {
    pub(super) const fn new(ids: Ids, numbering: Chunks) -> Self {
        Self { ids, sequence: 0, numbering, chunks: [0; 2] }
    }

    /// Takes the next sequence number: "1" is `start`.
    const fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    pub(super) fn start(&mut self, out: &mut String, tracks: Tracks, parameters: &[(String, String)]) {
        let sequence = self.next();
        let Ids { account, call, stream } = self.ids;
        let tracks = match tracks {
            Tracks::Inbound => r#"["inbound"]"#,
            Tracks::Outbound => r#"["outbound"]"#,
            Tracks::Both => r#"["inbound","outbound"]"#,
        };
        put(
            out,
            format_args!(
                r#"{{"event":"start","sequenceNumber":"{sequence}","start":{{"accountSid":"{account}","streamSid":"{stream}","callSid":"{call}","tracks":{tracks},"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},"customParameters":{{"#
            ),
        );
        for (i, (name, value)) in parameters.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            put(out, format_args!("{comma}{}:{}", quoted(name), quoted(value)));
        }
        put(out, format_args!(r#"}}}},"streamSid":"{stream}"}}"#));
    }

    pub(super) fn media(&mut self, out: &mut String, track: Track, timestamp_ms: u64, ulaw: &[u8]) {
        let sequence = self.next();
        let counter = match self.numbering {
            Chunks::Shared => &mut self.chunks[0],
            Chunks::PerTrack => &mut self.chunks[track as usize],
        };
        *counter += 1;
        let (chunk, track, stream) = (*counter, track.as_str(), self.ids.stream);
        put(
            out,
            format_args!(
                r#"{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"{track}","chunk":"{chunk}","timestamp":"{timestamp_ms}","payload":""#
            ),
        );
        STANDARD.encode_string(ulaw, out);
        put(out, format_args!(r#""}},"streamSid":"{stream}"}}"#));
    }

    pub(super) fn dtmf(&mut self, out: &mut String, digit: char) {
        let (sequence, stream) = (self.next(), self.ids.stream);
        put(
            out,
            format_args!(
                r#"{{"event":"dtmf","streamSid":"{stream}","sequenceNumber":"{sequence}","dtmf":{{"track":"inbound_track","digit":"{digit}"}}}}"#
            ),
        );
    }

    pub(super) fn mark(&mut self, out: &mut String, name: &str) {
        let (sequence, stream, name) = (self.next(), self.ids.stream, quoted(name));
        put(
            out,
            format_args!(
                r#"{{"event":"mark","sequenceNumber":"{sequence}","streamSid":"{stream}","mark":{{"name":{name}}}}}"#
            ),
        );
    }

    pub(super) fn stop(&mut self, out: &mut String) {
        let sequence = self.next();
        let Ids { account, call, stream } = self.ids;
        put(
            out,
            format_args!(
                r#"{{"event":"stop","sequenceNumber":"{sequence}","stop":{{"accountSid":"{account}","callSid":"{call}"}},"streamSid":"{stream}"}}"#
            ),
        );
    }

    /// A message that is not right, each of [`BAD_KINDS`] in its own way. It takes no sequence number.
    pub(super) fn bad(&self, out: &mut String, kind: u64) {
        let stream = self.ids.stream;
        match kind % BAD_KINDS {
            0 => put(out, format_args!(r#"{{"event":"media","streamSid":"{stream}","media":{{"track""#)),
            1 => put(out, format_args!(r#"{{"event":"media","sequenceNumber":"1","streamSid":"{stream}"}}"#)),
            2 => self.bad_media(out, "inbound", "20", "not base64!"),
            3 => self.bad_media(out, "sideways", "20", "/////w=="),
            4 => self.bad_media(out, "inbound", "soon", "/////w=="),
            5 => put(out, format_args!(r#"{{"event":"mystery","streamSid":"{stream}"}}"#)),
            6 => put(
                out,
                format_args!(
                    r#"{{"event":"media","sequenceNumber":"2","media":{{"track":"inbound","chunk":"1","timestamp":"20","payload":"/////w=="}},"streamSid":"MZ00000000000000000000000000000000"}}"#
                ),
            ),
            _ => put(out, format_args!("hello")),
        }
    }

    fn bad_media(&self, out: &mut String, track: &str, timestamp: &str, payload: &str) {
        let stream = self.ids.stream;
        put(
            out,
            format_args!(
                r#"{{"event":"media","sequenceNumber":"2","media":{{"track":"{track}","chunk":"1","timestamp":"{timestamp}","payload":"{payload}"}},"streamSid":"{stream}"}}"#
            ),
        );
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

/// `text` as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What a server may say on a bidirectional stream.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Said {
    /// Play this mu-law.
    Media(Vec<u8>),
    /// Say when all before it has been played.
    Mark(String),
    /// Forget what has not been played.
    Clear,
}

/// Reads a message as Twilio does: no field too many, none missing, none for another event.
pub(super) fn read(text: &str, stream: StreamSid) -> Result<Said, Problem> {
    let invalid = |why: String| Problem::new(31951, format!("invalid message: {why}"));
    let message: Message = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
    if message.stream_sid != stream.as_str() {
        return Err(invalid(format!("streamSid is not {stream}")));
    }
    match (message.event.as_str(), message.media, message.mark) {
        ("media", Some(media), None) => match STANDARD.decode(&media.payload) {
            Ok(ulaw) => Ok(Said::Media(ulaw)),
            Err(error) => Err(Problem::new(31950, format!("malformed message: payload: {error}"))),
        },
        ("mark", None, Some(mark)) => Ok(Said::Mark(mark.name)),
        ("clear", None, None) => Ok(Said::Clear),
        (event, ..) => Err(invalid(format!("{event} must have exactly the object of its name"))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    event: String,
    #[serde(rename = "streamSid")]
    stream_sid: String,
    media: Option<Media>,
    mark: Option<Mark>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Media {
    payload: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    name: String,
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
