//! Tenants, people, and how long they stay signed in.

use common::{TenantId, UserId};
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, Txn, from_word, millis};
use crate::model::{Role, Tenant, User};

/// A person and what their password is checked against.
#[derive(Debug)]
pub(crate) struct UserAuth {
    pub(crate) user: User,
    pub(crate) password_hash: String,
}

/// A person to make.
pub(crate) struct NewUser<'a> {
    pub(crate) id: UserId,
    /// Lower case.
    pub(crate) email: &'a str,
    pub(crate) name: &'a str,
    pub(crate) role: Role,
    pub(crate) password_hash: &'a str,
}

/// What to change of a person. `None` leaves it.
#[derive(Default)]
pub(crate) struct UserPatch {
    pub(crate) name: Option<String>,
    pub(crate) role: Option<Role>,
    pub(crate) disabled: Option<bool>,
}

/// A sign-in to keep.
pub(crate) struct SignIn {
    pub(crate) id: Uuid,
    pub(crate) user: UserId,
    pub(crate) expires_at: OffsetDateTime,
}

/// What became of a refresh token that somebody sent.
#[derive(Debug)]
pub(crate) enum Rotation {
    /// It was good, and is used now: this sign-in goes on.
    Good { tenant: TenantId, sign_in: Uuid, user: Box<User>, expires_at: OffsetDateTime },
    /// It was used before, too long ago for two tabs: the sign-in is over.
    Reused,
    /// Nobody knows it, or its sign-in is over.
    Unknown,
}

#[derive(FromRow)]
struct Row {
    tenant_id: Uuid,
    tenant_name: String,
    id: Uuid,
    email: String,
    name: String,
    role: String,
    password_hash: String,
}

impl Row {
    fn read(self) -> Result<UserAuth, StoreError> {
        let tenant = Tenant { id: TenantId::from_uuid(self.tenant_id), name: self.tenant_name };
        let user = User {
            id: UserId::from_uuid(self.id),
            email: self.email,
            name: self.name,
            role: from_word(&self.role, "role")?,
            tenant,
        };
        Ok(UserAuth { user, password_hash: self.password_hash })
    }
}

macro_rules! select_user {
    ($rest:literal) => {
        concat!(
            "SELECT u.tenant_id, t.name AS tenant_name, u.id, u.email, u.name, u.role, u.password_hash
             FROM users u JOIN tenants t ON t.id = u.tenant_id ",
            $rest
        )
    };
}

impl Store {
    /// The person who signs in with this e-mail (lower case), and so their tenant. Disabled people are
    /// nobody. **Finds the tenant**, so takes none.
    pub(crate) async fn user_by_email(&self, email: &str) -> Result<Option<UserAuth>, StoreError> {
        let row: Option<Row> = sqlx::query_as(select_user!("WHERE u.email = ?1 AND u.disabled = 0"))
            .bind(email)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.map(Row::read).transpose()
    }

    /// The person behind an access token, if their sign-in still stands and they are not disabled.
    pub(crate) async fn user_signed_in(
        &self,
        tenant: TenantId,
        user: UserId,
        sign_in: Uuid,
        now: OffsetDateTime,
    ) -> Result<Option<User>, StoreError> {
        let row: Option<Row> = sqlx::query_as(select_user!(
            "JOIN sign_ins s ON s.tenant_id = u.tenant_id AND s.user_id = u.id
             WHERE u.tenant_id = ?1 AND u.id = ?2 AND u.disabled = 0
               AND s.id = ?3 AND s.revoked_at IS NULL AND s.expires_at > ?4"
        ))
        .bind(tenant.as_uuid())
        .bind(user.as_uuid())
        .bind(sign_in)
        .bind(millis(now))
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        Ok(row.map(Row::read).transpose()?.map(|auth| auth.user))
    }

