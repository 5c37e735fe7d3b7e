//! How people are heard in calls: by which mode, who decides, and from when on.

use common::bus::{NodeCommand, NodeEvent, SessionEnd};
use common::token::{ListenGrant, Mode, Side};
use common::{CallId, SessionId};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::server::{NUMBER, Person, Server, code};
use super::sessions::{alive, command, open, started};

#[tokio::test]
async fn a_connection_becomes_louder_when_the_gateway_says_so() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    let (session, grant) = connect(&server, &admin, call, "listen").await;
    let mut commands = server.bus.commands.subscribe();
    let path = format!("/api/calls/{call}/sessions/{session}");
    let asked = server.send(&admin, Method::PATCH, &path, Some(json!({ "mode": "whisper" }))).await;
    assert_eq!(asked.status(), StatusCode::ACCEPTED);
    assert_eq!(asked.json::<Value>().await.unwrap(), json!({ "id": session, "mode": "whisper" }));
    let set = NodeCommand::SetMode { session, mode: Mode::Whisper };
    assert_eq!(command(&mut commands).await, set);
    let listeners = format!("/api/calls/{call}/listeners");
    assert_eq!(server.get(&admin, &listeners).await["listeners"][0]["mode"], "listen", "asked is not done");

    // A gateway that did not hear it is told again with its next sign of life.
    server.bus.events.publish(alive(&server, &[call], &[session]));
    assert_eq!(command(&mut commands).await, set);
    let changed = changed(&grant, Mode::Whisper, 4200);
    server.bus.events.publish(changed.clone());
    let is_so = |body: &Value| body["listeners"][0]["mode"] == "whisper";
    server.until(&admin, &listeners, is_so).await;
    let again = server.send(&admin, Method::PATCH, &path, Some(json!({ "mode": "whisper" }))).await;
    assert_eq!(again.status(), StatusCode::OK, "it is so already");
    // The gateway says it twice, and what it says next is the next command.
    server.bus.events.publish(changed);
    server.bus.events.publish(alive(&server, &[call], &[session]));
    server.send(&admin, Method::PATCH, &path, Some(json!({ "mode": "listen" }))).await;
    assert_eq!(command(&mut commands).await, NodeCommand::SetMode { session, mode: Mode::Listen });

    let events = events(&server, &admin, call, "session.changed").await;
    assert_eq!(events.len(), 1);
    let data = &events[0]["data"];
    assert_eq!(
        (&data["id"], &data["mode"], &data["before"], &data["media_ms"], &data["user"]["name"]),
        (&json!(session), &json!("whisper"), &json!("listen"), &json!(4200), &json!("admin1"))
    );
    let kept = entries(&server, &admin, "session.changed").await;
    assert_eq!(kept[0]["data"], json!({ "mode": "whisper", "before": "listen", "media_ms": 4200 }));
    assert_eq!((&kept[0]["call_id"], &kept[0]["target"]), (&json!(call), &json!(session)));
    let asked = entries(&server, &admin, "session.asked").await;
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn who_falls_back_to_listen_is_not_made_loud_again_by_what_was_asked_before() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    let (session, grant) = connect(&server, &admin, call, "listen").await;
    let path = format!("/api/calls/{call}/sessions/{session}");
    server.send(&admin, Method::PATCH, &path, Some(json!({ "mode": "join" }))).await;
    server.bus.events.publish(changed(&grant, Mode::Listen, 1));
    // Handled in order: when this is known, so is what came before.
    server.bus.events.publish(alive(&server, &[call], &[session]));
    settled(&server, &admin, call).await;
    let mut commands = server.bus.commands.subscribe();
    server.bus.events.publish(alive(&server, &[call], &[session]));
    let next = Some(json!({ "digits": "1" }));
    settled(&server, &admin, call).await;
    server.send(&admin, Method::POST, &format!("/api/calls/{call}/dtmf"), next).await;
    let sent = NodeCommand::SendDtmf { call, digits: "1".to_owned() };
    assert_eq!(command(&mut commands).await, sent, "nothing else was said");
}

