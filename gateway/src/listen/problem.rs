//! What a WHEP client is told when it gets no for an answer (RFC 9457).

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A refusal. The code is for programs and never changes; the detail is for their developers.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    pub(super) code: &'static str,
    detail: Cow<'static, str>,
    header: Option<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), header: None }
    }

    /// No token, or one that is no good. Which of the many ways it is no good, its holder is not told.
    pub(super) fn unauthorized(challenge: &'static str, detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// Whether it is `If-Match` that stood in the way.
    pub(super) fn is_condition(&self) -> bool {
        matches!(self.status, StatusCode::PRECONDITION_FAILED | StatusCode::PRECONDITION_REQUIRED)
    }

    /// It may work later.
    pub(super) fn retry_after(self, seconds: u16) -> Self {
        self.with(header::RETRY_AFTER, seconds.into())
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
        };
        let mut response = (self.status, Json(body)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response.headers_mut().extend(self.header);
        response
    }
}
