//! Listeners: WHEP over HTTP, and the media workers that own their sessions.
//!
//! HTTP makes a session and hands it to a worker; from then on the worker alone touches it. The two share
//! the registry, by which HTTP finds a session again, and an inbox that never makes anybody wait.

mod admit;
mod gate;
mod inbox;
mod metrics;
mod mic;
mod mouth;
mod net;
mod problem;
mod registry;
mod routes;
mod sessions;
mod slab;
mod timers;
mod whep;
mod worker;

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use axum::http::HeaderValue;
use common::bus::{Bus, NodeCommand, Received, SessionEnd, Subscription};
use common::token::Mode;
use common::{NodeId, SessionId};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use gateway_core::listener::{Limits, Shared};
use prometheus::Registry as Prometheus;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use self::inbox::{Mailbox, Request, inbox};
use self::metrics::Metrics;
use self::net::Udp;
use self::registry::Registry;
use self::sessions::Setting;
use self::worker::Worker;
use crate::StartError;
use crate::hub::floor::{ANNOUNCER, Order};
use crate::hub::{Hub, LiveCall, Outlet};

pub use self::gate::Rate;
pub(crate) use self::whep::router;

/// How long the workers may take to end their sessions when the gateway stops.
const STOP_TIME: Duration = Duration::from_secs(5);

/// So many listeners of a call are served on its own thread before others help.
const CROWD: u32 = 32;

/// How long to wait before a worker that is busy is told again what control commands.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// What listeners may do.
#[derive(Clone, Debug)]
pub struct Config {
    /// The most sessions at one time. About 20 kB each.
    pub sessions: usize,
    /// How many WHEP requests one source may make.
    pub rate: Rate,
    /// What browsers are told of STUN and TURN. None are needed where they reach the gateway directly.
    pub ice_servers: Vec<IceServer>,
    /// Times of a session.
    pub limits: Limits,
    /// Who hears mu-law.
    pub pcmu: Pcmu,
}

/// When a listener hears G.711 mu-law instead of Opus: one voice for both sides, and no encoder. A listener whose
/// offer does not have it never does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Pcmu {
    /// Who has it first in the offer, and who would need an encoder more than the node has.
    #[default]
    Auto,
    /// Nobody. Who would need an encoder more than the node has is turned away.
    Off,
    /// Everybody who can.
    Always,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sessions: 4096,
            rate: Rate::default(),
            ice_servers: Vec::new(),
            limits: Limits::default(),
            pcmu: Pcmu::default(),
        }
    }
}

/// A STUN or TURN server that browsers may use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IceServer {
    /// `stun:`, `stuns:`, `turn:` or `turns:`.
    pub url: String,
    /// For TURN.
    pub username: Option<String>,
    /// For TURN. Every browser that may listen gets to see it.
    pub credential: Option<String>,
}

/// The media workers. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Workers {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    workers: Vec<Outside>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    registry: Arc<Registry>,
    metrics: Metrics,
    shared: Arc<Shared>,
    limits: Limits,
    next_tag: AtomicU32,
}

/// One worker, seen from outside.
#[derive(Debug)]
struct Outside {
    index: usize,
    mailbox: Arc<Mailbox>,
    addr: SocketAddr,
    candidates: Vec<SocketAddr>,
}

