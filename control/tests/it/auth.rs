//! Signing in and staying signed in.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, Response, StatusCode};
use serde_json::json;

use super::server::{PASSWORD, Person, Server, code, cookie, email};

#[tokio::test]
async fn a_person_signs_in_refreshes_and_signs_out() {
    let server = Server::start().await;
    let login = json!({ "email": " Admin1@Example.com", "password": PASSWORD });
    let response = server.request(Method::POST, "/api/auth/login").json(&login).send().await.unwrap();
    let set_cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/api/auth"] {
        assert!(set_cookie.contains(attribute), "{set_cookie}");
    }
    let person = Person::of(response).await;
    assert_eq!(person.body["token_type"], "Bearer");
    assert_eq!(person.body["expires_in"], 600);

    let me = server.get(&person, "/api/me").await;
    assert_eq!(me, person.body["user"]);
    assert_eq!((&me["email"], &me["role"]), (&json!(email(1)), &json!("admin")));
    assert_eq!(me["tenant"]["name"], "Tenant 1");

    let refreshed = Person::of(refresh(&server, &person.cookie).await).await;
    assert_ne!(refreshed.cookie, person.cookie);
    server.get(&refreshed, "/api/me").await;

    let logout = server.request(Method::POST, "/api/auth/logout").header("cookie", &refreshed.cookie);
    let logout = logout.send().await.unwrap();
    assert_eq!(logout.status(), StatusCode::NO_CONTENT);
    assert!(logout.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    let after = server.send(&refreshed, Method::GET, "/api/me", None).await;
    assert_eq!(after.status(), StatusCode::UNAUTHORIZED, "the access token ends with the sign-in");
    assert_eq!(code(refresh(&server, &refreshed.cookie).await).await, "unauthorized");
}

