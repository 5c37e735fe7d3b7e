//! Signing in with the operator's OpenID Connect provider.
//!
//! Browsers come here by following links, so a refusal is a way back to the console, which says why.

#![expect(unused_qualifications, reason = "the macro that describes the API writes them")]

use std::net::IpAddr;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use common::UserId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{keep_failure, user_by_email};
use super::extract::Query;
use super::extract::check_name;
use super::users::check_email;
use crate::App;
use crate::audit::{Action, Entry};
use crate::auth::Client;
use crate::auth::limit::subscriber;
use crate::auth::oidc::{ATTEMPT, Attempt, OidcError, Provider, Verified};
use crate::auth::sign_in::begin;
use crate::error::{ApiError, Problem};
use crate::model::User;
use crate::store::{NewUser, StoreError, Txn};

/// The cookie of somebody on their way. It comes back from another site, so it is not `SameSite=Strict`.
const COOKIE: &str = "partyline_oidc";
const COOKIE_PATH: &str = "/api/auth/oidc";

/// Longest page to go on with, in bytes.
const MAX_RETURN: usize = 200;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(methods)).routes(routes!(login)).routes(routes!(callback))
}

/// How one can sign in here.
#[derive(Serialize, ToSchema)]
struct Methods {
    /// With e-mail and password: always.
    password: bool,
    /// With a provider, if there is one: send the browser to `GET /api/auth/oidc/login`.
    oidc: Option<OidcMethod>,
}

/// A provider to sign in with.
#[derive(Serialize, ToSchema)]
struct OidcMethod {
    /// What people know it by.
    #[schema(example = "Acme account")]
    name: String,
}

/// How one can sign in here.
#[utoipa::path(get, path = "/api/auth/methods", tag = "auth", security(()), responses((status = 200, body = Methods)))]
async fn methods(State(app): State<App>) -> axum::Json<Methods> {
    let oidc = app.oidc.as_ref().map(|provider| OidcMethod { name: provider.settings().name.clone() });
    axum::Json(Methods { password: true, oidc })
}

/// Where to go on.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LoginQuery {
    /// The console's page to go on with, as a path; `/` unless given.
    return_to: Option<String>,
}

/// Sends a browser to the provider.
#[utoipa::path(get, path = "/api/auth/oidc/login", tag = "auth", security(()), params(LoginQuery), responses(
    (status = 303, description = "To the provider; or back, with `?sign_in_problem=unavailable`"),
    (status = 400, body = Problem),
    (status = 404, description = "There is no provider", body = Problem),
    (status = 429, body = Problem),
))]
async fn login(
    State(app): State<App>,
    Client(address): Client,
    jar: CookieJar,
    Query(query): Query<LoginQuery>,
) -> Result<Response, ApiError> {
    let provider = limited(&app, address)?;
    let return_to = query.return_to.unwrap_or_else(|| "/".to_owned());
    if !is_page(&return_to) {
        return Err(ApiError::BadRequest("return_to must be a path of the console".into()));
    }
    let (url, attempt) = match provider.begin(return_to, OffsetDateTime::now_utc()).await {
        Ok(begun) => begun,
        Err(error) => return Ok(back(&app, jar, turned(&app, &error))),
    };
    let life = time::Duration::try_from(ATTEMPT).unwrap_or_default();
    let jar = jar.add(cookie(&app, app.signer.sign(&attempt), life));
    Ok((jar, see(url.as_str())).into_response())
}

/// What the provider sends people back with. It may add more.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CallbackQuery {
    /// Good once, for the tokens.
    code: Option<String>,
    /// As it was sent there.
    state: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// Signs in who comes back from the provider: the refresh cookie is set, and the console goes on.
#[utoipa::path(get, path = "/api/auth/oidc/callback", tag = "auth", security(()), params(CallbackQuery), responses(
    (status = 303, description = "To the console; who is not signed in, with `?sign_in_problem=` and `canceled`, \
        `expired`, `refused`, `unknown` or `unavailable`"),
    (status = 400, body = Problem),
    (status = 404, description = "There is no provider", body = Problem),
    (status = 429, body = Problem),
))]
async fn callback(
    State(app): State<App>,
    Client(address): Client,
    jar: CookieJar,
    Query(query): Query<CallbackQuery>,
) -> Result<Response, ApiError> {
    let provider = limited(&app, address)?;
    let now = OffsetDateTime::now_utc();
    let attempt = jar.get(COOKIE).and_then(|kept| app.verifier.verify::<Attempt>(kept.value(), now).ok());
    // Each attempt is good once.
    let jar = jar.add(cookie(&app, String::new(), time::Duration::ZERO));
    let attempt = attempt.filter(|attempt| query.state.as_deref() == Some(attempt.state.as_str()));
    let Some(attempt) = attempt else { return Ok(back(&app, jar, "expired")) };
    let Some(code) = query.code.filter(|_| query.error.is_none()) else {
        return Ok(back(&app, jar, "canceled"));
    };
    let verified = match provider.finish(&attempt, &code, now).await {
        Ok(verified) => verified,
        Err(error) => return Ok(back(&app, jar, turned(&app, &error))),
    };
    let Some((mut txn, user)) = welcome(&app, provider, verified, address, now).await? else {
        app.metrics.auth_failures.with_label_values(&["oidc"]).inc();
        return Ok(back(&app, jar, "unknown"));
    };
    let entry = Entry::new(Action::SignInStarted).from(address).with(json!({ "by": "oidc" }));
    let (_, refresh) = begin(&app, &mut txn, &user, entry, now).await?;
    txn.commit().await?;
    let console = format!("{}{}", app.public_url.as_str(), attempt.return_to);
    Ok((jar.add(refresh), see(&console)).into_response())
}

