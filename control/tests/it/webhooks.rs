//! Twilio's webhooks over HTTP.

use common::token::{StreamGrant, StreamKind};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::server::{
    AUTH_TOKEN, NUMBER, PUBLIC_URL, Server, account, call_sid, code, dials, sign, stream_sid, voice,
};

#[tokio::test]
async fn a_call_is_recorded_and_answered_with_twiml() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let twiml = server.ring(1, 1).await;
    let ticket = server.ticket(&twiml);
    assert_eq!((ticket.tenant, ticket.call_sid), (person.tenant, call_sid(1)));
    assert_eq!((ticket.account_sid, ticket.kind), (account(1), StreamKind::Monitor));
    for part in [
        "<Start><Stream name=\"partyline\" url=\"wss://media.example.com/twilio/media/",
        "track=\"both_tracks\"",
        "statusCallback=\"https://calls.example.com/api/twilio/stream\"",
        &format!("</Start>{}", dials("+15550199")),
    ] {
        assert!(twiml.contains(part), "{part}: {twiml}");
    }
    let (_, rest) = twiml.split_once("<Parameter name=\"grant\" value=\"").unwrap();
    let (grant, _) = rest.split_once('"').unwrap();
    assert!("grant".len() + grant.len() < 500);
    let now = OffsetDateTime::now_utc();
    let grant: StreamGrant = server.verifier.verify(grant, now).unwrap();
    assert_eq!((grant.ticket, grant.call_sid, grant.account_sid), (ticket.id, call_sid(1), account(1)));
    let (_, rest) = twiml.split_once("url=\"").unwrap();
    let (url, _) = rest.split_once('"').unwrap();
    let with_port = url.replace("example.com/", "example.com:443/");
    for spelling in [url, &format!("{url}/"), &with_port, &format!("{with_port}/")] {
        assert!(grant.signatures.matches(&sign(AUTH_TOKEN, spelling, &[])), "{spelling}");
    }
    assert!(!grant.signatures.matches(&sign("another", url, &[])));

    let call = server.get(&person, &format!("/api/calls/{}", call_sid(1))).await;
    assert_eq!(call["id"], ticket.call.to_string());
    assert_eq!(
        (&call["status"], &call["direction"], &call["customer_number"], &call["caller_name"]),
        (&json!("incoming"), &json!("inbound"), &json!("+14155550111"), &json!("ANNE O'NEIL & SÖHNE"))
    );
    assert_eq!(
        (&call["organization_number"], &call["phone_number"]),
        (&json!(NUMBER), &json!("+14155550111"))
    );
}

#[tokio::test]
async fn the_same_voice_webhook_again_is_the_same_call_with_a_fresh_ticket() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let (one, two) = (server.ring(1, 1).await, server.ring(1, 1).await);
    let (one, two) = (server.ticket(&one), server.ticket(&two));
    assert_eq!(one.call, two.call);
    assert_ne!(one.id, two.id);
    assert_eq!(server.get(&person, "/api/calls").await["calls"].as_array().unwrap().len(), 1);
    let events = server.get(&person, &format!("/api/calls/{}/events", one.call)).await;
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
    assert_eq!(server.count("partyline_webhook_duplicates_total", &[]), 1);
}

