//! Twilio accounts.

use common::{AccountSid, TenantId};
use time::OffsetDateTime;

use super::{Store, StoreError, Txn, from_word, millis, sql};

/// The auth tokens of an account, sealed.
#[derive(Clone, Debug)]
pub(crate) struct SealedTokens {
    /// What Twilio signs with.
    pub(crate) primary: Vec<u8>,
    /// What it will sign with, or did until just now, while they are being rotated.
    pub(crate) secondary: Option<Vec<u8>>,
}

impl Store {
    /// The account's auth tokens.
    pub(crate) async fn account_tokens(
        &self,
        tenant: TenantId,
        sid: AccountSid,
    ) -> Result<Option<SealedTokens>, StoreError> {
        let statement = sql("SELECT sealed_token, sealed_secondary FROM twilio_accounts
             WHERE tenant_id = $1 AND account_sid = $2");
        let row: Option<(Vec<u8>, Option<Vec<u8>>)> =
            self.optional(tenant, statement.bind(tenant.as_uuid()).bind(sid.as_str())).await?;
        Ok(row.map(|(primary, secondary)| SealedTokens { primary, secondary }))
    }
}

impl Txn {
    /// Keeps the account's tokens, sealed with the key of this id. `false`: the account is another tenant's.
    pub(crate) async fn account_put(
        &mut self,
        tenant: TenantId,
        sid: AccountSid,
        sealed: &SealedTokens,
        key_id: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        // In two steps: to update a conflicting row that is another tenant's is an error on PostgreSQL.
        let updated = sql("UPDATE twilio_accounts SET sealed_token = $3, sealed_secondary = $4, key_id = $5
             WHERE tenant_id = $1 AND account_sid = $2")
        .bind(tenant.as_uuid())
        .bind(sid.as_str())
        .bind(sealed.primary.as_slice())
        .bind(sealed.secondary.as_deref())
        .bind(key_id)
        .run(&mut self.tx)
        .await?;
        if updated == 1 {
            return Ok(true);
        }
        let inserted = sql("INSERT INTO twilio_accounts
                 (tenant_id, account_sid, sealed_token, sealed_secondary, key_id, created_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_sid) DO NOTHING")
        .bind(tenant.as_uuid())
        .bind(sid.as_str())
        .bind(sealed.primary.as_slice())
        .bind(sealed.secondary.as_deref())
        .bind(key_id)
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        Ok(inserted == 1)
    }

    /// The tenant's accounts whose tokens are sealed with another key than that of this id.
    pub(crate) async fn accounts_sealed_otherwise(
        &mut self,
        tenant: TenantId,
        key_id: &str,
    ) -> Result<Vec<(AccountSid, SealedTokens)>, StoreError> {
        let rows: Vec<(String, Vec<u8>, Option<Vec<u8>>)> =
            sql("SELECT account_sid, sealed_token, sealed_secondary FROM twilio_accounts
                 WHERE tenant_id = $1 AND key_id IS DISTINCT FROM $2")
            .bind(tenant.as_uuid())
            .bind(key_id)
            .all(&mut self.tx)
            .await?;
        rows.into_iter()
            .map(|(sid, primary, secondary)| {
                Ok((from_word(&sid, "account sid")?, SealedTokens { primary, secondary }))
            })
            .collect()
    }
}
