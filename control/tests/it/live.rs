//! Live events over a WebSocket.

use std::time::Duration;

use common::bus::{NodeEvent, SessionEnd};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::server::{Person, Server, call_sid};
use super::sessions::{open, started};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::test]
async fn a_snapshot_and_then_every_event() {
    let server = Server::start().await;
    let person = server.login(1).await;
    server.ring(1, 1).await;
    let mut socket = live(&server, &person, "").await;
    let snapshot = next(&mut socket).await;
    assert_eq!((&snapshot["type"], &snapshot["resumed"]), (&json!("snapshot"), &json!(false)));
    assert_eq!(snapshot["calls"].as_array().unwrap().len(), 1);
    assert_eq!(snapshot["calls"][0]["call_sid"], call_sid(1).to_string());
    let mut seq = snapshot["seq"].as_i64().unwrap();

    let call = server.ring_live(&person, 1, 2).await;
    let (session, grant) = open(&server, &person, call).await;
    server.bus.events.publish(started(&server, &grant));
    let user = grant.user;
    server.bus.events.publish(NodeEvent::SessionEnded {
        tenant: grant.tenant,
        call,
        session,
        user,
        reason: SessionEnd::Left,
    });
    for (kind, status, listeners) in [
        ("call.incoming", "incoming", 0),
        ("call.answered", "in_progress", 0),
        ("call.media", "in_progress", 0),
        ("session.started", "in_progress", 1),
        ("session.ended", "in_progress", 0),
    ] {
        let event = next(&mut socket).await;
        seq += 1;
        assert_eq!((&event["type"], &event["seq"]), (&json!(kind), &json!(seq)));
        assert_eq!(event["call_id"], call.to_string());
        assert_eq!(event["call"]["listeners"], listeners, "{kind}");
        // The record is the one at the end of the transaction: an answer and its audio are one.
        assert_eq!(event["call"]["status"], status, "{kind}");
        assert_eq!(event["session"].is_object(), kind.starts_with("session."));
    }
    for ping in ["ping", r#"{"type":"ping"}"#] {
        socket.send(Message::text(ping)).await.unwrap();
        assert_eq!(next(&mut socket).await, json!({ "type": "pong" }));
    }
}

#[tokio::test]
async fn a_client_that_was_away_gets_what_it_missed_once() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let mut socket = live(&server, &person, "").await;
    let since = next(&mut socket).await["seq"].as_i64().unwrap();
    drop(socket);
    for call in 1..=3 {
        server.ring(1, call).await;
    }
    for _again in 0..2 {
        let mut socket = live(&server, &person, &format!("&since={since}")).await;
        let snapshot = next(&mut socket).await;
        assert_eq!((&snapshot["seq"], &snapshot["resumed"]), (&json!(since), &json!(true)));
        for n in 1..=3 {
            let event = next(&mut socket).await;
            assert_eq!((&event["seq"], &event["type"]), (&json!(since + n), &json!("call.incoming")));
        }
    }
    let mut socket = live(&server, &person, &format!("&since={}", since + 2)).await;
    next(&mut socket).await;
    assert_eq!(next(&mut socket).await["seq"], since + 3);
    server.ring(1, 4).await;
    assert_eq!(next(&mut socket).await["seq"], since + 4);

    // A number that was never given is nothing to resume from.
    let mut socket = live(&server, &person, "&since=999999").await;
    let snapshot = next(&mut socket).await;
    assert_eq!((&snapshot["seq"], &snapshot["resumed"]), (&json!(since + 4), &json!(false)));
}

#[tokio::test]
async fn another_tenants_event_is_never_seen() {
    let server = Server::start_with_two_tenants().await;
    let (owner, stranger) = (server.login(1).await, server.login(2).await);
    server.ring(1, 1).await;
    let mut theirs = live(&server, &stranger, "").await;
    assert_eq!(next(&mut theirs).await["calls"], json!([]));
    let mut resumed = live(&server, &stranger, "&since=0").await;
    next(&mut resumed).await;
    server.ring_live(&owner, 1, 2).await;
    server.ring(2, 3).await;
    for socket in [&mut theirs, &mut resumed] {
        let event = next(socket).await;
        assert_eq!(event["call"]["call_sid"], call_sid(3).to_string());
        assert_eq!(event["seq"], 1);
    }
    // What is read from the database for one who was away is their own too, and their numbers as well.
    server.ring_live(&owner, 1, 4).await;
    server.ring(2, 5).await;
    let mut away = live(&server, &stranger, "&since=0").await;
    assert_eq!(next(&mut away).await["seq"], 0);
    for (seq, call) in [(1, 3), (2, 5)] {
        let event = next(&mut away).await;
        assert_eq!(
            (&event["seq"], &event["call"]["call_sid"]),
            (&json!(seq), &json!(call_sid(call).to_string()))
        );
    }
}

