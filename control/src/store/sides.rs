//! Calls in conferences at Twilio, and our own legs there.

use std::time::Duration;

use common::token::StreamKind;
use common::{CallId, CallSid, NodeId, TenantId};
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, Txn, from_word, millis, sql};

/// A call that was moved into a conference.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct InConference {
    /// The caller was led there too.
    pub(crate) has_caller: bool,
    /// The agent's leg. `None`: there is no agent.
    pub(crate) agent: Option<CallSid>,
}

/// What becomes of asking for a leg.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SideClaim {
    /// It carries audio.
    Live,
    /// Somebody brings it.
    Underway,
    /// Whoever asked is to bring it.
    Ours,
}

#[derive(FromRow)]
struct Row {
    kind: String,
    node: Option<Uuid>,
    media_node: Option<Uuid>,
}

impl Row {
    /// It is where the call's listeners are.
    fn is_live(&self) -> bool {
        self.node.is_some() && self.node == self.media_node
    }
}

macro_rules! select_side {
    ($rest:literal) => {
        concat!(
            "SELECT s.kind, s.node, c.media_node
             FROM side_legs s JOIN calls c ON c.tenant_id = s.tenant_id AND c.id = s.call_id
             WHERE s.tenant_id = $1 AND ",
            $rest
        )
    };
}

impl Store {
    /// The call, the kind and the gateway of the call's audio, of a leg of ours that Twilio names so.
    pub(crate) async fn side_by_sid(
        &self,
        tenant: TenantId,
        call_sid: CallSid,
    ) -> Result<Option<(CallId, StreamKind, Option<NodeId>)>, StoreError> {
        let row: Option<(Uuid, String, Option<Uuid>)> = self
            .optional(
                tenant,
                sql("SELECT s.call_id, s.kind, c.media_node
                     FROM side_legs s JOIN calls c ON c.tenant_id = s.tenant_id AND c.id = s.call_id
                     WHERE s.tenant_id = $1 AND s.call_sid = $2 AND c.ended_at IS NULL")
                .bind(tenant.as_uuid())
                .bind(call_sid.as_str()),
            )
            .await?;
        let Some((call, word, node)) = row else { return Ok(None) };
        Ok(Some((CallId::from_uuid(call), kind(&word)?, node.map(NodeId::from_uuid))))
    }
}

impl Txn {
    /// How the call's conference stands. `None`: it is in none.
    pub(crate) async fn conference(
        &mut self,
        tenant: TenantId,
        call: CallId,
    ) -> Result<Option<InConference>, StoreError> {
        let (state, agent): (Option<String>, Option<String>) =
            sql("SELECT conference, agent_call_sid FROM calls WHERE tenant_id = $1 AND id = $2")
                .bind(tenant.as_uuid())
                .bind(call.as_uuid())
                .one(&mut self.tx)
                .await?;
        let Some(state) = state else { return Ok(None) };
        let agent = agent.map(|sid| from_word(&sid, "call sid")).transpose()?;
        Ok(Some(InConference { has_caller: state == "in", agent }))
    }

    /// Puts the call into its conference, with this agent, or out of it.
    pub(crate) async fn conference_put(
        &mut self,
        tenant: TenantId,
        call: CallId,
        conference: Option<InConference>,
    ) -> Result<(), StoreError> {
        let state = conference.map(|conference| if conference.has_caller { "in" } else { "asked" });
        sql("UPDATE calls SET conference = $3, agent_call_sid = $4 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(state)
            .bind(conference.and_then(|conference| conference.agent).map(String::from))
            .run(&mut self.tx)
            .await?;
        Ok(())
    }

    /// Asks for a leg. One that has not come after `patience` is asked for anew.
    pub(crate) async fn side_claim(
        &mut self,
        tenant: TenantId,
        call: CallId,
        kind: StreamKind,
        patience: Duration,
        now: OffsetDateTime,
    ) -> Result<SideClaim, StoreError> {
        let row: Option<Row> = sql(select_side!("s.call_id = $2 AND s.kind = $3"))
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(word(kind))
            .optional(&mut self.tx)
            .await?;
        if row.as_ref().is_some_and(Row::is_live) {
            return Ok(SideClaim::Live);
        }
        let since = millis(now - patience);
        // In one step: of two who ask at once one is to bring it.
        let changed =
            sql("INSERT INTO side_legs (tenant_id, call_id, kind, asked_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant_id, call_id, kind)
             DO UPDATE SET call_sid = NULL, asked_at = $4, node = NULL
             WHERE side_legs.asked_at <= $5 OR side_legs.node IS NOT NULL")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(word(kind))
            .bind(millis(now))
            .bind(since)
            .run(&mut self.tx)
            .await?;
        Ok(if changed == 1 { SideClaim::Ours } else { SideClaim::Underway })
    }

    /// Twilio has named a leg that was asked for.
    pub(crate) async fn side_name(
        &mut self,
        tenant: TenantId,
        call: CallId,
        kind: StreamKind,
        call_sid: CallSid,
    ) -> Result<(), StoreError> {
        sql("UPDATE side_legs SET call_sid = $4 WHERE tenant_id = $1 AND call_id = $2 AND kind = $3")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(word(kind))
            .bind(call_sid.as_str())
            .run(&mut self.tx)
            .await?;
        Ok(())
    }

    /// A leg carries audio from now on. `false`: it is not one that was asked for.
    pub(crate) async fn side_start(
        &mut self,
        tenant: TenantId,
        call: CallId,
        (kind, call_sid): (StreamKind, CallSid),
        node: NodeId,
    ) -> Result<bool, StoreError> {
        let changed = sql("UPDATE side_legs SET node = $5
             WHERE tenant_id = $1 AND call_id = $2 AND kind = $3 AND call_sid = $4")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(word(kind))
        .bind(call_sid.as_str())
        .bind(node.as_uuid())
        .run(&mut self.tx)
        .await?;
        Ok(changed == 1)
    }

    /// A leg is over, or has not come about.
    pub(crate) async fn side_end(
        &mut self,
        tenant: TenantId,
        call: CallId,
        which: SideRef,
    ) -> Result<(), StoreError> {
        let statement = sql("DELETE FROM side_legs WHERE tenant_id = $1 AND call_id = $2 AND ");
        let statement = statement.bind(tenant.as_uuid()).bind(call.as_uuid());
        let statement = match which {
            SideRef::Kind(kind) => statement.push_bind("kind = ", word(kind)),
            SideRef::Sid(call_sid) => statement.push_bind("call_sid = ", call_sid.as_str()),
        };
        statement.run(&mut self.tx).await?;
        Ok(())
    }

    /// The kinds of legs that carry a call's audio now.
    pub(crate) async fn sides_live(
        &mut self,
        tenant: TenantId,
        call: CallId,
    ) -> Result<Vec<StreamKind>, StoreError> {
        let rows: Vec<Row> = sql(select_side!("s.call_id = $2"))
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .all(&mut self.tx)
            .await?;
        rows.iter().filter(|row| row.is_live()).map(|row| kind(&row.kind)).collect()
    }
}

/// Which of a call's legs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SideRef {
    Kind(StreamKind),
    Sid(CallSid),
}

fn kind(text: &str) -> Result<StreamKind, StoreError> {
    [StreamKind::Join, StreamKind::Coach]
        .into_iter()
        .find(|&kind| word(kind) == text)
        .ok_or(StoreError::Corrupt { what: "kind of a leg" })
}

const fn word(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::Coach => "coach",
        StreamKind::Join | StreamKind::Monitor | StreamKind::Agent => "join",
    }
}
