//! Whose turn it is to write.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use common::TenantId;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use super::StoreError;

/// How long a writer waits for its turn. Then the client is told to come back.
const TURN: Duration = Duration::from_secs(5);

/// Turns that are kept before those that nobody has or waits for are forgotten.
const KEPT: usize = 1024;

/// One writer at a time for each key, in the order they came. Within this process.
#[derive(Debug, Default)]
pub(super) struct Turns {
    turns: Mutex<HashMap<Option<TenantId>, Weak<tokio::sync::Mutex<()>>>>,
}

impl Turns {
    /// Waits for the turn of this tenant, or with `None` for the one turn of all.
    pub(super) async fn take(&self, whose: Option<TenantId>) -> Result<OwnedMutexGuard<()>, StoreError> {
        let turn = self.of(whose);
        timeout(TURN, turn.lock_owned()).await.map_err(|_| StoreError::Busy(None))
    }

    fn of(&self, whose: Option<TenantId>) -> Arc<tokio::sync::Mutex<()>> {
        // A panic elsewhere leaves the map whole: every change of it is one step.
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&whose).and_then(Weak::upgrade) {
            return turn;
        }
        if turns.len() >= KEPT {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::default();
        turns.insert(whose, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tenant_waits_for_itself_alone() {
        let turns = Turns::default();
        let (one, other) = (TenantId::new(), TenantId::new());
        let held = turns.take(Some(one)).await.unwrap();
        assert!(turns.of(Some(one)).try_lock().is_err());
        assert!(turns.of(Some(other)).try_lock().is_ok());
        drop(held);
        assert!(turns.of(Some(one)).try_lock().is_ok());
    }

    #[tokio::test]
    async fn turns_that_nobody_has_are_forgotten() {
        let turns = Turns::default();
        let held = turns.take(None).await.unwrap();
        for _ in 0..3 * KEPT {
            drop(turns.of(Some(TenantId::new())));
        }
        assert!(turns.turns.lock().unwrap().len() <= KEPT);
        assert!(turns.of(None).try_lock().is_err(), "but the one that somebody has is not");
        drop(held);
    }
}
