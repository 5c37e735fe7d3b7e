//! Who is in a call's conference: the agent is called in, guests are, and it is over when the caller has nobody to talk
//! with any more.

use axum::extract::{Request, State};
use axum::response::Response;
use common::bus::NodeCommand;
use common::token::{Mode, StreamKind};
use common::{CallId, CallSid, NodeId, SessionId, TenantId};
use serde_json::json;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::callbacks::done;
use super::pass::{Of, pass};
use super::reach::{at_twilio, failed, in_time};
use super::rest::{CallChange, NewParticipant, ParticipantChange, RestAccount, RestError};
use super::side::{LOOK, PATIENCE, Room, arrived, bring, move_in};
use super::twiml::{self, Party};
use super::voice::{call_sid, hook_url};
use super::{Outcome, Webhook, answer, receive};
use crate::App;
use crate::error::{ApiError, Problem};
use crate::model::{EventType, Route};
use crate::store::{CallLeg, InConference, StoreError};

/// What is kept of the agent's call, so that nobody is called twice.
const CALLED: &str = "conference_agent";

/// How often it is asked who a caller is with, while Twilio gives no answer.
const LOOKS: usize = 10;

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

/// Where Twilio tells what becomes of an agent or a guest who is called into a conference.
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
        let called = call_sid(&hook)?;
        let mut txn = app.store.begin(hook.tenant).await?;
        let known = match txn.conference(hook.tenant, call).await {
            Ok(Some(known)) => known,
            Ok(None) | Err(StoreError::NotFound) => return Ok(done(Outcome::Ignored)),
            Err(error) => return Err(error.into()),
        };
        drop(txn);
        match known.agent == Some(called) {
            true => drop(tokio::spawn(hang_up(app.clone(), hook.tenant, call))),
            // A guest: those who called them are there still, or have gone meanwhile.
            false => drop(tokio::spawn(left(app.clone(), hook.tenant, call))),
        }
        Ok(done(Outcome::Ok))
    };
    let taken = taken.await;
    answer(&app, "agent", taken)
}

/// Somebody is in the conference. With the caller the agent is called.
async fn came(app: &App, hook: &Webhook, call: CallId, leg: CallLeg) -> Result<Outcome, ApiError> {
    if hook.form.get("CallSid") != Some(leg.call_sid.as_str()) {
        return Ok(Outcome::Ignored);
    }
    if leg.route != Route::Conference {
        tokio::spawn(look_after(app.clone(), hook.tenant, call));
        return Ok(Outcome::Ok);
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
                status_callback: Some(&callee_hook(&app, call)),
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

/// A caller was moved. Whoever was to come too may have hung up at that very moment, or nobody is there any more to call
/// them in: then the caller would hear music for ever.
async fn look_after(app: App, tenant: TenantId, call: CallId) {
    for _ in 0..LOOKS {
        sleep(PATIENCE).await;
        match settle(&app, tenant, call).await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(%call, error = &error as &dyn std::error::Error, "a caller may be alone")
            }
        }
    }
}

/// Somebody has left the conference.
async fn left(app: App, tenant: TenantId, call: CallId) {
    if let Err(error) = settle(&app, tenant, call).await {
        // It may be over: of its end Twilio tells by itself.
        tracing::debug!(%call, error = &error as &dyn std::error::Error, "who is left in a conference is not known");
    }
}

/// Whom the caller is alone with from now on takes the call with them when they go; without anybody the caller is let go
/// of.
async fn settle(app: &App, tenant: TenantId, call: CallId) -> Result<(), ApiError> {
    let (account, leg) = at_twilio(app, tenant, call).await?;
    let mut txn = app.store.begin(tenant).await?;
    let has_agent_here = txn.speaking(tenant, call).await?.answered_by.is_some();
    let was_alone = txn.conference(tenant, call).await?.is_none_or(|known| known.agent.is_none());
    drop(txn);
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
        let people_are_here =
            inside.iter().any(|one| one.label.as_deref() == Some(Party::Supervisors.label()));
        match others.as_slice() {
            // The caller talks with people in the console; or waits for somebody, as from the first.
            [] if people_are_here => {}
            [] if leg.route == Route::Conference && was_alone && !has_agent_here => {}
            [] => drop(app.twilio.conference_end(&account, conference.sid).await?),
            [one] => {
                let change = ParticipantChange::EndsIt(!(people_are_here && has_agent_here));
                app.twilio.participant_update(&account, conference.sid, *one, change).await?;
            }
            _ => {}
        }
        Ok::<_, RestError>(())
    };
    asked.await.map_err(|error| failed(&error))
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
        let conference = arrived(app, account, (tenant, call), leg, agent).await?;
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
            status_callback: Some(&callee_hook(app, call)),
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

