//! Asking control for calls and sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use loadtest::api::{ApiError, Console};
use serde_json::json;
use url::Url;

/// A control that is busy for the first `busy` sessions asked for, and knows a live call and one that is not.
async fn control(busy: usize) -> (Url, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let session = move |headers: HeaderMap| async move {
        // The first token is not good for long.
        match headers.get(header::AUTHORIZATION).is_some_and(|token| token == "Bearer t1") {
            true if counted.load(Ordering::Relaxed) > busy => StatusCode::UNAUTHORIZED.into_response(),
            _ => session(counted.fetch_add(1, Ordering::Relaxed) < busy),
        }
    };
    let signed_in = Arc::new(AtomicUsize::new(0));
    let login = move || async move {
        let token = format!("t{}", signed_in.fetch_add(1, Ordering::Relaxed) + 1);
        Json(json!({ "access_token": token }))
    };
    let call = |id, live| json!({ "id": id, "call_sid": "CA0123456789abcdef0123456789abcdef", "status": "in_progress", "media": { "live": live } });
    let calls = json!({ "calls": [call("call_a", false), call("call_b", true)] });
    let app = Router::new()
        .route("/api/auth/login", post(login))
        .route("/api/calls/active", get(|| async { Json(calls) }))
        .route("/api/calls/call_b/sessions", post(session));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, asked)
}

fn session(busy: bool) -> Response {
    if busy {
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "0")]).into_response();
    }
    let made =
        json!({ "id": "s", "mode": "listen", "whep_url": "http://127.0.0.1:1/whep/call_b", "token": "g" });
    (StatusCode::CREATED, Json(made)).into_response()
}

#[tokio::test]
async fn a_control_that_limits_us_is_asked_again() {
    let (url, asked) = control(3).await;
    let console = Console::login(&url, "a@example.com", "secret").await.unwrap();
    let session = console.listen("call_b").await.unwrap();
    assert_eq!((session.id.as_str(), session.endpoint.token.as_str()), ("s", "g"));
    assert_eq!(session.endpoint.whep_url.path(), "/whep/call_b");
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_sign_in_that_has_expired_is_done_again() {
    let (url, asked) = control(0).await;
    let console = Console::login(&url, "a@example.com", "secret").await.unwrap();
    for times in 1..=3 {
        console.listen("call_b").await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), times);
    }
}

#[tokio::test]
async fn only_calls_with_audio_are_live() {
    let (url, _) = control(0).await;
    let console = Console::login(&url, "a@example.com", "secret").await.unwrap();
    let live = console.live_calls().await.unwrap();
    assert_eq!(live.iter().map(|call| call.id.as_str()).collect::<Vec<_>>(), ["call_b"]);
}

#[tokio::test]
async fn a_refusal_is_told_with_its_status() {
    let (url, _) = control(0).await;
    let console = Console::login(&url, "a@example.com", "secret").await.unwrap();
    let refused = console.listen("call_z").await;
    assert!(matches!(refused, Err(ApiError::Refused { status: StatusCode::NOT_FOUND, .. })), "{refused:?}");
}
