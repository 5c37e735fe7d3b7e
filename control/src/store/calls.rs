//! Call records.

use std::collections::HashMap;

use common::{AccountSid, CallId, CallSid, NodeId, TenantId, UserId};
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Sql, Store, StoreError, Tx, Txn, from_json, from_millis, from_word, millis, sql, to_json};
use crate::model::{Call, CallRef, Direction, Media, Person, Route};

/// A call to make a record of.
pub(crate) struct NewCall<'a> {
    /// The id that it gets, if it is not there yet.
    pub(crate) id: CallId,
    pub(crate) call_sid: CallSid,
    pub(crate) account_sid: AccountSid,
    pub(crate) direction: Direction,
    pub(crate) customer_number: &'a str,
    pub(crate) organization_number: &'a str,
    pub(crate) caller_name: Option<&'a str>,
    /// What its TwiML does, if it is known.
    pub(crate) route: Option<Route>,
}

/// What to change of a call. The outer `None` leaves a field, the inner one empties it.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallPatch {
    pub(crate) is_handled: Option<bool>,
    pub(crate) is_urgent: Option<bool>,
    pub(crate) notes: Option<Option<String>>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) caller_name: Option<Option<String>>,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    call_sid: String,
    direction: String,
    status: String,
    caller_name: Option<String>,
    customer_number: String,
    organization_number: String,
    started_at: i64,
    answered_at: Option<i64>,
    ended_at: Option<i64>,
    duration_seconds: Option<i64>,
    is_handled: bool,
    is_urgent: bool,
    intent: Option<String>,
    summary: Option<String>,
    notes: Option<String>,
    tags: String,
    route: Option<String>,
    answered_by: Option<Uuid>,
    answerer: Option<String>,
    rings: bool,
    bot_state: Option<String>,
    held: bool,
    media_node: Option<Uuid>,
    media_tracks: String,
    listeners: i64,
}

impl Row {
    fn read(self) -> Result<Call, StoreError> {
        Ok(Call {
            id: CallId::from_uuid(self.id),
            call_sid: from_word(&self.call_sid, "call sid")?,
            direction: from_word(&self.direction, "direction")?,
            status: from_word(&self.status, "status")?,
            caller_name: self.caller_name,
            phone_number: self.customer_number.clone(),
            customer_number: self.customer_number,
            organization_number: self.organization_number,
            started_at: from_millis(self.started_at)?,
            answered_at: self.answered_at.map(from_millis).transpose()?,
            ended_at: self.ended_at.map(from_millis).transpose()?,
            duration_seconds: self.duration_seconds,
            is_handled: self.is_handled,
            is_urgent: self.is_urgent,
            intent: self.intent,
            summary: self.summary,
            tags: from_json(&self.tags, "list of tags")?,
            notes: self.notes,
            route: self.route.map(|word| from_word(&word, "route")).transpose()?,
            answered_by: self
                .answered_by
                .map(|id| Person { id: UserId::from_uuid(id), name: self.answerer.unwrap_or_default() }),
            rings: self.rings,
            bot: self.bot_state.map(|word| from_word(&word, "state of a bot")).transpose()?,
            held: self.held,
            listeners: self.listeners,
            media: Media {
                live: self.media_node.is_some(),
                tracks: from_json(&self.media_tracks, "list of tracks")?,
                gateway: self.media_node.map(NodeId::from_uuid),
            },
        })
    }
}

macro_rules! select_call {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.call_sid, c.direction, c.status, c.caller_name, c.customer_number,
                 c.organization_number, c.started_at, c.answered_at, c.ended_at, c.duration_seconds,
                 c.is_handled, c.is_urgent, c.intent, c.summary, c.notes, c.tags, c.media_node,
                 c.media_tracks, c.route, c.answered_by, a.name AS answerer, c.bot_state, c.held,
                 (coalesce(c.route, '') = 'agent' AND c.ended_at IS NULL AND c.media_node IS NOT NULL
                      AND c.answered_by IS NULL
                      AND (NOT c.bot_asked OR coalesce(c.bot_state, '') IN ('paused', 'failed', 'gone'))
                      AND NOT EXISTS (SELECT 1 FROM sessions t WHERE t.tenant_id = c.tenant_id AND t.call_id = c.id
                          AND t.ended_at IS NULL AND t.connected_at IS NOT NULL AND t.mode = 'takeover')) AS rings,
                 (SELECT count(*) FROM sessions s WHERE s.tenant_id = c.tenant_id AND s.call_id = c.id
                      AND s.ended_at IS NULL AND s.connected_at IS NOT NULL) AS listeners
             FROM calls c LEFT JOIN users a ON a.tenant_id = c.tenant_id AND a.id = c.answered_by ",
            $rest
        )
    };
}

impl Store {
    /// One call.
    pub(crate) async fn call_fetch(&self, tenant: TenantId, call: CallRef) -> Result<Call, StoreError> {
        self.one::<Row>(tenant, select_one(tenant, call)).await?.read()
    }

    /// The tenant's calls that are not over, newest first; at most 1000.
    pub(crate) async fn call_active(&self, tenant: TenantId) -> Result<Vec<Call>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let calls = active(&mut tx, tenant).await?;
        tx.commit().await?;
        Ok(calls)
    }
}

