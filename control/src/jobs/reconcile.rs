//! Ends what nobody ended: streams and sessions of dead gateways, and calls of which nobody speaks any
//! more, once Twilio was asked for them. So nothing is "in progress" for ever, whoever was killed and whatever was
//! lost.

use time::OffsetDateTime;
use tokio::time::Instant;

use super::ask::Asking;
use super::bus::{Nodes, Seen, session_ended, stream_ended};
use super::waiting;
use crate::App;
use crate::store::StoreError;

/// One look at everything.
pub(super) async fn tick(app: &App, nodes: &mut Nodes, asking: &mut Asking) {
    let done = async {
        close_dead_nodes(app, nodes).await?;
        ask_for_still_calls(app, nodes, asking).await?;
        close_unused_grants(app).await?;
        waiting::tick(app).await
    };
    if let Err(error) = done.await {
        tracing::error!(error = &error as &dyn std::error::Error, "reconciling failed; it is tried again");
    }
}

/// Ends the streams and sessions of gateways that have been silent for too long.
async fn close_dead_nodes(app: &App, nodes: &mut Nodes) -> Result<(), StoreError> {
    // A gateway that we cannot hear may be in the best of health.
    let Some(hears_since) = app.bus.hears_since() else { return Ok(()) };
    let now = Instant::now();
    // One that the database knows and that has not spoken since we began gets as long as any other.
    for node in app.store.node_list().await? {
        nodes.seen.entry(node).or_insert(Seen::not_yet(nodes.began));
    }
    let dead: Vec<_> = nodes
        .seen
        .iter()
        .filter(|(_, seen)| {
            now.saturating_duration_since(seen.at.max(hears_since.into())) > app.config.timings.node_silence
        })
        .map(|(&node, &seen)| (node, seen))
        .collect();
    for (node, seen) in dead {
        // The last sign of life of its calls is the gateway's, not our finding that there is none.
        let active_at = seen.wall.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let streams = app.store.node_streams(node).await?;
        let sessions = app.store.node_sessions(node).await?;
        if !streams.is_empty() || !sessions.is_empty() {
            let (streams, sessions) = (streams.len(), sessions.len());
            tracing::warn!(%node, streams, sessions, "a gateway is silent: what it held is over");
        }
        for stream in streams {
            let end = ("node_lost".to_owned(), None);
            if stream_ended(app, (stream.tenant, stream.call), (node, None), end, active_at).await? {
                app.metrics.reconciled_calls.with_label_values(&["node_lost"]).inc();
            }
        }
        for session in sessions {
            let wall = OffsetDateTime::now_utc();
            session_ended(app, session.tenant, session.session, "node_lost", wall).await?;
        }
        nodes.seen.remove(&node);
    }
    Ok(())
}

/// Begins to ask Twilio for calls without audio of which it has not spoken for too long.
async fn ask_for_still_calls(app: &App, nodes: &Nodes, asking: &mut Asking) -> Result<(), StoreError> {
    for still in app.store.calls_still(OffsetDateTime::now_utc() - app.config.timings.call_silence).await? {
        asking.begin(app, still.tenant, still.call, nodes.began);
    }
    Ok(())
}

/// Closes sessions that were granted and never used.
async fn close_unused_grants(app: &App) -> Result<(), StoreError> {
    let now = OffsetDateTime::now_utc();
    // Long enough for a connection that used the grant's last second to be announced.
    let before = now - time::Duration::minutes(1);
    for tenant in app.store.tenants_with_unused_sessions(before).await? {
        let mut txn = app.store.begin(tenant).await?;
        txn.sessions_expire(tenant, before, now).await?;
        txn.commit().await?;
    }
    Ok(())
}
