//! Call records.

#![expect(unused_qualifications, reason = "the macro that describes the API writes them")]

use std::collections::HashSet;
use std::time::Instant;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use common::UserId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Path, Query, check_text, some};
use crate::App;
use crate::audit::Action;
use crate::auth::{By, Caller, CallsRead, CallsWrite};
use crate::error::{ApiError, Problem};
use crate::model::{Call, CallDetail, CallEvent, CallRef, CallStatus, EventType, Hearing, Role};
use crate::store::{Asked, CallFilter, CallPatch, Place, TooManyWords};

/// Calls or events on one page, unless asked otherwise.
const PAGE_DEFAULT: u16 = 50;
/// Calls on one page at most.
const PAGE_MAX: u16 = 200;
/// Events on one page at most.
const EVENTS_MAX: u16 = 1000;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(active))
        .routes(routes!(latest))
        .routes(routes!(view, change, remove))
        .routes(routes!(events))
        .routes(routes!(listeners))
}

/// Which calls to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// One status, or some with commas between.
    #[param(example = "incoming,in_progress")]
    status: Option<String>,
    /// Whether a person took care of it.
    handled: Option<bool>,
    /// Whether it needs a person soon.
    urgent: Option<bool>,
    /// Any part of the customer's number; or words, all of which the name, the tags, the notes, the summary or
    /// what was said must have: whole ones or beginnings, accents and case aside; at most 8. Or an id of the call.
    q: Option<String>,
    /// The customer's number or ours, E.164: with the customer's, what was before with them.
    number: Option<String>,
    /// Began at this time (RFC 3339) or later.
    from: Option<String>,
    /// Began before this time (RFC 3339).
    to: Option<String>,
    /// Calls on the page, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

impl ListQuery {
    /// What this query string says.
    pub(super) fn of_query(query: &str) -> Result<Self, ApiError> {
        let uri: Uri =
            format!("/?{query}").parse().map_err(|_| ApiError::BadRequest("not a query".into()))?;
        match axum::extract::Query::try_from_uri(&uri) {
            Ok(axum::extract::Query(query)) => Ok(query),
            Err(error) => Err(ApiError::BadRequest(error.body_text().into())),
        }
    }

    /// Whether it says how many calls.
    pub(super) fn has_limit(&self) -> bool {
        self.limit.is_some()
    }

    /// Behind which place. `None`: from the newest call on.
    pub(super) fn after(&self) -> Result<Option<Place>, ApiError> {
        let place = self.cursor.as_deref().map(str::parse).transpose();
        place.map_err(|_| ApiError::BadRequest("not a cursor of ours".into()))
    }

    /// Which calls. `None`: whatever is asked for, no call is that.
    pub(super) fn filter(&self) -> Result<Option<CallFilter>, ApiError> {
        let time = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => OffsetDateTime::parse(text, &Rfc3339)
                .map(Some)
                .map_err(|_| ApiError::BadRequest("from and to are times as RFC 3339 writes them".into())),
        };
        let statuses = self.status.iter().flat_map(|words| words.split(','));
        let statuses = statuses
            .map(|word| word.parse().map_err(|_| ApiError::BadRequest("no such status".into())))
            .collect::<Result<HashSet<CallStatus>, _>>()?;
        let texts = || [&self.q, &self.number].into_iter().flatten();
        if texts().any(|text| text.len() > 200 || text.contains(char::is_control)) {
            let detail = "q and number may have at most 200 bytes and no control characters";
            return Err(ApiError::BadRequest(detail.into()));
        }
        let q = self.q.as_deref().map(str::trim).unwrap_or_default();
        let call: Option<CallRef> = q.parse().ok();
        let words = match call {
            Some(_) => Vec::new(),
            None => Asked::read(q)
                .map_err(|error: TooManyWords| ApiError::BadRequest(error.to_string().into()))?,
        };
        let nothing_to_look_for = call.is_none() && words.is_empty() && !q.is_empty();
        let filter = CallFilter {
            statuses: statuses.into_iter().collect(),
            handled: self.handled,
            urgent: self.urgent,
            number: self.number.clone(),
            words,
            call,
            answered_by: None,
            from: time(&self.from)?,
            to: time(&self.to)?,
        };
        Ok((!nothing_to_look_for).then_some(filter))
    }
}

/// A page of calls.
#[derive(Serialize, ToSchema)]
struct CallPage {
    /// Newest first.
    calls: Vec<Call>,
    /// Send it as `cursor` for older calls. `null`: there are none. It may come with fewer calls than asked for,
    /// even none, when few of very many calls pass the filter.
    next_cursor: Option<String>,
}

