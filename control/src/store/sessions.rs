//! People's connections to calls: granted, connected, over.

use common::token::{Mode, Side};
use common::{CallId, NodeId, SessionId, TenantId, UserId};
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Opener, Store, StoreError, Tx, Txn, calls, from_millis, millis, sql};
use crate::model::{CallRef, Listener, Person};

/// A session to make.
pub(crate) struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) call: CallId,
    /// Who asks, and by what: the connection ends with it.
    pub(crate) opener: Opener,
    pub(crate) mode: Mode,
    pub(crate) side: Side,
    pub(crate) reason: Option<String>,
    pub(crate) notes: Option<String>,
    pub(crate) expires_at: OffsetDateTime,
}

/// A session as it stands.
#[derive(Clone, Debug)]
pub(crate) struct SessionState {
    pub(crate) call: CallId,
    pub(crate) user: UserId,
    /// What it may do, or will when it connects.
    pub(crate) mode: Mode,
    /// What somebody asked that it may do, and when, as long as the gateway has not said that it is so.
    pub(crate) wanted: Option<(Mode, OffsetDateTime)>,
    pub(crate) side: Side,
    /// Why they asked for it.
    pub(crate) reason: Option<String>,
    /// Who, once and as long as it carries audio.
    pub(crate) connected: Option<Listener>,
    pub(crate) is_over: bool,
    /// Somebody asked for its end.
    pub(crate) is_revoked: bool,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    call_id: Uuid,
    user_id: Uuid,
    user_name: String,
    mode: String,
    side: String,
    wanted_mode: Option<String>,
    wanted_at: Option<i64>,
    reason: Option<String>,
    connected_at: Option<i64>,
    revoked_at: Option<i64>,
    ended_at: Option<i64>,
}

impl Row {
    fn read(self) -> Result<SessionState, StoreError> {
        let user = UserId::from_uuid(self.user_id);
        let (mode, side) = (mode(&self.mode)?, side(&self.side)?);
        let wanted = match (self.wanted_mode, self.wanted_at) {
            (Some(word), Some(at)) => Some((self::mode(&word)?, from_millis(at)?)),
            _ => None,
        };
        let connected = match self.connected_at {
            Some(since) if self.ended_at.is_none() => Some(Listener {
                id: SessionId::from_uuid(self.id),
                user: Person { id: user, name: self.user_name },
                mode,
                side,
                since: from_millis(since)?,
            }),
            _ => None,
        };
        Ok(SessionState {
            call: CallId::from_uuid(self.call_id),
            user,
            mode,
            wanted,
            side,
            reason: self.reason,
            connected,
            is_over: self.ended_at.is_some(),
            is_revoked: self.revoked_at.is_some(),
        })
    }
}

macro_rules! select_session {
    ($rest:literal) => {
        concat!(
            "SELECT s.id, s.call_id, s.user_id, u.name AS user_name, s.mode, s.side, s.wanted_mode, s.wanted_at,
                 s.reason, s.connected_at, s.revoked_at, s.ended_at
             FROM sessions s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id ",
            $rest
        )
    };
}

impl Store {
    /// Who hears a call now, longest first; at most 1000.
    pub(crate) async fn session_list(
        &self,
        tenant: TenantId,
        call: CallRef,
    ) -> Result<Vec<Listener>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let call = calls::id_of(&mut tx, tenant, call).await?;
        let rows: Vec<Row> = sql(select_session!(
            "WHERE s.tenant_id = $1 AND s.call_id = $2 AND s.ended_at IS NULL AND s.connected_at IS NOT NULL
             ORDER BY s.connected_at, s.id LIMIT 1000"
        ))
        .bind(tenant.as_uuid())
        .bind(call)
        .all(&mut tx)
        .await?;
        tx.commit().await?;
        let states = rows.into_iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
        Ok(states.into_iter().filter_map(|state| state.connected).collect())
    }
}

impl Txn {
    /// Makes a session that nobody has connected yet.
    pub(crate) async fn session_create(
        &mut self,
        tenant: TenantId,
        new: &NewSession,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sql(
            "INSERT INTO sessions (tenant_id, id, call_id, user_id, mode, reason, notes, created_at, expires_at,
                 sign_in_id, key_id, side)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(tenant.as_uuid())
        .bind(new.id.as_uuid())
        .bind(new.call.as_uuid())
        .bind(new.opener.user.as_uuid())
        .bind(new.mode.as_str())
        .bind(&new.reason)
        .bind(&new.notes)
        .bind(millis(now))
        .bind(millis(new.expires_at))
        .bind(new.opener.sign_in)
        .bind(&new.opener.key)
        .bind(side_word(new.side))
        .run(&mut self.tx)
        .await?;
        Ok(())
    }

    /// How a session stands.
    pub(crate) async fn session_fetch(
        &mut self,
        tenant: TenantId,
        session: SessionId,
    ) -> Result<SessionState, StoreError> {
        fetch(&mut self.tx, tenant, session).await
    }

