//! Figures of calls.

#![expect(unused_qualifications, reason = "the macro that describes the API writes them")]

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::calls::only_of;
use super::extract::Query;
use crate::App;
use crate::auth::{By, Caller, CallsRead};
use crate::error::{ApiError, Problem};
use crate::model::CallStatus;
use crate::store::{Alike, Of, Stats};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(stats)).routes(routes!(analytics))
}

/// Whose calls somebody's figures are of: what an agent does not see is not counted for them.
fn of(caller: &Caller) -> Of {
    only_of(caller).map_or(Of::Tenant, Of::Answerer)
}

/// Figures of all calls; an agent's, of those that they answered.
#[utoipa::path(get, path = "/api/calls/stats", tag = "calls",
    security(("bearer" = ["calls:read"])), responses((status = 200, body = Stats)))]
async fn stats(State(app): State<App>, By(caller, _): By<CallsRead>) -> Result<axum::Json<Stats>, ApiError> {
    let midnight = OffsetDateTime::now_utc().replace_time(time::Time::MIDNIGHT);
    Ok(axum::Json(app.store.call_stats(caller.tenant(), of(&caller), midnight).await?))
}

/// Figures by what time.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Bucket {
    /// By the hour.
    Hour,
    /// By the day (UTC).
    Day,
}

impl Bucket {
    const fn hours(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::Day => 24,
        }
    }

    /// How many of them may be asked for at once.
    const fn most(self) -> i64 {
        match self {
            Self::Hour => 31 * 24,
            Self::Day => 366,
        }
    }

    /// The one in which this time is, in buckets since 1970.
    fn of(self, time: OffsetDateTime) -> i64 {
        time.unix_timestamp().div_euclid(self.hours() * 3600)
    }
}

/// Of which time, and how fine.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AnalyticsQuery {
    /// Calls that began at this time (RFC 3339) or later; 30 buckets before `to` unless given. It is moved to the
    /// begin of its bucket.
    from: Option<String>,
    /// Calls that began before this time (RFC 3339); now unless given. It is moved to the end of its bucket.
    to: Option<String>,
    /// `day` (at most 366), or `hour` (at most 744); `day` unless given.
    #[param(inline)]
    bucket: Option<Bucket>,
}

/// Figures of some calls.
#[derive(Debug, Default, Serialize, ToSchema)]
struct Figures {
    /// How many began.
    calls: i64,
    /// Of them were answered.
    answered: i64,
    /// Of them somebody took care of.
    handled: i64,
    /// Of them are over, and nobody took care of them.
    needs_attention: i64,
    /// How many stand where, by status.
    by_status: BTreeMap<&'static str, i64>,
    /// Seconds from answer to end, together.
    talk_seconds: i64,
    /// Their mean. `null`: none was answered and is over.
    average_duration_seconds: Option<f64>,
    /// How long those lasted that were answered and are over.
    durations: Durations,
}

/// How many calls lasted how long.
#[derive(Debug, Default, Serialize, ToSchema)]
struct Durations {
    /// Less than 30 seconds.
    under_30_seconds: i64,
    /// From there less than 2 minutes.
    under_2_minutes: i64,
    /// From there less than 5 minutes.
    under_5_minutes: i64,
    /// From there less than 15 minutes.
    under_15_minutes: i64,
    /// 15 minutes or longer.
    longer: i64,
}

impl Figures {
    fn new() -> Self {
        let by_status = CallStatus::ALL.iter().map(|status| (status.as_str(), 0)).collect();
        Self { by_status, ..Self::default() }
    }