/// The tenant's calls, newest first; an agent's own.
#[utoipa::path(get, path = "/api/calls", tag = "calls",
    security(("bearer" = ["calls:read"])), params(ListQuery), responses(
    (status = 200, body = CallPage),
    (status = 400, body = Problem),
    (status = 401, body = Problem),
))]
async fn list(
    State(app): State<App>,
    By(caller, _): By<CallsRead>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<CallPage>, ApiError> {
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::BadRequest("limit must be between 1 and 200".into()));
    }
    let after = query.after()?;
    let Some(filter) = query.filter()? else {
        return Ok(axum::Json(CallPage { calls: Vec::new(), next_cursor: None }));
    };
    let filter = CallFilter { answered_by: only_of(&caller), ..filter };
    let page = app.store.call_list(caller.tenant(), &filter, after, limit, app.config.timings.page).await?;
    let next_cursor = page.next.map(|place| place.to_string());
    Ok(axum::Json(CallPage { calls: page.rows, next_cursor }))
}

/// Calls that are going on.
#[derive(Serialize, ToSchema)]
struct ActiveCalls {
    /// Newest first; at most 1000.
    calls: Vec<Call>,
}

/// The calls that are not over; for an agent those that ring, and their own.
#[utoipa::path(get, path = "/api/calls/active", tag = "calls",
    security(("bearer" = ["calls:read"])), responses((status = 200, body = ActiveCalls)))]
async fn active(
    State(app): State<App>,
    By(caller, _): By<CallsRead>,
) -> Result<axum::Json<ActiveCalls>, ApiError> {
    let mut calls = app.store.call_active(caller.tenant()).await?;
    calls.retain(|call| caller.sees(call));
    Ok(axum::Json(ActiveCalls { calls }))
}

/// The newest call; an agent's own.
#[utoipa::path(get, path = "/api/calls/latest", tag = "calls",
    security(("bearer" = ["calls:read"])), responses(
    (status = 200, body = Call),
    (status = 404, description = "There is no call yet", body = Problem),
))]
async fn latest(State(app): State<App>, By(caller, _): By<CallsRead>) -> Result<axum::Json<Call>, ApiError> {
    let filter = CallFilter { answered_by: only_of(&caller), ..CallFilter::default() };
    let newest = app.store.call_list(caller.tenant(), &filter, None, 1, app.config.timings.page).await?;
    newest.rows.into_iter().next().map(axum::Json).ok_or(ApiError::NotFound)
}

/// One call.
#[utoipa::path(get, path = "/api/calls/{id}", tag = "calls",
    security(("bearer" = ["calls:read"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    responses((status = 200, body = CallDetail), (status = 404, body = Problem)))]
async fn view(
    State(app): State<App>,
    By(caller, _): By<CallsRead>,
    Path(call): Path<CallRef>,
) -> Result<axum::Json<CallDetail>, ApiError> {
    let tenant = caller.tenant();
    let found = app.store.call_fetch(tenant, call).await?;
    caller.must_see(&found)?;
    let recordings = app.store.recording_list(tenant, call).await?;
    Ok(axum::Json(CallDetail { call: found, recordings }))
}

/// What to change of a call. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CallChange {
    /// Whether a person took care of it.
    is_handled: Option<bool>,
    /// Whether it needs a person soon.
    is_urgent: Option<bool>,
    /// At most 10,000 characters; `null` empties it.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<String>)]
    notes: Option<Option<String>>,
    /// At most 20, of at most 50 characters each.
    tags: Option<Vec<String>>,
    /// At most 200 characters; `null` empties it.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<String>)]
    caller_name: Option<Option<String>>,
}

impl CallChange {
    fn check(self) -> Result<CallPatch, ApiError> {
        if let Some(Some(notes)) = &self.notes {
            check_text("notes", notes, 10_000)?;
        }
        if let Some(Some(name)) = &self.caller_name {
            check_text("caller_name", name, 200)?;
        }
        if let Some(tags) = &self.tags {
            if tags.len() > 20 || tags.iter().any(|tag| tag.trim().is_empty()) {
                return Err(ApiError::invalid("at most 20 tags, none of them empty"));
            }
            tags.iter().try_for_each(|tag| check_text("a tag", tag, 50))?;
        }
        Ok(CallPatch {
            is_handled: self.is_handled,
            is_urgent: self.is_urgent,
            notes: self.notes,
            tags: self.tags,
            caller_name: self.caller_name,
        })
    }
}

/// Changes a call.
#[utoipa::path(patch, path = "/api/calls/{id}", tag = "calls",
    security(("bearer" = ["calls:write"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    request_body = CallChange,
    responses(
        (status = 200, body = Call),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 422, body = Problem),
    ))]
