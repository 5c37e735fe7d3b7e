//! What goes on without a request: the bus, the reconciler, forgetting.

mod ask;
pub(crate) mod audit;
pub(crate) mod bootstrap;
mod bus;
pub(crate) mod news;
mod reconcile;
pub(crate) mod retention;
mod speech;
mod waiting;

use std::time::Duration;

use common::bus::{NodeEvent, Received, Subscription};
use common::{CallId, TenantId};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::App;
use crate::jobs::ask::Asking;
use crate::jobs::bus::Nodes;
use crate::store::StoreError;
use crate::twilio::away;

/// How often what is over is forgotten.
const FORGET: Duration = Duration::from_secs(60);

/// How long after a doubt, or a database that failed, it is looked at again.
const RETRY: Duration = Duration::from_millis(200);

/// Calls whose audio broke off that may wait to be looked at.
pub(crate) const LOST_STREAMS: usize = 1024;

/// Runs the jobs until the server stops. One task: the bus's messages are handled in order, and the
/// reconciler never sees half of one.
pub(crate) async fn run(
    app: App,
    mut events: Subscription<NodeEvent>,
    mut lost: mpsc::Receiver<(TenantId, CallId)>,
) {
    let taking = tokio::spawn(take_from_disk(app.clone()));
    let mut stopped = std::pin::pin!(app.stopped());
    let mut tick = interval(app.config.timings.tick);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut forget = interval(FORGET);
    forget.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut nodes = Nodes::new(Instant::now());
    let mut asking = Asking::default();
    let mut bus_is_open = true;
    loop {
        tokio::select! {
            // A gateway's sign of life that waits here must count before its silence does.
            biased;
            () = &mut stopped => break,
            received = events.next(), if bus_is_open => match received {
                Some(Received::Message(envelope)) => nodes.handle_event(&app, envelope).await,
                Some(Received::Lost(count)) => {
                    tracing::warn!(count, "bus messages were lost; heartbeats will make up for them");
                    app.metrics.bus_missed.with_label_values(&["lost"]).inc_by(count);
                }
                None => bus_is_open = false,
            },
            Some((tenant, call)) = lost.recv() => asking.begin(&app, tenant, call, nodes.began),
            () = asking.ended() => {}
            _ = tick.tick() => reconcile::tick(&app, &mut nodes, &mut asking).await,
            _ = forget.tick() => forget_old(&app).await,
        }
    }
    if taking.await.is_err() {
        tracing::error!("the taking of webhooks from the disk had panicked");
    }
}

/// Takes webhooks from the disk once the database is back. In a task of its own: while it waits for the database, gateways'
/// signs of life must be heard, or they would be taken for dead.
async fn take_from_disk(app: App) {
    let mut stopped = std::pin::pin!(app.stopped());
    let mut tick = interval(app.config.timings.tick);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut stopped => return,
            _ = tick.tick() => if let Err(error) = away::drain(&app).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "webhooks wait on disk for the database");
            },
        }
    }
}

async fn forget_old(app: &App) {
    app.login_by_address.forget();
    app.login_by_email.forget();
    app.sessions_by_user.forget();
    app.requests.forget();
    app.qualities.forget_old(std::time::Instant::now());
    let forgotten = async {
        let now = OffsetDateTime::now_utc();
        for tenant in app.store.tenants_with_old_sign_ins(now).await? {
            let mut txn = app.store.begin(tenant).await?;
            txn.sign_ins_forget(tenant, now).await?;
            txn.commit().await?;
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = forgotten.await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "old sign-ins cannot be forgotten now");
    }
}