#[tokio::test]
async fn who_may_be_heard_how_and_where() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let viewer = server.hire(&admin, "viewer").await;
    let supervisor = server.hire(&admin, "supervisor").await;
    let monitored = server.ring_live(&admin, 1, 1).await;
    let call = ring_agent(&server, &admin, 2, json!({})).await;
    for mode in ["listen", "whisper", "takeover"] {
        for person in [&supervisor, &admin] {
            let response = ask(&server, person, call, mode).await;
            assert_eq!(response.status(), StatusCode::CREATED, "{mode}");
            let body: Value = response.json().await.unwrap();
            assert_eq!((&body["mode"], &body["side"]), (&json!(mode), &json!("beside")));
        }
        if mode != "listen" {
            assert_eq!(code(ask(&server, &viewer, call, mode).await).await, "forbidden");
            let there = code(ask(&server, &admin, monitored, mode).await).await;
            // Twilio is asked to move that one, and is not there.
            assert_eq!(
                there,
                if mode == "takeover" { "call_cannot_be_joined" } else { "twilio_unavailable" }
            );
        }
    }

    // What the organization decides is for everybody who is beside a call.
    let decide = async |modes: Value| {
        let body = json!({ "settings": { "speaking_modes": modes } });
        server.send(&admin, Method::PATCH, "/api/tenant", Some(body)).await.status()
    };
    for bad in [json!(["listen"]), json!(["shout"]), json!("join"), json!(["join", "join", "join", "join"])] {
        assert_eq!(decide(bad.clone()).await, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    assert_eq!(decide(json!(["whisper"])).await, StatusCode::OK);
    let (session, _) = connect(&server, &supervisor, call, "listen").await;
    let path = format!("/api/calls/{call}/sessions/{session}");
    for (mode, status) in [("whisper", 202), ("join", 403), ("takeover", 403), ("listen", 202)] {
        let response = server.send(&supervisor, Method::PATCH, &path, Some(json!({ "mode": mode }))).await;
        assert_eq!(response.status(), status, "{mode}");
    }
    assert_eq!(code(ask(&server, &supervisor, call, "takeover").await).await, "forbidden");
    let taken =
        server.send(&admin, Method::POST, &format!("/api/calls/{call}/takeover"), Some(json!({}))).await;
    assert_eq!(code(taken).await, "forbidden");
    assert_eq!(decide(json!([])).await, StatusCode::OK);
    assert_eq!(code(ask(&server, &admin, call, "whisper").await).await, "forbidden");
    assert_eq!(decide(Value::Null).await, StatusCode::OK);
    assert_eq!(ask(&server, &admin, call, "whisper").await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn nobody_is_made_louder_by_somebody_else() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let supervisor = server.hire(&admin, "supervisor").await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    let other = ring_agent(&server, &admin, 2, json!({})).await;
    let (session, grant) = connect(&server, &supervisor, call, "whisper").await;
    let path = format!("/api/calls/{call}/sessions/{session}");
    let change = async |person: &Person, path: &str, body: Value| {
        server.send(person, Method::PATCH, path, Some(body)).await
    };
    assert_eq!(code(change(&admin, &path, json!({ "mode": "join" })).await).await, "forbidden");
    assert_eq!(change(&admin, &path, json!({ "mode": "listen" })).await.status(), StatusCode::ACCEPTED);
    for (path, body, expected) in [
        (format!("/api/calls/{other}/sessions/{session}"), json!({ "mode": "listen" }), "not_found"),
        (
            format!("/api/calls/{call}/sessions/{}", SessionId::new()),
            json!({ "mode": "listen" }),
            "not_found",
        ),
        (path.clone(), json!({ "mode": "shout" }), "invalid_body"),
        (path.clone(), json!({}), "invalid_body"),
        (path.clone(), json!({ "mode": "listen", "user": "x" }), "invalid_body"),
    ] {
        assert_eq!(code(change(&supervisor, &path, body).await).await, expected, "{path}");
    }
    server.bus.events.publish(ended(&grant));
    server.until(&admin, &format!("/api/calls/{call}"), |call| call["listeners"] == 0).await;
    let over = change(&supervisor, &path, json!({ "mode": "whisper" })).await;
    assert_eq!(code(over).await, "session_is_over");
}

#[tokio::test]
async fn a_takeover_is_by_the_connection_that_there_is_or_by_a_new_one() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    let path = format!("/api/calls/{call}/takeover");
    let why = || Some(json!({ "reason": "Complex negotiation", "notes": "Wants custom pricing" }));
    let fresh = server.send(&admin, Method::POST, &path, why()).await;
    assert_eq!(fresh.status(), StatusCode::CREATED);
    let fresh: Value = fresh.json().await.unwrap();
    assert_eq!(fresh["mode"], "takeover");
    let grant: ListenGrant =
        server.verifier.verify(fresh["token"].as_str().unwrap(), OffsetDateTime::now_utc()).unwrap();
    assert_eq!((grant.mode, grant.side, grant.call), (Mode::Takeover, Side::Beside, call));

    let (session, _) = connect(&server, &admin, call, "whisper").await;
    let mut commands = server.bus.commands.subscribe();
    let mine = server.send(&admin, Method::POST, &path, why()).await;
    assert_eq!(mine.status(), StatusCode::OK);
    let mine: Value = mine.json().await.unwrap();
    assert_eq!((&mine["id"], &mine["mode"]), (&json!(session), &json!("takeover")));
    assert_eq!(command(&mut commands).await, NodeCommand::SetMode { session, mode: Mode::Takeover });
    let kept = entries(&server, &admin, "call.taken_over").await;
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0]["data"], json!({ "reason": "Complex negotiation" }));
    for bad in
        [json!({ "reason": "x".repeat(201) }), json!({ "notes": "x".repeat(2001) }), json!({ "why": "x" })]
    {
        let response = server.send(&admin, Method::POST, &path, Some(bad)).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn an_api_key_that_may_listen_may_not_speak() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    let key = super::keys::make_key(&server, &admin, &["calls:listen"]).await;
    let key = Person { token: key, ..admin.clone() };
    let body: Value = ask(&server, &key, call, "listen").await.json().await.unwrap();
    assert_eq!(code(ask(&server, &key, call, "join").await).await, "forbidden");
    let path = format!("/api/calls/{call}/sessions/{}", body["id"].as_str().unwrap());
    let louder = server.send(&key, Method::PATCH, &path, Some(json!({ "mode": "whisper" }))).await;
    assert_eq!(code(louder).await, "forbidden");
}

