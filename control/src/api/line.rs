//! A call's line: held, ended, put through, and keys on it.

use axum::extract::State;
use axum::http::StatusCode;
use common::bus::NodeCommand;
use common::token::{Mode, StreamKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Path};
use crate::App;
use crate::audit::Action;
use crate::auth::calls::{Way, must_be_live, way};
use crate::auth::{By, Caller, CallsSpeak};
use crate::error::{ApiError, Problem};
use crate::model::{CallRef, EventType, Route, is_e164};
use crate::twilio::conference::{gather, invite};
use crate::twilio::pass::{Of, pass};
use crate::twilio::reach::{at_twilio, failed, in_time, is_over};
use crate::twilio::rest::CallChange;
use crate::twilio::twiml;
use crate::twilio::voice::hook_url;

/// The most keys at once.
const MAX_KEYS: usize = 32;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(hold))
        .routes(routes!(send_keys))
        .routes(routes!(end))
        .routes(routes!(transfer))
}

/// Whether a caller is on hold.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Hold {
    /// On hold the caller hears comfort tone and no agent, and agents do not hear the caller.
    held: bool,
}

/// Puts the caller on hold, or takes them off it. Fine to call twice.
#[utoipa::path(post, path = "/api/calls/{id}/hold", tag = "speaking",
    security(("bearer" = ["calls:speak"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    request_body = Hold,
    responses(
        (status = 200, body = Hold),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`call_not_live`, `call_cannot_be_joined`", body = Problem),
        (status = 422, body = Problem),
    ))]
async fn hold(
    State(app): State<App>,
    By(caller, _): By<CallsSpeak>,
    Path(call): Path<CallRef>,
    Json(body): Json<Hold>,
) -> Result<axum::Json<Hold>, ApiError> {
    let tenant = caller.tenant();
    let mut txn = app.store.begin(tenant).await?;
    let call = txn.call_fetch(tenant, call).await?;
    caller.must_speak(&call)?;
    let now = OffsetDateTime::now_utc();
    if txn.call_hold(tenant, call.id, body.held, now).await? {
        let data = json!({ "held": body.held });
        txn.audit(tenant, caller.did(Action::CallHeld).of_call(call.id).with(data.clone()), now).await?;
        txn.event(tenant, call.id, EventType::CallUpdated, now, data).await?;
        txn.commit().await?;
    }
    app.bus.commands.publish(NodeCommand::Hold { call: call.id, held: body.held });
    Ok(axum::Json(body))
}

/// Keys to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// `0` to `9`, `*`, `#`, `A` to `D`, and `w` for half a second of silence; 1 to 32.
    #[schema(example = "1w2#")]
    digits: String,
}

