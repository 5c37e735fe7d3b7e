//! What a gateway's heartbeat, or its silence, changes.

use common::{CallId, NodeId, TenantId};
use time::OffsetDateTime;

use super::{Store, StoreError, Txn, millis, sql};
use crate::model::Route;

/// A stream that has lasted this long goes well: should it break, asking for others begins anew.
const STEADY: time::Duration = time::Duration::minutes(1);

impl Store {
    /// The route of the number that this call came to, when nobody holds its audio as far as we know.
    pub(crate) async fn call_without_media(
        &self,
        tenant: TenantId,
        call: CallId,
    ) -> Result<Option<Route>, StoreError> {
        let statement = sql("SELECT coalesce(c.route, n.route) FROM calls c
             LEFT JOIN numbers n ON n.tenant_id = c.tenant_id AND n.number = c.organization_number
             WHERE c.tenant_id = $1 AND c.id = $2 AND c.media_node IS NULL");
        let row: Option<(Option<String>,)> =
            self.optional(tenant, statement.bind(tenant.as_uuid()).bind(call.as_uuid())).await?;
        Ok(row.map(|(route,)| route.and_then(|word| word.parse().ok()).unwrap_or(Route::Monitor)))
    }
}

impl Txn {
    /// Whether the call is still without an end, audio and any sign of life since `active_at`.
    pub(crate) async fn call_is_still(
        &mut self,
        tenant: TenantId,
        call: CallId,
        active_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let found: Option<(i64,)> =
            sql("SELECT active_at FROM calls WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL
               AND media_node IS NULL AND active_at = $3")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(millis(active_at))
            .optional(&mut self.tx)
            .await?;
        Ok(found.is_some())
    }

    /// The tenant's calls with media at this gateway show a sign of life.
    pub(crate) async fn node_touch(
        &mut self,
        tenant: TenantId,
        node: NodeId,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sql("UPDATE calls SET active_at = $3,
                 stream_tries = CASE WHEN media_since < $4 THEN 0 ELSE stream_tries END
             WHERE tenant_id = $1 AND media_node = $2 AND active_at < $3")
        .bind(tenant.as_uuid())
        .bind(node.as_uuid())
        .bind(millis(now))
        .bind(millis(now - STEADY))
        .run(&mut self.tx)
        .await?;
        Ok(())
    }

    /// Closes the tenant's sessions that were granted and never connected until `before`. Nobody was told of
    /// them, so nobody is told now.
    pub(crate) async fn sessions_expire(
        &mut self,
        tenant: TenantId,
        before: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sql("UPDATE sessions SET ended_at = $3, end_reason = 'expired'
             WHERE tenant_id = $1 AND ended_at IS NULL AND connected_at IS NULL AND expires_at < $2")
        .bind(tenant.as_uuid())
        .bind(millis(before))
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        self.calls_release(tenant, now).await
    }
}