/// Moves a call that is answered on its own stream into a conference: the caller, then by a leg of ours those who speak
/// with them. Until that carries audio nobody is heard, and the caller hears Twilio's music.
///
/// # Errors
///
/// As of [`bring`](super::side::bring).
pub(crate) async fn gather(
    app: &App,
    account: &RestAccount,
    tenant: TenantId,
    (call, leg): (CallId, &CallLeg),
    node: Option<NodeId>,
) -> Result<(), ApiError> {
    let now = OffsetDateTime::now_utc();
    let mut txn = app.store.begin(tenant).await?;
    let speakers = txn.sessions_connected(tenant, call).await?;
    let speakers: Vec<SessionId> = speakers
        .into_iter()
        .filter(|(_, state)| matches!(state.mode, Mode::Join | Mode::Takeover))
        .map(|(session, _)| session)
        .collect();
    // Its number's telephone is not called: somebody has answered.
    txn.receipt_keep(tenant, call, CALLED, now).await?;
    txn.conference_put(tenant, call, Some(InConference { has_caller: true, agent: None })).await?;
    txn.call_route_put(tenant, call, Route::Conference).await?;
    txn.call_hold(tenant, call, false, now).await?;
    txn.commit().await?;
    app.bus.commands.publish(NodeCommand::ExpectStream { call });
    let of = Of { tenant, account_sid: leg.account_sid, call, call_sid: leg.call_sid };
    let pass = pass(app, of, StreamKind::Monitor, node, &account.auth_tokens);
    let stream = pass.stream(twiml::NEXT_STREAM_NAME);
    let change = CallChange::Twiml(twiml::meet(None, stream, Room::of(app, call).as_ref()));
    if let Err(error) = in_time(app.twilio.call_update(account, leg.call_sid, &change)).await {
        let mut txn = app.store.begin(tenant).await?;
        txn.conference_put(tenant, call, None).await?;
        txn.call_route_put(tenant, call, Route::Agent).await?;
        txn.commit().await?;
        return Err(failed(&error));
    }
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = follow(&app, tenant, call, speakers).await {
            tracing::warn!(%call, error = &error as &dyn std::error::Error, "who spoke is not in the conference");
        }
    });
    Ok(())
}

/// Brings those who spoke on a call's own stream into its conference, once that stream is gone.
async fn follow(app: &App, tenant: TenantId, call: CallId, speakers: Vec<SessionId>) -> Result<(), ApiError> {
    let until = Instant::now() + PATIENCE;
    for session in speakers {
        loop {
            let mut txn = app.store.begin(tenant).await?;
            let state = txn.session_fetch(tenant, session).await?;
            if state.is_over {
                break;
            }
            // The gateway has told that they are heard no more: now they can ask to be.
            if state.mode == Mode::Listen {
                txn.session_ask(tenant, session, Some(Mode::Join), OffsetDateTime::now_utc()).await?;
                txn.commit().await?;
                if bring(app, tenant, call, StreamKind::Join).await? {
                    app.bus.commands.publish(NodeCommand::SetMode { session, mode: Mode::Join });
                }
                break;
            }
            drop(txn);
            if Instant::now() >= until {
                break;
            }
            sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Where Twilio tells what becomes of somebody who is called into this call's conference.
fn callee_hook(app: &App, call: CallId) -> String {
    format!("{}?call={call}", hook_url(app, "agent"))
}
