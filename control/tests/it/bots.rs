//! A call's bot: attached, paused, handed back to, and gone.

use common::CallId;
use common::bus::{Bot, BotState, NodeCommand, NodeEvent, Speaker};
use common::token::Mode;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::modes::{changed, connect, ended, entries, events, ring_agent, settled};
use super::server::{NUMBER, Person, Server, call_sid, code, stream_sid};
use super::sessions::{alive, command};

#[tokio::test]
async fn a_numbers_bot_is_attached_until_its_gateway_says_what_came_of_it() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let mut commands = server.bus.commands.subscribe();
    let call = ring_agent(&server, &admin, 1, json!({ "bot": stream_bot() })).await;
    let attach = NodeCommand::Attach {
        call,
        bot: Bot::Stream {
            url: "wss://bot.example.com/twilio".to_owned(),
            parameters: [("tone".to_owned(), "secret".to_owned())].into(),
            stall_seconds: Some(20),
            fallback: None,
        },
    };
    assert_eq!(command(&mut commands).await, attach);
    server.bus.events.publish(alive(&server, &[call], &[]));
    assert_eq!(command(&mut commands).await, attach);
    let path = format!("/api/calls/{call}");
    let record = server.get(&admin, &path).await;
    assert_eq!(
        (&record["bot"], &record["rings"], &record["route"]),
        (&Value::Null, &json!(false), &json!("agent"))
    );

    server.bus.events.publish(bot(&admin, call, BotState::Active, None));
    server.until(&admin, &path, |call| call["bot"] == "active").await;
    server.bus.events.publish(alive(&server, &[call], &[]));
    settled(&server, &admin, call).await;
    server.send(&admin, Method::POST, &format!("{path}/pause-ai"), None).await;
    let pause = NodeCommand::PauseBot { call, paused: true, recap: None };
    assert_eq!(command(&mut commands).await, pause, "it is attached no more");
    let told = events(&server, &admin, call, "call.updated").await;
    assert_eq!(told.last().unwrap()["data"], json!({ "bot": "active", "media_ms": 100, "detail": null }));
}

#[tokio::test]
async fn a_bot_is_paused_and_handed_back_to_with_what_was_said_meanwhile() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_bot(&server, &admin, 1).await;
    let path = format!("/api/calls/{call}");
    server.bus.events.publish(heard(&admin, call, Speaker::Caller, "Before"));
    settled(&server, &admin, call).await;
    // Lines of the same millisecond as the pause are said after it.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let mut commands = server.bus.commands.subscribe();
    let paused = server.send(&admin, Method::POST, &format!("{path}/pause-ai"), None).await;
    assert_eq!(paused.status(), StatusCode::ACCEPTED);
    assert_eq!(paused.json::<Value>().await.unwrap(), json!({ "paused": true }));
    let pause = NodeCommand::PauseBot { call, paused: true, recap: None };
    assert_eq!(command(&mut commands).await, pause);
    server.bus.events.publish(alive(&server, &[call], &[]));
    assert_eq!(command(&mut commands).await, pause, "until it is so");
    server.bus.events.publish(bot(&admin, call, BotState::Paused, None));
    server.until(&admin, &path, |call| call["bot"] == "paused" && call["rings"] == true).await;

    server.bus.events.publish(heard(&admin, call, Speaker::Caller, "I want a refund"));
    server.bus.events.publish(heard(&admin, call, Speaker::Bot, "You have it"));
    settled(&server, &admin, call).await;
    let resumed = server.send(&admin, Method::DELETE, &format!("{path}/pause-ai"), None).await;
    assert_eq!(resumed.status(), StatusCode::ACCEPTED);
    let recap = Some("Caller: I want a refund\nAgent: You have it".to_owned());
    let resume = NodeCommand::PauseBot { call, paused: false, recap };
    assert_eq!(command(&mut commands).await, resume);
    server.bus.events.publish(alive(&server, &[call], &[]));
    assert_eq!(command(&mut commands).await, resume);
    server.bus.events.publish(bot(&admin, call, BotState::Active, None));
    server.until(&admin, &path, |call| call["bot"] == "active" && call["rings"] == false).await;
    for action in ["bot.paused", "bot.resumed"] {
        assert_eq!(entries(&server, &admin, action).await.len(), 1);
    }
}

