//! A call comes: what shall Twilio do with it?

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use common::token::StreamKind;
use common::{CallId, CallSid, NodeId};
use serde_json::json;

use super::pass::STREAM_TRIES;
use super::pass::{Of, pass};
use super::side::Room;
use super::status::{Report, report};
use super::{Kind, Outcome, Webhook, answer, apply, away, receive, twiml};
use crate::App;
use crate::error::{ApiError, Problem};
use crate::model::{Direction, Disclosure, EventType, Number, Route};
use crate::store::{InConference, NewCall, StoreError, StreamTry};

/// The voice webhook of a number: answers TwiML.
#[utoipa::path(post, path = "/api/twilio/voice", tag = "twilio", security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "TwiML", body = String, content_type = "text/xml"),
        (status = 403, description = "Not signed by Twilio", body = Problem),
    ))]
pub(super) async fn voice(State(app): State<App>, request: Request) -> Response {
    super::take(&app, Kind::Voice, request).await
}

pub(super) async fn take(app: &App, hook: &Webhook) -> Result<(Outcome, Response), ApiError> {
    let call_sid = call_sid(hook)?;
    let sides = sides(hook);
    let number = match away::number(app, hook.tenant, &sides.organization).await {
        Ok(number) => number,
        Err(StoreError::NotFound) => {
            tracing::info!("a call to a number that nobody has added is rejected");
            return Ok((Outcome::Ignored, xml(twiml::reject())));
        }
        Err(error) => return Err(error.into()),
    };
    let (call, outcome) = open(app, hook, call_sid, &sides, &number).await?;
    Ok((outcome, xml(instructions(app, hook, call, call_sid, &number))))
}

/// The id that a call has or gets while the database is away.
pub(super) async fn offline_call(app: &App, hook: &Webhook) -> Result<CallId, ApiError> {
    // A number that nobody remembers is no reason to take a call.
    away::number(app, hook.tenant, &sides(hook).organization).await?;
    Ok(app.spool.call(call_sid(hook)?))
}

/// What Twilio is told while the database is away.
pub(super) async fn offline_answer(app: &App, kind: Kind, hook: &Webhook) -> Result<Response, ApiError> {
    let Some(call) = hook.call.filter(|_| kind == Kind::Voice) else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let number = away::number(app, hook.tenant, &sides(hook).organization).await?;
    Ok(xml(instructions(app, hook, call, call_sid(hook)?, &number)))
}

pub(super) fn call_sid(hook: &Webhook) -> Result<CallSid, ApiError> {
    let sid = hook.form.get("CallSid").and_then(|sid| sid.parse().ok());
    sid.ok_or(ApiError::BadRequest("CallSid is missing or no sid".into()))
}

/// Who is at which end.
pub(super) struct Sides {
    pub(super) direction: Direction,
    pub(super) customer: String,
    pub(super) organization: String,
}

pub(super) fn sides(hook: &Webhook) -> Sides {
    let from = hook.form.text("From").unwrap_or_default();
    let to = hook.form.text("To").unwrap_or_default();
    match hook.form.get("Direction").is_some_and(|direction| direction.starts_with("outbound")) {
        true => Sides { direction: Direction::Outbound, customer: to, organization: from },
        false => Sides { direction: Direction::Inbound, customer: from, organization: to },
    }
}

/// Makes the call's record, or finds the one that an earlier try of the same webhook made.
async fn open(
    app: &App,
    hook: &Webhook,
    call_sid: CallSid,
    sides: &Sides,
    number: &Number,
) -> Result<(CallId, Outcome), StoreError> {
    let now = hook.received_at;
    let tenant = hook.tenant;
    let caller_name = hook.form.text("CallerName");
    let new = NewCall {
        id: hook.call.unwrap_or_else(CallId::new),
        call_sid,
        account_sid: hook.account,
        direction: sides.direction,
        customer_number: &sides.customer,
        organization_number: &sides.organization,
        caller_name: caller_name.as_deref(),
        route: Some(number.route),
    };
    let mut txn = app.store.begin(tenant).await?;
    let (call, is_new) = txn.call_open(tenant, &new, now).await?;
    if !is_new {
        txn.call_route_put(tenant, call, number.route).await?;
    }
    if !txn.receipt_keep(tenant, call, "voice", now).await? {
        txn.commit().await?;
        return Ok((call, Outcome::Duplicate));
    }
    if is_new {
        if number.route == Route::Conference {
            let conference = InConference { has_caller: true, agent: None };
            txn.conference_put(tenant, call, Some(conference)).await?;
        }
        let data = json!({
            "direction": sides.direction,
            "customer_number": sides.customer,
            "organization_number": sides.organization,
            "route": number.route,
        });
        txn.event(tenant, call, EventType::CallIncoming, now, data).await?;
    }
    let status = hook.form.get("CallStatus").unwrap_or("ringing");
    if let Some(Report::Answered(at)) = report(status, None, now, None) {
        apply(&mut txn, tenant, call, Report::Answered(at), json!({ "twilio_status": status }), now).await?;
    }
    txn.commit().await?;
    Ok((call, Outcome::Ok))
}