impl Workers {
    /// Binds the sockets and starts a worker on each of these runtimes.
    pub fn start(
        config: &crate::Config,
        threads: &[Handle],
        node: NodeId,
        bus: Bus,
        prometheus: &Prometheus,
    ) -> Result<Self, StartError> {
        if config.udp_addr.ip().is_unspecified() && config.public_ips.is_empty() {
            let text = "media is bound to every address, so browsers must be told which one to use: \
                        set PARTYLINE_GATEWAY_PUBLIC_IPS";
            return Err(StartError::System(text.to_owned()));
        }
        links(&config.listen.ice_servers).map_err(StartError::System)?;
        let system = |error: &dyn std::fmt::Display| StartError::System(error.to_string());
        let metrics = Metrics::register(prometheus)?;
        let registry = Registry::new(config.listen.sessions);
        let shared = Shared::new().map_err(|error| system(&error))?;
        let mut tag = [0; 4];
        rand::fill(&mut tag).map_err(|error| system(&error))?;

        let mut inner = Inner {
            workers: Vec::new(),
            tasks: Mutex::default(),
            registry: registry.clone(),
            metrics: metrics.clone(),
            shared,
            limits: config.listen.limits,
            next_tag: AtomicU32::new(u32::from_ne_bytes(tag)),
        };
        for (index, thread) in threads.iter().enumerate() {
            let udp = Arc::new(bind(config.udp_addr, index)?);
            let addr = udp.addr();
            if let Ok((receive, send)) = udp.buffers() {
                metrics.buffers(receive, send);
                tracing::info!(%addr, receive, send, "media socket bound");
            }
            let (mailbox, inbox) = inbox(metrics.queue_dropped.clone());
            let candidates = match config.public_ips.as_slice() {
                [] => vec![addr],
                ips => ips.iter().map(|ip| SocketAddr::new(*ip, addr.port())).collect(),
            };
            let setting = Setting {
                index,
                node,
                bus: bus.clone(),
                registry: registry.clone(),
                metrics: metrics.clone(),
                candidates: candidates.clone(),
            };
            let worker = {
                let _runtime = thread.enter();
                Worker::new(setting, udp, inbox).map_err(|error| system(&error))?
            };
            let task = thread.spawn(run(worker));
            inner.tasks.get_mut().unwrap_or_else(PoisonError::into_inner).push(task);
            inner.workers.push(Outside { index, mailbox: Arc::new(mailbox), addr, candidates });
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    /// One for each worker.
    pub fn outlets(&self) -> Vec<Arc<dyn Outlet>> {
        self.inner.workers.iter().map(|handle| handle.mailbox.clone() as Arc<dyn Outlet>).collect()
    }

    /// Where each worker listens.
    pub fn udp_addrs(&self) -> Vec<SocketAddr> {
        self.inner.workers.iter().map(|handle| handle.addr).collect()
    }

    /// How many sessions there are, connected or about to be.
    pub(crate) fn places_taken(&self) -> usize {
        self.inner.registry.taken()
    }

    /// Bytes sent to browsers since the start.
    pub(crate) fn bytes_sent(&self) -> u64 {
        self.inner.metrics.bytes.get()
    }

    /// Sessions that are connected now.
    pub fn sessions(&self) -> Vec<SessionId> {
        self.inner.registry.connected()
    }

    /// Does what control commands, for as long as it is polled.
    pub async fn obey(&self, hub: &Hub, mut commands: Subscription<NodeCommand>) {
        while let Some(received) = commands.next().await {
            match received {
                Received::Message(envelope) => match envelope.body {
                    NodeCommand::EndSession { session } => self.revoke(session).await,
                    NodeCommand::EndCall { call } => hub.give_up(call, None),
                    NodeCommand::ExpectStream { call } => hub.expect(call),
                    NodeCommand::SetMode { session, mode } => self.set_mode(session, mode).await,
                    NodeCommand::Attach { call, bot } => hub.order(call, Order::Attach(bot)),
                    NodeCommand::PauseBot { call, paused, recap } => {
                        hub.order(call, Order::PauseBot { paused, recap });
                    }
                    NodeCommand::Say { call, say, text, language, voice } => {
                        hub.order(call, Order::Say { say, text, language, voice });
                    }
                    NodeCommand::CancelSay { call, say } => hub.order(call, Order::CancelSay(say)),
                    NodeCommand::SendDtmf { call, digits } => hub.order(call, Order::SendDtmf(digits)),
                    NodeCommand::Hold { call, held } => hub.order(call, Order::Hold(held)),
                    NodeCommand::Unknown => tracing::debug!("a command this build does not know"),
                },
                Received::Lost(count) => tracing::warn!(count, "commands lost: too slow to obey them"),
            }
        }
        // Nobody commands any more; that is no reason to stop.
        std::future::pending().await
    }

    async fn revoke(&self, session: SessionId) {
        let Some(record) = self.inner.registry.revoke(session, Instant::now()) else { return };
        let remove = || Request::Remove { tag: record.tag, reason: SessionEnd::Revoked };
        self.insist(record.worker, remove).await;
    }

    /// Changes what a session may do. What comes of its microphone follows at once, the rest when its worker comes to it.
    async fn set_mode(&self, session: SessionId, mode: Mode) {
        let Some(record) = self.inner.registry.find_session(session) else { return };
        record.mouth.set_mode(mode);
        self.insist(record.worker, || Request::Mode { tag: record.tag }).await;
    }

    /// Asks a worker for something until it takes it.
    async fn insist(&self, worker: usize, request: impl Fn() -> Request) {
        let Some(worker) = self.worker(worker) else { return };
        while worker.mailbox.request(request()).is_err() {
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Ends all sessions, telling each browser.
    pub async fn stop(&self) {
        self.inner.stop();
        let tasks = std::mem::take(&mut *self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        if tokio::time::timeout(STOP_TIME, join_all(tasks)).await.is_err() {
            tracing::error!("a media worker does not stop");
        }
    }

    /// A number for the next session: unique on its socket while the session lives.
    fn next_tag(&self) -> u32 {
        loop {
            let tag = self.inner.next_tag.fetch_add(1, Ordering::Relaxed);
            // The two last are no session's.
            if tag < ANNOUNCER.0 {
                return tag;
            }
        }
    }

    /// The worker for another listener of this call: the one at home with it, until it has a crowd of them;
    /// then whichever has the fewest, so that a crowd keeps no thread from its other calls. `tag` decides
    /// between equals.
    fn for_listener(&self, call: &LiveCall, tag: u32) -> &Outside {
        let workers = &self.inner.workers;
        let home = call.home().filter(|home| call.listeners_at(*home) < CROWD);
        let fewest = || {
            let from = tag as usize % workers.len();
            (from..workers.len()).chain(0..from).min_by_key(|worker| call.listeners_at(*worker)).unwrap_or(0)
        };
        &workers[home.unwrap_or_else(fewest)]
    }

    fn worker(&self, index: usize) -> Option<&Outside> {
        self.inner.workers.get(index)
    }

    fn registry(&self) -> &Arc<Registry> {
        &self.inner.registry
    }

    fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    fn shared(&self) -> Arc<Shared> {
        self.inner.shared.clone()
    }

    fn limits(&self) -> Limits {
        self.inner.limits
    }
}

impl Inner {
    fn stop(&self) {
        for worker in &self.workers {
            worker.mailbox.stop();
        }
    }
}

impl Drop for Inner {
    /// A gateway that never ran leaves no session behind.
    fn drop(&mut self) {
        self.stop();
    }
}

/// The task of a worker. A panic that got past its sessions leaves state nobody can trust, and listeners
/// nobody serves: the process ends, to be started anew.
async fn run(worker: Worker) {
    if AssertUnwindSafe(worker.run()).catch_unwind().await.is_err() {
        tracing::error!("a media worker broke; the process ends");
        std::process::abort();
    }
}

fn bind(addr: SocketAddr, index: usize) -> Result<Udp, StartError> {
    let offset = u16::try_from(index).ok().filter(|_| addr.port() != 0).unwrap_or(0);
    let port = addr.port().checked_add(offset);
    let addr = SocketAddr::new(addr.ip(), port.unwrap_or(u16::MAX));
    Udp::bind(addr).map_err(|source| StartError::Udp { addr, source })
}

/// The `Link` header values that tell a browser of ICE servers (RFC 9725, section 4.6).
fn links(servers: &[IceServer]) -> Result<Vec<HeaderValue>, String> {
    let link = |server: &IceServer| {
        let known = ["stun:", "stuns:", "turn:", "turns:"].iter().any(|s| server.url.starts_with(s));
        let plain =
            |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"'));
        let bad = || format!("not an ICE server: {:?}", server.url);
        if !known || !plain(&server.url) {
            return Err(bad());
        }
        let mut text = format!("<{}>; rel=\"ice-server\"", server.url);
        for (name, value) in [("username", &server.username), ("credential", &server.credential)] {
            if let Some(value) = value {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"");
                text.push_str(&format!("; {name}=\"{value}\""));
            }
        }
        if server.credential.is_some() {
            text.push_str("; credential-type=\"password\"");
        }
        HeaderValue::from_str(&text).map_err(|_| bad())
    };
    servers.iter().map(link).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ice_servers_are_named_as_browsers_read_them() {
        let server = |url: &str, username: Option<&str>| IceServer {
            url: url.to_owned(),
            username: username.map(str::to_owned),
            credential: username.map(|_| "pass\"word".to_owned()),
        };
        let servers = [
            server("stun:stun.example.net", None),
            server("turn:turn.example.net?transport=udp", Some("user")),
        ];
        assert_eq!(
            links(&servers).unwrap(),
            [
                r#"<stun:stun.example.net>; rel="ice-server""#,
                r#"<turn:turn.example.net?transport=udp>; rel="ice-server"; username="user"; credential="pass\"word"; credential-type="password""#,
            ]
        );
        for bad in ["https://stun.example.net", "stun:a b", "stun:a>; rel=x", "stun:a\r\nSet-Cookie: x"] {
            assert!(links(&[server(bad, None)]).is_err(), "{bad}");
        }
        assert!(links(&[server("turn:a", Some("a\nb"))]).is_err());
    }
}