#[tokio::test]
async fn a_takeover_pauses_the_bot_and_handing_back_ends_it() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let supervisor = server.hire(&admin, "supervisor").await;
    let call = ring_bot(&server, &admin, 1).await;
    let mut commands = server.bus.commands.subscribe();
    // By a new connection: the bot is paused when there is somebody in its place.
    let (session, grant) = connect(&server, &supervisor, call, "takeover").await;
    let pause = NodeCommand::PauseBot { call, paused: true, recap: None };
    assert_eq!(command(&mut commands).await, pause);
    server.bus.events.publish(bot(&admin, call, BotState::Paused, None));
    let path = format!("/api/calls/{call}");
    let record = server.until(&admin, &path, |call| call["bot"] == "paused").await;
    assert_eq!(record["rings"], false, "somebody speaks with the caller");
    let theirs = server.send(&admin, Method::DELETE, &format!("{path}/pause-ai"), None).await;
    assert_eq!(code(theirs).await, "call_taken_over");
    server.send(&supervisor, Method::DELETE, &format!("{path}/pause-ai"), None).await;
    assert_eq!(command(&mut commands).await, NodeCommand::SetMode { session, mode: Mode::Listen });
    assert_eq!(command(&mut commands).await, NodeCommand::PauseBot { call, paused: false, recap: None });
    server.bus.events.publish(changed(&grant, Mode::Listen, 5000));
    server.bus.events.publish(bot(&admin, call, BotState::Active, None));
    server.until(&admin, &path, |call| call["bot"] == "active").await;

    // By the one that there is, at once; and when it is lost, somebody must know.
    let taken = server.send(&supervisor, Method::POST, &format!("{path}/takeover"), Some(json!({}))).await;
    assert_eq!(taken.status(), StatusCode::OK);
    assert_eq!(command(&mut commands).await, NodeCommand::SetMode { session, mode: Mode::Takeover });
    assert_eq!(command(&mut commands).await, pause);
    server.bus.events.publish(changed(&grant, Mode::Takeover, 6000));
    server.bus.events.publish(bot(&admin, call, BotState::Paused, None));
    server.bus.events.publish(ended(&grant));
    server.until(&admin, &path, |call| call["listeners"] == 0 && call["rings"] == true).await;
    let alerts = events(&server, &admin, call, "alert.raised").await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["data"]["kind"], "caller_alone");
}

#[tokio::test]
async fn a_bot_that_fails_raises_an_alert_and_people_may_answer() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_bot(&server, &admin, 1).await;
    let failed = bot(&admin, call, BotState::Failed, Some("no answer to the handshake"));
    server.bus.events.publish(failed.clone());
    server.bus.events.publish(failed);
    server.bus.events.publish(bot(&admin, call, BotState::Unknown, None));
    let path = format!("/api/calls/{call}");
    server.until(&admin, &path, |call| call["bot"] == "failed" && call["rings"] == true).await;
    settled(&server, &admin, call).await;
    let alerts = events(&server, &admin, call, "alert.raised").await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["data"], json!({ "kind": "bot_failed", "detail": "no answer to the handshake" }));
    for method in [Method::POST, Method::DELETE] {
        let response = server.send(&admin, method, &format!("{path}/pause-ai"), None).await;
        assert_eq!(code(response).await, "call_has_no_bot");
    }
}

#[tokio::test]
async fn what_a_bot_understands_is_kept_once() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_bot(&server, &admin, 1).await;
    let beside = server.beside_on_the_bus().await;
    server.bus.events.publish(heard(&admin, call, Speaker::Caller, "Hello <b>there</b>"));
    server.bus.events.publish(heard(&admin, call, Speaker::Bot, "Good morning"));
    server.bus.events.publish(heard(&admin, call, Speaker::Unknown, "?"));
    server.bus.events.publish(heard(&admin, call, Speaker::Caller, " \n"));
    settled(&server, &admin, call).await;
    settled(&beside, &admin, call).await;
    let lines = server.get(&admin, &format!("/api/calls/{call}/transcript")).await["lines"].clone();
    let lines: Vec<(&str, &str)> = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["speaker"].as_str().unwrap(), line["text"].as_str().unwrap()))
        .collect();
    assert_eq!(lines, [("customer", "Hello <b>there</b>"), ("agent", "Good morning")]);
    assert_eq!(events(&server, &admin, call, "transcript.final").await.len(), 2);
}

