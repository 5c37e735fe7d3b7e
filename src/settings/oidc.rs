//! The provider that people can sign in with.

use control::{Oidc, OidcDomain};

use super::{Raw, SettingsError, bad, list};

/// The provider, if one is set.
pub(super) fn from_raw(raw: &Raw) -> Result<Option<Oidc>, SettingsError> {
    let (issuer, client_id) = match (&raw.oidc_issuer, &raw.oidc_client_id) {
        (Some(issuer), Some(client_id)) => (issuer.clone(), client_id.clone()),
        (None, None) if raw.oidc_client_secret.is_none() && raw.oidc_domains.is_none() => return Ok(None),
        _ => return Err(bad("oidc_issuer", "issuer and client id belong together: set both or none")),
    };
    Ok(Some(Oidc {
        issuer,
        client_id,
        client_secret: raw.oidc_client_secret.clone(),
        name: raw.oidc_name.clone().unwrap_or_else(|| "single sign-on".to_owned()),
        domains: list(raw.oidc_domains.as_deref()).map(domain).collect::<Result<_, _>>()?,
    }))
}

/// `domain=tenant:role`.
fn domain(text: &str) -> Result<OidcDomain, SettingsError> {
    let read = || {
        let (name, place) = text.split_once('=')?;
        let (tenant, role) = place.split_once(':')?;
        let (name, tenant) = (name.trim().to_lowercase(), tenant.trim().parse().ok()?);
        let role = role.trim().parse().ok()?;
        (!name.is_empty() && !name.contains('@')).then_some(OidcDomain { name, tenant, role })
    };
    read().ok_or_else(|| {
        bad("oidc_domains", &format!("{text}: must be domain=tenant:role, as acme.example=ten_…:viewer"))
    })
}
