//! Phone numbers and what happens when they are called.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Path, check_text};
use crate::App;
use crate::audit::Action;
use crate::auth::{By, Caller, NumbersRead, NumbersWrite};
use crate::error::{ApiError, Problem};
use crate::model::{Number, NumberSettings, Role, Route, is_e164};
use crate::store::{NumberChange, NumberNew};

/// Numbers that a tenant may have.
const MAX_NUMBERS: i64 = 1000;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(change, remove))
}

/// The tenant's numbers.
#[derive(Serialize, ToSchema)]
struct Numbers {
    /// In order.
    numbers: Vec<Number>,
}

/// The tenant's numbers.
#[utoipa::path(get, path = "/api/numbers", tag = "numbers",
    security(("bearer" = ["numbers:read"])), responses((status = 200, body = Numbers)))]
async fn list(
    State(app): State<App>,
    By(caller, _): By<NumbersRead>,
) -> Result<axum::Json<Numbers>, ApiError> {
    let numbers = app.store.number_list(caller.tenant(), &app.secrets).await?;
    let numbers = numbers.into_iter().map(|number| shown(&caller, number)).collect();
    Ok(axum::Json(Numbers { numbers }))
}

/// A number to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NumberCreate {
    /// E.164.
    number: String,
    /// What people call it; at most 100 characters.
    #[serde(default)]
    label: String,
    /// What its TwiML does; `monitor` unless given.
    route: Option<Route>,
    /// The particulars.
    #[serde(default)]
    settings: NumberSettings,
}

/// Adds a number of the tenant's Twilio account.
#[utoipa::path(post, path = "/api/numbers", tag = "numbers",
    security(("bearer" = ["numbers:write"])), request_body = NumberCreate, responses(
    (status = 201, body = Number),
    (status = 403, body = Problem),
    (status = 409, description = "`number_exists`", body = Problem),
    (status = 422, body = Problem),
))]
async fn create(
    State(app): State<App>,
    By(caller, _): By<NumbersWrite>,
    Json(body): Json<NumberCreate>,
) -> Result<(StatusCode, axum::Json<Number>), ApiError> {
    caller.require(&[Role::Admin])?;
    if !is_e164(&body.number) {
        return Err(ApiError::invalid("number must be E.164: +, country code, subscriber number"));
    }
    check_text("label", &body.label, 100)?;
    check_settings(&body.settings)?;
    let mut txn = app.store.begin(caller.tenant()).await?;
    if txn.number_count(caller.tenant()).await? >= MAX_NUMBERS {
        return Err(ApiError::Conflict { code: "too_many_numbers", detail: "no more numbers can be added" });
    }
    let new = NumberNew {
        number: &body.number,
        label: &body.label,
        route: body.route.unwrap_or(Route::Monitor),
        settings: &body.settings,
    };
    let now = OffsetDateTime::now_utc();
    let Some(made) = txn.number_create(caller.tenant(), new, &app.secrets, now).await? else {
        return Err(ApiError::Conflict { code: "number_exists", detail: "the number is there already" });
    };
    let entry = caller.did(Action::NumberAdded).on(&made.number).with(json!({ "route": made.route }));
    txn.audit(caller.tenant(), entry, now).await?;
    txn.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(made)))
}

/// What to change of a number. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NumberPatch {
    /// What people call it; at most 100 characters.
    label: Option<String>,
    /// What its TwiML does.
    route: Option<Route>,
    /// All of the particulars anew.
    settings: Option<NumberSettings>,
}

/// Changes a number.
#[utoipa::path(patch, path = "/api/numbers/{number}", tag = "numbers",
    security(("bearer" = ["numbers:write"])),
    params(("number" = String, Path, description = "E.164")),
    request_body = NumberPatch,
    responses(
        (status = 200, body = Number),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 422, body = Problem),
    ))]
async fn change(
    State(app): State<App>,
    By(caller, _): By<NumbersWrite>,
    Path(number): Path<String>,
    Json(body): Json<NumberPatch>,
) -> Result<axum::Json<Number>, ApiError> {
    caller.require(&[Role::Admin])?;
    check_text("label", body.label.as_deref().unwrap_or_default(), 100)?;
    body.settings.as_ref().map_or(Ok(()), check_settings)?;
    let change = NumberChange { label: body.label, route: body.route, settings: body.settings };
    let mut txn = app.store.begin(caller.tenant()).await?;
    let number = txn.number_change(caller.tenant(), &number, &change, &app.secrets).await?;
    let data = json!({ "label": change.label, "route": change.route, "settings": change.settings.as_ref().map(for_the_log) });
    let entry = caller.did(Action::NumberChanged).on(&number.number).with(data);
    txn.audit(caller.tenant(), entry, OffsetDateTime::now_utc()).await?;
    txn.commit().await?;
    Ok(axum::Json(number))
}

/// Forgets a number. Its calls stay; new ones are rejected.
#[utoipa::path(delete, path = "/api/numbers/{number}", tag = "numbers",
    security(("bearer" = ["numbers:write"])),
    params(("number" = String, Path, description = "E.164")),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn remove(
    State(app): State<App>,
    By(caller, _): By<NumbersWrite>,
    Path(number): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require(&[Role::Admin])?;
    let mut txn = app.store.begin(caller.tenant()).await?;
    txn.number_delete(caller.tenant(), &number).await?;
    let entry = caller.did(Action::NumberRemoved).on(&number);
    txn.audit(caller.tenant(), entry, OffsetDateTime::now_utc()).await?;
    txn.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_settings(settings: &NumberSettings) -> Result<(), ApiError> {
    settings.check().map_err(|why| ApiError::invalid(format!("settings.{why}")))
}

/// A number as this caller may see it: what its bot is told may have secrets.
fn shown(caller: &Caller, mut number: Number) -> Number {
    if caller.role() != Role::Admin {
        number.settings.bot = None;
    }
    number
}

/// The settings as the audit log keeps them for ever: of a bot which kind it is.
fn for_the_log(settings: &NumberSettings) -> Value {
    let NumberSettings { dial, disclosure, bot, waiting } = settings;
    let bot = bot.as_ref().map(|bot| json!({ "kind": bot.kind() }));
    json!({ "dial": dial, "disclosure": disclosure, "bot": bot, "waiting": waiting })
}
