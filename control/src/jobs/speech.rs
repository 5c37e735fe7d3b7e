//! Who speaks in a call, as gateways tell it: modes, bots, lines and words. And what they are told again, should they
//! not have heard it.

use std::time::Duration;

use common::bus::{BotState, NodeCommand, SayEnd, Speaker};
use common::token::{Mode, StreamKind};
use common::{CallId, CallSid, NodeId, SayId, SessionId, TenantId};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::bus::is_first;
use crate::App;
use crate::api::bot::{pause, recap};
use crate::api::modes::not_heard;
use crate::audit::{Action, Entry};
use crate::crypto::SecretBox;
use crate::model::{CallBot, EventType, MessageType, Outcome, Route, Sender};
use crate::store::{NewMessage, SessionState, SideRef, StoreError, Txn};
use crate::twilio::side;

/// For how long a decision is told again with each heartbeat. A microphone that becomes loud later than that would
/// surprise whoever has it.
const AGAIN: Duration = Duration::from_secs(10);

/// How long until a caller whose bot has failed is told to wait: the bot's own last line comes first.
const BEHIND_FALLBACK: Duration = Duration::from_secs(5);

/// How long until a caller is let go whose bot is done: a call that is over has ended by then.
const GONE: Duration = Duration::from_secs(3);

/// What a call's bot does now, and since when.
#[derive(Debug)]
pub(super) struct BotChange {
    pub(super) state: BotState,
    pub(super) media_ms: u64,
    pub(super) detail: Option<String>,
}

/// What a connection may do has changed.
pub(super) async fn session_changed(
    app: &App,
    (tenant, call, session): (TenantId, CallId, SessionId),
    (mode, media_ms): (Mode, u64),
    receipt: Uuid,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut txn = app.store.begin(tenant).await?;
    let before = txn.session_fetch(tenant, session).await?;
    if before.call != call || before.is_over || !is_first(&mut txn, tenant, call, Some(receipt), now).await? {
        return Ok(());
    }
    txn.session_mode_put(tenant, session, mode).await?;
    let mut command = None;
    if before.mode != mode {
        let mut data = json!({ "id": session, "mode": mode, "side": before.side });
        if let Some(mut listener) = before.connected {
            listener.mode = mode;
            data = json!(listener);
        }
        (data["before"], data["media_ms"]) = (json!(before.mode), media_ms.into());
        txn.event(tenant, call, EventType::SessionChanged, now, data).await?;
        let kept = json!({ "mode": mode, "before": before.mode, "media_ms": media_ms });
        let entry = Entry::new(Action::SessionChanged).by(before.user).of_call(call).on(session).with(kept);
        txn.audit(tenant, entry, now).await?;
        if mode == Mode::Takeover {
            command = pause(&mut txn, tenant, call, now).await?;
        }
    }
    txn.commit().await?;
    command.into_iter().for_each(|command| app.bus.commands.publish(command));
    Ok(())
}

/// A leg beside a call carries audio: who waits to be heard there is told so.
pub(super) async fn side_started(
    app: &App,
    (tenant, call): (TenantId, CallId),
    (kind, call_sid): (StreamKind, CallSid),
    node: NodeId,
) -> Result<(), StoreError> {
    let mut txn = app.store.begin(tenant).await?;
    if !txn.side_start(tenant, call, (kind, call_sid), node).await? {
        return Ok(());
    }
    let waiting = txn.sessions_connected(tenant, call).await?;
    txn.commit().await?;
    for (session, state) in waiting {
        if let Some((mode, _)) = state.wanted.filter(|&(mode, _)| side::kind_of(mode) == Some(kind)) {
            app.bus.commands.publish(NodeCommand::SetMode { session, mode });
        }
    }
    Ok(())
}

/// A leg beside a call is over. Who was heard there only listens, as their gateway tells.
pub(super) async fn side_ended(
    app: &App,
    (tenant, call): (TenantId, CallId),
    call_sid: CallSid,
) -> Result<(), StoreError> {
    let mut txn = app.store.begin(tenant).await?;
    txn.side_end(tenant, call, SideRef::Sid(call_sid)).await?;
    txn.commit().await
}

/// A connection carries audio: what it must be told, and its call's gateway.
pub(super) async fn session_started(
    txn: &mut Txn,
    tenant: TenantId,
    session: SessionId,
    state: &SessionState,
    now: OffsetDateTime,
) -> Result<Vec<NodeCommand>, StoreError> {
    let mut commands = Vec::new();
    // Asked before it was there, when nobody could do it.
    if let Some((mode, _)) = state.wanted {
        txn.session_ask(tenant, session, Some(mode), now).await?;
        if side::can_be_told(txn, tenant, state.call, mode).await? {
            commands.push(NodeCommand::SetMode { session, mode });
        }
    }
    if state.mode == Mode::Takeover {
        commands.extend(pause(txn, tenant, state.call, now).await?);
    }
    Ok(commands)
}

