//! `partyline up`: control, gateway and admin in one process, with SQLite and an in-process bus.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use anyhow::Context as _;
use common::admin::{self, Readiness};
use common::bus::Bus;
use common::serve::{Limits, serve};
use common::tls::Tls;
use control::Control;
use gateway::Gateway;
use prometheus::Registry;
use prometheus::process_collector::ProcessCollector;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::settings::Settings;

/// Both planes, bound to their addresses and ready to be run.
#[derive(Debug)]
pub struct Up {
    /// What is reached where.
    pub addrs: Addrs,
    control: Control,
    gateway: Gateway,
    admin: TcpListener,
    tls: Option<Tls>,
    registry: Registry,
}

/// Where a running installation is reached. With port 0 in the settings these are the ports chosen.
#[derive(Clone, Debug)]
pub struct Addrs {
    /// Control's URL: the console, the API, the webhooks.
    pub public_url: String,
    /// The gateway's URL.
    pub gateway_public_url: String,
    /// Metrics and health.
    pub admin: SocketAddr,
    /// Media, one address a worker.
    pub udp: Vec<SocketAddr>,
}

impl Up {
    /// Opens the database, binds all addresses and makes both planes ready.
    pub async fn new(settings: Settings) -> anyhow::Result<Self> {
        let http = bind("PARTYLINE_HTTP_ADDR", settings.http_addr).await?;
        let gateway_http = bind("PARTYLINE_GATEWAY_HTTP_ADDR", settings.gateway_http_addr).await?;
        let admin = bind("PARTYLINE_ADMIN_ADDR", settings.admin_addr).await?;
        let tls = settings.tls;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let public_url = url_or_addr(settings.public_url, scheme, &http)?;
        let gateway_public_url = url_or_addr(settings.gateway_public_url, scheme, &gateway_http)?;
        let mut allowed_origins = settings.allowed_origins;
        allowed_origins.push(public_url.clone());

        std::fs::create_dir_all(&settings.data_dir)
            .with_context(|| format!("cannot make the data directory {}", settings.data_dir.display()))?;
        let signer = control::signing_key(&settings.data_dir)?;
        let bus = Bus::in_process();
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        if let Some(tls) = &tls {
            tls.register(&registry)?;
        }

        // The gateway first: when control answers Twilio, the stream's address must already listen.
        let mut gateway = gateway::Config {
            public_url: gateway_public_url.clone(),
            threads: settings.gateway_threads,
            udp_addr: settings.gateway_udp_addr,
            public_ips: settings.gateway_public_ips,
            allowed_origins: allowed_origins.clone(),
            http: Limits::default(),
            tls: tls.clone(),
            ingest: gateway::ingest::Config::default(),
            listen: gateway::listen::Config::default(),
            budget: gateway::budget::Config::default(),
        };
        settings.gateway_limits.apply(&mut gateway);
        let gateway = Gateway::new(&gateway, gateway_http, bus.clone(), signer.verifier(), &registry)?;
        let defaults = control::Config::default();
        let control = control::Config {
            public_url: public_url.clone(),
            gateway_public_url: gateway_public_url.clone(),
            data_dir: settings.data_dir,
            database_url: settings.database_url,
            database_owner_url: settings.database_owner_url,
            bootstrap: settings.bootstrap,
            allowed_origins,
            tls: tls.clone(),
            oidc: settings.oidc,
            requests_per_minute: requests_per_minute(settings.requests_per_minute),
            sessions_per_minute: settings.sessions_per_minute.unwrap_or(defaults.sessions_per_minute),
            ..defaults
        };
        let control = Control::new(control, http, bus, signer, &registry).await?;

        let addrs =
            Addrs { public_url, gateway_public_url, admin: admin.local_addr()?, udp: gateway.udp_addrs() };
        Ok(Self { addrs, control, gateway, admin, tls, registry })
    }

    /// Serves until `stop` resolves, then ends in order: listeners are told, calls' records are closed.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let tls = self.tls.clone();
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
                self.control.run(wait(after_media)),
                async {
                    self.gateway.run(wait(stopped)).await;
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
            match &tls {
                Some(tls) => tls.follow().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            never = follow => match never {},
            _ = async { tokio::join!(all, stop) } => {}
        }
    }
}

fn requests_per_minute(set: [Option<NonZeroU32>; 3]) -> control::RequestsPerMinute {
    let defaults = control::RequestsPerMinute::default();
    let [address, user, tenant] = set;
    control::RequestsPerMinute {
        address: address.unwrap_or(defaults.address),
        user: user.unwrap_or(defaults.user),
        tenant: tenant.unwrap_or(defaults.tenant),
    }
}

async fn bind(key: &str, addr: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr).await.with_context(|| format!("cannot listen on {addr} ({key})"))
}

fn url_or_addr(url: Option<String>, scheme: &str, listener: &TcpListener) -> anyhow::Result<String> {
    Ok(match url {
        Some(url) => url,
        None => format!("{scheme}://{}", listener.local_addr()?),
    })
}
