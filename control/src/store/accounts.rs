//! Twilio accounts.

use common::{AccountSid, TenantId};
use time::OffsetDateTime;

use super::{Store, StoreError, Txn, from_word, millis, sql};

impl Store {
    /// The account's auth token, sealed.
    pub(crate) async fn account_token(
        &self,
        tenant: TenantId,
        sid: AccountSid,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let statement =
            sql("SELECT sealed_token FROM twilio_accounts WHERE tenant_id = $1 AND account_sid = $2");
        let row: Option<(Vec<u8>,)> =
            self.optional(tenant, statement.bind(tenant.as_uuid()).bind(sid.as_str())).await?;
        Ok(row.map(|(token,)| token))
    }
}

impl Txn {
    /// The tenant's accounts and their auth tokens, sealed.
    pub(crate) async fn account_list(
        &mut self,
        tenant: TenantId,
    ) -> Result<Vec<(AccountSid, Vec<u8>)>, StoreError> {
        let statement = sql("SELECT account_sid, sealed_token FROM twilio_accounts WHERE tenant_id = $1");
        let rows: Vec<(String, Vec<u8>)> = statement.bind(tenant.as_uuid()).all(&mut self.tx).await?;
        rows.into_iter().map(|(sid, token)| Ok((from_word(&sid, "account sid")?, token))).collect()
    }

    /// Keeps the account's sealed token, the newest one. `false`: the account is another tenant's.
    pub(crate) async fn account_put(
        &mut self,
        tenant: TenantId,
        sid: AccountSid,
        sealed_token: &[u8],
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        // In two steps: to update a conflicting row that is another tenant's is an error on PostgreSQL.
        let updated =
            sql("UPDATE twilio_accounts SET sealed_token = $3 WHERE tenant_id = $1 AND account_sid = $2")
                .bind(tenant.as_uuid())
                .bind(sid.as_str())
                .bind(sealed_token)
                .run(&mut self.tx)
                .await?;
        if updated == 1 {
            return Ok(true);
        }
        let inserted = sql("INSERT INTO twilio_accounts (tenant_id, account_sid, sealed_token, created_at)
             VALUES ($1, $2, $3, $4) ON CONFLICT (account_sid) DO NOTHING")
        .bind(tenant.as_uuid())
        .bind(sid.as_str())
        .bind(sealed_token)
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        Ok(inserted == 1)
    }
}
