//! Conferences: a bridge is moved into one, people and applications are called in, and who hears whom.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use loadtest::audio::{RATE, ulaw};
use loadtest::tone::Tone;
use loadtest::twilio::{Call, CallStatus, dial};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::calls::{codes, only, payload};
use crate::office::{AGENT, CALLER, COACH, Office, STRANGER, hears, never, says, until, until_hears};
use crate::server::{Manner, Media, Server};

const BRIDGE: (&str, &str) = (
    "/voice",
    r#"<Start><Stream name="monitor" url="WS/monitor" track="both_tracks"/></Start>
       <Dial action="/after">+15550111</Dial>"#,
);
const AFTER: (&str, &str) = (
    "/after",
    r#"<Dial><Conference beep="false" waitUrl="" endConferenceOnExit="true">room</Conference></Dial>"#,
);
const CHILD: &str =
    r#"<Response><Dial><Conference beep="false" waitUrl="">room</Conference></Dial></Response>"#;

/// A bridged call that was moved into a conference: with it the id of its dialled leg, and that of the conference.
async fn moved(office: &Office) -> (Call, String, String) {
    let (call, child) = office.bridged().await;
    office.post(&format!("Calls/{child}.json"), &[("Twiml", CHILD)]).await;
    let conference = office.conference("room").await;
    office.until_in(&conference, 2).await;
    until_hears("the caller hears the agent", || call.played(), &[AGENT]).await;
    until_hears("the agent hears the caller", || call.agent_played(), &[CALLER]).await;
    (call, child, conference)
}

