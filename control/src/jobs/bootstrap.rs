//! The first tenant and its admin, made once.

use common::{TenantId, UserId};
use serde_json::json;
use time::OffsetDateTime;

use crate::api::users::{check_email, check_password};
use crate::audit::{Action, Entry};
use crate::config::{Bootstrap, BootstrapTwilio};
use crate::model::{NumberSettings, Role, Route, is_e164};
use crate::store::{NewUser, NumberNew, StoreError, Txn};
use crate::twilio::accounts;
use crate::{Shared, StartError};

/// Makes what is missing; what is there stays, but for Twilio's auth token, which is brought up to date.
pub(crate) async fn bootstrap(app: &Shared, wanted: &Bootstrap) -> Result<(), StartError> {
    let email = wanted.email.trim().to_lowercase();
    check_email(&email).map_err(StartError::Bootstrap)?;
    check_password(&wanted.password).map_err(StartError::Bootstrap)?;
    let name = wanted.tenant.trim();
    if name.is_empty() || name.chars().count() > 100 {
        return Err(StartError::Bootstrap("the tenant's name must have 1 to 100 characters"));
    }

    let now = OffsetDateTime::now_utc();
    let tenant = tenant(app, wanted, &email, name, now).await?;
    if let Some(twilio) = &wanted.twilio {
        let mut txn = app.store.begin(tenant).await?;
        put_twilio(app, &mut txn, tenant, twilio, now).await?;
        txn.commit().await?;
    }
    Ok(())
}

/// The tenant of the admin with this e-mail, made when there is none.
async fn tenant(
    app: &Shared,
    wanted: &Bootstrap,
    email: &str,
    name: &str,
    now: OffsetDateTime,
) -> Result<TenantId, StartError> {
    if let Some(tenant) = app.store.tenant_by_email(email).await? {
        return Ok(tenant);
    }
    let hash = app.passwords.hash(wanted.password.clone()).await;
    let hash = hash.map_err(|_| StartError::Bootstrap("the password cannot be hashed"))?;
    let tenant = TenantId::new();
    let person = email.split('@').next().unwrap_or(email);
    let admin = NewUser { id: UserId::new(), email, name: person, role: Role::Admin, password_hash: &hash };
    let mut txn = app.store.begin(tenant).await?;
    txn.tenant_create(tenant, name, now).await?;
    let id = admin.id;
    if txn.user_create(tenant, admin, now).await? {
        txn.audit(tenant, Entry::new(Action::TenantAdded).on(tenant), now).await?;
        txn.audit(tenant, Entry::new(Action::UserAdded).on(id).with(json!({ "role": Role::Admin })), now)
            .await?;
        txn.commit().await?;
        tracing::info!(%tenant, "the first tenant and its admin are made");
        return Ok(tenant);
    }
    // A process that starts beside this one was faster.
    drop(txn);
    app.store.tenant_by_email(email).await?.ok_or(StartError::Store(StoreError::NotFound))
}

async fn put_twilio(
    app: &Shared,
    txn: &mut Txn,
    tenant: TenantId,
    wanted: &BootstrapTwilio,
    now: OffsetDateTime,
) -> Result<(), StartError> {
    if wanted.auth_token.is_empty() {
        return Err(StartError::Bootstrap("Twilio's auth token is empty"));
    }
    if !is_e164(&wanted.number) || wanted.dial.as_deref().is_some_and(|dial| !is_e164(dial)) {
        return Err(StartError::Bootstrap("Twilio's number and whom it dials must be E.164"));
    }
    let secondary = wanted.auth_token_secondary.as_deref();
    if secondary.is_some_and(str::is_empty) {
        return Err(StartError::Bootstrap("Twilio's secondary auth token is empty"));
    }
    let sealed = accounts::seal(app, tenant, wanted.account_sid, &wanted.auth_token, secondary);
    if !txn.account_put(tenant, wanted.account_sid, &sealed, app.secrets.id(), now).await? {
        return Err(StartError::Bootstrap("the Twilio account belongs to another tenant"));
    }
    let settings = NumberSettings { dial: wanted.dial.clone(), ..NumberSettings::default() };
    let number = NumberNew { number: &wanted.number, label: "", route: Route::Monitor, settings: &settings };
    let _there_already = txn.number_create(tenant, number, &app.secrets, now).await?;
    Ok(())
}
