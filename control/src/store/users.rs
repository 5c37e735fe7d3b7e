//! A tenant's people.

use common::{TenantId, UserId};
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, Tx, Txn, from_word, millis, sql};
use crate::model::{Role, Tenant, User};

/// A person and what their password is checked against.
#[derive(Debug)]
pub(crate) struct UserAuth {
    pub(crate) user: User,
    pub(crate) password_hash: String,
    /// They may not sign in.
    pub(crate) disabled: bool,
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

#[derive(FromRow)]
struct Row {
    tenant_id: Uuid,
    tenant_name: String,
    id: Uuid,
    email: String,
    name: String,
    role: String,
    password_hash: String,
    disabled: bool,
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
        Ok(UserAuth { user, password_hash: self.password_hash, disabled: self.disabled })
    }
}

macro_rules! select_user {
    ($rest:literal) => {
        concat!(
            "SELECT u.tenant_id, t.name AS tenant_name, u.id, u.email, u.name, u.role, u.password_hash,
                 u.disabled
             FROM users u JOIN tenants t ON t.id = u.tenant_id ",
            $rest
        )
    };
}

impl Store {
    /// The tenant's person who signs in with this e-mail (lower case), disabled or not.
    pub(crate) async fn user_by_email(
        &self,
        tenant: TenantId,
        email: &str,
    ) -> Result<Option<UserAuth>, StoreError> {
        let statement = sql(select_user!("WHERE u.tenant_id = $1 AND u.email = $2"));
        let row: Option<Row> = self.optional(tenant, statement.bind(tenant.as_uuid()).bind(email)).await?;
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
        let statement = sql(select_user!(
            "JOIN sign_ins s ON s.tenant_id = u.tenant_id AND s.user_id = u.id
             WHERE u.tenant_id = $1 AND u.id = $2 AND NOT u.disabled
               AND s.id = $3 AND s.revoked_at IS NULL AND s.expires_at > $4"
        ));
        let statement = statement.bind(tenant.as_uuid()).bind(user.as_uuid()).bind(sign_in).bind(millis(now));
        let row: Option<Row> = self.optional(tenant, statement).await?;
        Ok(row.map(Row::read).transpose()?.map(|auth| auth.user))
    }

    /// The tenant's people who may sign in, by name; at most 1000.
    pub(crate) async fn user_list(&self, tenant: TenantId) -> Result<Vec<User>, StoreError> {
        let statement =
            sql(select_user!("WHERE u.tenant_id = $1 AND NOT u.disabled ORDER BY u.name, u.id LIMIT 1000"));
        let rows: Vec<Row> = self.all(tenant, statement.bind(tenant.as_uuid())).await?;
        rows.into_iter().map(|row| Ok(row.read()?.user)).collect()
    }
}

impl Txn {
    /// Makes a person. `false`: somebody, maybe of another tenant, has this e-mail.
    pub(crate) async fn user_create(
        &mut self,
        tenant: TenantId,
        new: NewUser<'_>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let made = sql("INSERT INTO users (tenant_id, id, email, name, role, password_hash, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (email) DO NOTHING")
        .bind(tenant.as_uuid())
        .bind(new.id.as_uuid())
        .bind(new.email)
        .bind(new.name)
        .bind(new.role.as_str())
        .bind(new.password_hash)
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        Ok(made == 1)
    }

    /// Changes a person, and gives what they are then.
    pub(crate) async fn user_patch(
        &mut self,
        tenant: TenantId,
        user: UserId,
        patch: &UserPatch,
    ) -> Result<User, StoreError> {
        sql("UPDATE users SET name = coalesce($3, name), role = coalesce($4, role),
                 disabled = coalesce($5, disabled)
             WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.as_uuid())
        .bind(user.as_uuid())
        .bind(&patch.name)
        .bind(patch.role.map(Role::as_str))
        .bind(patch.disabled)
        .run(&mut self.tx)
        .await?;
        let row: Row = sql(select_user!("WHERE u.tenant_id = $1 AND u.id = $2"))
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .one(&mut self.tx)
            .await?;
        Ok(row.read()?.user)
    }

    /// Puts another password in place of a person's, in its kept form.
    pub(crate) async fn user_password_put(
        &mut self,
        tenant: TenantId,
        user: UserId,
        password_hash: &str,
    ) -> Result<(), StoreError> {
        sql("UPDATE users SET password_hash = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(user.as_uuid())
            .bind(password_hash)
            .run(&mut self.tx)
            .await?;
        Ok(())
    }

    /// The tenant itself.
    pub(crate) async fn tenant_fetch(&mut self, tenant: TenantId) -> Result<Tenant, StoreError> {
        let statement = sql("SELECT name FROM tenants WHERE id = $1").bind(tenant.as_uuid());
        let (name,) = statement.one(&mut self.tx).await?;
        Ok(Tenant { id: tenant, name })
    }

    /// How many people of the tenant can manage it.
    pub(crate) async fn admin_count(&mut self, tenant: TenantId) -> Result<i64, StoreError> {
        let statement =
            sql("SELECT count(*) FROM users WHERE tenant_id = $1 AND role = 'admin' AND NOT disabled");
        let (count,) = statement.bind(tenant.as_uuid()).one(&mut self.tx).await?;
        Ok(count)
    }
}

/// The person, as this transaction sees them. Disabled people are nobody.
pub(super) async fn fetch(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<Option<User>, StoreError> {
    let statement = sql(select_user!("WHERE u.tenant_id = $1 AND u.id = $2 AND NOT u.disabled"));
    let row: Option<Row> = statement.bind(tenant.as_uuid()).bind(user.as_uuid()).optional(tx).await?;
    Ok(row.map(Row::read).transpose()?.map(|auth| auth.user))
}
