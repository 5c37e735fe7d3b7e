//! Calls to take away: lists, and one with all that was said.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};
use common::{CallId, TenantId};
use futures_util::stream;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::{Semaphore, SemaphorePermit};
use url::form_urlencoded;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::calls::ListQuery;
use super::extract::{Path, Query};
use super::paper::{self, Heading};
use crate::App;
use crate::audit::Action;
use crate::auth::{By, Caller, CallsRead};
use crate::error::{ApiError, Problem};
use crate::model::{Call, CallRef, Role};
use crate::pdf::PdfError;
use crate::store::{Place, StoreError};

/// Calls in one CSV file at most.
const MOST: usize = 5000;

/// Calls in one PDF at most: it is made whole before it is sent.
const MOST_ON_PAPER: usize = 500;

/// Messages of a call in one PDF at most, and read at a time.
const MOST_MESSAGES: usize = 5000;
const MESSAGES_AT_ONCE: u16 = 1000;

/// PDFs that are made at one time, by all: each takes a core, and up to some ten megabytes.
static PRESSES: Semaphore = Semaphore::const_new(2);

/// How long one waits for its turn.
const TURN: Duration = Duration::from_secs(10);

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
    OpenApiRouter::new().routes(routes!(export)).routes(routes!(export_one))
}

/// What the file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Format {
    Csv,
    Pdf,
}

impl Format {
    const fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Pdf => "pdf",
        }
    }

    const fn most(self) -> usize {
        match self {
            Self::Csv => MOST,
            Self::Pdf => MOST_ON_PAPER,
        }
    }

    /// The one that is asked for.
    fn of(asked: &[(String, String)]) -> Result<Self, ApiError> {
        let mut formats = asked.iter().filter(|(name, _)| name == "format").map(|(_, value)| value.as_str());
        match (formats.next(), formats.next()) {
            (Some("csv"), None) => Ok(Self::Csv),
            (Some("pdf"), None) => Ok(Self::Pdf),
            _ => Err(ApiError::BadRequest("format must be csv or pdf".into())),
        }
    }
}

/// The calls of a list as a file: CSV (RFC 4180), in UTF-8, at most 5000; or PDF, at most 500.
///
/// A cell of CSV that a spreadsheet would take for a formula has an apostrophe in front. When there are more calls, the
/// header `Link` has the address of the next file. Times in a PDF are UTC; its fonts are embedded, and nothing in it acts.
#[utoipa::path(get, path = "/api/calls/export", tag = "calls",
    security(("bearer" = ["calls:read"])),
    params(("format" = String, Query, description = "`csv` or `pdf`"), ListQuery),
    responses(
        (status = 200, content((String = "text/csv"), (Vec<u8> = "application/pdf"))),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 503, description = "Too many PDFs are being made", body = Problem),
    ))]
async fn export(
    State(app): State<App>,
    By(caller, _): By<CallsRead>,
    uri: Uri,
) -> Result<Response, ApiError> {
    caller.require(&[Role::Admin, Role::Supervisor])?;
    let asked: Vec<(String, String)> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let format = Format::of(&asked)?;
    let rest = || asked.iter().filter(|(name, _)| name != "format");
    let query = ListQuery::of_query(&encoded(rest()))?;
    if query.has_limit() {
        return Err(ApiError::BadRequest("an export has no limit of yours".into()));
    }
    let tenant = caller.tenant();
    let (places, next) = match query.filter()? {
        None => (Vec::new(), None),
        Some(filter) => {
            let page = app.store.call_places(tenant, &filter, query.after()?, format.most()).await?;
            (page.rows, page.next)
        }
    };
    let filters: Vec<&str> = rest().map(|(name, _)| name.as_str()).collect();
    let kept = json!({ "calls": places.len(), "filters": filters, "format": format.word() });
    let mut response = match format {
        Format::Csv => {
            exported(&app, &caller, None, kept).await?;
            let body = Body::from_stream(csv(app, tenant, places));
            file(body, "text/csv; charset=utf-8", "calls.csv")
        }
        Format::Pdf => {
            let turn = turn().await?;
            let mut calls = Vec::with_capacity(places.len());
            for some in places.chunks(AT_ONCE) {
                calls.extend(app.store.calls_at(tenant, some).await?);
            }
            exported(&app, &caller, None, kept).await?;
            let which: Vec<_> = rest().filter(|(name, _)| name != "cursor").cloned().collect();
            let (heading, is_whole) = (heading(&caller), next.is_none());
            let made = printed(turn, move || paper::list(&heading, &calls, &which, is_whole)).await?;
            file(made.into(), "application/pdf", "calls.pdf")
        }
    };
    let headers = response.headers_mut();
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

/// What the query of a call's export may say.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct OneQuery {
    format: String,
}

