//! Invitations: leave to become one of the tenant's people, once, for who holds the link.

use common::{TenantId, UserId};
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{Store, StoreError, Tx, Txn, from_millis, from_word, millis, sql};
use crate::model::{Invitation, Role};

/// An invitation to make.
pub(crate) struct NewInvitation<'a> {
    /// What the token begins with.
    pub(crate) id: &'a str,
    /// SHA-256 of the token in the link.
    pub(crate) hash: [u8; 32],
    /// Lower case.
    pub(crate) email: &'a str,
    pub(crate) role: Role,
    /// `None`: the operator.
    pub(crate) invited_by: Option<UserId>,
    pub(crate) expires_at: OffsetDateTime,
}

#[derive(FromRow)]
struct Row {
    id: String,
    email: String,
    role: String,
    created_at: i64,
    expires_at: i64,
}

impl Row {
    fn read(self) -> Result<Invitation, StoreError> {
        Ok(Invitation {
            id: self.id,
            email: self.email,
            role: from_word(&self.role, "role")?,
            created_at: from_millis(self.created_at)?,
            expires_at: from_millis(self.expires_at)?,
        })
    }
}

macro_rules! select_open {
    ($rest:literal) => {
        concat!(
            "SELECT id, email, role, created_at, expires_at FROM invitations
             WHERE tenant_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2 ",
            $rest
        )
    };
}

impl Store {
    /// The tenant's invitations that can still be accepted, oldest first; at most 1000.
    pub(crate) async fn invitation_list(
        &self,
        tenant: TenantId,
        now: OffsetDateTime,
    ) -> Result<Vec<Invitation>, StoreError> {
        let statement = sql(select_open!("ORDER BY created_at, id LIMIT 1000"));
        let rows: Vec<Row> = self.all(tenant, statement.bind(tenant.as_uuid()).bind(millis(now))).await?;
        rows.into_iter().map(Row::read).collect()
    }
}

impl Txn {
    /// How many invitations of the tenant can still be accepted.
    pub(crate) async fn invitation_count(
        &mut self,
        tenant: TenantId,
        now: OffsetDateTime,
    ) -> Result<i64, StoreError> {
        let (count,) = sql("SELECT count(*) FROM invitations
             WHERE tenant_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2")
        .bind(tenant.as_uuid())
        .bind(millis(now))
        .one(&mut self.tx)
        .await?;
        Ok(count)
    }

    /// Keeps an invitation's hash. Older ones of the same e-mail are revoked.
    pub(crate) async fn invitation_create(
        &mut self,
        tenant: TenantId,
        new: &NewInvitation<'_>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sql("UPDATE invitations SET revoked_at = $3
             WHERE tenant_id = $1 AND email = $2 AND accepted_at IS NULL AND revoked_at IS NULL")
        .bind(tenant.as_uuid())
        .bind(new.email)
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        sql("INSERT INTO invitations (tenant_id, id, hash, email, role, invited_by, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(tenant.as_uuid())
        .bind(new.id)
        .bind(new.hash)
        .bind(new.email)
        .bind(new.role.as_str())
        .bind(new.invited_by.map(UserId::as_uuid))
        .bind(millis(now))
        .bind(millis(new.expires_at))
        .run(&mut self.tx)
        .await?;
        Ok(())
    }

    /// An invitation is good for nothing from now on. `false`: it was not there, or over.
    pub(crate) async fn invitation_revoke(
        &mut self,
        tenant: TenantId,
        id: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let revoked = sql("UPDATE invitations SET revoked_at = $3
             WHERE tenant_id = $1 AND id = $2 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $3")
        .bind(tenant.as_uuid())
        .bind(id)
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        Ok(revoked == 1)
    }

    /// Accepts the invitation with this hash, once. `None`: nobody knows it, or it is over.
    pub(crate) async fn invitation_accept(
        &mut self,
        tenant: TenantId,
        hash: [u8; 32],
        now: OffsetDateTime,
    ) -> Result<Option<Invitation>, StoreError> {
        let statement = sql(select_open!("AND hash = $3"));
        let found =
            statement.bind(tenant.as_uuid()).bind(millis(now)).bind(hash).optional(&mut self.tx).await?;
        accept(&mut self.tx, tenant, found, now).await
    }

    /// Accepts the newest invitation of this e-mail (lower case), for somebody who has shown that it is theirs.
    pub(crate) async fn invitation_accept_of(
        &mut self,
        tenant: TenantId,
        email: &str,
        now: OffsetDateTime,
    ) -> Result<Option<Invitation>, StoreError> {
        let statement = sql(select_open!("AND email = $3 ORDER BY created_at DESC, id LIMIT 1"));
        let found =
            statement.bind(tenant.as_uuid()).bind(millis(now)).bind(email).optional(&mut self.tx).await?;
        accept(&mut self.tx, tenant, found, now).await
    }
}

async fn accept(
    tx: &mut Tx,
    tenant: TenantId,
    found: Option<Row>,
    now: OffsetDateTime,
) -> Result<Option<Invitation>, StoreError> {
    let Some(row) = found else { return Ok(None) };
    sql("UPDATE invitations SET accepted_at = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.as_uuid())
        .bind(&row.id)
        .bind(millis(now))
        .run(tx)
        .await?;
    row.read().map(Some)
}
