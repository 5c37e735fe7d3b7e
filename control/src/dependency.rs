//! Services that the control plane needs and does not run: whether they answer, how long they take, how they fail.
//! All are counted by the same four metrics.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

/// The metrics of all dependencies. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Dependencies {
    up: IntGaugeVec,
    requests: HistogramVec,
    errors: IntCounterVec,
    circuit: IntGaugeVec,
}

impl Dependencies {
    /// Makes the metrics and registers them. Fails when they are registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let up = IntGaugeVec::new(
            Opts::new("partyline_dependency_up", "Whether it answered when it was last asked"),
            &["dep"],
        )?;
        let requests = HistogramVec::new(
            HistogramOpts::new(
                "partyline_dependency_request_seconds",
                "Time from request to answer, or to the failure",
            )
            .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
            &["dep", "op"],
        )?;
        let errors = IntCounterVec::new(
            Opts::new("partyline_dependency_errors_total", "Requests that failed, each try by itself"),
            &["dep", "kind"],
        )?;
        let circuit = IntGaugeVec::new(
            Opts::new(
                "partyline_circuit_state",
                "0 closed: asked as usual; 1 half open: one try; 2 open: not asked",
            ),
            &["dep"],
        )?;
        registry.register(Box::new(up.clone()))?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(errors.clone()))?;
        registry.register(Box::new(circuit.clone()))?;
        Ok(Self { up, requests, errors, circuit })
    }

    /// The metrics of one dependency, all of them there from now on. It counts as up until it fails.
    pub(crate) fn of(&self, name: &'static str, ops: &[&str]) -> Dependency {
        let dependency = Dependency { name, all: self.clone() };
        dependency.set_up(true);
        dependency.set_circuit(Circuit::Closed);
        for kind in Failure::ALL {
            self.errors.with_label_values(&[name, kind.as_str()]);
        }
        for op in ops {
            self.requests.with_label_values(&[name, op]);
        }
        dependency
    }
}

/// How a request to a dependency failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failure {
    /// No answer in time.
    Timeout,
    /// No connection, or one that broke.
    Refused,
    /// It had too many requests.
    TooMany,
    /// It said that it failed.
    Server,
    /// What it said makes no sense.
    Protocol,
}

impl Failure {
    const ALL: [Self; 5] = [Self::Timeout, Self::Refused, Self::TooMany, Self::Server, Self::Protocol];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::TooMany => "429",
            Self::Server => "5xx",
            Self::Protocol => "protocol",
        }
    }
}

/// Whether a dependency is asked at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Circuit {
    /// As usual.
    Closed,
    /// Once, to see whether it is back.
    HalfOpen,
    /// Not: it has failed too often.
    Open,
}

/// The metrics of one dependency.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    name: &'static str,
    all: Dependencies,
}

impl Dependency {
    /// A request was answered, or failed, after this time.
    pub(crate) fn took(&self, op: &str, time: Duration) {
        self.all.requests.with_label_values(&[self.name, op]).observe(time.as_secs_f64());
    }

    /// A request failed.
    pub(crate) fn failed(&self, failure: Failure) {
        self.all.errors.with_label_values(&[self.name, failure.as_str()]).inc();
    }

    /// Whether it answered.
    pub(crate) fn set_up(&self, up: bool) {
        self.all.up.with_label_values(&[self.name]).set(i64::from(up));
    }

    /// Whether it is asked.
    pub(crate) fn set_circuit(&self, circuit: Circuit) {
        let state = match circuit {
            Circuit::Closed => 0,
            Circuit::HalfOpen => 1,
            Circuit::Open => 2,
        };
        self.all.circuit.with_label_values(&[self.name]).set(state);
    }
}
