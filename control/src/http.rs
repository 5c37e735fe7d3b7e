//! What surrounds every handler: limits, headers, metrics, and answers for what is not there.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts as _, MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use time::OffsetDateTime;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use crate::App;
use crate::api::{self, MAX_BODY};
use crate::audit::Action;
use crate::auth::{Asker, Client};
use crate::console;
use crate::error::ApiError;
use crate::trace;

/// How long a request may take, body and all.
const REQUEST: Duration = Duration::from_secs(15);

/// As much of a path as the audit log takes, in characters.
const MAX_PATH: usize = 200;

/// How long a browser may remember that a page of another origin may call us.
const PREFLIGHT: Duration = Duration::from_secs(600);

/// Everything that the control plane serves.
pub(crate) fn router(app: App) -> Router {
    let origins = app.config.allowed_origins.iter();
    let origins: Vec<HeaderValue> =
        origins.filter_map(|origin| origin.trim_end_matches('/').parse().ok()).collect();
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::RETRY_AFTER])
        .allow_credentials(true)
        .max_age(PREFLIGHT);
    let (api, _description) = api::router().split_for_parts();
    api.fallback(elsewhere)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(app.clone(), keep_refusals))
        .layer(cors)
        .layer(CatchPanicLayer::custom(|_| ApiError::Panic.into_response()))
        .layer(from_fn_with_state(app.clone(), count))
        .layer(from_fn(limit))
        .layer(from_fn(set_headers))
        .layer(from_fn_with_state(app.clone(), measure))
        .layer(from_fn(trace::follow))
        .with_state(app)
}

/// What no route has: the console's files and pages, or nothing.
async fn elsewhere(State(app): State<App>, request: Request) -> Response {
    let path = request.uri().path();
    let of_api = path == "/api" || path.starts_with("/api/");
    match request.method() {
        _ if of_api => ApiError::NotFound.into_response(),
        &Method::GET | &Method::HEAD => console::serve(&app, path, request.headers()),
        _ => ApiError::MethodNotAllowed.into_response(),
    }
}

/// Refuses an address that asks too often. Twilio's webhooks come from few addresses, and are signed.
async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    const WEBHOOKS: [&str; 3] = ["/api/twilio/", "/api/calls/status", "/api/calls/recording"];
    let path = request.uri().path();
    let counts = path.starts_with("/api/") && !WEBHOOKS.iter().any(|webhook| path.starts_with(webhook));
    let (mut parts, body) = request.into_parts();
    let Ok(Client(address)) = Client::from_request_parts(&mut parts, &app).await;
    if counts && let Err(refused) = app.requests.check_address(address, &app.metrics) {
        return refused.into_response();
    }
    next.run(Request::from_parts(parts, body)).await
}

async fn limit(request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.is_some_and(|length| length.parse().map_or(true, |length: usize| length > MAX_BODY)) {
        // Said at once: a client that announces too much need not send it.
        return ApiError::TooLarge.into_response();
    }
    match tokio::time::timeout(REQUEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::Unavailable(Duration::from_secs(1)).into_response(),
    }
}

/// Writes into the audit log what somebody known asked for and may not do.
async fn keep_refusals(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let asker = Asker::default();
    request.extensions_mut().insert(asker.clone());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let route = format!("{} {route}", request.method());
    let path: String = request.uri().path().chars().take(MAX_PATH).collect();
    let response = next.run(request).await;
    if let (StatusCode::FORBIDDEN, Some(caller)) = (response.status(), asker.known()) {
        let entry = caller.did(Action::AccessRefused).on(route).with(json!({ "path": path }));
        let kept = async {
            let mut txn = app.store.begin(caller.tenant()).await?;
            txn.audit(caller.tenant(), entry, OffsetDateTime::now_utc()).await?;
            txn.commit().await
        };
        if let Err(error) = kept.await {
            tracing::error!(error = &error as &dyn std::error::Error, "a refusal is not in the audit log");
        }
    }
    response
}

async fn set_headers(request: Request, next: Next) -> Response {
    let of_api = request.uri().path().starts_with("/api");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if of_api && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

async fn measure(State(app): State<App>, request: Request, next: Next) -> Response {
    // Labels are of a fixed set: the route's pattern, never the path.
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    let began = Instant::now();
    let response = next.run(request).await;
    let class = match response.status().as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    let labels = [route.as_deref().unwrap_or("none"), method, class];
    app.metrics.requests.with_label_values(&labels).observe(began.elapsed().as_secs_f64());
    response
}
