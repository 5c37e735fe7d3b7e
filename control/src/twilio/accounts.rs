//! The auth tokens of a tenant's Twilio accounts, opened for use.

use common::{AccountSid, TenantId};

use super::rest::RestAccount;
use crate::crypto::Of;
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
        primary: app.secrets.seal(tenant, Of::Account(account), primary),
        secondary: secondary.map(|token| app.secrets.seal(tenant, Of::Account(account), token)),
    }
}

fn unseal(app: &Shared, tenant: TenantId, account: AccountSid, sealed: &[u8]) -> Result<String, StoreError> {
    app.secrets.unseal(tenant, Of::Account(account), sealed).map_err(|error| {
        tracing::error!(%tenant, error = &error as &dyn std::error::Error, "an auth token of Twilio's cannot be read");
        StoreError::Corrupt { what: "sealed auth token" }
    })
}
