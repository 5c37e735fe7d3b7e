//! Deleting calls: with all that is known of people, and so that the numbers of events stay without holes.

use common::{CallId, CallSid, TenantId};
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{StoreError, Txn, millis, sql};
use crate::model::EventType;

/// How long it is known that a call was deleted, should Twilio speak of it again.
const KNOWN: Duration = Duration::days(30);

impl Txn {
    /// Deletes a call that is over. Its events stay as the bare fact, each of them now says that the call is
    /// deleted, and so does a new one, with `data`: a JSON object in which nothing is of the call.
    pub(crate) async fn call_delete(
        &mut self,
        tenant: TenantId,
        call: CallId,
        data: Value,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let counted = self.counted(tenant, call).await?;
        self.count(tenant, &counted, -1).await?;
        for statement in [
            "DELETE FROM call_words WHERE tenant_id = $1 AND call_id = $2",
            "DELETE FROM call_messages WHERE tenant_id = $1 AND call_id = $2",
            "DELETE FROM webhook_receipts WHERE tenant_id = $1 AND call_id = $2",
            "DELETE FROM sessions WHERE tenant_id = $1 AND call_id = $2",
            "UPDATE events SET type = 'call.deleted', data = '{}' WHERE tenant_id = $1 AND call_id = $2",
        ] {
            sql(statement).bind(tenant.as_uuid()).bind(call.as_uuid()).run(&mut self.tx).await?;
        }
        sql("DELETE FROM deleted_calls WHERE tenant_id = $1 AND deleted_at < $2")
            .bind(tenant.as_uuid())
            .bind(millis(now - KNOWN))
            .run(&mut self.tx)
            .await?;
        sql("INSERT INTO deleted_calls (tenant_id, call_sid, deleted_at)
             SELECT tenant_id, call_sid, $3 FROM calls WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        self.event(tenant, call, EventType::CallDeleted, now, data).await?;
        sql("DELETE FROM calls WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .run(&mut self.tx)
            .await?;
        Ok(())
    }

    /// Whether there was a call with this sid that is deleted.
    pub(crate) async fn call_is_deleted(
        &mut self,
        tenant: TenantId,
        sid: CallSid,
    ) -> Result<bool, StoreError> {
        let found: Option<(i64,)> =
            sql("SELECT deleted_at FROM deleted_calls WHERE tenant_id = $1 AND call_sid = $2")
                .bind(tenant.as_uuid())
                .bind(sid.as_str())
                .optional(&mut self.tx)
                .await?;
        Ok(found.is_some())
    }

    /// Calls that began before this time and are over, with no audio any more, oldest first.
    pub(crate) async fn calls_old(
        &mut self,
        tenant: TenantId,
        before: OffsetDateTime,
        limit: u16,
    ) -> Result<Vec<CallId>, StoreError> {
        let ids: Vec<(Uuid,)> = sql("SELECT id FROM calls
             WHERE tenant_id = $1 AND started_at < $2 AND ended_at IS NOT NULL AND media_node IS NULL
             ORDER BY started_at, id LIMIT $3")
        .bind(tenant.as_uuid())
        .bind(millis(before))
        .bind(i64::from(limit))
        .all(&mut self.tx)
        .await?;
        Ok(ids.into_iter().map(|(id,)| CallId::from_uuid(id)).collect())
    }
}
