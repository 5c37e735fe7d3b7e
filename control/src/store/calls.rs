//! Call records.

use common::{AccountSid, CallId, CallSid, NodeId, TenantId};
use serde::Serialize;
use sqlx::{FromRow, SqliteConnection};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Store, StoreError, Txn, from_json, from_millis, from_word, millis, to_json};
use crate::model::{Call, CallRef, CallStatus, Direction, Media};

/// A call to make a record of.
pub(crate) struct NewCall<'a> {
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
        let (id, sid) = parts(call);
        let row: Row =
            sqlx::query_as(select_call!("WHERE c.tenant_id = ?1 AND (c.id = ?2 OR c.call_sid = ?3) LIMIT 1"))
                .bind(tenant.as_uuid())
                .bind(id)
                .bind(sid)
                .fetch_one(&mut *self.reader().await?)
                .await?;
        row.read()
    }

    /// The tenant's calls older than `before`, newest first.
    pub(crate) async fn call_list(
        &self,
        tenant: TenantId,
        filter: &CallFilter,
        before: Option<CallId>,
        limit: u16,
    ) -> Result<Vec<Call>, StoreError> {
        let statuses = (!filter.statuses.is_empty()).then(|| to_json(&filter.statuses));
        let rows: Vec<Row> = sqlx::query_as(select_call!(
            "WHERE c.tenant_id = ?1
               AND (?2 IS NULL OR c.id < ?2)
               AND (?3 IS NULL OR c.status IN (SELECT value FROM json_each(?3)))
               AND (?4 IS NULL OR c.is_handled = ?4)
               AND (?5 IS NULL OR c.is_urgent = ?5)
               AND (?6 IS NULL OR c.organization_number = ?6)
               AND (?7 IS NULL OR c.started_at >= ?7)
               AND (?8 IS NULL OR c.started_at < ?8)
               AND (?9 IS NULL OR (c.customer_number LIKE ?9 ESCAPE '!' OR c.organization_number LIKE ?9 ESCAPE '!'
                    OR c.caller_name LIKE ?9 ESCAPE '!' OR c.notes LIKE ?9 ESCAPE '!'
                    OR c.summary LIKE ?9 ESCAPE '!' OR c.tags LIKE ?9 ESCAPE '!' OR c.call_sid LIKE ?9 ESCAPE '!'))
             ORDER BY c.id DESC LIMIT ?10"
        ))
        .bind(tenant.as_uuid())
        .bind(before.map(CallId::as_uuid))
        .bind(statuses)
        .bind(filter.handled)
        .bind(filter.urgent)
        .bind(&filter.number)
        .bind(filter.from.map(millis))
        .bind(filter.to.map(millis))
        .bind(filter.q.as_deref().map(contains))
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// The tenant's calls that are not over, newest first.
    pub(crate) async fn call_active(&self, tenant: TenantId) -> Result<Vec<Call>, StoreError> {
        active(&mut *self.reader().await?, tenant).await
    }

    /// Figures of the tenant's calls; `midnight` begins today.
    pub(crate) async fn call_stats(
        &self,
        tenant: TenantId,
        midnight: OffsetDateTime,
    ) -> Result<Stats, StoreError> {
        let stats = sqlx::query_as(
            "SELECT count(*) AS total,
                 count(*) FILTER (WHERE started_at >= ?2) AS today,
                 count(*) FILTER (WHERE ended_at IS NULL) AS active,
                 count(*) FILTER (WHERE ended_at IS NOT NULL AND is_handled = 0) AS needs_attention,
                 avg(duration_seconds) FILTER (WHERE answered_at IS NOT NULL) AS average_duration_seconds
             FROM calls WHERE tenant_id = ?1",
        )
        .bind(tenant.as_uuid())
        .bind(millis(midnight))
        .fetch_one(&mut *self.reader().await?)
        .await?;
        Ok(stats)
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
        let call = CallId::new();
        sqlx::query(
            "INSERT INTO calls (tenant_id, id, call_sid, account_sid, direction, status, customer_number,
                 organization_number, caller_name, started_at, active_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 'incoming', ?6, ?7, ?8, ?9, ?9)",
        )
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(new.call_sid.as_str())
        .bind(new.account_sid.as_str())
        .bind(new.direction.as_str())
        .bind(new.customer_number)
        .bind(new.organization_number)
        .bind(new.caller_name)
        .bind(millis(now))
        .execute(self.conn())
        .await?;
        Ok((call, true))
    }

    /// Our id of Twilio's call.
    pub(crate) async fn call_by_sid(
        &mut self,
        tenant: TenantId,
        sid: CallSid,
    ) -> Result<Option<CallId>, StoreError> {
        let id: Option<Uuid> =
            sqlx::query_scalar("SELECT id FROM calls WHERE tenant_id = ?1 AND call_sid = ?2")
                .bind(tenant.as_uuid())
                .bind(sid.as_str())
                .fetch_optional(self.conn())
                .await?;
        Ok(id.map(CallId::from_uuid))
    }

    /// One call, as this transaction sees it.
    pub(crate) async fn call_fetch(&mut self, tenant: TenantId, call: CallRef) -> Result<Call, StoreError> {
        let (id, sid) = parts(call);
        let row: Row =
            sqlx::query_as(select_call!("WHERE c.tenant_id = ?1 AND (c.id = ?2 OR c.call_sid = ?3) LIMIT 1"))
                .bind(tenant.as_uuid())
                .bind(id)
                .bind(sid)
                .fetch_one(self.conn())
                .await?;
        row.read()
    }

    /// Changes what people may change.
    pub(crate) async fn call_patch(
        &mut self,
        tenant: TenantId,
        call: CallId,
        patch: &CallPatch,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE calls SET is_handled = coalesce(?3, is_handled), is_urgent = coalesce(?4, is_urgent),
                 tags = coalesce(?5, tags),
                 notes = CASE WHEN ?6 THEN ?7 ELSE notes END,
                 caller_name = CASE WHEN ?8 THEN ?9 ELSE caller_name END
             WHERE tenant_id = ?1 AND id = ?2",
        )
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(patch.is_handled)
        .bind(patch.is_urgent)
        .bind(patch.tags.as_deref().map(to_json))
        .bind(patch.notes.is_some())
        .bind(patch.notes.as_ref().and_then(Option::as_ref))
        .bind(patch.caller_name.is_some())
        .bind(patch.caller_name.as_ref().and_then(Option::as_ref))
        .execute(self.conn())
        .await?;
        Ok(())
    }
}

/// The tenant's calls that are not over, newest first; at most 1000.
pub(super) async fn active(conn: &mut SqliteConnection, tenant: TenantId) -> Result<Vec<Call>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(select_call!(
        "WHERE c.tenant_id = ?1 AND c.ended_at IS NULL ORDER BY c.id DESC LIMIT 1000"
    ))
    .bind(tenant.as_uuid())
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// One call by our id.
pub(super) async fn by_id(
    conn: &mut SqliteConnection,
    tenant: TenantId,
    call: CallId,
) -> Result<Call, StoreError> {
    let row: Row = sqlx::query_as(select_call!("WHERE c.tenant_id = ?1 AND c.id = ?2"))
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .fetch_one(conn)
        .await?;
    row.read()
}

pub(super) fn parts(call: CallRef) -> (Option<Uuid>, Option<String>) {
    match call {
        CallRef::Id(id) => (Some(id.as_uuid()), None),
        CallRef::Sid(sid) => (None, Some(sid.into())),
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
