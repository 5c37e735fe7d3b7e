//! Gateways that tell where they are: which takes a call, and where its listeners go.

use common::NodeId;
use common::bus::{NodeEvent, StreamEnd};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::server::{GATEWAY_URL, Server, stream_sid};
use super::sessions::open;

const NEAR: &str = "https://near.gw.example.com";

#[tokio::test]
async fn calls_go_where_a_gateway_says_it_is_and_listeners_go_after_them() {
    let server = Server::start_with(|config| {
        config.gateway_origins = vec!["https://*.gw.example.com".to_owned()];
    })
    .await;
    let person = server.login(1).await;
    assert!(
        server.ring(1, 1).await.contains("wss://media.example.com/twilio/media/"),
        "nobody has spoken yet"
    );

    let stranger = NodeId::new();
    server.bus.events.publish(alive(stranger, "https://evil.example"));
    server.bus.events.publish(alive(server.node, NEAR));
    let mut call = 1;
    loop {
        call += 1;
        let twiml = server.ring(1, call).await;
        assert!(!twiml.contains("evil"), "{twiml}");
        match twiml.contains("wss://near.gw.example.com/twilio/media/") {
            true => break,
            false => assert!(call < 500, "{twiml}"),
        }
    }
    assert_eq!(server.count("partyline_bus_missed_total", &[("why", "gateway_url")]), 1);

    let live = server.ring_live(&person, 1, 1000).await;
    let made = server
        .send(
            &person,
            Method::POST,
            &format!("/api/calls/{live}/sessions"),
            Some(json!({ "mode": "listen" })),
        )
        .await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let made: serde_json::Value = made.json().await.unwrap();
    assert_eq!(made["whep_url"], format!("{NEAR}/whep/{live}"));

    let page = server.request(Method::GET, "/").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    for allowed in [GATEWAY_URL, "https://*.gw.example.com", "wss://*.gw.example.com"] {
        assert!(policy.contains(&format!(" {allowed}")), "{policy}");
    }
}

#[tokio::test]
async fn without_leave_a_gateway_is_where_configuration_says() {
    let server = Server::start().await;
    let person = server.login(1).await;
    server.bus.events.publish(alive(server.node, NEAR));
    let call = server.ring_live(&person, 1, 1).await;
    // It asserts the configured URL.
    open(&server, &person, call).await;
}

#[tokio::test]
async fn what_every_control_process_hears_is_kept_once() {
    let first = Server::start().await;
    let person = first.login(1).await;
    let second = first.beside_on_the_bus().await;
    let call = first.ring_live(&person, 1, 1).await;
    for digit in "1#1".chars() {
        first.bus.events.publish(NodeEvent::Dtmf { tenant: person.tenant, call, digit });
    }
    let ended = NodeEvent::StreamEnded {
        node: first.node,
        tenant: person.tenant,
        call,
        stream: stream_sid(1),
        reason: StreamEnd::Lost,
    };
    first.bus.events.publish(ended);
    for server in [&first, &second] {
        server.until(&person, &format!("/api/calls/{call}"), |call| call["media"]["live"] == false).await;
        // Behind all that either has to say of it.
        let marker = server.ring_live(&person, 1, 2 + u32::from(server.addr == second.addr)).await;
        server.until(&person, &format!("/api/calls/{marker}"), |call| call["media"]["live"] == true).await;
    }
    let history = first.get(&person, &format!("/api/calls/{call}/events")).await;
    let media: Vec<&serde_json::Value> = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "call.media")
        .map(|event| match &event["data"]["dtmf"] {
            serde_json::Value::Null => &event["data"]["live"],
            digit => digit,
        })
        .collect();
    assert_eq!(media, [&json!(true), &json!("1"), &json!("#"), &json!("1"), &json!(false)]);
}

fn alive(node: NodeId, url: &str) -> NodeEvent {
    NodeEvent::NodeAlive {
        node,
        calls: Vec::new(),
        sessions: Vec::new(),
        url: Some(url.to_owned()),
        utilization: 0.5,
    }
}
