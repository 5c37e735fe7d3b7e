//! Asks Twilio where a call stands of which nobody speaks any more, or whose audio broke off. One that is over gets its
//! real end; one that goes on gets another stream.
//!
//! Each call is asked for in a task of its own: Twilio may take its time, and the bus does not wait.

use std::collections::HashMap;
use std::time::Duration;

use common::bus::NodeCommand;
use common::token::StreamKind;
use common::{CallId, TenantId};
use serde_json::json;
use time::OffsetDateTime;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

use crate::App;
use crate::model::{CallStatus, EventType, Route};
use crate::store::{CallLeg, StoreError, StreamTry};
use crate::twilio::accounts::rest_account;
use crate::twilio::apply;
use crate::twilio::pass::{GRANT, Of, STREAM_TRIES, pass};
use crate::twilio::rest::{NewStream, RestAccount, RestError, TwilioCall};
use crate::twilio::status::{End, EndSource, Report, report};
use crate::twilio::twiml::STREAM_NAME;

/// Calls that are asked for at one time. The next look at still calls finds the others.
const MAX_AT_ONCE: usize = 64;

/// How long until a call is asked for again, when that failed.
const AGAIN: Duration = Duration::from_secs(2);

/// The calls that are being asked for.
#[derive(Default)]
pub(super) struct Asking {
    tasks: JoinSet<()>,
    calls: HashMap<CallId, Id>,
}

impl Asking {
    /// Asks for a call, unless that goes on already or there are too many.
    pub(super) fn begin(&mut self, app: &App, tenant: TenantId, call: CallId, began: Instant) {
        if self.calls.len() >= MAX_AT_ONCE || self.calls.contains_key(&call) {
            return;
        }
        let task = self.tasks.spawn(ask(app.clone(), tenant, call, began));
        self.calls.insert(call, task.id());
    }

    /// Waits until a call has been asked for; for ever when there is none.
    pub(super) async fn ended(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            None => std::future::pending().await,
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "asking for a call failed");
                error.id()
            }
        };
        self.calls.retain(|_, task| *task != id);
    }
}

/// What comes next.
enum Next {
    /// Nothing: the call is over, has its audio, or is left to the next look.
    Done,
    /// The same after this time.
    Again(Duration),
}