/// Sends keys to the caller's side, as tones.
#[utoipa::path(post, path = "/api/calls/{id}/dtmf", tag = "speaking",
    security(("bearer" = ["calls:speak"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    request_body = Keys,
    responses(
        (status = 202, description = "The gateway is told"),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`call_not_live`, `call_cannot_be_joined`", body = Problem),
        (status = 422, body = Problem),
    ))]
async fn send_keys(
    State(app): State<App>,
    By(caller, _): By<CallsSpeak>,
    Path(call): Path<CallRef>,
    Json(body): Json<Keys>,
) -> Result<StatusCode, ApiError> {
    let is_key = |byte: u8| byte.is_ascii_digit() || b"*#ABCDw".contains(&byte);
    if !(1..=MAX_KEYS).contains(&body.digits.len()) || !body.digits.bytes().all(is_key) {
        return Err(ApiError::invalid("digits must be 1 to 32 of 0-9, *, #, A-D and w"));
    }
    let tenant = caller.tenant();
    let mut txn = app.store.begin(tenant).await?;
    let call = txn.call_fetch(tenant, call).await?;
    caller.must_speak(&call)?;
    // Which keys may be a secret of somebody's.
    let data = json!({ "count": body.digits.len() });
    let entry = caller.did(Action::KeysSent).of_call(call.id).with(data);
    txn.audit(tenant, entry, OffsetDateTime::now_utc()).await?;
    txn.commit().await?;
    app.bus.commands.publish(NodeCommand::SendDtmf { call: call.id, digits: body.digits });
    Ok(StatusCode::ACCEPTED)
}

/// Ends a call for everybody, by Twilio. Fine for one that is over.
#[utoipa::path(post, path = "/api/calls/{id}/end", tag = "speaking",
    security(("bearer" = ["calls:speak"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    responses(
        (status = 204),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`no_twilio_account`: nobody knows the account's token any more",
            body = Problem),
        (status = 502, description = "`twilio_unavailable`: try again; `twilio_refused`", body = Problem),
    ))]
async fn end(
    State(app): State<App>,
    By(caller, _): By<CallsSpeak>,
    Path(call): Path<CallRef>,
) -> Result<StatusCode, ApiError> {
    hang_up(&app, &caller, call).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a call, unless it is over.
pub(crate) async fn hang_up(app: &App, caller: &Caller, call: CallRef) -> Result<(), ApiError> {
    let tenant = caller.tenant();
    let call = app.store.call_fetch(tenant, call).await?;
    caller.must_command(&call)?;
    if call.status.is_over() {
        return Ok(());
    }
    let mut txn = app.store.begin(tenant).await?;
    let entry = caller.did(Action::CallEnded).of_call(call.id);
    txn.audit(tenant, entry, OffsetDateTime::now_utc()).await?;
    txn.commit().await?;
    let (account, leg) = at_twilio(app, tenant, call.id).await?;
    // That it is over Twilio reports, as of any call, or says when it is asked.
    match in_time(app.twilio.call_update(&account, leg.call_sid, &CallChange::Complete)).await {
        Err(error) if !is_over(&error) => Err(failed(&error)),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// To whom to put the caller through.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Transfer {
    /// Their number, E.164.
    #[schema(example = "+15550100")]
    to: String,
    /// How.
    kind: TransferKind,
}

/// How a caller is put through.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TransferKind {
    /// At once: the caller hears it ring, and who spoke with them is out of the call.
    Cold,
    /// Into the call's conference: all are together until somebody hangs up.
    Warm,
}

/// Puts the caller through to another number, by Twilio.
///
/// `cold`: both voices can be heard on, and who spoke on the call's own stream is out of it. `warm`: the number is called
/// into a conference, into which the call is moved first, with who speaks in it: all stay until they hang up.
#[utoipa::path(post, path = "/api/calls/{id}/transfer", tag = "speaking",
    security(("bearer" = ["calls:speak"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    request_body = Transfer,
    responses(
        (status = 202, description = "Twilio dials"),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`call_not_live`, `no_twilio_account`; `call_not_answered`; \
            `call_cannot_be_joined`: its TwiML is none of ours", body = Problem),
        (status = 422, body = Problem),
        (status = 502, description = "`twilio_unavailable`: try again; `twilio_refused`", body = Problem),
    ))]
async fn transfer(
    State(app): State<App>,
    By(caller, _): By<CallsSpeak>,
    Path(call): Path<CallRef>,
    Json(body): Json<Transfer>,
) -> Result<StatusCode, ApiError> {
    if !is_e164(&body.to) {
        return Err(ApiError::invalid("to must be E.164: +, country code, subscriber number"));
    }
    let tenant = caller.tenant();
    let call = app.store.call_fetch(tenant, call).await?;
    caller.must_command(&call)?;
    must_be_live(&call)?;
    let is_warm = matches!(body.kind, TransferKind::Warm);
    let way = way(&call, Mode::Join)?;
    let (account, leg) = at_twilio(&app, tenant, call.id).await?;
    let mut txn = app.store.begin(tenant).await?;
    let data = json!({ "kind": body.kind });
    let entry = caller.did(Action::CallTransferred).of_call(call.id).with(data);
    txn.audit(tenant, entry, OffsetDateTime::now_utc()).await?;
    txn.commit().await?;
    if is_warm {
        if way == Way::Stream {
            gather(&app, &account, tenant, (call.id, &leg), call.media.gateway).await?;
        }
        invite(&app, &account, tenant, (call.id, &leg), &body.to).await?;
        return Ok(StatusCode::ACCEPTED);
    }

    let action = hook_url(&app, "dialled");
    let dial = twiml::Dial { number: &body.to, action: &action };
    let twiml = match leg.route {
        // Its stream goes on by itself.
        Route::Monitor | Route::Conference => twiml::leave(Some(dial)),
        Route::Agent => {
            let of = Of { tenant, account_sid: leg.account_sid, call: call.id, call_sid: leg.call_sid };
            let pass = pass(&app, of, StreamKind::Monitor, call.media.gateway, &account.auth_tokens);
            let stream = pass.stream(twiml::NEXT_STREAM_NAME);
            twiml::monitor(twiml::Script { disclosure: None, stream, dial: Some(dial) })
        }
    };
    let change = CallChange::Twiml(twiml);
    let asked = in_time(app.twilio.call_update(&account, leg.call_sid, &change)).await;
    asked.map_err(|error| failed(&error))?;
    let now = OffsetDateTime::now_utc();
    let mut txn = app.store.begin(tenant).await?;
    txn.call_route_put(tenant, call.id, Route::Monitor).await?;
    txn.conference_put(tenant, call.id, None).await?;
    let data = json!({ "transferred": body.kind, "user": caller.named() });
    txn.event(tenant, call.id, EventType::CallUpdated, now, data).await?;
    txn.commit().await?;
    Ok(StatusCode::ACCEPTED)
}
