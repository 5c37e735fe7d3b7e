//! Calls that people answer in the console: whose they are, and who sees them.

use common::CallId;
use common::bus::NodeCommand;
use common::token::Side;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::live::{live, next};
use super::modes::{ask, changed, connect, ended, entries, events, ring_agent};
use super::server::{NUMBER, PASSWORD, Person, Server, code};
use super::sessions::command;

#[tokio::test]
async fn the_first_agent_to_answer_has_the_call() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let (first, second) = (server.hire(&admin, "agent").await, hire_another(&server, &admin).await);
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    let path = format!("/api/calls/{call}");
    assert_eq!(server.get(&first, &path).await["rings"], true);
    for mode in ["whisper", "takeover"] {
        assert_eq!(code(ask(&server, &first, call, mode).await).await, "forbidden", "it is not theirs yet");
    }
    // One who only listens to it while it rings hears it no more when somebody has it.
    let (listening, listener) = connect(&server, &second, call, "listen").await;

    let mut commands = server.bus.commands.subscribe();
    let (session, grant) = connect(&server, &first, call, "join").await;
    assert_eq!(grant.side, Side::Agent);
    assert_eq!(command(&mut commands).await, NodeCommand::EndSession { session: listening });
    assert_eq!(command(&mut commands).await, NodeCommand::CancelSay { call, say: None });
    server.bus.events.publish(ended(&listener));
    server.until(&first, &path, |call| call["listeners"] == 1).await;
    let record = server.get(&first, &path).await;
    assert_eq!((&record["answered_by"]["name"], &record["rings"]), (&json!("agent"), &json!(false)));
    assert_eq!(code(ask(&server, &second, call, "join").await).await, "call_already_answered");
    for sub in ["", "/events", "/messages", "/listeners", "/transcript"] {
        let theirs = server.send(&second, Method::GET, &format!("{path}{sub}"), None).await;
        assert_eq!(code(theirs).await, "not_found", "{sub}");
    }
    assert_eq!(code(ask(&server, &second, call, "listen").await).await, "not_found");
    for (sub, body) in [("/say", json!({ "text": "x" })), ("/hold", json!({ "held": true }))] {
        let theirs = server.send(&second, Method::POST, &format!("{path}{sub}"), Some(body.clone())).await;
        assert_eq!(code(theirs).await, "not_found", "{sub}");
        let mine = server.send(&first, Method::POST, &format!("{path}{sub}"), Some(body)).await;
        assert!(mine.status().is_success(), "{sub}");
    }

    // Its agent mutes themselves and speaks again, and may come back by another connection.
    let mine = format!("{path}/sessions/{session}");
    let muted = server.send(&first, Method::PATCH, &mine, Some(json!({ "mode": "listen" }))).await;
    assert_eq!(muted.status(), StatusCode::ACCEPTED);
    server.bus.events.publish(changed(&grant, common::token::Mode::Listen, 10));
    let is_muted = |body: &Value| body["listeners"][0]["mode"] == "listen";
    let listeners = server.until(&first, &format!("{path}/listeners"), is_muted).await;
    assert_eq!(listeners["listeners"][0]["side"], "agent");
    let loud = server.send(&first, Method::PATCH, &mine, Some(json!({ "mode": "join" }))).await;
    assert_eq!(loud.status(), StatusCode::ACCEPTED);
    server.bus.events.publish(ended(&grant));
    server.until(&first, &path, |call| call["listeners"] == 0).await;
    let again = ask(&server, &first, call, "join").await;
    assert_eq!(again.json::<Value>().await.unwrap()["side"], "agent");
    // A supervisor is beside a call that somebody has.
    let beside = ask(&server, &admin, call, "join").await;
    assert_eq!(beside.json::<Value>().await.unwrap()["side"], "beside");
    assert_eq!(entries(&server, &admin, "call.answered").await.len(), 1);
}

#[tokio::test]
async fn agents_who_answer_at_once_do_not_both_have_it() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let (first, second) = (server.hire(&admin, "agent").await, hire_another(&server, &admin).await);
    for n in 1..=5 {
        let call = ring_agent(&server, &admin, n, json!({})).await;
        let (one, other) =
            tokio::join!(ask(&server, &first, call, "join"), ask(&server, &second, call, "join"));
        let mut answers = [one.status().as_u16(), other.status().as_u16()];
        answers.sort_unstable();
        assert_eq!(answers, [201, 409]);
    }
}

#[tokio::test]
async fn a_call_rings_again_when_whoever_answered_never_came() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let agent = server.hire(&admin, "agent").await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    let answered: Value = ask(&server, &agent, call, "join").await.json().await.unwrap();
    let path = format!("/api/calls/{call}");
    assert_eq!(server.get(&admin, &path).await["rings"], false);
    let session = format!("{path}/sessions/{}", answered["id"].as_str().unwrap());
    let gone = server.send(&agent, Method::DELETE, &session, None).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let record = server.get(&agent, &path).await;
    assert_eq!((&record["rings"], &record["answered_by"]), (&json!(true), &Value::Null));
    let told = events(&server, &admin, call, "call.updated").await;
    assert_eq!(told.last().unwrap()["data"], json!({ "answered_by": null }));

    // A supervisor may answer too, and who is disabled has no call.
    let supervisor = server.hire(&admin, "supervisor").await;
    let answered = ask(&server, &supervisor, call, "join").await;
    assert_eq!(answered.json::<Value>().await.unwrap()["side"], "agent");
    let user = format!("/api/users/{}", supervisor.body["user"]["id"].as_str().unwrap());
    server.send(&admin, Method::PATCH, &user, Some(json!({ "disabled": true }))).await;
    assert_eq!(server.get(&agent, &path).await["rings"], true);
}

