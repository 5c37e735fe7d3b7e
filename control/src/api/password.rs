//! A person's own password.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Json;
use super::users::check_password;
use crate::App;
use crate::audit::Action;
use crate::auth::{Caller, password};
use crate::crypto::sha256;
use crate::error::{ApiError, Problem};
use crate::store::Whose;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(change))
}

/// A password in place of another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The password until now.
    old: String,
    /// At least 8 characters.
    new: String,
}

/// Changes one's own password. One's other sign-ins end, and what they have open; this one goes on.
#[utoipa::path(post, path = "/api/auth/password", tag = "auth", request_body = PasswordChange, responses(
    (status = 204),
    (status = 401, body = Problem),
    (status = 422, description = "`wrong_password`: the old one is not right; or a bad body", body = Problem),
    (status = 429, body = Problem),
))]
async fn change(
    State(app): State<App>,
    caller: Caller,
    Json(body): Json<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    let (tenant, user) = (caller.tenant(), caller.user());
    let email = &caller.person().email;
    // The same tries as for signing in: a stolen access token must not be a way to guess.
    if let Err(wait) = app.login_by_email.check(sha256(email.as_bytes())) {
        app.metrics.rate_limited.with_label_values(&["login_email"]).inc();
        return Err(ApiError::TooMany(wait));
    }
    check_password(&body.new).map_err(ApiError::invalid)?;
    let busy = |password::Busy| ApiError::Unavailable(Duration::from_secs(5));
    let kept = app.store.user_by_email(tenant, email).await?.map(|auth| auth.password_hash);
    let right =
        body.old.len() <= password::MAX_LENGTH && app.passwords.verify(body.old, kept).await.map_err(busy)?;
    if !right {
        app.metrics.auth_failures.with_label_values(&["password"]).inc();
        let detail = "the old password is wrong".into();
        return Err(ApiError::Unprocessable { code: "wrong_password", detail });
    }
    let hash = app.passwords.hash(body.new).await.map_err(busy)?;
    let now = OffsetDateTime::now_utc();
    let mut txn = app.store.begin(tenant).await?;
    if !txn.still_in(tenant, &caller.opener()).await? {
        return Err(ApiError::Unauthorized);
    }
    txn.user_password_put(tenant, user, &hash).await?;
    let ended = txn.cut_off(tenant, Whose::SignInsOf(user, caller.sign_in()), now).await?;
    txn.audit(tenant, caller.did(Action::PasswordChanged).on(user), now).await?;
    txn.commit().await?;
    app.end_sessions(ended);
    Ok(StatusCode::NO_CONTENT)
}