/// A connection is over. When it had taken a call over, and nobody else speaks there, the caller is alone.
pub(super) async fn session_ended(
    txn: &mut Txn,
    tenant: TenantId,
    state: &SessionState,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    if state.connected.is_none() || state.mode != Mode::Takeover {
        return Ok(());
    }
    let speaking = txn.speaking(tenant, state.call).await?;
    let is_paused = speaking.bot == Some(CallBot::Paused) || speaking.bot_paused;
    let others = txn.sessions_connected(tenant, state.call).await?;
    let speaks = |mode| matches!(mode, Mode::Join | Mode::Takeover);
    if speaking.is_over || !is_paused || others.iter().any(|(_, other)| speaks(other.mode)) {
        return Ok(());
    }
    let data = json!({ "kind": "caller_alone", "detail": "who had taken the call over is gone" });
    txn.event(tenant, state.call, EventType::AlertRaised, now, data).await
}

/// A call's audio arrives: what its gateway must be told.
pub(super) async fn stream_started(
    txn: &mut Txn,
    secrets: &SecretBox,
    (tenant, call): (TenantId, CallId),
    now: OffsetDateTime,
) -> Result<Vec<NodeCommand>, StoreError> {
    let speaking = txn.speaking(tenant, call).await?;
    if speaking.route != Some(Route::Agent) {
        return Ok(Vec::new());
    }
    let mut commands = Vec::new();
    if speaking.held {
        commands.push(NodeCommand::Hold { call, held: true });
    }
    if speaking.answered_by.is_some() {
        return Ok(commands);
    }
    let number = txn.number_find(tenant, &speaking.organization_number, secrets).await?;
    let has_bot = number.as_ref().is_some_and(|number| number.has_bot);
    match number.and_then(|number| number.settings.bot) {
        // With the stream before went its bot.
        Some(bot) => {
            txn.bot_ask(tenant, call).await?;
            commands.push(NodeCommand::Attach { call, bot: bot.for_gateway() });
        }
        None => {
            txn.waiting_put(tenant, call, Some((speaking.waiting_since.unwrap_or(now), now))).await?;
            if has_bot {
                let data =
                    json!({ "kind": "bot_failed", "detail": "what is stored of it opens with no key" });
                txn.event(tenant, call, EventType::AlertRaised, now, data).await?;
            }
        }
    }
    Ok(commands)
}

/// A call's audio is gone, and with it the lines that were to be said.
pub(super) async fn stream_ended(
    txn: &mut Txn,
    tenant: TenantId,
    call: CallId,
    in_order: bool,
) -> Result<(), StoreError> {
    let now = OffsetDateTime::now_utc();
    // Twilio ends it in order with the call. What became of a line at a gateway that died, nobody knows.
    let outcome = if in_order { Outcome::CallEnded } else { Outcome::Unknown };
    for line in txn.says_open(tenant, call, None).await? {
        txn.say_end(tenant, &line, outcome, now).await?;
    }
    let since = txn.speaking(tenant, call).await?.waiting_since;
    if since.is_some() {
        txn.waiting_put(tenant, call, None).await?;
    }
    Ok(())
}

/// A call's bot has come, was paused, was handed back to, or is gone.
pub(super) async fn bot_changed(
    app: &App,
    (tenant, call): (TenantId, CallId),
    change: BotChange,
    receipt: Uuid,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let Some(state) = CallBot::of(change.state) else { return Ok(()) };
    let mut txn = app.store.begin(tenant).await?;
    let before = txn.speaking(tenant, call).await?;
    if !is_first(&mut txn, tenant, call, Some(receipt), now).await? {
        return Ok(());
    }
    let mut commands = Vec::new();
    let detail = change.detail.map(|detail| detail.chars().take(500).collect::<String>());
    txn.bot_put(tenant, call, state).await?;
    match state {
        // Paused while it was still on its way.
        CallBot::Active if before.bot.is_none() && before.bot_paused => {
            commands.push(NodeCommand::PauseBot { call, paused: true, recap: None });
        }
        // By somebody's mode, which the gateway heard of first.
        CallBot::Paused if !before.bot_paused && !is_fresh(before.bot_decided_at, now) => {
            txn.bot_pause(tenant, call, true, now).await?;
        }
        // Nobody answers any more, so people may.
        CallBot::Failed if !before.is_over && before.answered_by.is_none() => {
            txn.waiting_put(tenant, call, Some((now, now + BEHIND_FALLBACK))).await?;
        }
        // It is done with the call. As with Twilio itself, what comes behind its stream is next.
        CallBot::Gone if !before.is_over && before.answered_by.is_none() => {
            txn.waiting_put(tenant, call, Some((OffsetDateTime::UNIX_EPOCH, now + GONE))).await?;
        }
        _ => {}
    }
    if before.bot != Some(state) {
        let data = json!({ "bot": state, "media_ms": change.media_ms, "detail": detail });
        txn.event(tenant, call, EventType::CallUpdated, now, data).await?;
        if state == CallBot::Failed && !before.is_over {
            let data = json!({ "kind": "bot_failed", "detail": detail });
            txn.event(tenant, call, EventType::AlertRaised, now, data).await?;
        }
    }
    txn.commit().await?;
    commands.into_iter().for_each(|command| app.bus.commands.publish(command));
    Ok(())
}

