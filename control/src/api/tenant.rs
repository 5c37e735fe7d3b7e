//! The caller's tenant, and what its admins decided.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, check_name};
use crate::App;
use crate::audit::Action;
use crate::auth::Caller;
use crate::error::{ApiError, Problem};
use crate::model::{Role, Tenant, TenantSettings};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(view, change))
}

/// The caller's tenant.
#[derive(Serialize, ToSchema)]
struct TenantView {
    /// Who.
    #[serde(flatten)]
    tenant: Tenant,
    /// What its admins decided. For them alone: `null` for anybody else.
    settings: Option<TenantSettings>,
}

/// The caller's tenant.
#[utoipa::path(get, path = "/api/tenant", tag = "tenant",
    responses((status = 200, body = TenantView), (status = 401, body = Problem)))]
async fn view(State(app): State<App>, caller: Caller) -> Result<axum::Json<TenantView>, ApiError> {
    let settings = match caller.role() {
        Role::Admin => Some(app.store.tenant_settings(caller.tenant()).await?),
        Role::Supervisor | Role::Agent | Role::Viewer => None,
    };
    Ok(axum::Json(TenantView { tenant: caller.person().tenant.clone(), settings }))
}

/// What to change of the tenant. What is left out stays, in `settings` too; `null` there takes a setting back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantChange {
    /// 1 to 100 characters.
    name: Option<String>,
    /// The settings to change.
    #[serde(default)]
    #[schema(value_type = Option<TenantSettings>)]
    settings: Map<String, Value>,
}

/// Changes the tenant.
#[utoipa::path(patch, path = "/api/tenant", tag = "tenant", request_body = TenantChange, responses(
    (status = 200, body = TenantView),
    (status = 403, body = Problem),
    (status = 422, body = Problem),
))]
async fn change(
    State(app): State<App>,
    caller: Caller,
    Json(body): Json<TenantChange>,
) -> Result<axum::Json<TenantView>, ApiError> {
    caller.require(&[Role::Admin])?;
    body.name.as_deref().map_or(Ok(()), check_name)?;
    let tenant = caller.tenant();
    let mut txn = app.store.begin(tenant).await?;
    let changed: Vec<String> = body.name.iter().map(|_| "name".to_owned()).chain(body.settings.keys().cloned()).collect();
    let settings = merge(&txn.tenant_settings(tenant).await?, body.settings)?;
    settings.check().map_err(ApiError::invalid)?;
    txn.tenant_put(tenant, body.name.as_deref(), &settings).await?;
    let entry = caller.did(Action::TenantChanged).with(json!({ "fields": changed }));
    txn.audit(tenant, entry, OffsetDateTime::now_utc()).await?;
    txn.commit().await?;
    let mut tenant = caller.person().tenant.clone();
    tenant.name = body.name.unwrap_or(tenant.name);
    Ok(axum::Json(TenantView { tenant, settings: Some(settings) }))
}

/// The settings with these changes (RFC 7396).
fn merge(settings: &TenantSettings, changes: Map<String, Value>) -> Result<TenantSettings, ApiError> {
    let invalid = |error: serde_json::Error| ApiError::Unprocessable {
        code: "invalid_body",
        detail: error.to_string().into(),
    };
    let mut merged = serde_json::to_value(settings).map_err(invalid)?;
    if let Value::Object(merged) = &mut merged {
        merged.extend(changes);
    }
    serde_json::from_value(merged).map_err(invalid)
}
