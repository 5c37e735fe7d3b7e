//! How long people stay signed in.

use std::time::Duration;

use common::{TenantId, UserId};
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, Txn, from_millis, millis, sql, users};
use crate::model::User;

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
    Good { sign_in: Uuid, user: Box<User>, expires_at: OffsetDateTime },
    /// It was used before, too long ago for two tabs: the sign-in is over.
    Reused { user: UserId, sign_in: Uuid },
    /// Nobody knows it, or its sign-in is over.
    Unknown,
}

impl Txn {
    /// Keeps a sign-in.
    pub(crate) async fn sign_in_create(
        &mut self,
        tenant: TenantId,
        new: &SignIn,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sql("INSERT INTO sign_ins (tenant_id, id, user_id, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5)")
        .bind(tenant.as_uuid())
        .bind(new.id)
        .bind(new.user.as_uuid())
        .bind(millis(now))
        .bind(millis(new.expires_at))
        .run(&mut self.tx)
        .await?;
        Ok(())
    }

    /// Ends a sign-in: its access and refresh tokens are good for nothing from now on. Gives whose it was;
    /// `None`: it was over already.
    pub(crate) async fn sign_in_revoke(
        &mut self,
        tenant: TenantId,
        sign_in: Uuid,
        now: OffsetDateTime,
    ) -> Result<Option<UserId>, StoreError> {
        let row: Option<(Uuid,)> = sql("UPDATE sign_ins SET revoked_at = $3
             WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING user_id")
        .bind(tenant.as_uuid())
        .bind(sign_in)
        .bind(millis(now))
        .optional(&mut self.tx)
        .await?;
        Ok(row.map(|(user,)| UserId::from_uuid(user)))
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
        sql("INSERT INTO refresh_tokens (tenant_id, sign_in_id, hash, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5)")
        .bind(tenant.as_uuid())
        .bind(sign_in)
        .bind(hash)
        .bind(millis(now))
        .bind(millis(expires_at))
        .run(&mut self.tx)
        .await?;
        Ok(())
    }

    /// Uses a refresh token, once; a second use within `grace` of the first is two tabs, a later one is
    /// theft and ends the sign-in.
    pub(crate) async fn refresh_token_use(
        &mut self,
        tenant: TenantId,
        hash: [u8; 32],
        now: OffsetDateTime,
        grace: Duration,
    ) -> Result<Rotation, StoreError> {
        let found: Option<TokenRow> = sql("SELECT r.sign_in_id, r.used_at, s.user_id, s.expires_at
             FROM refresh_tokens r
             JOIN sign_ins s ON s.tenant_id = r.tenant_id AND s.id = r.sign_in_id
             WHERE r.tenant_id = $1 AND r.hash = $2 AND r.expires_at > $3
               AND s.revoked_at IS NULL AND s.expires_at > $3")
        .bind(tenant.as_uuid())
        .bind(hash)
        .bind(millis(now))
        .optional(&mut self.tx)
        .await?;
        let Some(found) = found else { return Ok(Rotation::Unknown) };
        if found.used_at.is_some_and(|used| millis(now - grace) > used) {
            self.sign_in_revoke(tenant, found.sign_in_id, now).await?;
            let user = UserId::from_uuid(found.user_id);
            return Ok(Rotation::Reused { user, sign_in: found.sign_in_id });
        }
        sql("UPDATE refresh_tokens SET used_at = coalesce(used_at, $3) WHERE tenant_id = $1 AND hash = $2")
            .bind(tenant.as_uuid())
            .bind(hash)
            .bind(millis(now))
            .run(&mut self.tx)
            .await?;
        let user = users::fetch(&mut self.tx, tenant, UserId::from_uuid(found.user_id)).await?;
        let Some(user) = user else { return Ok(Rotation::Unknown) };
        Ok(Rotation::Good {
            sign_in: found.sign_in_id,
            user: Box::new(user),
            expires_at: from_millis(found.expires_at)?,
        })
    }

    /// Forgets the tenant's sign-ins and refresh tokens that ended before `now`.
    pub(crate) async fn sign_ins_forget(
        &mut self,
        tenant: TenantId,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        for statement in [
            sql("DELETE FROM sign_ins WHERE tenant_id = $1 AND expires_at <= $2"),
            sql("DELETE FROM refresh_tokens WHERE tenant_id = $1 AND expires_at <= $2"),
        ] {
            statement.bind(tenant.as_uuid()).bind(millis(now)).run(&mut self.tx).await?;
        }
        Ok(())
    }
}

#[derive(FromRow)]
struct TokenRow {
    sign_in_id: Uuid,
    used_at: Option<i64>,
    user_id: Uuid,
    expires_at: i64,
}
