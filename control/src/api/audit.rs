//! The audit log. For admins.

#![expect(unused_qualifications, reason = "the macro that describes the API writes them")]

use axum::extract::State;
use common::{CallId, UserId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Query;
use crate::App;
use crate::audit::AuditEntry;
use crate::auth::Caller;
use crate::error::{ApiError, Problem};
use crate::model::Role;
use crate::store::AuditFilter;

/// Entries on one page, unless asked otherwise.
const PAGE_DEFAULT: u16 = 50;
/// Entries on one page at most.
const PAGE_MAX: u16 = 200;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which entries to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Done by this person, `usr_…`.
    #[param(value_type = Option<String>)]
    user: Option<UserId>,
    /// What was done.
    #[param(example = "session.ended")]
    action: Option<String>,
    /// On this call, `call_…`.
    #[param(value_type = Option<String>)]
    call: Option<CallId>,
    /// At this time (RFC 3339) or later.
    from: Option<String>,
    /// Before this time (RFC 3339).
    to: Option<String>,
    /// Entries on the page, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

impl ListQuery {
    fn filter(&self) -> Result<AuditFilter, ApiError> {
        let time = |text: &Option<String>| {
            let parsed = text.as_deref().map(|text| OffsetDateTime::parse(text, &Rfc3339)).transpose();
            parsed.map_err(|_| ApiError::BadRequest("from and to are times as RFC 3339 writes them".into()))
        };
        let action = self.action.as_deref().map(str::parse).transpose();
        Ok(AuditFilter {
            user: self.user,
            action: action.map_err(|_| ApiError::BadRequest("no such action".into()))?,
            call: self.call,
            from: time(&self.from)?,
            to: time(&self.to)?,
        })
    }
}

/// A page of the audit log.
#[derive(Serialize, ToSchema)]
struct AuditPage {
    /// Newest first.
    entries: Vec<AuditEntry>,
    /// Send it as `cursor` for older entries. `null`: there are none.
    next_cursor: Option<String>,
}

/// Who did what in this tenant, newest first.
#[utoipa::path(get, path = "/api/audit", tag = "audit", params(ListQuery), responses(
    (status = 200, body = AuditPage),
    (status = 400, body = Problem),
    (status = 403, body = Problem),
))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<AuditPage>, ApiError> {
    caller.require(&[Role::Admin])?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::BadRequest("limit must be between 1 and 200".into()));
    }
    let before: Option<i64> = match &query.cursor {
        None => None,
        Some(cursor) => {
            Some(cursor.parse().map_err(|_| ApiError::BadRequest("not a cursor of ours".into()))?)
        }
    };
    // One more than asked for tells whether there is a next page.
    let mut entries = app.store.audit_list(caller.tenant(), &query.filter()?, before, limit + 1).await?;
    let more = entries.len() > usize::from(limit);
    entries.truncate(usize::from(limit));
    let next_cursor = entries.last().filter(|_| more).map(|entry| entry.seq.to_string());
    Ok(axum::Json(AuditPage { entries, next_cursor }))
}
