//! What must be known of a call to speak with Twilio about it.

use std::time::Duration;

use common::{AccountSid, CallId, CallSid, TenantId};
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{Store, StoreError, Txn, from_millis, from_word, millis, sql};
use crate::model::Route;

/// A call at Twilio.
#[derive(Clone, Debug)]
pub(crate) struct CallLeg {
    pub(crate) call_sid: CallSid,
    pub(crate) account_sid: AccountSid,
    /// Our number.
    pub(crate) organization_number: String,
    /// What its number's TwiML does.
    pub(crate) route: Route,
    pub(crate) is_over: bool,
    /// Whether a gateway holds its audio.
    pub(crate) has_media: bool,
    /// The last sign of life.
    pub(crate) active_at: OffsetDateTime,
}

/// Whether another stream may be asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StreamTry {
    /// Now, for the nth time.
    Nth(u32),
    /// Not yet: somebody asked just now.
    Later,
    /// Not any more: the call is over, has its audio, or none of many streams went well.
    Never,
}

#[derive(FromRow)]
struct Row {
    call_sid: String,
    account_sid: String,
    organization_number: String,
    route: Option<String>,
    is_over: bool,
    has_media: bool,
    active_at: i64,
}

impl Store {
    /// One call at Twilio.
    pub(crate) async fn call_leg(&self, tenant: TenantId, call: CallId) -> Result<CallLeg, StoreError> {
        let row: Row = self
            .one(
                tenant,
                sql("SELECT c.call_sid, c.account_sid, c.organization_number, coalesce(c.route, n.route) AS route, c.ended_at IS NOT NULL AS is_over,
                         c.media_node IS NOT NULL AS has_media, c.active_at
                     FROM calls c
                     LEFT JOIN numbers n ON n.tenant_id = c.tenant_id AND n.number = c.organization_number
                     WHERE c.tenant_id = $1 AND c.id = $2")
                .bind(tenant.as_uuid())
                .bind(call.as_uuid()),
            )
            .await?;
        Ok(CallLeg {
            call_sid: from_word(&row.call_sid, "call sid")?,
            account_sid: from_word(&row.account_sid, "account sid")?,
            organization_number: row.organization_number,
            route: row.route.and_then(|word| word.parse().ok()).unwrap_or(Route::Monitor),
            is_over: row.is_over,
            has_media: row.has_media,
            active_at: from_millis(row.active_at)?,
        })
    }
}

impl Txn {
    /// Takes leave to ask Twilio for another stream: so often, and not more often than once in `pause`, over all
    /// processes. `anew`: the last stream is known to be over, whatever its gateway has told so far.
    pub(crate) async fn stream_try(
        &mut self,
        tenant: TenantId,
        call: CallId,
        (most, pause): (u32, Duration),
        anew: bool,
        now: OffsetDateTime,
    ) -> Result<StreamTry, StoreError> {
        let found: Option<(i64, Option<i64>, bool)> =
            sql("SELECT stream_tries, stream_tried_at, media_node IS NOT NULL FROM calls
                 WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .optional(&mut self.tx)
            .await?;
        let Some((tries, tried_at, has_media)) = found else { return Ok(StreamTry::Never) };
        if tries >= i64::from(most) || (has_media && !anew) {
            return Ok(StreamTry::Never);
        }
        if tried_at.is_some_and(|at| millis(now) < at + millis_of(pause)) {
            return Ok(StreamTry::Later);
        }
        sql("UPDATE calls SET stream_tries = $3, stream_tried_at = $4 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(tries + 1)
            .bind(millis(now))
            .run(&mut self.tx)
            .await?;
        Ok(StreamTry::Nth(u32::try_from(tries + 1).unwrap_or(u32::MAX)))
    }

    /// Twilio says that the call goes on.
    pub(crate) async fn call_touch(
        &mut self,
        tenant: TenantId,
        call: CallId,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sql("UPDATE calls SET active_at = $3 WHERE tenant_id = $1 AND id = $2 AND active_at < $3")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(millis(now))
            .run(&mut self.tx)
            .await?;
        Ok(())
    }
}

fn millis_of(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 2)
}
