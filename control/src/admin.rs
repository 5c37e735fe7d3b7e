//! What an operator does on the machine, with the database and without a server.

use std::path::Path;

use common::{AccountSid, TenantId, UserId};
use serde_json::json;
use time::OffsetDateTime;

use crate::api::extract::check_name;
use crate::api::users::{check_email, check_password};
use crate::audit::{Action, Entry, Fault, Head};
use crate::auth::KEY_PREFIX;
use crate::auth::password::Passwords;
use crate::crypto::{KeyError, Of, SecretBox, SecretKey, named_secret, sha256};
use crate::live::Hub;
use crate::model::{Role, Scope};
use crate::seals::seal_anew;
use crate::store::{NewKey, NewUser, OpenError, SealedTokens, Store, StoreError, UserAuth, Whose};

/// An operator at work on the database. Safe beside running servers.
#[derive(Debug)]
pub struct Admin {
    store: Store,
    passwords: Passwords,
}

/// What seals stored secrets, as in the settings of a server.
#[derive(Clone, Copy, Debug)]
pub struct SecretKeys<'a> {
    /// Where a key is when none is given.
    pub data_dir: &'a Path,
    /// The key.
    pub key: Option<&'a SecretKey>,
    /// Those of before.
    pub old: &'a [SecretKey],
}

/// What an operator asked for could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// It cannot be meant so.
    #[error("{0}")]
    Bad(String),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// A key cannot be used.
    #[error("a key cannot be used")]
    Key(#[from] KeyError),
}

fn bad(why: impl ToString) -> AdminError {
    AdminError::Bad(why.to_string())
}

impl Admin {
    /// Opens the database at this URL. A SQLite database is brought up to date; a PostgreSQL one must be.
    ///
    /// # Errors
    ///
    /// When the database cannot be opened, or is not of this release.
    pub async fn open(database_url: &str) -> Result<Self, OpenError> {
        let store = Store::open(database_url, None, Hub::default()).await?;
        Ok(Self { store, passwords: Passwords::default() })
    }

    /// Makes a tenant with this name.
    ///
    /// # Errors
    ///
    /// When the name is empty or has more than 100 characters, or the database fails.
    pub async fn tenant_create(&self, name: &str) -> Result<TenantId, AdminError> {
        let name = name.trim();
        check_name(name).map_err(bad)?;
        let (tenant, now) = (TenantId::new(), OffsetDateTime::now_utc());
        let mut txn = self.store.begin(tenant).await?;
        txn.tenant_create(tenant, name, now).await?;
        txn.audit(tenant, Entry::new(Action::TenantAdded).on(tenant), now).await?;
        txn.commit().await?;
        Ok(tenant)
    }

    /// Makes a person of this tenant.
    ///
    /// # Errors
    ///
    /// When a value cannot be, the tenant is not there, the e-mail is somebody's already, or the database fails.
    pub async fn user_create(
        &self,
        tenant: TenantId,
        email: &str,
        name: &str,
        role: Role,
        password: String,
    ) -> Result<UserId, AdminError> {
        let email = email.trim().to_lowercase();
        check_email(&email).map_err(bad)?;
        check_name(name).map_err(bad)?;
        let password_hash = self.hash(password).await?;
        let (id, now) = (UserId::new(), OffsetDateTime::now_utc());
        let new = NewUser { id, email: &email, name, role, password_hash: &password_hash };
        let mut txn = self.store.begin(tenant).await?;
        match txn.tenant_fetch(tenant).await {
            Err(StoreError::NotFound) => return Err(bad(format!("there is no tenant {tenant}"))),
            found => found?,
        };
        if !txn.user_create(tenant, new, now).await? {
            return Err(bad(format!("{email} is somebody's already")));
        }
        txn.audit(tenant, Entry::new(Action::UserAdded).on(id).with(json!({ "role": role })), now).await?;
        txn.commit().await?;
        Ok(id)
    }

    /// Puts another password in place of a person's, and ends all that they have open.
    ///
    /// # Errors
    ///
    /// When nobody has the e-mail, the password is too short or too long, or the database fails.
    pub async fn user_password(&self, email: &str, password: String) -> Result<UserId, AdminError> {
        let user = self.user(email).await?.user;
        let (tenant, now) = (user.tenant.id, OffsetDateTime::now_utc());
        let hash = self.hash(password).await?;
        let mut txn = self.store.begin(tenant).await?;
        txn.user_password_put(tenant, user.id, &hash).await?;
        // A running server tells its gateways, when they next say what they hold.
        txn.cut_off(tenant, Whose::User(user.id), now).await?;
        txn.audit(tenant, Entry::new(Action::PasswordChanged).on(user.id), now).await?;
        txn.commit().await?;
        Ok(user.id)
    }