/// A line that was to be said is over.
pub(super) async fn said(
    app: &App,
    (tenant, call): (TenantId, CallId),
    (say, end, _media_ms): (SayId, SayEnd, u64),
    receipt: Uuid,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut txn = app.store.begin(tenant).await?;
    // It is none of ours, or over already.
    let Some(line) = txn.says_open(tenant, call, Some(say)).await?.pop() else { return Ok(()) };
    if is_first(&mut txn, tenant, call, Some(receipt), now).await? {
        txn.say_end(tenant, &line, Outcome::of(end), now).await?;
        txn.commit().await?;
    }
    Ok(())
}

/// Somebody said something.
pub(super) async fn heard(
    app: &App,
    (tenant, call): (TenantId, CallId),
    (speaker, text, _media_ms): (Speaker, &str, u64),
    receipt: Uuid,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let sender_type = match speaker {
        Speaker::Caller => Sender::Customer,
        Speaker::Bot => Sender::Agent,
        Speaker::Unknown => return Ok(()),
    };
    let mut txn = app.store.begin(tenant).await?;
    if text.trim().is_empty() || !is_first(&mut txn, tenant, call, Some(receipt), now).await? {
        return Ok(());
    }
    let new = NewMessage {
        message_type: MessageType::Transcript,
        sender_type,
        sender_name: None,
        content: text,
        confidence: None,
        detected_language: None,
        is_final: true,
        replaces: None,
        say: None,
        outcome: None,
    };
    txn.message_put(tenant, call, &new, now).await?;
    txn.commit().await
}

/// Tells a gateway again what it was told and has not confirmed.
pub(super) async fn repeat(app: &App, node: NodeId, now: OffsetDateTime) -> Result<(), StoreError> {
    for (tenant, session) in app.store.node_sessions_asked(node).await? {
        let mut txn = app.store.begin(tenant).await?;
        let state = txn.session_fetch(tenant, session).await?;
        let Some((mode, at)) = state.wanted.filter(|_| !state.is_over) else { continue };
        let can_be_told = side::can_be_told(&mut txn, tenant, state.call, mode).await?;
        // To be quiet is never too late. A leg beside the call takes longer than a gateway that is told something.
        if mode == Mode::Listen || is_fresh(Some(at), now) || (!can_be_told && now - at < side::PATIENCE) {
            if can_be_told {
                app.bus.commands.publish(NodeCommand::SetMode { session, mode });
            }
        } else {
            not_heard(&mut txn, tenant, session, &state, now).await?;
            txn.commit().await?;
        }
    }
    for (tenant, call) in app.store.node_calls_asked(node, now - AGAIN).await? {
        let mut txn = app.store.begin(tenant).await?;
        let speaking = txn.speaking(tenant, call).await?;
        if speaking.node != Some(node) || speaking.is_over {
            continue;
        }
        if speaking.bot_asked && speaking.bot.is_none() {
            let number = txn.number_find(tenant, &speaking.organization_number, &app.secrets).await?;
            if let Some(bot) = number.and_then(|number| number.settings.bot) {
                app.bus.commands.publish(NodeCommand::Attach { call, bot: bot.for_gateway() });
            }
        }
        let paused = speaking.bot_paused;
        let is_undone = speaking.bot == Some(if paused { CallBot::Active } else { CallBot::Paused });
        if is_undone && is_fresh(speaking.bot_decided_at, now) {
            let recap = if paused { None } else { recap(&mut txn, tenant, call).await? };
            app.bus.commands.publish(NodeCommand::PauseBot { call, paused, recap });
        }
        if is_fresh(speaking.held_at, now) {
            app.bus.commands.publish(NodeCommand::Hold { call, held: speaking.held });
        }
    }
    Ok(())
}

/// Whether what was decided then is still told.
fn is_fresh(at: Option<OffsetDateTime>, now: OffsetDateTime) -> bool {
    at.is_some_and(|at| now - at < AGAIN)
}
