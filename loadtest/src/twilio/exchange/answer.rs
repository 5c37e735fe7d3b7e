//! Twilio's answers.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde_json::{Value, json};

/// What a request gets.
pub(super) type Answer = Result<(StatusCode, Value), Refusal>;

/// An error of Twilio's API.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: u32,
    pub(super) message: &'static str,
}

impl Refusal {
    pub(super) const NOT_FOUND: Self =
        Self { status: 404, code: 20404, message: "The requested resource was not found" };
    pub(super) const UNAUTHORIZED: Self = Self { status: 401, code: 20003, message: "Authenticate" };
    pub(super) const METHOD: Self = Self { status: 405, code: 20004, message: "Method not allowed" };
    pub(super) const CALL_STATE: Self = Self { status: 400, code: 21220, message: "Invalid call state" };

    /// A parameter that cannot be.
    pub(super) const fn invalid(message: &'static str) -> Self {
        Self { status: 400, code: 20001, message }
    }

    pub(super) fn response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status,
        });
        as_json(status, &body)
    }
}

pub(super) fn as_json(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json;charset=utf-8")], body.to_string()).into_response()
}

/// The end of the connection: a body that was promised and never comes.
pub(super) fn hang_up() -> Response {
    let broken = stream::iter([Err::<&[u8], _>(std::io::Error::other("hung up, as asked"))]);
    ([(header::CONTENT_LENGTH, "100")], Body::from_stream(broken)).into_response()
}

/// A page of a list, and where the next one is.
pub(super) fn page(name: &str, path: &str, fields: &[(String, String)], all: Vec<Value>) -> Value {
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let size = field("PageSize").and_then(|text| text.parse().ok()).unwrap_or(50).clamp(1, 1000_usize);
    let number = field("Page").and_then(|text| text.parse().ok()).unwrap_or(0_usize);
    let uri = |number: usize| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields.iter().filter(|(name, _)| name != "Page" && name != "PageToken") {
            query.append_pair(name, value);
        }
        if field("PageSize").is_none() {
            query.append_pair("PageSize", &size.to_string());
        }
        query.append_pair("Page", &number.to_string());
        if number > 0 {
            query.append_pair("PageToken", &format!("PA{number}"));
        }
        format!("{path}?{}", query.finish())
    };
    let start = number.saturating_mul(size).min(all.len());
    let end = start.saturating_add(size).min(all.len());
    let more = end < all.len();
    let items: Vec<Value> = all.into_iter().skip(start).take(size).collect();
    let mut page = json!({
        "page": number,
        "page_size": size,
        "start": start,
        "end": end.saturating_sub(1),
        "uri": uri(number),
        "first_page_uri": uri(0),
        "next_page_uri": more.then(|| uri(number + 1)),
        "previous_page_uri": number.checked_sub(1).map(uri),
    });
    page[name] = Value::Array(items);
    page
}
