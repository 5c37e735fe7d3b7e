//! Whose something is, and what is due. The only functions that look over **all tenants**, and so take none.
//!
//! They give ids and times. On PostgreSQL the server's role cannot read other rows than its tenant's, and
//! calls a function of the schema for each of these. `user_by…` and the like then read as that tenant.
//! A heartbeat names calls and sessions and no tenant; a clock names nothing: those are for `jobs` alone.

use common::{AccountSid, CallId, NodeId, SessionId, TenantId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Record, Sql, Store, StoreError, from_millis, millis};

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
}

impl Store {
    /// All tenants.
    pub(crate) async fn tenant_list(&self) -> Result<Vec<TenantId>, StoreError> {
        self.which(Sql::each("SELECT id FROM tenants ORDER BY id", "SELECT tenant_list()")).await
    }

    /// The tenant of the person with this e-mail (lower case), disabled or not.
    pub(crate) async fn tenant_by_email(&self, email: &str) -> Result<Option<TenantId>, StoreError> {
        self.whose(
            Sql::each("SELECT tenant_id FROM users WHERE email = $1", "SELECT tenant_by_email($1)")
                .bind(email),
        )
        .await
    }

    /// The tenant of this Twilio account. It may be believed only after the request's signature was checked.
    pub(crate) async fn tenant_by_account(&self, sid: AccountSid) -> Result<Option<TenantId>, StoreError> {
        self.whose(
            Sql::each(
                "SELECT tenant_id FROM twilio_accounts WHERE account_sid = $1",
                "SELECT tenant_by_account($1)",
            )
            .bind(sid.as_str()),
        )
        .await
    }

    /// The tenant of this call.
    pub(crate) async fn tenant_by_call(&self, call: CallId) -> Result<Option<TenantId>, StoreError> {
        self.whose(
            Sql::each("SELECT tenant_id FROM calls WHERE id = $1", "SELECT tenant_by_call($1)")
                .bind(call.as_uuid()),
        )
        .await
    }

    /// The tenant of this session.
    pub(crate) async fn tenant_by_session(&self, session: SessionId) -> Result<Option<TenantId>, StoreError> {
        self.whose(
            Sql::each("SELECT tenant_id FROM sessions WHERE id = $1", "SELECT tenant_by_session($1)")
                .bind(session.as_uuid()),
        )
        .await
    }

    /// The tenant and sign-in that a refresh token belongs to, used or not.
    pub(crate) async fn refresh_token_owner(
        &self,
        hash: [u8; 32],
    ) -> Result<Option<(TenantId, Uuid)>, StoreError> {
        let found: Vec<(Uuid, Uuid)> = self
            .found(
                Sql::each(
                    "SELECT tenant_id, sign_in_id FROM refresh_tokens WHERE hash = $1",
                    "SELECT tenant_id, sign_in_id FROM refresh_token_owner($1)",
                )
                .bind(hash),
            )
            .await?;
        Ok(found.first().map(|&(tenant, sign_in)| (TenantId::from_uuid(tenant), sign_in)))
    }

    /// The tenant of the API key with this hash, good or not.
    pub(crate) async fn tenant_by_key(&self, hash: [u8; 32]) -> Result<Option<TenantId>, StoreError> {
        self.whose(
            Sql::each("SELECT tenant_id FROM api_keys WHERE hash = $1", "SELECT tenant_by_key($1)")
                .bind(hash),
        )
        .await
    }

    /// The tenant of the invitation with this hash, good or not.
    pub(crate) async fn tenant_by_invitation(&self, hash: [u8; 32]) -> Result<Option<TenantId>, StoreError> {
        self.whose(
            Sql::each("SELECT tenant_id FROM invitations WHERE hash = $1", "SELECT tenant_by_invitation($1)")
                .bind(hash),
        )
        .await
    }

