//! Two processes on one database, at the same time.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::server::{PASSWORD, Person, Server, bootstrap, call_sid, code};
use super::webhooks::status;

/// How often what may go wrong is tried.
const ROUNDS: u32 = 8;

#[tokio::test]
async fn a_webhook_that_two_processes_get_at_once_is_one_call() {
    let one = Server::start().await;
    let other = one.beside().await;
    let person = one.login(1).await;
    for call in 1..=ROUNDS {
        let tries = [&one, &other, &one, &other].map(|server| server.ring(1, call));
        let tickets: Vec<_> = join_all(tries).await.iter().map(|twiml| one.ticket(twiml).call).collect();
        assert!(tickets.iter().all(|&ticket| ticket == tickets[0]), "{tickets:?}");
        let history = one.get(&person, &format!("/api/calls/{}/events", call_sid(call))).await;
        assert_eq!(history["events"].as_array().unwrap().len(), 1, "{history}");
    }
    let calls = one.get(&person, "/api/calls").await;
    assert_eq!(calls["calls"].as_array().unwrap().len(), ROUNDS as usize);
}

#[tokio::test]
async fn events_of_two_processes_are_numbered_without_holes() {
    let one = Server::start().await;
    let other = one.beside().await;
    let person = one.login(1).await;
    one.ring(1, 1).await;
    one.ring(1, 2).await;
    let changes = (0..40).map(|n| {
        let server = [&one, &other][n % 2];
        let path = format!("/api/calls/{}", call_sid(1 + n as u32 / 2 % 2));
        let person = &person;
        async move {
            let change = json!({ "notes": format!("change {n}") });
            // Who waits too long for their turn is told to come again, and nothing has happened.
            loop {
                let status = server.send(person, Method::PATCH, &path, Some(change.clone())).await.status();
                if status != StatusCode::SERVICE_UNAVAILABLE {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    });
    let statuses = join_all(changes).await;
    assert!(statuses.iter().all(|&status| status == StatusCode::OK), "{statuses:?}");
    for call in [1, 2] {
        let history = one.get(&person, &format!("/api/calls/{}/events", call_sid(call))).await;
        let numbers: Vec<i64> = history["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["seq"].as_i64().unwrap())
            .collect();
        assert_eq!(numbers, (1..=21).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn callbacks_that_two_processes_get_at_once_end_in_the_same_record() {
    let one = Server::start().await;
    let other = one.beside().await;
    let person = one.login(1).await;
    for call in 1..=ROUNDS {
        let callbacks = (0..10).map(|n| {
            let server = [&one, &other][n % 2];
            async move { status(server, call, n / 2).await }
        });
        let answers = join_all(callbacks).await;
        assert!(answers.iter().all(|&status| status == StatusCode::NO_CONTENT), "{answers:?}");
        let record = one.get(&person, &format!("/api/calls/{}", call_sid(call))).await;
        assert_eq!((&record["status"], &record["duration_seconds"]), (&json!("completed"), &json!(42)));
        assert_eq!(record["answered_at"], "2026-11-20T08:00:03Z");
        assert_eq!(record["ended_at"], "2026-11-20T08:00:04Z");
        let history = one.get(&person, &format!("/api/calls/{}/events", call_sid(call))).await;
        assert_eq!(history["events"].as_array().unwrap().len(), 6, "the beginning and one each: {history}");
    }
}

#[tokio::test]
async fn two_admins_cannot_take_the_last_admin_away_together() {
    let one = Server::start().await;
    let other = one.beside().await;
    let first = one.login(1).await;
    let hired = one.hire(&first, "admin").await;
    let mut admins = [first, hired];
    for _ in 0..ROUNDS {
        let [first, second] = &admins;
        let (of_first, of_second) = tokio::join!(demote(&one, first, second), demote(&other, second, first));
        let done = [of_first, of_second].map(|status| status == StatusCode::OK);
        assert_ne!(done[0], done[1], "one of them goes, and one stays: {of_first} {of_second}");
        // Whoever is left takes the other back in.
        let gone = usize::from(done[0]);
        let path = format!("/api/users/{}", admins[gone].body["user"]["id"].as_str().unwrap());
        let back = one.send(&admins[1 - gone], Method::PATCH, &path, Some(json!({ "role": "admin" }))).await;
        assert_eq!(back.status(), StatusCode::OK);
        let email = admins[gone].body["user"]["email"].as_str().unwrap().to_owned();
        admins[gone] = one.login_as(&email, PASSWORD).await;
    }
}

#[tokio::test]
async fn a_stolen_refresh_token_leaves_nothing_however_many_use_it_at_once() {
    let one = Server::start_with(|config| config.timings.refresh_grace = Duration::ZERO).await;
    let other = one.beside_with(|config| config.timings.refresh_grace = Duration::ZERO).await;
    for _ in 0..ROUNDS {
        let person = one.login(1).await;
        let newer = refresh(&one, &person.cookie).await.expect("the first use");
        // The grace is over in the next millisecond.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let tries = (0..8).map(|n| {
            let server = [&one, &other][n % 2];
            let cookie = if n < 4 { &person.cookie } else { &newer.cookie };
            refresh(server, cookie)
        });
        for got in join_all(tries).await.into_iter().flatten().chain([newer]) {
            assert!(refresh(&one, &got.cookie).await.is_none(), "a refresh token outlived the theft");
            let me = other.send(&got, Method::GET, "/api/me", None).await;
            assert_eq!(code(me).await, "unauthorized");
        }
    }
}

#[tokio::test]
async fn two_tabs_of_two_processes_stay_signed_in() {
    let one = Server::start().await;
    let other = one.beside().await;
    let person = one.login(1).await;
    let tries = (0..8).map(|n| refresh([&one, &other][n % 2], &person.cookie));
    for got in join_all(tries).await {
        let got = got.expect("within the grace every tab gets one");
        assert!(refresh(&one, &got.cookie).await.is_some());
    }
}

#[tokio::test]
async fn the_first_tenant_of_two_processes_is_one() {
    let one = Server::start_with(|config| config.bootstrap = None).await;
    let with_tenant = |config: &mut control::Config| config.bootstrap = Some(bootstrap(1));
    let (a, b) = tokio::join!(one.beside_with(with_tenant), one.beside_with(with_tenant));
    let people = [a.login(1).await, b.login(1).await];
    assert_eq!(people[0].body["user"], people[1].body["user"]);
}

async fn demote(server: &Server, by: &Person, whom: &Person) -> StatusCode {
    let path = format!("/api/users/{}", whom.body["user"]["id"].as_str().unwrap());
    server.send(by, Method::PATCH, &path, Some(json!({ "role": "viewer" }))).await.status()
}

async fn refresh(server: &Server, cookie: &str) -> Option<Person> {
    let request = server.request(Method::POST, "/api/auth/refresh").header("cookie", cookie);
    let response = request.send().await.unwrap();
    assert!(matches!(response.status(), StatusCode::OK | StatusCode::UNAUTHORIZED), "{response:?}");
    match response.status() == StatusCode::OK {
        true => Some(Person::of(response).await),
        false => None,
    }
}
