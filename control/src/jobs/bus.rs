//! What gateways tell: streams, sessions, keys, and that they live.
//!
//! Single messages may be lost or come twice. The heartbeat is the truth: what a gateway does not list is
//! over, what it lists is there.
//!
//! Every control process hears every message. The first to keep one has it: the others find its receipt.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use common::bus::{Envelope, NodeCommand, NodeEvent, SessionEnd, StreamEnd};
use common::{CallId, NodeId, SessionId, StreamSid, TenantId};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;
use uuid::Uuid;

use super::speech;
use crate::App;
use crate::audit::{Action, Entry};
use crate::model::{CallStatus, EventType, Route};
use crate::store::{HeldStream, SessionState, StoreError, Txn};
use crate::twilio::apply;
use crate::twilio::status::Report;

/// How often the calls of a living gateway get a sign of life in the database. So exact is the end of a
/// call whose end nobody saw.
const TOUCH: Duration = Duration::from_secs(10);

/// Gateways that are remembered at most.
const MAX_NODES: usize = 1000;

/// What is known of the gateways.
pub(super) struct Nodes {
    pub(super) began: Instant,
    pub(super) seen: HashMap<NodeId, Seen>,
}

/// The last sign of life of a gateway.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) at: Instant,
    /// The same by the wall clock. `None`: never, since we began.
    pub(super) wall: Option<OffsetDateTime>,
    touched: Option<Instant>,
}

impl Seen {
    /// A gateway that the database knows and we have not heard yet.
    pub(super) const fn not_yet(now: Instant) -> Self {
        Self { at: now, wall: None, touched: None }
    }
}

impl Nodes {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, seen: HashMap::new() }
    }

    /// Does what a message asks for. A failure is logged: the next heartbeat makes up for it.
    pub(super) async fn handle_event(&mut self, app: &App, event: Envelope<NodeEvent>) {
        let now = OffsetDateTime::now_utc();
        let receipt = Some(event.id);
        let done = match event.body {
            NodeEvent::NodeAlive { node, calls, sessions, url, utilization } => {
                if let Some(url) = url
                    && !app.gateways.saw(node, &url, utilization, std::time::Instant::now())
                {
                    app.metrics.bus_missed.with_label_values(&["gateway_url"]).inc();
                    tracing::debug!(%node, url, "a gateway's URL is not among those that gateways may have");
                }
                self.handle_alive(app, node, &calls, &sessions, now).await
            }
            NodeEvent::StreamStarted { node, tenant, call, stream, tracks, .. } => {
                stream_started(app, (tenant, call), (node, Some(stream)), &tracks, receipt, now).await
            }
            // The stream that took its place has been, or will be, announced.
            NodeEvent::StreamEnded { reason: StreamEnd::Replaced, .. } => Ok(()),
            NodeEvent::StreamEnded { node, tenant, call, stream, reason } => {
                let end = (word(&reason), receipt);
                stream_ended(app, (tenant, call), (node, Some(stream)), end, now).await.map(drop)
            }
            NodeEvent::SideStarted { node, tenant, call, call_sid, kind } => {
                speech::side_started(app, (tenant, call), (kind, call_sid), node).await
            }
            NodeEvent::SideEnded { tenant, call, call_sid, .. } => {
                speech::side_ended(app, (tenant, call), call_sid).await
            }
            NodeEvent::Dtmf { tenant, call, digit } => dtmf(app, (tenant, call), digit, event.id, now).await,
            NodeEvent::SessionStarted { node, tenant, session, .. } => {
                session_started(app, tenant, session, node, now).await
            }
            NodeEvent::SessionEnded { tenant, session, reason, .. } => {
                session_ended(app, tenant, session, &word::<SessionEnd>(&reason), now).await
            }
            NodeEvent::ListenersHeard { listeners, .. } => {
                app.qualities.put(listeners, std::time::Instant::now(), now);
                Ok(())
            }
            NodeEvent::SessionChanged { tenant, call, session, mode, media_ms } => {
                speech::session_changed(app, (tenant, call, session), (mode, media_ms), event.id, now).await
            }
            NodeEvent::BotChanged { tenant, call, state, media_ms, detail } => {
                let change = speech::BotChange { state, media_ms, detail };
                speech::bot_changed(app, (tenant, call), change, event.id, now).await
            }
            NodeEvent::Said { tenant, call, say, end, media_ms } => {
                speech::said(app, (tenant, call), (say, end, media_ms), event.id, now).await
            }
            NodeEvent::Heard { tenant, call, speaker, text, media_ms } => {
                speech::heard(app, (tenant, call), (speaker, &text, media_ms), event.id, now).await
            }
            NodeEvent::Unknown => {
                app.metrics.bus_missed.with_label_values(&["unknown"]).inc();
                Ok(())
            }
        };
        match done {
            // A call or session that is not there: of a database that was put back, or a forger's.
            Ok(()) | Err(StoreError::NotFound) => {}
            Err(error) => {
                app.metrics.bus_missed.with_label_values(&["error"]).inc();
                tracing::error!(error = &error as &dyn std::error::Error, "a gateway's message is not kept");
            }
        }
    }

    async fn handle_alive(
        &mut self,
        app: &App,
        node: NodeId,
        calls: &[CallId],
        sessions: &[SessionId],
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let at = Instant::now();
        if self.seen.len() >= MAX_NODES && !self.seen.contains_key(&node) {
            return Ok(());
        }
        let seen = self.seen.entry(node).or_insert(Seen::not_yet(at));
        (seen.at, seen.wall) = (at, Some(now));
        let held = app.store.node_streams(node).await?;
        if seen.touched.is_none_or(|touched| at - touched >= TOUCH) && !calls.is_empty() {
            seen.touched = Some(at);
            for tenant in held.iter().map(|stream| stream.tenant).collect::<HashSet<_>>() {
                let mut txn = app.store.begin(tenant).await?;
                txn.node_touch(tenant, node, now).await?;
                txn.commit().await?;
            }
        }
        compare_streams(app, node, calls, &held, now).await?;
        compare_sessions(app, node, sessions, now).await?;
        speech::repeat(app, node, now).await
    }
}

