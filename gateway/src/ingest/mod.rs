//! Twilio's media streams arrive here: `GET /twilio/media/{ticket}`, a WebSocket for each.
//!
//! A stream is let in twice. Before the upgrade its ticket must be good and unused; then its `start` must
//! name the call and account of that ticket, and bring a grant that knows the signature Twilio showed.
//! From then on the task of the stream reads and never waits for anything else: Twilio throws audio away
//! when it is read slowly.

mod admission;
mod carried;
mod close;
mod handshake;
mod heard;
mod metrics;
mod speaking;
mod stream;
mod streams;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use common::NodeId;
use common::bus::Bus;
use common::token::Verifier;
use gateway_core::{call, twilio};
use prometheus::{IntGauge, Registry};
use time::OffsetDateTime;

use self::admission::Admission;
use self::handshake::Refusal;
use self::metrics::Metrics;
use self::stream::Stream;
use self::streams::Streams;
use crate::StartError;
use crate::bot::BotConfig;
use crate::hub::Hub;
use crate::speech::Speech;

/// What Twilio's sockets may do.
#[derive(Clone, Debug)]
pub struct Config {
    /// What one stream may do, and how long it may take.
    pub limits: twilio::Limits,
    /// What one call may cost.
    pub call: call::Config,
    /// Sockets at one time. One more is told 503 before the upgrade.
    pub connections: usize,
    /// Used tickets that are remembered until they expire. With more, new streams are told 503.
    pub used_tickets: usize,
    /// Largest WebSocket message and frame, in bytes. A frame of 20 ms has about 380.
    pub message_bytes: usize,
    /// How long a close frame may take to be sent and answered.
    pub close: Duration,
    /// How long listeners wait, in silence, for another stream of a call whose stream was lost.
    pub wait: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: twilio::Limits::default(),
            call: call::Config::default(),
            connections: 4096,
            used_tickets: 65_536,
            message_bytes: 64 * 1024,
            close: Duration::from_secs(2),
            wait: Duration::from_secs(20),
        }
    }
}

/// All that takes Twilio's streams in. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Ingest(Arc<Shared>);

/// What every stream's task shares.
#[derive(Debug)]
struct Shared {
    config: Config,
    node: NodeId,
    hub: Arc<Hub>,
    bus: Bus,
    admission: Admission,
    streams: Arc<Streams>,
    metrics: Metrics,
    speech: Speech,
    bots: Arc<BotConfig>,
}

impl Ingest {
    /// Makes everything ready and registers the metrics. No stream is taken before
    /// [`router`](Self::router) is served.
    pub fn new(
        config: &crate::Config,
        node: NodeId,
        hub: Arc<Hub>,
        bus: Bus,
        verifier: Verifier,
        registry: &Registry,
    ) -> Result<Self, StartError> {
        let bots = Arc::new(config.bot.clone());
        let speech = Speech::new(config.speech.clone());
        let speech = speech.map_err(|error| StartError::System(error.to_string()))?;
        let config = config.ingest.clone();
        let metrics = Metrics::register(registry)?;
        let admission = Admission::new(verifier, config.used_tickets);
        let streams = Arc::new(Streams::new(config.connections));
        Ok(Self(Arc::new(Shared { config, node, hub, bus, admission, streams, metrics, speech, bots })))
    }

    /// `GET /twilio/media/{ticket}`.
    pub fn router(&self) -> axum::Router {
        axum::Router::new().route("/twilio/media/{ticket}", get(media)).with_state(self.0.clone())
    }

    /// How many calls are being encoded.
    pub(crate) fn encoders(&self) -> IntGauge {
        self.0.metrics.encoders.clone()
    }

    /// Takes no new stream from now on, and tells those that are open to end.
    pub fn close(&self) {
        self.0.streams.close();
    }

    /// Waits until all streams have ended, after [`close`](Self::close). It takes no longer than
    /// [`Config::close`] allows a socket, and a little more.
    pub async fn closed(&self) {
        let limit = self.0.config.close + Duration::from_secs(1);
        if tokio::time::timeout(limit, self.0.streams.ended()).await.is_err() {
            tracing::warn!("media streams were cut off");
        }
    }
}

async fn media(
    State(shared): State<Arc<Shared>>,
    Path(ticket): Path<String>,
    mut request: Request,
) -> Response {
    let upgraded = hyper::upgrade::on(&mut request);
    match enter(&shared, &ticket, &request) {
        Ok((response, stream)) => {
            tokio::spawn(stream.run(upgraded));
            response
        }
        Err(refusal) => {
            // At debug only: anybody may knock. The ticket is a secret and stays out of the log.
            tracing::debug!(reason = refusal.reason().as_str(), "media stream refused");
            shared.metrics.rejected(refusal.reason());
            refusal.into_response()
        }
    }
}

/// Checks a handshake, cheapest first. Only one that is good in all else uses its ticket up.
fn enter(shared: &Arc<Shared>, ticket: &str, request: &Request) -> Result<(Response, Stream), Refusal> {
    let response = handshake::accept(request)?;
    let signature = handshake::signature(request.headers())?;
    let now = OffsetDateTime::now_utc();
    let ticket = shared.admission.check_ticket(ticket, now)?;
    let place = shared.streams.enter()?;
    shared.admission.use_ticket(&ticket, now)?;
    let stream = Stream::new(shared.clone(), place, ticket, signature.to_owned(), Instant::now());
    Ok((response, stream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Outlet;

    /// What streams share, in a gateway with these outlets.
    pub(super) fn shared(
        outlets: Vec<Arc<dyn Outlet>>,
        verifier: Verifier,
        registry: &Registry,
    ) -> Arc<Shared> {
        let config = crate::Config {
            public_url: String::new(),
            threads: std::num::NonZeroUsize::MIN,
            udp_addr: "127.0.0.1:0".parse().unwrap(),
            public_ips: Vec::new(),
            allowed_origins: Vec::new(),
            http: common::serve::Limits::default(),
            tls: None,
            ingest: Config::default(),
            listen: crate::listen::Config::default(),
            budget: crate::budget::Config::default(),
            bot: BotConfig::default(),
            speech: crate::speech::SpeechConfig::default(),
        };
        let hub = Arc::new(Hub::new(outlets));
        let ingest = Ingest::new(&config, NodeId::new(), hub, Bus::in_process(), verifier, registry);
        ingest.unwrap().0
    }
}
