//! A WHEP endpoint around a sender.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use loadtest::ears::whep::Endpoint;
use url::Url;

use super::sender::Script;
use super::{str0m_sender, webrtc_sender};

/// The token that is let in.
const TOKEN: &str = "let-me-listen";

/// Who answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// `str0m` as ICE-lite, the way a gateway does it.
    Str0m,
    /// The whole `webrtc` crate as a full ICE agent.
    Webrtc,
}

/// A WHEP server for one test.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    kind: Kind,
    script: Script,
    deleted: AtomicUsize,
}

impl Server {
    pub(crate) async fn start(kind: Kind, script: Script) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { kind, script, deleted: AtomicUsize::new(0) });
        let app = Router::new()
            .route("/whep/call", post(offer))
            .route("/whep/call/session", axum::routing::delete(delete))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, shared }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        let whep_url = Url::parse(&format!("http://{}/whep/call", self.address)).unwrap();
        Endpoint { whep_url, token: TOKEN.to_owned() }
    }

    pub(crate) fn deleted(&self) -> usize {
        self.shared.deleted.load(Ordering::Relaxed)
    }
}

async fn offer(State(shared): State<Arc<Shared>>, headers: HeaderMap, offer: String) -> Response {
    if headers.get(header::AUTHORIZATION).is_none_or(|v| v != &format!("Bearer {TOKEN}")) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    assert!(offer.contains("stereo=1"), "no stereo in {offer}");
    let answer = match shared.kind {
        Kind::Str0m => str0m_sender::answer(&offer, &shared.script).await,
        Kind::Webrtc => webrtc_sender::answer(offer, &shared.script).await,
    };
    let headers = [
        (header::CONTENT_TYPE, "application/sdp"),
        (header::LOCATION, "call/session"),
        (header::ETAG, "\"1\""),
    ];
    (StatusCode::CREATED, headers, answer).into_response()
}

async fn delete(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.deleted.fetch_add(1, Ordering::Relaxed);
    StatusCode::OK
}
