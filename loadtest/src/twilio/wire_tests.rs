use super::*;

const STREAM: &str = "MZ0123456789abcdef0123456789abcdef";

#[test]
fn messages_are_those_of_the_documentation_to_the_byte() {
    let mut writer = writer(Chunks::Shared);
    let mut next = |write: &dyn Fn(&mut Writer, &mut String)| {
        let mut out = String::new();
        write(&mut writer, &mut out);
        out
    };
    let parameters = [("tenant".to_owned(), "t1".to_owned())];
    assert_eq!(CONNECTED, r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#);
    assert_eq!(
        next(&|writer, out| writer.start(out, Tracks::Both, &parameters)),
        r#"{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC0123456789abcdef0123456789abcdef","streamSid":"MZ0123456789abcdef0123456789abcdef","callSid":"CA0123456789abcdef0123456789abcdef","tracks":["inbound","outbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"tenant":"t1"}},"streamSid":"MZ0123456789abcdef0123456789abcdef"}"#
    );
    assert_eq!(
        next(&|writer, out| writer.mark(out, "my label")),
        r#"{"event":"mark","sequenceNumber":"2","streamSid":"MZ0123456789abcdef0123456789abcdef","mark":{"name":"my label"}}"#
    );
    assert_eq!(
        next(&|writer, out| writer.media(out, Track::Outbound, 5, &[0xFF, 0x7F, 0x00])),
        r#"{"event":"media","sequenceNumber":"3","media":{"track":"outbound","chunk":"1","timestamp":"5","payload":"/38A"},"streamSid":"MZ0123456789abcdef0123456789abcdef"}"#
    );
    assert_eq!(
        next(&|writer, out| writer.media(out, Track::Inbound, 5, &[0xFF])),
        r#"{"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"2","timestamp":"5","payload":"/w=="},"streamSid":"MZ0123456789abcdef0123456789abcdef"}"#
    );
    assert_eq!(
        next(&|writer, out| writer.dtmf(out, '1')),
        r#"{"event":"dtmf","streamSid":"MZ0123456789abcdef0123456789abcdef","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"1"}}"#
    );
    assert_eq!(
        next(&|writer, out| writer.stop(out)),
        r#"{"event":"stop","sequenceNumber":"6","stop":{"accountSid":"AC0123456789abcdef0123456789abcdef","callSid":"CA0123456789abcdef0123456789abcdef"},"streamSid":"MZ0123456789abcdef0123456789abcdef"}"#
    );
}

#[test]
fn a_frame_of_20_ms_has_216_characters_of_payload() {
    let mut out = String::new();
    writer(Chunks::Shared).media(&mut out, Track::Inbound, 20, &[0x55; 160]);
    let message: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(message["media"]["payload"].as_str().map(str::len), Some(216));
}

#[test]
fn chunks_can_be_counted_for_each_track() {
    let mut writer = writer(Chunks::PerTrack);
    let mut chunk = |track| {
        let mut out = String::new();
        writer.media(&mut out, track, 20, &[]);
        let message: serde_json::Value = serde_json::from_str(&out).unwrap();
        message["media"]["chunk"].as_str().map(str::to_owned)
    };
    let chunks = [Track::Outbound, Track::Inbound, Track::Outbound, Track::Inbound].map(&mut chunk);
    assert_eq!(chunks.map(|chunk| chunk.unwrap()), ["1", "1", "2", "2"]);
}

#[test]
fn names_and_parameters_are_escaped() {
    let mut out = String::new();
    let parameters = [("a\"b".to_owned(), "\\\n</x>".to_owned()), ("c".to_owned(), "é".to_owned())];
    writer(Chunks::Shared).start(&mut out, Tracks::Inbound, &parameters);
    let message: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(message["start"]["customParameters"]["a\"b"], "\\\n</x>");
    assert_eq!(message["start"]["customParameters"]["c"], "é");
    assert_eq!(message["start"]["tracks"], serde_json::json!(["inbound"]));
}

#[test]
fn no_bad_message_is_a_good_one() {
    let writer = writer(Chunks::Shared);
    let mut kinds = std::collections::BTreeSet::new();
    for kind in 0..BAD_KINDS {
        let mut out = String::new();
        writer.bad(&mut out, kind);
        let json = serde_json::from_str::<serde_json::Value>(&out);
        let good = json.is_ok_and(|message| {
            message["event"] == "media"
                && message["streamSid"] == STREAM
                && ["inbound", "outbound"].iter().any(|track| message["media"]["track"] == *track)
                && message["media"]["timestamp"].as_str().is_some_and(|time| time.parse::<u64>().is_ok())
                && message["media"]["payload"].as_str().is_some_and(|text| STANDARD.decode(text).is_ok())
        });
        assert!(!good, "{out}");
        kinds.insert(out);
    }
    assert_eq!(kinds.len() as u64, BAD_KINDS, "each is bad in its own way");
}

#[test]
fn what_a_server_may_say_is_understood() {
    for (text, said) in [
        (
            r#"{"event":"media","streamSid":"SID","media":{"payload":"/38A"}}"#,
            Said::Media(vec![0xFF, 0x7F, 0]),
        ),
        (r#"{"event":"media","streamSid":"SID","media":{"payload":""}}"#, Said::Media(Vec::new())),
        (r#"{"event":"mark","streamSid":"SID","mark":{"name":"utt-17"}}"#, Said::Mark("utt-17".into())),
        (r#"{ "streamSid":"SID", "event":"clear" }"#, Said::Clear),
    ] {
        assert_eq!(read(&text.replace("SID", STREAM), STREAM.parse().unwrap()), Ok(said), "{text}");
    }
}

#[test]
fn everything_else_is_the_error_that_twilio_gives() {
    for (text, code) in [
        ("", 31951),
        ("Ack: 1", 31951),
        ("[]", 31951),
        (r#"{"event":"media","media":{"payload":""}}"#, 31951),
        (r#"{"event":"media","stream_sid":"SID","media":{"payload":""}}"#, 31951),
        (r#"{"event":"media","streamSid":"MZ1","media":{"payload":""}}"#, 31951),
        (r#"{"event":"media","streamSid":"SID"}"#, 31951),
        (r#"{"event":"media","streamSid":"SID","media":{}}"#, 31951),
        (r#"{"event":"media","streamSid":"SID","media":{"payload":"","track":"outbound"}}"#, 31951),
        (r#"{"event":"media","streamSid":"SID","media":{"payload":""},"mark":{"name":"x"}}"#, 31951),
        (r#"{"event":"media","streamSid":"SID","media":{"payload":"not base64"}}"#, 31950),
        (r#"{"event":"mark","streamSid":"SID"}"#, 31951),
        (r#"{"event":"mark","streamSid":"SID","mark":{}}"#, 31951),
        (r#"{"event":"mark","streamSid":"SID","mark":{"name":5}}"#, 31951),
        (r#"{"event":"clear","streamSid":"SID","mark":{"name":"x"}}"#, 31951),
        (r#"{"event":"stop","streamSid":"SID"}"#, 31951),
        (r#"{"event":"clear","streamSid":"SID","extra":1}"#, 31951),
    ] {
        let got = read(&text.replace("SID", STREAM), STREAM.parse().unwrap());
        assert_eq!(got.map_err(|problem| problem.code), Err(code), "{text}");
    }
}

fn writer(chunks: Chunks) -> Writer {
    let ids = Ids {
        account: STREAM.replace("MZ", "AC").parse().unwrap(),
        call: STREAM.replace("MZ", "CA").parse().unwrap(),
        stream: STREAM.parse().unwrap(),
    };
    Writer::new(ids, chunks)
}
