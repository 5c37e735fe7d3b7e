//! A speech provider over HTTP, with its faults: it answers as it is told to, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// What it does when it is asked.
pub(super) enum Reply {
    /// Sends this and is done.
    Sound(Vec<u8>),
    /// Sends what comes through the channel: an error cuts the connection, and its end is the end.
    Live(mpsc::Receiver<Result<Bytes, std::io::Error>>),
    /// Refuses with this status, `Retry-After` and body.
    Refuse(u16, Option<u64>, &'static str),
    /// Sends this, which is no sound.
    Garbage(&'static str, &'static str),
    /// Never answers.
    Silence,
}

/// What it was asked.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

type Shared = Arc<Mutex<(VecDeque<Reply>, Vec<Asked>)>>;

pub(super) struct Server {
    pub(super) url: String,
    shared: Shared,
}

impl Server {
    pub(super) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared: Shared = Arc::new(Mutex::new((replies.into_iter().collect(), Vec::new())));
        let app = axum::Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.shared.lock().unwrap().1)
    }

    pub(super) fn times(&self) -> usize {
        self.shared.lock().unwrap().1.len()
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    assert_eq!(parts.method, "POST");
    assert_eq!(parts.headers["content-type"], "application/json");
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap();
    let reply = {
        let mut shared = shared.lock().unwrap();
        shared.1.push(Asked { target: parts.uri.to_string(), headers: parts.headers, body });
        shared.0.pop_front().expect("a reply")
    };
    match reply {
        Reply::Sound(sound) => ([("content-type", "audio/basic")], sound).into_response(),
        Reply::Live(pieces) => {
            let pieces = futures_util::stream::unfold(pieces, |mut pieces| async {
                pieces.recv().await.map(|piece| (piece, pieces))
            });
            ([("content-type", "audio/pcm")], Body::from_stream(pieces)).into_response()
        }
        Reply::Refuse(status, after, body) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            if let Some(after) = after {
                response.headers_mut().insert("retry-after", after.into());
            }
            response
        }
        Reply::Garbage(kind, body) => ([("content-type", kind)], body).into_response(),
        Reply::Silence => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            StatusCode::OK.into_response()
        }
    }
}
