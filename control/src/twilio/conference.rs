//! Who is in a call's conference: the agent is called in, guests are, and it is over when the caller has nobody to talk
//! with any more.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use common::{CallId, CallSid, TenantId};
use serde_json::json;
use time::OffsetDateTime;

use super::reach::{at_twilio, failed};
use super::rest::{CallChange, NewParticipant, ParticipantChange, RestAccount, RestError};
use super::side::{arrived, move_in};
use super::twiml::Party;
use super::voice::{call_sid, hook_url};
use super::{Outcome, Webhook, answer, receive};
use crate::App;
use crate::error::{ApiError, Problem};
use crate::model::{EventType, Route};
use crate::store::{CallLeg, InConference, StoreError};

/// What is kept of the agent's call, so that nobody is called twice.
const CALLED: &str = "conference_agent";

/// Where Twilio tells who comes into a call's conference, and who leaves it.
#[utoipa::path(post, path = "/api/twilio/conference", tag = "twilio", security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses((status = 204), (status = 403, description = "Not signed by Twilio", body = Problem)))]
pub(super) async fn conference(State(app): State<App>, request: Request) -> Response {
    let taken = async {
        let hook = receive(&app, request).await?;
        let name: Option<CallId> = hook.form.get("FriendlyName").and_then(|name| name.parse().ok());
        let Some(call) = name else { return Ok(done(Outcome::Ignored)) };
        let leg = match app.store.call_leg(hook.tenant, call).await {
            Ok(leg) if !leg.is_over => leg,
            Ok(_) | Err(StoreError::NotFound) => return Ok(done(Outcome::Ignored)),
            Err(error) => return Err(error.into()),
        };
        let outcome = match hook.form.get("StatusCallbackEvent").unwrap_or_default() {
            "participant-join" => came(&app, &hook, call, leg).await?,
            "participant-leave" => {
                // Twilio may take its time, and waits for our answer meanwhile.
                tokio::spawn(left(app.clone(), hook.tenant, call));
                Outcome::Ok
            }
            _ => Outcome::Ignored,
        };
        Ok(done(outcome))
    };
    let taken = taken.await;
    answer(&app, "conference", taken)
}

/// Where Twilio tells what becomes of the agent who is called into a conference.
#[utoipa::path(post, path = "/api/twilio/agent", tag = "twilio", security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses((status = 204), (status = 403, description = "Not signed by Twilio", body = Problem)))]
pub(super) async fn agent(State(app): State<App>, request: Request) -> Response {
    let taken = async {
        let call = request.uri().query().and_then(|query| query.strip_prefix("call="));
        let call: Option<CallId> = call.and_then(|call| call.parse().ok());
        let hook = receive(&app, request).await?;
        let status = hook.form.get("CallStatus").unwrap_or_default();
        let (Some(call), "busy" | "no-answer" | "failed" | "canceled") = (call, status) else {
            return Ok(done(Outcome::Ignored));
        };
        let agent = call_sid(&hook)?;
        let mut txn = app.store.begin(hook.tenant).await?;
        let known = match txn.conference(hook.tenant, call).await {
            Ok(known) => known,
            Err(StoreError::NotFound) => None,
            Err(error) => return Err(error.into()),
        };
        if known.is_none_or(|known| known.agent != Some(agent)) {
            return Ok(done(Outcome::Ignored));
        }
        drop(txn);
        tokio::spawn(hang_up(app.clone(), hook.tenant, call));
        Ok(done(Outcome::Ok))
    };
    let taken = taken.await;
    answer(&app, "agent", taken)
}

/// Somebody is in the conference. With the caller the agent is called.
async fn came(app: &App, hook: &Webhook, call: CallId, leg: CallLeg) -> Result<Outcome, ApiError> {
    let is_caller = hook.form.get("CallSid") == Some(leg.call_sid.as_str());
    if leg.route != Route::Conference || !is_caller {
        return Ok(Outcome::Ignored);
    }
    let (tenant, now) = (hook.tenant, OffsetDateTime::now_utc());
    let mut txn = app.store.begin(tenant).await?;
    let number = txn.number_find(tenant, &leg.organization_number, &app.secrets).await?;
    let Some(dial) = number.and_then(|number| number.settings.dial) else { return Ok(Outcome::Ok) };
    if !txn.receipt_keep(tenant, call, CALLED, now).await? {
        return Ok(Outcome::Duplicate);
    }
    txn.commit().await?;
    let (app, conference) = (app.clone(), hook.form.get("ConferenceSid").and_then(|sid| sid.parse().ok()));
    tokio::spawn(async move {
        let called = async {
            let (account, _) = at_twilio(&app, tenant, call).await?;
            let conference = conference.ok_or(ApiError::BadRequest("ConferenceSid is no sid".into()))?;
            let new = NewParticipant {
                from: &leg.organization_number,
                to: &dial,
                label: Party::Agent.label(),
                ends_it: true,
                coaches: None,
                status_callback: Some(&format!("{}?call={call}", hook_url(&app, "agent"))),
            };
            let agent = app.twilio.participant_create(&account, conference, &new).await;
            let agent = agent.map_err(|error| failed(&error))?.call_sid;
            let mut txn = app.store.begin(tenant).await?;
            let known = InConference { has_caller: true, agent: Some(agent) };
            txn.conference_put(tenant, call, Some(known)).await?;
            Ok::<_, ApiError>(txn.commit().await?)
        };
        if let Err(error) = called.await {
            tracing::warn!(%call, error = &error as &dyn std::error::Error, "the agent cannot be called");
            hang_up(app.clone(), tenant, call).await;
        }
    });
    Ok(Outcome::Ok)
}