#[tokio::test]
async fn only_a_token_from_an_allowed_page_gets_in() {
    let server = Server::start_with(|config| {
        config.allowed_origins = vec!["https://console.example.org".to_owned()];
    });
    let server = server.await;
    let person = server.login(1).await;
    let token = person.token.as_str();
    let good = format!("?token={token}");
    let protocol = format!("bearer.{token}");
    type Row<'a> = (&'a str, &'a str, Option<&'a str>, Option<&'a str>, u16);
    let table: [Row<'_>; 9] = [
        ("no token", "", None, None, 401),
        ("bad token", "?token=x", None, None, 401),
        ("bad protocol", "", Some("bearer.x"), None, 401),
        ("evil page", &good, None, Some("https://evil.example"), 403),
        ("no page", &good, None, Some("null"), 403),
        ("odd query", "?colour=red", None, None, 400),
        ("own page", &good, None, Some("https://calls.example.com"), 101),
        ("configured page", &good, None, Some("https://console.example.org"), 101),
        ("protocol", "", Some(&protocol), None, 101),
    ];
    for (name, query, protocol, origin, status) in table {
        let answer = handshake(&server, query, protocol, origin).await;
        assert_eq!(answer.status(), status, "{name}");
        assert_eq!(
            answer.headers().get("sec-websocket-protocol").is_some(),
            protocol.is_some() && status == 101
        );
    }
    let plain = server.request(Method::GET, &format!("/api/live{good}")).send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_socket_ends_with_the_token_and_with_the_sign_in() {
    let server = Server::start_with(|config| config.timings.access_token = Duration::from_secs(2)).await;
    let person = server.login(1).await;
    let mut socket = live(&server, &person, "").await;
    assert_eq!(close_code(&mut socket).await, 4001);

    let server = server.restart(|_| {}).await;
    let person = server.login(1).await;
    let mut socket = live(&server, &person, "").await;
    server.send(&person, Method::POST, "/api/auth/logout", None).await;
    assert_eq!(close_code(&mut socket).await, 4001);

    let person = server.login(1).await;
    let mut socket = live(&server, &person, "").await;
    next(&mut socket).await;
    let stopping = tokio::spawn(server.restart(|_| {}));
    assert_eq!(close_code(&mut socket).await, 1001);
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_client_that_says_what_it_may_not_is_closed() {
    let server = Server::start().await;
    let person = server.login(1).await;
    for (message, code) in
        [(Message::binary(vec![1, 2, 3]), Some(1003)), (Message::text("x".repeat(5000)), None)]
    {
        let mut socket = live(&server, &person, "").await;
        socket.send(message).await.unwrap();
        match code {
            Some(code) => assert_eq!(close_code(&mut socket).await, code),
            None => while let Some(Ok(_)) = socket.next().await {},
        }
    }
    let mut socket = live(&server, &person, "").await;
    for odd in ["", "{}", "[1", "{\"type\":\"from_the_future\"}", "ping"] {
        socket.send(Message::text(odd)).await.unwrap();
    }
    next(&mut socket).await;
    assert_eq!(next(&mut socket).await["type"], "pong", "what is not understood does no harm");
}

pub(crate) async fn live(server: &Server, person: &Person, more: &str) -> Socket {
    let url = format!("ws://{}/api/live?token={}{more}", server.addr, person.token);
    connect_async(url).await.unwrap().0
}

async fn handshake(
    server: &Server,
    query: &str,
    protocol: Option<&str>,
    origin: Option<&str>,
) -> Response<Option<Vec<u8>>> {
    let mut request = format!("ws://{}/api/live{query}", server.addr).into_client_request().unwrap();
    let pairs = [("sec-websocket-protocol", protocol), ("origin", origin)];
    for (name, value) in pairs.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((_, response)) => response,
        Err(Error::Http(response)) => *response,
        Err(other) => panic!("{other}"),
    }
}

/// The next message that is JSON.
pub(crate) async fn next(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.expect("open").unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn close_code(socket: &mut Socket) -> u16 {
    loop {
        match socket.next().await {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}
