//! What people's open connections may do: changed, and taken to the full.

use axum::extract::State;
use axum::http::StatusCode;
use common::bus::NodeCommand;
use common::token::Mode;
use common::{CallId, SessionId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bot::pause;
use super::extract::{Json, Path};
use super::sessions::{SessionGrant, SessionOpen, check_why, count_session, grant, sign};
use crate::App;
use crate::audit::Action;
use crate::auth::calls::{Way, way};
use crate::auth::{By, CallsListen, CallsSpeak};
use crate::error::{ApiError, Problem};
use crate::model::{CallRef, EventType, ModeWord, Role};
use crate::store::{SessionState, StoreError, Txn};
use crate::twilio::side;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(change)).routes(routes!(take_over))
}

/// What a connection shall be allowed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ModeChange {
    /// What it may do.
    #[schema(value_type = ModeWord)]
    mode: Mode,
}

/// What a connection is, or will be, allowed.
#[derive(Serialize, ToSchema)]
struct ModeAsked {
    /// The session.
    #[schema(value_type = String)]
    id: SessionId,
    /// What was asked for.
    #[schema(value_type = ModeWord)]
    mode: Mode,
}

/// Changes what an open connection may do.
///
/// One's own, as far as the role and the organization's `speaking_modes` allow; anybody's back to `listen`, as admin or
/// supervisor. It is so when the gateway says so: `session.changed` among the live events.
///
/// A call of route `monitor` is first moved into a conference at Twilio, which takes some seconds: until `session.changed`
/// nobody is heard. With `failed` that event says that nothing came of it.
#[utoipa::path(patch, path = "/api/calls/{id}/sessions/{sid}", tag = "sessions",
    security(("bearer" = ["calls:listen"])),
    params(
        ("id" = String, Path, description = "`call_…`, or Twilio's `CA…`"),
        ("sid" = String, Path, description = "`ses_…`"),
    ),
    request_body = ModeChange,
    responses(
        (status = 200, description = "It is so already", body = ModeAsked),
        (status = 202, description = "The gateway is told", body = ModeAsked),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`session_is_over`, `call_not_live`, `call_cannot_be_joined`, `call_not_answered`, \
            `no_twilio_account`", body = Problem),
        (status = 422, body = Problem),
        (status = 502, description = "`twilio_unavailable`: try again; `twilio_refused`", body = Problem),
    ))]
async fn change(
    State(app): State<App>,
    By(caller, _): By<CallsListen>,
    Path((call, session)): Path<(CallRef, SessionId)>,
    Json(body): Json<ModeChange>,
) -> Result<(StatusCode, axum::Json<ModeAsked>), ApiError> {
    let tenant = caller.tenant();
    let mut txn = app.store.begin(tenant).await?;
    if !txn.still_in(tenant, &caller.opener()).await? {
        return Err(ApiError::Unauthorized);
    }
    let call = txn.call_fetch(tenant, call).await?;
    let state = txn.session_fetch(tenant, session).await?;
    if state.call != call.id {
        return Err(ApiError::NotFound);
    }
    if state.user != caller.user() {
        caller.require(&[Role::Admin, Role::Supervisor])?;
        if body.mode != Mode::Listen {
            return Err(ApiError::Forbidden("nobody can be made louder by somebody else"));
        }
    }
    if state.is_over || state.is_revoked {
        let detail = "the connection is over: open another";
        return Err(ApiError::Conflict { code: "session_is_over", detail });
    }
    let settings = txn.tenant_settings(tenant).await?;
    caller.must_be_allowed(&call, (state.side, body.mode), &settings)?;
    let way = way(&call, body.mode)?;
    let answer = axum::Json(ModeAsked { id: session, mode: body.mode });
    if state.mode == body.mode && state.wanted.is_none() {
        return Ok((StatusCode::OK, answer));
    }
    let now = OffsetDateTime::now_utc();
    txn.session_ask(tenant, session, Some(body.mode), now).await?;
    let entry = caller.did(Action::SessionAsked).of_call(call.id).on(session);
    txn.audit(tenant, entry.with(json!({ "mode": body.mode })), now).await?;
    txn.commit().await?;
    if way == Way::Stream || bring(&app, tenant, (call.id, session), body.mode).await? {
        app.bus.commands.publish(NodeCommand::SetMode { session, mode: body.mode });
    }
    Ok((StatusCode::ACCEPTED, answer))
}

