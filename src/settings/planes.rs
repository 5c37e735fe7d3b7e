//! What runs in a process, and what it needs for that.

use common::bus::BusKeys;

use super::{Raw, Settings, SettingsError, bad, list, secret_key};
use crate::node::Addrs;

/// What runs in a process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Planes {
    /// Control and a gateway.
    Both,
    /// Control alone.
    Control,
    /// A gateway alone.
    Gateway,
}

impl Planes {
    /// Whether control does.
    pub fn has_control(self) -> bool {
        self != Self::Gateway
    }

    /// Whether a gateway does.
    pub fn has_gateway(self) -> bool {
        self != Self::Control
    }

    /// Where metrics are by default. Apart, both planes may still be on one machine.
    pub(super) fn admin_addr(self) -> &'static str {
        match self {
            Self::Both | Self::Control => "127.0.0.1:8083",
            Self::Gateway => "127.0.0.1:8084",
        }
    }

    /// Where media is by default.
    pub(super) fn udp_addr(self) -> &'static str {
        match self {
            Self::Both | Self::Control => "127.0.0.1:8082",
            Self::Gateway => "0.0.0.0:8082",
        }
    }
}

/// Where the planes meet.
pub(super) fn redis(url: Option<&str>, planes: Planes) -> Result<Option<String>, SettingsError> {
    match (url, planes) {
        (None, Planes::Both) => Ok(None),
        (Some(_), Planes::Both) => {
            Err(bad("redis_url", "`partyline up` has both planes in one process and uses no Redis"))
        }
        (None, Planes::Control | Planes::Gateway) => {
            Err(bad("redis_url", "is needed: there the planes meet"))
        }
        (Some(url), _)
            if ["redis://", "rediss://", "redis+unix://", "unix://"]
                .iter()
                .any(|scheme| url.starts_with(scheme)) =>
        {
            Ok(Some(url.to_owned()))
        }
        (Some(_), _) => Err(bad("redis_url", "must begin with redis://, rediss:// or redis+unix://")),
    }
}

/// What signs their messages there.
pub(super) fn bus_keys(raw: &Raw, planes: Planes) -> Result<Option<BusKeys>, SettingsError> {
    match (&raw.bus_key, planes) {
        (None, Planes::Both) => Ok(None),
        (Some(_), Planes::Both) => {
            Err(bad("bus_key", "`partyline up` has both planes in one process, which need no key"))
        }
        (None, Planes::Control | Planes::Gateway) => Err(bad(
            "bus_key",
            "is needed: who has it may speak on Redis; `openssl rand -base64 32` makes one, the same for all",
        )),
        (Some(key), _) => Ok(Some(BusKeys {
            present: secret_key("bus_key", key)?,
            others: list(raw.bus_old_keys.as_deref())
                .map(|key| secret_key("bus_old_keys", key))
                .collect::<Result<_, _>>()?,
        })),
    }
}

impl Settings {
    /// What the gateway is told, reached at these addresses.
    pub(crate) fn gateway_config(&self, addrs: &Addrs) -> gateway::Config {
        let mut config = gateway::Config {
            public_url: addrs.gateway_public_url.clone(),
            threads: self.gateway_threads,
            udp_addr: self.gateway_udp_addr,
            public_ips: self.gateway_public_ips.clone(),
            allowed_origins: self.origins(addrs),
            http: common::serve::Limits::default(),
            tls: self.tls.clone(),
            ingest: gateway::ingest::Config::default(),
            listen: gateway::listen::Config::default(),
            budget: gateway::budget::Config::default(),
            bot: self.gateway_voices.bot.clone(),
            speech: self.gateway_voices.speech.clone(),
        };
        self.gateway_limits.apply(&mut config);
        config
    }

    /// What control is told, reached at these addresses.
    pub(crate) fn control_config(&self, addrs: &Addrs) -> control::Config {
        let defaults = control::Config::default();
        let mut twilio_api = defaults.twilio_api.clone();
        if let Some(url) = &self.twilio_api_url {
            twilio_api.base_url = url.clone();
        }
        control::Config {
            public_url: addrs.public_url.clone(),
            gateway_public_url: addrs.gateway_public_url.clone(),
            gateway_origins: self.gateway_origins.clone(),
            data_dir: self.data_dir.clone(),
            database_url: self.database_url.clone(),
            database_owner_url: self.database_owner_url.clone(),
            secrets_key: self.secrets_key.clone(),
            secrets_old_keys: self.secrets_old_keys.clone(),
            twilio_api,
            bootstrap: self.bootstrap.clone(),
            allowed_origins: self.origins(addrs),
            tls: self.tls.clone(),
            oidc: self.oidc.clone(),
            requests_per_minute: self.requests_per_minute(defaults.requests_per_minute),
            sessions_per_minute: self.sessions_per_minute.unwrap_or(defaults.sessions_per_minute),
            ..defaults
        }
    }

    fn requests_per_minute(&self, defaults: control::RequestsPerMinute) -> control::RequestsPerMinute {
        let [address, user, tenant] = self.requests_per_minute;
        control::RequestsPerMinute {
            address: address.unwrap_or(defaults.address),
            user: user.unwrap_or(defaults.user),
            tenant: tenant.unwrap_or(defaults.tenant),
        }
    }

    /// Whose pages may use both planes.
    fn origins(&self, addrs: &Addrs) -> Vec<String> {
        let mut origins = self.allowed_origins.clone();
        origins.push(addrs.public_url.clone());
        origins
    }
}
