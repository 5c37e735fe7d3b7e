//! Which request a log line is of: W3C Trace Context.
//!
//! Every line that a request causes has the request's `trace_id` and `span_id` in its span. A client that has a trace
//! says so (`traceparent`), and finds our lines by it; any other gets a new one. The answer says which
//! (`x-request-id`), for people who ask what went wrong.

use std::fmt;
use std::str::FromStr;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

/// The header of a client's own trace.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header that says under which trace a request was handled.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a trace: 128 bits, not zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct TraceId(u128);

/// It is no `traceparent`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct NoTrace;

impl TraceId {
    fn new() -> Self {
        Self(fastrand::u128(1..))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for TraceId {
    type Err = NoTrace;

    /// The trace of a `traceparent`: `00-<trace>-<span>-<flags>`, and whatever a later version puts behind that.
    fn from_str(text: &str) -> Result<Self, NoTrace> {
        let is_hex = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let mut parts = text.split('-');
        let mut part = |length| parts.next().filter(|part| is_hex(part, length)).ok_or(NoTrace);
        let (version, trace, span, _flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        let is_whole = match version {
            "ff" => false,
            "00" => parts.next().is_none(),
            _ => true,
        };
        match u128::from_str_radix(trace, 16) {
            Ok(trace) if trace != 0 && is_whole && span.bytes().any(|byte| byte != b'0') => Ok(Self(trace)),
            _ => Err(NoTrace),
        }
    }
}

/// Handles a request in a span of its own, and says in the answer which trace it is of.
pub(crate) async fn follow(request: Request, next: Next) -> Response {
    let mut known = request.headers().get_all(TRACEPARENT).iter();
    // Of two nobody can say which is right.
    let known = known.next().filter(|_| known.next().is_none()).and_then(|value| value.to_str().ok());
    let trace = known.and_then(|text| text.parse().ok()).unwrap_or_else(TraceId::new).to_string();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let span_id = format!("{:016x}", fastrand::u64(1..));
    let span = tracing::info_span!("request", trace_id = trace, span_id, method = %request.method(), route);
    let mut response = next.run(request).instrument(span).await;
    if let Ok(id) = HeaderValue::try_from(trace) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let good = |text: &str| text.parse::<TraceId>().map(|trace| trace.to_string());
        for text in [format!("00-{id}-00f067aa0ba902b7-01"), format!("cc-{id}-00f067aa0ba902b7-01-more")] {
            assert_eq!(good(&text), Ok(id.to_owned()), "{text}");
        }
        for bad in [
            String::new(),
            id.to_owned(),
            format!("00-{id}-00f067aa0ba902b7"),
            format!("00-{id}-00f067aa0ba902b7-01-more"),
            format!("ff-{id}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{id}-0000000000000000-01"),
            format!("00-{id}0-00f067aa0ba902b7-01"),
            format!("00-{}é-00f067aa0ba902b7-01", &id[2..]),
        ] {
            assert_eq!(good(&bad), Err(NoTrace), "{bad}");
        }
    }
}
