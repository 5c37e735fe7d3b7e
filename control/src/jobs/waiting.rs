//! Callers who wait for a person: what they are told, and what becomes of those for whom nobody comes.

use std::time::Duration;

use common::bus::NodeCommand;
use common::token::Mode;
use common::{CallId, SayId, TenantId};
use serde_json::json;
use time::OffsetDateTime;

use crate::App;
use crate::model::{EventType, Route, Waiting};
use crate::store::StoreError;
use crate::twilio::accounts::rest_account;
use crate::twilio::rest::{CallChange, RestError};
use crate::twilio::twiml;
use crate::twilio::voice::hook_url;

/// When it is tried again to let a caller go, when Twilio failed.
const AGAIN: Duration = Duration::from_secs(30);

/// Does what is due.
pub(super) async fn tick(app: &App) -> Result<(), StoreError> {
    let now = OffsetDateTime::now_utc();
    for (tenant, call) in app.store.calls_waiting(now).await? {
        attend(app, tenant, call, now).await?;
    }
    Ok(())
}

async fn attend(app: &App, tenant: TenantId, call: CallId, now: OffsetDateTime) -> Result<(), StoreError> {
    let mut txn = app.store.begin(tenant).await?;
    let speaking = txn.speaking(tenant, call).await?;
    // One who was put through to a telephone has somebody there.
    let is_here = speaking.node.is_some() && speaking.route == Some(Route::Agent) && !speaking.is_over;
    let since = speaking.waiting_since.filter(|_| is_here && speaking.answered_by.is_none());
    let Some(since) = since else {
        txn.waiting_put(tenant, call, None).await?;
        return txn.commit().await;
    };
    let number = txn.number_find(tenant, &speaking.organization_number, &app.secrets).await?;
    let settings = number.map(|number| number.settings).unwrap_or_default();
    let waiting = settings.waiting.unwrap_or_default();
    let every = Duration::from_secs(waiting.every_seconds.into());
    let sessions = txn.sessions_connected(tenant, call).await?;
    if sessions.iter().any(|(_, state)| matches!(state.mode, Mode::Join | Mode::Takeover)) {
        // Somebody speaks with them. When nobody does any more, they begin to wait.
        txn.waiting_put(tenant, call, Some((now, now + every))).await?;
        return txn.commit().await;
    }
    let until = since + Duration::from_secs(waiting.give_up_seconds.into());
    if now < until {
        txn.waiting_put(tenant, call, Some((since, (now + every).min(until)))).await?;
        txn.commit().await?;
        tell(app, call, waiting);
        return Ok(());
    }
    // Should Twilio fail, or we: once more.
    txn.waiting_put(tenant, call, Some((since, now + AGAIN))).await?;
    txn.commit().await?;
    tokio::spawn(let_go(app.clone(), tenant, call, settings.dial));
    Ok(())
}

/// Has the line of those who wait said to this one.
fn tell(app: &App, call: CallId, waiting: Waiting) {
    let Some((text, language)) = waiting.line() else { return };
    app.bus.commands.publish(NodeCommand::Say {
        call,
        say: SayId::new(),
        text: text.to_owned(),
        language: language.map(str::to_owned),
        voice: waiting.voice.clone(),
    });
}

/// Rings `dial`, or ends the call.
async fn let_go(app: App, tenant: TenantId, call: CallId, dial: Option<String>) {
    let asked = async {
        let leg = app.store.call_leg(tenant, call).await?;
        let Some(account) = rest_account(&app, tenant, leg.account_sid).await? else { return Ok(()) };
        let change = match &dial {
            Some(number) => {
                let action = hook_url(&app, "dialled");
                CallChange::Twiml(twiml::leave(Some(twiml::Dial { number, action: &action })))
            }
            None => CallChange::Complete,
        };
        match app.twilio.call_update(&account, leg.call_sid, &change).await {
            Ok(_) | Err(RestError::NotFound | RestError::Refused { .. }) => {}
            Err(error) => {
                tracing::warn!(%call, error = &error as &dyn std::error::Error, "a caller waits on: Twilio fails");
                return Ok(());
            }
        }
        let now = OffsetDateTime::now_utc();
        let mut txn = app.store.begin(tenant).await?;
        txn.waiting_put(tenant, call, None).await?;
        let data = json!({ "reason": "nobody_answered", "dialled": dial.is_some() });
        txn.event(tenant, call, EventType::CallUpdated, now, data).await?;
        txn.commit().await
    };
    if let Err(error) = asked.await {
        tracing::warn!(%call, error = &error as &dyn std::error::Error, "a caller waits on");
    }
}