#[tokio::test]
async fn a_number_decides_what_its_callers_get() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let path = format!("/api/numbers/{NUMBER}");
    let change = |body: Value| server.send(&person, Method::PATCH, &path, Some(body));

    assert_eq!(change(json!({ "settings": {} })).await.status(), StatusCode::OK);
    assert!(server.ring(1, 1).await.contains("<Say>This number is connected"));
    assert_eq!(change(json!({ "route": "agent" })).await.status(), StatusCode::OK);
    let twiml = server.ring(1, 2).await;
    assert!(twiml.contains("<Connect><Stream") && !twiml.contains("both_tracks"), "{twiml}");
    assert_eq!(server.ticket(&twiml).kind, StreamKind::Agent);

    let gone = server.send(&person, Method::DELETE, &path, None).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert!(server.ring(1, 3).await.contains("<Reject reason=\"rejected\"/>"));
    assert_eq!(server.count("partyline_webhooks_total", &[("kind", "voice"), ("result", "ignored")]), 1);
    let missing = server.send(&person, Method::GET, &format!("/api/calls/{}", call_sid(3)), None).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_twilio_did_not_sign_is_forbidden_and_changes_nothing() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let (ac, ca) = (account(1).to_string(), call_sid(1).to_string());
    let stranger = account(9).to_string();
    let form = voice(&ac, &ca);
    let url = format!("{PUBLIC_URL}/api/twilio/voice");
    let good = sign(AUTH_TOKEN, &url, &form);
    let mut altered = form.clone();
    altered[7].1 = "+15550101";
    let listened_on = format!("http://{}/api/twilio/voice", server.addr);
    let table = [
        ("another token", form.clone(), sign("wrong", &url, &form)),
        ("another host", form.clone(), sign(AUTH_TOKEN, &listened_on, &form)),
        ("another path", form.clone(), sign(AUTH_TOKEN, &format!("{PUBLIC_URL}/api/twilio/status"), &form)),
        ("another scheme", form.clone(), sign(AUTH_TOKEN, &url.replace("https", "http"), &form)),
        ("an altered field", altered, good.clone()),
        ("a field less", form[..7].to_vec(), good.clone()),
        ("no signature", form.clone(), String::new()),
        ("rubbish", form.clone(), "%%%".to_owned()),
        ("nobody's account", voice(&stranger, &ca), sign(AUTH_TOKEN, &url, &voice(&stranger, &ca))),
        ("no account", form[1..].to_vec(), sign(AUTH_TOKEN, &url, &form[1..])),
    ];
    for (name, form, signature) in table {
        for path in ["/api/twilio/voice", "/api/twilio/status", "/api/twilio/stream", "/api/calls/status"] {
            if name == "another path" && path != "/api/twilio/voice" {
                continue;
            }
            let response = server.twilio_signed(path, &form, &signature).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{name} {path}");
            assert_eq!(code(response).await, "bad_signature", "{name} {path}");
        }
    }
    assert_eq!(server.get(&person, "/api/calls").await["calls"], json!([]));
    assert!(server.count("partyline_auth_failures_total", &[("kind", "signature")]) > 30);

    // The spellings that Twilio does use.
    for spelling in [url.clone(), url.replace(".com/", ".com:443/")] {
        let response =
            server.twilio_signed("/api/twilio/voice", &form, &sign(AUTH_TOKEN, &spelling, &form)).await;
        assert_eq!(response.status(), StatusCode::OK, "{spelling}");
    }
    let query = "/api/twilio/voice?a=b%20c&d='";
    let escaped = format!("{PUBLIC_URL}/api/twilio/voice?a=b%20c&d=%27");
    let response = server.twilio_signed(query, &form, &sign(AUTH_TOKEN, &escaped, &form)).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn signed_nonsense_is_answered_and_harmless() {
    let server = Server::start().await;
    server.ring(1, 1).await;
    let (ac, ca) = (account(1).to_string(), call_sid(1).to_string());
    let odd = call_sid(77).to_string();
    let base = [("AccountSid", ac.as_str())];
    let with = |more: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        let all = base.iter().chain(more);
        all.map(|&(name, value)| (name, value.to_owned())).collect()
    };
    type Row<'a> = (&'a str, &'a str, Vec<(&'a str, String)>, u16);
    let table: Vec<Row<'_>> = vec![
        ("no call", "/api/twilio/voice", with(&[]), 400),
        ("bad call", "/api/twilio/voice", with(&[("CallSid", "CAnope")]), 400),
        ("no status", "/api/twilio/status", with(&[("CallSid", &ca)]), 400),
        ("odd status", "/api/twilio/status", with(&[("CallSid", &ca), ("CallStatus", "teleported")]), 204),
        (
            "odd number",
            "/api/twilio/status",
            with(&[("CallSid", &ca), ("CallStatus", "ringing"), ("SequenceNumber", "-1")]),
            204,
        ),
        (
            "odd time",
            "/api/twilio/status",
            with(&[("CallSid", &ca), ("CallStatus", "ringing"), ("SequenceNumber", "9"), ("Timestamp", "☃")]),
            204,
        ),
        ("unknown call", "/api/twilio/status", with(&[("CallSid", &odd), ("CallStatus", "ringing")]), 204),
        ("no stream", "/api/twilio/stream", with(&[("CallSid", &ca)]), 400),
        (
            "unknown call",
            "/api/twilio/stream",
            with(&[("CallSid", &odd), ("StreamSid", "MZ"), ("StreamEvent", "stream-started")]),
            204,
        ),
        ("no recording", "/api/twilio/recording", with(&[("CallSid", &ca)]), 400),
        (
            "recording",
            "/api/calls/recording",
            with(&[("CallSid", &ca), ("RecordingSid", "RE1"), ("RecordingDuration", "x")]),
            400,
        ),
    ];
    for (name, path, form, status) in table {
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let response = server.twilio(path, &form).await;
        assert_eq!(response.status(), status, "{name} {path}");
    }
    let huge = "x".repeat(80_000);
    let response = server.twilio("/api/twilio/status", &[("AccountSid", &ac), ("Big", &huge)]).await;
    assert_eq!(code(response).await, "too_large");
}