/// An application whose server says `COACH`, and that server.
async fn application(office: &Office, manner: Manner) -> (String, Server) {
    let server =
        Server::with_pages(&[("/app", r#"<Connect><Stream url="WS/app"/></Connect>"#)], manner).await;
    let url = server.http("/app");
    let form = [("FriendlyName", "ours"), ("VoiceUrl", url.as_str())];
    let made = office.post("Applications.json", &form).await;
    (made["sid"].as_str().unwrap().to_owned(), server)
}

/// Says `COACH` for 20 seconds.
fn coach() -> Manner {
    let said = ulaw::encode_all(&says(COACH).render(20 * 8000, false));
    let said = STANDARD.encode(said);
    let media = format!(r#"{{"event":"media","streamSid":"SID","media":{{"payload":"{said}"}}}}"#);
    Manner::Say(vec![Message::text(media)])
}

/// What a track carried, of the last half second.
fn last(media: &Media, track: &str) -> Vec<i16> {
    let frames: Vec<Value> =
        media.of("media").into_iter().filter(|message| message["media"]["track"] == track).collect();
    let frames = &frames[frames.len().saturating_sub(25)..];
    ulaw::decode_all(&frames.iter().flat_map(payload).collect::<Vec<u8>>())
}

fn has(pcm: &[i16], tone: Tone) -> bool {
    tone.amplitude_in(pcm, RATE) > 3000.0
}

#[tokio::test]
async fn a_bridge_is_moved_into_a_conference_and_its_stream_goes_on() {
    let office = Office::new(&[BRIDGE, AFTER]).await;
    let (call, child, conference) = moved(&office).await;
    let asked = only(office.server.webhooks("/after"));
    assert_eq!(
        (asked.params["DialCallStatus"].as_str(), asked.params["DialCallSid"].as_str()),
        ("completed", &*child)
    );
    let known = office.get(&format!("Conferences/{conference}.json")).await;
    assert_eq!((&known["friendly_name"], &known["status"]), (&"room".into(), &"in-progress".into()));
    let parent = call.call_sid().to_string();
    let ends = async |who: &str| {
        let known = office.get(&format!("Conferences/{conference}/Participants/{who}.json")).await;
        known["end_conference_on_exit"].as_bool().unwrap()
    };
    assert!(ends(&parent).await && !ends(&child).await);

    tokio::time::sleep(Duration::from_millis(600)).await;
    call.hang_up();
    let report = call.finished().await;
    assert_eq!((report.status, codes(&report), report.streams.len()), (CallStatus::Completed, vec![], 1));
    let media = only(office.server.media().await);
    let (inbound, outbound) = (last(&media, "inbound"), last(&media, "outbound"));
    assert!(has(&inbound, CALLER) && never(&inbound, AGENT));
    assert!(has(&outbound, AGENT) && never(&outbound, CALLER), "what is played to the caller");
    office.until_call(&child, "completed").await;
    let known = office.get(&format!("Conferences/{conference}.json")).await;
    assert_eq!(known["reason_conference_ended"], "participant-with-end-conference-on-exit-left");
    assert_eq!(known["call_sid_ending_conference"], parent.as_str());
}

#[tokio::test]
async fn an_application_coaches_one_joins_all_and_is_muted() {
    let office = Office::new(&[BRIDGE, AFTER]).await;
    let (call, child, conference) = moved(&office).await;
    let (application, server) = application(&office, coach()).await;
    let before = call.played().len();
    let (to, told) = (format!("app:{application}"), server.http("/told"));
    let participant = office
        .post(
            &format!("Conferences/{conference}/Participants.json"),
            &[
                ("From", "+15550100"),
                ("To", &to),
                ("Label", "anna b"),
                ("Beep", "false"),
                ("Coaching", "true"),
                ("CallSidToCoach", &child),
                ("StatusCallback", &told),
                ("StatusCallbackEvent", "initiated ringing answered completed"),
            ],
        )
        .await;
    let leg = participant["call_sid"].as_str().unwrap().to_owned();
    assert_eq!((&participant["status"], &participant["label"]), (&"queued".into(), &"anna b".into()));
    assert_eq!(
        (&participant["coaching"], &participant["call_sid_to_coach"]),
        (&true.into(), &child.as_str().into())
    );

    until_hears("the agent hears both", || call.agent_played(), &[CALLER, COACH]).await;
    let heard = call.played();
    assert!(hears(&heard, &[AGENT], &[]) && never(&heard[before..], COACH), "the caller hears nothing of it");
    let asked = only(server.webhooks("/app"));
    assert!(asked.signed);
    for (name, value) in [
        ("CallSid", leg.as_str()),
        ("From", "+15550100"),
        ("To", &to),
        ("ApplicationSid", &application),
        ("Direction", "outbound-api"),
        ("CallStatus", "ringing"),
    ] {
        assert_eq!(asked.params[name], value, "{name}");
    }
    assert_eq!(office.get(&format!("Calls/{leg}.json")).await["direction"], "outbound-api");

    // By its label: the name in the path is the one that was given, spaces and all.
    let ours = format!("Conferences/{conference}/Participants/anna%20b.json");
    let changed = office.post(&ours, &[("Coaching", "false")]).await;
    assert_eq!((&changed["coaching"], &changed["call_sid_to_coach"]), (&false.into(), &Value::Null));
    until_hears("the caller hears both", || call.played(), &[AGENT, COACH]).await;
    office.post(&ours, &[("Muted", "true")]).await;
    until_hears("nobody hears it", || call.played(), &[AGENT]).await;
    until_hears("nobody hears it", || call.agent_played(), &[CALLER]).await;

    tokio::time::sleep(Duration::from_millis(600)).await;
    office.post(&format!("Calls/{leg}.json"), &[("Status", "completed")]).await;
    office.until_in(&conference, 2).await;
    let media = only(server.media().await);
    let heard = last(&media, "inbound");
    assert!(has(&heard, CALLER) && has(&heard, AGENT) && never(&heard, COACH), "the mix without itself");
    assert!(media.of("media").iter().all(|message| message["media"]["track"] == "inbound"));
    until("its last status", async || server.webhooks("/told").get(3).cloned()).await;
    let told = server.webhooks("/told");
    let told: Vec<&str> = told.iter().map(|status| status.params["CallStatus"].as_str()).collect();
    assert_eq!(told, ["initiated", "ringing", "in-progress", "completed"]);
}

#[tokio::test]
async fn an_application_leaves_when_its_server_closes_the_stream() {
    let office = Office::new(&[BRIDGE, AFTER]).await;
    let (_call, _, conference) = moved(&office).await;
    let (application, _server) = application(&office, Manner::Close { after: 10, code: 1000 }).await;
    let form = [("From", "+15550100"), ("To", &format!("app:{application}")), ("Beep", "false")];
    let made = office.post(&format!("Conferences/{conference}/Participants.json"), &form).await;
    office.until_call(made["call_sid"].as_str().unwrap(), "completed").await;
    office.until_in(&conference, 2).await;
}

#[tokio::test]
async fn people_are_called_in_held_put_out_and_everything_is_told() {
    const NUMBERS: [(&str, Tone); 3] = [("+15550201", CALLER), ("+15550202", AGENT), ("+15550203", COACH)];
    let office = Office::new(&[]).await;
    let told = office.server.http("/conference");
    let mut legs = Vec::new();
    for (number, tone) in NUMBERS {
        office.exchange.person(number, says(tone));
        let form = [
            ("From", "+15550100"),
            ("To", number),
            ("Label", &number[8..]),
            ("Beep", "false"),
            ("EndConferenceOnExit", if number == NUMBERS[0].0 { "true" } else { "false" }),
            ("ConferenceStatusCallback", &told),
            ("ConferenceStatusCallbackEvent", "start end join leave"),
            ("ConferenceStatusCallbackEvent", "mute hold modify"),
        ];
        let made = office.post("Conferences/our%20room/Participants.json", &form).await;
        legs.push(made["call_sid"].as_str().unwrap().to_owned());
        office.until_call(&legs[legs.len() - 1], "in-progress").await;
    }
    let conference = office.conference("our%20room").await;
    let path = |who: &str| format!("Conferences/{conference}/Participants/{who}.json");
    let heard = |n: usize| office.exchange.person_played(NUMBERS[n].0);
    until_hears("all hear all", || heard(0), &[AGENT, COACH]).await;
    until_hears("all hear all", || heard(1), &[CALLER, COACH]).await;
    until_hears("all hear all", || heard(2), &[CALLER, AGENT]).await;
    assert!(office.exchange.person_played_since(NUMBERS[0].0).is_some());
    assert!(office.exchange.person_played("+15550299").is_empty());

    office.post(&path("2"), &[("Hold", "true")]).await;
    until_hears("the held one is not heard", || heard(0), &[COACH]).await;
    until_hears("and hears nobody", || heard(1), &[]).await;
    office.post(&path("2"), &[("Hold", "false")]).await;
    until_hears("until it is not held", || heard(1), &[CALLER, COACH]).await;
    office.post(&path("2"), &[("Muted", "TRUE")]).await;
    until_hears("the muted one is not heard", || heard(0), &[COACH]).await;
    until_hears("and hears", || heard(1), &[CALLER, COACH]).await;
    office.post(&path("2"), &[("Muted", "whatever")]).await;
    until_hears("whatever is not true is false", || heard(0), &[AGENT, COACH]).await;
    office.post(&path("3"), &[("Coaching", "true"), ("CallSidToCoach", &legs[0])]).await;
    until_hears("it reaches one", || heard(1), &[CALLER]).await;
    until_hears("and that one hears it", || heard(0), &[AGENT, COACH]).await;

    let (status, _) = office.ask(Method::DELETE, &path(&legs[2]), &[]).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    until_hears("one has gone", || heard(0), &[AGENT]).await;
    office.until_call(&legs[2], "completed").await;
    let (status, _) = office.ask(Method::GET, &path("3"), &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    office.post(&format!("Calls/{}.json", legs[0]), &[("Status", "completed")]).await;
    office.until_call(&legs[1], "completed").await;
    until_hears("it is over", || heard(1), &[]).await;

    until("the end", async || {
        office
            .server
            .webhooks("/conference")
            .pop()
            .filter(|told| told.params["StatusCallbackEvent"] == "conference-end")
    })
    .await;
    let told = office.server.webhooks("/conference");
    assert!(told.iter().all(|told| told.signed));
    let events: Vec<(&str, &str)> = told
        .iter()
        .map(|told| {
            let label = told.params.get("ParticipantLabel").map_or("", String::as_str);
            (told.params["StatusCallbackEvent"].as_str(), label)
        })
        .collect();
    assert_eq!(
        events,
        [
            ("participant-join", "1"),
            ("conference-start", ""),
            ("participant-join", "2"),
            ("participant-join", "3"),
            ("participant-hold", "2"),
            ("participant-unhold", "2"),
            ("participant-mute", "2"),
            ("participant-unmute", "2"),
            ("participant-modify", "3"),
            ("participant-leave", "3"),
            ("participant-leave", "1"),
            ("participant-leave", "2"),
            ("conference-end", ""),
        ]
    );
    for (number, told) in told.iter().enumerate() {
        assert_eq!(told.params["SequenceNumber"], number.to_string());
        assert_eq!(
            (told.params["ConferenceSid"].as_str(), told.params["FriendlyName"].as_str()),
            (&*conference, "our room")
        );
    }
    let modify = &told[8].params;
    for (name, value) in
        [("Coaching", "true"), ("Muted", "false"), ("Hold", "false"), ("CallSid", legs[2].as_str())]
    {
        assert_eq!(modify[name], value, "{name}");
    }
    let end = &told[12].params;
    assert_eq!(end["ReasonConferenceEnded"], "participant-with-end-conference-on-exit-left");
    assert_eq!(end["CallSidEndingConference"], legs[0]);
}

#[tokio::test]
async fn a_number_where_nobody_is_does_not_answer() {
    let office = Office::new(&[]).await;
    let told = office.server.http("/told");
    let form = [("From", "+15550100"), ("To", "+15550299"), ("StatusCallback", &told)];
    let made = office.post("Conferences/room/Participants.json", &form).await;
    let leg = made["call_sid"].as_str().unwrap();
    office.until_call(leg, "ringing").await;
    office.until_call(leg, "no-answer").await;
    let conference = made["conference_sid"].as_str().unwrap();
    let known = office.get(&format!("Conferences/{conference}.json")).await;
    assert_eq!(known["status"], "completed", "nobody was ever in it");
    until("its end", async || office.server.webhooks("/told").pop()).await;
    let told = only(office.server.webhooks("/told"));
    assert_eq!(told.params["CallStatus"], "no-answer", "by default only the end is told");
}

#[tokio::test]
async fn when_a_conference_ends_the_action_is_asked_or_the_next_verb_comes() {
    let conference = "<Conference beep='false'>room</Conference>";
    let first = format!("<Dial action='/after'>{conference}</Dial>");
    let office = Office::new(&[
        ("/voice", &first),
        ("/after", &format!("<Dial>{conference}</Dial><Redirect>/next</Redirect>")),
    ])
    .await;
    let call = dial(office.spec());
    for next in ["/after", "/next"] {
        let conference = office.conference("room").await;
        let ended = office.post(&format!("Conferences/{conference}.json"), &[("Status", "completed")]).await;
        assert_eq!(
            (&ended["status"], &ended["reason_conference_ended"]),
            (&"completed".into(), &"conference-ended-via-api".into())
        );
        until("what comes next", async || office.server.webhooks(next).pop()).await;
    }
    let after = only(office.server.webhooks("/after"));
    assert_eq!(after.params["DialCallStatus"], "answered");
    assert!(!after.params.contains_key("DialCallSid"), "there is no other leg to tell of");
    call.finished().await;
}

#[tokio::test]
async fn a_document_that_coaches_nobody_leads_into_no_conference() {
    let coach = "CA00000000000000000000000000000000";
    let dial_it = format!("<Dial action='/after'><Conference coach='{coach}'>room</Conference></Dial>");
    let office = Office::new(&[("/voice", &dial_it), ("/after", "<Hangup/>")]).await;
    let report = dial(office.spec()).finished().await;
    assert_eq!(codes(&report), [13224]);
    assert_eq!(only(office.server.webhooks("/after")).params["DialCallStatus"], "failed");
    assert_eq!(office.get("Conferences.json?Status=in-progress").await["conferences"], Value::Array(vec![]));
}

/// A request, its form, and how it is answered.
type Case<'a> = (Method, &'a str, &'a [(&'a str, &'a str)], StatusCode);

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let office = Office::new(&[BRIDGE, AFTER]).await;
    let (call, child, conference) = moved(&office).await;
    let participants = format!("Conferences/{conference}/Participants.json");
    let one = format!("Conferences/{conference}/Participants/{child}.json");
    let stranger =
        format!("Conferences/{conference}/Participants/{}.json", "CA".to_owned() + &"0".repeat(32));
    let unknown = format!("Conferences/CF{}.json", "0".repeat(32));
    let (from, to) = (("From", "+15550100"), ("To", "+15550201"));
    let nobody = "CA00000000000000000000000000000000";
    let not_ours = format!("app:AP{}", "0".repeat(32));
    let long = "x".repeat(129);
    let (bad, gone) = (StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND);
    let cases: &[Case<'_>] = &[
        (Method::GET, &unknown, &[], gone),
        (Method::GET, "Conferences/room2/Participants.json", &[], gone),
        (Method::GET, "Conferences/%ff/Participants.json", &[], gone),
        (Method::GET, &stranger, &[], gone),
        (Method::POST, &stranger, &[("Muted", "true")], gone),
        (Method::DELETE, &stranger, &[], gone),
        (Method::PUT, &one, &[], StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, &one, &[("Coaching", "true")], bad),
        (Method::POST, &one, &[("Coaching", "true"), ("CallSidToCoach", nobody)], bad),
        (Method::POST, &one, &[("CallSidToCoach", "anna")], bad),
        (Method::POST, &one, &[("CallSidToCoach", &child)], bad),
        (Method::POST, &one, &[("Hold", "perhaps")], bad),
        (Method::POST, &format!("Conferences/{conference}.json"), &[("Status", "init")], bad),
        (Method::POST, &participants, &[from], bad),
        (Method::POST, &participants, &[to], bad),
        (Method::POST, &participants, &[from, ("To", "anna")], bad),
        (Method::POST, &participants, &[from, ("To", "+1555anna")], bad),
        (Method::POST, &participants, &[from, ("To", "+1234567890123456")], bad),
        (Method::POST, &participants, &[from, ("To", &not_ours)], bad),
        (Method::POST, &participants, &[from, to, ("Label", &long)], bad),
        (Method::POST, &participants, &[from, to, ("Beep", "loud")], bad),
        (Method::POST, &participants, &[from, to, ("MaxParticipants", "0")], bad),
        (Method::POST, &participants, &[from, to, ("Coaching", "true"), ("CallSidToCoach", nobody)], bad),
        (Method::POST, &format!("Conferences/{long}/Participants.json"), &[from, to], gone),
        (Method::POST, &format!("Conferences/CF{}/Participants.json", "0".repeat(32)), &[from, to], gone),
        (Method::GET, "Applications/AP1.json", &[], gone),
        (Method::POST, "Applications.json", &[("VoiceUrl", "ftp://h/x")], bad),
        (Method::POST, "Applications.json", &[("FriendlyName", &long)], bad),
    ];
    for (method, path, form, status) in cases {
        let (answered, body) = office.ask(method.clone(), path, form).await;
        assert_eq!(answered, *status, "{method} {path} {form:?}: {body}");
        assert!(body["code"].is_u64(), "{body}");
    }
    for path in [format!("Conferences/{conference}.json"), participants, one] {
        let (status, _) = office.ask_as(STRANGER, Method::GET, &path, &[]).await;
        assert_eq!(status, gone, "another account's {path}");
    }
    let (_, theirs) = office.ask_as(STRANGER, Method::GET, "Conferences.json", &[]).await;
    assert_eq!(theirs["conferences"], Value::Array(vec![]));
    office.until_in(&conference, 2).await;
    call.hang_up();
    call.finished().await;
    let (status, _) =
        office.ask(Method::POST, &format!("Conferences/{conference}/Participants.json"), &[from, to]).await;
    assert_eq!(status, gone, "it is over");
}

#[tokio::test]
async fn applications_are_made_found_changed_and_deleted() {
    let office = Office::new(&[]).await;
    let form = [
        ("FriendlyName", "ours"),
        ("VoiceUrl", "https://h/v"),
        ("VoiceMethod", "GET"),
        ("StatusCallback", "https://h/s"),
    ];
    let (status, made) = office.ask(Method::POST, "Applications.json", &form).await;
    assert_eq!(status, StatusCode::CREATED);
    let sid = made["sid"].as_str().unwrap();
    assert!(sid.starts_with("AP") && sid.len() == 34, "{sid}");
    office.post("Applications.json", &[("FriendlyName", "another")]).await;
    let found = office.get("Applications.json?FriendlyName=ours").await;
    assert_eq!(only(found["applications"].as_array().unwrap().clone()), made);
    assert_eq!(office.get("Applications.json").await["applications"].as_array().unwrap().len(), 2);

    let path = format!("Applications/{sid}.json");
    let changed = office.post(&path, &[("VoiceUrl", "https://h/other"), ("VoiceMethod", "POST")]).await;
    assert_eq!(office.get(&path).await["voice_url"], "https://h/other");
    for (name, value) in
        [("voice_method", "POST"), ("friendly_name", "ours"), ("status_callback", "https://h/s")]
    {
        assert_eq!(changed[name], value, "{name}");
    }
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let (status, _) = office.ask_as(STRANGER, method, &path, &[]).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "another account's");
    }
    assert_eq!(office.ask(Method::DELETE, &path, &[]).await.0, StatusCode::NO_CONTENT);
    assert_eq!(office.ask(Method::DELETE, &path, &[]).await.0, StatusCode::NOT_FOUND);
}
