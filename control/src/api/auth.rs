//! Signing in, staying signed in, signing out.

#![expect(unused_qualifications, reason = "the macro that describes the API writes them")]

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum_extra::extract::CookieJar;
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Query};
use crate::App;
use crate::audit::{Action, Entry};
use crate::auth::limit::subscriber;
use crate::auth::sign_in::{COOKIE, SignedIn, begin, new_refresh_token, no_cookie, signed_in};
use crate::auth::{By, Caller, Client, Nothing, password};
use crate::crypto::sha256;
use crate::error::{ApiError, Problem};
use crate::model::User;
use crate::store::{Rotation, StoreError, UserAuth, Whose};

/// Longest e-mail that is looked at, in bytes (RFC 5321 section 4.5.3.1).
const MAX_EMAIL: usize = 254;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(me))
}

/// E-mail and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// The e-mail, whatever its case.
    email: String,
    /// The password.
    password: String,
}

/// Signs in. The refresh token comes as a cookie that scripts cannot read.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = Login, security(()), responses(
    (status = 200, body = SignedIn),
    (status = 401, description = "E-mail or password is wrong", body = Problem),
    (status = 429, description = "Too many tries: wait as `Retry-After` says", body = Problem),
))]
async fn login(
    State(app): State<App>,
    Client(address): Client,
    jar: CookieJar,
    Json(body): Json<Login>,
) -> Result<impl IntoResponse, ApiError> {
    let email = body.email.trim().to_lowercase();
    let limited = |scope, wait| {
        app.metrics.rate_limited.with_label_values(&[scope]).inc();
        ApiError::TooMany(wait)
    };
    app.login_by_address.check(subscriber(address)).map_err(|wait| limited("login_address", wait))?;
    app.login_by_email.check(sha256(email.as_bytes())).map_err(|wait| limited("login_email", wait))?;

    // What no e-mail or password can be is nobody's; it is checked all the same, so that the answer takes as
    // long.
    let impossible =
        email.len() > MAX_EMAIL || email.contains('\0') || body.password.len() > password::MAX_LENGTH;
    let (found, password) = match impossible {
        true => (None, String::new()),
        false => (user_by_email(&app, &email).await?, body.password),
    };
    let kept = found.as_ref().map(|auth| auth.password_hash.clone());
    // Who comes by a provider has none, and is told so as late as who is nobody.
    let kept = kept.filter(|kept| !kept.is_empty());
    let right = app.passwords.verify(password, kept).await;
    let right = right.map_err(|password::Busy| limited("login_busy", Duration::from_secs(5)))?;
    let Some(user) = found.as_ref().filter(|auth| right && !auth.disabled).map(|auth| auth.user.clone())
    else {
        app.metrics.auth_failures.with_label_values(&["password"]).inc();
        if let Some(auth) = found {
            keep_failure(&app, &auth, "password", address);
        }
        return Err(ApiError::BadCredentials);
    };

    let now = OffsetDateTime::now_utc();
    let mut txn = app.store.begin(user.tenant.id).await?;
    let entry = Entry::new(Action::SignInStarted).from(address).with(json!({ "by": "password" }));
    let (sign_in, cookie) = begin(&app, &mut txn, &user, entry, now).await?;
    txn.commit().await?;
    Ok((jar.add(cookie), signed_in(&app, user, sign_in, now)))
}

/// Writes into the audit log that somebody tried to sign in as this person. Beside the answer, which must not take
/// longer for people that there are.
pub(super) fn keep_failure(app: &App, auth: &UserAuth, by: &str, address: IpAddr) {
    let (app, tenant) = (app.clone(), auth.user.tenant.id);
    let data = json!({ "by": by, "disabled": auth.disabled });
    let entry = Entry::new(Action::SignInFailed).by(auth.user.id).from(address).with(data);
    tokio::spawn(async move {
        let kept = async {
            let mut txn = app.store.begin(tenant).await?;
            txn.audit(tenant, entry, OffsetDateTime::now_utc()).await?;
            txn.commit().await
        };
        if let Err(error) = kept.await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a failed sign-in is not in the audit log"
            );
        }
    });
}