    /// The tenants with something that is sealed with another key than that of this id; with `in_clear`, also those
    /// with something that is to be sealed and is not.
    pub(crate) async fn tenants_with_old_seals(
        &self,
        key_id: &str,
        in_clear: bool,
    ) -> Result<Vec<TenantId>, StoreError> {
        self.which(
            Sql::each(
                "SELECT tenant_id FROM twilio_accounts WHERE key_id IS DISTINCT FROM $1
                 UNION SELECT tenant_id FROM numbers
                 WHERE (sealed_bot IS NOT NULL AND key_id IS DISTINCT FROM $1)
                     OR ($2 AND settings LIKE '%\"bot\":{%')",
                "SELECT tenants_with_old_seals($1, $2)",
            )
            .bind(key_id)
            .bind(in_clear),
        )
        .await
    }

    /// The tenant that invited this e-mail (lower case) last, and whose invitation is still open.
    pub(crate) async fn tenant_by_invited_email(
        &self,
        email: &str,
        now: OffsetDateTime,
    ) -> Result<Option<TenantId>, StoreError> {
        self.whose(
            Sql::each(
                "SELECT tenant_id FROM invitations
                 WHERE email = $1 AND expires_at > $2 AND accepted_at IS NULL AND revoked_at IS NULL
                 ORDER BY created_at DESC, id",
                "SELECT tenant_by_invited_email($1, $2)",
            )
            .bind(email)
            .bind(millis(now)),
        )
        .await
    }

    /// The streams that we think are with this gateway.
    pub(crate) async fn node_streams(&self, node: NodeId) -> Result<Vec<HeldStream>, StoreError> {
        let rows: Vec<(Uuid, Uuid, i64)> = self
            .found(
                Sql::each(
                    "SELECT tenant_id, id, coalesce(media_since, 0) FROM calls WHERE media_node = $1",
                    "SELECT tenant_id, id, since FROM node_streams($1)",
                )
                .bind(node.as_uuid()),
            )
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
        let rows: Vec<(Uuid, Uuid, i64, bool)> = self
            .found(
                Sql::each(
                    "SELECT tenant_id, id, coalesce(connected_at, 0), revoked_at IS NOT NULL FROM sessions
                     WHERE node = $1 AND ended_at IS NULL",
                    "SELECT tenant_id, id, since, is_revoked FROM node_sessions($1)",
                )
                .bind(node.as_uuid()),
            )
            .await?;
        rows.into_iter()
            .map(|(tenant, session, since, is_revoked)| {
                let (tenant, session) = (TenantId::from_uuid(tenant), SessionId::from_uuid(session));
                Ok(HeldSession { tenant, session, since: from_millis(since)?, is_revoked })
            })
            .collect()
    }

    /// The sessions at this gateway of which somebody asked that they may do something else.
    pub(crate) async fn node_sessions_asked(
        &self,
        node: NodeId,
    ) -> Result<Vec<(TenantId, SessionId)>, StoreError> {
        let rows: Vec<(Uuid, Uuid)> = self
            .found(
                Sql::each(
                    "SELECT tenant_id, id FROM sessions
                     WHERE node = $1 AND ended_at IS NULL AND wanted_mode IS NOT NULL",
                    "SELECT tenant_id, id FROM node_sessions_asked($1)",
                )
                .bind(node.as_uuid()),
            )
            .await?;
        Ok(rows.into_iter().map(|(t, s)| (TenantId::from_uuid(t), SessionId::from_uuid(s))).collect())
    }

    /// The calls at this gateway that wait for a bot, or of which something was decided since then.
    pub(crate) async fn node_calls_asked(
        &self,
        node: NodeId,
        since: OffsetDateTime,
    ) -> Result<Vec<(TenantId, CallId)>, StoreError> {
        self.found_calls(
            Sql::each(
                "SELECT tenant_id, id FROM calls WHERE media_node = $1
                     AND ((bot_asked AND bot_state IS NULL) OR bot_decided_at >= $2 OR held_at >= $2)",
                "SELECT tenant_id, id FROM node_calls_asked($1, $2)",
            )
            .bind(node.as_uuid())
            .bind(millis(since)),
        )
        .await
    }

    /// Calls whose callers wait, and for whom something is due; at most 100.
    pub(crate) async fn calls_waiting(
        &self,
        now: OffsetDateTime,
    ) -> Result<Vec<(TenantId, CallId)>, StoreError> {
        self.found_calls(
            Sql::each(
                "SELECT tenant_id, id FROM calls WHERE waiting_at <= $1 ORDER BY waiting_at LIMIT 100",
                "SELECT tenant_id, id FROM calls_waiting($1)",
            )
            .bind(millis(now)),
        )
        .await
    }