async fn ask(app: App, tenant: TenantId, call: CallId, began: Instant) {
    let mut stopped = std::pin::pin!(app.stopped());
    loop {
        let next = tokio::select! {
            next = step(&app, tenant, call, began) => next,
            () = &mut stopped => return,
        };
        let pause = match next {
            Ok(Next::Again(pause)) => pause,
            Ok(Next::Done) | Err(StoreError::NotFound) => return,
            Err(error) => {
                // The next look at still calls comes by here again.
                tracing::warn!(error = &error as &dyn std::error::Error, "a call cannot be asked for now");
                return;
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = &mut stopped => return,
        }
    }
}

async fn step(app: &App, tenant: TenantId, call: CallId, began: Instant) -> Result<Next, StoreError> {
    let leg = app.store.call_leg(tenant, call).await?;
    if leg.is_over || leg.has_media {
        return Ok(Next::Done);
    }
    let Some(account) = rest_account(app, tenant, leg.account_sid).await? else {
        return give_up(app, tenant, call, &leg, began).await;
    };
    match app.twilio.call_fetch(&account, leg.call_sid).await {
        Ok(known) => settle(app, &account, tenant, call, &leg, &known).await,
        Err(RestError::NotFound) => {
            close(app, tenant, call, &leg, "unknown").await?;
            Ok(Next::Done)
        }
        Err(error) => {
            tracing::warn!(%call, error = &error as &dyn std::error::Error, "Twilio cannot be asked for a call");
            give_up(app, tenant, call, &leg, began).await
        }
    }
}

/// Does what follows from Twilio's own record of a call.
async fn settle(
    app: &App,
    account: &RestAccount,
    tenant: TenantId,
    call: CallId,
    leg: &CallLeg,
    known: &TwilioCall,
) -> Result<Next, StoreError> {
    let now = OffsetDateTime::now_utc();
    let at = known.end_time.unwrap_or(leg.active_at);
    match report(&known.status, None, at, known.duration) {
        Some(over @ Report::Over(_)) => {
            let mut txn = app.store.begin(tenant).await?;
            // Its own word may have come meanwhile, which says as much.
            if !txn.call_progress(tenant, call).await?.status().is_over() {
                let data = json!({ "twilio_status": known.status, "reason": "asked" });
                apply(&mut txn, tenant, call, over, data, now).await?;
                txn.commit().await?;
                app.bus.commands.publish(NodeCommand::EndCall { call });
                app.metrics.reconciled_calls.with_label_values(&["asked"]).inc();
                tracing::info!(%call, "a call is over, says Twilio when asked");
            }
            Ok(Next::Done)
        }
        Some(Report::Answered(_)) => {
            let mut txn = app.store.begin(tenant).await?;
            txn.call_touch(tenant, call, now).await?;
            if txn.call_progress(tenant, call).await?.status() == CallStatus::Incoming {
                let at = known.start_time.unwrap_or(now);
                let data = json!({ "twilio_status": known.status, "reason": "asked" });
                apply(&mut txn, tenant, call, Report::Answered(at), data, now).await?;
            }
            txn.commit().await?;
            match leg.route {
                Route::Monitor | Route::Conference => stream(app, account, tenant, call, leg).await,
                // Its TwiML leads back to us when a stream is over.
                Route::Agent => Ok(Next::Done),
            }
        }
        // It rings, or is in a state that has no word here: it lives.
        Some(Report::Rings(_)) | None => {
            let mut txn = app.store.begin(tenant).await?;
            txn.call_touch(tenant, call, now).await?;
            txn.commit().await?;
            Ok(Next::Done)
        }
    }
}

/// Asks for another stream of a call that goes on without one.
async fn stream(
    app: &App,
    account: &RestAccount,
    tenant: TenantId,
    call: CallId,
    leg: &CallLeg,
) -> Result<Next, StoreError> {
    let (now, pause) = (OffsetDateTime::now_utc(), app.config.timings.stream_pause);
    let mut txn = app.store.begin(tenant).await?;
    let n = match txn.stream_try(tenant, call, (STREAM_TRIES, pause), false, now).await? {
        StreamTry::Nth(n) => n,
        StreamTry::Later => return Ok(Next::Again(pause)),
        StreamTry::Never => {
            app.metrics.stream_restarts.with_label_values(&["given_up"]).inc();
            tracing::warn!(%call, "a call is left without audio: no stream of many went well");
            return Ok(Next::Done);
        }
    };
    let node = txn.listeners_node(tenant, call).await?;
    txn.commit().await?;

    let of = Of { tenant, account_sid: leg.account_sid, call, call_sid: leg.call_sid };
    let pass = pass(app, of, StreamKind::Monitor, node, &account.auth_tokens);
    // A stream that Twilio has not given up yet still has the name before.
    let name = format!("{STREAM_NAME}-{n}");
    let new = NewStream {
        url: &pass.url,
        name: &name,
        status_callback: &pass.status_callback,
        parameters: &[(GRANT, &pass.grant)],
    };
    let (result, next, data) = match app.twilio.stream_create(account, leg.call_sid, &new).await {
        Ok(stream) => {
            tracing::info!(%call, n, stream = %stream.sid, "another stream is asked for");
            (
                "asked",
                Next::Again(app.config.timings.stream_wait),
                json!({ "restart": n, "stream": stream.sid }),
            )
        }
        Err(error) => {
            tracing::warn!(%call, n, error = &error as &dyn std::error::Error, "no other stream of a call");
            ("failed", Next::Again(AGAIN), json!({ "restart": n, "error": error.to_string() }))
        }
    };
    app.metrics.stream_restarts.with_label_values(&[result]).inc();
    let mut txn = app.store.begin(tenant).await?;
    txn.event(tenant, call, EventType::CallMedia, OffsetDateTime::now_utc(), data).await?;
    txn.commit().await?;
    Ok(next)
}

/// Closes a call that nobody speaks of and Twilio cannot be asked for, when it has been so for long.
async fn give_up(
    app: &App,
    tenant: TenantId,
    call: CallId,
    leg: &CallLeg,
    began: Instant,
) -> Result<Next, StoreError> {
    let patience = app.config.timings.call_given_up;
    let still = OffsetDateTime::now_utc() - leg.active_at;
    // While we were down nobody could reach us: silence counts from our start at the earliest.
    if still < patience || began.elapsed() < patience {
        return Ok(Next::Again(AGAIN.min(patience)));
    }
    close(app, tenant, call, leg, "no_word").await?;
    Ok(Next::Done)
}

/// Closes a call as of its last sign of life.
async fn close(
    app: &App,
    tenant: TenantId,
    call: CallId,
    leg: &CallLeg,
    why: &str,
) -> Result<(), StoreError> {
    let mut txn = app.store.begin(tenant).await?;
    if !txn.call_is_still(tenant, call, leg.active_at).await? {
        return Ok(());
    }
    let end = End {
        source: EndSource::Reconciled,
        sequence: None,
        status: CallStatus::Completed,
        at: leg.active_at,
        seconds: None,
    };
    let data = json!({ "reason": "reconciled" });
    apply(&mut txn, tenant, call, Report::Over(end), data, OffsetDateTime::now_utc()).await?;
    txn.commit().await?;
    app.bus.commands.publish(NodeCommand::EndCall { call });
    app.metrics.reconciled_calls.with_label_values(&[why]).inc();
    tracing::warn!(%call, why, "a call is closed: nobody has spoken of it for long");
    Ok(())
}
