//! What happened, in order: per call and over all of a tenant's calls.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use axum::extract::ws::Utf8Bytes;
use common::{CallId, TenantId};
use serde_json::Value;
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, Tx, Txn, calls, from_json, from_millis, from_word, millis, sql, to_json};
use crate::model::{Call, CallEvent, CallRef, EventType, LiveEvent};

/// An event in the form a live client gets it.
#[derive(Clone, Debug)]
pub(crate) struct LiveMessage {
    /// Its number among the tenant's events.
    pub(crate) seq: i64,
    /// A [`LiveEvent`] as JSON.
    pub(crate) text: Utf8Bytes,
}

/// Where a live client begins.
pub(crate) struct Snapshot {
    /// Number of the tenant's newest event.
    pub(crate) seq: i64,
    /// The calls that are not over.
    pub(crate) calls: Vec<Call>,
}

/// An event of a transaction that is not committed yet.
pub(super) struct Recorded {
    tenant: TenantId,
    event: Event,
}

struct Event {
    seq: i64,
    call: CallId,
    kind: EventType,
    at: OffsetDateTime,
    data: Value,
}

impl Event {
    fn message(&self, call: Option<&Call>) -> LiveMessage {
        let of_session = matches!(
            self.kind,
            EventType::SessionStarted | EventType::SessionChanged | EventType::SessionEnded
        );
        let live = LiveEvent {
            kind: self.kind,
            call_id: self.call,
            at: self.at,
            seq: self.seq,
            call,
            session: of_session.then_some(&self.data),
            data: (!of_session).then_some(&self.data),
        };
        LiveMessage { seq: self.seq, text: to_json(&live).into() }
    }
}

impl Txn {
    /// Records that something happened to a call. `data` is a JSON object. Returns the event's number among
    /// the tenant's.
    pub(crate) async fn event(
        &mut self,
        tenant: TenantId,
        call: CallId,
        kind: EventType,
        at: OffsetDateTime,
        data: Value,
    ) -> Result<(), StoreError> {
        let (seq,): (i64,) =
            sql("UPDATE tenants SET last_seq = last_seq + 1 WHERE id = $1 RETURNING last_seq")
                .bind(tenant.as_uuid())
                .one(&mut self.tx)
                .await?;
        let (call_seq,): (i64,) =
            sql("UPDATE calls SET event_count = event_count + 1 WHERE tenant_id = $1 AND id = $2
             RETURNING event_count")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .one(&mut self.tx)
            .await?;
        sql("INSERT INTO events (tenant_id, seq, call_id, call_seq, type, at, data)
             VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(tenant.as_uuid())
        .bind(seq)
        .bind(call.as_uuid())
        .bind(call_seq)
        .bind(kind.as_str())
        .bind(millis(at))
        .bind(to_json(&data))
        .run(&mut self.tx)
        .await?;
        self.recorded.push(Recorded { tenant, event: Event { seq, call, kind, at, data } });
        Ok(())
    }

    /// Remembers that Twilio said this. `false`: it had said it before.
    pub(crate) async fn receipt_keep(
        &mut self,
        tenant: TenantId,
        call: CallId,
        key: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let kept =
            sql("INSERT INTO webhook_receipts (tenant_id, call_id, key, received_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(key)
            .bind(millis(now))
            .run(&mut self.tx)
            .await?;
        Ok(kept == 1)
    }

    /// What this transaction recorded, for live clients: each event with its call as it is at the end.
    pub(super) async fn render(&mut self) -> Result<Vec<(TenantId, LiveMessage)>, StoreError> {
        let recorded = std::mem::take(&mut self.recorded);
        let mut calls: HashMap<CallId, Option<Call>> = HashMap::new();
        let mut messages = Vec::with_capacity(recorded.len());
        for Recorded { tenant, event } in recorded {
            let call = match calls.entry(event.call) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(still_there(&mut self.tx, tenant, event.call).await?),
            };
            messages.push((tenant, event.message(call.as_ref())));
        }
        Ok(messages)
    }
}

impl Store {
    /// A call's events after number `after`, oldest first.
    pub(crate) async fn event_list(
        &self,
        tenant: TenantId,
        call: CallRef,
        after: i64,
        limit: u16,
    ) -> Result<Vec<CallEvent>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let id = calls::id_of(&mut tx, tenant, call).await?;
        let rows: Vec<Row> = sql("SELECT call_seq AS seq, call_id, type, at, data FROM events
             WHERE tenant_id = $1 AND call_id = $2 AND call_seq > $3 ORDER BY call_seq LIMIT $4")
        .bind(tenant.as_uuid())
        .bind(id)
        .bind(after)
        .bind(i64::from(limit))
        .all(&mut tx)
        .await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|row| {
                let event = row.read()?;
                Ok(CallEvent { seq: event.seq, kind: event.kind, at: event.at, data: event.data })
            })
            .collect()
    }

    /// The tenant's events after number `after`, oldest first, for live clients. The calls in them are as
    /// they are now.
    pub(crate) async fn event_replay(
        &self,
        tenant: TenantId,
        after: i64,
        limit: u16,
    ) -> Result<Vec<LiveMessage>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let rows: Vec<Row> = sql("SELECT seq, call_id, type, at, data FROM events
             WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3")
        .bind(tenant.as_uuid())
        .bind(after)
        .bind(i64::from(limit))
        .all(&mut tx)
        .await?;
        let mut messages = Vec::with_capacity(rows.len());
        for row in rows {
            let event = row.read()?;
            let call = still_there(&mut tx, tenant, event.call).await?;
            messages.push(event.message(call.as_ref()));
        }
        tx.commit().await?;
        Ok(messages)
    }

    /// Number of the tenant's newest event.
    pub(crate) async fn event_newest(&self, tenant: TenantId) -> Result<i64, StoreError> {
        let statement = sql("SELECT last_seq FROM tenants WHERE id = $1").bind(tenant.as_uuid());
        let (seq,): (i64,) = self.one(tenant, statement).await?;
        Ok(seq)
    }

    /// The tenant's calls that are not over, and the number of its newest event, of one moment.
    pub(crate) async fn snapshot(&self, tenant: TenantId) -> Result<Snapshot, StoreError> {
        let mut tx = self.read(tenant).await?;
        let (seq,): (i64,) =
            sql("SELECT last_seq FROM tenants WHERE id = $1").bind(tenant.as_uuid()).one(&mut tx).await?;
        let calls = calls::active(&mut tx, tenant).await?;
        tx.commit().await?;
        Ok(Snapshot { seq, calls })
    }
}

/// The call, unless it is deleted.
async fn still_there(tx: &mut Tx, tenant: TenantId, call: CallId) -> Result<Option<Call>, StoreError> {
    match calls::by_id(tx, tenant, call).await {
        Ok(call) => Ok(Some(call)),
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

#[derive(FromRow)]
struct Row {
    seq: i64,
    call_id: Uuid,
    r#type: String,
    at: i64,
    data: String,
}

impl Row {
    fn read(self) -> Result<Event, StoreError> {
        Ok(Event {
            seq: self.seq,
            call: CallId::from_uuid(self.call_id),
            kind: from_word(&self.r#type, "event type")?,
            at: from_millis(self.at)?,
            data: from_json(&self.data, "event")?,
        })
    }
}
