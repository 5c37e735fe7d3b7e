//! A stream's rules, with time as a number that the test adds to.

use std::time::{Duration, Instant};

use super::*;
use crate::frame::Track;

const LIMITS: Limits = Limits {
    start: Duration::from_secs(10),
    stall: Duration::from_secs(5),
    bad: 50,
    messages: 20_000,
    window: Duration::from_secs(10),
};

const START: &str = r#"{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC0123456789abcdef0123456789abcdef","streamSid":"MZ0123456789abcdef0123456789abcdef","callSid":"CA0123456789abcdef0123456789abcdef","tracks":["inbound","outbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"grant":"g","tenant":"t1"}},"streamSid":"MZ0123456789abcdef0123456789abcdef"}"#;

#[test]
fn start_says_what_the_stream_is() {
    let mut leg = Leg::new(LIMITS, epoch());
    let Ok(Some(Event::Started(start))) = leg.handle_text(epoch(), START) else { panic!("not started") };
    assert_eq!(start.account.as_str(), "AC0123456789abcdef0123456789abcdef");
    assert_eq!(start.call.as_str(), "CA0123456789abcdef0123456789abcdef");
    assert_eq!(start.stream.as_str(), "MZ0123456789abcdef0123456789abcdef");
    assert_eq!(start.tracks, Track::ALL);
    let parameters: Vec<_> = start.parameters.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(parameters, [("grant", "g"), ("tenant", "t1")]);
}

