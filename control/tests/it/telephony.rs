//! The live socket of telephony frontends, to the letter.

use common::bus::{NodeEvent, SayEnd, Speaker};
use common::{CallId, SayId};
use futures_util::SinkExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use super::line::Lab;
use super::live::{Socket, next};
use super::messages::end;
use super::modes::ring_agent;
use super::server::{Person, Server, call_sid};
use super::sessions::command;

#[tokio::test]
async fn a_call_is_told_from_its_begin_to_its_end() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let mut socket = telephony(&server, &admin, "&client_type=telephony&language=auto&model=nova-2").await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    for status in ["incoming", "answered", "in_progress"] {
        let mut told = next(&mut socket).await;
        assert!(told.as_object_mut().unwrap().remove("timestamp").unwrap().is_string());
        assert_eq!(
            told,
            json!({
                "type": "call_status_update", "call_id": call, "status": status,
                "customer_number": "+14155550111", "organization_number": "+15550100",
            })
        );
    }
    // What is said is told of calls that are followed.
    server.bus.events.publish(heard(&admin, call, Speaker::Caller, "Unheard"));
    say(&mut socket, json!({ "type": "ping" })).await;
    let mut told = next(&mut socket).await;
    while told["type"] != "pong" {
        told = next(&mut socket).await;
    }
    let path = format!("/api/calls/{call}/messages");
    server.until(&admin, &path, |body| body["messages"].as_array().unwrap().len() == 1).await;
    init(&mut socket, call).await;
    server.bus.events.publish(heard(&admin, call, Speaker::Bot, "How can I help?"));
    server.bus.events.publish(heard(&admin, call, Speaker::Caller, "I need help with my account"));
    let mut told = next(&mut socket).await;
    assert!(told.as_object_mut().unwrap().remove("timestamp").unwrap().is_string());
    assert_eq!(
        told,
        json!({
            "type": "customer_transcript", "call_id": call, "transcript": "I need help with my account",
            "is_final": true, "confidence": null, "detected_language": null,
        })
    );
    end(&server, 1, 1).await;
    let told = next(&mut socket).await;
    assert_eq!((&told["type"], &told["status"]), (&json!("call_status_update"), &json!("ended")));
}

#[tokio::test]
async fn an_agents_message_is_spoken_and_its_delivery_confirmed() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    let mut socket = telephony(&server, &admin, &format!("&call_id={}", call_sid(1))).await;
    let ready = next(&mut socket).await;
    assert_eq!(ready, json!({ "type": "telephony_connected", "call_id": call_sid(1), "status": "ready" }));
    for (end, kind) in [(SayEnd::Spoken, "agent_tts_audio"), (SayEnd::Failed, "telephony_error")] {
        let mut commands = server.bus.commands.subscribe();
        let message = json!({
            "type": "agent_message", "call_id": call, "message": "Hello! How can I help?", "language": "auto",
            "timestamp": "2024-01-01T12:00:00Z",
        });
        say(&mut socket, message).await;
        let line = loop {
            match command(&mut commands).await {
                common::bus::NodeCommand::Say { say, text, language: None, .. }
                    if text.starts_with("Hello!") =>
                {
                    break say;
                }
                _ => {}
            }
        };
        server.bus.events.publish(said(&admin, call, line, end));
        let told = next(&mut socket).await;
        assert_eq!((&told["type"], &told["call_id"]), (&json!(kind), &json!(call)));
        match end {
            SayEnd::Spoken => {
                assert_eq!(told["message"], "Hello! How can I help?");
                assert_eq!(told["audio_data"], "");
            }
            _ => assert_eq!(told["error_code"], "TTS_ERROR"),
        }
    }
    for (said, error) in [
        (json!({ "type": "agent_message", "call_id": call, "message": "" }), "TTS_ERROR"),
        (json!({ "type": "agent_message", "call_id": CallId::new(), "message": "x" }), "TTS_ERROR"),
        (json!({ "type": "init_telephony_stream", "call_id": CallId::new() }), "CONNECTION_FAILED"),
        (json!({ "type": "init_telephony_stream", "call_id": "x".repeat(5000) }), "CONNECTION_FAILED"),
        (json!({ "type": "update_call_status", "call_id": call, "status": "lost" }), "TWILIO_ERROR"),
        (json!({ "type": "audio_data", "call_id": call, "audio_data": "AAAA" }), "STT_ERROR"),
        (json!({ "type": "agent_message" }), "CONNECTION_FAILED"),
        (json!([1]), "CONNECTION_FAILED"),
    ] {
        say(&mut socket, said.clone()).await;
        let told = next(&mut socket).await;
        assert_eq!(
            (&told["type"], &told["error_code"]),
            (&json!("telephony_error"), &json!(error)),
            "{said}"
        );
        assert!(told["message"].is_string() && told["timestamp"].is_string());
    }
    say(&mut socket, json!({ "type": "from_the_future" })).await;
    say(&mut socket, json!({ "type": "ping" })).await;
    assert_eq!(next(&mut socket).await, json!({ "type": "pong" }));
}

#[tokio::test]
async fn a_frontend_ends_a_call() {
    let lab = Lab::new().await;
    let (at_twilio, call) = lab.call(1).await;
    let viewer = lab.server.hire(&lab.admin, "viewer").await;
    let over = json!({ "type": "update_call_status", "call_id": call, "status": "ended" });
    let mut socket = telephony(&lab.server, &viewer, "").await;
    say(&mut socket, over.clone()).await;
    assert_eq!(next(&mut socket).await["error_code"], "TWILIO_ERROR", "viewers may not");
    let mut socket = telephony(&lab.server, &lab.admin, "").await;
    say(&mut socket, over).await;
    at_twilio.finished().await;
    // What Twilio reports of any call that is over.
    end(&lab.server, 1, 1).await;
    assert_eq!(next(&mut socket).await["status"], "ended");
}

#[tokio::test]
async fn another_tenants_calls_are_not_told() {
    let server = Server::start_with_two_tenants().await;
    let (admin, stranger) = (server.login(1).await, server.login(2).await);
    let mut theirs = telephony(&server, &stranger, "").await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    say(&mut theirs, json!({ "type": "init_telephony_stream", "call_id": call })).await;
    let told = next(&mut theirs).await;
    assert_eq!(
        (&told["error_code"], &told["message"]),
        (&json!("CONNECTION_FAILED"), &json!("no such thing"))
    );
    let response = server.send(&admin, Method::GET, "/api/ws/telephony/stream", None).await;
    assert_eq!(response.status(), 401, "its token is in the query");
}

async fn telephony(server: &Server, person: &Person, more: &str) -> Socket {
    let url = format!("ws://{}/api/ws/telephony/stream?token={}{more}", server.addr, person.token);
    connect_async(url).await.unwrap().0
}

async fn say(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

async fn init(socket: &mut Socket, call: CallId) {
    let message = json!({
        "type": "init_telephony_stream", "call_id": call, "language": "auto", "model": "nova-2",
        "client_type": "telephony",
    });
    say(socket, message).await;
    let ready = json!({ "type": "telephony_connected", "call_id": call, "status": "ready" });
    assert_eq!(next(socket).await, ready);
}

fn heard(person: &Person, call: CallId, speaker: Speaker, text: &str) -> NodeEvent {
    NodeEvent::Heard { tenant: person.tenant, call, speaker, text: text.to_owned(), media_ms: 100 }
}

fn said(person: &Person, call: CallId, say: SayId, end: SayEnd) -> NodeEvent {
    NodeEvent::Said { tenant: person.tenant, call, say, end, media_ms: 9000 }
}
