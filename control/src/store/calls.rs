//! Call records.

use common::{AccountSid, CallId, CallSid, NodeId, TenantId};
use serde::Serialize;
use sqlx::FromRow;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Sql, Store, StoreError, Tx, Txn, from_json, from_millis, from_word, millis, sql, to_json};
use crate::model::{Call, CallRef, CallStatus, Direction, Media};

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
}

/// Which calls a list has. `None` asks for nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallFilter {
    /// Any of these; none given means all.
    pub(crate) statuses: Vec<CallStatus>,
    pub(crate) handled: Option<bool>,
    pub(crate) urgent: Option<bool>,
    /// Our number, exactly.
    pub(crate) number: Option<String>,
    /// Part of a number, name, note, tag, summary or sid, whatever the case.
    pub(crate) q: Option<String>,
    /// Began at this time or later.
    pub(crate) from: Option<OffsetDateTime>,
    /// Began before this time.
    pub(crate) to: Option<OffsetDateTime>,
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

/// Figures of a tenant's calls.
#[derive(Clone, Copy, Debug, FromRow, Serialize, ToSchema)]
pub(crate) struct Stats {
    /// All of them.
    pub(crate) total: i64,
    /// Begun since midnight UTC.
    pub(crate) today: i64,
    /// Not over.
    pub(crate) active: i64,
    /// Over, and nobody took care of it.
    pub(crate) needs_attention: i64,
    /// Mean length of those that were answered and are over, in seconds.
    pub(crate) average_duration_seconds: Option<f64>,
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
                 c.media_tracks,
                 (SELECT count(*) FROM sessions s WHERE s.tenant_id = c.tenant_id AND s.call_id = c.id
                      AND s.ended_at IS NULL AND s.connected_at IS NOT NULL) AS listeners
             FROM calls c ",
            $rest
        )
    };
}

impl Store {
    /// One call.
    pub(crate) async fn call_fetch(&self, tenant: TenantId, call: CallRef) -> Result<Call, StoreError> {
        self.one::<Row>(tenant, select_one(tenant, call)).await?.read()
    }

    /// The tenant's calls that pass the filter, newest first, from the one before `before` on.
    pub(crate) async fn call_list(
        &self,
        tenant: TenantId,
        filter: &CallFilter,
        before: Option<CallId>,
        limit: u16,
    ) -> Result<Vec<Call>, StoreError> {
        let mut list = sql(select_call!("WHERE c.tenant_id = $1")).bind(tenant.as_uuid());
        if let Some(before) = before {
            list = list.push_bind(" AND c.id < ", before.as_uuid());
        }
        if !filter.statuses.is_empty() {
            let mut between = " AND c.status IN (";
            for status in &filter.statuses {
                list = list.push_bind(between, status.as_str());
                between = ", ";
            }
            list = list.push(")");
        }
        if let Some(handled) = filter.handled {
            list = list.push_bind(" AND c.is_handled = ", handled);
        }
        if let Some(urgent) = filter.urgent {
            list = list.push_bind(" AND c.is_urgent = ", urgent);
        }
        if let Some(number) = &filter.number {
            list = list.push_bind(" AND c.organization_number = ", number);
        }
        if let Some(from) = filter.from {
            list = list.push_bind(" AND c.started_at >= ", millis(from));
        }
        if let Some(to) = filter.to {
            list = list.push_bind(" AND c.started_at < ", millis(to));
        }
        if let Some(q) = &filter.q {
            let pattern = contains(&q.to_ascii_lowercase());
            let mut between = " AND (lower(";
            for column in SEARCHED {
                list = list.push(between).push(column).push_bind(") LIKE ", &pattern).push(" ESCAPE '!'");
                between = " OR lower(";
            }
            list = list.push(")");
        }
        let rows: Vec<Row> =
            self.all(tenant, list.push_bind(" ORDER BY c.id DESC LIMIT ", i64::from(limit))).await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// The tenant's calls that are not over, newest first.
    pub(crate) async fn call_active(&self, tenant: TenantId) -> Result<Vec<Call>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let calls = active(&mut tx, tenant).await?;
        tx.commit().await?;
        Ok(calls)
    }

    /// Figures of the tenant's calls; `midnight` begins today.
    pub(crate) async fn call_stats(
        &self,
        tenant: TenantId,
        midnight: OffsetDateTime,
    ) -> Result<Stats, StoreError> {
        let statement = sql("SELECT count(*) AS total,
                 count(*) FILTER (WHERE started_at >= $2) AS today,
                 count(*) FILTER (WHERE ended_at IS NULL) AS active,
                 count(*) FILTER (WHERE ended_at IS NOT NULL AND NOT is_handled) AS needs_attention,
                 CAST(avg(duration_seconds) FILTER (WHERE answered_at IS NOT NULL) AS DOUBLE PRECISION)
                     AS average_duration_seconds
             FROM calls WHERE tenant_id = $1");
        self.one(tenant, statement.bind(tenant.as_uuid()).bind(millis(midnight))).await
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
                 organization_number, caller_name, started_at, active_at)
             VALUES ($1, $2, $3, $4, $5, 'incoming', $6, $7, $8, $9, $9)")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(new.call_sid.as_str())
        .bind(new.account_sid.as_str())
        .bind(new.direction.as_str())
        .bind(new.customer_number)
        .bind(new.organization_number)
        .bind(new.caller_name)
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
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
        Ok(())
    }
}

/// What `q` looks through.
const SEARCHED: [&str; 7] = [
    "c.customer_number",
    "c.organization_number",
    "c.caller_name",
    "c.notes",
    "c.summary",
    "c.tags",
    "c.call_sid",
];

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
    let statement = sql("SELECT c.id FROM calls c WHERE c.tenant_id = $1").bind(tenant.as_uuid());
    let (id,) = and_is(statement, call).one::<(Uuid,)>(tx).await?;
    Ok(id)
}

fn select_one(tenant: TenantId, call: CallRef) -> Sql {
    and_is(sql(select_call!("WHERE c.tenant_id = $1")).bind(tenant.as_uuid()), call)
}

fn and_is(statement: Sql, call: CallRef) -> Sql {
    match call {
        CallRef::Id(id) => statement.push_bind(" AND c.id = ", id.as_uuid()),
        CallRef::Sid(sid) => statement.push_bind(" AND c.call_sid = ", sid.as_str()),
    }
}

/// The LIKE pattern for "contains this text".
fn contains(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
