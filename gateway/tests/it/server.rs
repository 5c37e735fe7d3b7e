//! A running gateway, and what can be seen of it.

use std::net::SocketAddr;
use std::time::Duration;

use common::CallId;
use common::bus::{Bus, NodeEvent, Received, Subscription};
use common::serve::Limits;
use common::token::Signer;
use gateway::{Config, Gateway, ingest, listen};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long a test waits for what must come. Only a failing test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway on a port of its own. It ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) signer: Signer,
    registry: Registry,
    events: Subscription<NodeEvent>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts one after `change` was made to the usual configuration.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut config = Config {
            public_url: format!("http://{addr}"),
            threads: std::num::NonZeroUsize::MIN.saturating_add(1),
            udp_addr: "127.0.0.1:0".parse().unwrap(),
            public_ips: Vec::new(),
            allowed_origins: Vec::new(),
            http: Limits::default(),
            tls: None,
            ingest: ingest::Config::default(),
            listen: listen::Config::default(),
            budget: gateway::budget::Config::default(),
            bot: gateway::bot::BotConfig::default(),
            speech: gateway::speech::SpeechConfig::default(),
        };
        // A test on a busy machine must not lose a stream to its own slowness.
        config.ingest.limits.stall = 3 * PATIENCE;
        change(&mut config);
        let (signer, bus) = (Signer::from_pkcs8(&Signer::generate_pkcs8()).unwrap(), Bus::in_process());
        let (registry, events) = (Registry::new(), bus.events.subscribe());
        let gateway = Gateway::new(&config, listener, bus, signer.verifier(), &registry).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(gateway.run(async {
            let _told_or_the_test_is_over = stopped.await;
        }));
        Self { addr, signer, registry, events, stop: Some(stop), running }
    }

    /// Tells it to stop. [`stopped`](Self::stopped) waits for that.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn stopped(&mut self) {
        tokio::time::timeout(PATIENCE, &mut self.running).await.expect("it stops").unwrap();
    }

    /// The next event that is not a heartbeat.
    pub(crate) async fn event(&mut self) -> NodeEvent {
        loop {
            match self.any_event().await {
                NodeEvent::NodeAlive { .. } => {}
                event => return event,
            }
        }
    }

    /// The calls that the next heartbeat names.
    pub(crate) async fn calls(&mut self) -> Vec<CallId> {
        loop {
            if let NodeEvent::NodeAlive { calls, .. } = self.any_event().await {
                return calls;
            }
        }
    }

    async fn any_event(&mut self) -> NodeEvent {
        let next = tokio::time::timeout(PATIENCE, self.events.next()).await;
        match next.expect("an event comes") {
            Some(Received::Message(envelope)) => envelope.body,
            other => panic!("{other:?} for an event"),
        }
    }

    /// The value of a series, named as Prometheus does: `name{label="value"}`. A histogram's is its count.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        for family in self.registry.gather() {
            for metric in family.get_metric() {
                let mut labels: Vec<String> = metric
                    .get_label()
                    .iter()
                    .map(|label| format!("{}=\"{}\"", label.name(), label.value()))
                    .collect();
                labels.sort();
                let name = match labels.is_empty() {
                    true => family.name().to_owned(),
                    false => format!("{}{{{}}}", family.name(), labels.join(",")),
                };
                if name == series {
                    let histogram = metric.get_histogram().get_sample_count() as f64;
                    return metric.get_counter().get_value() + metric.get_gauge().get_value() + histogram;
                }
            }
        }
        panic!("no series {series}");
    }
}
