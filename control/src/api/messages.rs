//! What is said and sent in a call.

#![expect(unused_qualifications, reason = "the macro that describes the API writes them")]

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::calls::must_see;
use super::extract::{Path, Query};
use crate::App;
use crate::auth::{By, CallsRead};
use crate::error::{ApiError, Problem};
use crate::live::transcript::Reading;
use crate::model::{CallRef, Message, TranscriptLine};

/// Messages or lines in one answer at most.
const MOST: u16 = 1000;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(messages)).routes(routes!(transcript))
}

/// Which messages to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MessagesQuery {
    /// Only what comes after this number.
    after: Option<i64>,
}

/// What was said and sent in a call.
#[derive(Serialize, ToSchema)]
struct Messages {
    /// Oldest first; at most 1000, then ask again with `after`.
    messages: Vec<Message>,
}

/// What was said and sent in a call, oldest first.
#[utoipa::path(get, path = "/api/calls/{id}/messages", tag = "calls",
    security(("bearer" = ["calls:read"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`"), MessagesQuery),
    responses((status = 200, body = Messages), (status = 404, body = Problem)))]
async fn messages(
    State(app): State<App>,
    By(caller, _): By<CallsRead>,
    Path(call): Path<CallRef>,
    Query(query): Query<MessagesQuery>,
) -> Result<axum::Json<Messages>, ApiError> {
    let after = query.after.unwrap_or(0);
    must_see(&app, &caller, call).await?;
    let messages = app.store.message_list(caller.tenant(), call, after, MOST).await?;
    Ok(axum::Json(Messages { messages }))
}

/// A call as a conversation.
#[derive(Serialize, ToSchema)]
struct Transcript {
    /// Oldest first; at most 1000, then ask again with `after`.
    lines: Vec<TranscriptLine>,
}

/// A call as a conversation: who said what, oldest first.
///
/// With `Accept: text/event-stream` the answer goes on until the call is over: an event `line` for each line, again
/// when it changed before it was final, and `end` at the end. A client that comes again with `Last-Event-ID` gets
/// what changed since; 204 says that nothing did and nothing will.
#[utoipa::path(get, path = "/api/calls/{id}/transcript", tag = "calls",
    security(("bearer" = ["calls:read"])),
    params(
        ("id" = String, Path, description = "`call_…`, or Twilio's `CA…`"),
        MessagesQuery,
        ("Last-Event-ID" = Option<i64>, Header, description = "The id of the last event that the client has"),
    ),
    responses(
        (status = 200, content((Transcript = "application/json"), (String = "text/event-stream"))),
        (status = 204, description = "The stream is at its end"),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 429, description = "Too many streams", body = Problem),
    ))]
async fn transcript(
    State(app): State<App>,
    By(caller, _): By<CallsRead>,
    Path(call): Path<CallRef>,
    Query(query): Query<MessagesQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let tenant = caller.tenant();
    must_see(&app, &caller, call).await?;
    if !wants_stream(&headers) {
        let messages = app.store.message_list(tenant, call, query.after.unwrap_or(0), MOST).await?;
        let lines = messages.into_iter().map(TranscriptLine::from).collect();
        return Ok(axum::Json(Transcript { lines }).into_response());
    }
    if query.after.is_some() {
        return Err(ApiError::BadRequest("a stream goes on after Last-Event-ID".into()));
    }
    let call = app.store.call_fetch(tenant, call).await?;
    let position = match headers.get("last-event-id") {
        None => 0,
        Some(id) => {
            let id: i64 = id
                .to_str()
                .ok()
                .and_then(|id| id.parse().ok())
                .ok_or(ApiError::BadRequest("Last-Event-ID is none of ours".into()))?;
            let (changes, is_over) = app.store.message_changes(tenant, call.id, id, 1).await?;
            if is_over && changes.is_empty() {
                return Ok(StatusCode::NO_CONTENT.into_response());
            }
            id
        }
    };
    let Some(reading) = Reading::begin(&app, caller, call.id, position) else {
        app.metrics.rate_limited.with_label_values(&["live"]).inc();
        return Err(ApiError::TooMany(Duration::from_secs(10)));
    };
    let kind = HeaderValue::from_static("text/event-stream");
    // Proxies that gather answers would hold lines back.
    let ungathered = (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(([(header::CONTENT_TYPE, kind), ungathered], reading.into_body()).into_response())
}

/// Whether the client asks for a stream rather than for JSON.
fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| {
        kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
    })
}