#[test]
fn ugly_starts_are_refused_and_a_good_one_still_works() {
    let mut leg = Leg::new(LIMITS, epoch());
    let long = format!(r#""grant":"{}""#, "x".repeat(MAX_PARAMETER_BYTES));
    let many: String = (0..=MAX_PARAMETERS).map(|n| format!(r#""{n}":"","#)).collect();
    let table = [
        ("no object", START.replace(r#""start":{"#, r#""begin":{"#), "without its `start`"),
        ("an array", r#"{"event":"start","start":["AC","MZ"],"streamSid":"MZ"}"#.into(), "malformed message"),
        ("A-law", START.replace("x-mulaw", "x-alaw"), "media format is not mu-law, 8000 Hz, mono"),
        ("wide band", START.replace("8000", "16000"), "media format is not mu-law, 8000 Hz, mono"),
        (
            "stereo",
            START.replace(r#""channels":1"#, r#""channels":2"#),
            "media format is not mu-law, 8000 Hz, mono",
        ),
        ("no format", START.replace("mediaFormat", "format"), "malformed message"),
        ("no tracks", START.replace(r#""inbound","outbound""#, ""), "not a track of this stream"),
        ("one track twice", START.replace("outbound", "inbound"), "not a track of this stream"),
        (
            "three tracks",
            START.replace(r#"["inbound","#, r#"["inbound","inbound","#),
            "not a track of this stream",
        ),
        (
            "the attribute's words",
            START.replace(r#""inbound""#, r#""inbound_track""#),
            "not a track of this stream",
        ),
        ("a short account", START.replace("AC0", "AC"), "bad id"),
        ("a call that is none", START.replace("CA0", "XX0"), "bad id"),
        ("two streams", START.replacen("MZ0", "MZ1", 1), "of another stream"),
        ("no stream outside", START.replace(r#"},"streamSid""#, r#"},"stream""#), "without its `streamSid`"),
        (
            "a parameter that is too long",
            START.replace(r#""grant":"g""#, &long),
            "custom parameters over the limit",
        ),
        ("too many parameters", START.replace(r#""grant":"g","#, &many), "custom parameters over the limit"),
        ("a parameter that is a number", START.replace(r#""t1""#, "1"), "malformed message"),
    ];
    for (what, text, error) in &table {
        assert_ne!(text, START, "{what}");
        assert_eq!(refusal(&mut leg, text), *error, "{what}");
    }
    assert!(matches!(leg.handle_text(epoch(), START), Ok(Some(Event::Started(_)))));
    assert_eq!(leg.take_counts(), Counts { start: 1, bad: table.len() as u32, ..Counts::default() });
}

#[test]
fn a_start_may_have_no_parameters_and_one_track_and_numbers_for_strings() {
    for text in [
        START.replace(r#","customParameters":{"grant":"g","tenant":"t1"}"#, ""),
        START.replace(r#"["inbound","outbound"]"#, r#"["outbound"]"#),
        START.replace(r#""sequenceNumber":"1""#, r#""sequenceNumber":1"#).replace("8000", r#""8000""#),
    ] {
        let mut leg = Leg::new(LIMITS, epoch());
        assert!(matches!(leg.handle_text(epoch(), &text), Ok(Some(Event::Started(_)))), "{text}");
    }
}

#[test]
fn audio_is_lent_as_it_was_sent() {
    let mut leg = live_leg();
    let second = base64_simd::STANDARD.encode_to_string([0x7f; MAX_FRAME]);
    let table: [(&str, &str, &str, u64, &[u8]); 5] = [
        ("inbound", "20", "//79/A==", 20, &[0xff, 0xfe, 0xfd, 0xfc]),
        ("an escaped slash", "20", r"\/\/79\/A==", 20, &[0xff, 0xfe, 0xfd, 0xfc]),
        ("one sample", "0", "AA==", 0, &[0]),
        ("a second", "604800000", &second, MAX_TIMESTAMP_MS, &[0x7f; MAX_FRAME]),
        ("shorter again", "0", "AAAA", 0, &[0, 0, 0]),
    ];
    for (what, time, payload, timestamp_ms, ulaw) in table {
        let text = media("outbound", time, payload);
        let heard = leg.handle_text(epoch(), &text).unwrap();
        assert_eq!(heard, Some(Event::Media { track: Track::Outbound, timestamp_ms, ulaw }), "{what}");
    }
}

#[test]
fn ugly_messages_are_dropped_and_counted_and_close_nothing() {
    let mut leg = live_leg();
    let long = base64_simd::STANDARD.encode_to_string([0; MAX_FRAME + 1]);
    let good = media("inbound", "20", "AAAA");
    let deep = format!(r#"{{"event":"media","x":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
    let table = [
        ("nothing", String::new(), "malformed message"),
        ("not JSON", "Ack: 5".into(), "malformed message"),
        ("half a message", good[..good.len() / 2].into(), "malformed message"),
        ("two messages", good.repeat(2), "malformed message"),
        ("a list", format!("[{good}]"), "malformed message"),
        ("a list of the values", r#"["media","MZ","1",{}]"#.into(), "malformed message"),
        ("null", "null".into(), "malformed message"),
        ("no event", "{}".into(), "malformed message"),
        ("an event that is a number", r#"{"event":5}"#.into(), "malformed message"),
        ("deep nesting", deep, "without its `media`"),
        ("half a surrogate", r#"{"event":"\ud800"}"#.into(), "malformed message"),
        ("a field twice", r#"{"event":"media","event":"media"}"#.into(), "malformed message"),
        ("no media", r#"{"event":"media","sequenceNumber":"2"}"#.into(), "without its `media`"),
        ("media that is text", good.replace(r#""media":{"#, r#""media":"","x":{"#), "malformed message"),
        ("no payload", good.replace("payload", "load"), "malformed message"),
        ("a payload that is a number", good.replace(r#""AAAA""#, "5"), "malformed message"),
        ("no audio", good.replace("AAAA", ""), "payload is empty"),
        ("not base64", good.replace("AAAA", "AA A"), "payload is not base64"),
        ("base64 of an URL", good.replace("AAAA", "__-_"), "payload is not base64"),
        ("cut base64", good.replace("AAAA", "AAA"), "payload is not base64"),
        ("more than a second", good.replace("AAAA", &long), "payload of 8001 bytes, over the limit of 8000"),
        ("a wrong time", good.replace(r#""20""#, r#""-20""#), "malformed message"),
        ("a signed time", good.replace(r#""20""#, r#""+20""#), "malformed message"),
        ("a broken time", good.replace(r#""20""#, "20.5"), "malformed message"),
        ("no time", good.replace(r#""20""#, r#""""#), "malformed message"),
        ("a time past 64 bits", good.replace("20", "99999999999999999999"), "malformed message"),
        (
            "a time past a week",
            good.replace(r#""20""#, r#""604800001""#),
            "media time of 604800001 ms, over the limit of 604800000",
        ),
        ("a bad number", good.replace(r#"Number":"2""#, r#"Number":"two""#), "malformed message"),
        ("no such track", good.replace("inbound", "sideways"), "not a track of this stream"),
        ("another stream", good.replace("MZ0", "MZ1"), "of another stream"),
        ("no stream", good.replace("streamSid", "stream_sid"), "without its `streamSid`"),
        ("a start again", START.into(), "second start"),
        ("a key that is none", dtmf("E"), "not a DTMF digit"),
        ("two keys", dtmf("12"), "not a DTMF digit"),
        ("a mark without a name", r#"{"event":"mark","mark":{}}"#.into(), "malformed message"),
        ("a stop of another stream", r#"{"event":"stop","streamSid":"MZ"}"#.into(), "of another stream"),
    ];
    for (what, text, error) in &table {
        assert_ne!(*text, good, "{what}");
        assert_eq!(refusal(&mut leg, text), *error, "{what}");
    }
    assert!(matches!(leg.handle_binary(epoch()), Err(WireError::Binary)));
    assert_eq!(leg.end(), None);
    assert_eq!(leg.take_counts(), Counts { bad: table.len() as u32 + 1, ..Counts::default() });
    assert!(leg.handle_text(epoch(), &good).unwrap().is_some(), "the stream goes on");
}

#[test]
fn audio_of_a_voice_that_was_not_announced_is_bad() {
    let mut leg = Leg::new(LIMITS, epoch());
    let inbound = START.replace(r#"["inbound","outbound"]"#, r#"["inbound"]"#);
    leg.handle_text(epoch(), &inbound).unwrap();
    assert_eq!(refusal(&mut leg, &media("outbound", "0", "AAAA")), "not a track of this stream");
    assert!(leg.handle_text(epoch(), &media("inbound", "0", "AAAA")).unwrap().is_some());
}

#[test]
fn keys_and_marks_are_told_and_the_rest_is_only_counted() {
    let mut leg = live_leg();
    for key in "0123456789*#ABCD".chars() {
        let text = dtmf(&key.to_string());
        assert_eq!(leg.handle_text(epoch(), &text).unwrap(), Some(Event::Dtmf(key)));
    }
    let mark = format!(r#"{{"event":"mark","streamSid":"{}","mark":{{"name":"a b"}}}}"#, sid());
    assert_eq!(leg.handle_text(epoch(), &mark).unwrap(), Some(Event::Mark("a b".into())));
    for text in [
        r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#,
        r#"{"event":"from the future"}"#,
        r#"{"event":"other","media":5,"start":[],"streamSid":{}}"#,
    ] {
        assert_eq!(leg.handle_text(epoch(), text).unwrap(), None, "{text}");
    }
    let counts = Counts { dtmf: 16, mark: 1, connected: 1, unknown: 2, ..Counts::default() };
    assert_eq!(leg.take_counts(), counts);
}

#[test]
fn audio_before_start_and_after_stop_is_harmless() {
    let mut leg = Leg::new(LIMITS, epoch());
    let frame = media("inbound", "0", "AAAA");
    assert_eq!(leg.handle_text(epoch(), &frame).unwrap(), None);
    leg.handle_text(epoch(), START).unwrap();
    assert_eq!(leg.handle_text(epoch(), &stop()).unwrap(), None);
    assert_eq!(leg.end(), Some(End::Stopped));
    assert_eq!(leg.handle_text(epoch(), &frame).unwrap(), None);
    assert_eq!(leg.handle_text(epoch(), "not JSON").unwrap(), None);
    assert_eq!(leg.poll_timeout(), None);
    assert_eq!(leg.take_counts(), Counts { start: 1, stop: 1, misplaced: 3, ..Counts::default() });
}

#[test]
fn a_stream_without_start_ends_exactly_at_its_deadline() {
    let deadline = epoch() + LIMITS.start;
    let mut leg = Leg::new(LIMITS, epoch());
    assert_eq!(leg.poll_timeout(), Some(deadline));
    leg.handle_text(deadline - NANO, r#"{"event":"connected"}"#).unwrap();
    leg.handle_timeout(deadline - NANO);
    assert_eq!(leg.end(), None, "a moment too early");
    leg.handle_timeout(deadline);
    assert_eq!(leg.end(), Some(End::NoStart));
}

#[test]
fn a_stream_without_audio_stalls_exactly_at_its_deadline() {
    let mut leg = live_leg();
    let last = epoch() + Duration::from_secs(3);
    leg.handle_text(last, &media("inbound", "0", "AAAA")).unwrap();
    let deadline = last + LIMITS.stall;
    assert_eq!(leg.poll_timeout(), Some(deadline));

    // Other messages are no sign of life of the audio.
    leg.handle_text(deadline - NANO, &dtmf("1")).unwrap();
    leg.handle_control(deadline - NANO);
    assert!(leg.handle_text(deadline - NANO, &media("inbound", "20", "")).is_err());
    leg.handle_timeout(deadline - NANO);
    assert_eq!(leg.end(), None, "a moment too early");
    leg.handle_timeout(deadline);
    assert_eq!(leg.end(), Some(End::Stalled));
}

#[test]
fn the_fifty_first_bad_message_in_ten_seconds_is_one_too_many() {
    let mut leg = live_leg();
    let second = |n: u32| epoch() + Duration::from_millis(u64::from(n) * 200);
    // One each 200 ms are 50 in any 10 s: that may go on for ever, audio provided.
    for n in 0..500 {
        leg.handle_text(second(n), &media("inbound", "0", "AAAA")).unwrap();
        assert!(leg.handle_text(second(n), "bad").is_err());
        assert_eq!(leg.end(), None, "{n}");
    }
    assert!(leg.handle_text(second(500) - NANO, "bad").is_err());
    assert_eq!(leg.end(), Some(End::TooManyBad));
}

#[test]
fn a_flood_ends_the_stream() {
    let mut leg = Leg::new(Limits { messages: 3, ..LIMITS }, epoch());
    let end = epoch() + LIMITS.window;
    for now in [end - NANO, end - NANO, end, end] {
        leg.handle_text(now, r#"{"event":"connected"}"#).unwrap();
    }
    leg.handle_control(end);
    assert_eq!(leg.end(), None, "three in the second window");
    leg.handle_control(end + LIMITS.window - NANO);
    assert_eq!(leg.end(), Some(End::Flood));
}

#[test]
fn holes_in_the_numbers_are_counted() {
    let mut leg = live_leg();
    let frame = |n: u64| media("inbound", "0", "AAAA").replace(r#"er":"2""#, &format!(r#"er":"{n}""#));
    for n in [2, 3, 5, 4, 5, 9, 10, u64::MAX, 1, u64::MAX] {
        assert!(leg.handle_text(epoch(), &frame(n)).unwrap().is_some());
    }
    assert_eq!(leg.take_counts(), Counts { media: 10, sequence_gaps: 3, ..Counts::default() });
}

const NANO: Duration = Duration::from_nanos(1);

/// Some moment. Its value does not matter: all others are counted from it.
fn epoch() -> Instant {
    use std::sync::LazyLock;
    #[expect(clippy::disallowed_methods, reason = "an `Instant` cannot be made in another way")]
    static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
    *EPOCH
}

fn sid() -> &'static str {
    "MZ0123456789abcdef0123456789abcdef"
}

/// A leg that has seen `start`.
fn live_leg() -> Leg {
    let mut leg = Leg::new(LIMITS, epoch());
    assert!(matches!(leg.handle_text(epoch(), START), Ok(Some(Event::Started(_)))));
    leg.take_counts();
    leg
}

fn media(track: &str, timestamp: &str, payload: &str) -> String {
    format!(
        r#"{{"event":"media","sequenceNumber":"2","media":{{"track":"{track}","chunk":"1","timestamp":"{timestamp}","payload":"{payload}"}},"streamSid":"{}"}}"#,
        sid()
    )
}

fn dtmf(digit: &str) -> String {
    format!(
        r#"{{"event":"dtmf","streamSid":"{}","dtmf":{{"track":"inbound_track","digit":"{digit}"}}}}"#,
        sid()
    )
}

fn stop() -> String {
    format!(r#"{{"event":"stop","streamSid":"{}","stop":{{}}}}"#, sid())
}

/// The text of the error that a message meets.
fn refusal(leg: &mut Leg, text: &str) -> String {
    leg.handle_text(epoch(), text).expect_err(text).to_string()
}
