//! Who asks, and what they may do.

pub(crate) mod limit;
pub(crate) mod password;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use common::token::Claims;
use common::{TenantId, UserId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::error::ApiError;
use crate::model::{Role, User};
use crate::store::StoreError;

/// An access token: who signed in, for a few minutes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct UserToken {
    /// Who.
    #[serde(rename = "sub")]
    pub(crate) user: UserId,
    /// Whom they work for.
    pub(crate) tenant: TenantId,
    /// What they might do when they got it. What they may do now, the database says.
    pub(crate) role: Role,
    /// The sign-in that it belongs to.
    #[serde(rename = "sid")]
    pub(crate) sign_in: Uuid,
    /// Expiry in Unix seconds.
    pub(crate) exp: i64,
}

impl Claims for UserToken {
    const AUDIENCE: &'static str = "user";

    fn expires_at(&self) -> i64 {
        self.exp
    }
}

/// The authenticated caller of a request. Made of a token that was checked, and in no other way.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    token: UserToken,
    person: User,
}

impl Caller {
    /// The caller with this access token: signed by us, not expired, and of a sign-in that still stands.
    pub(crate) async fn of_token(app: &App, token: &str) -> Result<Self, ApiError> {
        let now = OffsetDateTime::now_utc();
        let refused = || {
            app.metrics.auth_failures.with_label_values(&["token"]).inc();
            ApiError::Unauthorized
        };
        let token: UserToken = app.verifier.verify(token, now).map_err(|_| refused())?;
        let person = app.store.user_signed_in(token.tenant, token.user, token.sign_in, now).await?;
        Ok(Self { person: person.ok_or_else(refused)?, token })
    }

    /// Whom they work for: the only tenant at hand in a handler.
    pub(crate) fn tenant(&self) -> TenantId {
        self.token.tenant
    }

    /// Who.
    pub(crate) fn user(&self) -> UserId {
        self.token.user
    }

    /// The sign-in that their token belongs to.
    pub(crate) fn sign_in(&self) -> Uuid {
        self.token.sign_in
    }

    /// What there is to know of them.
    pub(crate) fn person(&self) -> &User {
        &self.person
    }

    /// What they may do now.
    pub(crate) fn role(&self) -> Role {
        self.person.role
    }

    /// An error unless they have one of these roles.
    pub(crate) fn require(&self, roles: &[Role]) -> Result<(), ApiError> {
        match roles.contains(&self.role()) {
            true => Ok(()),
            false => Err(ApiError::Forbidden("your role does not allow this")),
        }
    }

    /// How long their token is still good.
    pub(crate) fn expires_in(&self, now: OffsetDateTime) -> std::time::Duration {
        let seconds = self.token.exp - now.unix_timestamp();
        std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }

    /// Whether their sign-in still stands. For connections that outlive a request.
    pub(crate) async fn still_stands(&self, app: &App) -> Result<bool, StoreError> {
        let now = OffsetDateTime::now_utc();
        let token = &self.token;
        let person = app.store.user_signed_in(token.tenant, token.user, token.sign_in, now).await?;
        Ok(person.is_some())
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = header.and_then(|value| value.split_once(' ')).ok_or(ApiError::Unauthorized)?;
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return Err(ApiError::Unauthorized);
        }
        Self::of_token(app, token.trim()).await
    }
}

/// For a handler that works without a caller too. No token and a bad one are the same there.
impl axum::extract::OptionalFromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, ApiError> {
        match <Self as FromRequestParts<App>>::from_request_parts(parts, app).await {
            Ok(caller) => Ok(Some(caller)),
            Err(ApiError::Unauthorized) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