impl Txn {
    /// The record of this call, made when there is none: its id, and whether it is new.
    pub(crate) async fn call_open(
        &mut self,
        tenant: TenantId,
        new: &NewCall<'_>,
        now: OffsetDateTime,
    ) -> Result<(CallId, bool), StoreError> {
        if let Some(call) = self.call_by_sid(tenant, new.call_sid).await? {
            return Ok((call, false));
        }
        let call = new.id;
        sql("INSERT INTO calls (tenant_id, id, call_sid, account_sid, direction, status, customer_number,
                 organization_number, caller_name, started_at, active_at, route)
             VALUES ($1, $2, $3, $4, $5, 'incoming', $6, $7, $8, $9, $9, $10)")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(new.call_sid.as_str())
        .bind(new.account_sid.as_str())
        .bind(new.direction.as_str())
        .bind(new.customer_number)
        .bind(new.organization_number)
        .bind(new.caller_name)
        .bind(millis(now))
        .bind(new.route.map(Route::as_str))
        .run(&mut self.tx)
        .await?;
        self.words_renew(tenant, call).await?;
        let counted = self.counted(tenant, call).await?;
        self.count(tenant, &counted, 1).await?;
        Ok((call, true))
    }

    /// Our id of Twilio's call.
    pub(crate) async fn call_by_sid(
        &mut self,
        tenant: TenantId,
        sid: CallSid,
    ) -> Result<Option<CallId>, StoreError> {
        let id: Option<(Uuid,)> = sql("SELECT id FROM calls WHERE tenant_id = $1 AND call_sid = $2")
            .bind(tenant.as_uuid())
            .bind(sid.as_str())
            .optional(&mut self.tx)
            .await?;
        Ok(id.map(|(id,)| CallId::from_uuid(id)))
    }

    /// One call, as this transaction sees it.
    pub(crate) async fn call_fetch(&mut self, tenant: TenantId, call: CallRef) -> Result<Call, StoreError> {
        select_one(tenant, call).one::<Row>(&mut self.tx).await?.read()
    }

    /// Changes what people may change.
    pub(crate) async fn call_patch(
        &mut self,
        tenant: TenantId,
        call: CallId,
        patch: &CallPatch,
    ) -> Result<(), StoreError> {
        let before = self.counted(tenant, call).await?;
        sql("UPDATE calls SET is_handled = coalesce($3, is_handled), is_urgent = coalesce($4, is_urgent),
                 tags = coalesce($5, tags),
                 notes = CASE WHEN $6 THEN $7 ELSE notes END,
                 caller_name = CASE WHEN $8 THEN $9 ELSE caller_name END
             WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(patch.is_handled)
        .bind(patch.is_urgent)
        .bind(patch.tags.as_deref().map(to_json))
        .bind(patch.notes.is_some())
        .bind(patch.notes.as_ref().and_then(Option::as_ref))
        .bind(patch.caller_name.is_some())
        .bind(patch.caller_name.as_ref().and_then(Option::as_ref))
        .run(&mut self.tx)
        .await?;
        if patch.tags.is_some() || patch.notes.is_some() || patch.caller_name.is_some() {
            self.words_renew(tenant, call).await?;
        }
        self.count_again(tenant, call, &before).await
    }
}

/// The tenant's calls that are not over, newest first; at most 1000.
pub(super) async fn active(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Call>, StoreError> {
    let statement =
        sql(select_call!("WHERE c.tenant_id = $1 AND c.ended_at IS NULL ORDER BY c.id DESC LIMIT 1000"));
    let rows: Vec<Row> = statement.bind(tenant.as_uuid()).all(tx).await?;
    rows.into_iter().map(Row::read).collect()
}

/// One call by our id.
pub(super) async fn by_id(tx: &mut Tx, tenant: TenantId, call: CallId) -> Result<Call, StoreError> {
    select_one(tenant, CallRef::Id(call)).one::<Row>(tx).await?.read()
}

/// Our id of a call that the tenant has.
pub(super) async fn id_of(tx: &mut Tx, tenant: TenantId, call: CallRef) -> Result<Uuid, StoreError> {
    let mut statement = sql("SELECT c.id FROM calls c WHERE c.tenant_id = $1 AND ").bind(tenant.as_uuid());
    let is = is(&mut statement, "c", call);
    let (id,) = statement.push(&is).one::<(Uuid,)>(tx).await?;
    Ok(id)
}

/// These calls, in this order. One that is not there is left out.
pub(super) async fn of(
    tx: &mut Tx,
    tenant: TenantId,
    ids: impl ExactSizeIterator<Item = Uuid> + Clone,
) -> Result<Vec<Call>, StoreError> {
    let Some(last) = ids.clone().last() else { return Ok(Vec::new()) };
    // To a power of two, with the last one repeated: so there are few statements to prepare.
    let wanted = ids.len().next_power_of_two();
    let mut between = " AND c.id IN (";
    let mut select = sql(select_call!("WHERE c.tenant_id = $1")).bind(tenant.as_uuid());
    for id in ids.clone().chain(std::iter::repeat(last)).take(wanted) {
        select = select.push_bind(std::mem::replace(&mut between, ", "), id);
    }
    let rows: Vec<Row> = select.push(")").all(tx).await?;
    let mut calls: HashMap<Uuid, Row> = rows.into_iter().map(|row| (row.id, row)).collect();
    ids.filter_map(|id| calls.remove(&id)).map(Row::read).collect()
}

fn select_one(tenant: TenantId, call: CallRef) -> Sql {
    let mut statement = sql(select_call!("WHERE c.tenant_id = $1 AND ")).bind(tenant.as_uuid());
    let is = is(&mut statement, "c", call);
    statement.push(&is)
}

/// That the call of this table is this one.
pub(super) fn is(statement: &mut Sql, table: &str, call: CallRef) -> String {
    match call {
        CallRef::Id(id) => format!("{table}.id = {}", statement.place(id.as_uuid())),
        CallRef::Sid(sid) => format!("{table}.call_sid = {}", statement.place(sid.as_str())),
    }
}
