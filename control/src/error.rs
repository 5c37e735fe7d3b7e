//! Why a request failed, as the client is told: RFC 9457 problem details.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::StoreError;

/// Why a request failed, as the client is told.
///
/// Variants are the client's choices, not our causes. The text of an internal error stays in the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The request makes no sense.
    #[error("{0}")]
    BadRequest(Cow<'static, str>),
    /// The request is understood, and a value in it cannot be.
    #[error("{detail}")]
    Unprocessable {
        /// The stable code.
        code: &'static str,
        /// For the client's developer.
        detail: Cow<'static, str>,
    },
    /// No token, or a bad one.
    #[error("sign in and send the access token")]
    Unauthorized,
    /// The e-mail and password do not go together, or nobody has that e-mail.
    #[error("e-mail or password is wrong")]
    BadCredentials,
    /// The caller is known and may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// A webhook that Twilio did not sign.
    #[error("the request is not signed by Twilio for this URL")]
    BadSignature,
    /// No such thing, or it belongs to another tenant. The two look the same on purpose.
    #[error("no such thing")]
    NotFound,
    /// The path is known, the method is not.
    #[error("this method is not allowed here")]
    MethodNotAllowed,
    /// It cannot be done in the present state.
    #[error("{detail}")]
    Conflict {
        /// The stable code.
        code: &'static str,
        /// For the client's developer.
        detail: &'static str,
    },
    /// The body is over the limit.
    #[error("the body is too large")]
    TooLarge,
    /// The body is not of a type that this reads.
    #[error("send the body as {0}")]
    UnsupportedMediaType(&'static str),
    /// Too often. Come back after this time.
    #[error("too many requests")]
    TooMany(Duration),
    /// Twilio did not do what was asked of it.
    #[error("{detail}")]
    Upstream {
        /// The stable code.
        code: &'static str,
        /// For the client's developer.
        detail: String,
        /// The same may work after this time. `None`: it will not, by itself.
        again: Option<Duration>,
    },
    /// Not now. Come back after this time.
    #[error("busy, try again")]
    Unavailable(Duration),
    /// Our fault.
    #[error("internal error")]
    Internal(#[source] StoreError),
    /// Our fault, caught as a panic or as a library's refusal.
    #[error("internal error")]
    Panic,
}

impl ApiError {
    /// A value in the body or path that cannot be.
    pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Unprocessable { code: "invalid_value", detail: detail.into() }
    }

    fn parts(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Unprocessable { code, .. } => (StatusCode::UNPROCESSABLE_ENTITY, code),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::BadCredentials => (StatusCode::UNAUTHORIZED, "bad_credentials"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::BadSignature => (StatusCode::FORBIDDEN, "bad_signature"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Conflict { code, .. } => (StatusCode::CONFLICT, code),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::UnsupportedMediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Upstream { code, .. } => (StatusCode::BAD_GATEWAY, code),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal(_) | Self::Panic => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Busy(cause) => {
                let error = cause.as_ref().map(|cause| cause as &dyn std::error::Error);
                tracing::warn!(error, "the database is busy or away: the client is told to come back");
                Self::Unavailable(Duration::from_secs(1))
            }
            StoreError::Corrupt { .. } | StoreError::Database(_) => Self::Internal(error),
        }
    }
}

/// An error as it travels: `application/problem+json`.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// A URI that names the kind of problem; ends in `code`.
    #[serde(rename = "type")]
    kind: String,
    /// The phrase of the status.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What is wrong this time, for the client's developer.
    detail: String,
    /// What programs compare. Stable.
    #[schema(example = "not_found")]
    code: &'static str,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match &self {
            Self::Internal(error) => {
                tracing::error!(error = error as &dyn std::error::Error, "request failed");
            }
            Self::Panic => tracing::error!("request handler panicked"),
            _ => {}
        }
        let (status, code) = self.parts();
        let problem = Problem {
            kind: format!("urn:partyline:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.to_string(),
            code,
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::TooMany(wait) | Self::Unavailable(wait) | Self::Upstream { again: Some(wait), .. } => {
                // Rounded up: a client that waits as told must not be too early.
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            }
            _ => {}
        }
        response
    }
}
