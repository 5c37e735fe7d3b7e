//! What a gateway may carry.

use std::num::{NonZeroU32, NonZeroUsize};

use gateway::listen::Pcmu;

use super::{Raw, SettingsError, bad, optional, parse};

/// The gateway's limits. Where one is left out, the gateway has its own default.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// Calls at one time.
    pub calls: Option<NonZeroUsize>,
    /// Listeners at one time.
    pub listeners: Option<NonZeroUsize>,
    /// Calls encoded at one time, for each media thread.
    pub encoders: Option<NonZeroU32>,
    /// Megabits a second to all listeners.
    pub egress_mbit: Option<NonZeroU32>,
    /// Percent of a media thread's time.
    pub cpu_percent: Option<NonZeroU32>,
    /// Who hears mu-law.
    pub pcmu: Pcmu,
}

impl Limits {
    pub(super) fn from_raw(raw: &Raw) -> Result<Self, SettingsError> {
        let cpu_percent = optional("gateway_cpu_percent", raw.gateway_cpu_percent.as_deref())?;
        if cpu_percent.is_some_and(|percent: NonZeroU32| percent.get() > 100) {
            return Err(bad("gateway_cpu_percent", "must be from 1 to 100"));
        }
        let pcmu = match raw.gateway_pcmu.as_deref() {
            None | Some("auto") => Pcmu::Auto,
            Some("off") => Pcmu::Off,
            Some("always") => Pcmu::Always,
            Some(_) => return Err(bad("gateway_pcmu", "must be auto, off or always")),
        };
        Ok(Self {
            calls: optional("gateway_calls", raw.gateway_calls.as_deref())?,
            listeners: optional("gateway_listeners", raw.gateway_listeners.as_deref())?,
            encoders: optional("gateway_encoders", raw.gateway_encoders.as_deref())?,
            egress_mbit: optional("gateway_egress_mbit", raw.gateway_egress_mbit.as_deref())?,
            cpu_percent,
            pcmu,
        })
    }

    /// Sets what is set here.
    pub fn apply(&self, config: &mut gateway::Config) {
        config.listen.pcmu = self.pcmu;
        set(&mut config.ingest.connections, self.calls.map(NonZeroUsize::get));
        set(&mut config.listen.sessions, self.listeners.map(NonZeroUsize::get));
        set(&mut config.budget.encoders, self.encoders);
        set(&mut config.budget.busy, self.cpu_percent.map(|percent| f64::from(percent.get()) / 100.0));
        config.budget.egress = self.egress_mbit.map(|mbit| u64::from(mbit.get()) * 1_000_000);
    }
}

fn set<T>(to: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *to = value;
    }
}

/// At most 64: each has a UDP port of its own.
pub(super) fn threads(text: Option<&str>) -> Result<NonZeroUsize, SettingsError> {
    const MOST: usize = 64;
    let Some(text) = text else {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        return Ok(cores.min(NonZeroUsize::MIN.saturating_add(MOST - 1)));
    };
    let threads: NonZeroUsize = parse("gateway_threads", text)?;
    match threads.get() <= MOST {
        true => Ok(threads),
        false => Err(bad("gateway_threads", "must be from 1 to 64")),
    }
}
