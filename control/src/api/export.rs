//! Lists of calls to take away.

use std::fmt::Write as _;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};
use common::TenantId;
use futures_util::stream;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::form_urlencoded;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::calls::ListQuery;
use crate::App;
use crate::audit::Action;
use crate::auth::{By, Caller, CallsRead};
use crate::error::{ApiError, Problem};
use crate::model::{Call, Role};
use crate::store::{Place, StoreError};

/// Calls in one file at most.
const MOST: usize = 5000;

/// Calls read at a time.
const AT_ONCE: usize = 200;

/// The first line.
const COLUMNS: [&str; 17] = [
    "id",
    "call_sid",
    "direction",
    "status",
    "caller_name",
    "customer_number",
    "organization_number",
    "started_at",
    "answered_at",
    "ended_at",
    "duration_seconds",
    "is_handled",
    "is_urgent",
    "intent",
    "summary",
    "tags",
    "notes",
];

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(export))
}

/// The calls of a list as a file: CSV (RFC 4180), in UTF-8, at most 5000.
///
/// A cell that a spreadsheet would take for a formula has an apostrophe in front. When there are more calls, the
/// header `Link` has the address of the next file.
#[utoipa::path(get, path = "/api/calls/export", tag = "calls",
    security(("bearer" = ["calls:read"])),
    params(("format" = String, Query, description = "`csv`"), ListQuery),
    responses(
        (status = 200, body = String, content_type = "text/csv"),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
    ))]
async fn export(
    State(app): State<App>,
    By(caller, _): By<CallsRead>,
    uri: Uri,
) -> Result<Response, ApiError> {
    caller.require(&[Role::Admin, Role::Supervisor])?;
    let asked: Vec<(String, String)> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let formats: Vec<&str> =
        asked.iter().filter(|(name, _)| name == "format").map(|(_, value)| value.as_str()).collect();
    if formats != ["csv"] {
        return Err(ApiError::BadRequest("format must be csv".into()));
    }
    let rest = || asked.iter().filter(|(name, _)| name != "format");
    let query = ListQuery::of_query(&encoded(rest()))?;
    if query.has_limit() {
        return Err(ApiError::BadRequest("an export has no limit of yours".into()));
    }
    let tenant = caller.tenant();
    let (places, next) = match query.filter()? {
        None => (Vec::new(), None),
        Some(filter) => {
            let page = app.store.call_places(tenant, &filter, query.after()?, MOST).await?;
            (page.rows, page.next)
        }
    };
    exported(&app, &caller, places.len(), rest().map(|(name, _)| name.as_str()).collect()).await?;
    let mut response = Body::from_stream(csv(app, tenant, places)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers
        .insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"calls.csv\""));
    if let Some(next) = next {
        let more = asked.iter().filter(|(name, _)| name != "cursor");
        let cursor = ("cursor".to_owned(), next.to_string());
        let link = format!("</api/calls/export?{}>; rel=\"next\"", encoded(more.chain([&cursor])));
        if let Ok(link) = HeaderValue::try_from(link) {
            headers.insert(header::LINK, link);
        }
    }
    Ok(response)
}

/// Somebody takes a list away. What they looked for may be personal: only the kinds of it are told.
async fn exported(app: &App, caller: &Caller, calls: usize, filters: Vec<&str>) -> Result<(), StoreError> {
    let mut txn = app.store.begin(caller.tenant()).await?;
    let entry = caller.did(Action::DataExported).with(json!({ "calls": calls, "filters": filters }));
    txn.audit(caller.tenant(), entry, OffsetDateTime::now_utc()).await?;
    txn.commit().await
}

fn encoded<'a>(pairs: impl Iterator<Item = &'a (String, String)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The file, a few calls at a time. A call that is deleted meanwhile is not in it. Should the database fail, the
/// answer breaks off: half a file must not look like a whole one.
fn csv(
    app: App,
    tenant: TenantId,
    places: Vec<Place>,
) -> impl stream::Stream<Item = Result<Bytes, StoreError>> {
    let head = COLUMNS.join(",") + "\r\n";
    let rows = stream::unfold((app, places.into_iter()), move |(app, mut places)| async move {
        let some: Vec<Place> = places.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return None;
        }
        let rows = app.store.calls_at(tenant, &some).await.map(|calls| {
            let text: String = calls.iter().map(row).collect();
            Bytes::from(text)
        });
        Some((rows, (app, places)))
    });
    stream::StreamExt::chain(stream::once(async move { Ok(Bytes::from(head)) }), rows)
}

fn row(call: &Call) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let time = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
    let maybe = |at: Option<OffsetDateTime>| at.map(time).unwrap_or_default();
    let cells: [String; COLUMNS.len()] = [
        call.id.to_string(),
        call.call_sid.to_string(),
        call.direction.to_string(),
        call.status.to_string(),
        text(&call.caller_name),
        call.customer_number.clone(),
        call.organization_number.clone(),
        time(call.started_at),
        maybe(call.answered_at),
        maybe(call.ended_at),
        call.duration_seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
        call.is_handled.to_string(),
        call.is_urgent.to_string(),
        text(&call.intent),
        text(&call.summary),
        call.tags.join(", "),
        text(&call.notes),
    ];
    let mut line = String::new();
    for (n, cell) in cells.iter().enumerate() {
        let between = if n == 0 { "" } else { "," };
        let _infallible = write!(line, "{between}\"{}\"", harmless(cell).replace('"', "\"\""));
    }
    line + "\r\n"
}

/// The text, so that no spreadsheet takes it for a formula (OWASP: CSV injection).
fn harmless(text: &str) -> String {
    let begins = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if begins { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_begins_like_a_formula_is_one() {
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"] {
            assert_eq!(harmless(bad), format!("'{bad}"));
        }
        for fine in ["", "a=1", " =1", "1-1", "'=1", "<b>"] {
            assert_eq!(harmless(fine), fine);
        }
    }
}
