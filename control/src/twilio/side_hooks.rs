//! What Twilio asks about calls in conferences, and about our own legs there.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use common::token::StreamKind;
use common::{CallId, CallSid, NodeId};
use tokio::time::{Instant, sleep};

use super::pass::{Of, pass};
use super::side::Room;
use super::twiml::{self, Party};
use super::voice::{call_sid, xml};
use super::{Outcome, Webhook, answer, away, receive};
use crate::App;
use crate::error::{ApiError, Problem};
use crate::store::{InConference, StoreError};

/// How long Twilio's word for a leg may be behind the leg itself.
const BEHIND: Duration = Duration::from_secs(5);

/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Where Twilio comes when whom the caller was put through to is gone: hung up, never there, or moved into the call's
/// conference, where the caller then goes too.
#[utoipa::path(post, path = "/api/twilio/dialled", tag = "twilio", security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "TwiML", body = String, content_type = "text/xml"),
        (status = 403, description = "Not signed by Twilio", body = Problem),
    ))]
pub(super) async fn dialled(State(app): State<App>, request: Request) -> Response {
    let taken = async {
        let hook = receive(&app, request).await?;
        let call_sid = call_sid(&hook)?;
        let call = match away::ask(&app, follow(&app, &hook, call_sid)).await {
            Ok(call) => call,
            Err(StoreError::Busy(_)) => app.moving.get(call_sid),
            Err(error) => return Err(ApiError::from(error)),
        };
        let twiml = match call {
            Some(call) => twiml::conference(Room::of(&app, call).as_ref(), Party::Caller),
            // With nobody to talk to the call is over, whatever else is the matter.
            None => twiml::hang_up(),
        };
        Ok((Outcome::Ok, xml(twiml)))
    };
    let taken = taken.await;
    answer(&app, "dialled", taken)
}

/// The call whose conference the caller is to be led into.
async fn follow(app: &App, hook: &Webhook, call_sid: CallSid) -> Result<Option<CallId>, StoreError> {
    let mut txn = app.store.begin(hook.tenant).await?;
    let Some(call) = txn.call_by_sid(hook.tenant, call_sid).await? else { return Ok(None) };
    let Some(known) = txn.conference(hook.tenant, call).await? else { return Ok(None) };
    txn.conference_put(hook.tenant, call, Some(InConference { has_caller: true, ..known })).await?;
    txn.commit().await?;
    Ok(Some(call))
}

/// The voice webhook of our TwiML application: a leg of our own is in a call's conference, and its audio goes to the
/// gateway where the call's listeners are.
#[utoipa::path(post, path = "/api/twilio/side", tag = "twilio", security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "TwiML", body = String, content_type = "text/xml"),
        (status = 403, description = "Not signed by Twilio", body = Problem),
    ))]
pub(super) async fn side(State(app): State<App>, request: Request) -> Response {
    let taken = async {
        let hook = receive(&app, request).await?;
        let call_sid = call_sid(&hook)?;
        let Some((call, kind, node)) = find(&app, &hook, call_sid).await? else {
            return Ok((Outcome::Ignored, xml(twiml::hang_up())));
        };
        let of = Of { tenant: hook.tenant, account_sid: hook.account, call, call_sid };
        let pass = pass(&app, of, kind, node, std::slice::from_ref(&hook.auth_token));
        let stream = pass.stream(twiml::STREAM_NAME);
        Ok((Outcome::Ok, xml(twiml::side(stream))))
    };
    let taken = taken.await;
    answer(&app, "side", taken)
}

/// A leg that we have asked for. Twilio may ask about it before it has told us its id.
async fn find(
    app: &App,
    hook: &Webhook,
    call_sid: CallSid,
) -> Result<Option<(CallId, StreamKind, Option<NodeId>)>, StoreError> {
    let until = Instant::now() + BEHIND;
    loop {
        let found = app.store.side_by_sid(hook.tenant, call_sid).await?;
        if found.is_some() || Instant::now() >= until {
            return Ok(found);
        }
        sleep(LOOK).await;
    }
}
