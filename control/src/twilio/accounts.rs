//! The auth tokens of a tenant's Twilio accounts: opened for use, and sealed anew when the key changes.

use common::{AccountSid, TenantId};
use time::OffsetDateTime;

use super::rest::RestAccount;
use crate::store::{SealedTokens, StoreError};
use crate::{App, Shared};

/// Whose requests to Twilio are about this account, with its auth tokens: the primary, and while they are being rotated
/// the secondary. `None`: the account is not known, or not any more.
pub(crate) async fn rest_account(
    app: &App,
    tenant: TenantId,
    account: AccountSid,
) -> Result<Option<RestAccount>, StoreError> {
    let Some(sealed) = app.store.account_tokens(tenant, account).await? else { return Ok(None) };
    let mut auth_tokens = vec![unseal(app, tenant, account, &sealed.primary)?];
    if let Some(secondary) = &sealed.secondary {
        auth_tokens.push(unseal(app, tenant, account, secondary)?);
    }
    Ok(Some(RestAccount { sid: account, auth_tokens }))
}

/// An account's auth tokens, for the database.
pub(crate) fn seal(
    app: &Shared,
    tenant: TenantId,
    account: AccountSid,
    primary: &str,
    secondary: Option<&str>,
) -> SealedTokens {
    SealedTokens {
        primary: app.secrets.seal(tenant, account, primary),
        secondary: secondary.map(|token| app.secrets.seal(tenant, account, token)),
    }
}

/// Seals with the present key what an old one sealed. What no key opens stays as it is, and the log says so.
pub(crate) async fn seal_anew(app: &Shared) -> Result<(), StoreError> {
    for tenant in app.store.tenants_with_old_seals(app.secrets.id()).await? {
        let now = OffsetDateTime::now_utc();
        let mut txn = app.store.begin(tenant).await?;
        let mut changed = 0;
        for (account, old) in txn.accounts_sealed_otherwise(tenant, app.secrets.id()).await? {
            let open = |sealed: &Vec<u8>| unseal(app, tenant, account, sealed);
            let (Ok(primary), Ok(secondary)) =
                (open(&old.primary), old.secondary.as_ref().map(open).transpose())
            else {
                continue;
            };
            let sealed = seal(app, tenant, account, &primary, secondary.as_deref());
            changed += u32::from(txn.account_put(tenant, account, &sealed, app.secrets.id(), now).await?);
        }
        txn.commit().await?;
        tracing::info!(%tenant, accounts = changed, "auth tokens are sealed with the present key");
    }
    Ok(())
}

fn unseal(app: &Shared, tenant: TenantId, account: AccountSid, sealed: &[u8]) -> Result<String, StoreError> {
    app.secrets.unseal(tenant, account, sealed).map_err(|error| {
        tracing::error!(%tenant, error = &error as &dyn std::error::Error, "an auth token of Twilio's cannot be read");
        StoreError::Corrupt { what: "sealed auth token" }
    })
}
