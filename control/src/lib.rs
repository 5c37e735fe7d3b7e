//! The control plane: sign-in, tenants, call records, webhooks, live events.
//!
//! It carries no audio. It meets the media plane on the bus and in the tokens that it signs, and nowhere
//! else; a gateway goes on with what it has while this is down.

mod admin;
mod api;
mod audit;
mod auth;
#[doc(hidden)]
pub mod backstage;
mod config;
mod console;
mod crypto;
mod dependency;
mod error;
mod gateways;
mod http;
mod jobs;
mod live;
mod metrics;
mod model;
mod pdf;
mod seals;
mod store;
mod trace;
mod twilio;

use std::collections::HashSet;
use std::future::Future;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use common::bus::{Bus, NodeCommand, NodeEvent, Subscription, TenantNews};
use common::token::{Signer, Verifier};
use common::{CallId, SessionId, TenantId, UserId};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub use crate::admin::{Admin, AdminError, SecretKeys};
pub use crate::audit::{Fault, Head, NotAHead, Why};
use crate::auth::limit::{Limiter, Requests};
use crate::auth::oidc::Provider;
use crate::auth::password::Passwords;
use crate::config::BaseUrl;
pub use crate::config::{Bootstrap, BootstrapTwilio, Config, Oidc, OidcDomain, RequestsPerMinute, Timings};
use crate::crypto::SecretBox;
pub use crate::crypto::{KeyError, rotate_signing_key, signing_key};
pub use crate::dependency::Dependencies;
use crate::gateways::Gateways;
use crate::live::Hub;
use crate::live::quality::Qualities;
use crate::metrics::Metrics;
pub use crate::model::{Role, Scope, UnknownWord};
use crate::store::Store;
pub use crate::store::{OpenError, StoreError, migrate};
use crate::twilio::away::LastKnown;
pub use crate::twilio::rest;
use crate::twilio::rest::{ClientError, RestClient};
use crate::twilio::side::{Applications, Moving};
use crate::twilio::spool::Spool;