    fn add(&mut self, alike: &Alike) {
        let calls = alike.calls;
        self.calls += calls;
        self.answered += alike.answered;
        match (alike.is_handled, alike.status.is_over()) {
            (true, _) => self.handled += calls,
            (false, true) => self.needs_attention += calls,
            (false, false) => {}
        }
        *self.by_status.entry(alike.status.as_str()).or_default() += calls;
        self.talk_seconds += alike.seconds;
        let durations = &mut self.durations;
        match alike.lasted {
            0 => {}
            1 => durations.under_30_seconds += calls,
            2 => durations.under_2_minutes += calls,
            3 => durations.under_5_minutes += calls,
            4 => durations.under_15_minutes += calls,
            _ => durations.longer += calls,
        }
        let Durations { under_30_seconds, under_2_minutes, under_5_minutes, under_15_minutes, longer } =
            *durations;
        let timed = under_30_seconds + under_2_minutes + under_5_minutes + under_15_minutes + longer;
        self.average_duration_seconds = (timed > 0).then(|| self.talk_seconds as f64 / timed as f64);
    }
}

/// Figures of the calls that began in one bucket.
#[derive(Serialize, ToSchema)]
struct Point {
    /// When it begins.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// Its figures.
    #[serde(flatten)]
    figures: Figures,
}

/// Figures of calls over a time.
#[derive(Serialize, ToSchema)]
struct Analytics {
    /// Of calls that began at this time or later.
    #[serde(with = "time::serde::rfc3339")]
    from: OffsetDateTime,
    /// And before this time.
    #[serde(with = "time::serde::rfc3339")]
    to: OffsetDateTime,
    /// How fine.
    bucket: Bucket,
    /// Of all of them.
    totals: Figures,
    /// Of each bucket, oldest first, those without calls too.
    series: Vec<Point>,
    /// How many began in each hour of the day (UTC), 0 to 23.
    hours_of_day: Vec<i64>,
}

/// Figures over a time, by day or by hour; an agent's, of the calls that they answered.
#[utoipa::path(get, path = "/api/calls/analytics", tag = "calls",
    security(("bearer" = ["calls:read"])), params(AnalyticsQuery), responses(
    (status = 200, body = Analytics),
    (status = 400, body = Problem),
))]
async fn analytics(
    State(app): State<App>,
    By(caller, _): By<CallsRead>,
    Query(query): Query<AnalyticsQuery>,
) -> Result<axum::Json<Analytics>, ApiError> {
    let bucket = query.bucket.unwrap_or(Bucket::Day);
    let time = |text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => OffsetDateTime::parse(text, &Rfc3339)
            .map(Some)
            .map_err(|_| ApiError::BadRequest("from and to are times as RFC 3339 writes them".into())),
    };
    let to = time(&query.to)?.unwrap_or_else(OffsetDateTime::now_utc);
    // What is before `to` and nothing else: a bucket that only begins then is left out.
    let end = bucket.of(to.saturating_sub(Duration::NANOSECOND)) + 1;
    let begin = time(&query.from)?.map_or(end - 30, |from| bucket.of(from));
    if !(1..=bucket.most()).contains(&(end - begin)) {
        let detail = "from must be before to, by at most 366 days, or 744 hours when bucket is hour";
        return Err(ApiError::BadRequest(detail.into()));
    }
    let start = |n: i64| {
        OffsetDateTime::from_unix_timestamp(n * bucket.hours() * 3600)
            .map_err(|_| ApiError::BadRequest("from and to must be of the years 0 to 9999".into()))
    };
    let (tenant, of, hours) = (caller.tenant(), of(&caller), bucket.hours());
    let mut series: Vec<Point> = (begin..end)
        .map(|n| Ok(Point { at: start(n)?, figures: Figures::new() }))
        .collect::<Result<_, ApiError>>()?;
    let mut totals = Figures::new();
    for alike in app.store.call_counts(tenant, of, hours, begin, end).await? {
        totals.add(&alike);
        if let Some(point) = usize::try_from(alike.bucket - begin).ok().and_then(|n| series.get_mut(n)) {
            point.figures.add(&alike);
        }
    }
    let hours_of_day = app.store.call_hours(tenant, of, hours, begin, end).await?.to_vec();
    Ok(axum::Json(Analytics { from: start(begin)?, to: start(end)?, bucket, totals, series, hours_of_day }))
}
