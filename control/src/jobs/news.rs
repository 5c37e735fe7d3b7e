//! What other control processes committed, for the consoles of this one.

use common::bus::{Received, Subscription, TenantNews};
use tokio::time::{Instant, sleep_until};

use super::RETRY;
use crate::App;
use crate::store::{LiveMessage, StoreError};

/// Tells the sockets of this process what the others say, until the server stops. After every doubt whether all of it
/// came, it asks the database how far each tenant's events go.
pub(crate) async fn run(app: App, mut news: Subscription<TenantNews>) {
    let mut stopped = std::pin::pin!(app.stopped());
    let mut hearing = app.bus.hearing();
    let mut doubted: Option<Instant> = None;
    loop {
        tokio::select! {
            () = &mut stopped => return,
            received = news.next() => match received {
                Some(Received::Message(envelope)) => {
                    let TenantNews { tenant, seq, text } = envelope.body;
                    app.hub.tell(tenant, LiveMessage { seq, text: text.into() });
                }
                Some(Received::Lost(_)) => doubted = doubted.or(Some(Instant::now())),
                None => return,
            },
            // The sender is the bus's own, which lives as long as we.
            Ok(()) = hearing.changed() => doubted = doubted.or(Some(Instant::now())),
            () = sleep_until(doubted.map_or_else(Instant::now, |at| at + RETRY)), if doubted.is_some() => {
                doubted = make_sure(&app).await.err().map(|_| Instant::now());
            }
        }
    }
}

async fn make_sure(app: &App) -> Result<(), StoreError> {
    for tenant in app.hub.tenants() {
        app.hub.reaches(tenant, app.store.event_newest(tenant).await?);
    }
    Ok(())
}
