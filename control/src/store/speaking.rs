//! Who speaks in a call: the person whose it is, its bot, and what was decided of them.

use common::{CallId, NodeId, SessionId, TenantId, UserId};
use serde_json::json;
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, Txn, from_millis, from_word, millis, sql};
use crate::model::{CallBot, EventType, Person, Route};

/// What is known of who speaks in a call.
#[derive(Clone, Debug)]
pub(crate) struct Speaking {
    pub(crate) is_over: bool,
    /// The gateway that holds its audio.
    pub(crate) node: Option<NodeId>,
    /// Our number, by which its bot is found.
    pub(crate) organization_number: String,
    pub(crate) route: Option<Route>,
    pub(crate) answered_by: Option<UserId>,
    /// Whether a bot is to answer it.
    pub(crate) bot_asked: bool,
    /// What it does, as its gateway says.
    pub(crate) bot: Option<CallBot>,
    /// What it is to do.
    pub(crate) bot_paused: bool,
    /// Since when it is to be paused, or was the last time.
    pub(crate) bot_paused_at: Option<OffsetDateTime>,
    /// When somebody last decided whether it is.
    pub(crate) bot_decided_at: Option<OffsetDateTime>,
    pub(crate) held: bool,
    /// When somebody last decided whether it is.
    pub(crate) held_at: Option<OffsetDateTime>,
    /// Since when the caller waits for a person.
    pub(crate) waiting_since: Option<OffsetDateTime>,
}

#[derive(FromRow)]
struct Row {
    is_over: bool,
    media_node: Option<Uuid>,
    organization_number: String,
    route: Option<String>,
    answered_by: Option<Uuid>,
    bot_asked: bool,
    bot_state: Option<String>,
    bot_paused: bool,
    bot_paused_at: Option<i64>,
    bot_decided_at: Option<i64>,
    held: bool,
    held_at: Option<i64>,
    waiting_since: Option<i64>,
}

