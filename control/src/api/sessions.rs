//! People's connections to calls: leave to open one, and its end.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use common::SessionId;
use common::bus::NodeCommand;
use common::token::{ListenGrant, Mode, Side};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Path, check_text};
use crate::App;
use crate::audit::Action;
use crate::auth::{By, CallsListen};
use crate::error::{ApiError, Problem};
use crate::model::{CallRef, ModeWord, Role};
use crate::store::NewSession;

/// How long a grant opens a connection. It does not bound the connection.
const GRANT: Duration = Duration::from_secs(60);

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(open)).routes(routes!(close))
}

/// What kind of connection to open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SessionOpen {
    /// What it may do.
    #[schema(value_type = ModeWord)]
    mode: Mode,
    /// Why, for the record; at most 200 characters.
    reason: Option<String>,
    /// For the record; at most 2000 characters.
    notes: Option<String>,
}

/// Leave to open a connection.
#[derive(Serialize, ToSchema)]
struct SessionGrant {
    /// The session.
    #[schema(value_type = String)]
    id: SessionId,
    /// What the connection may do.
    #[schema(value_type = ModeWord)]
    mode: Mode,
    /// Where to POST the SDP offer (WHEP).
    whep_url: String,
    /// The bearer token of that POST. Good once.
    token: String,
    /// STUN and TURN servers. None are needed: the gateway has a public address.
    #[schema(value_type = Vec<Object>)]
    ice_servers: [(); 0],
    /// Until when the token opens a connection.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// Asks for leave to hear a call.
#[utoipa::path(post, path = "/api/calls/{id}/sessions", tag = "sessions",
    security(("bearer" = ["calls:listen"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    request_body = SessionOpen,
    responses(
        (status = 201, body = SessionGrant),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`call_not_live`: there is no audio now", body = Problem),
        (status = 422, description = "`mode_not_available`, or a bad body", body = Problem),
        (status = 429, body = Problem),
    ))]
async fn open(
    State(app): State<App>,
    By(caller, _): By<CallsListen>,
    Path(call): Path<CallRef>,
    Json(body): Json<SessionOpen>,
) -> Result<(StatusCode, axum::Json<SessionGrant>), ApiError> {
    if let Err(wait) = app.sessions_by_user.check(caller.user()) {
        app.metrics.rate_limited.with_label_values(&["sessions"]).inc();
        return Err(ApiError::TooMany(wait));
    }
    check_text("reason", body.reason.as_deref().unwrap_or_default(), 200)?;
    check_text("notes", body.notes.as_deref().unwrap_or_default(), 2000)?;

    let tenant = caller.tenant();
    let mut txn = app.store.begin(tenant).await?;
    if !txn.still_in(tenant, &caller.opener()).await? {
        return Err(ApiError::Unauthorized);
    }
    let call = txn.call_fetch(tenant, call).await?;
    // Agents hear their own calls, and no call is anybody's own yet.
    caller.require(&[Role::Admin, Role::Supervisor, Role::Viewer])?;
    if body.mode != Mode::Listen {
        caller.require(&[Role::Admin, Role::Supervisor])?;
        let detail = "this installation can only listen so far".into();
        return Err(ApiError::Unprocessable { code: "mode_not_available", detail });
    }
    if call.status.is_over() || !call.media.live {
        return Err(ApiError::Conflict { code: "call_not_live", detail: "the call has no audio now" });
    }

    let now = OffsetDateTime::now_utc();
    let expires_at = now + GRANT;
    let new = NewSession {
        id: SessionId::new(),
        call: call.id,
        opener: caller.opener(),
        mode: body.mode,
        reason: body.reason,
        notes: body.notes,
        expires_at,
    };
    txn.session_create(tenant, &new, now).await?;
    let data = json!({ "mode": new.mode, "reason": new.reason });
    txn.audit(tenant, caller.did(Action::SessionGranted).of_call(call.id).on(new.id).with(data), now).await?;
    txn.commit().await?;
    let grant = ListenGrant {
        session: new.id,
        tenant,
        call: call.id,
        user: caller.user(),
        side: Side::Beside,
        mode: body.mode,
        exp: expires_at.unix_timestamp(),
    };
    let answer = SessionGrant {
        id: new.id,
        mode: body.mode,
        whep_url: format!("{}/whep/{}", app.gateways.url_of(call.media.gateway).as_str(), call.id),
        token: app.signer.sign(&grant),
        ice_servers: [],
        expires_at: expires_at.replace_nanosecond(0).unwrap_or(expires_at),
    };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

/// Ends a connection: one's own, or anybody's as admin or supervisor. Fine to call twice.
#[utoipa::path(delete, path = "/api/calls/{id}/sessions/{sid}", tag = "sessions",
    security(("bearer" = ["calls:listen"])),
    params(
        ("id" = String, Path, description = "`call_…`, or Twilio's `CA…`"),
        ("sid" = String, Path, description = "`ses_…`"),
    ),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn close(
    State(app): State<App>,
    By(caller, _): By<CallsListen>,
    Path((call, session)): Path<(CallRef, SessionId)>,
) -> Result<StatusCode, ApiError> {
    let tenant = caller.tenant();
    let mut txn = app.store.begin(tenant).await?;
    let call = txn.call_fetch(tenant, call).await?;
    let state = txn.session_fetch(tenant, session).await?;
    if state.call != call.id {
        return Err(ApiError::NotFound);
    }
    if state.user != caller.user() {
        caller.require(&[Role::Admin, Role::Supervisor])?;
    }
    if state.is_over {
        return Ok(StatusCode::NO_CONTENT);
    }
    let now = OffsetDateTime::now_utc();
    match state.connected {
        Some(_) => txn.session_revoke(tenant, session, now).await?,
        // Nobody was told of it. Should the grant be used after all, the gateway is told to end it.
        None => drop(txn.session_end(tenant, session, "left", now).await?),
    }
    txn.audit(tenant, caller.did(Action::SessionClosed).of_call(call.id).on(session), now).await?;
    txn.commit().await?;
    // That it is over, the gateway says: it knows. Until then its heartbeat makes us say this again.
    app.bus.commands.publish(NodeCommand::EndSession { session });
    Ok(StatusCode::NO_CONTENT)
}
