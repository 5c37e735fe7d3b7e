//! What nobody ended is ended.

use std::time::Duration;

use common::bus::{NodeEvent, StreamEnd};
use control::{Config, Timings};
use serde_json::json;

use super::server::{Server, call_sid, stream_sid};
use super::sessions::{alive, open, started};

/// Times that a test can wait for.
fn short(config: &mut Config) {
    config.timings = Timings {
        node_silence: Duration::from_millis(300),
        absence: Duration::ZERO,
        call_silence: Duration::from_millis(600),
        call_given_up: Duration::from_millis(600),
        tick: Duration::from_millis(20),
        ..Timings::default()
    };
}

/// A gateway that never falls silent, and calls that are never given up.
fn patient(config: &mut Config) {
    config.timings.absence = Duration::ZERO;
    config.timings.node_silence = Duration::from_secs(3600);
}

#[tokio::test]
async fn after_a_kill_no_call_stays_in_progress_and_records_are_whole() {
    let server = Server::start_with(patient).await;
    let person = server.login(1).await;
    let mut calls = Vec::new();
    for call in 1..=5 {
        calls.push(server.ring_live(&person, 1, call).await);
    }
    let (_, grant) = open(&server, &person, calls[0]).await;
    server.bus.events.publish(started(&server, &grant));
    server.until(&person, &format!("/api/calls/{}", calls[0]), |call| call["listeners"] == 1).await;

    let server = server.kill_and_restart(short).await;
    for call in calls {
        let path = format!("/api/calls/{call}");
        let record = server.until(&person, &path, |call| call["status"] == "completed").await;
        assert_eq!((&record["media"]["live"], &record["listeners"]), (&json!(false), &json!(0)));
        for field in ["started_at", "answered_at", "ended_at", "duration_seconds"] {
            assert!(!record[field].is_null(), "{field}: {record}");
        }
        let history = server.get(&person, &format!("{path}/events")).await;
        let events = history["events"].as_array().unwrap();
        let numbers: Vec<i64> = events.iter().map(|event| event["seq"].as_i64().unwrap()).collect();
        assert_eq!(numbers, (1..=events.len() as i64).collect::<Vec<_>>());
        let last = events.last().unwrap();
        assert_eq!((&last["type"], &last["data"]["reason"]), (&json!("call.ended"), &json!("reconciled")));
    }
    assert_eq!(server.count("partyline_reconciled_calls_total", &[("reason", "no_word")]), 5);
    assert_eq!(server.count("partyline_reconciled_calls_total", &[("reason", "node_lost")]), 5);
}

#[tokio::test]
async fn a_gateway_that_lives_keeps_its_calls_over_a_restart_of_control() {
    let server = Server::start_with(patient).await;
    let person = server.login(1).await;
    let kept = server.ring_live(&person, 1, 1).await;
    let lost = server.ring_live(&person, 1, 2).await;
    let node = server.node;
    let mut server = server.kill_and_restart(patient).await;
    server.node = node;
    server.bus.events.publish(alive(&server, &[kept], &[]));
    server.until(&person, &format!("/api/calls/{lost}"), |call| call["media"]["live"] == false).await;
    let call = server.get(&person, &format!("/api/calls/{kept}")).await;
    assert_eq!((&call["media"]["live"], &call["status"]), (&json!(true), &json!("in_progress")));
}

#[tokio::test]
async fn the_heartbeat_is_the_truth() {
    let server = Server::start_with(patient).await;
    let person = server.login(1).await;
    let call = server.ring_live(&person, 1, 1).await;
    let path = format!("/api/calls/{call}");
    let (session, grant) = open(&server, &person, call).await;

    // A session whose start was lost.
    server.bus.events.publish(alive(&server, &[call], &[session]));
    server.until(&person, &path, |call| call["listeners"] == 1).await;
    // A session whose end was lost.
    server.bus.events.publish(alive(&server, &[call], &[]));
    server.until(&person, &path, |call| call["listeners"] == 0).await;
    // A stream whose end was lost, and then one whose start was.
    server.bus.events.publish(alive(&server, &[], &[]));
    server.until(&person, &path, |call| call["media"]["live"] == false).await;
    server.bus.events.publish(alive(&server, &[call], &[]));
    let again = server.until(&person, &path, |call| call["media"]["live"] == true).await;
    assert_eq!(again["media"]["tracks"], json!(["inbound", "outbound"]));

    // A session that is over does not come back, and a call of nobody's does no harm.
    server.bus.events.publish(alive(&server, &[call, common::CallId::new()], &[session]));
    server.bus.events.publish(started(&server, &grant));
    server.bus.events.publish(NodeEvent::Dtmf { tenant: person.tenant, call, digit: '#' });
    let events = format!("{path}/events");
    let history = server
        .until(&person, &events, |history| {
            history["events"].as_array().unwrap().last().unwrap()["data"] == json!({ "dtmf": "#" })
        })
        .await;
    let of = |kind: &str| {
        history["events"].as_array().unwrap().iter().filter(|event| event["type"] == kind).count()
    };
    assert_eq!((of("session.started"), of("session.ended")), (1, 1));
}

#[tokio::test]
async fn an_old_streams_end_does_not_silence_the_new_one() {
    let server = Server::start_with(patient).await;
    let person = server.login(1).await;
    let call = server.ring_live(&person, 1, 1).await;
    let tenant = person.tenant;
    server.bus.events.publish(NodeEvent::StreamStarted {
        node: server.node,
        tenant,
        call,
        call_sid: call_sid(1),
        stream: stream_sid(9),
        tracks: vec!["inbound".to_owned()],
    });
    let ended = |stream, reason| NodeEvent::StreamEnded { node: server.node, tenant, call, stream, reason };
    server.bus.events.publish(ended(stream_sid(1), StreamEnd::Lost));
    server.bus.events.publish(ended(stream_sid(9), StreamEnd::Replaced));
    server.bus.events.publish(NodeEvent::Dtmf { tenant, call, digit: '1' });
    let history = server
        .until(&person, &format!("/api/calls/{call}/events"), |history| {
            history["events"].as_array().unwrap().last().unwrap()["data"] == json!({ "dtmf": "1" })
        })
        .await;
    assert_eq!(history["events"].as_array().unwrap().len(), 5, "{history}");
    let record = server.get(&person, &format!("/api/calls/{call}")).await;
    assert_eq!(record["media"]["tracks"], json!(["inbound"]));
    assert_eq!(record["media"]["live"], true);
    server.bus.events.publish(ended(stream_sid(9), StreamEnd::Stopped));
    server.until(&person, &format!("/api/calls/{call}"), |call| call["media"]["live"] == false).await;
}

#[tokio::test]
async fn audio_brings_a_call_back_that_was_given_up() {
    let server = Server::start_with(short).await;
    let person = server.login(1).await;
    server.ring(1, 1).await;
    let path = format!("/api/calls/{}", call_sid(1));
    let given_up = server.until(&person, &path, |call| call["status"] == "completed").await;
    let call = given_up["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(given_up["duration_seconds"], 0);
    server.bus.events.publish(alive(&server, &[call], &[]));
    let back = server.until(&person, &path, |call| call["media"]["live"] == true).await;
    assert_eq!((&back["status"], &back["ended_at"]), (&json!("in_progress"), &json!(null)));
}
