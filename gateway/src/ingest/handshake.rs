//! The HTTP request that becomes a media stream, and the answers to those that do not.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::admission::Reject;

/// Longest `X-Twilio-Signature` that is looked at, in bytes. Base64 of an HMAC-SHA1 has 28.
const MAX_SIGNATURE: usize = 128;

/// Why a request does not become a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// It may not. Whoever has no good ticket is told nothing more.
    Reject(Reject),
    /// Its URL has a query string, which Twilio would not sign.
    Query,
    /// Not GET.
    Method,
    /// It does not ask for a WebSocket.
    Upgrade,
    /// It asks for another version of the protocol than 13.
    Version,
    /// Something else that RFC 6455, section 4.2.1, asks for is not there.
    Malformed,
}

impl Refusal {
    /// What it counts as.
    pub(super) fn reason(self) -> Reject {
        match self {
            Self::Reject(reason) => reason,
            Self::Query | Self::Method | Self::Upgrade | Self::Version | Self::Malformed => Reject::Handshake,
        }
    }
}

impl From<Reject> for Refusal {
    fn from(reason: Reject) -> Self {
        Self::Reject(reason)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let header = |name, value| [(name, HeaderValue::from_static(value))];
        match self {
            Self::Reject(Reject::Full | Reject::Closing) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Self::Reject(_) => StatusCode::FORBIDDEN.into_response(),
            Self::Query => {
                (StatusCode::BAD_REQUEST, "a media stream's URL has no query string\n").into_response()
            }
            Self::Method => {
                (StatusCode::METHOD_NOT_ALLOWED, header(header::ALLOW, Method::GET.as_str())).into_response()
            }
            Self::Upgrade => {
                let upgrade = header(header::UPGRADE, "websocket");
                let connection = header(header::CONNECTION, "Upgrade");
                (StatusCode::UPGRADE_REQUIRED, upgrade, connection, "this is a WebSocket\n").into_response()
            }
            Self::Version => {
                let version = header(header::SEC_WEBSOCKET_VERSION, "13");
                (StatusCode::UPGRADE_REQUIRED, version, "WebSocket version 13 alone\n").into_response()
            }
            Self::Malformed => (StatusCode::BAD_REQUEST, "not a WebSocket handshake\n").into_response(),
        }
    }
}

/// The answer to a handshake that is well-formed. No subprotocol and no extension is ever agreed on.
pub(super) fn accept(request: &Request) -> Result<Response, Refusal> {
    if request.uri().query().is_some() {
        return Err(Refusal::Query);
    }
    create_response_with_body(request, Body::empty).map_err(|error| match error {
        WsError::Protocol(ProtocolError::WrongHttpMethod) => Refusal::Method,
        WsError::Protocol(
            ProtocolError::MissingConnectionUpgradeHeader | ProtocolError::MissingUpgradeWebSocketHeader,
        ) => Refusal::Upgrade,
        WsError::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) => Refusal::Version,
        _ => Refusal::Malformed,
    })
}

/// The one signature that a request shows as Twilio's.
pub(super) fn signature(headers: &HeaderMap) -> Result<&str, Reject> {
    let mut shown = headers.get_all("x-twilio-signature").iter();
    let (Some(one), None) = (shown.next(), shown.next()) else { return Err(Reject::SignatureMissing) };
    let text = one.to_str().ok().filter(|text| (1..=MAX_SIGNATURE).contains(&text.len()));
    text.ok_or(Reject::SignatureMissing)
}