    /// Whose sign-in a refresh token belongs to, used or not. **Finds the tenant**, so takes none.
    pub(crate) async fn refresh_token_owner(
        &self,
        hash: [u8; 32],
    ) -> Result<Option<(TenantId, Uuid)>, StoreError> {
        let row: Option<(Uuid, Uuid)> =
            sqlx::query_as("SELECT tenant_id, sign_in_id FROM refresh_tokens WHERE hash = ?1")
                .bind(hash.to_vec())
                .fetch_optional(&mut *self.reader().await?)
                .await?;
        Ok(row.map(|(tenant, sign_in)| (TenantId::from_uuid(tenant), sign_in)))
    }

    /// The tenant's people who may sign in, by name; at most 1000.
    pub(crate) async fn user_list(&self, tenant: TenantId) -> Result<Vec<User>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(select_user!(
            "WHERE u.tenant_id = ?1 AND u.disabled = 0 ORDER BY u.name, u.id LIMIT 1000"
        ))
        .bind(tenant.as_uuid())
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.into_iter().map(|row| Ok(row.read()?.user)).collect()
    }
}

impl Txn {
    /// Makes a tenant.
    pub(crate) async fn tenant_create(
        &mut self,
        tenant: TenantId,
        name: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO tenants (id, name, created_at) VALUES (?1, ?2, ?3)")
            .bind(tenant.as_uuid())
            .bind(name)
            .bind(millis(now))
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// The tenant of the person with this e-mail, disabled or not. **Finds the tenant**, so takes none.
    pub(crate) async fn tenant_by_email(&mut self, email: &str) -> Result<Option<TenantId>, StoreError> {
        let tenant: Option<Uuid> = sqlx::query_scalar("SELECT tenant_id FROM users WHERE email = ?1")
            .bind(email)
            .fetch_optional(self.conn())
            .await?;
        Ok(tenant.map(TenantId::from_uuid))
    }

    /// Makes a person. `false`: somebody, maybe of another tenant, has this e-mail.
    pub(crate) async fn user_create(
        &mut self,
        tenant: TenantId,
        new: NewUser<'_>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let made = sqlx::query(
            "INSERT INTO users (tenant_id, id, email, name, role, password_hash, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (email) DO NOTHING",
        )
        .bind(tenant.as_uuid())
        .bind(new.id.as_uuid())
        .bind(new.email)
        .bind(new.name)
        .bind(new.role.as_str())
        .bind(new.password_hash)
        .bind(millis(now))
        .execute(self.conn())
        .await?;
        Ok(made.rows_affected() == 1)
    }

    /// Changes a person, and gives what they are then.
    pub(crate) async fn user_patch(
        &mut self,
        tenant: TenantId,
        user: UserId,
        patch: &UserPatch,
    ) -> Result<User, StoreError> {
        sqlx::query(
            "UPDATE users SET name = coalesce(?3, name), role = coalesce(?4, role),
                 disabled = coalesce(?5, disabled)
             WHERE tenant_id = ?1 AND id = ?2",
        )
        .bind(tenant.as_uuid())
        .bind(user.as_uuid())
        .bind(&patch.name)
        .bind(patch.role.map(Role::as_str))
        .bind(patch.disabled)
        .execute(self.conn())
        .await?;
        let row: Row = sqlx::query_as(select_user!("WHERE u.tenant_id = ?1 AND u.id = ?2"))
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .fetch_one(self.conn())
            .await?;
        Ok(row.read()?.user)
    }

    /// How many people of the tenant can manage it.
    pub(crate) async fn admin_count(&mut self, tenant: TenantId) -> Result<i64, StoreError> {
        let query = "SELECT count(*) FROM users WHERE tenant_id = ?1 AND role = 'admin' AND disabled = 0";
        Ok(sqlx::query_scalar(query).bind(tenant.as_uuid()).fetch_one(self.conn()).await?)
    }

