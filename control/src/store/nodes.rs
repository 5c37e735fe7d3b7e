//! What a gateway holds, and what nobody has heard of for long.
//!
//! A heartbeat names calls and sessions and no tenant; a clock names nothing. So these functions find over
//! **all tenants**, and give each row's tenant. They are for `jobs` alone: nothing a user sends gets here.

use common::{CallId, NodeId, SessionId, TenantId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, Txn, from_millis, millis};
use crate::model::Route;

/// A stream that a gateway holds, as far as we know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldStream {
    pub(crate) tenant: TenantId,
    pub(crate) call: CallId,
    pub(crate) since: OffsetDateTime,
}

/// A session that a gateway holds, as far as we know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldSession {
    pub(crate) tenant: TenantId,
    pub(crate) session: SessionId,
    pub(crate) since: OffsetDateTime,
    /// Somebody asked for its end.
    pub(crate) is_revoked: bool,
}

/// A call of which nothing was heard for long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StillCall {
    pub(crate) tenant: TenantId,
    pub(crate) call: CallId,
    /// The last sign of life.
    pub(crate) active_at: OffsetDateTime,
}

impl Store {
    /// The streams that we think are with this gateway.
    pub(crate) async fn node_streams(&self, node: NodeId) -> Result<Vec<HeldStream>, StoreError> {
        let rows: Vec<(Uuid, Uuid, i64)> =
            sqlx::query_as("SELECT tenant_id, id, coalesce(media_since, 0) FROM calls WHERE media_node = ?1")
                .bind(node.as_uuid())
                .fetch_all(&mut *self.reader().await?)
                .await?;
        rows.into_iter()
            .map(|(tenant, call, since)| {
                let (tenant, call) = (TenantId::from_uuid(tenant), CallId::from_uuid(call));
                Ok(HeldStream { tenant, call, since: from_millis(since)? })
            })
            .collect()
    }

    /// The sessions that we think are with this gateway.
    pub(crate) async fn node_sessions(&self, node: NodeId) -> Result<Vec<HeldSession>, StoreError> {
        let rows: Vec<(Uuid, Uuid, i64, bool)> = sqlx::query_as(
            "SELECT tenant_id, id, coalesce(connected_at, 0), revoked_at IS NOT NULL FROM sessions
             WHERE node = ?1 AND ended_at IS NULL",
        )
        .bind(node.as_uuid())
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.into_iter()
            .map(|(tenant, session, since, is_revoked)| {
                let (tenant, session) = (TenantId::from_uuid(tenant), SessionId::from_uuid(session));
                Ok(HeldSession { tenant, session, since: from_millis(since)?, is_revoked })
            })
            .collect()
    }

    /// The gateways that we think hold something.
    pub(crate) async fn node_list(&self) -> Result<Vec<NodeId>, StoreError> {
        let rows: Vec<Uuid> = sqlx::query_scalar(
            "SELECT media_node FROM calls WHERE media_node IS NOT NULL
             UNION SELECT node FROM sessions WHERE ended_at IS NULL AND node IS NOT NULL",
        )
        .fetch_all(&mut *self.reader().await?)
        .await?;
        Ok(rows.into_iter().map(NodeId::from_uuid).collect())
    }

    /// Whose this call is, when nobody holds its audio as far as we know, and what its number's route is.
    pub(crate) async fn call_without_media(
        &self,
        call: CallId,
    ) -> Result<Option<(TenantId, Route)>, StoreError> {
        let row: Option<(Uuid, Option<String>)> = sqlx::query_as(
            "SELECT c.tenant_id, n.route FROM calls c
             LEFT JOIN numbers n ON n.tenant_id = c.tenant_id AND n.number = c.organization_number
             WHERE c.id = ?1 AND c.media_node IS NULL",
        )
        .bind(call.as_uuid())
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        Ok(row.map(|(tenant, route)| {
            let route = route.and_then(|word| word.parse().ok()).unwrap_or(Route::Monitor);
            (TenantId::from_uuid(tenant), route)
        }))
    }

    /// Whose this session is.
    pub(crate) async fn session_tenant(&self, session: SessionId) -> Result<Option<TenantId>, StoreError> {
        let tenant: Option<Uuid> = sqlx::query_scalar("SELECT tenant_id FROM sessions WHERE id = ?1")
            .bind(session.as_uuid())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        Ok(tenant.map(TenantId::from_uuid))
    }

    /// Whether a session was granted and never connected until `before`.
    pub(crate) async fn sessions_are_unused(&self, before: OffsetDateTime) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM sessions WHERE ended_at IS NULL AND connected_at IS NULL AND expires_at < ?1 LIMIT 1",
        )
        .bind(millis(before))
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        Ok(found.is_some())
    }

    /// Calls that are not over, have no media, and of which nothing was heard since `before`; at most 100.
    pub(crate) async fn calls_still(&self, before: OffsetDateTime) -> Result<Vec<StillCall>, StoreError> {
        let rows: Vec<(Uuid, Uuid, i64)> = sqlx::query_as(
            "SELECT tenant_id, id, active_at FROM calls
             WHERE ended_at IS NULL AND media_node IS NULL AND active_at < ?1 ORDER BY active_at LIMIT 100",
        )
        .bind(millis(before))
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.into_iter()
            .map(|(tenant, call, active_at)| {
                let (tenant, call) = (TenantId::from_uuid(tenant), CallId::from_uuid(call));
                Ok(StillCall { tenant, call, active_at: from_millis(active_at)? })
            })
            .collect()
    }
}

impl Txn {
    /// Whether the call is still as [`Store::calls_still`] found it.
    pub(crate) async fn call_is_still(&mut self, still: &StillCall) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT 1 FROM calls WHERE tenant_id = ?1 AND id = ?2 AND ended_at IS NULL
               AND media_node IS NULL AND active_at = ?3",
        )
        .bind(still.tenant.as_uuid())
        .bind(still.call.as_uuid())
        .bind(millis(still.active_at))
        .fetch_optional(self.conn())
        .await?;
        Ok(found.is_some())
    }

    /// The calls with media at this gateway show a sign of life.
    pub(crate) async fn node_touch(&mut self, node: NodeId, now: OffsetDateTime) -> Result<(), StoreError> {
        sqlx::query("UPDATE calls SET active_at = max(active_at, ?2) WHERE media_node = ?1")
            .bind(node.as_uuid())
            .bind(millis(now))
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Closes sessions that were granted and never connected until `before`. Nobody was told of them, so
    /// nobody is told now.
    pub(crate) async fn sessions_expire(
        &mut self,
        before: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sessions SET ended_at = ?2, end_reason = 'expired'
             WHERE ended_at IS NULL AND connected_at IS NULL AND expires_at < ?1",
        )
        .bind(millis(before))
        .bind(millis(now))
        .execute(self.conn())
        .await?;
        Ok(())
    }
}
