//! Leave to hear a call, and who hears it.

use std::time::Duration;

use common::bus::{ListenerQuality, NodeCommand, NodeEvent, Received, SessionEnd};
use common::token::{ListenGrant, Mode};
use common::{CallId, SessionId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::server::{Person, Server, call_sid, code};

#[tokio::test]
async fn a_listener_is_granted_counted_and_gone() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let call = server.ring_live(&person, 1, 1).await;
    let record = server.get(&person, &format!("/api/calls/{call}")).await;
    assert_eq!(record["status"], "in_progress");
    assert_eq!(
        record["media"],
        json!({ "live": true, "tracks": ["inbound", "outbound"], "gateway": server.node })
    );

    let (session, grant) = open(&server, &person, call).await;
    assert_eq!(
        (grant.session, grant.tenant, grant.call, grant.mode),
        (session, person.tenant, call, Mode::Listen)
    );
    assert_eq!(grant.user.to_string(), person.body["user"]["id"].as_str().unwrap());
    let path = format!("/api/calls/{call}");
    assert_eq!(server.get(&person, &path).await["listeners"], 0, "granted is not connected");

    server.bus.events.publish(started(&server, &grant));
    server.bus.events.publish(started(&server, &grant));
    server.until(&person, &path, |call| call["listeners"] == 1).await;
    let listeners = server.get(&person, &format!("{path}/listeners")).await;
    assert_eq!(listeners["listeners"].as_array().unwrap().len(), 1);
    assert_eq!(listeners["listeners"][0]["user"]["name"], "admin1");
    assert_eq!(listeners["listeners"][0]["mode"], "listen");

    let mut commands = server.bus.commands.subscribe();
    let gone = server.send(&person, Method::DELETE, &format!("{path}/sessions/{session}"), None).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(command(&mut commands).await, NodeCommand::EndSession { session });
    // Until the gateway has heard it, its heartbeat makes control say it again.
    server.bus.events.publish(alive(&server, &[call], &[session]));
    assert_eq!(command(&mut commands).await, NodeCommand::EndSession { session });
    server.bus.events.publish(NodeEvent::SessionEnded {
        tenant: grant.tenant,
        call,
        session,
        user: grant.user,
        reason: SessionEnd::Revoked,
    });
    server.until(&person, &path, |call| call["listeners"] == 0).await;

    let history = server.get(&person, &format!("{path}/events")).await;
    let kinds: Vec<&str> =
        history["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["call.incoming", "call.answered", "call.media", "session.started", "session.ended"]);
    assert_eq!(history["events"][4]["data"]["reason"], "revoked");
}

#[tokio::test]
async fn how_a_listener_hears_it_is_told_as_long_as_there_is_one() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let viewer = server.hire(&person, "viewer").await;
    let call = server.ring_live(&person, 1, 1).await;
    let (session, grant) = open(&server, &person, call).await;
    let (silent, silent_grant) = open(&server, &viewer, call).await;
    let path = format!("/api/calls/{call}/listeners");
    server.bus.events.publish(started(&server, &grant));
    server.bus.events.publish(started(&server, &silent_grant));
    let both = |body: &Value| body["listeners"].as_array().unwrap().len() == 2;
    let body = server.until(&person, &path, both).await;
    assert_eq!(body["listeners"][0]["quality"], Value::Null, "nobody has reported");

    let before = OffsetDateTime::now_utc();
    for packets in [250, 500] {
        server.bus.events.publish(heard(&server, session, packets));
    }
    let newest = |body: &Value| body["listeners"][0]["quality"]["packets"] == 500;
    let body = server.until(&viewer, &path, newest).await;
    let listener = &body["listeners"][0];
    assert_eq!((&listener["id"], &listener["mode"]), (&json!(session), &json!("listen")));
    let mut quality = listener["quality"].clone();
    let reported_at = quality.as_object_mut().unwrap().remove("reported_at").unwrap();
    let reported_at = OffsetDateTime::parse(reported_at.as_str().unwrap(), &Rfc3339).unwrap();
    let age = OffsetDateTime::now_utc() - reported_at;
    assert!(reported_at >= before - Duration::from_secs(2) && age >= Duration::from_secs(2), "{age}");
    assert_eq!(
        quality,
        json!({
            "loss_ratio": 0.0156, "loss_ratio_total": 0.004, "jitter_ms": 3.1, "round_trip_ms": 40.2,
            "behind_ms": 21.3, "mos": null, "packets": 500,
        })
    );
    assert_eq!(body["listeners"][1]["id"], json!(silent));
    assert_eq!(body["listeners"][1]["quality"], Value::Null, "the other has not reported");

    server.bus.events.publish(NodeEvent::SessionEnded {
        tenant: grant.tenant,
        call,
        session,
        user: grant.user,
        reason: SessionEnd::Left,
    });
    let one = |body: &Value| body["listeners"].as_array().unwrap().len() == 1;
    let body = server.until(&person, &path, one).await;
    assert_eq!(body["listeners"][0]["id"], json!(silent));
}

fn heard(server: &Server, session: SessionId, packets: u64) -> NodeEvent {
    let quality = ListenerQuality {
        session,
        packets,
        loss_ratio: 0.0156,
        loss_ratio_total: 0.004,
        jitter_ms: 3.1,
        round_trip_ms: Some(40.2),
        behind_ms: Some(21.3),
        mos: None,
        age_ms: 2000,
    };
    NodeEvent::ListenersHeard { node: server.node, listeners: vec![quality] }
}

