//! How many calls there are of each kind: kept in step with every change of a call, so that figures of two million
//! calls are as quick as of two.

use common::{CallId, TenantId, UserId};
use serde::Serialize;
use sqlx::FromRow;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Sql, Store, StoreError, Txn, from_word, millis, sql};
use crate::model::CallStatus;

/// An hour, in milliseconds.
const HOUR: i64 = 3_600_000;

/// What stands for all hours.
const EVER: i64 = -1;

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

/// What a call counts as.
#[derive(Clone, Debug, Eq, FromRow, PartialEq)]
pub(super) struct Counted {
    started_at: i64,
    status: String,
    is_handled: bool,
    is_answered: bool,
    duration_seconds: Option<i64>,
    answered_by: Option<Uuid>,
}

impl Counted {
    /// Its length, if it was answered and is over.
    fn seconds(&self) -> Option<i64> {
        self.duration_seconds.filter(|_| self.is_answered)
    }

    fn lasted(&self) -> i64 {
        match self.seconds() {
            None => 0,
            Some(..30) => 1,
            Some(..120) => 2,
            Some(..300) => 3,
            Some(..900) => 4,
            Some(_) => 5,
        }
    }
}

/// So many calls of one kind.
#[derive(Clone, Debug, FromRow)]
struct Row {
    /// Hours, or what they were grouped by.
    at: i64,
    status: String,
    is_handled: bool,
    lasted: i64,
    calls: i64,
    answered: i64,
    seconds: i64,
}

/// Calls that began in the same time and are alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alike {
    /// The number of the bucket, in buckets since 1970.
    pub(crate) bucket: i64,
    pub(crate) status: CallStatus,
    pub(crate) is_handled: bool,
    /// As in the table: 0 to 5.
    pub(crate) lasted: usize,
    pub(crate) calls: i64,
    pub(crate) answered: i64,
    pub(crate) seconds: i64,
}

impl Row {
    fn read(self) -> Result<Alike, StoreError> {
        Ok(Alike {
            bucket: self.at,
            status: from_word(&self.status, "status")?,
            is_handled: self.is_handled,
            lasted: usize::try_from(self.lasted).map_err(|_| StoreError::Corrupt { what: "length" })?,
            calls: self.calls,
            answered: self.answered,
            seconds: self.seconds,
        })
    }
}

/// Whose calls figures are of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    /// The tenant's.
    Tenant,
    /// Those that this person answered in the console.
    Answerer(UserId),
}

impl Of {
    /// The rows of these calls, without what `WHERE` says further.
    fn rows(self, statement: Sql, tenant: TenantId) -> Sql {
        match self {
            Self::Tenant => statement.push_bind(" FROM call_counts WHERE tenant_id = ", tenant.as_uuid()),
            Self::Answerer(user) => statement
                .push_bind(" FROM call_counts_by_answerer WHERE tenant_id = ", tenant.as_uuid())
                .push_bind(" AND answered_by = ", user.as_uuid()),
        }
    }
}

impl Store {
    /// Figures of these calls; `midnight` begins today.
    pub(crate) async fn call_stats(
        &self,
        tenant: TenantId,
        of: Of,
        midnight: OffsetDateTime,
    ) -> Result<Stats, StoreError> {
        let statement = sql(
            "SELECT CAST(coalesce(sum(calls) FILTER (WHERE hour = $1), 0) AS BIGINT) AS total,
                 CAST(coalesce(sum(calls) FILTER (WHERE hour >= $2), 0) AS BIGINT) AS today,
                 CAST(coalesce(sum(calls) FILTER (WHERE hour = $1 AND status IN ('incoming', 'in_progress')), 0)
                      AS BIGINT) AS active,
                 CAST(coalesce(sum(calls) FILTER (WHERE hour = $1 AND NOT is_handled
                                                  AND status NOT IN ('incoming', 'in_progress')), 0)
                      AS BIGINT) AS needs_attention,
                 CAST(sum(seconds) FILTER (WHERE hour = $1) AS DOUBLE PRECISION)
                     / CAST(nullif(sum(calls) FILTER (WHERE hour = $1 AND lasted > 0), 0) AS DOUBLE PRECISION)
                     AS average_duration_seconds",
        );
        let hour = millis(midnight).div_euclid(HOUR);
        let statement = of.rows(statement.bind(EVER).bind(hour), tenant);
        self.one(tenant, statement.push(" AND (hour = $1 OR hour >= $2)")).await
    }

