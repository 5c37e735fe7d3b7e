//! The media plane's process: sockets, clock, tasks. What it decides, it decides in `gateway-core`.
//!
//! A gateway holds no user, no SQL and no tenant's rule: signed tokens tell it what it may do, and it
//! goes on carrying its calls while everything else is down.

pub mod bot;
pub mod budget;
pub mod hub;
pub mod ingest;
pub mod listen;
pub mod speech;
mod threads;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use common::NodeId;
use common::bus::{Bus, NodeCommand, NodeEvent, Subscription};
use common::serve::{Limits, serve_on};
use common::tls::Tls;
use common::token::Verifier;
use prometheus::Registry;
use tokio::net::TcpListener;

use crate::budget::{Budgets, Counted};
use crate::hub::Hub;
use crate::threads::Threads;

/// How often a gateway says that it lives, and what it holds.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Everything a gateway can be told. Each part belongs to the module that uses it.
#[derive(Clone, Debug)]
pub struct Config {
    /// What browsers call this gateway, without a trailing slash; Twilio gets the same host as `wss`.
    pub public_url: String,
    /// Media threads. Each has its share of Twilio's sockets, and a UDP socket for its listeners. One a core
    /// is what a machine can use.
    pub threads: NonZeroUsize,
    /// Where media arrives: the first thread's port. The next ones have the ports after it. Port 0 lets a test
    /// ask for any.
    pub udp_addr: SocketAddr,
    /// What ICE announces instead of the address bound: needed behind a port forward and with a wildcard.
    pub public_ips: Vec<IpAddr>,
    /// Origins whose pages may use WHEP: the console's, and configured ones.
    pub allowed_origins: Vec<String>,
    /// What the HTTP server allows.
    pub http: Limits,
    /// Serves https and wss with this; without it a proxy in front must.
    pub tls: Option<Tls>,
    /// Twilio's sockets.
    pub ingest: ingest::Config,
    /// Listeners.
    pub listen: listen::Config,
    /// What may be carried, beyond the limits that ingest and listen have themselves.
    pub budget: budget::Config,
    /// Bots that answer calls.
    pub bot: bot::BotConfig,
    /// What makes speech of text.
    pub speech: speech::SpeechConfig,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The media address could not be used.
    #[error("cannot listen for media on {addr}")]
    Udp {
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A metric's name was taken.
    #[error("cannot register metrics")]
    Metrics(#[from] prometheus::Error),
    /// Cryptography, threads or other parts of the system failed.
    #[error("cannot start: {0}")]
    System(String),
}

/// A gateway that is ready to be run.
#[derive(Debug)]
pub struct Gateway {
    node: NodeId,
    hub: Arc<Hub>,
    /// What it is called from outside.
    url: String,
    threads: Threads,
    workers: listen::Workers,
    budgets: Arc<Budgets>,
    ingest: ingest::Ingest,
    app: axum::Router,
    listener: TcpListener,
    limits: Limits,
    tls: Option<Tls>,
    bus: Bus,
    commands: Subscription<NodeCommand>,
}

impl Gateway {
    /// Binds the media sockets and makes everything ready. `listener` takes HTTP: Twilio's WebSockets and
    /// WHEP.
    pub fn new(
        config: &Config,
        listener: TcpListener,
        bus: Bus,
        verifier: Verifier,
        registry: &Registry,
    ) -> Result<Self, StartError> {
        let node = NodeId::new();
        let commands = bus.commands.subscribe();
        let threads =
            Threads::start(config.threads).map_err(|error| StartError::System(error.to_string()))?;
        let workers = listen::Workers::start(config, threads.handles(), node, bus.clone(), registry)?;
        let hub = Arc::new(Hub::new(workers.outlets()));
        let ingest = ingest::Ingest::new(config, node, hub.clone(), bus.clone(), verifier.clone(), registry)?;
        let places = (config.ingest.connections, config.listen.sessions, threads.handles().len());
        let budgets = Budgets::new(config.budget, places, ingest.encoders(), registry)?;
        let whep = listen::router(config, hub.clone(), workers.clone(), budgets.clone(), verifier)?;
        let app = ingest.router().merge(whep);
        let (limits, tls) = (config.http, config.tls.clone());
        let url = config.public_url.clone();
        Ok(Self {
            node,
            hub,
            url,
            threads,
            workers,
            budgets,
            ingest,
            app,
            listener,
            limits,
            tls,
            bus,
            commands,
        })
    }

    /// The UDP addresses in use, one for each worker.
    pub fn udp_addrs(&self) -> Vec<SocketAddr> {
        self.workers.udp_addrs()
    }

    /// The calls it holds.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Serves until `stop` resolves; then ends all sessions and returns.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let heartbeat = async {
            let mut beat = tokio::time::interval(HEARTBEAT);
            loop {
                beat.tick().await;
                let (calls, sessions) = (self.hub.ids(), self.workers.sessions());
                self.bus.events.publish(NodeEvent::NodeAlive {
                    node: self.node,
                    calls,
                    sessions,
                    url: Some(self.url.clone()),
                    utilization: self.budgets.utilization(),
                });
            }
        };
        let counted = || Counted {
            calls: self.hub.count(),
            listeners: self.workers.places_taken(),
            egress: self.workers.bytes_sent(),
        };
        // Twilio learns at once: the sockets do not wait for requests that linger.
        let stop = async {
            stop.await;
            self.ingest.close();
        };
        tokio::select! {
            () = heartbeat => {}
            () = self.budgets.sample(&self.threads, counted) => {}
            () = self.workers.obey(&self.hub, self.commands) => {}
            () = serve_on(|| self.threads.place(), self.listener, self.tls, self.app, self.limits, stop) => {}
        }
        self.ingest.closed().await;
        self.workers.stop().await;
        self.threads.stop().await;
    }
}
