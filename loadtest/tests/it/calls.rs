//! A call that goes well, and the ways in which a server can spoil it.

use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use loadtest::audio::{Audio, RATE, ulaw};
use loadtest::tone::Tone;
use loadtest::twilio::{CallReport, CallSpec, CallStatus, NotLive, Problem, StreamEnd, dial, sign};
use serde_json::Value;

use crate::server::{Manner, Media, Server, TOKEN};

const MONITOR: &str = r#"<Start><Stream name="monitor" url="WS/media/ticket" track="both_tracks"
    statusCallback="HTTP/stream"><Parameter name="grant" value="abc"/></Stream></Start><Dial>+15550111</Dial>"#;

#[tokio::test]
async fn a_monitored_call_goes_the_whole_way() {
    let server = Server::start(MONITOR, Manner::Listen).await;
    let spec = server.spec().saying(Audio::tone(Tone(450), 8000), Audio::tone(Tone(700), 8000));
    let report = dial(spec.lasting(Duration::from_secs(1))).finished().await;

    assert!(report.is_good(), "{report:?}");
    assert_eq!((report.status, report.streams[0].end.clone()), (CallStatus::Completed, StreamEnd::CallOver));
    assert!(report.duration_ms >= 980, "a second of audio takes a second, not {} ms", report.duration_ms);

    let media = only(server.media().await);
    assert_eq!(media.path, "/media/ticket");
    let messages = media.messages();
    let events: Vec<&str> = messages.iter().filter_map(|message| message["event"].as_str()).collect();
    assert_eq!((events[0], events[1], events[102], events.len()), ("connected", "start", "stop", 103));
    assert!(events[2..102].iter().all(|&event| event == "media"));
    let numbers: Vec<u64> = messages[1..].iter().map(|message| number(&message["sequenceNumber"])).collect();
    assert_eq!(numbers, (1..=102).collect::<Vec<_>>());
    assert_eq!(media.end, "close None");

    let start = &messages[1];
    assert_eq!(start["start"]["callSid"], report.call_sid.as_str());
    assert_eq!(start["start"]["streamSid"], report.streams[0].stream_sid.as_str());
    assert_eq!(start["start"]["customParameters"], serde_json::json!({"grant": "abc"}));
    for (track, tone, other) in [("inbound", Tone(450), Tone(700)), ("outbound", Tone(700), Tone(450))] {
        let frames: Vec<&Value> =
            messages.iter().filter(|message| message["media"]["track"] == track).collect();
        let times: Vec<u64> = frames.iter().map(|frame| number(&frame["media"]["timestamp"])).collect();
        assert_eq!(times, (0..50).map(|n| 5 + 20 * n).collect::<Vec<_>>(), "{track}");
        let pcm = ulaw::decode_all(&frames.iter().flat_map(|frame| payload(frame)).collect::<Vec<u8>>());
        assert_eq!(pcm.len(), 8000);
        assert!(tone.amplitude_in(&pcm, RATE) > 7900.0 && other.amplitude_in(&pcm, RATE) < 60.0, "{track}");
    }
}

#[tokio::test]
async fn the_handshake_is_twilios() {
    let server = Server::start(MONITOR, Manner::Listen).await;
    dial(server.spec().lasting(Duration::ZERO)).finished().await;

    let headers = only(server.media().await).headers;
    let signature = sign::<&str, &str>(TOKEN, &server.ws("/media/ticket"), &[]);
    assert_eq!(
        headers.get("x-twilio-signature").and_then(|value| value.to_str().ok()),
        Some(signature.as_str())
    );
    for absent in ["origin", "sec-websocket-protocol", "sec-websocket-extensions"] {
        assert!(!headers.contains_key(absent), "{absent}");
    }
}

