//! API keys, for programs. For admins.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Path, check_name};
use crate::App;
use crate::audit::Action;
use crate::auth::{Caller, KEY_PREFIX};
use crate::crypto::{named_secret, sha256};
use crate::error::{ApiError, Problem};
use crate::model::{ApiKey, Role, Scope};
use crate::store::{NewKey, Whose};

/// Keys that a tenant may have.
const MAX_KEYS: i64 = 100;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// The tenant's API keys.
#[derive(Serialize, ToSchema)]
struct ApiKeys {
    /// Oldest first, without those that were revoked.
    keys: Vec<ApiKey>,
}

/// The tenant's API keys.
#[utoipa::path(get, path = "/api/keys", tag = "keys", responses(
    (status = 200, body = ApiKeys),
    (status = 403, body = Problem),
))]
async fn list(State(app): State<App>, caller: Caller) -> Result<axum::Json<ApiKeys>, ApiError> {
    caller.require(&[Role::Admin])?;
    Ok(axum::Json(ApiKeys { keys: app.store.key_list(caller.tenant()).await? }))
}

/// An API key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeyCreate {
    /// What it is for; 1 to 100 characters.
    name: String,
    /// What it may do; at least one.
    scopes: Vec<Scope>,
    /// Until when it is good (RFC 3339). Left out: until it is revoked.
    #[serde(default, with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
}

/// An API key that was made just now.
#[derive(Serialize, ToSchema)]
struct KeyCreated {
    /// The key, to be sent as `Authorization: Bearer`. It is shown here and never again.
    #[schema(example = "plk_0123456789abcdef_…")]
    key: String,
    /// As it is listed.
    #[serde(flatten)]
    listed: ApiKey,
}

/// Makes an API key that acts for the caller: never more than its scopes say, nor than the caller may then.
#[utoipa::path(post, path = "/api/keys", tag = "keys", request_body = KeyCreate, responses(
    (status = 201, body = KeyCreated),
    (status = 403, body = Problem),
    (status = 409, description = "`too_many_keys`", body = Problem),
    (status = 422, body = Problem),
))]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(body): Json<KeyCreate>,
) -> Result<(StatusCode, axum::Json<KeyCreated>), ApiError> {
    caller.require(&[Role::Admin])?;
    let (tenant, now) = (caller.tenant(), OffsetDateTime::now_utc());
    check_name(&body.name)?;
    if body.scopes.is_empty() {
        return Err(ApiError::invalid("a key needs at least one scope"));
    }
    if body.expires_at.is_some_and(|end| end <= now) {
        return Err(ApiError::invalid("expires_at must be yet to come"));
    }
    let scopes: Vec<Scope> = Scope::ALL.iter().copied().filter(|scope| body.scopes.contains(scope)).collect();

    let (id, key) = named_secret(KEY_PREFIX);
    let mut txn = app.store.begin(tenant).await?;
    if txn.key_count(tenant).await? >= MAX_KEYS {
        return Err(ApiError::Conflict { code: "too_many_keys", detail: "no more keys can be made" });
    }
    let new = NewKey {
        id: &id,
        hash: sha256(key.as_bytes()),
        user: caller.user(),
        name: &body.name,
        scopes: &scopes,
        expires_at: body.expires_at,
    };
    let listed = txn.key_create(tenant, &new, now).await?;
    txn.audit(tenant, caller.did(Action::KeyAdded).on(&id).with(json!({ "scopes": scopes })), now).await?;
    txn.commit().await?;
    tracing::info!(%tenant, key = id, user = %caller.user(), "an API key is made");
    Ok((StatusCode::CREATED, axum::Json(KeyCreated { key, listed })))
}

/// Revokes an API key, from its next request on. What it has open ends.
#[utoipa::path(delete, path = "/api/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "`plk_…`, the first part of the key")),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require(&[Role::Admin])?;
    let tenant = caller.tenant();
    let mut txn = app.store.begin(tenant).await?;
    let now = OffsetDateTime::now_utc();
    if !txn.key_revoke(tenant, &key, now).await? {
        return Err(ApiError::NotFound);
    }
    let ended = txn.cut_off(tenant, Whose::Key(&key), now).await?;
    txn.audit(tenant, caller.did(Action::KeyRevoked).on(&key), now).await?;
    txn.commit().await?;
    app.end_sessions(ended);
    tracing::info!(%tenant, key, user = %caller.user(), "an API key is revoked");
    Ok(StatusCode::NO_CONTENT)
}
