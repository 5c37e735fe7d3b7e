//! How far a call has come, and where its audio is.

use common::{CallId, NodeId, StreamSid, TenantId};
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{StoreError, Txn, from_millis, from_word, millis, sql, to_json};
use crate::twilio::status::{End, EndSource, Progress};

impl Txn {
    /// What is known of a call's progress.
    pub(crate) async fn call_progress(
        &mut self,
        tenant: TenantId,
        call: CallId,
    ) -> Result<Progress, StoreError> {
        let row: ProgressRow =
            sql("SELECT started_at, answered_at, status, end_at, end_seconds, end_source, end_sequence
             FROM calls WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .one(&mut self.tx)
            .await?;
        row.read()
    }

    /// Keeps what is known of a call's progress, heard of at `now`.
    pub(crate) async fn call_progress_put(
        &mut self,
        tenant: TenantId,
        call: CallId,
        progress: &Progress,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let before = self.counted(tenant, call).await?;
        sql("UPDATE calls SET started_at = $3, answered_at = $4, ended_at = $5, status = $6,
                 duration_seconds = $7, end_source = $8, end_sequence = $9, end_at = $10, end_seconds = $11,
                 active_at = CASE WHEN active_at < $12 THEN $12 ELSE active_at END
             WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(millis(progress.started_at))
        .bind(progress.answered_at.map(millis))
        .bind(progress.ended_at().map(millis))
        .bind(progress.status().as_str())
        .bind(progress.duration_seconds())
        .bind(progress.end.map(|end| end.source.as_str()))
        .bind(progress.end.and_then(|end| end.sequence))
        .bind(progress.end.map(|end| millis(end.at)))
        .bind(progress.end.and_then(|end| end.seconds))
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        self.words_move(tenant, call, millis(progress.started_at)).await?;
        self.count_again(tenant, call, &before).await
    }

    /// Remembers the highest `SequenceNumber`, and says whether this one came after a higher one.
    pub(crate) async fn call_sequence(
        &mut self,
        tenant: TenantId,
        call: CallId,
        sequence: u32,
    ) -> Result<bool, StoreError> {
        let (last,): (Option<i64>,) = sql("SELECT last_sequence FROM calls WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .one(&mut self.tx)
            .await?;
        if last.is_some_and(|last| last > i64::from(sequence)) {
            return Ok(true);
        }
        sql("UPDATE calls SET last_sequence = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(sequence)
            .run(&mut self.tx)
            .await?;
        Ok(false)
    }

    /// A stream carries the call's audio from now on. `false`: this very stream did already.
    pub(crate) async fn media_start(
        &mut self,
        tenant: TenantId,
        call: CallId,
        node: NodeId,
        stream: Option<StreamSid>,
        tracks: &[String],
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let changed = sql(
            "UPDATE calls SET media_node = $3, media_stream = $4, media_tracks = $5, media_since = $6,
                 active_at = CASE WHEN active_at < $6 THEN $6 ELSE active_at END
             WHERE tenant_id = $1 AND id = $2 AND (media_node IS DISTINCT FROM $3 OR media_stream IS DISTINCT FROM $4)",
        )
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(node.as_uuid())
        .bind(stream.map(String::from))
        .bind(to_json(tracks))
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        Ok(changed == 1)
    }

    /// The call's audio is gone, if it is still with this node and (when given) this stream. `false`: it
    /// is not, so nothing changed.
    pub(crate) async fn media_end(
        &mut self,
        tenant: TenantId,
        call: CallId,
        node: NodeId,
        stream: Option<StreamSid>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let changed = sql("UPDATE calls SET media_node = NULL, media_stream = NULL, media_since = NULL,
                 active_at = CASE WHEN active_at < $5 THEN $5 ELSE active_at END
             WHERE tenant_id = $1 AND id = $2 AND media_node = $3
               AND ($4 IS NULL OR media_stream IS NULL OR media_stream = $4)")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(node.as_uuid())
        .bind(stream.map(String::from))
        .bind(millis(now))
        .run(&mut self.tx)
        .await?;
        Ok(changed == 1)
    }
}

#[derive(FromRow)]
struct ProgressRow {
    started_at: i64,
    answered_at: Option<i64>,
    status: String,
    end_at: Option<i64>,
    end_seconds: Option<i64>,
    end_source: Option<String>,
    end_sequence: Option<i64>,
}

impl ProgressRow {
    fn read(self) -> Result<Progress, StoreError> {
        let end = match self.end_at {
            None => None,
            Some(at) => Some(End {
                source: match self.end_source.as_deref() {
                    Some("reconciled") => EndSource::Reconciled,
                    _ => EndSource::Twilio,
                },
                sequence: self.end_sequence.and_then(|number| u32::try_from(number).ok()),
                status: from_word(&self.status, "status")?,
                at: from_millis(at)?,
                seconds: self.end_seconds.and_then(|seconds| u32::try_from(seconds).ok()),
            }),
        };
        Ok(Progress {
            started_at: from_millis(self.started_at)?,
            answered_at: self.answered_at.map(from_millis).transpose()?,
            end,
        })
    }
}
