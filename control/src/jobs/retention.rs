//! Deletes what tenants do not want to keep for longer.

use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval};

use crate::App;
use crate::audit::{Action, Entry};
use crate::store::StoreError;

/// How often it is looked for.
const LOOK: Duration = Duration::from_secs(60);

/// Calls that go in one transaction: it holds up the tenant's other writers.
const BATCH: u16 = 50;

/// Transactions for a tenant each time. What is left goes the next time.
const BATCHES: usize = 20;

/// Looks for what is too old until the server stops.
pub(crate) async fn run(app: App) {
    let mut stopped = std::pin::pin!(app.stopped());
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut stopped => return,
            _ = look.tick() => {
                if let Err(error) = forget(&app, OffsetDateTime::now_utc()).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "old calls cannot be deleted now; it is tried again");
                }
            }
        }
    }
}

/// Deletes what is too old at `now`: how many calls.
pub(crate) async fn forget(app: &App, now: OffsetDateTime) -> Result<u64, StoreError> {
    let mut all = 0;
    for tenant in app.store.tenants_with_settings().await? {
        let Some(days) = app.store.tenant_settings(tenant).await?.retention_days else { continue };
        let mut gone = 0;
        for _ in 0..BATCHES {
            let mut txn = app.store.begin(tenant).await?;
            let old = txn.calls_old(tenant, now - time::Duration::days(days.into()), BATCH).await?;
            for &call in &old {
                txn.call_delete(tenant, call, json!({ "reason": "retention" }), now).await?;
            }
            if !old.is_empty() {
                let data = json!({ "reason": "retention", "calls": old.len() });
                txn.audit(tenant, Entry::new(Action::CallRemoved).with(data), now).await?;
            }
            txn.commit().await?;
            gone += old.len() as u64;
            if old.len() < usize::from(BATCH) || *app.stopping.borrow() {
                break;
            }
        }
        if gone > 0 {
            tracing::info!(%tenant, calls = gone, days, "calls are deleted, for they are older than the tenant keeps them");
        }
        all += gone;
    }
    Ok(all)
}
