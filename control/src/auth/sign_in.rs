//! What a sign-in gives: an access token to send, and a refresh token in a cookie that scripts cannot read.

use axum::http::header;
use axum::response::IntoResponse;
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::TenantId;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::UserToken;
use crate::App;
use crate::audit::Entry;
use crate::crypto::{random, sha256};
use crate::model::User;
use crate::store::{SignIn, StoreError, Txn};

/// The refresh token's cookie. Only the paths below get it.
pub(crate) const COOKIE: &str = "partyline_refresh";
const COOKIE_PATH: &str = "/api/auth";

/// An access token and whose it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedIn {
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

/// Begins a sign-in of this person: its id, and the first refresh cookie. `entry` says so in the audit log.
pub(crate) async fn begin(
    app: &App,
    txn: &mut Txn,
    user: &User,
    entry: Entry,
    now: OffsetDateTime,
) -> Result<(Uuid, Cookie<'static>), StoreError> {
    let tenant = user.tenant.id;
    let sign_in = SignIn { id: Uuid::now_v7(), user: user.id, expires_at: now + app.config.timings.sign_in };
    txn.sign_in_create(tenant, &sign_in, now).await?;
    txn.audit(tenant, entry.by(user.id), now).await?;
    let cookie = new_refresh_token(app, txn, tenant, sign_in.id, sign_in.expires_at).await?;
    Ok((sign_in.id, cookie))
}

/// The answer to who signed in.
pub(crate) fn signed_in(
    app: &App,
    user: User,
    sign_in: Uuid,
    now: OffsetDateTime,
) -> impl IntoResponse + use<> {
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
pub(crate) async fn new_refresh_token(
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

/// Takes the cookie away.
pub(crate) fn no_cookie(app: &App) -> Cookie<'static> {
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
