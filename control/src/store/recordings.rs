//! Recordings that Twilio made.

use common::{CallId, RecordingSid, TenantId};
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{Store, StoreError, Txn, calls, from_millis, from_word, millis, sql};
use crate::model::{CallRef, Recording};

/// Recordings of a call that are kept; a call has a handful.
const MAX_RECORDINGS: i64 = 100;

/// What Twilio reports of a recording.
pub(crate) struct RecordingReport<'a> {
    pub(crate) sid: RecordingSid,
    /// In Twilio's words.
    pub(crate) status: &'a str,
    pub(crate) duration_seconds: Option<u32>,
    pub(crate) channels: Option<u32>,
    pub(crate) url: Option<&'a str>,
    pub(crate) error_code: Option<u32>,
}

impl RecordingReport<'_> {
    fn is_over(&self) -> bool {
        matches!(self.status, "completed" | "absent" | "failed")
    }
}

#[derive(FromRow)]
struct Row {
    sid: String,
    status: String,
    duration_seconds: Option<i64>,
    channels: Option<i64>,
    url: Option<String>,
    error_code: Option<i64>,
    created_at: i64,
}

impl Store {
    /// The recordings of a call, oldest first.
    pub(crate) async fn recording_list(
        &self,
        tenant: TenantId,
        call: CallRef,
    ) -> Result<Vec<Recording>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let id = calls::id_of(&mut tx, tenant, call).await?;
        let rows: Vec<Row> =
            sql("SELECT sid, status, duration_seconds, channels, url, error_code, created_at FROM recordings
                 WHERE tenant_id = $1 AND call_id = $2 ORDER BY created_at, sid")
            .bind(tenant.as_uuid())
            .bind(id)
            .all(&mut tx)
            .await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|row| {
                Ok(Recording {
                    sid: from_word(&row.sid, "recording sid")?,
                    status: row.status,
                    duration_seconds: row.duration_seconds,
                    channels: row.channels,
                    url: row.url,
                    error_code: row.error_code,
                    created_at: from_millis(row.created_at)?,
                })
            })
            .collect()
    }
}

impl Txn {
    /// Joins a report to what is known of a recording. One that is over stays so, whatever comes late. `false`: the call
    /// has too many.
    pub(crate) async fn recording_put(
        &mut self,
        tenant: TenantId,
        call: CallId,
        report: &RecordingReport<'_>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let (count,): (i64,) =
            sql("SELECT count(*) FROM recordings WHERE tenant_id = $1 AND call_id = $2 AND sid <> $3")
                .bind(tenant.as_uuid())
                .bind(call.as_uuid())
                .bind(report.sid.as_str())
                .one(&mut self.tx)
                .await?;
        if count >= MAX_RECORDINGS {
            return Ok(false);
        }
        sql("INSERT INTO recordings AS r (tenant_id, call_id, sid, status, is_over, duration_seconds, channels, url,
                 error_code, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (tenant_id, call_id, sid) DO UPDATE SET
                 status = CASE WHEN r.is_over THEN r.status ELSE excluded.status END,
                 is_over = CASE WHEN r.is_over THEN r.is_over ELSE excluded.is_over END,
                 duration_seconds = coalesce(r.duration_seconds, excluded.duration_seconds),
                 channels = coalesce(r.channels, excluded.channels),
                 url = coalesce(r.url, excluded.url),
                 error_code = coalesce(r.error_code, excluded.error_code)")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(report.sid.as_str())
        .bind(report.status)
        .bind(report.is_over())
        .bind(report.duration_seconds)
        .bind(report.channels)
        .bind(report.url)
        .bind(report.error_code)
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        Ok(true)
    }
}
