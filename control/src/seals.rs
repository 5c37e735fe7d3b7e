//! Secrets at rest, sealed anew: what an old key has sealed, and what is still in clear.

use time::OffsetDateTime;

use crate::crypto::{Of, OpenError, SecretBox};
use crate::store::{SealedTokens, Store, StoreError};

/// Seals with the present key what an old one has sealed, and with `in_clear` what releases of before did not seal. What no
/// key opens stays as it is, and the log says so. Gives how many secrets it was.
pub(crate) async fn seal_anew(store: &Store, secrets: &SecretBox, in_clear: bool) -> Result<u32, StoreError> {
    let mut all = 0;
    for tenant in store.tenants_with_old_seals(secrets.id(), in_clear).await? {
        let now = OffsetDateTime::now_utc();
        let mut txn = store.begin(tenant).await?;
        let bots = txn.numbers_seal(tenant, secrets, in_clear).await?;
        let mut accounts = 0;
        for (account, old) in txn.accounts_sealed_otherwise(tenant, secrets.id()).await? {
            let anew = |sealed: &Vec<u8>| -> Result<Vec<u8>, OpenError> {
                let plain = secrets.unseal(tenant, Of::Account(account), sealed)?;
                Ok(secrets.seal(tenant, Of::Account(account), &plain))
            };
            let opened = anew(&old.primary).and_then(|primary| {
                Ok(SealedTokens { primary, secondary: old.secondary.as_ref().map(anew).transpose()? })
            });
            match opened {
                Ok(sealed) => {
                    accounts += u32::from(txn.account_put(tenant, account, &sealed, secrets.id(), now).await?)
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(%tenant, error, "an auth token of Twilio's cannot be read");
                }
            }
        }
        txn.commit().await?;
        tracing::info!(%tenant, accounts, bots, "secrets are sealed with the present key");
        all += accounts + bots;
    }
    Ok(all)
}
