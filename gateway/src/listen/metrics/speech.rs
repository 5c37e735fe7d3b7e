//! What is counted of those who speak.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Handles to the metrics of microphones. Cloning shares them.
#[derive(Clone, Debug)]
pub(in crate::listen) struct Speech {
    /// Packets of open microphones that a call took.
    pub(in crate::listen) passed: IntCounter,
    /// More in a second than any browser sends.
    pub(in crate::listen) limited: IntCounter,
    /// The call had no stream, or no time.
    pub(in crate::listen) dropped: IntCounter,
    /// Control connections of microphones.
    pub(in crate::listen) connections: IntGauge,
    /// Microphones that were closed because the browser no longer said that it wants to be heard.
    pub(in crate::listen) cut_off: IntCounter,
}

impl Speech {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let packets = IntCounterVec::new(
            Opts::new(
                "partyline_speech_packets_total",
                "Packets of open microphones, by what became of them",
            ),
            &["result"],
        )?;
        let this = Self {
            passed: packets.with_label_values(&["passed"]),
            limited: packets.with_label_values(&["limited"]),
            dropped: packets.with_label_values(&["dropped"]),
            connections: IntGauge::new(
                "partyline_mic_connections",
                "Open control connections of microphones",
            )?,
            cut_off: IntCounter::new(
                "partyline_mic_cut_off_total",
                "Microphones closed because their browser said nothing for a second",
            )?,
        };
        registry.register(Box::new(packets))?;
        registry.register(Box::new(this.connections.clone()))?;
        registry.register(Box::new(this.cut_off.clone()))?;
        Ok(this)
    }
}
