//! Callers who wait for a person: what they are told, and what becomes of them.

use common::bus::{BotState, NodeCommand};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::bots::bot;
use super::line::Lab;
use super::modes::{ask, connect, ring_agent};
use super::server::{NUMBER, Server, call_sid, dials};
use super::sessions::command;

#[tokio::test]
async fn a_caller_is_told_to_wait_until_somebody_comes() {
    let server =
        Server::start_with(|config| config.timings.tick = std::time::Duration::from_millis(20)).await;
    let admin = server.login(1).await;
    let waiting = json!({ "text": "Bitte warten", "language": "de-DE", "voice": "x", "every_seconds": 5 });
    for (n, settings, expected) in [
        (
            1,
            json!({ "waiting": null }),
            ("Please wait. Somebody will be with you soon.", Some("en-US"), None),
        ),
        (2, json!({ "waiting": waiting }), ("Bitte warten", Some("de-DE"), Some("x"))),
    ] {
        let mut commands = server.bus.commands.subscribe();
        let call = ring_agent(&server, &admin, n, settings).await;
        let NodeCommand::Say { call: of, text, language, voice, .. } = command(&mut commands).await else {
            panic!("nothing is said")
        };
        assert_eq!(
            (of, text.as_str(), language.as_deref(), voice.as_deref()),
            (call, expected.0, expected.1, expected.2)
        );
        ask(&server, &admin, call, "join").await;
        // What is said next is nothing: the command is the answer's.
        assert_eq!(command(&mut commands).await, NodeCommand::CancelSay { call, say: None });
        assert_eq!(server.get(&admin, &format!("/api/calls/{call}/messages")).await["messages"], json!([]));
    }
    let path = format!("/api/numbers/{NUMBER}");
    for bad in [
        json!({ "every_seconds": 4 }),
        json!({ "give_up_seconds": 3601 }),
        json!({ "text": "x".repeat(501) }),
        json!({ "text": "a\nb" }),
        json!({ "language": "" }),
        json!({ "voice": "a b" }),
        json!({ "music": "x" }),
    ] {
        let change = json!({ "settings": { "waiting": bad } });
        let response = server.send(&admin, Method::PATCH, &path, Some(change)).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
}

#[tokio::test]
async fn a_caller_for_whom_nobody_comes_is_told_again_and_then_let_go() {
    for (dial, expected) in [
        (json!("+15550188"), ("Twiml", dials("+15550188"))),
        (Value::Null, ("Status", "completed".to_owned())),
    ] {
        let lab = Lab::new().await;
        let mut commands = lab.server.bus.commands.subscribe();
        let waiting = json!({ "every_seconds": 5, "give_up_seconds": 6 });
        let (_call, id) = lab.call_with(1, json!({ "waiting": waiting, "dial": dial })).await;
        for _ in 0..2 {
            assert!(matches!(command(&mut commands).await, NodeCommand::Say { call, .. } if call == id));
        }
        let asked = until_asked(&lab).await;
        assert_eq!((asked[0][0].0.as_str(), asked[0][0].1.ends_with(&expected.1)), (expected.0, true));
        let path = format!("/api/calls/{id}/events");
        let left = |body: &Value| {
            let events = body["events"].as_array().unwrap();
            events.iter().any(|event| event["data"]["reason"] == "nobody_answered")
        };
        lab.server.until(&lab.admin, &path, left).await;
    }
}

#[tokio::test]
async fn a_call_that_its_bot_is_done_with_ends_unless_somebody_speaks_in_it() {
    let lab = Lab::new().await;
    let settings = json!({ "bot": { "kind": "stream", "url": "ws://127.0.0.1:9" } });
    let (_spoken_in, spoken) = lab.call_with(2, settings.clone()).await;
    let (_alone, call) = lab.call_with(1, settings).await;
    for call in [spoken, call] {
        lab.server.bus.events.publish(bot(&lab.admin, call, BotState::Active, None));
        let path = format!("/api/calls/{call}");
        lab.server.until(&lab.admin, &path, |call| call["bot"] == "active").await;
    }
    connect(&lab.server, &lab.admin, spoken, "takeover").await;
    for call in [spoken, call] {
        lab.server.bus.events.publish(bot(&lab.admin, call, BotState::Gone, None));
    }
    assert_eq!(until_asked(&lab).await, [vec![("Status".to_owned(), "completed".to_owned())]]);
    assert!(lab.asked(call_sid(2)).is_empty(), "somebody speaks there");
    let record = lab.server.get(&lab.admin, &format!("/api/calls/{spoken}")).await;
    assert_eq!((&record["bot"], &record["status"]), (&json!("gone"), &json!("in_progress")));
    lab.server.send(&lab.admin, Method::POST, &format!("/api/calls/{spoken}/end"), None).await;
}

/// Waits until Twilio was asked to do something with call 1.
async fn until_asked(lab: &Lab) -> Vec<Vec<(String, String)>> {
    loop {
        let asked = lab.asked(call_sid(1));
        if !asked.is_empty() {
            return asked;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
