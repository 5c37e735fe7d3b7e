//! A process of Partyline: both planes in one, or one of them, with the admin address beside it.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use common::admin::{self, Readiness};
use common::bus::redis::Link;
use common::bus::{Bus, Channel};
use common::serve::{Limits, serve};
use common::tls::Tls;
use control::Control;
use gateway::Gateway;
use prometheus::Registry;
use prometheus::process_collector::ProcessCollector;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::settings::{Planes, Settings};

/// How long the last messages to other processes may take to leave.
const FAREWELL: Duration = Duration::from_secs(1);

/// The planes of this process, bound to their addresses and ready to be run.
#[derive(Debug)]
pub struct Node {
    /// What is reached where.
    pub addrs: Addrs,
    control: Option<Control>,
    gateway: Option<Gateway>,
    bus: Bus,
    link: Option<Link>,
    admin: TcpListener,
    tls: Option<Tls>,
    registry: Registry,
}

/// Where a running process is reached. With port 0 in the settings these are the ports chosen.
#[derive(Clone, Debug)]
pub struct Addrs {
    /// Control's URL: the console, the API, the webhooks.
    pub public_url: String,
    /// The gateway's URL.
    pub gateway_public_url: String,
    /// Metrics and health.
    pub admin: SocketAddr,
    /// Media, one address a worker. Empty without a gateway.
    pub udp: Vec<SocketAddr>,
}

impl Node {
    /// Opens the database, binds all addresses and makes the planes ready.
    pub async fn new(settings: Settings) -> anyhow::Result<Self> {
        let planes = settings.planes;
        let http = match planes.has_control() {
            true => Some(bind("PARTYLINE_HTTP_ADDR", settings.http_addr).await?),
            false => None,
        };
        let gateway_http = match planes.has_gateway() {
            true => Some(bind("PARTYLINE_GATEWAY_HTTP_ADDR", settings.gateway_http_addr).await?),
            false => None,
        };
        let admin = bind("PARTYLINE_ADMIN_ADDR", settings.admin_addr).await?;
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let url =
            |url: &Option<String>, listener: &Option<TcpListener>, addr: SocketAddr| match (url, listener) {
                (Some(url), _) => Ok(url.clone()),
                (None, Some(listener)) => Ok(format!("{scheme}://{}", listener.local_addr()?)),
                (None, None) => anyhow::Ok(format!("{scheme}://{addr}")),
            };
        let mut addrs = Addrs {
            public_url: url(&settings.public_url, &http, settings.http_addr)?,
            gateway_public_url: url(&settings.gateway_public_url, &gateway_http, settings.gateway_http_addr)?,
            admin: admin.local_addr()?,
            udp: Vec::new(),
        };

        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        if let Some(tls) = &settings.tls {
            tls.register(&registry)?;
        }
        let bus = Bus::in_process();
        let link = match (&settings.redis_url, &settings.bus_keys) {
            (Some(url), Some(keys)) => {
                let hears: &[Channel] = match planes {
                    Planes::Gateway => &[Channel::Commands],
                    Planes::Control | Planes::Both => &[Channel::Events, Channel::News],
                };
                Some(Link::new(url, keys, bus.clone(), hears, &registry).context("PARTYLINE_REDIS_URL")?)
            }
            _ => None,
        };
        let signer = match (&settings.signing_key, planes.has_control()) {
            (Some(signer), _) => Some(signer.clone()),
            (None, true) => {
                std::fs::create_dir_all(&settings.data_dir).with_context(|| {
                    format!("cannot make the data directory {}", settings.data_dir.display())
                })?;
                Some(control::signing_key(&settings.data_dir)?)
            }
            (None, false) => None,
        };

        // The gateway first: when control answers Twilio, the stream's address must already listen.
        let gateway = match gateway_http {
            Some(http) => {
                let verifier =
                    settings.verifying_key.clone().or(signer.as_ref().map(|signer| signer.verifier()));
                let verifier = verifier.context("a gateway needs PARTYLINE_VERIFYING_KEY")?;
                let config = settings.gateway_config(&addrs);
                Some(Gateway::new(&config, http, bus.clone(), verifier, &registry)?)
            }
            None => None,
        };
        addrs.udp = gateway.as_ref().map(Gateway::udp_addrs).unwrap_or_default();
        let control = match (http, signer) {
            (Some(http), Some(signer)) => {
                let config = settings.control_config(&addrs);
                Some(Control::new(config, http, bus.clone(), signer, &registry).await?)
            }
            _ => None,
        };
        Ok(Self { addrs, control, gateway, bus, link, admin, tls: settings.tls, registry })
    }

    /// Serves until `stop` resolves, then ends in order: listeners are told, calls' records are closed.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (stopping, stopped) = watch::channel(false);
        let wait = |mut stopped: watch::Receiver<bool>| async move {
            let _sender_gone = stopped.wait_for(|stop| *stop).await;
        };
        let readiness = Readiness::default();
        readiness.set(true);
        let admin = admin::router(self.registry, readiness.clone());
        let all = async {
            let media_over = watch::Sender::new(false);
            let after_media = media_over.subscribe();
            tokio::join!(
                serve(self.admin, None, admin, Limits::default(), wait(after_media.clone())),
                // Control goes last, so that it hears from the gateway how each call ended.
                async {
                    if let Some(control) = self.control {
                        control.run(wait(after_media)).await;
                    }
                },
                async {
                    match self.gateway {
                        Some(gateway) => gateway.run(wait(stopped)).await,
                        None => wait(stopped).await,
                    }
                    media_over.send_replace(true);
                },
            );
        };
        let stop = async {
            stop.await;
            readiness.set(false);
            stopping.send_replace(true);
        };
        let follow = async {
            match &self.tls {
                Some(tls) => tls.follow().await,
                None => std::future::pending().await,
            }
        };
        let link = async {
            match self.link {
                Some(link) => link.run().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            never = follow => match never {},
            () = link => {}
            () = async {
                tokio::join!(all, stop);
                // What was said at the end is for the others.
                let _not_for_ever = tokio::time::timeout(FAREWELL, self.bus.left()).await;
            } => {}
        }
    }
}

async fn bind(key: &str, addr: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr).await.with_context(|| format!("cannot listen on {addr} ({key})"))
}