async fn change(
    State(app): State<App>,
    By(caller, _): By<CallsWrite>,
    Path(call): Path<CallRef>,
    Json(body): Json<CallChange>,
) -> Result<axum::Json<Call>, ApiError> {
    let tenant = caller.tenant();
    let patch = body.check()?;
    let mut txn = app.store.begin(tenant).await?;
    let before = txn.call_fetch(tenant, call).await?;
    caller.must_see(&before)?;
    caller.require(&[Role::Admin, Role::Supervisor, Role::Agent])?;

    let mut changed = Map::new();
    let mut note = |field: &str, differs: Option<bool>, value: Value| {
        if differs == Some(true) {
            changed.insert(field.to_owned(), value);
        }
    };
    note("is_handled", patch.is_handled.map(|v| v != before.is_handled), patch.is_handled.into());
    note("is_urgent", patch.is_urgent.map(|v| v != before.is_urgent), patch.is_urgent.into());
    note("tags", patch.tags.as_ref().map(|v| *v != before.tags), patch.tags.clone().into());
    // What people wrote is in the record, not a second time in its history.
    note("notes", patch.notes.as_ref().map(|v| *v != before.notes), true.into());
    let name = patch.caller_name.clone().flatten();
    note("caller_name", patch.caller_name.as_ref().map(|v| *v != before.caller_name), name.into());
    if changed.is_empty() {
        return Ok(axum::Json(before));
    }
    let now = OffsetDateTime::now_utc();
    let fields: Vec<&String> = changed.keys().collect();
    let entry = caller.did(Action::CallChanged).of_call(before.id).with(json!({ "fields": fields }));
    txn.audit(tenant, entry, now).await?;
    let data = json!({ "changed": changed, "user": caller.named() });
    txn.call_patch(tenant, before.id, &patch).await?;
    txn.event(tenant, before.id, EventType::CallUpdated, now, data).await?;
    let after = txn.call_fetch(tenant, call).await?;
    txn.commit().await?;
    Ok(axum::Json(after))
}

/// Deletes a call that is over, for good: its record, what was said, what it is found by, who listened. That there was
/// one stays, and who deleted it.
#[utoipa::path(delete, path = "/api/calls/{id}", tag = "calls",
    security(("bearer" = ["calls:write"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    responses(
        (status = 204),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`call_in_progress`", body = Problem),
    ))]
async fn remove(
    State(app): State<App>,
    By(caller, _): By<CallsWrite>,
    Path(call): Path<CallRef>,
) -> Result<StatusCode, ApiError> {
    let tenant = caller.tenant();
    let mut txn = app.store.begin(tenant).await?;
    let call = txn.call_fetch(tenant, call).await?;
    caller.must_see(&call)?;
    caller.require(&[Role::Admin])?;
    if !call.status.is_over() || call.media.live {
        return Err(ApiError::Conflict { code: "call_in_progress", detail: "the call is not over yet" });
    }
    let data = serde_json::json!({ "user": caller.named() });
    let now = OffsetDateTime::now_utc();
    txn.call_delete(tenant, call.id, data, now).await?;
    txn.audit(tenant, caller.did(Action::CallRemoved).of_call(call.id), now).await?;
    txn.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose calls alone are listed for them. `None`: everybody's.
pub(super) fn only_of(caller: &Caller) -> Option<UserId> {
    (caller.role() == Role::Agent).then(|| caller.user())
}

/// An error unless there is this call for them. Whoever may see all calls is told by what follows.
pub(super) async fn must_see(app: &App, caller: &Caller, call: CallRef) -> Result<(), ApiError> {
    match caller.role() {
        Role::Agent => caller.must_see(&app.store.call_fetch(caller.tenant(), call).await?),
        Role::Admin | Role::Supervisor | Role::Viewer => Ok(()),
    }
}

/// Which events to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// Only events after this number.
    after: Option<i64>,
}

/// What happened to a call.
#[derive(Serialize, ToSchema)]
struct CallEvents {
    /// Oldest first; at most 1000, then ask again with `after`.
    events: Vec<CallEvent>,
}

/// What happened to a call, oldest first.
#[utoipa::path(get, path = "/api/calls/{id}/events", tag = "calls",
    security(("bearer" = ["calls:read"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`"), EventsQuery),
    responses((status = 200, body = CallEvents), (status = 404, body = Problem)))]
async fn events(
    State(app): State<App>,
    By(caller, _): By<CallsRead>,
    Path(call): Path<CallRef>,
    Query(query): Query<EventsQuery>,
) -> Result<axum::Json<CallEvents>, ApiError> {
    let after = query.after.unwrap_or(0);
    must_see(&app, &caller, call).await?;
    let events = app.store.event_list(caller.tenant(), call, after, EVENTS_MAX).await?;
    Ok(axum::Json(CallEvents { events }))
}

/// Who hears a call.
#[derive(Serialize, ToSchema)]
struct Listeners {
    /// Longest first; at most 1000.
    listeners: Vec<Hearing>,
}

/// Who hears a call now, and how well.
#[utoipa::path(get, path = "/api/calls/{id}/listeners", tag = "sessions",
    security(("bearer" = ["calls:read"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    responses((status = 200, body = Listeners), (status = 404, body = Problem)))]
async fn listeners(
    State(app): State<App>,
    By(caller, _): By<CallsRead>,
    Path(call): Path<CallRef>,
) -> Result<axum::Json<Listeners>, ApiError> {
    must_see(&app, &caller, call).await?;
    let (open, now) = (app.store.session_list(caller.tenant(), call).await?, Instant::now());
    let listeners = open.into_iter().map(|listener| {
        let quality = app.qualities.of(listener.id, now);
        Hearing { listener, quality }
    });
    Ok(axum::Json(Listeners { listeners: listeners.collect() }))
}