/// Gives a new access token for the refresh cookie, and a new cookie. Each cookie is good once.
#[utoipa::path(post, path = "/api/auth/refresh", tag = "auth", security(()), responses(
    (status = 200, body = SignedIn),
    (status = 401, description = "No cookie, or one that is not good any more", body = Problem),
))]
async fn refresh(
    State(app): State<App>,
    Client(address): Client,
    headers: HeaderMap,
    jar: CookieJar,
) -> Result<impl IntoResponse, (CookieJar, ApiError)> {
    let refused = |jar: CookieJar, kind: &str| {
        app.metrics.auth_failures.with_label_values(&[kind]).inc();
        (jar.add(no_cookie(&app)), ApiError::Unauthorized)
    };
    if headers.get(header::ORIGIN).is_some_and(|origin| !app.origin_is_allowed(origin)) {
        return Err((jar, ApiError::Forbidden("this page's origin is not allowed")));
    }
    let Some(hash) = jar.get(COOKIE).map(|cookie| sha256(cookie.value().as_bytes())) else {
        return Err(refused(jar, "refresh"));
    };
    let now = OffsetDateTime::now_utc();
    let rotated = async {
        let Some((tenant, _)) = app.store.refresh_token_owner(hash).await? else {
            // A stranger does not take a writer's turn.
            return Ok((Rotation::Unknown, None));
        };
        let mut txn = app.store.begin(tenant).await?;
        let rotation = txn.refresh_token_use(tenant, hash, now, app.config.timings.refresh_grace).await?;
        let mut ended = Vec::new();
        let cookie = match &rotation {
            Rotation::Good { sign_in, expires_at, .. } => {
                Some(new_refresh_token(&app, &mut txn, tenant, *sign_in, *expires_at).await?)
            }
            Rotation::Reused { user, sign_in } => {
                ended = txn.cut_off(tenant, Whose::SignIn(*sign_in), now).await?;
                let entry = Entry::new(Action::SignInReused).by(*user).from(address);
                txn.audit(tenant, entry, now).await?;
                None
            }
            Rotation::Unknown => None,
        };
        // A reuse is committed too: it ends the sign-in.
        txn.commit().await?;
        app.end_sessions(ended);
        Ok::<_, StoreError>((rotation, cookie))
    };
    match rotated.await {
        Ok((Rotation::Good { user, sign_in, .. }, Some(cookie))) => {
            Ok((jar.add(cookie), signed_in(&app, *user, sign_in, now)))
        }
        Ok((Rotation::Reused { .. }, _)) => {
            tracing::warn!("a used refresh token came again: the sign-in is ended");
            Err(refused(jar, "refresh_reuse"))
        }
        Ok(_) => Err(refused(jar, "refresh")),
        Err(error) => Err((jar, ApiError::from(error))),
    }
}

/// What else to end.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LogoutQuery {
    /// `true` ends all sign-ins of the person, on whatever device. API keys stay.
    #[serde(default)]
    everywhere: bool,
}

/// Signs out: the access token, the refresh cookie, live sockets and connections to calls end. Fine to call twice.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", security(()), params(LogoutQuery),
    responses((status = 204), (status = 400, body = Problem)))]
async fn logout(
    State(app): State<App>,
    Client(address): Client,
    headers: HeaderMap,
    jar: CookieJar,
    caller: Option<Caller>,
    Query(query): Query<LogoutQuery>,
) -> Result<impl IntoResponse, ApiError> {
    if headers.get(header::ORIGIN).is_some_and(|origin| !app.origin_is_allowed(origin)) {
        return Err(ApiError::Forbidden("this page's origin is not allowed"));
    }
    let mut sign_ins: Vec<_> =
        caller.and_then(|caller| Some((caller.tenant(), caller.sign_in()?))).into_iter().collect();
    if let Some(cookie) = jar.get(COOKIE) {
        sign_ins.extend(app.store.refresh_token_owner(sha256(cookie.value().as_bytes())).await?);
    }
    for (tenant, sign_in) in sign_ins {
        let now = OffsetDateTime::now_utc();
        let mut txn = app.store.begin(tenant).await?;
        let mut ended = Vec::new();
        if let Some(user) = txn.sign_in_revoke(tenant, sign_in, now).await? {
            let whose = match query.everywhere {
                true => Whose::SignInsOf(user, None),
                false => Whose::SignIn(sign_in),
            };
            ended = txn.cut_off(tenant, whose, now).await?;
            let entry = Entry::new(Action::SignInEnded).by(user).from(address);
            txn.audit(tenant, entry.with(json!({ "everywhere": query.everywhere })), now).await?;
        }
        txn.commit().await?;
        app.end_sessions(ended);
    }
    Ok((jar.add(no_cookie(&app)), StatusCode::NO_CONTENT))
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/me", tag = "auth", responses(
    (status = 200, body = User),
    (status = 401, body = Problem),
))]
async fn me(By(caller, _): By<Nothing>) -> axum::Json<User> {
    axum::Json(caller.person().clone())
}

/// Whose e-mail this is, in whatever tenant, and what their password is checked against.
pub(super) async fn user_by_email(app: &App, email: &str) -> Result<Option<UserAuth>, StoreError> {
    match app.store.tenant_by_email(email).await? {
        Some(tenant) => app.store.user_by_email(tenant, email).await,
        None => Ok(None),
    }
}
