//! Who is cut off: at once in the API, within seconds on sockets and calls, on every node.

use std::collections::BTreeSet;

use common::SessionId;
use common::bus::{NodeCommand, NodeEvent, Subscription};
use common::token::ListenGrant;
use futures_util::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::keys::make_key;
use super::server::{PASSWORD, Person, Server, code, cookie, email};
use super::sessions::{alive, command, open, started};

#[tokio::test]
async fn another_node_ends_what_this_one_carries() {
    let one = Server::start().await;
    let other = one.beside().await;
    let admin = one.login(1).await;
    let viewer = one.hire(&admin, "viewer").await;
    let id = viewer.body["user"]["id"].as_str().unwrap().to_owned();
    let call = one.ring_live(&admin, 1, 1).await;
    let (session, grant) = open(&one, &viewer, call).await;
    one.bus.events.publish(started(&one, &grant));
    one.until(&admin, &format!("/api/calls/{call}"), |call| call["listeners"] == 1).await;
    let url = format!("ws://{}/api/live?token={}", one.addr, viewer.token);
    let (mut socket, _) = tokio_tungstenite::connect_async(url.into_client_request().unwrap()).await.unwrap();

    let mut commands = one.bus.commands.subscribe();
    let disabled = json!({ "disabled": true });
    let done = other.send(&admin, Method::PATCH, &format!("/api/users/{id}"), Some(disabled)).await;
    assert_eq!(done.status(), StatusCode::OK);
    assert_eq!(one.send(&viewer, Method::GET, "/api/me", None).await.status(), StatusCode::UNAUTHORIZED);
    // The gateway's next sign of life, each second, is answered by what it must end.
    one.bus.events.publish(alive(&one, &[call], &[session]));
    assert_eq!(command(&mut commands).await, NodeCommand::EndSession { session });
    let close = loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Close(close) => break close.unwrap(),
            Message::Text(_) | Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(u16::from(close.code), 4001);
}

#[tokio::test]
async fn what_was_granted_and_not_yet_used_is_good_for_nothing() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let viewer = server.hire(&admin, "viewer").await;
    let call = server.ring_live(&admin, 1, 1).await;
    let (session, grant) = open(&server, &viewer, call).await;
    let out = server.send(&viewer, Method::POST, "/api/auth/logout", None).await;
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    let mut commands = server.bus.commands.subscribe();
    server.bus.events.publish(started(&server, &grant));
    assert_eq!(command(&mut commands).await, NodeCommand::EndSession { session });
    assert_eq!(server.get(&admin, &format!("/api/calls/{call}")).await["listeners"], 0);
}