#[tokio::test]
async fn a_bots_secrets_are_for_admins_and_not_for_the_log() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let viewer = server.hire(&admin, "viewer").await;
    let path = format!("/api/numbers/{NUMBER}");
    let open_ai = json!({
        "kind": "open_ai", "model": "gpt-realtime", "instructions": "secret", "voice": "marin",
        "greeting": "Hello", "fallback": null,
    });
    for settings in [json!({ "bot": open_ai }), json!({ "bot": stream_bot() })] {
        let change = json!({ "route": "agent", "settings": settings });
        let changed = server.send(&admin, Method::PATCH, &path, Some(change)).await;
        assert_eq!(changed.status(), StatusCode::OK);
        let changed: Value = changed.json().await.unwrap();
        let kind = &settings["bot"]["kind"];
        assert_eq!((&changed["settings"]["bot"]["kind"], &changed["has_bot"]), (kind, &json!(true)));
        let seen = server.get(&viewer, "/api/numbers").await["numbers"][0].clone();
        assert_eq!((&seen["settings"]["bot"], &seen["has_bot"]), (&Value::Null, &json!(true)));
        let kept = entries(&server, &admin, "number.changed").await;
        assert_eq!(kept[0]["data"]["settings"]["bot"], json!({ "kind": kind }));
        assert!(!kept[0].to_string().contains("secret"));
    }
    let many: serde_json::Map<String, Value> = (0..21).map(|n| (format!("p{n}"), json!("x"))).collect();
    for bad in [
        json!({ "kind": "unknown" }),
        json!({ "kind": "stream" }),
        json!({ "kind": "stream", "url": "https://bot.example.com" }),
        json!({ "kind": "stream", "url": "wss://me:secret@bot.example.com" }),
        json!({ "kind": "stream", "url": "wss://b", "parameters": many }),
        json!({ "kind": "stream", "url": "wss://b", "parameters": { "a": "x".repeat(1001) } }),
        json!({ "kind": "stream", "url": "wss://b", "parameters": { "": "x" } }),
        json!({ "kind": "stream", "url": "wss://b", "stall_seconds": 0 }),
        json!({ "kind": "stream", "url": "wss://b", "fallback": "x".repeat(501) }),
        json!({ "kind": "stream", "url": "wss://b", "key": "x" }),
        json!({ "kind": "open_ai", "model": "" }),
        json!({ "kind": "open_ai", "model": "a/../b" }),
        json!({ "kind": "open_ai", "model": "m", "instructions": "x".repeat(16_001) }),
        json!({ "kind": "open_ai", "model": "m", "greeting": "a\u{0}b" }),
        json!({ "kind": "open_ai", "model": "m", "voice": "\"" }),
    ] {
        let change = json!({ "settings": { "bot": bad } });
        let response = server.send(&admin, Method::PATCH, &path, Some(change)).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
}

#[tokio::test]
async fn another_stream_gets_the_bot_anew_and_paused_if_it_was() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_bot(&server, &admin, 1).await;
    let path = format!("/api/calls/{call}");
    server.send(&admin, Method::POST, &format!("{path}/pause-ai"), None).await;
    server.bus.events.publish(bot(&admin, call, BotState::Paused, None));
    server.bus.events.publish(bot(&admin, call, BotState::Gone, None));
    server.until(&admin, &path, |call| call["bot"] == "gone").await;
    let mut commands = server.bus.commands.subscribe();
    server.bus.events.publish(NodeEvent::StreamStarted {
        node: server.node,
        tenant: admin.tenant,
        call,
        call_sid: call_sid(1),
        stream: stream_sid(2),
        tracks: vec!["inbound".to_owned()],
    });
    assert!(matches!(command(&mut commands).await, NodeCommand::Attach { call: of, .. } if of == call));
    server.bus.events.publish(bot(&admin, call, BotState::Active, None));
    assert_eq!(command(&mut commands).await, NodeCommand::PauseBot { call, paused: true, recap: None });
}

/// A live call that its bot has answered.
pub(crate) async fn ring_bot(server: &Server, admin: &Person, n: u32) -> CallId {
    let call = ring_agent(server, admin, n, json!({ "bot": stream_bot() })).await;
    server.bus.events.publish(bot(admin, call, BotState::Active, None));
    server.until(admin, &format!("/api/calls/{call}"), |call| call["bot"] == "active").await;
    call
}

fn stream_bot() -> Value {
    json!({
        "kind": "stream", "url": "wss://bot.example.com/twilio", "parameters": { "tone": "secret" },
        "stall_seconds": 20,
    })
}

pub(crate) fn bot(person: &Person, call: CallId, state: BotState, detail: Option<&str>) -> NodeEvent {
    let detail = detail.map(str::to_owned);
    NodeEvent::BotChanged { tenant: person.tenant, call, state, media_ms: 100, detail }
}

fn heard(person: &Person, call: CallId, speaker: Speaker, text: &str) -> NodeEvent {
    NodeEvent::Heard { tenant: person.tenant, call, speaker, text: text.to_owned(), media_ms: 100 }
}