#[tokio::test]
async fn webhooks_and_callbacks_are_complete_and_signed() {
    let server = Server::start(MONITOR, Manner::Listen).await;
    let spec =
        CallSpec { caller_name: Some("Emma".into()), ..server.spec().between("+12025550142", "+15550100") };
    let report = dial(spec.lasting(Duration::from_millis(100))).finished().await;
    let sid = report.call_sid.to_string();

    let voice = only(server.webhooks("/voice"));
    assert!(voice.signed);
    let kind = voice.headers.get("content-type").and_then(|value| value.to_str().ok());
    assert_eq!(kind, Some("application/x-www-form-urlencoded; charset=UTF-8"));
    for (name, value) in [
        ("CallSid", sid.as_str()),
        ("AccountSid", "AC0123456789abcdef0123456789abcdef"),
        ("From", "+12025550142"),
        ("Caller", "+12025550142"),
        ("To", "+15550100"),
        ("Called", "+15550100"),
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
        ("ApiVersion", "2010-04-01"),
        ("FromCity", "WASHINGTON"),
        ("CallerCountry", "US"),
        ("ToCity", ""),
        ("CallerName", "Emma"),
    ] {
        assert_eq!(voice.params.get(name).map(String::as_str), Some(value), "{name}");
    }

    let statuses = server.webhooks("/status");
    let field = |name: &str| -> Vec<Option<String>> {
        statuses.iter().map(|status| status.params.get(name).cloned()).collect()
    };
    let some = |texts: [&str; 3]| texts.map(|text| Some(text.to_owned())).to_vec();
    assert_eq!(field("CallStatus"), some(["ringing", "in-progress", "completed"]));
    assert_eq!(field("SequenceNumber"), some(["0", "1", "2"]));
    assert_eq!(field("CallbackSource"), some(["call-progress-events"; 3]));
    assert_eq!(field("CallDuration"), [None, None, Some("1".into())]);
    assert_eq!(field("CallSid"), some([sid.as_str(); 3]));
    for time in field("Timestamp").into_iter().flatten() {
        let rfc2822 = time::format_description::well_known::Rfc2822;
        assert!(time::OffsetDateTime::parse(&time, &rfc2822).is_ok(), "{time}");
    }

    let streams = server.webhooks("/stream");
    let events: Vec<&String> = streams.iter().map(|event| &event.params["StreamEvent"]).collect();
    assert_eq!(events, ["stream-started", "stream-stopped"]);
    for event in &streams {
        assert_eq!(event.params["StreamSid"], report.streams[0].stream_sid.as_str());
        assert_eq!(
            (event.params["StreamName"].as_str(), event.params["CallSid"].as_str()),
            ("monitor", sid.as_str())
        );
        let rfc3339 = time::format_description::well_known::Rfc3339;
        assert!(time::OffsetDateTime::parse(&event.params["Timestamp"], &rfc3339).is_ok());
    }
    assert!(statuses.iter().chain(&streams).all(|callback| callback.signed));
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_says_so() {
    let server = Server::start(MONITOR, Manner::Listen).await;
    let mut spec = server.spec();
    spec.account.auth_token = "another".into();
    let call = dial(spec);
    assert_eq!(call.wait_live().await, Err(NotLive));
    let report = call.finished().await;
    assert_eq!((report.status, codes(&report)), (CallStatus::Failed, vec![11200]));
    assert_eq!(report.webhooks[0].status, Some(403));
    assert!(!server.webhooks("/voice")[0].signed);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failed_call() {
    let server = Server::start(MONITOR, Manner::Listen).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let spec = CallSpec { voice_url: format!("http://{free}/voice"), status_url: None, ..server.spec() };
    let report = dial(spec).finished().await;
    assert_eq!((report.status, codes(&report)), (CallStatus::Failed, vec![11205]));
    assert!(report.webhooks[0].error.as_deref().is_some_and(|error| error.contains("refused")), "{report:?}");
}

#[tokio::test]
async fn a_refused_handshake_ends_the_stream_and_not_the_call() {
    let server = Server::start(MONITOR, Manner::Refuse(StatusCode::UNAUTHORIZED)).await;
    let report = dial(server.spec().lasting(Duration::from_millis(100))).finished().await;
    assert_eq!((report.status, codes(&report)), (CallStatus::Completed, vec![31920]));
    assert_eq!((report.streams[0].handshake, &report.streams[0].end), (Some(401), &StreamEnd::NotOpened));
    assert!(report.duration_ms >= 100, "the caller stayed");
    let event = only(server.webhooks("/stream"));
    assert_eq!(event.params["StreamEvent"], "stream-error");
    assert!(event.params["StreamError"].contains("31920"), "{event:?}");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_31902() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let twiml = format!("<Connect><Stream url='ws://{free}/x'/></Connect>");
    let server = Server::start(&twiml, Manner::Listen).await;
    let report = dial(server.spec()).finished().await;
    assert_eq!((report.status, codes(&report)), (CallStatus::Completed, vec![31902]));
}

#[tokio::test]
async fn a_socket_that_the_server_closes_is_not_opened_again() {
    for (code, event, expected) in [(1000, "stream-stopped", vec![]), (1011, "stream-error", vec![31921])] {
        let server = Server::start(MONITOR, Manner::Close { after: 6, code }).await;
        let report = dial(server.spec().lasting(Duration::from_millis(300))).finished().await;
        assert_eq!(report.status, CallStatus::Completed, "the call goes on");
        assert!(report.duration_ms >= 300);
        let end = StreamEnd::ClosedByServer { code: Some(code), reason: "bye".into() };
        assert_eq!((&report.streams[0].end, codes(&report)), (&end, expected));
        assert_eq!(server.opened(), 1);
        assert_eq!(server.webhooks("/stream")[1].params["StreamEvent"], event);
    }
}

#[tokio::test]
async fn a_server_that_vanishes_is_not_called_again() {
    let server = Server::start(MONITOR, Manner::Vanish { after: 6 }).await;
    let report = dial(server.spec().lasting(Duration::from_millis(300))).finished().await;
    assert_eq!((report.status, codes(&report)), (CallStatus::Completed, vec![31903]));
    assert!(matches!(report.streams[0].end, StreamEnd::Broken { .. }) && report.duration_ms >= 300);
    assert_eq!(server.opened(), 1);
    assert_eq!(server.webhooks("/stream")[1].params["StreamEvent"], "stream-error");
}

#[tokio::test]
async fn a_gateway_without_tls_is_31910_to_wss() {
    // The media server takes the connection and cannot make sense of a TLS record.
    let server = Server::start("<Connect><Stream url='WSS/x'/></Connect>", Manner::Listen).await;
    let report = dial(server.spec()).finished().await;
    assert_eq!((report.status, codes(&report)), (CallStatus::Completed, vec![31910]), "{report:?}");
}

#[tokio::test]
async fn a_start_with_nothing_after_it_hangs_up() {
    let server = Server::start(r#"<Start><Stream url="WS/m"/></Start>"#, Manner::Listen).await;
    let report = dial(server.spec()).finished().await;
    assert_eq!(report.status, CallStatus::Completed);
}

#[tokio::test]
async fn a_rejected_call_is_never_answered() {
    for (twiml, status) in
        [("<Reject/>", CallStatus::NoAnswer), ("<Reject reason='busy'/>", CallStatus::Busy)]
    {
        let server = Server::start(twiml, Manner::Listen).await;
        let report = dial(server.spec()).finished().await;
        assert_eq!((report.status, report.duration_ms), (status, 0));
        let statuses = server.webhooks("/status");
        let words: Vec<&String> = statuses.iter().map(|report| &report.params["CallStatus"]).collect();
        assert_eq!(words, ["ringing", status.as_str()]);
    }
}

#[tokio::test]
async fn redirects_and_actions_are_followed_to_the_end() {
    let pages = [
        ("/voice", "<Redirect>/second</Redirect>"),
        ("/second", "<Dial timeLimit='0' action='/third' method='GET'>+15550111</Dial><Pause length='99'/>"),
        ("/third", "<Hangup/>"),
    ];
    let server = Server::with_pages(&pages, Manner::Listen).await;
    let report = dial(server.spec()).finished().await;
    assert_eq!((report.status, report.twiml.len(), codes(&report)), (CallStatus::Completed, 3, vec![]));
    assert_eq!(only(server.webhooks("/second")).params["CallStatus"], "ringing");
    let third = only(server.webhooks("/third"));
    assert!(third.signed, "a GET is signed over its query");
    assert_eq!(third.params["DialCallStatus"], "completed");
    assert_eq!(third.params["CallStatus"], "in-progress");
}

#[tokio::test]
async fn a_redirect_to_itself_comes_to_an_end() {
    let server = Server::start("<Redirect>/voice</Redirect>", Manner::Listen).await;
    let report = dial(server.spec()).finished().await;
    assert_eq!(codes(&report), [64005]);
    assert!(server.webhooks("/voice").len() < 30);
}

#[tokio::test]
async fn stop_ends_the_stream_by_its_name() {
    let twiml = r#"<Start><Stream name="a" url="WS/m"/></Start><Pause length="1"/>
        <Stop><Stream name="a"/></Stop><Stop><Stream name="b"/></Stop><Pause length="1"/>"#;
    let server = Server::start(twiml, Manner::Listen).await;
    let report = dial(server.spec()).finished().await;
    assert_eq!((&report.streams[0].end, codes(&report)), (&StreamEnd::Stopped, vec![12200]));
    assert_eq!(only(server.media().await).of("stop").len(), 1);
}

#[tokio::test]
async fn four_tracks_are_the_most() {
    let stream = r#"<Start><Stream url="WS/m" track="both_tracks"/></Start>"#;
    let server = Server::start(&format!("{}<Dial>+15550111</Dial>", stream.repeat(3)), Manner::Listen).await;
    let report = dial(server.spec().lasting(Duration::from_millis(60))).finished().await;
    assert_eq!((report.streams.len(), codes(&report)), (2, vec![31941]));
}

#[tokio::test]
async fn hanging_up_and_dropping_the_handle_end_a_call_in_good_order() {
    let server = Server::start(MONITOR, Manner::Listen).await;
    let call = dial(server.spec());
    let stream = call.wait_live().await.unwrap();
    call.hang_up();
    let report = call.finished().await;
    assert_eq!((report.streams[0].stream_sid, report.is_good()), (stream, true));

    let call = dial(server.spec());
    call.wait_live().await.unwrap();
    drop(call);
    server.wait_opened(2).await;
    let media = server.media().await;
    assert!(media.iter().all(|media| media.of("stop").len() == 1), "{media:?}");
}

/// The only one of its kind.
pub(crate) fn only<T: std::fmt::Debug>(mut things: Vec<T>) -> T {
    assert_eq!(things.len(), 1, "{things:?}");
    things.remove(0)
}

pub(crate) fn codes(report: &CallReport) -> Vec<u32> {
    report.all_problems().map(|&Problem { code, .. }| code).collect()
}

pub(crate) fn number(text: &Value) -> u64 {
    text.as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("{text} is not a number in a string"))
}

pub(crate) fn payload(message: &Value) -> Vec<u8> {
    STANDARD.decode(message["media"]["payload"].as_str().unwrap()).unwrap()
}

/// The timestamps of a track, in the order of arrival.
pub(crate) fn times(media: &Media, track: &str) -> Vec<u64> {
    let frames = media.of("media").into_iter().filter(|message| message["media"]["track"] == track);
    frames.map(|message| number(&message["media"]["timestamp"])).collect()
}