#[tokio::test]
async fn a_grant_that_was_taken_back_opens_nothing() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let call = server.ring_live(&person, 1, 1).await;
    let (session, grant) = open(&server, &person, call).await;
    let path = format!("/api/calls/{call}/sessions/{session}");
    for _ in 0..2 {
        let gone = server.send(&person, Method::DELETE, &path, None).await;
        assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    }
    let mut commands = server.bus.commands.subscribe();
    server.bus.events.publish(started(&server, &grant));
    assert_eq!(command(&mut commands).await, NodeCommand::EndSession { session });
    assert_eq!(server.get(&person, &format!("/api/calls/{call}")).await["listeners"], 0);
}

#[tokio::test]
async fn who_may_listen_and_when() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let viewer = server.hire(&admin, "viewer").await;
    let agent = server.hire(&admin, "agent").await;
    server.ring(1, 2).await;
    let call = server.ring_live(&admin, 1, 1).await;
    let live = format!("/api/calls/{call}/sessions");
    let silent = format!("/api/calls/{}/sessions", call_sid(2));
    let long = "x".repeat(3000);
    let table: [(&str, &Person, &str, Value, u16, &str); 10] = [
        ("no audio", &admin, &silent, json!({ "mode": "listen" }), 409, "call_not_live"),
        ("whisper", &admin, &live, json!({ "mode": "whisper" }), 502, "twilio_unavailable"),
        ("takeover", &admin, &live, json!({ "mode": "takeover" }), 409, "call_cannot_be_joined"),
        ("whisper by a viewer", &viewer, &live, json!({ "mode": "whisper" }), 403, "forbidden"),
        ("agent", &agent, &live, json!({ "mode": "listen" }), 404, "not_found"),
        ("no mode", &admin, &live, json!({}), 422, "invalid_body"),
        ("odd mode", &admin, &live, json!({ "mode": "shout" }), 422, "invalid_body"),
        ("more", &admin, &live, json!({ "mode": "listen", "user": "x" }), 422, "invalid_body"),
        ("long notes", &admin, &live, json!({ "mode": "listen", "notes": long }), 422, "invalid_value"),
        ("no call", &admin, "/api/calls/x/sessions", json!({ "mode": "listen" }), 404, "not_found"),
    ];
    for (name, person, path, body, status, expected) in table {
        let response = server.send(person, Method::POST, path, Some(body)).await;
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(code(response).await, expected, "{name}");
    }
    let (theirs, _) = open(&server, &admin, call).await;
    let (own, _) = open(&server, &viewer, call).await;
    for (person, session, status) in
        [(&viewer, theirs, 403), (&viewer, own, 204), (&admin, SessionId::new(), 404)]
    {
        let response = server.send(person, Method::DELETE, &format!("{live}/{session}"), None).await;
        assert_eq!(response.status(), status);
    }
    let elsewhere = server.send(&admin, Method::DELETE, &format!("{silent}/{theirs}"), None).await;
    assert_eq!(elsewhere.status(), StatusCode::NOT_FOUND, "a session of another call");
}

#[tokio::test]
async fn a_person_who_is_disabled_hears_no_more() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let viewer = server.hire(&admin, "viewer").await;
    let call = server.ring_live(&admin, 1, 1).await;
    let (session, grant) = open(&server, &viewer, call).await;
    server.bus.events.publish(started(&server, &grant));
    server.until(&admin, &format!("/api/calls/{call}"), |call| call["listeners"] == 1).await;
    let mut commands = server.bus.commands.subscribe();
    let path = format!("/api/users/{}", grant.user);
    server.send(&admin, Method::PATCH, &path, Some(json!({ "disabled": true }))).await;
    assert_eq!(command(&mut commands).await, NodeCommand::EndSession { session });
}

pub(crate) async fn open(server: &Server, person: &Person, call: CallId) -> (SessionId, ListenGrant) {
    let path = format!("/api/calls/{call}/sessions");
    let body = json!({ "mode": "listen", "reason": "quality", "notes": "" });
    let response = server.send(person, Method::POST, &path, Some(body)).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["whep_url"], format!("https://media.example.com/whep/{call}"));
    assert_eq!((&body["mode"], &body["ice_servers"]), (&json!("listen"), &json!([])));
    let token = body["token"].as_str().unwrap();
    let grant: ListenGrant = server.verifier.verify(token, OffsetDateTime::now_utc()).unwrap();
    let id: SessionId = body["id"].as_str().unwrap().parse().unwrap();
    let life = grant.exp - OffsetDateTime::now_utc().unix_timestamp();
    assert!((50..=60).contains(&life), "{life}");
    (id, grant)
}

pub(crate) fn started(server: &Server, grant: &ListenGrant) -> NodeEvent {
    NodeEvent::SessionStarted {
        node: server.node,
        tenant: grant.tenant,
        call: grant.call,
        session: grant.session,
        user: grant.user,
        mode: grant.mode,
    }
}

pub(crate) fn alive(server: &Server, calls: &[CallId], sessions: &[SessionId]) -> NodeEvent {
    NodeEvent::NodeAlive {
        node: server.node,
        calls: calls.to_vec(),
        sessions: sessions.to_vec(),
        url: None,
        utilization: 0.0,
    }
}

pub(crate) async fn command(commands: &mut common::bus::Subscription<NodeCommand>) -> NodeCommand {
    // Far longer than it takes: a command that never comes must fail the test, not hang it.
    let next = tokio::time::timeout(Duration::from_secs(30), commands.next()).await;
    match next.expect("a command") {
        Some(Received::Message(envelope)) => envelope.body,
        other => panic!("{other:?}"),
    }
}
