//! Many consoles of one tenant, each with a live socket.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Instant;

use anyhow::{Context as _, Result};
use common::CallSid;
use futures_util::StreamExt as _;
use indicatif::ProgressBar;
use tokio::task::JoinSet;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::lock;
use crate::api::Console;
use crate::measure::latency::{Latency, Spread};

/// Sockets of one person: fewer than a server allows.
const OF_ONE: u32 = 30;

/// Consoles that connect at the same time.
const AT_ONCE: usize = 20;

/// What all of them share.
#[derive(Debug)]
struct Shared {
    /// When each call began to ring.
    expected: RwLock<HashMap<String, Instant>>,
    latency: Mutex<Latency>,
    heard: AtomicU64,
    closed: AtomicU64,
}

/// Open sockets. Dropping this closes them.
pub(super) struct Consoles {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Consoles {
    /// Hires as many people as it takes, and opens `count` sockets for them. Each has had its snapshot.
    pub(super) async fn open(admin: &Console, count: u32, bar: &ProgressBar) -> Result<Self> {
        let shared = Arc::new(Shared {
            expected: RwLock::default(),
            latency: Mutex::new(Latency::new()),
            heard: AtomicU64::new(0),
            closed: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        let mut left = count;
        while left > 0 {
            let person = admin.hire().await.context("hiring a viewer")?;
            let sockets = left.min(OF_ONE);
            let url = person.live_url()?;
            let token = person.token().await;
            let mut opening = futures_util::stream::iter(0..sockets)
                .map(|_| async {
                    let mut request = url.as_str().into_client_request()?;
                    let protocol = format!("bearer.{token}").parse()?;
                    request.headers_mut().insert("sec-websocket-protocol", protocol);
                    let (mut socket, _) =
                        connect_async(request).await.context("a live socket does not open")?;
                    socket.next().await.context("a live socket closed before its snapshot")??;
                    anyhow::Ok(socket)
                })
                .buffer_unordered(AT_ONCE);
            while let Some(socket) = opening.next().await {
                let (mut socket, shared) = (socket?, shared.clone());
                tasks.spawn(async move {
                    while let Some(Ok(message)) = socket.next().await {
                        if let Message::Text(text) = message {
                            shared.take(&text);
                        }
                    }
                    shared.closed.fetch_add(1, Ordering::Relaxed);
                });
                bar.inc(1);
            }
            left -= sockets;
        }
        Ok(Self { shared, _tasks: tasks })
    }

    /// This call begins to ring now.
    pub(super) fn expect(&self, sid: CallSid) {
        let mut expected = self.shared.expected.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        expected.insert(sid.to_string(), Instant::now());
    }

    /// How often a console has heard of a call that began to ring.
    pub(super) fn heard(&self) -> u64 {
        self.shared.heard.load(Ordering::Relaxed)
    }

    /// Sockets that the server closed.
    pub(super) fn closed(&self) -> u64 {
        self.shared.closed.load(Ordering::Relaxed)
    }

    /// From the webhook that left to the event that came.
    pub(super) fn latency(&self) -> Spread {
        lock(&self.shared.latency).spread()
    }
}

impl Shared {
    /// By looking for two marks: a thousand consoles that parse would measure themselves.
    fn take(&self, text: &str) {
        const SID: &str = r#""call_sid":""#;
        if !text.contains(r#""type":"call.incoming""#) {
            return;
        }
        let sid = text.split_once(SID).and_then(|(_, rest)| rest.get(..34));
        let expected = self.expected.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(began) = sid.and_then(|sid| expected.get(sid)) {
            let took = began.elapsed();
            lock(&self.latency).record(took);
            self.heard.fetch_add(1, Ordering::Relaxed);
        }
    }
}
