//! How webhooks are answered while the database is away: from what was known last, and onto the disk.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::{AccountSid, TenantId};
use time::OffsetDateTime;

use super::accounts::rest_account;
use super::spool::Kept;
use super::{Kind, Webhook, handle};
use crate::App;
use crate::error::ApiError;
use crate::model::Number;
use crate::store::{StoreError, from_millis, millis};
use crate::twilio::form::Form;

/// How long the database may take over a webhook. Twilio waits for 15 s.
const LIMIT: Duration = Duration::from_secs(4);

/// How long it is not asked after it was away.
const REST: Duration = Duration::from_secs(1);

/// Accounts and numbers that are remembered; of more, all are forgotten and asked for anew.
const MAX_KNOWN: usize = 10_000;

/// What was known last, for as long as this process lives.
#[derive(Debug, Default)]
pub(crate) struct LastKnown {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    away_until: Option<Instant>,
    accounts: HashMap<AccountSid, (TenantId, Vec<String>)>,
    numbers: HashMap<(TenantId, String), Number>,
}

impl LastKnown {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each change is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the database says in time. It is not asked for a while after it was away.
pub(super) async fn ask<T>(
    app: &App,
    asking: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    if app.last_known.lock().away_until.is_some_and(|until| Instant::now() < until) {
        return Err(StoreError::Busy(None));
    }
    let answer = tokio::time::timeout(LIMIT, asking).await.unwrap_or(Err(StoreError::Busy(None)));
    if let Err(StoreError::Busy(_)) = &answer {
        app.last_known.lock().away_until = Some(Instant::now() + REST);
    }
    answer
}

/// Whose account it is, and its auth tokens. `None`: nobody's.
pub(super) async fn account(
    app: &App,
    account: AccountSid,
) -> Result<Option<(TenantId, Vec<String>)>, StoreError> {
    let asking = async {
        let Some(tenant) = app.store.tenant_by_account(account).await? else { return Ok(None) };
        let known = rest_account(app, tenant, account).await?;
        Ok(known.map(|known| (tenant, known.auth_tokens)))
    };
    match ask(app, asking).await {
        Ok(found) => {
            let mut last = app.last_known.lock();
            if last.accounts.len() >= MAX_KNOWN {
                last.accounts.clear();
            }
            match &found {
                Some(found) => drop(last.accounts.insert(account, found.clone())),
                None => drop(last.accounts.remove(&account)),
            }
            Ok(found)
        }
        Err(StoreError::Busy(error)) => match app.last_known.lock().accounts.get(&account) {
            Some(known) => Ok(Some(known.clone())),
            None => Err(StoreError::Busy(error)),
        },
        Err(error) => Err(error),
    }
}

/// A number of the tenant's.
pub(super) async fn number(app: &App, tenant: TenantId, number: &str) -> Result<Number, StoreError> {
    let key = (tenant, number.to_owned());
    match ask(app, number_now(app, tenant, number)).await {
        Ok(found) => {
            let mut last = app.last_known.lock();
            if last.numbers.len() >= MAX_KNOWN {
                last.numbers.clear();
            }
            last.numbers.insert(key, found.clone());
            Ok(found)
        }
        Err(StoreError::NotFound) => {
            app.last_known.lock().numbers.remove(&key);
            Err(StoreError::NotFound)
        }
        Err(StoreError::Busy(error)) => match app.last_known.lock().numbers.get(&key) {
            Some(known) => Ok(known.clone()),
            None => Err(StoreError::Busy(error)),
        },
        Err(error) => Err(error),
    }
}

/// As it is in the database, with what the tenant decided for all numbers that do not say otherwise.
async fn number_now(app: &App, tenant: TenantId, number: &str) -> Result<Number, StoreError> {
    let mut found = app.store.number_fetch(tenant, number, &app.secrets).await?;
    if found.settings.disclosure.is_none() {
        found.settings.disclosure = app.store.tenant_settings(tenant).await?.disclosure;
    }
    Ok(found)
}

/// Keeps a webhook on disk that the database could not take.
pub(super) async fn keep(app: &App, kind: Kind, hook: &Webhook) -> Result<(), ApiError> {
    let kept = Kept {
        kind,
        tenant: hook.tenant,
        account: hook.account,
        call_sid: hook.form.get("CallSid").and_then(|sid| sid.parse().ok()),
        call: hook.call,
        received_at: millis(hook.received_at),
        fields: hook.form.fields().to_vec(),
    };
    app.spool.keep(kept).await.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a webhook cannot be kept on disk");
        ApiError::Unavailable(Duration::from_secs(1))
    })
}

/// Takes what is on disk into the database, in order, until it is empty or the database is away again. For one task
/// alone.
pub(crate) async fn drain(app: &App) -> Result<(), StoreError> {
    if app.spool.first().is_none() {
        return Ok(());
    }
    while let Some(number) = app.spool.first() {
        let failed = |error: std::io::Error| {
            tracing::error!(error = &error as &dyn std::error::Error, "the webhooks on disk cannot be taken");
            StoreError::Corrupt { what: "webhook on disk" }
        };
        let kept = match app.spool.read(number) {
            Ok(Some(kept)) => kept,
            Ok(None) => continue,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let hook = Webhook {
            tenant: kept.tenant,
            account: kept.account,
            auth_token: String::new(),
            form: Form::of(kept.fields.clone()),
            call: kept.call,
            received_at: from_millis(kept.received_at).unwrap_or_else(|_| OffsetDateTime::now_utc()),
        };
        match ask(app, take(app, kept.kind, &hook)).await {
            Ok(()) => {}
            Err(error @ StoreError::Busy(_)) => return Err(error),
            Err(error) => {
                // It would fail again each time, and hold up the others.
                tracing::error!(
                    number,
                    error = &error as &dyn std::error::Error,
                    "a webhook on disk is not taken"
                );
            }
        }
        app.spool.remove(number, &kept).map_err(failed)?;
    }
    tracing::info!("all webhooks that waited on disk are taken");
    Ok(())
}

async fn take(app: &App, kind: Kind, hook: &Webhook) -> Result<(), StoreError> {
    match handle(app, kind, hook).await {
        Ok(_) => Ok(()),
        Err(ApiError::Unavailable(_)) => Err(StoreError::Busy(None)),
        Err(ApiError::Internal(error)) => Err(error),
        Err(_) => Err(StoreError::NotFound),
    }
}