/// The control plane cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A URL of the configuration cannot be used.
    #[error("{key} {why}")]
    Url {
        /// Which.
        key: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The database cannot be used.
    #[error("the database cannot be used")]
    Database(#[from] OpenError),
    /// A key cannot be used.
    #[error("a key cannot be used")]
    Key(#[from] KeyError),
    /// The first tenant cannot be made.
    #[error("the first tenant cannot be made: {0}")]
    Bootstrap(&'static str),
    /// The database failed.
    #[error("the first tenant cannot be kept")]
    Store(#[from] StoreError),
    /// The database failed.
    #[error("stored secrets cannot be sealed with the present key")]
    Seal(#[source] StoreError),
    /// The folder of webhooks that wait for the database cannot be used.
    #[error("the webhooks on disk cannot be used")]
    Spool(#[source] std::io::Error),
    /// Twilio's API cannot be used.
    #[error("Twilio's API cannot be used")]
    TwilioApi(#[from] ClientError),
    /// The metrics are registered already.
    #[error("metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
}

/// What every handler and job shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) public_url: BaseUrl,
    pub(crate) gateways: Gateways,
    origins: HashSet<String>,
    pub(crate) store: Store,
    pub(crate) hub: Hub,
    pub(crate) qualities: Qualities,
    pub(crate) bus: Bus,
    pub(crate) signer: Signer,
    pub(crate) verifier: Verifier,
    pub(crate) secrets: SecretBox,
    pub(crate) passwords: Passwords,
    pub(crate) login_by_address: Limiter<IpAddr>,
    pub(crate) login_by_email: Limiter<[u8; 32]>,
    pub(crate) sessions_by_user: Limiter<UserId>,
    pub(crate) requests: Requests,
    pub(crate) oidc: Option<Provider>,
    pub(crate) metrics: Metrics,
    pub(crate) twilio: RestClient,
    pub(crate) spool: Spool,
    pub(crate) last_known: LastKnown,
    pub(crate) applications: Applications,
    pub(crate) moving: Moving,
    /// Calls whose audio broke off, for the reconciler. Full: it finds them by itself, later.
    pub(crate) lost_streams: mpsc::Sender<(TenantId, CallId)>,
    stopping: watch::Receiver<bool>,
}

/// The state of the router. Cloning shares it.
pub(crate) type App = Arc<Shared>;

impl Shared {
    /// Whether pages of this origin may use the API with a user's credentials.
    pub(crate) fn origin_is_allowed(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.origins.contains(origin))
    }

    /// Tells the gateways to end these sessions, which are revoked. One that does not hear it is told again when it
    /// next says what it holds.
    pub(crate) fn end_sessions(&self, sessions: Vec<SessionId>) {
        for session in sessions {
            self.bus.commands.publish(NodeCommand::EndSession { session });
        }
    }

    /// Waits until the server stops.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopping = self.stopping.clone();
        async move {
            // An error is a server that was dropped without a word: it stopped as well.
            let _either_way = stopping.wait_for(|&stopping| stopping).await;
        }
    }
}

/// The control plane, ready to run.
#[derive(Debug)]
pub struct Control {
    app: App,
    listener: TcpListener,
    /// From before anybody can be told of a call, so that nothing is missed.
    events: Subscription<NodeEvent>,
    news: Subscription<TenantNews>,
    lost: mpsc::Receiver<(TenantId, CallId)>,
    stop: watch::Sender<bool>,
}

impl Control {
    /// Opens the database, makes what is missing, and is then ready to [`run`](Self::run) on `listener`.
    ///
    /// # Errors
    ///
    /// When the configuration, the data directory or the database cannot be used. Nothing is served then.
    pub async fn new(
        config: Config,
        listener: TcpListener,
        bus: Bus,
        signer: Signer,
        registry: &Registry,
    ) -> Result<Self, StartError> {
        let public_url = BaseUrl::parse(&config.public_url, "the public URL")?;
        let gateway_url = BaseUrl::parse(&config.gateway_public_url, "the gateway's public URL")?;
        let gateways = Gateways::new(gateway_url, &config.gateway_origins)?;
        let mut origins: HashSet<String> = public_url.origins().into_iter().collect();
        for origin in &config.allowed_origins {
            origins.insert(BaseUrl::parse(origin, "an allowed origin")?.origin());
        }
        let oidc = config.oidc.clone().map(|oidc| Provider::new(oidc, &public_url)).transpose()?;
        let secrets =
            SecretBox::open(&config.data_dir, config.secrets_key.as_ref(), &config.secrets_old_keys)?;
        let hub = Hub::among(bus.news.clone());
        let store =
            Store::open(&config.database_url, config.database_owner_url.as_deref(), hub.clone()).await?;
        let (stop, stopping) = watch::channel(false);
        let twilio = RestClient::new(config.twilio_api.clone(), &Dependencies::register(registry)?)?;
        let metrics = Metrics::register(registry)?;
        let (folder, pending) = (config.data_dir.join("spool"), metrics.webhooks_spooled.clone());
        let spool = Spool::open(folder, config.webhooks_on_disk, pending).map_err(StartError::Spool)?;
        let (lost_streams, lost) = mpsc::channel(jobs::LOST_STREAMS);
        let some = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let shared = Shared {
            public_url,
            gateways,
            origins,
            store,
            hub,
            qualities: Qualities::default(),
            bus,
            verifier: signer.verifier(),
            signer,
            secrets,
            passwords: Passwords::default(),
            login_by_address: Limiter::new(some(30), Duration::from_secs(2)),
            login_by_email: Limiter::new(some(10), Duration::from_secs(6)),
            sessions_by_user: Limiter::per_minute(config.sessions_per_minute),
            requests: Requests::new(config.requests_per_minute),
            oidc,
            metrics,
            spool,
            last_known: LastKnown::default(),
            applications: Applications::default(),
            moving: Moving::default(),
            twilio,
            lost_streams,
            stopping,
            config,
        };
        if let Some(bootstrap) = &shared.config.bootstrap {
            jobs::bootstrap::bootstrap(&shared, bootstrap).await?;
        }
        // Servers of before that work beside this one could not read what they know in clear.
        let in_clear = !shared.store.is_shared();
        seals::seal_anew(&shared.store, &shared.secrets, in_clear).await.map_err(StartError::Seal)?;
        let (events, news) = (shared.bus.events.subscribe(), shared.bus.news.subscribe());
        Ok(Self { app: Arc::new(shared), listener, events, news, lost, stop })
    }

    /// Serves until `stop` resolves, then lets requests finish, closes sockets and the database.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { app, listener, events, news, lost, stop: stopping } = self;
        let jobs = tokio::spawn(jobs::run(app.clone(), events, lost));
        let others = tokio::spawn(jobs::news::run(app.clone(), news));
        let looks = tokio::spawn(jobs::audit::run(app.clone()));
        // What takes long must not hold up the bus.
        let retention = tokio::spawn(jobs::retention::run(app.clone()));
        let (limits, tls) = (app.config.http, app.config.tls.clone());
        let router = http::router(app.clone());
        let stop = async {
            stop.await;
            stopping.send_replace(true);
        };
        common::serve::serve(listener, tls, router, limits, stop).await;
        // The jobs end by `stopping` too. What they were writing is then whole.
        for job in [jobs, others, looks, retention] {
            if job.await.is_err() {
                tracing::error!("a background job had panicked");
            }
        }
        app.store.close().await;
    }
}

/// The description of the API: OpenAPI 3.1, as JSON.
pub fn openapi() -> String {
    let (_, description) = api::router().split_for_parts();
    description.to_pretty_json().expect("the description is JSON") + "\n"
}