/// A call to the tenant's number, with the route `agent` and these settings, whose audio arrives.
/// Unless they say otherwise nobody who waits is told anything.
pub(crate) async fn ring_agent(server: &Server, admin: &Person, call: u32, mut settings: Value) -> CallId {
    let settings = {
        let fields = settings.as_object_mut().unwrap();
        fields.entry("waiting").or_insert_with(|| json!({ "text": "" }));
        settings
    };
    let change = json!({ "route": "agent", "settings": settings });
    let path = format!("/api/numbers/{NUMBER}");
    let changed = server.send(admin, Method::PATCH, &path, Some(change)).await;
    assert_eq!(changed.status(), StatusCode::OK);
    server.ring_live(admin, 1, call).await
}

/// Asks for leave to be in a call with this mode.
pub(crate) async fn ask(server: &Server, person: &Person, call: CallId, mode: &str) -> Response {
    let path = format!("/api/calls/{call}/sessions");
    server.send(person, Method::POST, &path, Some(json!({ "mode": mode }))).await
}

/// A connection with this mode, that carries audio.
pub(crate) async fn connect(
    server: &Server,
    person: &Person,
    call: CallId,
    mode: &str,
) -> (SessionId, ListenGrant) {
    let (session, grant) = match mode {
        "listen" => open(server, person, call).await,
        _ => {
            let response = ask(server, person, call, mode).await;
            assert_eq!(response.status(), StatusCode::CREATED, "{mode}");
            let body: Value = response.json().await.unwrap();
            let token = body["token"].as_str().unwrap();
            let grant: ListenGrant = server.verifier.verify(token, OffsetDateTime::now_utc()).unwrap();
            (grant.session, grant)
        }
    };
    server.bus.events.publish(started(server, &grant));
    let is_there = |body: &Value| {
        body["listeners"].as_array().unwrap().iter().any(|listener| listener["id"] == json!(session))
    };
    server.until(person, &format!("/api/calls/{call}/listeners"), is_there).await;
    (session, grant)
}

pub(crate) fn changed(grant: &ListenGrant, mode: Mode, media_ms: u64) -> NodeEvent {
    let &ListenGrant { tenant, call, session, .. } = grant;
    NodeEvent::SessionChanged { tenant, call, session, mode, media_ms }
}

pub(crate) fn ended(grant: &ListenGrant) -> NodeEvent {
    let &ListenGrant { tenant, call, session, user, .. } = grant;
    NodeEvent::SessionEnded { tenant, call, session, user, reason: SessionEnd::Left }
}

/// What happened to a call, of this kind.
pub(crate) async fn events(server: &Server, person: &Person, call: CallId, kind: &str) -> Vec<Value> {
    let all = server.get(person, &format!("/api/calls/{call}/events")).await;
    all["events"].as_array().unwrap().iter().filter(|event| event["type"] == kind).cloned().collect()
}

/// Waits until what the gateways have told so far is handled: a key pressed after it is.
pub(crate) async fn settled(server: &Server, person: &Person, call: CallId) {
    let path = format!("/api/calls/{call}/events");
    let keys = |body: &Value| {
        let events = body["events"].as_array().unwrap();
        events.iter().filter(|event| event["data"]["dtmf"].is_string()).count()
    };
    let before = keys(&server.get(person, &path).await);
    server.bus.events.publish(NodeEvent::Dtmf { tenant: person.tenant, call, digit: '0' });
    server.until(person, &path, |body| keys(body) > before).await;
}

/// What the audit log has of this, newest first.
pub(crate) async fn entries(server: &Server, admin: &Person, action: &str) -> Vec<Value> {
    let log = server.get(admin, &format!("/api/audit?action={action}")).await;
    log["entries"].as_array().unwrap().clone()
}