/// Makes our view of a gateway's streams that of its heartbeat.
async fn compare_streams(
    app: &App,
    node: NodeId,
    calls: &[CallId],
    held: &[HeldStream],
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let listed: HashSet<CallId> = calls.iter().copied().collect();
    for stream in held {
        // A young one may have begun after the list was written.
        let is_young = now - stream.since < app.config.timings.absence;
        if !listed.contains(&stream.call) && !is_young {
            let of = (stream.tenant, stream.call);
            if stream_ended(app, of, (node, None), ("lost".to_owned(), None), now).await? {
                app.metrics.reconciled_calls.with_label_values(&["stream_absent"]).inc();
            }
        }
    }
    let held: HashSet<CallId> = held.iter().map(|stream| stream.call).collect();
    for call in listed.difference(&held) {
        // Its start was lost on the way, or we were down. Of a call at another gateway that one speaks.
        let Some(tenant) = app.store.tenant_by_call(*call).await? else { continue };
        if let Some(route) = app.store.call_without_media(tenant, *call).await? {
            let tracks = match route {
                Route::Monitor | Route::Conference => vec!["inbound".to_owned(), "outbound".to_owned()],
                Route::Agent => vec!["inbound".to_owned()],
            };
            stream_started(app, (tenant, *call), (node, None), &tracks, None, now).await?;
        }
    }
    Ok(())
}

/// Makes our view of a gateway's sessions that of its heartbeat.
async fn compare_sessions(
    app: &App,
    node: NodeId,
    sessions: &[SessionId],
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let listed: HashSet<SessionId> = sessions.iter().copied().collect();
    let held = app.store.node_sessions(node).await?;
    for held in &held {
        let is_young = now - held.since < app.config.timings.absence;
        match listed.contains(&held.session) {
            false if !is_young => session_ended(app, held.tenant, held.session, "lost", now).await?,
            true if held.is_revoked => {
                app.bus.commands.publish(NodeCommand::EndSession { session: held.session });
            }
            _ => {}
        }
    }
    let held: HashSet<SessionId> = held.iter().map(|held| held.session).collect();
    for &session in listed.difference(&held) {
        if let Some(tenant) = app.store.tenant_by_session(session).await? {
            session_started(app, tenant, session, node, now).await?;
        }
    }
    Ok(())
}

async fn stream_started(
    app: &App,
    (tenant, call): (TenantId, CallId),
    (node, stream): (NodeId, Option<StreamSid>),
    tracks: &[String],
    receipt: Option<Uuid>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    // Two voices there are; more would be a message of some other make.
    let tracks = tracks.get(..2).unwrap_or(tracks);
    let mut txn = app.store.begin(tenant).await?;
    if !txn.media_start(tenant, call, node, stream, tracks, now).await?
        || !is_first(&mut txn, tenant, call, receipt, now).await?
    {
        return Ok(());
    }
    let data = json!({ "live": true, "tracks": tracks, "gateway": node, "stream": stream });
    answered_by_audio(&mut txn, tenant, call, now).await?;
    txn.event(tenant, call, EventType::CallMedia, now, data).await?;
    let commands = speech::stream_started(&mut txn, &app.secrets, (tenant, call), now).await?;
    txn.commit().await?;
    commands.into_iter().for_each(|command| app.bus.commands.publish(command));
    Ok(())
}