#[tokio::test]
async fn agents_lists_have_their_own_calls() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let (agent, other) = (server.hire(&admin, "agent").await, hire_another(&server, &admin).await);
    let monitored = server.ring_live(&admin, 1, 1).await;
    let mine = ring_agent(&server, &admin, 2, json!({})).await;
    let theirs = ring_agent(&server, &admin, 3, json!({})).await;
    let rings = ring_agent(&server, &admin, 4, json!({})).await;
    ask(&server, &agent, mine, "join").await;
    ask(&server, &other, theirs, "join").await;
    let ids = |body: &Value| -> Vec<CallId> {
        let calls = body["calls"].as_array().unwrap();
        calls.iter().map(|call| call["id"].as_str().unwrap().parse().unwrap()).collect()
    };
    assert_eq!(ids(&server.get(&agent, "/api/calls/active").await), [rings, mine]);
    assert_eq!(ids(&server.get(&agent, "/api/calls").await), [mine]);
    assert_eq!(ids(&server.get(&agent, "/api/calls?status=in_progress&q=anne").await), [mine]);
    assert_eq!(server.get(&agent, "/api/calls/latest").await["id"], json!(mine));
    assert_eq!(ids(&server.get(&admin, "/api/calls").await), [rings, theirs, mine, monitored]);
    for (call, status) in [(monitored, 404), (theirs, 404), (mine, 200), (rings, 200)] {
        let change = Some(json!({ "is_urgent": true }));
        let changed = server.send(&agent, Method::PATCH, &format!("/api/calls/{call}"), change).await;
        assert_eq!(changed.status(), status);
    }
}

#[tokio::test]
async fn an_agents_socket_tells_of_what_rings_and_what_is_theirs() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let (agent, other) = (server.hire(&admin, "agent").await, hire_another(&server, &admin).await);
    let before = ring_agent(&server, &admin, 1, json!({})).await;
    ask(&server, &other, before, "join").await;
    let mut socket = live(&server, &agent, "").await;
    let snapshot = next(&mut socket).await;
    assert_eq!(snapshot["calls"], json!([]), "another's");

    let mine = ring_agent(&server, &admin, 2, json!({})).await;
    // Before its audio comes it does not ring.
    let told = next(&mut socket).await;
    assert_eq!((&told["call_id"], &told["call"]["rings"]), (&json!(mine), &json!(true)));
    ask(&server, &agent, mine, "join").await;
    let mut told = next(&mut socket).await;
    while told["call"]["rings"] == true {
        told = next(&mut socket).await;
    }
    assert_eq!(
        (&told["type"], &told["call"]["answered_by"]["name"]),
        (&json!("call.updated"), &json!("agent"))
    );

    let theirs = ring_agent(&server, &admin, 3, json!({})).await;
    let mut told = next(&mut socket).await;
    assert_eq!((&told["call_id"], &told["call"]["rings"]), (&json!(theirs), &json!(true)));
    ask(&server, &other, theirs, "join").await;
    while told["call"]["rings"] == true {
        told = next(&mut socket).await;
    }
    let fields: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["at", "call", "call_id", "seq", "type"]);
    assert_eq!((&told["type"], &told["call"]), (&json!("call.updated"), &Value::Null));
    // What others do in it is not told; what is done in one's own is.
    server
        .send(&other, Method::PATCH, &format!("/api/calls/{theirs}"), Some(json!({ "is_urgent": true })))
        .await;
    server
        .send(&agent, Method::PATCH, &format!("/api/calls/{mine}"), Some(json!({ "is_urgent": true })))
        .await;
    assert_eq!(next(&mut socket).await["call_id"], json!(mine));
}

/// A second agent of the tenant.
pub(crate) async fn hire_another(server: &Server, admin: &Person) -> Person {
    let body =
        json!({ "email": "other@example.com", "name": "other", "role": "agent", "password": PASSWORD });
    let made = server.send(admin, Method::POST, "/api/users", Some(body)).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    server.login_as("other@example.com", PASSWORD).await
}

#[tokio::test]
async fn a_call_has_the_route_that_its_twiml_had() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    let path = format!("/api/numbers/{NUMBER}");
    server.send(&admin, Method::PATCH, &path, Some(json!({ "route": "monitor" }))).await;
    assert_eq!(server.get(&admin, &format!("/api/calls/{call}")).await["route"], "agent");
    assert_eq!(ask(&server, &admin, call, "whisper").await.status(), StatusCode::CREATED);
}