/// All orders of five callbacks, each with repetitions, over HTTP: the record is the same.
#[tokio::test]
async fn callbacks_in_any_order_and_twice_end_in_the_same_record() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let mut expected: Option<Value> = None;
    // Every 7th of the 120 orders: the property test of the state machine has them all.
    for (n, order) in orders(5).into_iter().enumerate().filter(|(n, _)| n % 7 == 0) {
        let call = 100 + n as u32;
        let again = order[n % 5];
        for &step in order.iter().chain([&again]) {
            assert_eq!(status(&server, call, step).await, StatusCode::NO_CONTENT);
        }
        let mut record = server.get(&person, &format!("/api/calls/{}", call_sid(call))).await;
        let events = server.get(&person, &format!("/api/calls/{}/events", call_sid(call))).await;
        let numbers: Vec<i64> =
            events["events"].as_array().unwrap().iter().map(|event| event["seq"].as_i64().unwrap()).collect();
        assert_eq!(
            numbers,
            (1..=6).collect::<Vec<_>>(),
            "{order:?}: one each and the beginning, without holes"
        );
        record["id"] = Value::Null;
        record["call_sid"] = Value::Null;
        assert_eq!(&record, expected.get_or_insert_with(|| record.clone()), "{order:?}");
    }
    let expected = expected.unwrap();
    assert_eq!((&expected["status"], &expected["duration_seconds"]), (&json!("completed"), &json!(42)));
    assert_eq!(expected["started_at"], "2026-11-20T08:00:00Z");
    assert_eq!(expected["answered_at"], "2026-11-20T08:00:03Z");
    assert_eq!(expected["ended_at"], "2026-11-20T08:00:04Z");
    assert!(server.count("partyline_webhook_out_of_order_total", &[]) > 0);
    assert_eq!(server.count("partyline_webhook_duplicates_total", &[]), 18);
}

#[tokio::test]
async fn a_stream_callback_is_history_and_kept_once() {
    let server = Server::start().await;
    let person = server.login(1).await;
    server.ring(1, 1).await;
    let (ac, ca, mz) = (account(1).to_string(), call_sid(1).to_string(), stream_sid(1).to_string());
    for _ in 0..2 {
        let form = [
            ("AccountSid", ac.as_str()),
            ("CallSid", &ca),
            ("StreamSid", &mz),
            ("StreamEvent", "stream-error"),
            ("StreamError", "31920\u{7}"),
        ];
        assert_eq!(server.twilio("/api/twilio/stream", &form).await.status(), StatusCode::NO_CONTENT);
    }
    let events = server.get(&person, &format!("/api/calls/{ca}/events")).await;
    let events = events["events"].as_array().unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[1]["type"], "call.media");
    assert_eq!(events[1]["data"], json!({ "stream": mz, "twilio_event": "stream-error", "error": "31920" }));
}

pub(super) async fn status(server: &Server, call: u32, step: usize) -> StatusCode {
    let words = ["queued", "initiated", "ringing", "in-progress", "completed"];
    let (ac, ca) = (account(1).to_string(), call_sid(call).to_string());
    let (number, at) = (step.to_string(), format!("Fri, 20 Nov 2026 08:00:0{step} +0000"));
    let mut form = voice(&ac, &ca);
    form[3].1 = words[step];
    form.extend([("SequenceNumber", number.as_str()), ("Timestamp", &at)]);
    if step == 4 {
        form.push(("CallDuration", "42"));
    }
    server.twilio("/api/twilio/status", &form).await.status()
}

fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for order in orders(n - 1) {
        for place in 0..n {
            let mut longer = order.clone();
            longer.insert(place, n - 1);
            all.push(longer);
        }
    }
    all
}