    /// These calls as far as they began in the buckets from `from` to before `to`, each of so many hours.
    pub(crate) async fn call_counts(
        &self,
        tenant: TenantId,
        of: Of,
        hours: i64,
        from: i64,
        to: i64,
    ) -> Result<Vec<Alike>, StoreError> {
        let statement =
            sql("SELECT hour / $1 AS at, status, is_handled, lasted, CAST(sum(calls) AS BIGINT) AS calls,
                 CAST(sum(answered) AS BIGINT) AS answered, CAST(sum(seconds) AS BIGINT) AS seconds");
        let statement = of.rows(statement.bind(hours), tenant);
        let statement = between(statement, hours, from, to).push(" GROUP BY 1, 2, 3, 4");
        let rows: Vec<Row> = self.all(tenant, statement).await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// How many of them began in each hour of the day (UTC).
    pub(crate) async fn call_hours(
        &self,
        tenant: TenantId,
        of: Of,
        hours: i64,
        from: i64,
        to: i64,
    ) -> Result<[i64; 24], StoreError> {
        let statement = of.rows(sql("SELECT hour % 24, CAST(sum(calls) AS BIGINT)"), tenant);
        let statement = between(statement, hours, from, to).push(" GROUP BY hour % 24");
        let rows: Vec<(i64, i64)> = self.all(tenant, statement).await?;
        let mut of_hours = [0; 24];
        for (hour, calls) in rows {
            if let Some(of_hour) = usize::try_from(hour).ok().and_then(|hour| of_hours.get_mut(hour)) {
                *of_hour = calls;
            }
        }
        Ok(of_hours)
    }
}

/// Those of buckets, and not those of all hours.
fn between(statement: Sql, hours: i64, from: i64, to: i64) -> Sql {
    statement.push_bind(" AND hour >= ", (from * hours).max(0)).push_bind(" AND hour < ", to * hours)
}

impl Txn {
    /// What the call counts as now.
    pub(super) async fn counted(&mut self, tenant: TenantId, call: CallId) -> Result<Counted, StoreError> {
        sql("SELECT started_at, status, is_handled, answered_at IS NOT NULL AS is_answered, duration_seconds,
                 answered_by FROM calls WHERE tenant_id = $1 AND id = $2")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .one(&mut self.tx)
        .await
    }

    /// The call, which counted as `before`, counts as what it is now.
    pub(super) async fn count_again(
        &mut self,
        tenant: TenantId,
        call: CallId,
        before: &Counted,
    ) -> Result<(), StoreError> {
        let after = self.counted(tenant, call).await?;
        if after != *before {
            self.count(tenant, before, -1).await?;
            self.count(tenant, &after, 1).await?;
        }
        Ok(())
    }

    /// One call more, or with -1 one less, that counts as this.
    pub(super) async fn count(
        &mut self,
        tenant: TenantId,
        counted: &Counted,
        by: i64,
    ) -> Result<(), StoreError> {
        // With nobody's id, the tenant's.
        let answerers = std::iter::once(None).chain(counted.answered_by.map(Some));
        for answerer in answerers {
            for hour in [counted.started_at.div_euclid(HOUR), EVER] {
                self.count_in(tenant, answerer, hour, counted, by).await?;
            }
        }
        Ok(())
    }

    /// The same in one row: of the tenant's, or of those that somebody answered.
    async fn count_in(
        &mut self,
        tenant: TenantId,
        answerer: Option<Uuid>,
        hour: i64,
        counted: &Counted,
        by: i64,
    ) -> Result<(), StoreError> {
        let (table, also, value) = match answerer {
            None => ("call_counts", "", ""),
            Some(_) => ("call_counts_by_answerer", ", answered_by", ", $9"),
        };
        let add = sql("INSERT INTO ")
            .push(table)
            .push(" (tenant_id, hour, status, is_handled, lasted, calls, answered, seconds")
            .push(also)
            .push(") VALUES ($1, $2, $3, $4, $5, $6, $7, $8")
            .push(value)
            .push(") ON CONFLICT (tenant_id, hour, status, is_handled, lasted")
            .push(also)
            .push(") DO UPDATE SET calls = ")
            .push(table)
            .push(".calls + excluded.calls, answered = ")
            .push(table)
            .push(".answered + excluded.answered, seconds = ")
            .push(table)
            .push(".seconds + excluded.seconds")
            .bind(tenant.as_uuid())
            .bind(hour)
            .bind(&counted.status)
            .bind(counted.is_handled)
            .bind(counted.lasted())
            .bind(by)
            .bind(if counted.is_answered { by } else { 0 })
            .bind(counted.seconds().map_or(0, |seconds| seconds * by));
        let add = match answerer {
            None => add,
            Some(answerer) => add.bind(answerer),
        };
        add.run(&mut self.tx).await?;
        if by < 0 {
            // Where there are none any more, no row is left.
            let remove = sql("DELETE FROM ")
                .push(table)
                .push_bind(" WHERE tenant_id = ", tenant.as_uuid())
                .push_bind(" AND hour = ", hour)
                .push_bind(" AND status = ", &counted.status)
                .push_bind(" AND is_handled = ", counted.is_handled)
                .push_bind(" AND lasted = ", counted.lasted())
                .push(" AND calls = 0");
            let remove = match answerer {
                None => remove,
                Some(answerer) => remove.push_bind(" AND answered_by = ", answerer),
            };
            remove.run(&mut self.tx).await?;
        }
        Ok(())
    }
}
