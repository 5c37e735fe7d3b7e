//! One message of Twilio's, parsed by borrowing from its text.
//!
//! Every counter is a string on Twilio's side; a number is taken too. Fields that are not used here are
//! not looked at. An object written as an array of its values, which `serde` would accept, is refused.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use base64_simd::{Out, STANDARD};
use common::sid::ParseSidError;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::start::{Start, StartBody};
use crate::frame::{PHONE_RATE, Track};

/// Most audio in one message, in bytes of mu-law: one second.
pub const MAX_FRAME: usize = PHONE_RATE as usize;

/// Largest media time, in milliseconds: a week. Twilio ends a call after a day at the latest.
pub const MAX_TIMESTAMP_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// What can be wrong with a message. Every one is the peer's doing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Not JSON, or not the shape that its `event` promises.
    #[error("malformed message")]
    Json(#[from] serde_json::Error),
    /// The object that its `event` promises is not there, or says not which stream it belongs to.
    #[error("without its `{0}`")]
    Missing(&'static str),
    /// A binary message. Twilio sends text alone.
    #[error("not text")]
    Binary,
    /// The payload is not base64.
    #[error("payload is not base64")]
    Payload,
    /// No audio in a `media` message.
    #[error("payload is empty")]
    Empty,
    /// More audio in one message than [`MAX_FRAME`].
    #[error("payload of {bytes} bytes, over the limit of {MAX_FRAME}")]
    Oversize {
        /// Its length, decoded.
        bytes: usize,
    },
    /// A media time over [`MAX_TIMESTAMP_MS`].
    #[error("media time of {ms} ms, over the limit of {MAX_TIMESTAMP_MS}")]
    Timestamp {
        /// What it says.
        ms: u64,
    },
    /// Not a voice of this stream, or the same one twice.
    #[error("not a track of this stream")]
    Track,
    /// Not a key of a telephone.
    #[error("not a DTMF digit")]
    Digit,
    /// Audio in another form than mu-law at 8000 Hz in one channel.
    #[error("media format is not mu-law, 8000 Hz, mono")]
    Format,
    /// Custom parameters that are too many or too long.
    #[error("custom parameters over the limit")]
    Parameters,
    /// An id that is none.
    #[error("bad id")]
    Sid(#[from] ParseSidError),
    /// It belongs to another stream than this.
    #[error("of another stream")]
    OtherStream,
    /// A stream that has started starts again.
    #[error("second start")]
    SecondStart,
}

/// A message, with what all messages have.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    /// Which stream it says it belongs to.
    pub(super) stream: Option<Cow<'a, str>>,
    /// Its place among the messages of the stream.
    pub(super) sequence: Option<u64>,
    pub(super) message: Message<'a>,
}

#[derive(Debug)]
pub(super) enum Message<'a> {
    Connected,
    Start(Box<Start>),
    Media {
        track: Track,
        timestamp_ms: u64,
        /// Not decoded yet.
        payload: Cow<'a, str>,
    },
    Dtmf(char),
    Mark(Cow<'a, str>),
    Stop,
    /// An event this build does not know.
    Unknown,
}

impl<'a> Envelope<'a> {
    /// Reads a message. Allocates nothing for `media` unless a string in it has an escape.
    pub(super) fn parse(text: &'a str) -> Result<Self, WireError> {
        let Object(raw) = match serde_json::from_str::<Object<Raw<'_>>>(text) {
            Ok(raw) => raw,
            // A later Twilio may use our fields in another shape, in events that we do not know.
            Err(error) => match serde_json::from_str::<Object<JustEvent<'_>>>(text) {
                Ok(Object(JustEvent { event })) if !is_known(&event) => {
                    return Ok(Self { stream: None, sequence: None, message: Message::Unknown });
                }
                _ => return Err(error.into()),
            },
        };
        let message = match &*raw.event {
            "media" => raw.media.ok_or(WireError::Missing("media"))?.0.check()?,
            "start" => {
                let Object(start) = *raw.start.ok_or(WireError::Missing("start"))?;
                Message::Start(Box::new(start.check()?))
            }
            "dtmf" => Message::Dtmf(digit(&raw.dtmf.ok_or(WireError::Missing("dtmf"))?.0.digit)?),
            "mark" => Message::Mark(raw.mark.ok_or(WireError::Missing("mark"))?.0.name.0),
            "connected" => Message::Connected,
            "stop" => Message::Stop,
            _ => Message::Unknown,
        };
        Ok(Self {
            stream: raw.stream_sid.map(|Text(sid)| sid),
            sequence: raw.sequence_number.map(|Counter(number)| number),
            message,
        })
    }
}

