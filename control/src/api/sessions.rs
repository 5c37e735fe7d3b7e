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
use super::modes::bring;
use crate::App;
use crate::audit::Action;
use crate::auth::calls::{Way, must_be_live, way};
use crate::auth::{By, Caller, CallsListen};
use crate::error::{ApiError, Problem};
use crate::model::{Call, CallRef, ModeWord, Role, SideWord};
use crate::store::{NewSession, Txn};

/// How long a grant opens a connection. It does not bound the connection.
const GRANT: Duration = Duration::from_secs(60);

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(open)).routes(routes!(close))
}

/// What kind of connection to open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionOpen {
    /// What it may do.
    #[schema(value_type = ModeWord)]
    pub(super) mode: Mode,
    /// Why, for the record; at most 200 characters.
    pub(super) reason: Option<String>,
    /// For the record; at most 2000 characters.
    pub(super) notes: Option<String>,
}

/// Leave to open a connection.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionGrant {
    /// The session.
    #[schema(value_type = String)]
    id: SessionId,
    /// What the connection may do.
    #[schema(value_type = ModeWord)]
    mode: Mode,
    /// On which side of the call. `agent`: the call is the caller's own.
    #[schema(value_type = SideWord)]
    side: Side,
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

/// Asks for leave to hear a call, and to be heard in it as the mode says.
///
/// A call that rings (`rings`) is answered with `join`: it is then the caller's own, and they are its agent. In any
/// other call one is beside it, in the modes that the role and the organization's `speaking_modes` allow. An API key
/// needs `calls:speak` for any mode but `listen`. In a call of route `monitor` the connection begins with `listen`, and
/// `session.changed` tells when it may do what was asked for.
#[utoipa::path(post, path = "/api/calls/{id}/sessions", tag = "sessions",
    security(("bearer" = ["calls:listen"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    request_body = SessionOpen,
    responses(
        (status = 201, body = SessionGrant),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`call_not_live`: there is no audio now; `call_cannot_be_joined`: one can only \
            listen; `call_already_answered`: another agent was faster; `call_not_answered`; `no_twilio_account`", body = Problem),
        (status = 422, body = Problem),
        (status = 429, body = Problem),
        (status = 502, description = "`twilio_unavailable`: try again; `twilio_refused`", body = Problem),
    ))]
async fn open(
    State(app): State<App>,
    By(caller, _): By<CallsListen>,
    Path(call): Path<CallRef>,
    Json(body): Json<SessionOpen>,
) -> Result<(StatusCode, axum::Json<SessionGrant>), ApiError> {
    count_session(&app, &caller)?;
    check_why(body.reason.as_deref(), body.notes.as_deref())?;
    let tenant = caller.tenant();
    let mut txn = app.store.begin(tenant).await?;
    if !txn.still_in(tenant, &caller.opener()).await? {
        return Err(ApiError::Unauthorized);
    }
    let call = txn.call_fetch(tenant, call).await?;
    let mode = body.mode;
    let granted = grant(&app, &caller, &mut txn, &call, body).await?;
    txn.commit().await?;
    if let Some(cut_off) = granted.cut_off {
        app.end_sessions(cut_off);
        // Who waits for a person is told nothing more.
        app.bus.commands.publish(NodeCommand::CancelSay { call: call.id, say: None });
    }
    if granted.way == Way::Side {
        // When it carries audio it is told, if the leg is there by then; else the leg's coming does it.
        bring(&app, tenant, (call.id, granted.grant.id), mode).await?;
    }
    Ok((StatusCode::CREATED, axum::Json(granted.grant)))
}

/// An error when this person opens too many.
pub(super) fn count_session(app: &App, caller: &Caller) -> Result<(), ApiError> {
    app.sessions_by_user.check(caller.user()).map_err(|wait| {
        app.metrics.rate_limited.with_label_values(&["sessions"]).inc();
        ApiError::TooMany(wait)
    })
}

/// An error unless this can be why somebody hears a call.
pub(super) fn check_why(reason: Option<&str>, notes: Option<&str>) -> Result<(), ApiError> {
    check_text("reason", reason.unwrap_or_default(), 200)?;
    check_text("notes", notes.unwrap_or_default(), 2000)
}

/// A session that may be connected.
pub(super) struct Granted {
    /// What connects it.
    pub(super) grant: SessionGrant,
    /// It answers the call: the sessions of others that end by that.
    cut_off: Option<Vec<SessionId>>,
    /// How it is to be heard.
    way: Way,
}

/// Makes a session that may be connected now. One that is heard beside the call only listens until it can be.
pub(super) async fn grant(
    app: &App,
    caller: &Caller,
    txn: &mut Txn,
    call: &Call,
    body: SessionOpen,
) -> Result<Granted, ApiError> {
    let (tenant, now) = (caller.tenant(), OffsetDateTime::now_utc());
    let settings = txn.tenant_settings(tenant).await?;
    let side = caller.side(call, body.mode, &settings)?;
    must_be_live(call)?;
    let way = way(call, body.mode)?;
    let (mode, wanted) = if way == Way::Side { (Mode::Listen, Some(body.mode)) } else { (body.mode, None) };
    let mut cut_off = None;
    if side == Side::Agent && call.rings {
        cut_off = Some(txn.call_answer(tenant, call.id, &caller.in_short(), now).await?);
        txn.audit(tenant, caller.did(Action::CallAnswered).of_call(call.id), now).await?;
    }
    let new = NewSession {
        id: SessionId::new(),
        call: call.id,
        opener: caller.opener(),
        mode,
        side,
        reason: body.reason,
        notes: body.notes,
        expires_at: now + GRANT,
    };
    txn.session_create(tenant, &new, now).await?;
    if wanted.is_some() {
        txn.session_ask(tenant, new.id, wanted, now).await?;
    }
    let data = json!({ "mode": body.mode, "side": side, "reason": new.reason });
    txn.audit(tenant, caller.did(Action::SessionGranted).of_call(call.id).on(new.id).with(data), now).await?;
    let grant = sign(app, caller, call, (new.id, new.mode, side), now);
    Ok(Granted { grant, cut_off, way })
}

/// What opens a session that there is.
pub(super) fn sign(
    app: &App,
    caller: &Caller,
    call: &Call,
    (session, mode, side): (SessionId, Mode, Side),
    now: OffsetDateTime,
) -> SessionGrant {
    let expires_at = now + GRANT;
    let grant = ListenGrant {
        session,
        tenant: caller.tenant(),
        call: call.id,
        user: caller.user(),
        side,
        mode,
        exp: expires_at.unix_timestamp(),
    };
    SessionGrant {
        id: session,
        mode,
        side,
        whep_url: format!("{}/whep/{}", app.gateways.url_of(call.media.gateway).as_str(), call.id),
        token: app.signer.sign(&grant),
        ice_servers: [],
        expires_at: expires_at.replace_nanosecond(0).unwrap_or(expires_at),
    }
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
        None => {
            drop(txn.session_end(tenant, session, "left", now).await?);
            txn.calls_release(tenant, now).await?;
        }
    }
    txn.audit(tenant, caller.did(Action::SessionClosed).of_call(call.id).on(session), now).await?;
    txn.commit().await?;
    // That it is over, the gateway says: it knows. Until then its heartbeat makes us say this again.
    app.bus.commands.publish(NodeCommand::EndSession { session });
    Ok(StatusCode::NO_CONTENT)
}