/// The person with this e-mail, made if they may come: their domain is a tenant's, or they are invited.
async fn welcome(
    app: &App,
    provider: &Provider,
    verified: Verified,
    address: IpAddr,
    now: OffsetDateTime,
) -> Result<Option<(Txn, User)>, StoreError> {
    let Verified { email, name } = verified;
    if check_email(&email).is_err() {
        return Ok(None);
    }
    // Without domains the provider speaks for all. With them, of each for its tenant alone.
    let settings = provider.settings();
    let host = email.rsplit('@').next().unwrap_or_default();
    let domain = settings.domains.iter().find(|domain| domain.name == host);
    if domain.is_none() && !settings.domains.is_empty() {
        return Ok(None);
    }
    if let Some(auth) = user_by_email(app, &email).await? {
        if domain.is_some_and(|domain| domain.tenant != auth.user.tenant.id) || auth.disabled {
            keep_failure(app, &auth, "oidc", address);
            return Ok(None);
        }
        return Ok(Some((app.store.begin(auth.user.tenant.id).await?, auth.user)));
    }
    let tenant = match domain {
        Some(domain) => domain.tenant,
        None => match app.store.tenant_by_invited_email(&email, now).await? {
            Some(tenant) => tenant,
            None => return Ok(None),
        },
    };
    let mut txn = app.store.begin(tenant).await?;
    let invitation = txn.invitation_accept_of(tenant, &email, now).await?;
    let Some(role) = invitation.as_ref().map(|open| open.role).or(domain.map(|domain| domain.role)) else {
        return Ok(None);
    };
    let found = txn.tenant_fetch(tenant).await;
    if matches!(found, Err(StoreError::NotFound)) {
        tracing::error!(%tenant, "the tenant that an OIDC domain is given to is not there");
        return Ok(None);
    }
    let id = UserId::new();
    let name = if check_name(&name).is_ok() { name } else { email.clone() };
    // Nothing that anybody types has this for a hash.
    let new = NewUser { id, email: &email, name: &name, role, password_hash: "" };
    if !txn.user_create(tenant, new, now).await? {
        return Ok(None);
    }
    let entry = match invitation {
        Some(open) => Entry::new(Action::InvitationAccepted).on(open.id),
        None => Entry::new(Action::UserAdded).on(id),
    };
    let entry = entry.by(id).from(address).with(json!({ "role": role, "by": "oidc" }));
    txn.audit(tenant, entry, now).await?;
    Ok(Some((txn, User { id, email, name, role, tenant: found? })))
}

/// The provider, if this address has not tried too often.
fn limited(app: &App, address: IpAddr) -> Result<&Provider, ApiError> {
    let provider = app.oidc.as_ref().ok_or(ApiError::NotFound)?;
    app.login_by_address.check(subscriber(address)).map_err(|wait| {
        app.metrics.rate_limited.with_label_values(&["login_address"]).inc();
        ApiError::TooMany(wait)
    })?;
    Ok(provider)
}

/// The word for why the provider's answer leads nowhere.
fn turned(app: &App, error: &OidcError) -> &'static str {
    app.metrics.auth_failures.with_label_values(&["oidc"]).inc();
    tracing::warn!(error = error as &dyn std::error::Error, "nobody is signed in by the provider");
    match error {
        OidcError::Away(_) => "unavailable",
        OidcError::Refused(_) => "refused",
    }
}

/// To the console's sign-in page, which says what this word means.
fn back(app: &App, jar: CookieJar, problem: &str) -> Response {
    (jar, see(&format!("{}/?sign_in_problem={problem}", app.public_url.as_str()))).into_response()
}

fn see(url: &str) -> Response {
    match HeaderValue::from_str(url) {
        Ok(url) => (StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response(),
        Err(_) => ApiError::BadRequest("this leads nowhere".into()).into_response(),
    }
}

/// Whether this is a path of the console, and of no other host: `//host` and `/\host` are other hosts to browsers.
fn is_page(path: &str) -> bool {
    path.len() <= MAX_RETURN
        && path.starts_with('/')
        && !path.starts_with("//")
        && !path.starts_with("/api/")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

fn cookie(app: &App, value: String, life: time::Duration) -> Cookie<'static> {
    Cookie::build((COOKIE, value))
        .path(COOKIE_PATH)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(app.public_url.is_https())
        .max_age(life)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_console_are_gone_on_with() {
        for good in ["/", "/calls", "/calls/call_1?tab=events"] {
            assert!(is_page(good), "{good}");
        }
        let long = format!("/{}", "x".repeat(MAX_RETURN));
        for bad in
            ["", "calls", "//evil.example", "/\\evil.example", "/api/me", "/a\nb", "/é", "https://x", &long]
        {
            assert!(!is_page(bad), "{bad}");
        }
    }
}