    /// Keeps a sign-in.
    pub(crate) async fn sign_in_create(
        &mut self,
        tenant: TenantId,
        new: &SignIn,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sign_ins (tenant_id, id, user_id, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(tenant.as_uuid())
        .bind(new.id)
        .bind(new.user.as_uuid())
        .bind(millis(now))
        .bind(millis(new.expires_at))
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Ends a sign-in: its access and refresh tokens are good for nothing from now on.
    pub(crate) async fn sign_in_revoke(
        &mut self,
        tenant: TenantId,
        sign_in: Uuid,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sign_ins SET revoked_at = ?3 WHERE tenant_id = ?1 AND id = ?2 AND revoked_at IS NULL",
        )
        .bind(tenant.as_uuid())
        .bind(sign_in)
        .bind(millis(now))
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Ends all sign-ins of a person.
    pub(crate) async fn sign_ins_revoke(
        &mut self,
        tenant: TenantId,
        user: UserId,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sign_ins SET revoked_at = ?3
             WHERE tenant_id = ?1 AND user_id = ?2 AND revoked_at IS NULL",
        )
        .bind(tenant.as_uuid())
        .bind(user.as_uuid())
        .bind(millis(now))
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Keeps a refresh token's hash.
    pub(crate) async fn refresh_token_create(
        &mut self,
        tenant: TenantId,
        sign_in: Uuid,
        hash: [u8; 32],
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO refresh_tokens (tenant_id, sign_in_id, hash, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(tenant.as_uuid())
        .bind(sign_in)
        .bind(hash.to_vec())
        .bind(millis(now))
        .bind(millis(expires_at))
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Uses a refresh token, once; a second use within `grace` of the first is two tabs, a later one is
    /// theft and ends the sign-in. **Finds the tenant**, so takes none.
    pub(crate) async fn refresh_token_use(
        &mut self,
        hash: [u8; 32],
        now: OffsetDateTime,
        grace: std::time::Duration,
    ) -> Result<Rotation, StoreError> {
        let found: Option<TokenRow> = sqlx::query_as(
            "SELECT r.tenant_id, r.sign_in_id, r.used_at, s.user_id, s.expires_at
             FROM refresh_tokens r
             JOIN sign_ins s ON s.tenant_id = r.tenant_id AND s.id = r.sign_in_id
             WHERE r.hash = ?1 AND r.expires_at > ?2 AND s.revoked_at IS NULL AND s.expires_at > ?2",
        )
        .bind(hash.to_vec())
        .bind(millis(now))
        .fetch_optional(self.conn())
        .await?;
        let Some(found) = found else { return Ok(Rotation::Unknown) };
        let tenant = TenantId::from_uuid(found.tenant_id);
        if found.used_at.is_some_and(|used| millis(now - grace) > used) {
            self.sign_in_revoke(tenant, found.sign_in_id, now).await?;
            return Ok(Rotation::Reused);
        }
        sqlx::query("UPDATE refresh_tokens SET used_at = coalesce(used_at, ?2) WHERE hash = ?1")
            .bind(hash.to_vec())
            .bind(millis(now))
            .execute(self.conn())
            .await?;
        let row: Option<Row> =
            sqlx::query_as(select_user!("WHERE u.tenant_id = ?1 AND u.id = ?2 AND u.disabled = 0"))
                .bind(found.tenant_id)
                .bind(found.user_id)
                .fetch_optional(self.conn())
                .await?;
        let Some(row) = row else { return Ok(Rotation::Unknown) };
        Ok(Rotation::Good {
            tenant,
            sign_in: found.sign_in_id,
            user: Box::new(row.read()?.user),
            expires_at: super::from_millis(found.expires_at)?,
        })
    }

    /// Forgets sign-ins and refresh tokens that ended before `now`. Of **every tenant**: a clock asks.
    pub(crate) async fn sign_ins_forget(&mut self, now: OffsetDateTime) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sign_ins WHERE expires_at <= ?1")
            .bind(millis(now))
            .execute(self.conn())
            .await?;
        sqlx::query("DELETE FROM refresh_tokens WHERE expires_at <= ?1")
            .bind(millis(now))
            .execute(self.conn())
            .await?;
        Ok(())
    }
}

#[derive(FromRow)]
struct TokenRow {
    tenant_id: Uuid,
    sign_in_id: Uuid,
    used_at: Option<i64>,
    user_id: Uuid,
    expires_at: i64,
}