#[tokio::test]
async fn two_tabs_may_refresh_at_once() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let one = Person::of(refresh(&server, &person.cookie).await).await;
    let other = Person::of(refresh(&server, &person.cookie).await).await;
    assert_ne!(one.cookie, other.cookie);
    for tab in [one, other] {
        assert_eq!(refresh(&server, &tab.cookie).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn an_old_refresh_token_ends_the_sign_in() {
    let server = Server::start_with(|config| config.timings.refresh_grace = Duration::ZERO).await;
    let person = server.login(1).await;
    let apart = server.login(1).await;
    let thief = Person::of(refresh(&server, &person.cookie).await).await;
    // The grace is over in the next millisecond.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let reused = refresh(&server, &person.cookie).await;
    assert_eq!(reused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(server.count("partyline_auth_failures_total", &[("kind", "refresh_reuse")]), 1);

    assert_eq!(refresh(&server, &thief.cookie).await.status(), StatusCode::UNAUTHORIZED);
    let access = server.send(&thief, Method::GET, "/api/me", None).await;
    assert_eq!(access.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&server, &apart.cookie).await.status(), StatusCode::OK, "another sign-in goes on");
}

#[tokio::test]
async fn bad_logins_get_the_answer_they_deserve() {
    let server = Server::start().await;
    let right = email(1);
    let long = "x".repeat(2000);
    let huge = format!(r#"{{"email":"a","password":"{}"}}"#, "x".repeat(100_000));
    let table: [(&str, String, u16, &str); 12] = [
        ("wrong password", json!({"email": right, "password": "wrong"}).to_string(), 401, "bad_credentials"),
        (
            "nobody",
            json!({"email": "nobody@example.com", "password": PASSWORD}).to_string(),
            401,
            "bad_credentials",
        ),
        ("empty", json!({"email": "", "password": ""}).to_string(), 401, "bad_credentials"),
        ("sql", json!({"email": "' OR 1=1 --", "password": "x"}).to_string(), 401, "bad_credentials"),
        ("long password", json!({"email": right, "password": long}).to_string(), 401, "bad_credentials"),
        ("long email", json!({"email": long, "password": PASSWORD}).to_string(), 401, "bad_credentials"),
        ("nul", json!({"email": "a\u{0}b", "password": "\u{0}"}).to_string(), 401, "bad_credentials"),
        ("no password", json!({"email": right}).to_string(), 422, "invalid_body"),
        (
            "more",
            json!({"email": right, "password": PASSWORD, "role": "admin"}).to_string(),
            422,
            "invalid_body",
        ),
        ("not text", json!({"email": 1, "password": []}).to_string(), 422, "invalid_body"),
        ("not JSON", "{".to_owned(), 400, "bad_request"),
        ("huge", huge, 413, "too_large"),
    ];
    for (name, body, status, expected) in table {
        let request =
            server.request(Method::POST, "/api/auth/login").header("content-type", "application/json");
        let response = request.body(body).send().await.unwrap();
        assert!(response.headers().get("set-cookie").is_none(), "{name}");
        assert_eq!(response.status(), status, "{name}");
        assert_eq!(code(response).await, expected, "{name}");
    }
    let plain = server.request(Method::POST, "/api/auth/login").body("{}").send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn too_many_tries_for_one_person_have_to_wait() {
    let server = Server::start().await;
    // All at once: one after the other, on a slow machine, a try would have come back meanwhile.
    let tries = (0..25).map(|_| {
        let body = json!({ "email": "victim@example.com", "password": "guess" });
        server.request(Method::POST, "/api/auth/login").json(&body).send()
    });
    let answers = join_all(tries).await.into_iter().map(Result::unwrap);
    let refused: Vec<_> = answers.filter(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS).collect();
    let all = refused.len() as u64;
    for answer in refused {
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=6).contains(&wait), "{wait}");
        assert_eq!(code(answer).await, "rate_limited");
    }
    // A machine that is slower still has too many passwords to check at one time.
    let of = |scope| server.count("partyline_rate_limited_total", &[("scope", scope)]);
    assert!(of("login_email") > 0);
    assert_eq!(of("login_email") + of("login_busy"), all);
    server.login(1).await;
}

#[tokio::test]
async fn bad_tokens_are_refused() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let mut forged = person.token.clone();
    forged.pop();
    for header in
        ["", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", &format!("Bearer {forged}"), &person.token]
    {
        let response =
            server.request(Method::GET, "/api/me").header("authorization", header).send().await.unwrap();
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(code(response).await, "unauthorized", "{header}");
    }
    for cookie in ["", "partyline_refresh=", "partyline_refresh=x", "other=1"] {
        assert_eq!(refresh(&server, cookie).await.status(), StatusCode::UNAUTHORIZED, "{cookie}");
    }
    let foreign = server.request(Method::POST, "/api/auth/refresh").header("cookie", &person.cookie);
    let foreign = foreign.header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!(code(foreign).await, "forbidden");
    assert_eq!(refresh(&server, &person.cookie).await.status(), StatusCode::OK, "that used nothing up");
}

#[tokio::test]
async fn a_role_counts_from_the_next_request_on() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let viewer = server.hire(&admin, "viewer").await;
    for (method, path) in [(Method::GET, "/api/users"), (Method::DELETE, "/api/numbers/+15550100")] {
        let response = server.send(&viewer, method, path, None).await;
        assert_eq!(code(response).await, "forbidden", "{path}");
    }
    let id = viewer.body["user"]["id"].as_str().unwrap();
    let path = format!("/api/users/{id}");
    let changed = server.send(&admin, Method::PATCH, &path, Some(json!({ "disabled": true }))).await;
    assert_eq!(changed.status(), StatusCode::OK);
    assert_eq!(server.send(&viewer, Method::GET, "/api/me", None).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&server, &viewer.cookie).await.status(), StatusCode::UNAUTHORIZED);

    let admin_path = format!("/api/users/{}", admin.body["user"]["id"].as_str().unwrap());
    let last = server.send(&admin, Method::PATCH, &admin_path, Some(json!({ "role": "viewer" }))).await;
    assert_eq!(code(last).await, "last_admin");
    assert_eq!(server.get(&admin, "/api/me").await["role"], "admin");
}

#[tokio::test]
async fn the_first_tenant_is_made_once() {
    let server = Server::start().await;
    let before = server.login(1).await;
    let server = server.restart(|config| {
        config.bootstrap.as_mut().unwrap().password = "another password".to_owned();
    });
    let server = server.await;
    let after = server.login(1).await;
    assert_eq!(before.body["user"], after.body["user"]);
    assert_eq!(server.get(&after, "/api/numbers").await["numbers"].as_array().unwrap().len(), 1);
    server.get(&before, "/api/me").await;
}

async fn refresh(server: &Server, cookie_header: &str) -> Response {
    let request = server.request(Method::POST, "/api/auth/refresh").header("cookie", cookie_header);
    let response = request.send().await.unwrap();
    let is_ok = response.status() == StatusCode::OK;
    assert!(cookie(&response).is_some_and(|cookie| is_ok || cookie.ends_with('=')));
    response
}
