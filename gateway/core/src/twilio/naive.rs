//! The obvious parser, slow and plain: the real one must never read a message differently.

use serde_json::Value;

use super::Start;
use super::wire::{Envelope, MAX_FRAME, MAX_TIMESTAMP_MS, Message, decode};
use super::{MAX_PARAMETER_BYTES, MAX_PARAMETERS};
use crate::frame::Track;

/// A message with everything in it owned.
#[derive(Debug, PartialEq)]
pub(super) enum Plain {
    Connected,
    Start(Start),
    Media { track: Track, timestamp_ms: u64, ulaw: Vec<u8> },
    Dtmf(char),
    Mark(String),
    Stop,
    Unknown,
}

/// What the real parser makes of a message.
pub(super) fn real(text: &str) -> Option<Plain> {
    let mut frame = Vec::new();
    Some(match Envelope::parse(text).ok()?.message {
        Message::Connected => Plain::Connected,
        Message::Start(start) => Plain::Start(*start),
        Message::Media { track, timestamp_ms, payload } => {
            let ulaw = decode(&payload, &mut frame).ok()?.to_vec();
            Plain::Media { track, timestamp_ms, ulaw }
        }
        Message::Dtmf(key) => Plain::Dtmf(key),
        Message::Mark(name) => Plain::Mark(name.into_owned()),
        Message::Stop => Plain::Stop,
        Message::Unknown => Plain::Unknown,
    })
}

/// What the obvious parser makes of a JSON value.
pub(super) fn plain(message: &Value) -> Option<Plain> {
    let event = message.as_object()?.get("event")?.as_str()?;
    if !["connected", "start", "media", "dtmf", "mark", "stop"].contains(&event) {
        return Some(Plain::Unknown);
    }
    let is_string = |value: &Value| value.is_string() || value.is_null();
    if !message.get("streamSid").is_none_or(is_string) {
        return None;
    }
    if let Some(number) = message.get("sequenceNumber").filter(|value| !value.is_null()) {
        counter(number)?;
    }
    let body = message.get(event).filter(|body| body.is_object());
    let field = |name: &str| body.and_then(|body| body.get(name));
    let text = |name: &str| field(name).and_then(Value::as_str);
    Some(match event {
        "connected" => Plain::Connected,
        "stop" => Plain::Stop,
        "start" => Plain::Start(start(body?)?),
        "media" => {
            let timestamp_ms = counter(field("timestamp")?)?;
            let ulaw = base64(text("payload")?)?;
            if timestamp_ms > MAX_TIMESTAMP_MS || ulaw.is_empty() || ulaw.len() > MAX_FRAME {
                return None;
            }
            Plain::Media { track: track(text("track")?)?, timestamp_ms, ulaw }
        }
        "dtmf" => {
            let digit = text("digit")?;
            let keys = "0123456789*#ABCD";
            Plain::Dtmf(keys.chars().find(|key| key.to_string() == digit)?)
        }
        _ => Plain::Mark(text("name")?.to_owned()),
    })
}

fn start(body: &Value) -> Option<Start> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let format = body.get("mediaFormat").filter(|format| format.is_object())?;
    if format.get("encoding")? != "audio/x-mulaw"
        || counter(format.get("sampleRate")?)? != 8000
        || counter(format.get("channels")?)? != 1
    {
        return None;
    }
    let parameters = match body.get("customParameters") {
        None | Some(Value::Null) => Default::default(),
        Some(given) => {
            let given = given.as_object()?.iter();
            given
                .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect::<Option<std::collections::BTreeMap<String, String>>>()?
        }
    };
    if parameters.len() > MAX_PARAMETERS
        || parameters.iter().any(|(name, value)| name.len() + value.len() > MAX_PARAMETER_BYTES)
    {
        return None;
    }
    let named = body.get("tracks")?.as_array()?;
    let tracks = named.iter().map(|name| track(name.as_str()?)).collect::<Option<Vec<_>>>()?;
    let once = tracks.iter().all(|track| tracks.iter().filter(|other| *other == track).count() == 1);
    if tracks.is_empty() || !once {
        return None;
    }
    Some(Start {
        account: text("accountSid")?.parse().ok()?,
        call: text("callSid")?.parse().ok()?,
        stream: text("streamSid")?.parse().ok()?,
        tracks,
        parameters,
    })
}

fn track(name: &str) -> Option<Track> {
    match name {
        "inbound" => Some(Track::Inbound),
        "outbound" => Some(Track::Outbound),
        _ => None,
    }
}

fn counter(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.chars().all(|digit| digit.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// RFC 4648, section 4, a bit at a time: padding is needed, and bits left over are zero.
fn base64(text: &str) -> Option<Vec<u8>> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let mut bits = Vec::new();
    for digit in digits.bytes() {
        let six = alphabet.iter().position(|&letter| letter == digit)?;
        bits.extend((0..6).rev().map(|bit| six >> bit & 1 == 1));
    }
    let (bytes, rest) = bits.as_chunks::<8>();
    if rest.len() >= 6 || rest.iter().any(|&bit| bit) {
        return None;
    }
    Some(bytes.iter().map(|bits| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit))).collect())
}

