//! What operators ask a process: its metrics, whether it lives, whether it wants new work.
//!
//! Liveness answers for this process alone: restarting is never the cure for somebody else's outage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus::{Encoder as _, Registry, TextEncoder};
use serde::Serialize;

/// Whether the process wants new work. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says whether new work is wanted from now on.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    /// Whether new work is wanted.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// `/metrics`, `/livez` and `/readyz`. Serve it on an address of its own that is never public.
pub fn router(registry: Registry, readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(metrics).with_state(registry))
        .route("/livez", get(async || Json(Health { status: "ok" })))
        .route("/healthz", get(async || Json(Health { status: "ok" })))
        .route("/readyz", get(readyz).with_state(readiness))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    match readiness.get() {
        true => Json(Health { status: "ok" }).into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "not ready" })).into_response(),
    }
}

async fn metrics(State(registry): State<Registry>) -> Response {
    let mut text = Vec::new();
    match TextEncoder::new().encode(&registry.gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