    /// A session carries audio from now on. `None`: it did already, or it is over.
    pub(crate) async fn session_connect(
        &mut self,
        tenant: TenantId,
        session: SessionId,
        node: NodeId,
        now: OffsetDateTime,
    ) -> Result<Option<SessionState>, StoreError> {
        let changed = sql("UPDATE sessions SET connected_at = $4, node = $3
             WHERE tenant_id = $1 AND id = $2 AND connected_at IS NULL AND ended_at IS NULL")
        .bind(tenant.as_uuid())
        .bind(session.as_uuid())
        .bind(node.as_uuid())
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        match changed {
            0 => Ok(None),
            _ => self.session_fetch(tenant, session).await.map(Some),
        }
    }

    /// A session is over. Gives how it stood before; `None`: it was over already, or is not there.
    pub(crate) async fn session_end(
        &mut self,
        tenant: TenantId,
        session: SessionId,
        reason: &str,
        now: OffsetDateTime,
    ) -> Result<Option<SessionState>, StoreError> {
        let before = match fetch(&mut self.tx, tenant, session).await {
            Ok(state) if !state.is_over => state,
            Ok(_) | Err(StoreError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        sql("UPDATE sessions SET ended_at = $3, end_reason = $4 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(session.as_uuid())
            .bind(millis(now))
            .bind(reason)
            .run(&mut self.tx)
            .await?;
        Ok(Some(before))
    }

    /// Notes what somebody asked that a session may do; `None`: nothing any more.
    pub(crate) async fn session_ask(
        &mut self,
        tenant: TenantId,
        session: SessionId,
        wanted: Option<Mode>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sql("UPDATE sessions SET wanted_mode = $3, wanted_at = $4 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(session.as_uuid())
            .bind(wanted.map(Mode::as_str))
            .bind(wanted.map(|_| millis(now)))
            .run(&mut self.tx)
            .await?;
        Ok(())
    }

    /// What a session may do now. Louder than it was, or as asked, nothing is asked any more.
    pub(crate) async fn session_mode_put(
        &mut self,
        tenant: TenantId,
        session: SessionId,
        mode: Mode,
    ) -> Result<(), StoreError> {
        // Who falls back to listen on their own must not be made loud by what was asked before.
        sql("UPDATE sessions SET mode = $3,
                 wanted_at = CASE WHEN wanted_mode = $3 OR $3 = 'listen' THEN NULL ELSE wanted_at END,
                 wanted_mode = CASE WHEN wanted_mode = $3 OR $3 = 'listen' THEN NULL ELSE wanted_mode END
             WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.as_uuid())
        .bind(session.as_uuid())
        .bind(mode.as_str())
        .run(&mut self.tx)
        .await?;
        Ok(())
    }

    /// Why somebody took a call over by a connection that they had already.
    pub(crate) async fn session_note(
        &mut self,
        tenant: TenantId,
        session: SessionId,
        reason: Option<&str>,
        notes: Option<&str>,
    ) -> Result<(), StoreError> {
        sql("UPDATE sessions SET reason = coalesce($3, reason), notes = coalesce($4, notes)
             WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.as_uuid())
        .bind(session.as_uuid())
        .bind(reason)
        .bind(notes)
        .run(&mut self.tx)
        .await?;
        Ok(())
    }

    /// The connections that carry a call's audio now, longest first; at most 1000.
    pub(crate) async fn sessions_connected(
        &mut self,
        tenant: TenantId,
        call: CallId,
    ) -> Result<Vec<(SessionId, SessionState)>, StoreError> {
        let rows: Vec<Row> = sql(select_session!(
            "WHERE s.tenant_id = $1 AND s.call_id = $2 AND s.ended_at IS NULL AND s.revoked_at IS NULL
               AND s.connected_at IS NOT NULL ORDER BY s.connected_at, s.id LIMIT 1000"
        ))
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .all(&mut self.tx)
        .await?;
        rows.into_iter().map(|row| Ok((SessionId::from_uuid(row.id), row.read()?))).collect()
    }

    /// The gateway where a call's listeners are, or wait for its next stream.
    pub(crate) async fn listeners_node(
        &mut self,
        tenant: TenantId,
        call: CallId,
    ) -> Result<Option<NodeId>, StoreError> {
        let row: Option<(Uuid,)> = sql("SELECT node FROM sessions
             WHERE tenant_id = $1 AND call_id = $2 AND ended_at IS NULL AND connected_at IS NOT NULL
               AND node IS NOT NULL ORDER BY connected_at LIMIT 1")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .optional(&mut self.tx)
        .await?;
        Ok(row.map(|(node,)| NodeId::from_uuid(node)))
    }

    /// Notes that somebody asked for a session's end.
    pub(crate) async fn session_revoke(
        &mut self,
        tenant: TenantId,
        session: SessionId,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sql("UPDATE sessions SET revoked_at = coalesce(revoked_at, $3) WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(session.as_uuid())
            .bind(millis(now))
            .run(&mut self.tx)
            .await?;
        Ok(())
    }
}

async fn fetch(tx: &mut Tx, tenant: TenantId, session: SessionId) -> Result<SessionState, StoreError> {
    let row: Row = sql(select_session!("WHERE s.tenant_id = $1 AND s.id = $2"))
        .bind(tenant.as_uuid())
        .bind(session.as_uuid())
        .one(tx)
        .await?;
    row.read()
}

fn mode(word: &str) -> Result<Mode, StoreError> {
    [Mode::Listen, Mode::Whisper, Mode::Join, Mode::Takeover]
        .into_iter()
        .find(|mode| mode.as_str() == word)
        .ok_or(StoreError::Corrupt { what: "mode" })
}

fn side(word: &str) -> Result<Side, StoreError> {
    [Side::Beside, Side::Agent]
        .into_iter()
        .find(|&side| side_word(side) == word)
        .ok_or(StoreError::Corrupt { what: "side" })
}

const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Beside => "beside",
        Side::Agent => "agent",
    }
}