/// Decodes a payload into `frame`, which keeps its space from one call to the next.
pub(super) fn decode<'f>(payload: &str, frame: &'f mut Vec<u8>) -> Result<&'f [u8], WireError> {
    let bytes = STANDARD.decoded_length(payload.as_bytes()).map_err(|_| WireError::Payload)?;
    match bytes {
        0 => return Err(WireError::Empty),
        1..=MAX_FRAME => frame.resize(bytes, 0),
        _ => return Err(WireError::Oversize { bytes }),
    }
    let decoded = STANDARD.decode(payload.as_bytes(), Out::from_slice(frame));
    decoded.map(|ulaw| &*ulaw).map_err(|_| WireError::Payload)
}

/// The voice of this name.
pub(super) fn track(name: &str) -> Result<Track, WireError> {
    Track::ALL.into_iter().find(|track| track.as_str() == name).ok_or(WireError::Track)
}

fn digit(text: &str) -> Result<char, WireError> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(key @ ('0'..='9' | '*' | '#' | 'A'..='D')), None) => Ok(key),
        _ => Err(WireError::Digit),
    }
}

fn is_known(event: &str) -> bool {
    matches!(event, "connected" | "start" | "media" | "dtmf" | "mark" | "stop")
}

/// A message as it stands on the wire. One shape for all: `event` need not come first.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow)]
    event: Text<'a>,
    #[serde(borrow, default)]
    stream_sid: Option<Text<'a>>,
    #[serde(default)]
    sequence_number: Option<Counter>,
    #[serde(borrow, default)]
    media: Option<Object<MediaBody<'a>>>,
    /// In a box, though it comes once: the others are moved about less for it.
    #[serde(borrow, default)]
    start: Option<Box<Object<StartBody<'a>>>>,
    #[serde(borrow, default)]
    dtmf: Option<Object<DtmfBody<'a>>>,
    #[serde(borrow, default)]
    mark: Option<Object<MarkBody<'a>>>,
}

#[derive(Deserialize)]
struct JustEvent<'a> {
    #[serde(borrow)]
    event: Text<'a>,
}

#[derive(Deserialize)]
struct MediaBody<'a> {
    #[serde(borrow)]
    track: Text<'a>,
    timestamp: Counter,
    #[serde(borrow)]
    payload: Text<'a>,
}

impl<'a> MediaBody<'a> {
    fn check(self) -> Result<Message<'a>, WireError> {
        let Counter(timestamp_ms) = self.timestamp;
        if timestamp_ms > MAX_TIMESTAMP_MS {
            return Err(WireError::Timestamp { ms: timestamp_ms });
        }
        Ok(Message::Media { track: track(&self.track)?, timestamp_ms, payload: self.payload.0 })
    }
}

#[derive(Deserialize)]
struct DtmfBody<'a> {
    #[serde(borrow)]
    digit: Text<'a>,
}

#[derive(Deserialize)]
struct MarkBody<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

/// A string that is borrowed where it has no escape. A bare `Cow` is not, inside `Option` and `Vec`.
#[derive(Debug)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// A whole number from zero up, written as a number or as a string of decimal digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Counter(pub(super) u64);

impl<'de> Deserialize<'de> for Counter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CounterVisitor;

        impl Visitor<'_> for CounterVisitor {
            type Value = Counter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from zero up")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Counter, E> {
                Ok(Counter(number))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Counter, E> {
                // `parse` alone would take a plus sign.
                let number = text.parse().ok().filter(|_| !text.starts_with('+'));
                number.map(Counter).ok_or_else(|| E::custom("not a whole number from zero up"))
            }
        }

        deserializer.deserialize_any(CounterVisitor)
    }
}

/// A structure that stands as an object, and not as an array of its values.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}