#[tokio::test]
async fn each_is_cut_off_alone() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let viewer = server.hire(&admin, "viewer").await;
    let elsewhere = server.login_as("viewer@example.com", PASSWORD).await;
    let key = make_key(&server, &admin, &["calls:listen"]).await;
    let call = server.ring_live(&admin, 1, 1).await;
    let by_key = Person { token: key.clone(), ..admin.clone() };
    let people = [&admin, &viewer, &elsewhere, &by_key];
    let mut sessions = Vec::new();
    for person in people {
        let (session, grant) = open(&server, person, call).await;
        server.bus.events.publish(started(&server, &grant));
        sessions.push(session);
    }
    let path = format!("/api/calls/{call}");
    server.until(&admin, &path, |call| call["listeners"] == 4).await;
    let (over, last) = open(&server, &admin, call).await;
    let closed = server.send(&admin, Method::DELETE, &format!("{path}/sessions/{over}"), None).await;
    assert_eq!(closed.status(), StatusCode::NO_CONTENT);
    let mut commands = server.bus.commands.subscribe();
    let all = alive(&server, &[call], &sessions);

    // One sign-in.
    let out = server.send(&viewer, Method::POST, "/api/auth/logout", None).await;
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    assert_eq!(ended(&mut commands, &server, &all, &last).await, [sessions[1]]);
    server.get(&elsewhere, "/api/me").await;
    // All of a person's.
    let out = server.send(&elsewhere, Method::POST, "/api/auth/logout?everywhere=true", None).await;
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    assert_eq!(ended(&mut commands, &server, &all, &last).await, [sessions[1], sessions[2]]);
    // A key's, and not its person's.
    let revoked = server.send(&admin, Method::DELETE, &format!("/api/keys/{}", &key[..20]), None).await;
    assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    assert_eq!(ended(&mut commands, &server, &all, &last).await, [sessions[1], sessions[2], sessions[3]]);
    server.get(&admin, "/api/me").await;
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_sign_in_and_no_key() {
    let server = Server::start().await;
    let (here, there) = (server.login(1).await, server.login(1).await);
    let key = make_key(&server, &here, &["calls:read"]).await;
    let by_cookie =
        server.request(Method::POST, "/api/auth/logout?everywhere=true").header("cookie", &here.cookie);
    assert_eq!(by_cookie.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    for person in [&here, &there] {
        assert_eq!(code(server.send(person, Method::GET, "/api/me", None).await).await, "unauthorized");
        let refresh = server.request(Method::POST, "/api/auth/refresh").header("cookie", &person.cookie);
        assert_eq!(refresh.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let program = server.request(Method::GET, "/api/calls").bearer_auth(&key).send().await.unwrap();
    assert_eq!(program.status(), StatusCode::OK);
    let bad = server.request(Method::POST, "/api/auth/logout?everywhere=maybe").send().await.unwrap();
    assert_eq!(code(bad).await, "bad_request");
}

#[tokio::test]
async fn a_new_password_ends_the_other_sign_ins() {
    let server = Server::start().await;
    let (here, there) = (server.login(1).await, server.login(1).await);
    let change = |old: &str, new: &str| {
        let body = json!({ "old": old, "new": new });
        server.send(&here, Method::POST, "/api/auth/password", Some(body))
    };
    let long = "x".repeat(1025);
    for (old, new, expected) in [
        ("wrong", "another password", "wrong_password"),
        (&long, "another password", "wrong_password"),
        (PASSWORD, "short", "invalid_value"),
        (PASSWORD, &long, "invalid_value"),
    ] {
        assert_eq!(code(change(old, new).await).await, expected, "{new}");
    }
    server.get(&there, "/api/me").await;
    assert_eq!(change(PASSWORD, "another password").await.status(), StatusCode::NO_CONTENT);
    server.get(&here, "/api/me").await;
    assert_eq!(code(server.send(&there, Method::GET, "/api/me", None).await).await, "unauthorized");
    let old = json!({ "email": email(1), "password": PASSWORD });
    let old = server.request(Method::POST, "/api/auth/login").json(&old).send().await.unwrap();
    assert_eq!(code(old).await, "bad_credentials");
    server.login_as(&email(1), "another password").await;

    let key = make_key(&server, &here, &["calls:read"]).await;
    let body = json!({ "old": "another password", "new": PASSWORD });
    let by_key = server.request(Method::POST, "/api/auth/password").bearer_auth(&key).json(&body);
    assert_eq!(code(by_key.send().await.unwrap()).await, "forbidden");
}

#[tokio::test]
async fn who_is_invited_comes_once() {
    let server = Server::start_with_two_tenants().await;
    let (admin, stranger) = (server.login(1).await, server.login(2).await);
    let invite = |body: Value| server.send(&admin, Method::POST, "/api/invitations", Some(body));
    let made = invite(json!({ "email": " Nina@Example.com", "role": "supervisor" })).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let made: Value = made.json().await.unwrap();
    let link = made["link"].as_str().unwrap();
    let (page, token) = link.split_once('#').unwrap();
    assert!(page.ends_with("/invitation") && token.starts_with(made["id"].as_str().unwrap()), "{link}");
    let list = server.get(&admin, "/api/invitations").await;
    assert_eq!(list["invitations"][0]["email"], "nina@example.com");
    assert!(!list.to_string().contains(token));
    assert_eq!(server.get(&stranger, "/api/invitations").await["invitations"], json!([]));

    let accept = |token: &str| {
        let body = json!({ "token": token, "name": "Nina", "password": PASSWORD });
        server.request(Method::POST, "/api/auth/invitation").json(&body).send()
    };
    assert_eq!(code(accept("inv_x").await.unwrap()).await, "not_found");
    let short = json!({ "token": token, "name": "Nina", "password": "short" });
    let short = server.request(Method::POST, "/api/auth/invitation").json(&short).send().await.unwrap();
    assert_eq!(code(short).await, "invalid_value");
    let accepted = accept(token).await.unwrap();
    assert_eq!(accepted.status(), StatusCode::OK);
    assert!(cookie(&accepted).is_some());
    let nina = Person::of(accepted).await;
    assert_eq!((&nina.body["user"]["role"], nina.tenant), (&json!("supervisor"), admin.tenant));
    assert_eq!(server.get(&nina, "/api/me").await, nina.body["user"]);
    assert_eq!(code(accept(token).await.unwrap()).await, "not_found", "once");
    server.login_as("nina@example.com", PASSWORD).await;
    assert_eq!(server.get(&admin, "/api/invitations").await["invitations"], json!([]));

    assert_eq!(code(invite(json!({ "email": email(2), "role": "viewer" })).await).await, "email_taken");
    for bad in
        [json!({ "email": "x", "role": "viewer" }), json!({ "email": "a@b", "role": "king" }), json!({})]
    {
        assert_eq!(invite(bad).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn an_invitation_ends_by_a_newer_one_by_its_admin_and_by_time() {
    let server =
        Server::start_with(|config| config.timings.invitation = std::time::Duration::from_secs(2)).await;
    let admin = server.login(1).await;
    let token_of = async |email: &str| {
        let body = json!({ "email": email, "role": "viewer" });
        let made = server.send(&admin, Method::POST, "/api/invitations", Some(body)).await;
        let made: Value = made.json().await.unwrap();
        made["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned()
    };
    let accept = async |token: &str| {
        let body = json!({ "token": token, "name": "x", "password": PASSWORD });
        server.request(Method::POST, "/api/auth/invitation").json(&body).send().await.unwrap()
    };
    let old = token_of("a@example.com").await;
    let new = token_of("a@example.com").await;
    assert_eq!(code(accept(&old).await).await, "not_found");
    assert_eq!(accept(&new).await.status(), StatusCode::OK);
    let revoked = token_of("b@example.com").await;
    let path = format!("/api/invitations/{}", &revoked[..20]);
    assert_eq!(server.send(&admin, Method::DELETE, &path, None).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(code(server.send(&admin, Method::DELETE, &path, None).await).await, "not_found");
    assert_eq!(code(accept(&revoked).await).await, "not_found");
    let late = token_of("c@example.com").await;
    while server.get(&admin, "/api/invitations").await["invitations"] != json!([]) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(code(accept(&late).await).await, "not_found");
}

/// The sessions that the gateway is told to end when it says what it holds. `last` is the start of one that is over
/// already: what it is told of that comes behind all else.
async fn ended(
    commands: &mut Subscription<NodeCommand>,
    server: &Server,
    alive: &NodeEvent,
    last: &ListenGrant,
) -> Vec<SessionId> {
    server.bus.events.publish(alive.clone());
    server.bus.events.publish(started(server, last));
    let mut seen = BTreeSet::new();
    loop {
        match command(commands).await {
            NodeCommand::EndSession { session } if session == last.session => break,
            NodeCommand::EndSession { session } => drop(seen.insert(session)),
            other => panic!("{other:?}"),
        }
    }
    seen.into_iter().collect()
}
