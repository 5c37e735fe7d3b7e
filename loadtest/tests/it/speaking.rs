//! Streams on which the server speaks.

use std::time::Duration;

use loadtest::audio::Audio;
use loadtest::twilio::{CallStatus, StreamEnd, dial};
use tokio_tungstenite::tungstenite::Message;

use crate::calls::{codes, only, payload};
use crate::server::{Manner, Server, wait_for};

const AGENT: &str = r#"<Connect><Stream url="WS/m"/></Connect><Hangup/>"#;

#[tokio::test]
async fn audio_is_counted_and_marks_come_back() {
    let media =
        format!(r#"{{"event":"media","streamSid":"SID","media":{{"payload":"{}"}}}}"#, "/".repeat(640));
    let server = Server::start(
        AGENT,
        Manner::Say(vec![
            Message::text(r#"{"event":"mark","streamSid":"SID","mark":{"name":"at once"}}"#),
            Message::text(media.clone()),
            Message::text(media),
            Message::text(r#"{"event":"mark","streamSid":"SID","mark":{"name":"cleared"}}"#),
            Message::text(r#"{"event":"clear","streamSid":"SID"}"#),
        ]),
    )
    .await;
    let report = dial(server.spec().lasting(Duration::from_millis(500))).finished().await;
    assert_eq!((codes(&report), report.is_good()), (vec![], true));
    let received = report.streams[0].received;
    assert_eq!((received.media, received.media_bytes, received.marks, received.clears), (2, 960, 2, 1));
    let marks = only(server.media().await).of("mark");
    let names: Vec<_> = marks.iter().map(|mark| mark["mark"]["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["at once", "cleared"]);
}

#[tokio::test]
async fn only_the_caller_is_heard_and_keys_are_told() {
    let server = Server::start(AGENT, Manner::Listen).await;
    let spec = server.spec().saying(Audio::ulaw(vec![1; 16_000]), Audio::ulaw(vec![2; 16_000]));
    let call = dial(spec);
    call.wait_live().await.unwrap();
    for key in ['5', 'x', '#'] {
        call.press(key);
    }
    wait_for(|| call.frames_sent() >= 5).await;
    call.hang_up();
    call.finished().await;

    let media = only(server.media().await);
    let frames = media.of("media");
    assert!(frames.len() >= 5 && frames.iter().all(|frame| frame["media"]["track"] == "inbound"));
    assert!(frames.iter().all(|frame| payload(frame) == [1; 160]), "from the first word");
    let digits: Vec<_> = media.of("dtmf").iter().map(|dtmf| dtmf["dtmf"]["digit"].to_string()).collect();
    assert_eq!(digits, ["\"5\"", "\"#\""]);
}

#[tokio::test]
async fn when_the_server_closes_the_next_verb_comes() {
    let pages = [
        ("/voice", r#"<Connect action="/next"><Stream url="WS/m"/></Connect>"#),
        ("/next", r#"<Start><Stream url="WS/again"/></Start><Dial>+15550111</Dial>"#),
    ];
    let server = Server::with_pages(&pages, Manner::Close { after: 5, code: 1000 }).await;
    let report = dial(server.spec().lasting(Duration::from_millis(400))).finished().await;
    let media = server.media().await;
    assert_eq!((report.status, media.len()), (CallStatus::Completed, 2), "{report:?}");
    assert_eq!((media[0].path.as_str(), media[1].path.as_str()), ("/m", "/again"));
    assert_eq!(only(server.webhooks("/next")).params["CallStatus"], "in-progress");
    assert!(report.streams.iter().all(|stream| matches!(stream.end, StreamEnd::ClosedByServer { .. })));
}

#[tokio::test]
async fn illegal_messages_are_warned_of_once_each_and_the_stream_goes_on() {
    let server = Server::start(
        AGENT,
        Manner::Say(vec![
            Message::text("Ack: 1"),
            Message::text(r#"{"event":"mark","streamSid":"SID"}"#),
            Message::binary(vec![1, 2, 3]),
            Message::binary(vec![4]),
            Message::text(r#"{"event":"clear","streamSid":"SID"}"#),
        ]),
    )
    .await;
    let report = dial(server.spec().lasting(Duration::from_millis(200))).finished().await;
    assert_eq!(codes(&report), [31951, 31950]);
    assert!(report.is_good(), "they are warnings");
    let received = report.streams[0].received;
    assert_eq!((received.illegal, received.clears, report.streams[0].sent.inbound), (4, 1, 10));
}

#[tokio::test]
async fn on_a_start_stream_every_message_is_illegal_and_no_key_is_told() {
    let monitor = r#"<Start><Stream url="WS/m"/></Start><Dial>+15550111</Dial>"#;
    let clear = Message::text(r#"{"event":"clear","streamSid":"SID"}"#);
    let server = Server::start(monitor, Manner::Say(vec![clear])).await;
    let call = dial(server.spec().lasting(Duration::from_millis(200)));
    call.wait_live().await.unwrap();
    call.press('5');
    let report = call.finished().await;
    assert_eq!((codes(&report), report.streams[0].received.illegal), (vec![31951], 1));
    assert!(only(server.media().await).of("dtmf").is_empty());
}

#[tokio::test]
async fn a_broken_frame_kills_the_stream() {
    // A ping may not be fragmented, RFC 6455 section 5.5; reserved bits must be zero, section 5.2.
    for bytes in [&[0x09, 0x00][..], &[0xF1, 0x00]] {
        let server = Server::start(AGENT, Manner::Babble(bytes)).await;
        let report = dial(server.spec().lasting(Duration::from_millis(500))).finished().await;
        assert_eq!(codes(&report), [31924], "{bytes:?}");
        assert!(matches!(report.streams[0].end, StreamEnd::Broken { .. }));
    }
}