/// The TwiML for a call to this number, with a fresh ticket.
fn instructions(app: &App, hook: &Webhook, call: CallId, call_sid: CallSid, number: &Number) -> String {
    let disclosure = number.settings.disclosure.as_ref();
    script(app, hook, (call, call_sid), number, disclosure, Again::default())
}

/// How a call gets another stream.
#[derive(Clone, Copy, Debug, Default)]
struct Again {
    /// The gateway where its listeners wait.
    node: Option<NodeId>,
    /// Not at once.
    pause: bool,
}

/// As it was when the call came, or as it is when it comes back: then nothing is disclosed again.
fn script(
    app: &App,
    hook: &Webhook,
    (call, call_sid): (CallId, CallSid),
    number: &Number,
    disclosure: Option<&Disclosure>,
    Again { node, pause }: Again,
) -> String {
    let kind = match number.route {
        Route::Monitor | Route::Conference => StreamKind::Monitor,
        Route::Agent => StreamKind::Agent,
    };
    let of = Of { tenant: hook.tenant, account_sid: hook.account, call, call_sid };
    // The token that signed this request signs the stream too, in a moment.
    let pass = pass(app, of, kind, node, std::slice::from_ref(&hook.auth_token));
    let stream = pass.stream(twiml::STREAM_NAME);
    let action = hook_url(app, "dialled");
    let script = twiml::Script { disclosure, stream, dial: dial(number, &action) };
    match number.route {
        Route::Monitor => twiml::monitor(script),
        Route::Conference => {
            let room = Room::of(app, call);
            twiml::meet(disclosure, stream, room.as_ref())
        }
        Route::Agent => twiml::agent(script, &hook_url(app, "resume"), pause),
    }
}

/// Where Twilio finds one of our webhooks.
pub(crate) fn hook_url(app: &App, name: &str) -> String {
    format!("{}/api/twilio/{name}", app.public_url.as_str())
}

/// Whom the number rings, if anybody.
fn dial<'a>(number: &'a Number, action: &'a str) -> Option<twiml::Dial<'a>> {
    number.settings.dial.as_deref().map(|number| twiml::Dial { number, action })
}

/// Where Twilio comes back when the stream of an agent's call has ended: it may have broken, and the caller is still
/// there. They get another, a few times; then the number's `dial` rings, or it hangs up.
#[utoipa::path(post, path = "/api/twilio/resume", tag = "twilio", security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "TwiML", body = String, content_type = "text/xml"),
        (status = 403, description = "Not signed by Twilio", body = Problem),
    ))]
pub(super) async fn resume(State(app): State<App>, request: Request) -> Response {
    let result = take_back(&app, request).await;
    answer(&app, "resume", result)
}

async fn take_back(app: &App, request: Request) -> Result<(Outcome, Response), ApiError> {
    let hook = receive(app, request).await?;
    let call_sid = call_sid(&hook)?;
    let number = match away::number(app, hook.tenant, &sides(&hook).organization).await {
        Ok(number) => number,
        Err(StoreError::NotFound) => return Ok((Outcome::Ignored, xml(twiml::leave(None)))),
        Err(error) => return Err(error.into()),
    };
    let action = hook_url(app, "dialled");
    let leave = || xml(twiml::leave(dial(&number, &action)));
    let now = hook.received_at;
    let mut txn = match away::ask(app, app.store.begin(hook.tenant)).await {
        Ok(txn) => txn,
        // Better somebody than nobody, for a caller who is there.
        Err(StoreError::Busy(_)) => return Ok((Outcome::Ignored, leave())),
        Err(error) => return Err(error.into()),
    };
    let Some(call) = txn.call_by_sid(hook.tenant, call_sid).await? else {
        return Ok((Outcome::Ignored, leave()));
    };
    // Twilio says that the stream is over, whatever its gateway has told so far.
    let limits = (STREAM_TRIES, Duration::ZERO);
    match txn.stream_try(hook.tenant, call, limits, true, now).await? {
        StreamTry::Nth(n) => {
            txn.call_route_put(hook.tenant, call, number.route).await?;
            txn.event(hook.tenant, call, EventType::CallMedia, now, json!({ "restart": n })).await?;
            let node = txn.listeners_node(hook.tenant, call).await?;
            txn.commit().await?;
            // At once at first; should it break again, more slowly.
            let again = Again { node, pause: n > 1 };
            Ok((Outcome::Ok, xml(script(app, &hook, (call, call_sid), &number, None, again))))
        }
        StreamTry::Later | StreamTry::Never => Ok((Outcome::Ok, leave())),
    }
}

pub(super) fn xml(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], text)
        .into_response()
}
