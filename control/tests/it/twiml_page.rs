//! A server that answers every request with the same TwiML, and remembers what it was told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use tokio::net::TcpListener;

/// Paths, and the bodies that were posted to them.
type Told = Arc<Mutex<Vec<(String, String)>>>;

/// A running one; it ends with the test's runtime.
pub(crate) struct Page {
    base: String,
    told: Told,
}

impl Page {
    pub(crate) async fn start(twiml: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let told = Told::default();
        let answer = async move |State(told): State<Told>, request: Request| {
            let path = request.uri().path().to_owned();
            let body = axum::body::to_bytes(request.into_body(), 1 << 16).await.unwrap();
            told.lock().unwrap().push((path, String::from_utf8(body.to_vec()).unwrap()));
            ([(header::CONTENT_TYPE, "text/xml")], twiml)
        };
        let router = Router::new().fallback(answer).with_state(told.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base, told }
    }

    /// Its voice webhook.
    pub(crate) fn url(&self) -> String {
        self.at("/voice")
    }

    /// This path of it.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Waits until this path was told this.
    pub(crate) async fn until(&self, path: &str, part: &str) {
        let is_told = || {
            let told = self.told.lock().unwrap();
            told.iter().any(|(at, body)| at == path && body.contains(part))
        };
        while !is_told() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
