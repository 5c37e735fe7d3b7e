//! People heard in calls on whose own stream nothing can be said: in a conference at Twilio, by legs of our own.
//!
//! A bridged call is moved: its agent's leg is sent into a conference, by which the caller's `<Dial>` ends and Twilio asks
//! [`dialled`](super::side_hooks) what is next: the same conference. Then a leg of ours is called in, through a TwiML
//! application of the account that leads to us, and its media stream is where people speak. One leg is heard by all, the
//! other coaches: Twilio plays it to the agent alone. The call's stream goes on through all of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::token::{Mode, StreamKind};
use common::{AccountSid, ApplicationSid, CallId, CallSid, TenantId};
use serde_json::json;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::reach::{at_twilio, failed, in_time, is_over};
use super::rest::{CallChange, Conference, NewParticipant, RestAccount, RestError};
use super::twiml::{self, Party};
use super::voice::hook_url;
use crate::App;
use crate::error::ApiError;
use crate::model::{EventType, Route};
use crate::store::{CallLeg, InConference, SideClaim, SideRef, StoreError, Txn};

/// How long a leg may take to carry audio. Then it is asked for anew.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long the two may take to be in their conference.
const MOVED: Duration = Duration::from_secs(8);

/// How often Twilio is asked whether they are.
const LOOK: Duration = Duration::from_millis(200);

/// Accounts whose application is remembered.
const MAX_ACCOUNTS: usize = 10_000;

/// Nobody is there yet whom the caller would be with.
const NOT_ANSWERED: ApiError = ApiError::Conflict {
    code: "call_not_answered",
    detail: "the telephone that the caller is put through to still rings",
};

/// Nobody could hear it.
const NO_AGENT: ApiError = ApiError::Conflict {
    code: "call_cannot_be_joined",
    detail: "the caller has been put through to nobody, so there is no agent to whisper to",
};

/// Twilio took it on, and nothing came of it.
const NOT_MOVED: RestError = RestError::Protocol("the call has not come into its conference");

/// A call's conference at Twilio.
#[derive(Debug)]
pub(crate) struct Room {
    name: String,
    callback: String,
}

impl Room {
    pub(crate) fn of(app: &App, call: CallId) -> Self {
        Self { name: call.to_string(), callback: hook_url(app, "conference") }
    }

    pub(crate) fn as_ref(&self) -> twiml::Room<'_> {
        twiml::Room { name: &self.name, callback: &self.callback }
    }
}

/// The leg on which a person is heard in this mode. `None`: on none.
pub(crate) const fn kind_of(mode: Mode) -> Option<StreamKind> {
    match mode {
        Mode::Listen => None,
        Mode::Whisper => Some(StreamKind::Coach),
        Mode::Join | Mode::Takeover => Some(StreamKind::Join),
    }
}

/// Whether the call's gateway can do as is asked: nobody may be heard where there is no way for it.
pub(crate) async fn can_be_told(
    txn: &mut Txn,
    tenant: TenantId,
    call: CallId,
    mode: Mode,
) -> Result<bool, StoreError> {
    let Some(kind) = kind_of(mode) else { return Ok(true) };
    if txn.speaking(tenant, call).await?.route == Some(Route::Agent) {
        return Ok(true);
    }
    Ok(txn.sides_live(tenant, call).await?.contains(&kind))
}

/// The TwiML applications of accounts, which lead to us.
#[derive(Debug, Default)]
pub(crate) struct Applications(Mutex<HashMap<AccountSid, ApplicationSid>>);

impl Applications {
    fn get(&self, account: AccountSid) -> Option<ApplicationSid> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&account).copied()
    }

    fn put(&self, account: AccountSid, application: Option<ApplicationSid>) {
        // Whole after each step, so a panic elsewhere spoils nothing.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_ACCOUNTS {
            known.clear();
        }
        match application {
            Some(application) => known.insert(account, application),
            None => known.remove(&account),
        };
    }
}

/// Sees to it that there is a leg on which people are heard in this mode, or soon will be. `true`: it carries audio now.
///
/// # Errors
///
/// What whoever asked is told: `call_cannot_be_joined`, `call_not_answered`, `call_not_live`, `no_twilio_account`,
/// `twilio_unavailable`, `twilio_refused`.
pub(crate) async fn bring(
    app: &App,
    tenant: TenantId,
    call: CallId,
    kind: StreamKind,
) -> Result<bool, ApiError> {
    let mut txn = app.store.begin(tenant).await?;
    match txn.side_claim(tenant, call, kind, PATIENCE, OffsetDateTime::now_utc()).await? {
        SideClaim::Live => return Ok(true),
        SideClaim::Underway => return Ok(false),
        SideClaim::Ours => txn.commit().await?,
    }
    // On its own: whoever asked may go away, and a call that is half moved must not be left so.
    let fetching = tokio::spawn({
        let app = app.clone();
        async move {
            let fetched = fetch(&app, tenant, call, kind).await;
            if fetched.is_err() {
                let mut txn = app.store.begin(tenant).await?;
                txn.side_end(tenant, call, SideRef::Kind(kind)).await?;
                txn.commit().await?;
            }
            fetched
        }
    });
    fetching.await.unwrap_or(Err(ApiError::Panic)).map(|()| false)
}