/// Holds the two against each other for any text at all.
///
/// Only in one direction: the real parser also refuses what the obvious one cannot see, such as a field
/// that stands twice.
#[cfg(feature = "fuzzing")]
pub(super) fn check(text: &str) {
    let real = real(text);
    if let (Some(real), Ok(value)) = (real, serde_json::from_str::<Value>(text)) {
        assert_eq!(Some(real), plain(&value));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        /// Whatever a message holds, both parsers make the same of it.
        #[test]
        fn agrees_with_the_obvious_parser(message in message()) {
            let text = message.to_string();
            prop_assert_eq!(real(&text), plain(&message), "{}", text);
        }

        /// A slash may be escaped, and a message indented: it stays the same message.
        #[test]
        fn spelling_changes_nothing(message in message()) {
            let text = serde_json::to_string_pretty(&message).unwrap().replace('/', "\\/");
            prop_assert_eq!(real(&text), plain(&message), "{}", text);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let read = real(&text);
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                prop_assert_eq!(read, plain(&value));
            }
        }

        /// A message that is cut off or has a byte changed is read or refused, never worse.
        #[test]
        fn a_damaged_message_does_no_harm(
            message in message(),
            at in any::<prop::sample::Index>(),
            instead in any::<Option<char>>(),
        ) {
            let mut text: Vec<char> = message.to_string().chars().collect();
            let at = at.index(text.len());
            match instead {
                Some(other) => text[at] = other,
                None => text.truncate(at),
            }
            let _read_or_refused = real(&text.into_iter().collect::<String>());
        }
    }

    #[test]
    fn the_obvious_base64_is_base64() {
        assert_eq!(base64("TWFu").as_deref(), Some(&b"Man"[..]));
        assert_eq!(base64("TWE=").as_deref(), Some(&b"Ma"[..]));
        assert_eq!(base64("TQ==").as_deref(), Some(&b"M"[..]));
        for bad in ["TQ=", "TR==", "T===", "TWE", "TW-u", "TQ==TWFu"] {
            assert_eq!(base64(bad), None, "{bad}");
        }
    }

    /// A message of any event, most of them good, some with one thing wrong.
    fn message() -> impl Strategy<Value = Value> {
        let good = prop_oneof![
            4 => (sample_track(), timestamp(), ulaw()).prop_map(|(track, time, ulaw)| {
                let payload = base64_simd::STANDARD.encode_to_string(ulaw);
                json!({ "event": "media", "streamSid": "MZ1", "sequenceNumber": "4",
                    "media": { "track": track, "chunk": "1", "payload": payload,
                        "timestamp": time.to_string() } })
            }),
            2 => prop::collection::btree_map(".{0,9}", ".{0,9}", 0..4).prop_map(|parameters| {
                let sid = |letters| format!("{letters}0123456789abcdef0123456789abcdef");
                json!({ "event": "start", "sequenceNumber": "1", "streamSid": sid("MZ"),
                    "start": { "accountSid": sid("AC"), "callSid": sid("CA"), "streamSid": sid("MZ"),
                        "tracks": ["inbound", "outbound"], "customParameters": parameters,
                        "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 } } })
            }),
            1 => "[0-9A-Fa-d*#]{0,2}|.".prop_map(|digit| json!({ "event": "dtmf", "dtmf": { "digit": digit } })),
            1 => ".*".prop_map(|name| json!({ "event": "mark", "mark": { "name": name } })),
            1 => Just(json!({ "event": "stop", "stop": {} })),
            1 => Just(json!({ "event": "connected", "protocol": "Call" })),
            1 => ".*".prop_map(|event| json!({ "event": event, "media": [] })),
        ];
        let spoil = prop::option::weighted(0.6, (any::<prop::sample::Index>(), odd()));
        (good, spoil).prop_map(|(mut message, spoil)| {
            if let Some((at, odd)) = spoil {
                let mut places = Vec::new();
                collect(&message, String::new(), &mut places);
                let place = &places[at.index(places.len())];
                // Not the event: a field of another event may then have a shape it does not allow.
                if place != "/event" {
                    *message.pointer_mut(place).unwrap() = odd;
                }
            }
            message
        })
    }

    fn sample_track() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["inbound", "outbound", "inbound_track", ""])
    }

    /// Any, and those around the limit.
    fn timestamp() -> impl Strategy<Value = u64> {
        prop_oneof![any::<u64>(), 0..100_000u64, MAX_TIMESTAMP_MS - 1..MAX_TIMESTAMP_MS + 2]
    }

    /// Of any length, and of those around the limits.
    fn ulaw() -> impl Strategy<Value = Vec<u8>> {
        let length = prop_oneof![0..4usize, 4..400usize, MAX_FRAME - 1..MAX_FRAME + 2];
        length.prop_flat_map(|length| prop::collection::vec(any::<u8>(), length))
    }

    /// Values that have no business anywhere, or only in some places.
    fn odd() -> impl Strategy<Value = Value> {
        prop::sample::select(vec![
            json!(null),
            json!(true),
            json!(0),
            json!(8000),
            json!(-1),
            json!(1.5),
            json!(u64::MAX),
            json!(""),
            json!("1"),
            json!("+1"),
            json!(" 1"),
            json!("99999999999999999999999"),
            json!("AAAA"),
            json!("AAA"),
            json!("//8="),
            json!("inbound"),
            json!([]),
            json!(["inbound"]),
            json!(["inbound", "inbound"]),
            json!(["inbound", "1", "//8="]),
            json!({}),
            json!({ "name": "x", "digit": "1" }),
        ])
    }

    /// The JSON pointers of all that is inside a value.
    fn collect(value: &Value, at: String, places: &mut Vec<String>) {
        let escape = |key: &String| key.replace('~', "~0").replace('/', "~1");
        let inner: Vec<(String, &Value)> = match value {
            Value::Object(fields) => fields.iter().map(|(key, value)| (escape(key), value)).collect(),
            Value::Array(items) => items.iter().enumerate().map(|(i, item)| (i.to_string(), item)).collect(),
            _ => Vec::new(),
        };
        for (key, value) in inner {
            let at = format!("{at}/{key}");
            collect(value, at.clone(), places);
            places.push(at);
        }
    }
}