/// Brings the leg beside a call on which this session asks to be heard. When that fails the session asks no more.
/// `true`: it is there.
pub(super) async fn bring(
    app: &App,
    tenant: TenantId,
    (call, session): (CallId, SessionId),
    mode: Mode,
) -> Result<bool, ApiError> {
    let Some(kind) = side::kind_of(mode) else { return Ok(true) };
    let brought = side::bring(app, tenant, call, kind).await;
    if brought.is_err() {
        let now = OffsetDateTime::now_utc();
        let mut txn = app.store.begin(tenant).await?;
        if txn.session_fetch(tenant, session).await?.wanted.is_some_and(|(wanted, _)| wanted == mode) {
            txn.session_ask(tenant, session, None, now).await?;
            txn.commit().await?;
        }
    }
    brought
}

/// What was asked of a connection cannot be, or came too late: it goes on as it is, and whoever asked is told.
pub(crate) async fn not_heard(
    txn: &mut Txn,
    tenant: TenantId,
    session: SessionId,
    state: &SessionState,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    txn.session_ask(tenant, session, None, now).await?;
    let Some(listener) = &state.connected else { return Ok(()) };
    let mut data = json!(listener);
    data["failed"] = json!(state.wanted.map(|(mode, _)| mode));
    txn.event(tenant, state.call, EventType::SessionChanged, now, data).await
}

/// Why a call is taken over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Takeover {
    /// For the record; at most 200 characters.
    reason: Option<String>,
    /// For the record; at most 2000 characters.
    notes: Option<String>,
}

/// Takes a call over: its bot is paused, and the caller of this is heard by everyone.
///
/// By the connection that they have, which is then allowed `takeover` (200), or by a new one (201), for which the bot
/// is paused when it carries audio.
#[utoipa::path(post, path = "/api/calls/{id}/takeover", tag = "sessions",
    security(("bearer" = ["calls:speak"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    request_body = Takeover,
    responses(
        (status = 200, description = "The open connection may now speak", body = SessionGrant),
        (status = 201, description = "A connection to open", body = SessionGrant),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`call_not_live`, `call_cannot_be_joined`", body = Problem),
        (status = 422, body = Problem),
        (status = 429, body = Problem),
    ))]
async fn take_over(
    State(app): State<App>,
    By(caller, _): By<CallsSpeak>,
    Path(call): Path<CallRef>,
    Json(body): Json<Takeover>,
) -> Result<(StatusCode, axum::Json<SessionGrant>), ApiError> {
    count_session(&app, &caller)?;
    check_why(body.reason.as_deref(), body.notes.as_deref())?;
    let tenant = caller.tenant();
    let mut txn = app.store.begin(tenant).await?;
    if !txn.still_in(tenant, &caller.opener()).await? {
        return Err(ApiError::Unauthorized);
    }
    let call = txn.call_fetch(tenant, call).await?;
    let side = caller.side(&call, Mode::Takeover, &txn.tenant_settings(tenant).await?)?;
    let now = OffsetDateTime::now_utc();
    let data = json!({ "reason": body.reason });
    txn.audit(tenant, caller.did(Action::CallTakenOver).of_call(call.id).with(data), now).await?;

    let open = txn.sessions_connected(tenant, call.id).await?.into_iter().rev();
    let mine = open.into_iter().find(|(_, state)| state.user == caller.user() && state.side == side);
    let Some((session, state)) = mine else {
        let new = SessionOpen { mode: Mode::Takeover, reason: body.reason, notes: body.notes };
        let granted = grant(&app, &caller, &mut txn, &call, new).await?;
        txn.commit().await?;
        return Ok((StatusCode::CREATED, axum::Json(granted.grant)));
    };
    let (reason, notes) = (body.reason.as_deref(), body.notes.as_deref());
    txn.session_note(tenant, session, reason, notes).await?;
    if state.mode != Mode::Takeover {
        txn.session_ask(tenant, session, Some(Mode::Takeover), now).await?;
    }
    let command = pause(&mut txn, tenant, call.id, now).await?;
    txn.commit().await?;
    app.bus.commands.publish(NodeCommand::SetMode { session, mode: Mode::Takeover });
    command.into_iter().for_each(|command| app.bus.commands.publish(command));
    let granted = sign(&app, &caller, &call, (session, Mode::Takeover, side), now);
    Ok((StatusCode::OK, axum::Json(granted)))
}