impl Txn {
    /// Who speaks in a call.
    pub(crate) async fn speaking(&mut self, tenant: TenantId, call: CallId) -> Result<Speaking, StoreError> {
        let row: Row = sql("SELECT ended_at IS NOT NULL AS is_over, media_node, organization_number, route,
                 answered_by, bot_asked, bot_state, bot_paused, bot_paused_at, bot_decided_at, held,
                 held_at, waiting_since
             FROM calls WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .one(&mut self.tx)
        .await?;
        Ok(Speaking {
            is_over: row.is_over,
            node: row.media_node.map(NodeId::from_uuid),
            organization_number: row.organization_number,
            route: row.route.map(|word| from_word(&word, "route")).transpose()?,
            answered_by: row.answered_by.map(UserId::from_uuid),
            bot_asked: row.bot_asked,
            bot: row.bot_state.map(|word| from_word(&word, "state of a bot")).transpose()?,
            bot_paused: row.bot_paused,
            bot_paused_at: row.bot_paused_at.map(from_millis).transpose()?,
            bot_decided_at: row.bot_decided_at.map(from_millis).transpose()?,
            held: row.held,
            held_at: row.held_at.map(from_millis).transpose()?,
            waiting_since: row.waiting_since.map(from_millis).transpose()?,
        })
    }

    /// Keeps what a call's TwiML does.
    pub(crate) async fn call_route_put(
        &mut self,
        tenant: TenantId,
        call: CallId,
        route: Route,
    ) -> Result<(), StoreError> {
        sql("UPDATE calls SET route = $3 WHERE tenant_id = $1 AND id = $2 AND route IS DISTINCT FROM $3")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(route.as_str())
            .run(&mut self.tx)
            .await?;
        Ok(())
    }

    /// Makes a call this person's: they answer it. Other agents who heard it ring may hear it no more: gateways must be
    /// told of the sessions it gives, after the commit.
    pub(crate) async fn call_answer(
        &mut self,
        tenant: TenantId,
        call: CallId,
        person: &Person,
        now: OffsetDateTime,
    ) -> Result<Vec<SessionId>, StoreError> {
        let before = self.counted(tenant, call).await?;
        sql("UPDATE calls SET answered_by = $3, waiting_since = NULL, waiting_at = NULL
             WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(person.id.as_uuid())
        .run(&mut self.tx)
        .await?;
        self.count_again(tenant, call, &before).await?;
        self.event(tenant, call, EventType::CallUpdated, now, json!({ "answered_by": person })).await?;
        let ended: Vec<(Uuid,)> = sql("UPDATE sessions SET revoked_at = coalesce(revoked_at, $4),
                 ended_at = CASE WHEN connected_at IS NULL THEN $4 ELSE ended_at END,
                 end_reason = CASE WHEN connected_at IS NULL THEN 'revoked' ELSE end_reason END
             WHERE tenant_id = $1 AND call_id = $2 AND ended_at IS NULL AND user_id <> $3
               AND EXISTS (SELECT 1 FROM users u
                           WHERE u.tenant_id = $1 AND u.id = sessions.user_id AND u.role = 'agent')
             RETURNING id")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(person.id.as_uuid())
        .bind(millis(now))
        .all(&mut self.tx)
        .await?;
        Ok(ended.into_iter().map(|(id,)| SessionId::from_uuid(id)).collect())
    }

    /// Lets calls ring again whose agents never came: no connection of theirs to it is open, and none ever carried
    /// audio.
    pub(crate) async fn calls_release(
        &mut self,
        tenant: TenantId,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let released: Vec<(Uuid,)> = sql("SELECT id FROM calls
             WHERE tenant_id = $1 AND ended_at IS NULL AND answered_by IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM sessions s WHERE s.tenant_id = $1 AND s.call_id = calls.id
                     AND s.user_id = calls.answered_by AND s.side = 'agent'
                     AND (s.ended_at IS NULL OR s.connected_at IS NOT NULL))")
        .bind(tenant.as_uuid())
        .all(&mut self.tx)
        .await?;
        for (id,) in released {
            let call = CallId::from_uuid(id);
            let before = self.counted(tenant, call).await?;
            sql("UPDATE calls SET answered_by = NULL, waiting_since = $3,
                     waiting_at = CASE WHEN bot_asked THEN NULL ELSE $3 END
                 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(id)
            .bind(millis(now))
            .run(&mut self.tx)
            .await?;
            self.count_again(tenant, call, &before).await?;
            let data = json!({ "answered_by": null });
            self.event(tenant, call, EventType::CallUpdated, now, data).await?;
        }
        Ok(())
    }

    /// A bot is to answer the call, and nothing is known of it yet.
    pub(crate) async fn bot_ask(&mut self, tenant: TenantId, call: CallId) -> Result<(), StoreError> {
        sql("UPDATE calls SET bot_asked = $3, bot_state = NULL, waiting_since = NULL, waiting_at = NULL
             WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(true)
        .run(&mut self.tx)
        .await?;
        Ok(())
    }

    /// What a call's bot does, as its gateway says.
    pub(crate) async fn bot_put(
        &mut self,
        tenant: TenantId,
        call: CallId,
        state: CallBot,
    ) -> Result<(), StoreError> {
        sql("UPDATE calls SET bot_asked = $4, bot_state = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(state.as_str())
            .bind(true)
            .run(&mut self.tx)
            .await?;
        Ok(())
    }

    /// Decides whether a call's bot is paused.
    pub(crate) async fn bot_pause(
        &mut self,
        tenant: TenantId,
        call: CallId,
        paused: bool,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        // Decided twice, it is paused since the first time.
        sql(
            "UPDATE calls SET bot_paused_at = CASE WHEN $3 AND NOT bot_paused THEN $4 ELSE bot_paused_at END,
                 bot_paused = $3, bot_decided_at = $4
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(paused)
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        Ok(())
    }

    /// Decides whether a call's caller is on hold. `false`: it was so already.
    pub(crate) async fn call_hold(
        &mut self,
        tenant: TenantId,
        call: CallId,
        held: bool,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let changed =
            sql("UPDATE calls SET held = $3, held_at = $4 WHERE tenant_id = $1 AND id = $2 AND held <> $3")
                .bind(tenant.as_uuid())
                .bind(call.as_uuid())
                .bind(held)
                .bind(millis(now))
                .run(&mut self.tx)
                .await?;
        Ok(changed == 1)
    }

    /// Since when a call's caller waits for a person, and when something is next to be done about it. `None`: they wait
    /// no more.
    pub(crate) async fn waiting_put(
        &mut self,
        tenant: TenantId,
        call: CallId,
        waiting: Option<(OffsetDateTime, OffsetDateTime)>,
    ) -> Result<(), StoreError> {
        sql("UPDATE calls SET waiting_since = $3, waiting_at = $4 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(waiting.map(|(since, _)| millis(since)))
            .bind(waiting.map(|(_, at)| millis(at)))
            .run(&mut self.tx)
            .await?;
        Ok(())
    }
}
