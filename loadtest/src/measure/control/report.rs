//! What came of it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::measure::latency::Spread;
use crate::measure::{milliseconds, rounded};

/// What control carried.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub(super) server: String,
    pub(super) seconds: u64,
    pub(super) parallel: u32,
    pub(super) webhooks: Part,
    pub(super) lists: Part,
    pub(super) live: Live,
}

/// Requests as fast as they are answered.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Part {
    per_second: f64,
    latency: Spread,
    /// CPU of the server for each.
    cpu_ms: Option<f64>,
}

impl Part {
    pub(super) fn new(latency: Spread, lasted: Duration, cpu: Option<Duration>) -> Self {
        let count = latency.count.max(1) as f64;
        Self {
            per_second: rounded(latency.count as f64 / lasted.as_secs_f64()),
            cpu_ms: cpu.map(|cpu| rounded(milliseconds(cpu) / count)),
            latency,
        }
    }
}

/// Events to many consoles.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Live {
    consoles: u32,
    events: u64,
    /// From the webhook that leaves to the event that comes.
    latency: Spread,
    /// Of all that should have come.
    missing: u64,
    closed: u64,
    /// CPU of the server for each event at each console, its webhook included.
    cpu_us: Option<f64>,
}

impl Live {
    pub(super) fn new(
        consoles: u32,
        events: u64,
        latency: Spread,
        closed: u64,
        cpu: Option<Duration>,
    ) -> Self {
        let missing = (events * u64::from(consoles)).saturating_sub(latency.count);
        let cpu_us = cpu.map(|cpu| rounded(cpu.as_secs_f64() * 1e6 / latency.count.max(1) as f64));
        Self { consoles, events, latency, missing, closed, cpu_us }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} s a part, {} at a time", self.server, self.seconds, self.parallel)?;
        for (name, part) in [("webhooks", &self.webhooks), ("pages of 50", &self.lists)] {
            write!(f, "  {name:<12} {:>7.1} a second   {}", part.per_second, part.latency)?;
            match part.cpu_ms {
                Some(ms) => writeln!(f, "   CPU {ms} ms each")?,
                None => writeln!(f)?,
            }
        }
        let Live { consoles, events, latency, missing, closed, cpu_us } = &self.live;
        writeln!(f, "  {events} events to {consoles} consoles")?;
        writeln!(f, "    webhook to screen  {latency}")?;
        writeln!(f, "    missing {missing}, sockets closed {closed}")?;
        if let Some(us) = cpu_us {
            writeln!(f, "    CPU {us} µs an event and console")?;
        }
        Ok(())
    }
}