/// Somebody has left the conference. One whom the caller is alone with from now on takes it with them when they go;
/// without anybody the caller is let go of.
async fn left(app: App, tenant: TenantId, call: CallId) {
    let settled = async {
        let (account, leg) = at_twilio(&app, tenant, call).await?;
        let asked = async {
            let name = call.to_string();
            let Some(conference) = app.twilio.conference_find(&account, &name).await? else { return Ok(()) };
            let inside = app.twilio.participant_list(&account, conference.sid).await?;
            let ours = [Party::Coach.label(), Party::Supervisors.label()];
            let others: Vec<CallSid> = inside
                .iter()
                .filter(|one| one.call_sid != leg.call_sid)
                .filter(|one| one.label.as_deref().is_none_or(|label| !ours.contains(&label)))
                .map(|one| one.call_sid)
                .collect();
            match others.as_slice() {
                // Of a conference to which the agent is still called.
                [] if leg.route == Route::Conference && inside.len() <= 1 => {}
                [] => drop(app.twilio.conference_end(&account, conference.sid).await?),
                [one] => {
                    let change = ParticipantChange::EndsIt(true);
                    app.twilio.participant_update(&account, conference.sid, *one, change).await?;
                }
                _ => {}
            }
            Ok::<_, RestError>(())
        };
        asked.await.map_err(|error| failed(&error))
    };
    if let Err(error) = settled.await {
        // It may be over: of its end Twilio tells by itself.
        tracing::debug!(%call, error = &error as &dyn std::error::Error, "who is left in a conference is not known");
    }
}

/// Lets a caller go for whom nobody comes.
async fn hang_up(app: App, tenant: TenantId, call: CallId) {
    let ended = async {
        let (account, leg) = at_twilio(&app, tenant, call).await?;
        let ended = app.twilio.call_update(&account, leg.call_sid, &CallChange::Complete).await;
        ended.map(drop).map_err(|error| failed(&error))
    };
    if let Err(error) = ended.await {
        tracing::warn!(%call, error = &error as &dyn std::error::Error, "a caller waits on: Twilio fails");
    }
}

/// Calls a guest into a call's conference, to which the call is moved first when it is in none. Who was there stays until
/// they hang up themselves: the call goes on without them.
///
/// # Errors
///
/// As of [`bring`](super::side::bring).
pub(crate) async fn invite(
    app: &App,
    account: &RestAccount,
    tenant: TenantId,
    (call, leg): (CallId, &CallLeg),
    number: &str,
) -> Result<(), ApiError> {
    let agent = move_in(app, account, tenant, call, leg, None).await?;
    let invited = async {
        let conference = arrived(app, account, call, leg, agent).await?;
        if let Some(agent) = agent {
            let change = ParticipantChange::EndsIt(false);
            app.twilio.participant_update(account, conference.sid, agent, change).await?;
        }
        let new = NewParticipant {
            from: &leg.organization_number,
            to: number,
            label: Party::Guest.label(),
            ends_it: false,
            coaches: None,
            status_callback: None,
        };
        app.twilio.participant_create(account, conference.sid, &new).await
    };
    let guest = invited.await.map_err(|error| failed(&error))?;
    let now = OffsetDateTime::now_utc();
    let mut txn = app.store.begin(tenant).await?;
    let data = json!({ "invited": guest.call_sid });
    txn.event(tenant, call, EventType::CallUpdated, now, data).await?;
    Ok(txn.commit().await?)
}

fn done(outcome: Outcome) -> (Outcome, Response) {
    (outcome, StatusCode::NO_CONTENT.into_response())
}