async fn fetch(app: &App, tenant: TenantId, call: CallId, kind: StreamKind) -> Result<(), ApiError> {
    let (account, leg) = at_twilio(app, tenant, call).await?;
    let agent = move_in(app, &account, tenant, call, &leg, Some(kind)).await?;
    if kind == StreamKind::Coach && agent.is_none() {
        return Err(NO_AGENT);
    }
    let called = async {
        let conference = arrived(app, &account, call, &leg, agent).await?;
        let application = application(app, &account).await?;
        let new = NewParticipant {
            from: &leg.organization_number,
            to: &format!("app:{application}"),
            label: if kind == StreamKind::Coach { Party::Coach } else { Party::Supervisors }.label(),
            ends_it: false,
            coaches: agent.filter(|_| kind == StreamKind::Coach),
            status_callback: None,
        };
        app.twilio.participant_create(&account, conference.sid, &new).await
    };
    let ours = called.await.map_err(|error| {
        // It may be gone; then it is made anew.
        app.applications.put(account.sid, None);
        tracing::warn!(%call, error = &error as &dyn std::error::Error, "nobody can be heard in a call");
        failed(&error)
    })?;
    let mut txn = app.store.begin(tenant).await?;
    txn.side_name(tenant, call, kind, ours.call_sid).await?;
    Ok(txn.commit().await?)
}

/// Moves the call into its conference, unless it is there. Gives its agent's leg, if it has one. `kind`: of the leg for
/// which that is done.
pub(super) async fn move_in(
    app: &App,
    account: &RestAccount,
    tenant: TenantId,
    call: CallId,
    leg: &CallLeg,
    kind: Option<StreamKind>,
) -> Result<Option<CallSid>, ApiError> {
    let mut txn = app.store.begin(tenant).await?;
    if let Some(known) = txn.conference(tenant, call).await? {
        return Ok(known.agent);
    }
    drop(txn);
    let dialled = in_time(app.twilio.call_children(account, leg.call_sid)).await;
    let dialled = dialled.map_err(|error| failed(&error))?;
    let at = |status: &str| dialled.iter().find(|child| child.status == status).map(|child| child.sid);
    let agent = at("in-progress");
    if agent.is_none() && (at("ringing").is_some() || at("queued").is_some()) {
        return Err(NOT_ANSWERED);
    }
    if agent.is_none() && kind == Some(StreamKind::Coach) {
        return Err(NO_AGENT);
    }
    let mut txn = app.store.begin(tenant).await?;
    if let Some(known) = txn.conference(tenant, call).await? {
        return Ok(known.agent);
    }
    // Before Twilio is asked: it asks us at once where the caller goes.
    let conference = InConference { has_caller: agent.is_none(), agent };
    txn.conference_put(tenant, call, Some(conference)).await?;
    txn.commit().await?;
    let (moved, party) = match agent {
        Some(agent) => (agent, Party::Agent),
        None => (leg.call_sid, Party::Caller),
    };
    let change = CallChange::Twiml(twiml::conference(Room::of(app, call).as_ref(), party));
    match in_time(app.twilio.call_update(account, moved, &change)).await {
        Ok(_) => {
            let now = OffsetDateTime::now_utc();
            let mut txn = app.store.begin(tenant).await?;
            txn.event(tenant, call, EventType::CallUpdated, now, json!({ "conference": true })).await?;
            txn.commit().await?;
            Ok(agent)
        }
        Err(error) => {
            stay(app, account, tenant, call, leg, &error).await?;
            Err(failed(&error))
        }
    }
}

/// A call is not moved after all.
async fn stay(
    app: &App,
    account: &RestAccount,
    tenant: TenantId,
    call: CallId,
    leg: &CallLeg,
    error: &RestError,
) -> Result<(), StoreError> {
    // Whether Twilio has done it, nobody knows: then it may be asked where the caller goes any moment.
    if !is_over(error) && error.passes() {
        return Ok(());
    }
    let mut txn = app.store.begin(tenant).await?;
    let led_in = txn.conference(tenant, call).await?.is_some_and(|known| known.has_caller);
    txn.conference_put(tenant, call, None).await?;
    txn.commit().await?;
    // The agent hung up at that very moment, and the caller was led into a conference with nobody.
    if led_in && let Err(error) = app.twilio.call_update(account, leg.call_sid, &CallChange::Complete).await {
        tracing::warn!(%call, error = &error as &dyn std::error::Error, "a caller is alone: Twilio fails");
    }
    Ok(())
}

/// The call's conference, when everybody is in it.
pub(super) async fn arrived(
    app: &App,
    account: &RestAccount,
    call: CallId,
    leg: &CallLeg,
    agent: Option<CallSid>,
) -> Result<Conference, RestError> {
    let until = Instant::now() + MOVED;
    loop {
        if let Some(conference) = app.twilio.conference_find(account, &call.to_string()).await? {
            let inside = app.twilio.participant_list(account, conference.sid).await?;
            // One who is being called is on the list too.
            let is_in =
                |sid: CallSid| inside.iter().any(|one| one.call_sid == sid && one.status == "connected");
            if is_in(leg.call_sid) && agent.is_none_or(is_in) {
                return Ok(conference);
            }
        }
        if Instant::now() >= until {
            return Err(NOT_MOVED);
        }
        sleep(LOOK).await;
    }
}

/// The account's TwiML application that leads to us.
async fn application(app: &App, account: &RestAccount) -> Result<ApplicationSid, RestError> {
    if let Some(known) = app.applications.get(account.sid) {
        return Ok(known);
    }
    let url = hook_url(app, "side");
    // Installations that share an account do not disturb each other.
    let name = format!("Partyline at {}", app.public_url.origin());
    let application = app.twilio.application_ensure(account, &name, &url).await?;
    app.applications.put(account.sid, Some(application.sid));
    Ok(application.sid)
}
