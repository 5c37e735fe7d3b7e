//! People of the tenant. For its admins.

use axum::extract::State;
use axum::http::StatusCode;
use common::UserId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Path, check_text};
use crate::App;
use crate::audit::Action;
use crate::auth::{Caller, password};
use crate::error::{ApiError, Problem};
use crate::model::{Role, User};
use crate::store::{NewUser, UserPatch, Whose};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(change))
}

/// The tenant's people.
#[derive(Serialize, ToSchema)]
struct Users {
    /// By name; at most 1000.
    users: Vec<User>,
}

/// The tenant's people who may sign in.
#[utoipa::path(get, path = "/api/users", tag = "users", responses(
    (status = 200, body = Users),
    (status = 403, body = Problem),
))]
async fn list(State(app): State<App>, caller: Caller) -> Result<axum::Json<Users>, ApiError> {
    caller.require(&[Role::Admin])?;
    Ok(axum::Json(Users { users: app.store.user_list(caller.tenant()).await? }))
}

/// A person to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserCreate {
    /// What they sign in with.
    email: String,
    /// At most 100 characters.
    name: String,
    /// What they may do.
    role: Role,
    /// At least 8 characters.
    password: String,
}

/// Adds a person.
#[utoipa::path(post, path = "/api/users", tag = "users", request_body = UserCreate, responses(
    (status = 201, body = User),
    (status = 403, body = Problem),
    (status = 409, description = "`email_taken`", body = Problem),
    (status = 422, body = Problem),
))]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(body): Json<UserCreate>,
) -> Result<(StatusCode, axum::Json<User>), ApiError> {
    caller.require(&[Role::Admin])?;
    check_name(&body.name)?;
    let email = body.email.trim().to_lowercase();
    check_email(&email).map_err(ApiError::invalid)?;
    check_password(&body.password).map_err(ApiError::invalid)?;
    let busy = |password::Busy| ApiError::Unavailable(std::time::Duration::from_secs(5));
    let password_hash = app.passwords.hash(body.password).await.map_err(busy)?;
    let id = UserId::new();
    let new = NewUser { id, email: &email, name: &body.name, role: body.role, password_hash: &password_hash };
    let (tenant, now) = (caller.tenant(), OffsetDateTime::now_utc());
    let mut txn = app.store.begin(tenant).await?;
    if !txn.user_create(tenant, new, now).await? {
        return Err(ApiError::Conflict { code: "email_taken", detail: "this e-mail cannot be used" });
    }
    let entry = caller.did(Action::UserAdded).on(id).with(json!({ "role": body.role }));
    txn.audit(tenant, entry, now).await?;
    txn.commit().await?;
    let tenant = caller.person().tenant.clone();
    Ok((StatusCode::CREATED, axum::Json(User { id, email, name: body.name, role: body.role, tenant })))
}

/// What to change of a person. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserChange {
    /// At most 100 characters.
    name: Option<String>,
    /// What they may do, from their next request on.
    role: Option<Role>,
    /// `true` ends what they have open and lets them sign in no more.
    disabled: Option<bool>,
}

/// Changes a person. A change of role, or disabling, ends their sign-ins and open connections.
#[utoipa::path(patch, path = "/api/users/{id}", tag = "users",
    params(("id" = String, Path, description = "`usr_…`")),
    request_body = UserChange,
    responses(
        (status = 200, body = User),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`last_admin`", body = Problem),
        (status = 422, body = Problem),
    ))]
async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(user): Path<UserId>,
    Json(body): Json<UserChange>,
) -> Result<axum::Json<User>, ApiError> {
    caller.require(&[Role::Admin])?;
    body.name.as_deref().map_or(Ok(()), check_name)?;
    let (tenant, now) = (caller.tenant(), OffsetDateTime::now_utc());
    let mut txn = app.store.begin(tenant).await?;
    let ends = body.role.is_some() || body.disabled == Some(true);
    let data = json!({ "name": body.name.is_some(), "role": body.role, "disabled": body.disabled });
    let patch = UserPatch { name: body.name, role: body.role, disabled: body.disabled };
    let changed = txn.user_patch(tenant, user, &patch).await?;
    if txn.admin_count(tenant).await? == 0 {
        return Err(ApiError::Conflict { code: "last_admin", detail: "somebody must stay admin" });
    }
    txn.audit(tenant, caller.did(Action::UserChanged).on(user).with(data), now).await?;
    let ended = match ends {
        true => txn.cut_off(tenant, Whose::User(user), now).await?,
        false => Vec::new(),
    };
    txn.commit().await?;
    app.end_sessions(ended);
    Ok(axum::Json(changed))
}

/// An error unless this can be a name.
pub(crate) fn check_name(name: &str) -> Result<(), ApiError> {
    if name.trim().is_empty() {
        return Err(ApiError::invalid("name must not be empty"));
    }
    check_text("name", name, 100)
}

/// Whether this can be an e-mail address, lower case. Whether it is one, only a mail would show.
pub(crate) fn check_email(email: &str) -> Result<(), &'static str> {
    let (name, host) = email.rsplit_once('@').unwrap_or_default();
    let plain = !email.contains(|c: char| c.is_whitespace() || c.is_control());
    match plain && !name.is_empty() && !host.is_empty() && email.len() <= 254 {
        true => Ok(()),
        false => Err("email must be an e-mail address of at most 254 bytes"),
    }
}

/// Whether this may be a password.
pub(crate) fn check_password(password: &str) -> Result<(), &'static str> {
    match password.chars().count() >= password::MIN_LENGTH && password.len() <= password::MAX_LENGTH {
        true => Ok(()),
        false => Err("password must have at least 8 characters and at most 1024 bytes"),
    }
}