    /// The gateways that we think hold something.
    pub(crate) async fn node_list(&self) -> Result<Vec<NodeId>, StoreError> {
        let rows: Vec<(Uuid,)> = self
            .found(Sql::each(
                "SELECT media_node FROM calls WHERE media_node IS NOT NULL
                 UNION SELECT node FROM sessions WHERE ended_at IS NULL AND node IS NOT NULL",
                "SELECT node_list()",
            ))
            .await?;
        Ok(rows.into_iter().map(|(node,)| NodeId::from_uuid(node)).collect())
    }

    /// Calls that are not over, have no media, and of which nothing was heard since `before`; at most 100.
    pub(crate) async fn calls_still(&self, before: OffsetDateTime) -> Result<Vec<StillCall>, StoreError> {
        let rows: Vec<(Uuid, Uuid, i64)> = self
            .found(
                Sql::each(
                    "SELECT tenant_id, id, active_at FROM calls
                     WHERE ended_at IS NULL AND media_node IS NULL AND active_at < $1
                     ORDER BY active_at LIMIT 100",
                    "SELECT tenant_id, id, active_at FROM calls_still($1)",
                )
                .bind(millis(before)),
            )
            .await?;
        Ok(rows
            .into_iter()
            .map(|(tenant, call, _)| StillCall {
                tenant: TenantId::from_uuid(tenant),
                call: CallId::from_uuid(call),
            })
            .collect())
    }

    /// The tenants with sessions that were granted and never connected until `before`; at most 100.
    pub(crate) async fn tenants_with_unused_sessions(
        &self,
        before: OffsetDateTime,
    ) -> Result<Vec<TenantId>, StoreError> {
        self.which(
            Sql::each(
                "SELECT DISTINCT tenant_id FROM sessions
                 WHERE ended_at IS NULL AND connected_at IS NULL AND expires_at < $1 LIMIT 100",
                "SELECT tenants_with_unused_sessions($1)",
            )
            .bind(millis(before)),
        )
        .await
    }

    /// The tenants with sign-ins or refresh tokens that ended before `now`; at most 100.
    pub(crate) async fn tenants_with_old_sign_ins(
        &self,
        now: OffsetDateTime,
    ) -> Result<Vec<TenantId>, StoreError> {
        self.which(
            Sql::each(
                "SELECT tenant_id FROM sign_ins WHERE expires_at <= $1
                 UNION SELECT tenant_id FROM refresh_tokens WHERE expires_at <= $1 LIMIT 100",
                "SELECT tenants_with_old_sign_ins($1)",
            )
            .bind(millis(now)),
        )
        .await
    }

    /// The tenants whose admins decided something; at most 10,000.
    pub(crate) async fn tenants_with_settings(&self) -> Result<Vec<TenantId>, StoreError> {
        self.which(Sql::each(
            "SELECT id FROM tenants WHERE settings <> '{}' LIMIT 10000",
            "SELECT tenants_with_settings()",
        ))
        .await
    }

    async fn found_calls(&self, statement: Sql) -> Result<Vec<(TenantId, CallId)>, StoreError> {
        let rows: Vec<(Uuid, Uuid)> = self.found(statement).await?;
        Ok(rows.into_iter().map(|(t, c)| (TenantId::from_uuid(t), CallId::from_uuid(c))).collect())
    }

    async fn found<T: Record>(&self, statement: Sql) -> Result<Vec<T>, StoreError> {
        let mut tx = self.find().await?;
        let rows = statement.all(&mut tx).await?;
        tx.commit().await?;
        Ok(rows)
    }

    async fn which(&self, statement: Sql) -> Result<Vec<TenantId>, StoreError> {
        let rows: Vec<(Uuid,)> = self.found(statement).await?;
        Ok(rows.into_iter().map(|(tenant,)| TenantId::from_uuid(tenant)).collect())
    }

    async fn whose(&self, statement: Sql) -> Result<Option<TenantId>, StoreError> {
        Ok(self.which(statement).await?.into_iter().next())
    }
}
