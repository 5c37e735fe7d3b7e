//! Twilio accounts.

use common::{AccountSid, TenantId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, Txn, millis};

/// A tenant's Twilio account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) tenant: TenantId,
    /// The auth token, sealed.
    pub(crate) sealed_token: Vec<u8>,
}

impl Store {
    /// Whose this Twilio account is. **Finds the tenant**, so takes none. Nothing it gives may be believed
    /// before the request's signature was checked with its token.
    pub(crate) async fn account_by_sid(&self, sid: AccountSid) -> Result<Option<Account>, StoreError> {
        let row: Option<(Uuid, Vec<u8>)> =
            sqlx::query_as("SELECT tenant_id, sealed_token FROM twilio_accounts WHERE account_sid = ?1")
                .bind(sid.as_str())
                .fetch_optional(&mut *self.reader().await?)
                .await?;
        Ok(row.map(|(tenant, sealed_token)| Account { tenant: TenantId::from_uuid(tenant), sealed_token }))
    }
}

impl Txn {
    /// Keeps the account's sealed token, the newest one. `false`: the account is another tenant's.
    pub(crate) async fn account_put(
        &mut self,
        tenant: TenantId,
        sid: AccountSid,
        sealed_token: &[u8],
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let put = sqlx::query(
            "INSERT INTO twilio_accounts (tenant_id, account_sid, sealed_token, created_at)
             VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (account_sid) DO UPDATE SET sealed_token = excluded.sealed_token
                 WHERE tenant_id = excluded.tenant_id",
        )
        .bind(tenant.as_uuid())
        .bind(sid.as_str())
        .bind(sealed_token.to_vec())
        .bind(millis(now))
        .execute(self.conn())
        .await?;
        Ok(put.rows_affected() == 1)
    }
}
