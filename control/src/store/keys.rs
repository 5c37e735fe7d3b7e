//! API keys: what programs send in place of a sign-in.

use common::{TenantId, UserId};
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, Txn, from_json, from_millis, millis, sql, to_json, users};
use crate::model::{ApiKey, Person, Scope, User};

/// A key to make.
pub(crate) struct NewKey<'a> {
    /// What the key begins with.
    pub(crate) id: &'a str,
    /// SHA-256 of the key: the key itself is with its holder alone.
    pub(crate) hash: [u8; 32],
    /// Whom it acts for.
    pub(crate) user: UserId,
    pub(crate) name: &'a str,
    pub(crate) scopes: &'a [Scope],
    pub(crate) expires_at: Option<OffsetDateTime>,
}

/// A key that is good now, and whom it acts for.
#[derive(Debug)]
pub(crate) struct GoodKey {
    pub(crate) id: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) expires_at: Option<OffsetDateTime>,
    pub(crate) last_used_at: Option<OffsetDateTime>,
    pub(crate) user: User,
}

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    scopes: String,
    user_id: Uuid,
    user_name: String,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl Row {
    fn read(self) -> Result<ApiKey, StoreError> {
        Ok(ApiKey {
            id: self.id,
            name: self.name,
            scopes: from_json(&self.scopes, "list of scopes")?,
            user: Person { id: UserId::from_uuid(self.user_id), name: self.user_name },
            created_at: from_millis(self.created_at)?,
            expires_at: self.expires_at.map(from_millis).transpose()?,
            last_used_at: self.last_used_at.map(from_millis).transpose()?,
        })
    }
}

macro_rules! select_key {
    ($rest:literal) => {
        concat!(
            "SELECT k.id, k.name, k.scopes, k.user_id, u.name AS user_name, k.created_at, k.expires_at,
                 k.last_used_at
             FROM api_keys k JOIN users u ON u.tenant_id = k.tenant_id AND u.id = k.user_id ",
            $rest
        )
    };
}

impl Store {
    /// The tenant's keys that were not revoked, oldest first.
    pub(crate) async fn key_list(&self, tenant: TenantId) -> Result<Vec<ApiKey>, StoreError> {
        let statement = sql(select_key!(
            "WHERE k.tenant_id = $1 AND k.revoked_at IS NULL ORDER BY k.created_at, k.id LIMIT 1000"
        ));
        let rows: Vec<Row> = self.all(tenant, statement.bind(tenant.as_uuid())).await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// The key with this hash, if it was not revoked, has not expired, and its person may sign in.
    pub(crate) async fn key_good(
        &self,
        tenant: TenantId,
        hash: [u8; 32],
        now: OffsetDateTime,
    ) -> Result<Option<GoodKey>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let row: Option<Row> = sql(select_key!(
            "WHERE k.tenant_id = $1 AND k.hash = $2 AND k.revoked_at IS NULL
               AND (k.expires_at IS NULL OR k.expires_at > $3)"
        ))
        .bind(tenant.as_uuid())
        .bind(hash)
        .bind(millis(now))
        .optional(&mut tx)
        .await?;
        let Some(key) = row.map(Row::read).transpose()? else { return Ok(None) };
        let user = users::fetch(&mut tx, tenant, key.user.id).await?;
        tx.commit().await?;
        Ok(user.map(|user| GoodKey {
            id: key.id,
            scopes: key.scopes,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            user,
        }))
    }
}

impl Txn {
    /// How many keys the tenant has that were not revoked.
    pub(crate) async fn key_count(&mut self, tenant: TenantId) -> Result<i64, StoreError> {
        let statement = sql("SELECT count(*) FROM api_keys WHERE tenant_id = $1 AND revoked_at IS NULL");
        let (count,) = statement.bind(tenant.as_uuid()).one(&mut self.tx).await?;
        Ok(count)
    }

    /// Keeps a key's hash, and gives the key as it is listed.
    pub(crate) async fn key_create(
        &mut self,
        tenant: TenantId,
        new: &NewKey<'_>,
        now: OffsetDateTime,
    ) -> Result<ApiKey, StoreError> {
        sql("INSERT INTO api_keys (tenant_id, id, hash, user_id, name, scopes, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(tenant.as_uuid())
        .bind(new.id)
        .bind(new.hash)
        .bind(new.user.as_uuid())
        .bind(new.name)
        .bind(to_json(new.scopes))
        .bind(millis(now))
        .bind(new.expires_at.map(millis))
        .run(&mut self.tx)
        .await?;
        let statement = sql(select_key!("WHERE k.tenant_id = $1 AND k.id = $2"));
        statement.bind(tenant.as_uuid()).bind(new.id).one::<Row>(&mut self.tx).await?.read()
    }

    /// A key is good for nothing from now on. `false`: it was not there, or revoked before.
    pub(crate) async fn key_revoke(
        &mut self,
        tenant: TenantId,
        key: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let revoked = sql(
            "UPDATE api_keys SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL",
        )
        .bind(tenant.as_uuid())
        .bind(key)
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        Ok(revoked == 1)
    }

    /// A key was used.
    pub(crate) async fn key_used(
        &mut self,
        tenant: TenantId,
        key: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sql("UPDATE api_keys SET last_used_at = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(key)
            .bind(millis(now))
            .run(&mut self.tx)
            .await?;
        Ok(())
    }
}
