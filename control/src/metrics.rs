//! What the control plane counts.

use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Handles to the control plane's metrics. Cloning shares them.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// HTTP requests by route, method and class of status.
    pub(crate) requests: HistogramVec,
    /// Webhooks by kind and what became of them.
    pub(crate) webhooks: IntCounterVec,
    /// Webhooks that had come before.
    pub(crate) webhook_duplicates: IntCounter,
    /// Status callbacks that came after a later one.
    pub(crate) webhook_out_of_order: IntCounter,
    /// Refused sign-ins, tokens and signatures.
    pub(crate) auth_failures: IntCounterVec,
    /// Requests refused because there were too many.
    pub(crate) rate_limited: IntCounterVec,
    /// Calls, streams and sessions that were closed because nobody held them any more.
    pub(crate) reconciled_calls: IntCounterVec,
    /// Streams that Twilio was asked for because one broke.
    pub(crate) stream_restarts: IntCounterVec,
    /// Messages of gateways that this build does not know, or that got lost on the bus.
    pub(crate) bus_missed: IntCounterVec,
    /// 1 when all audit logs were what was written, the last time that they were looked at.
    pub(crate) audit_chain_ok: IntGauge,
}

/// Kinds of webhook, as in the label `kind`.
const WEBHOOKS: [&str; 5] = ["voice", "resume", "status", "stream", "recording"];
/// What becomes of a webhook, as in the label `result`.
const RESULTS: [&str; 6] = ["ok", "duplicate", "forbidden", "invalid", "ignored", "error"];

impl Metrics {
    /// Makes the metrics and registers them. Fails when they are registered already.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = HistogramVec::new(
            HistogramOpts::new(
                "http_server_request_duration_seconds",
                "Time from request head to response head",
            )
            .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0]),
            &["route", "method", "status_class"],
        )?;
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        registry.register(Box::new(requests.clone()))?;
        let audit_chain_ok =
            IntGauge::new("partyline_audit_chain_ok", "1: all audit logs are what was written")?;
        registry.register(Box::new(audit_chain_ok.clone()))?;
        // Until somebody has looked, nothing is known to be wrong.
        audit_chain_ok.set(1);
        let metrics = Self {
            requests,
            webhooks: counters("partyline_webhooks_total", "Webhooks by result", &["kind", "result"])?,
            webhook_duplicates: counter(
                "partyline_webhook_duplicates_total",
                "Webhooks that had come before",
            )?,
            webhook_out_of_order: counter(
                "partyline_webhook_out_of_order_total",
                "Status callbacks that came after a later one",
            )?,
            auth_failures: counters("partyline_auth_failures_total", "Refused credentials", &["kind"])?,
            rate_limited: counters("partyline_rate_limited_total", "Requests over a limit", &["scope"])?,
            reconciled_calls: counters(
                "partyline_reconciled_calls_total",
                "Calls whose end or end of audio nobody reported",
                &["reason"],
            )?,
            stream_restarts: counters(
                "partyline_stream_restarts_total",
                "Media streams asked of Twilio for calls whose audio broke off",
                &["result"],
            )?,
            bus_missed: counters("partyline_bus_missed_total", "Bus messages not acted on", &["why"])?,
            audit_chain_ok,
        };
        // A counter that is not there yet cannot rise: begin at 0.
        for kind in WEBHOOKS {
            for result in RESULTS {
                metrics.webhooks.with_label_values(&[kind, result]);
            }
        }
        for kind in ["password", "oidc", "token", "key", "refresh", "refresh_reuse", "signature"] {
            metrics.auth_failures.with_label_values(&[kind]);
        }
        for scope in
            ["address", "user", "tenant", "login_address", "login_email", "login_busy", "sessions", "live"]
        {
            metrics.rate_limited.with_label_values(&[scope]);
        }
        for result in ["asked", "failed", "given_up"] {
            metrics.stream_restarts.with_label_values(&[result]);
        }
        for reason in ["no_word", "asked", "unknown", "stream_absent", "node_lost"] {
            metrics.reconciled_calls.with_label_values(&[reason]);
        }
        for why in ["unknown", "lost", "error", "gateway_url"] {
            metrics.bus_missed.with_label_values(&[why]);
        }
        Ok(metrics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dashboards and alarms depend on these names.
    #[test]
    fn names_are_frozen() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        metrics.requests.with_label_values(&["/", "GET", "2xx"]).observe(0.1);
        let names: Vec<String> = registry.gather().iter().map(|family| family.name().to_owned()).collect();
        assert_eq!(
            names,
            [
                "http_server_request_duration_seconds",
                "partyline_audit_chain_ok",
                "partyline_auth_failures_total",
                "partyline_bus_missed_total",
                "partyline_rate_limited_total",
                "partyline_reconciled_calls_total",
                "partyline_stream_restarts_total",
                "partyline_webhook_duplicates_total",
                "partyline_webhook_out_of_order_total",
                "partyline_webhooks_total",
            ]
        );
    }
}