    /// Makes an API key that acts for the person with this e-mail. Gives the key, which is nowhere else.
    ///
    /// # Errors
    ///
    /// When nobody has the e-mail, a value cannot be, or the database fails.
    pub async fn key_create(
        &self,
        email: &str,
        name: &str,
        scopes: &[Scope],
        expires_at: Option<OffsetDateTime>,
    ) -> Result<String, AdminError> {
        let user = self.user(email).await?.user;
        let (tenant, now) = (user.tenant.id, OffsetDateTime::now_utc());
        check_name(name).map_err(bad)?;
        if scopes.is_empty() {
            return Err(bad("a key needs at least one scope"));
        }
        if expires_at.is_some_and(|end| end <= now) {
            return Err(bad("the key's end must be yet to come"));
        }
        let (id, key) = named_secret(KEY_PREFIX);
        let hash = sha256(key.as_bytes());
        let new = NewKey { id: &id, hash, user: user.id, name, scopes, expires_at };
        let mut txn = self.store.begin(tenant).await?;
        txn.key_create(tenant, &new, now).await?;
        let entry = Entry::new(Action::KeyAdded).on(&id).with(json!({ "scopes": scopes, "for": user.id }));
        txn.audit(tenant, entry, now).await?;
        txn.commit().await?;
        Ok(key)
    }

    /// Puts another auth token in place of a Twilio account's; an account that is not known yet is added to `tenant`,
    /// if there is one. Gives whose it is.
    ///
    /// # Errors
    ///
    /// When the account is not known and no tenant is given, or is another tenant's; the token is empty; a key
    /// cannot be used; or the database fails.
    pub async fn token_rotate(
        &self,
        keys: &SecretKeys<'_>,
        account: AccountSid,
        token: &str,
        tenant: Option<TenantId>,
    ) -> Result<TenantId, AdminError> {
        if token.is_empty() || token.contains(char::is_whitespace) {
            return Err(bad("this is no auth token: it is empty, or has spaces"));
        }
        let secrets = SecretBox::open(keys.data_dir, keys.key, keys.old)?;
        let owner = self.store.tenant_by_account(account).await?;
        let tenant = match (owner, tenant) {
            (Some(owner), None) => owner,
            (Some(owner), Some(tenant)) if owner == tenant => owner,
            (None, Some(tenant)) => tenant,
            (Some(_), Some(_)) => return Err(bad(format!("{account} is another tenant's"))),
            (None, None) => {
                return Err(bad(format!("{account} is not known: say whose it is with --tenant")));
            }
        };
        let now = OffsetDateTime::now_utc();
        let mut txn = self.store.begin(tenant).await?;
        match txn.tenant_fetch(tenant).await {
            Err(StoreError::NotFound) => return Err(bad(format!("there is no tenant {tenant}"))),
            found => found?,
        };
        let primary = secrets.seal(tenant, Of::Account(account), token);
        let sealed = SealedTokens { primary, secondary: None };
        if !txn.account_put(tenant, account, &sealed, secrets.id(), now).await? {
            return Err(bad(format!("{account} is another tenant's")));
        }
        txn.audit(tenant, Entry::new(Action::AccountChanged).on(account), now).await?;
        txn.commit().await?;
        Ok(tenant)
    }

    /// Seals with the present key what an old one has sealed, and what releases of before kept in clear. Gives how many
    /// secrets it was.
    ///
    /// # Errors
    ///
    /// When a key cannot be used, or the database fails.
    pub async fn secrets_seal(&self, keys: &SecretKeys<'_>) -> Result<u32, AdminError> {
        let secrets = SecretBox::open(keys.data_dir, keys.key, keys.old)?;
        Ok(seal_anew(&self.store, &secrets, true).await?)
    }

    /// Goes through the audit log of this tenant, or of all: where each ends, or its first bad row. `kept` are heads
    /// that the logs had at other times: a tenant with one that is gone has a fault too.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn audit_verify(
        &self,
        tenant: Option<TenantId>,
        kept: &[Head],
    ) -> Result<Vec<Result<Head, Fault>>, StoreError> {
        let tenants = match tenant {
            Some(tenant) => vec![tenant],
            None => {
                let mut all = self.store.tenant_list().await?;
                all.extend(kept.iter().map(|head| head.tenant));
                all.sort_unstable();
                all.dedup();
                all
            }
        };
        let mut verdicts = Vec::with_capacity(tenants.len());
        for tenant in tenants {
            let kept: Vec<Head> = kept.iter().filter(|head| head.tenant == tenant).copied().collect();
            verdicts.push(self.store.audit_verify(tenant, &kept).await?);
        }
        Ok(verdicts)
    }

    /// Closes the database in order.
    pub async fn close(self) {
        self.store.close().await;
    }

    async fn user(&self, email: &str) -> Result<UserAuth, AdminError> {
        let email = email.trim().to_lowercase();
        let nobody = || bad(format!("nobody has the e-mail {email}"));
        let tenant = self.store.tenant_by_email(&email).await?.ok_or_else(nobody)?;
        self.store.user_by_email(tenant, &email).await?.ok_or_else(nobody)
    }

    async fn hash(&self, password: String) -> Result<String, AdminError> {
        check_password(&password).map_err(bad)?;
        self.passwords.hash(password).await.map_err(|_| bad("the password cannot be hashed"))
    }
}