/// A call as a file: its record and what was said in it, as PDF; at most 5000 messages.
///
/// Times are UTC; all fonts are embedded, and nothing in it acts.
#[utoipa::path(get, path = "/api/calls/{id}/export", tag = "calls",
    security(("bearer" = ["calls:read"])),
    params(
        ("id" = String, Path, description = "`call_…`, or Twilio's `CA…`"),
        ("format" = String, Query, description = "`pdf`"),
    ),
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/pdf"),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 503, description = "Too many PDFs are being made", body = Problem),
    ))]
async fn export_one(
    State(app): State<App>,
    By(caller, _): By<CallsRead>,
    Path(call): Path<CallRef>,
    Query(query): Query<OneQuery>,
) -> Result<Response, ApiError> {
    caller.require(&[Role::Admin, Role::Supervisor])?;
    if query.format != "pdf" {
        return Err(ApiError::BadRequest("format must be pdf".into()));
    }
    let tenant = caller.tenant();
    let call = app.store.call_fetch(tenant, call).await?;
    let turn = turn().await?;
    let (mut messages, mut after, mut is_whole) = (Vec::new(), 0, true);
    loop {
        let some = app.store.message_list(tenant, CallRef::Id(call.id), after, MESSAGES_AT_ONCE).await?;
        let Some(last) = some.last() else { break };
        after = last.id;
        if messages.len() >= MOST_MESSAGES {
            is_whole = false;
            break;
        }
        messages.extend(some);
    }
    exported(&app, &caller, Some(call.id), json!({ "calls": 1, "format": "pdf" })).await?;
    let (heading, name) = (heading(&caller), format!("{}.pdf", call.id));
    let made = printed(turn, move || paper::record(&heading, &call, &messages, is_whole)).await?;
    Ok(file(made.into(), "application/pdf", &name))
}

/// A file to be saved under this name, which is plain ASCII.
fn file(body: Body, kind: &'static str, name: &str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

fn heading(caller: &Caller) -> Heading {
    let now = OffsetDateTime::now_utc();
    Heading { tenant: caller.person().tenant.name.clone(), person: caller.in_short().name, now }
}

/// Leave to make a PDF.
async fn turn() -> Result<SemaphorePermit<'static>, ApiError> {
    match tokio::time::timeout(TURN, PRESSES.acquire()).await {
        Ok(Ok(turn)) => Ok(turn),
        Ok(Err(_)) | Err(_) => Err(ApiError::Unavailable(TURN)),
    }
}

/// A PDF, made where it holds nobody up.
async fn printed(
    turn: SemaphorePermit<'static>,
    make: impl FnOnce() -> Result<Vec<u8>, PdfError> + Send + 'static,
) -> Result<Vec<u8>, ApiError> {
    let made = tokio::task::spawn_blocking(move || {
        let made = make();
        drop(turn);
        made
    });
    match made.await {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a PDF cannot be made");
            Err(ApiError::Panic)
        }
        Err(_) => Err(ApiError::Panic),
    }
}

/// Somebody takes calls away. What they looked for may be personal: only the kinds of it are told.
async fn exported(app: &App, caller: &Caller, call: Option<CallId>, what: Value) -> Result<(), StoreError> {
    let mut txn = app.store.begin(caller.tenant()).await?;
    let mut entry = caller.did(Action::DataExported).with(what);
    if let Some(call) = call {
        entry = entry.of_call(call);
    }
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
