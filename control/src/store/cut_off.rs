//! Cutting people off: their sign-ins, and the connections to calls that were opened by them.

use common::{SessionId, TenantId, UserId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, Txn, millis, sql};
use crate::model::Role;

/// What a person showed when they opened something.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    pub(crate) user: UserId,
    /// As which they were let in.
    pub(crate) role: Role,
    /// Their sign-in. `None`: it was by a key.
    pub(crate) sign_in: Option<Uuid>,
    /// Their API key's id.
    pub(crate) key: Option<String>,
}

/// Who or what is cut off.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose<'a> {
    /// A person, by whatever they came in.
    User(UserId),
    /// A person's sign-ins but this one. What their API keys opened stays.
    SignInsOf(UserId, Option<Uuid>),
    /// One sign-in.
    SignIn(Uuid),
    /// What one API key opened.
    Key(&'a str),
}

impl Txn {
    /// Ends sign-ins, and connections to calls that were opened by them: their tokens are good for nothing from now
    /// on. The gateways must be told of the sessions it gives after the commit; one that does not hear it is told
    /// again when it next says what it holds.
    pub(crate) async fn cut_off(
        &mut self,
        tenant: TenantId,
        whose: Whose<'_>,
        now: OffsetDateTime,
    ) -> Result<Vec<SessionId>, StoreError> {
        let sign_ins = sql("UPDATE sign_ins SET revoked_at = $2 WHERE tenant_id = $1 AND revoked_at IS NULL")
            .bind(tenant.as_uuid())
            .bind(millis(now));
        // One that nobody connected yet is over at once.
        let sessions = sql("UPDATE sessions SET revoked_at = coalesce(revoked_at, $2),
                 ended_at = CASE WHEN connected_at IS NULL THEN $2 ELSE ended_at END,
                 end_reason = CASE WHEN connected_at IS NULL THEN 'revoked' ELSE end_reason END
             WHERE tenant_id = $1 AND ended_at IS NULL")
        .bind(tenant.as_uuid())
        .bind(millis(now));
        let (sign_ins, sessions) = match whose {
            Whose::User(user) => (
                Some(sign_ins.push_bind(" AND user_id = ", user.as_uuid())),
                sessions.push_bind(" AND user_id = ", user.as_uuid()),
            ),
            Whose::SignInsOf(user, but) => (
                Some(
                    sign_ins
                        .push_bind(" AND user_id = ", user.as_uuid())
                        .push_bind(" AND id IS DISTINCT FROM ", but),
                ),
                sessions
                    .push_bind(" AND user_id = ", user.as_uuid())
                    .push_bind(" AND key_id IS NULL AND sign_in_id IS DISTINCT FROM ", but),
            ),
            Whose::SignIn(id) => {
                (Some(sign_ins.push_bind(" AND id = ", id)), sessions.push_bind(" AND sign_in_id = ", id))
            }
            Whose::Key(id) => (None, sessions.push_bind(" AND key_id = ", id)),
        };
        if let Some(sign_ins) = sign_ins {
            sign_ins.run(&mut self.tx).await?;
        }
        let ended: Vec<(Uuid,)> = sessions.push(" RETURNING id").all(&mut self.tx).await?;
        self.calls_release(tenant, now).await?;
        Ok(ended.into_iter().map(|(id,)| SessionId::from_uuid(id)).collect())
    }

    /// Whether who asks is still let in: they may have been cut off between their request and this transaction.
    pub(crate) async fn still_in(&mut self, tenant: TenantId, opener: &Opener) -> Result<bool, StoreError> {
        let (count,): (i64,) = sql("SELECT count(*) FROM users u
             WHERE u.tenant_id = $1 AND u.id = $2 AND u.role = $3 AND NOT u.disabled
               AND (EXISTS (SELECT 1 FROM sign_ins s
                            WHERE s.tenant_id = $1 AND s.id = $4 AND s.revoked_at IS NULL)
                    OR EXISTS (SELECT 1 FROM api_keys k
                               WHERE k.tenant_id = $1 AND k.id = $5 AND k.revoked_at IS NULL))")
        .bind(tenant.as_uuid())
        .bind(opener.user.as_uuid())
        .bind(opener.role.as_str())
        .bind(opener.sign_in)
        .bind(&opener.key)
        .one(&mut self.tx)
        .await?;
        Ok(count == 1)
    }
}
