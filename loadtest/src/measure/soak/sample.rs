//! The server as it is at one moment.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use crate::measure::descriptors;
use crate::measure::memory::{anonymous, resident};
use crate::measure::metrics::{DROPS, ENCODERS};
use crate::measure::rounded;
use crate::measure::site::Site;

/// What the load has done and heard so far.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Tally {
    /// Listeners that are connected, by their own account.
    pub(super) present: u64,
    pub(super) packets: u64,
    /// Packets that never came.
    pub(super) lost: u64,
    pub(super) listeners_replaced: u64,
    /// Listeners whose call hung up, and who went to another.
    pub(super) listeners_moved: u64,
    /// Listeners whose connection ended though the call went on.
    pub(super) listeners_lost: u64,
    pub(super) calls_replaced: u64,
}

/// What was seen. Of a server whose process is not known only what its metrics say.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Sample {
    /// Since the load was complete.
    pub(super) second: u64,
    pub(super) anonymous_mb: Option<f64>,
    pub(super) resident_mb: Option<f64>,
    pub(super) descriptors: Option<u64>,
    pub(super) threads: Option<u64>,
    pub(super) listeners: Option<f64>,
    pub(super) calls: Option<f64>,
    pub(super) encoders: Option<f64>,
    /// Tasks of its runtime, if it counts them.
    pub(super) tasks: Option<f64>,
    /// Sessions that ended so far, by the reason.
    pub(super) ended: BTreeMap<String, f64>,
    pub(super) dropped: f64,
    #[serde(flatten)]
    pub(super) tally: Tally,
}

impl Sample {
    /// Looks at the server.
    pub(super) async fn take(site: &Site, second: u64, tally: &Tally) -> Result<Self> {
        let metrics = site.metrics().await?;
        let pid = site.pid();
        let megabytes = |bytes: u64| rounded(bytes as f64 / 1e6);
        Ok(Self {
            second,
            anonymous_mb: pid.map(anonymous).transpose()?.map(megabytes),
            resident_mb: pid.map(resident).transpose()?.map(megabytes),
            descriptors: pid.map(descriptors::open).transpose()?,
            threads: pid.map(descriptors::threads).transpose()?,
            listeners: metrics.sum("partyline_listeners_active"),
            calls: metrics.sum("partyline_calls_active"),
            encoders: metrics.sum(ENCODERS),
            tasks: metrics.sum("partyline_media_tasks"),
            ended: metrics.by_label("partyline_listener_end_total", "reason"),
            dropped: DROPS.iter().filter_map(|name| metrics.sum(name)).sum(),
            tally: *tally,
        })
    }
}
