//! Whether the audit logs are whole: looked at when the server starts, and each hour.

use std::collections::HashMap;
use std::time::Duration;

use common::TenantId;
use tokio::time::{MissedTickBehavior, interval};

use crate::App;
use crate::audit::Head;
use crate::store::StoreError;

/// How often all of it is looked at.
const EVERY: Duration = Duration::from_secs(3600);

/// Looks until the server stops. A task of its own: long logs must not hold up the bus.
pub(crate) async fn run(app: App) {
    let mut stopped = std::pin::pin!(app.stopped());
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heads = HashMap::new();
    loop {
        let next = async {
            tick.tick().await;
            look(&app, &mut heads).await
        };
        tokio::select! {
            () = &mut stopped => return,
            looked = next => if let Err(error) = looked {
                tracing::warn!(error = &error as &dyn std::error::Error, "the audit logs could not be read");
            }
        }
    }
}

/// Looks once. Heads of the time before tell whether an end was cut off since.
async fn look(app: &App, heads: &mut HashMap<TenantId, Head>) -> Result<(), StoreError> {
    let mut all_whole = true;
    for tenant in app.store.tenant_list().await? {
        let before = heads.get(&tenant).copied();
        match app.store.audit_verify(tenant, before.as_slice()).await? {
            Ok(head) if before == Some(head) => {}
            Ok(head) => {
                // In the log of the server, which is kept elsewhere, for `partyline audit verify --head`.
                tracing::info!(%head, "an audit log is whole");
                heads.insert(tenant, head);
            }
            Err(fault) => {
                tracing::error!(%fault, "an audit log is not what was written");
                all_whole = false;
            }
        }
    }
    app.metrics.audit_chain_ok.set(all_whole.into());
    Ok(())
}
