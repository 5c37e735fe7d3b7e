//! Twilio's webhooks: checked, understood, answered.

pub(crate) mod accounts;
pub(crate) mod away;
mod callbacks;
pub(crate) mod conference;
mod form;
pub(crate) mod pass;
pub(crate) mod reach;
pub mod rest;
pub(crate) mod side;
mod side_hooks;
mod signature;
pub(crate) mod spool;
pub(crate) mod status;
pub(crate) mod twiml;
pub(crate) mod voice;

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use common::{AccountSid, CallId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::api::MAX_BODY;
use crate::error::ApiError;
use crate::model::{CallStatus, EventType};
use crate::store::{StoreError, Txn};
use crate::twilio::form::Form;
use crate::twilio::signature::Body;
use crate::twilio::status::Report;

/// The paths that Twilio calls.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(voice::voice))
        .routes(routes!(voice::resume))
        .routes(routes!(side_hooks::dialled))
        .routes(routes!(side_hooks::side))
        .routes(routes!(conference::conference))
        .routes(routes!(conference::agent))
        .routes(routes!(callbacks::status))
        .routes(routes!(callbacks::stream))
        .routes(routes!(callbacks::recording))
        // Names that other installations have in their numbers' settings.
        .route("/api/calls/status", post(callbacks::status))
        .route("/api/calls/recording", post(callbacks::recording))
}

/// A request that Twilio signed.
struct Webhook {
    /// Whose account it is about.
    tenant: TenantId,
    account: AccountSid,
    /// The one of the account's that signed it. Empty once it was on disk.
    auth_token: String,
    form: Form,
    /// The id that its call was given while the database was away.
    call: Option<CallId>,
    received_at: OffsetDateTime,
}

/// What a webhook is about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Voice,
    Status,
    Stream,
    Recording,
}

impl Kind {
    /// As in the label `kind`.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Status => "status",
            Self::Stream => "stream",
            Self::Recording => "recording",
        }
    }
}

/// Takes a webhook in, or keeps it on disk while the database is away, and answers it.
async fn take(app: &App, kind: Kind, request: Request) -> Response {
    let taken = async {
        let mut hook = receive(app, request).await?;
        // What came before waits on disk, and this waits behind it: calls have got their ids there.
        let taken = match app.spool.first() {
            Some(_) => Err(StoreError::Busy(None)),
            None => {
                let handling = async {
                    match handle(app, kind, &hook).await {
                        Err(ApiError::Unavailable(_)) => Err(StoreError::Busy(None)),
                        other => Ok(other),
                    }
                };
                away::ask(app, handling).await
            }
        };
        match taken {
            Ok(taken) => taken,
            Err(StoreError::Busy(_)) => {
                if kind == Kind::Voice {
                    hook.call = Some(voice::offline_call(app, &hook).await?);
                }
                away::keep(app, kind, &hook).await?;
                Ok((Outcome::Spooled, voice::offline_answer(app, kind, &hook).await?))
            }
            Err(error) => Err(error.into()),
        }
    };
    let taken = taken.await;
    answer(app, kind.as_str(), taken)
}

/// Does what a webhook asks for.
async fn handle(app: &App, kind: Kind, hook: &Webhook) -> Result<(Outcome, Response), ApiError> {
    match kind {
        Kind::Voice => voice::take(app, hook).await,
        Kind::Status => callbacks::take_status(app, hook).await,
        Kind::Stream => callbacks::take_stream(app, hook).await,
        Kind::Recording => callbacks::take_recording(app, hook).await,
    }
}

/// What became of a good webhook.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    /// Something changed.
    Ok,
    /// It had come before.
    Duplicate,
    /// It is about nothing that we know.
    Ignored,
    /// The database is away, and it is on disk.
    Spooled,
}

/// Reads a webhook and checks that Twilio signed it for the public URL. The `Host` header has no say.
async fn receive(app: &App, request: Request) -> Result<Webhook, ApiError> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("{}{path}", app.public_url.as_str());
    let body = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| ApiError::TooLarge)?;
    let (form, is_form) = match is_form(&parts.headers) {
        true => (Form::parse(&body), true),
        false => (Form::default(), false),
    };

    // One answer to every stranger, whatever is wrong: there is nothing to learn from it.
    let account: AccountSid =
        form.get("AccountSid").and_then(|sid| sid.parse().ok()).ok_or(ApiError::BadSignature)?;
    let signature = parts.headers.get("x-twilio-signature").and_then(|value| value.to_str().ok());
    let signature = signature.ok_or(ApiError::BadSignature)?;
    let (tenant, auth_tokens) = away::account(app, account).await?.ok_or(ApiError::BadSignature)?;
    let signed = if is_form { Body::Form(form.fields()) } else { Body::Raw(&body) };
    // While they are being rotated either token may sign.
    let is_by = |token: &String| signature::is_signed(token, &url, signed, signature);
    let auth_token = auth_tokens.into_iter().find(is_by).ok_or(ApiError::BadSignature)?;
    Ok(Webhook { tenant, account, auth_token, form, call: None, received_at: OffsetDateTime::now_utc() })
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Counts what became of a webhook, and answers.
fn answer(app: &App, kind: &str, result: Result<(Outcome, Response), ApiError>) -> Response {
    let (label, response) = match result {
        Ok((outcome, response)) => {
            let label = match outcome {
                Outcome::Ok => "ok",
                Outcome::Duplicate => "duplicate",
                Outcome::Ignored => "ignored",
                Outcome::Spooled => "spooled",
            };
            (label, response)
        }
        Err(error) => {
            let label = match &error {
                ApiError::BadSignature => "forbidden",
                ApiError::BadRequest(_) | ApiError::TooLarge => "invalid",
                _ => "error",
            };
            (label, error.into_response())
        }
    };
    app.metrics.webhooks.with_label_values(&[kind, label]).inc();
    match label {
        "forbidden" => app.metrics.auth_failures.with_label_values(&["signature"]).inc(),
        "duplicate" => app.metrics.webhook_duplicates.inc(),
        _ => {}
    }
    response
}

/// Joins a report to what is known of a call, and records the event.
pub(crate) async fn apply(
    txn: &mut Txn,
    tenant: TenantId,
    call: CallId,
    report: Report,
    data: Value,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let before = txn.call_progress(tenant, call).await?;
    let mut after = before;
    after.join(report);
    txn.call_progress_put(tenant, call, &after, now).await?;
    let kind = match (before.status(), after.status()) {
        (CallStatus::Incoming, CallStatus::InProgress) => EventType::CallAnswered,
        (before, after) if !before.is_over() && after.is_over() => EventType::CallEnded,
        _ => EventType::CallUpdated,
    };
    txn.event(tenant, call, kind, now, data).await
}