/// Audio comes, so somebody or something answered; and a call that was given up is not over.
async fn answered_by_audio(
    txn: &mut Txn,
    tenant: TenantId,
    call: CallId,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut progress = txn.call_progress(tenant, call).await?;
    let before = progress;
    progress.revive();
    if progress != before {
        txn.call_progress_put(tenant, call, &progress, now).await?;
        txn.event(tenant, call, EventType::CallUpdated, now, json!({ "reason": "audio_again" })).await?;
    }
    if progress.status() == CallStatus::Incoming {
        apply(txn, tenant, call, Report::Answered(now), json!({ "reason": "audio" }), now).await?;
    }
    Ok(())
}

/// A stream is over. `false`: it was not there any more.
pub(super) async fn stream_ended(
    app: &App,
    (tenant, call): (TenantId, CallId),
    (node, stream): (NodeId, Option<StreamSid>),
    (reason, receipt): (String, Option<Uuid>),
    active_at: OffsetDateTime,
) -> Result<bool, StoreError> {
    let mut txn = app.store.begin(tenant).await?;
    if !txn.media_end(tenant, call, node, stream, active_at).await?
        || !is_first(&mut txn, tenant, call, receipt, active_at).await?
    {
        return Ok(false);
    }
    let data = json!({ "live": false, "reason": reason });
    txn.event(tenant, call, EventType::CallMedia, OffsetDateTime::now_utc(), data).await?;
    speech::stream_ended(&mut txn, tenant, call, reason == "stopped").await?;
    txn.commit().await?;
    // Twilio ended it in order, with the call or by its own TwiML. Any other end may leave a call without audio.
    if reason != "stopped" {
        let _found_later_when_full = app.lost_streams.try_send((tenant, call));
    }
    Ok(true)
}

/// Whether no control process has kept this message. What was found by a heartbeat has no receipt.
pub(super) async fn is_first(
    txn: &mut Txn,
    tenant: TenantId,
    call: CallId,
    receipt: Option<Uuid>,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    match receipt {
        Some(id) => txn.receipt_keep(tenant, call, &format!("bus:{}", id.simple()), now).await,
        None => Ok(true),
    }
}

async fn dtmf(
    app: &App,
    (tenant, call): (TenantId, CallId),
    digit: char,
    receipt: Uuid,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut txn = app.store.begin(tenant).await?;
    if !is_first(&mut txn, tenant, call, Some(receipt), now).await? {
        return Ok(());
    }
    txn.event(tenant, call, EventType::CallMedia, now, json!({ "dtmf": digit })).await?;
    txn.commit().await
}

async fn session_started(
    app: &App,
    tenant: TenantId,
    session: SessionId,
    node: NodeId,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut txn = app.store.begin(tenant).await?;
    match txn.session_connect(tenant, session, node, now).await? {
        Some(state) => {
            record_session(&mut txn, tenant, &state, None, now).await?;
            let commands = speech::session_started(&mut txn, tenant, session, &state, now).await?;
            txn.commit().await?;
            commands.into_iter().for_each(|command| app.bus.commands.publish(command));
            Ok(())
        }
        None => {
            // Already known; or it was ended before it began, and the gateway did not hear of that.
            let state = txn.session_fetch(tenant, session).await?;
            if state.is_over || state.is_revoked {
                app.bus.commands.publish(NodeCommand::EndSession { session });
            }
            Ok(())
        }
    }
}

pub(super) async fn session_ended(
    app: &App,
    tenant: TenantId,
    session: SessionId,
    reason: &str,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    app.qualities.forget(session);
    let mut txn = app.store.begin(tenant).await?;
    let Some(state) = txn.session_end(tenant, session, reason, now).await? else { return Ok(()) };
    record_session(&mut txn, tenant, &state, Some(reason), now).await?;
    txn.calls_release(tenant, now).await?;
    speech::session_ended(&mut txn, tenant, &state, now).await?;
    txn.commit().await
}

/// Records that a person began to hear a call, or ceased to, for the reason given. One who never heard it is no
/// event.
async fn record_session(
    txn: &mut Txn,
    tenant: TenantId,
    state: &SessionState,
    ended: Option<&str>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let Some(listener) = &state.connected else { return Ok(()) };
    let mut data = json!(listener);
    let stamp = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
    let mut kept = json!({ "mode": listener.mode, "reason": state.reason, "from": stamp(listener.since) });
    if let Some(reason) = ended {
        data["reason"] = reason.into();
        (kept["to"], kept["end"]) = (stamp(now).into(), reason.into());
    }
    let (kind, action) = match ended {
        None => (EventType::SessionStarted, Action::SessionStarted),
        Some(_) => (EventType::SessionEnded, Action::SessionEnded),
    };
    let entry = Entry::new(action).by(state.user).of_call(state.call).on(listener.id).with(kept);
    txn.audit(tenant, entry, now).await?;
    txn.event(tenant, state.call, kind, now, data).await
}

/// The word that a reason travels as.
pub(super) fn word<T: serde::Serialize>(reason: &T) -> String {
    match serde_json::to_value(reason) {
        Ok(Value::String(word)) => word,
        _ => "unknown".to_owned(),
    }
}
