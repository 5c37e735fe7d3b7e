//! Lines that are written, and spoken to the caller.

use common::bus::{NodeCommand, NodeEvent, SayEnd, StreamEnd};
use common::{CallId, SayId};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::modes::{events, ring_agent, settled};
use super::server::{Person, Server, code, stream_sid};
use super::sessions::command;

#[tokio::test]
async fn a_line_is_queued_told_to_the_gateway_and_kept_with_what_became_of_it() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    let mut commands = server.bus.commands.subscribe();
    let body = json!({ "text": "Thank you for calling.", "language": "en-GB", "voice": "amy" });
    let queued = say(&server, &admin, call, body).await;
    assert_eq!(queued.status(), StatusCode::ACCEPTED);
    let queued: Value = queued.json().await.unwrap();
    let id: SayId = queued["id"].as_str().unwrap().parse().unwrap();
    let expected = NodeCommand::Say {
        call,
        say: id,
        text: "Thank you for calling.".to_owned(),
        language: Some("en-GB".to_owned()),
        voice: Some("amy".to_owned()),
    };
    assert_eq!(command(&mut commands).await, expected);
    let messages = format!("/api/calls/{call}/messages");
    let message = server.get(&admin, &messages).await["messages"][0].clone();
    assert_eq!(
        (&message["id"], &message["message_type"], &message["sender_type"], &message["sender_name"]),
        (&queued["message_id"], &json!("tts_audio"), &json!("agent"), &json!("admin1"))
    );
    assert_eq!(
        (&message["say_id"], &message["is_final"], &message["outcome"], &message["content"]),
        (&json!(id), &json!(false), &Value::Null, &json!("Thank you for calling."))
    );
    assert!(events(&server, &admin, call, "message.sent").await.is_empty(), "written is not spoken");

    let over = said(&admin, call, id, SayEnd::Spoken);
    server.bus.events.publish(over.clone());
    server.bus.events.publish(over);
    server.bus.events.publish(said(&admin, call, id, SayEnd::Failed));
    server.bus.events.publish(said(&admin, call, SayId::new(), SayEnd::Spoken));
    settled(&server, &admin, call).await;
    let sent = events(&server, &admin, call, "message.sent").await;
    assert_eq!(sent.len(), 1, "once");
    let message = &sent[0]["data"]["message"];
    assert_eq!(
        (&message["say_id"], &message["is_final"], &message["outcome"]),
        (&json!(id), &json!(true), &json!("spoken"))
    );
    assert_eq!((&sent[0]["data"]["say"], &sent[0]["data"]["end"]), (&json!(id), &json!("spoken")));
    let found = server.get(&admin, "/api/calls?q=calling").await;
    assert_eq!(found["calls"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn lines_are_cancelled_one_or_all() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    let other = ring_agent(&server, &admin, 2, json!({})).await;
    let id = queue(&server, &admin, call, "One").await;
    let path = format!("/api/calls/{call}/say");
    let mut commands = server.bus.commands.subscribe();
    for (path, expected) in [(format!("{path}/{id}"), Some(id)), (path.clone(), None)] {
        let response = server.send(&admin, Method::DELETE, &path, None).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        assert_eq!(command(&mut commands).await, NodeCommand::CancelSay { call, say: expected });
    }
    for nowhere in
        [format!("{path}/{}", SayId::new()), format!("/api/calls/{other}/say/{id}"), format!("{path}/x")]
    {
        let response = server.send(&admin, Method::DELETE, &nowhere, None).await;
        assert_eq!(code(response).await, "not_found", "{nowhere}");
    }
    server.bus.events.publish(said(&admin, call, id, SayEnd::Interrupted));
    settled(&server, &admin, call).await;
    assert_eq!(
        events(&server, &admin, call, "message.sent").await[0]["data"]["message"]["outcome"],
        "interrupted"
    );
}

#[tokio::test]
async fn what_cannot_be_said_is_refused() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let monitored = server.ring_live(&admin, 1, 1).await;
    let call = ring_agent(&server, &admin, 2, json!({})).await;
    for bad in [
        json!({ "text": "" }),
        json!({ "text": " \n" }),
        json!({ "text": "x".repeat(2001) }),
        json!({ "text": "a\u{7}b" }),
        json!({ "text": "x", "language": "en GB" }),
        json!({ "text": "x", "language": "" }),
        json!({ "text": "x", "voice": "x".repeat(101) }),
        json!({ "text": "x", "voice": "../x" }),
        json!({ "text": 1 }),
        json!({ "text": "x", "speed": 2 }),
        json!({}),
    ] {
        let response = say(&server, &admin, call, bad.clone()).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    let long = "語".repeat(2000);
    assert_eq!(say(&server, &admin, call, json!({ "text": long })).await.status(), StatusCode::ACCEPTED);
    let there = say(&server, &admin, monitored, json!({ "text": "x" })).await;
    assert_eq!(code(there).await, "call_cannot_be_joined");
    for _ in 1..20 {
        queue(&server, &admin, call, "x").await;
    }
    assert_eq!(code(say(&server, &admin, call, json!({ "text": "x" })).await).await, "too_many_lines");
}

#[tokio::test]
async fn lines_end_with_their_stream() {
    for (reason, outcome) in [(StreamEnd::Stopped, "call_ended"), (StreamEnd::Lost, "unknown")] {
        let server = Server::start().await;
        let admin = server.login(1).await;
        let call = ring_agent(&server, &admin, 1, json!({})).await;
        let id = queue(&server, &admin, call, "One").await;
        server.bus.events.publish(NodeEvent::StreamEnded {
            node: server.node,
            tenant: admin.tenant,
            call,
            stream: stream_sid(1),
            reason,
        });
        server.until(&admin, &format!("/api/calls/{call}"), |call| call["media"]["live"] == false).await;
        let message = &server.get(&admin, &format!("/api/calls/{call}/messages")).await["messages"][0];
        assert_eq!((&message["outcome"], &message["say_id"]), (&json!(outcome), &json!(id)));
        assert_eq!(code(say(&server, &admin, call, json!({ "text": "x" })).await).await, "call_not_live");
    }
}

async fn say(server: &Server, person: &Person, call: CallId, body: Value) -> Response {
    server.send(person, Method::POST, &format!("/api/calls/{call}/say"), Some(body)).await
}

async fn queue(server: &Server, person: &Person, call: CallId, text: &str) -> SayId {
    let response = say(server, person, call, json!({ "text": text })).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    response.json::<Value>().await.unwrap()["id"].as_str().unwrap().parse().unwrap()
}

fn said(person: &Person, call: CallId, say: SayId, end: SayEnd) -> NodeEvent {
    NodeEvent::Said { tenant: person.tenant, call, say, end, media_ms: 9000 }
}
