//! Signing in, staying signed in, signing out.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::TenantId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::extract::Json;
use crate::App;
use crate::auth::limit::client_address;
use crate::auth::{By, Caller, Nothing, UserToken, password};
use crate::crypto::{random, sha256};
use crate::error::{ApiError, Problem};
use crate::model::User;
use crate::store::{Rotation, SignIn, StoreError, Txn, UserAuth};

/// The refresh token's cookie. Only the paths below get it.
const COOKIE: &str = "partyline_refresh";
const COOKIE_PATH: &str = "/api/auth";

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

/// An access token and whose it is.
#[derive(Serialize, ToSchema)]
struct SignedIn {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    /// `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until it expires. Refresh before that.
    #[schema(example = 600)]
    expires_in: u64,
    /// Who signed in.
    user: User,
}

/// Signs in. The refresh token comes as a cookie that scripts cannot read.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = Login, security(()), responses(
    (status = 200, body = SignedIn),
    (status = 401, description = "E-mail or password is wrong", body = Problem),
    (status = 429, description = "Too many tries: wait as `Retry-After` says", body = Problem),
))]
async fn login(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    jar: CookieJar,
    Json(body): Json<Login>,
) -> Result<impl IntoResponse, ApiError> {
    let address = client_address(peer.ip(), &headers, &app.config.trusted_proxies);
    let email = body.email.trim().to_lowercase();
    let limited = |scope, wait| {
        app.metrics.rate_limited.with_label_values(&[scope]).inc();
        ApiError::TooMany(wait)
    };
    app.login_by_address.check(address).map_err(|wait| limited("login_address", wait))?;
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
    let right = app.passwords.verify(password, kept).await;
    let right = right.map_err(|password::Busy| limited("login_busy", Duration::from_secs(5)))?;
    let Some(user) = found.filter(|_| right).map(|auth| auth.user) else {
        app.metrics.auth_failures.with_label_values(&["password"]).inc();
        return Err(ApiError::BadCredentials);
    };

    let now = OffsetDateTime::now_utc();
    let sign_in = SignIn { id: Uuid::now_v7(), user: user.id, expires_at: now + app.config.timings.sign_in };
    let mut txn = app.store.begin(user.tenant.id).await?;
    txn.sign_in_create(user.tenant.id, &sign_in, now).await?;
    let cookie = new_refresh_token(&app, &mut txn, user.tenant.id, sign_in.id, sign_in.expires_at).await?;
    txn.commit().await?;
    Ok((jar.add(cookie), signed_in(&app, user, sign_in.id, now)))
}

/// Gives a new access token for the refresh cookie, and a new cookie. Each cookie is good once.
#[utoipa::path(post, path = "/api/auth/refresh", tag = "auth", security(()), responses(
    (status = 200, body = SignedIn),
    (status = 401, description = "No cookie, or one that is not good any more", body = Problem),
))]
async fn refresh(
    State(app): State<App>,
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
        let cookie = match &rotation {
            Rotation::Good { sign_in, expires_at, .. } => {
                Some(new_refresh_token(&app, &mut txn, tenant, *sign_in, *expires_at).await?)
            }
            Rotation::Reused | Rotation::Unknown => None,
        };
        // A reuse is committed too: it ends the sign-in.
        txn.commit().await?;
        Ok::<_, StoreError>((rotation, cookie))
    };
    match rotated.await {
        Ok((Rotation::Good { user, sign_in, .. }, Some(cookie))) => {
            Ok((jar.add(cookie), signed_in(&app, *user, sign_in, now)))
        }
        Ok((Rotation::Reused, _)) => {
            tracing::warn!("a used refresh token came again: the sign-in is ended");
            Err(refused(jar, "refresh_reuse"))
        }
        Ok(_) => Err(refused(jar, "refresh")),
        Err(error) => Err((jar, ApiError::from(error))),
    }
}

/// Signs out: the access token, the refresh cookie and live sockets end. Fine to call twice.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", security(()), responses((status = 204)))]
async fn logout(
    State(app): State<App>,
    headers: HeaderMap,
    jar: CookieJar,
    caller: Option<Caller>,
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
        let mut txn = app.store.begin(tenant).await?;
        txn.sign_in_revoke(tenant, sign_in, OffsetDateTime::now_utc()).await?;
        txn.commit().await?;
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
async fn user_by_email(app: &App, email: &str) -> Result<Option<UserAuth>, StoreError> {
    match app.store.tenant_by_email(email).await? {
        Some(tenant) => app.store.user_by_email(tenant, email).await,
        None => Ok(None),
    }
}

fn signed_in(app: &App, user: User, sign_in: Uuid, now: OffsetDateTime) -> impl IntoResponse + use<> {
    let life = app.config.timings.access_token;
    let token = UserToken {
        user: user.id,
        tenant: user.tenant.id,
        role: user.role,
        sign_in,
        exp: (now + life).unix_timestamp(),
    };
    let access_token = app.signer.sign(&token);
    let body = SignedIn { access_token, token_type: "Bearer", expires_in: life.as_secs(), user };
    ([(header::CACHE_CONTROL, "no-store")], axum::Json(body))
}

/// A fresh refresh token, kept as a hash and given as a cookie.
async fn new_refresh_token(
    app: &App,
    txn: &mut Txn,
    tenant: TenantId,
    sign_in: Uuid,
    sign_in_ends: OffsetDateTime,
) -> Result<Cookie<'static>, StoreError> {
    let token = URL_SAFE_NO_PAD.encode(random::<32>());
    let now = OffsetDateTime::now_utc();
    let expires_at = sign_in_ends.min(now + app.config.timings.refresh_token);
    txn.refresh_token_create(tenant, sign_in, sha256(token.as_bytes()), now, expires_at).await?;
    Ok(cookie(app, token, expires_at - now))
}

fn no_cookie(app: &App) -> Cookie<'static> {
    cookie(app, String::new(), time::Duration::ZERO)
}

fn cookie(app: &App, token: String, life: time::Duration) -> Cookie<'static> {
    Cookie::build((COOKIE, token))
        .path(COOKIE_PATH)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(app.public_url.is_https())
        .max_age(life)
        .build()
}
