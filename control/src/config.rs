//! What the control plane can be told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use common::key::SecretKey;
use common::serve::Limits;
use common::tls::Tls;
use common::{AccountSid, TenantId};
use url::{Host, Url};

use crate::StartError;
use crate::model::Role;
use crate::twilio::rest::RestConfig;

/// Everything the control plane can be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// What Twilio and browsers call this server, as `https://host`. Webhook signatures are checked
    /// against it, never against the `Host` header.
    pub public_url: String,
    /// What Twilio and browsers call the gateway. `https` makes Twilio's sockets `wss`, `http` `ws`.
    pub gateway_public_url: String,
    /// Further origins that gateways may have, which tell their URLs themselves: `https://gw2.example.com`, or all below
    /// a host, `https://*.gw.example.com`. Others are not used, whatever the bus says.
    pub gateway_origins: Vec<String>,
    /// Where keys are kept. Made, readable by its owner alone, when it is not there.
    pub data_dir: PathBuf,
    /// `sqlite://path/to/file.db`: the file is made when it is not there. Or `postgres://role@host/database`.
    pub database_url: String,
    /// The same PostgreSQL database as the role that owns its tables: with it the start brings them up to
    /// date. Without it they must be.
    pub database_owner_url: Option<String>,
    /// The key that seals Twilio's auth tokens in the database; without it one is kept in the data directory.
    pub secrets_key: Option<SecretKey>,
    /// Keys of before: what they sealed still opens, and is sealed with the present key at the start.
    pub secrets_old_keys: Vec<SecretKey>,
    /// Twilio's REST API.
    pub twilio_api: RestConfig,
    /// The first tenant and its admin, made once.
    pub bootstrap: Option<Bootstrap>,
    /// What the HTTP server allows.
    pub http: Limits,
    /// Serves https and wss with this; without it a proxy in front must.
    pub tls: Option<Tls>,
    /// Origins, beside the public URL's, whose pages may use the API: `https://console.example.com`.
    pub allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed when a client's address is counted.
    pub trusted_proxies: Vec<IpAddr>,
    /// Sessions a person may open a minute, and as many at once.
    pub sessions_per_minute: NonZeroU32,
    /// Webhooks that are kept on disk at most while the database is away; further ones are answered 503.
    pub webhooks_on_disk: usize,
    /// With whom people can sign in beside their password.
    pub oidc: Option<Oidc>,
    /// Requests to the API, by whom they come from.
    pub requests_per_minute: RequestsPerMinute,
    /// How long things may take or be silent.
    pub timings: Timings,
}

/// An OpenID Connect provider. It knows us as the client with the redirect URI
/// `<public URL>/api/auth/oidc/callback`.
#[derive(Clone)]
pub struct Oidc {
    /// Its issuer, to the letter: `https://accounts.example.com`.
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// What it knows us by. `None`: we are a public client, and PKCE alone must do.
    pub client_secret: Option<String>,
    /// What people know it by.
    pub name: String,
    /// The domains of e-mails that it speaks for. Empty: all, but only of people who are there or invited.
    pub domains: Vec<OidcDomain>,
}

/// A domain whose people come by the provider, and to which tenant.
#[derive(Clone, Debug)]
pub struct OidcDomain {
    /// What stands behind the `@`, lower case.
    pub name: String,
    /// Whose people they are.
    pub tenant: TenantId,
    /// What those may do who come for the first time and were not invited.
    pub role: Role,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oidc").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Requests to the API that may come in a minute, and as many at once. Twilio's webhooks are not counted.
#[derive(Clone, Copy, Debug)]
pub struct RequestsPerMinute {
    /// From one address: an office may be behind it.
    pub address: NonZeroU32,
    /// Of one person, with their API keys.
    pub user: NonZeroU32,
    /// Of one tenant.
    pub tenant: NonZeroU32,
}

impl Default for RequestsPerMinute {
    fn default() -> Self {
        let some = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self { address: some(6000), user: some(1200), tenant: some(12_000) }
    }
}

/// More than a person can use, and little for a program that runs wild with a person's token.
const SESSIONS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();

/// Of a few thousand calls.
const WEBHOOKS_ON_DISK: usize = 10_000;

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8080".to_owned(),
            gateway_public_url: "http://127.0.0.1:8081".to_owned(),
            gateway_origins: Vec::new(),
            data_dir: PathBuf::from("data"),
            database_url: "sqlite://data/partyline.db".to_owned(),
            database_owner_url: None,
            secrets_key: None,
            secrets_old_keys: Vec::new(),
            twilio_api: RestConfig::default(),
            bootstrap: None,
            http: Limits::default(),
            tls: None,
            allowed_origins: Vec::new(),
            trusted_proxies: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            sessions_per_minute: SESSIONS_PER_MINUTE,
            webhooks_on_disk: WEBHOOKS_ON_DISK,
            oidc: None,
            requests_per_minute: RequestsPerMinute::default(),
            timings: Timings::default(),
        }
    }
}

/// How long things may take or be silent.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// A gateway silent for this long is taken for dead: its streams and sessions are over.
    pub node_silence: Duration,
    /// How long a stream or session may be missing from its gateway's list before it counts as over: the
    /// list may have been written a moment before the stream or session began.
    pub absence: Duration,
    /// Of a call with no media and no word from Twilio for this long, Twilio is asked.
    pub call_silence: Duration,
    /// It is closed by the reconciler when Twilio could not be asked for this long either.
    pub call_given_up: Duration,
    /// How long the new stream of a call may take before Twilio is asked for another.
    pub stream_wait: Duration,
    /// The pause between two streams that are asked for, at least.
    pub stream_pause: Duration,
    /// How often the above is looked at.
    pub tick: Duration,
    /// How long a page of a list that is not full yet is looked on for. Then it says where to go on.
    pub page: Duration,
    /// Life of an access token.
    pub access_token: Duration,
    /// Life of a refresh token that is not used.
    pub refresh_token: Duration,
    /// How long a used refresh token still gives a new one: two tabs may send it at once.
    pub refresh_grace: Duration,
    /// The longest sign-in without the password.
    pub sign_in: Duration,
    /// How long an invitation can be accepted.
    pub invitation: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            node_silence: Duration::from_secs(5),
            absence: Duration::from_secs(2),
            call_silence: Duration::from_secs(60),
            call_given_up: Duration::from_secs(600),
            stream_wait: Duration::from_secs(4),
            stream_pause: Duration::from_millis(500),
            tick: Duration::from_secs(1),
            page: Duration::from_millis(5),
            access_token: Duration::from_secs(600),
            refresh_token: Duration::from_secs(7 * 24 * 3600),
            refresh_grace: Duration::from_secs(10),
            sign_in: Duration::from_secs(30 * 24 * 3600),
            invitation: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// The first tenant and its admin. Made when no user has the e-mail; later starts leave them alone.
#[derive(Clone)]
pub struct Bootstrap {
    /// The tenant's name.
    pub tenant: String,
    /// The admin's e-mail.
    pub email: String,
    /// The admin's first password. Changing it here later changes nothing.
    pub password: String,
    /// The tenant's Twilio account.
    pub twilio: Option<BootstrapTwilio>,
}

/// A Twilio account and a number of it.
#[derive(Clone)]
pub struct BootstrapTwilio {
    /// The account.
    pub account_sid: AccountSid,
    /// Its auth token. A new one here replaces the stored one at the next start.
    pub auth_token: String,
    /// The other one, while they are being rotated at Twilio: what it signs is good too. Without it here the stored one
    /// is forgotten.
    pub auth_token_secondary: Option<String>,
    /// A number of the account, E.164. Made with route `monitor`; later starts leave it alone.
    pub number: String,
    /// Whom a call to the number rings, E.164.
    pub dial: Option<String>,
}

impl std::fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bootstrap").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for BootstrapTwilio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BootstrapTwilio").field("account_sid", &self.account_sid).finish_non_exhaustive()
    }
}

/// A base URL that was looked at: `http` or `https`, a host, no query, no trailing slash.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl {
    text: String,
    url: Url,
}

impl BaseUrl {
    pub(crate) fn parse(text: &str, key: &'static str) -> Result<Self, StartError> {
        let wrong = |why| StartError::Url { key, why };
        let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("must begin with http:// or https://"));
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(wrong("must be a scheme, a host and at most a path"));
        }
        Ok(Self { text: text.trim_end_matches('/').to_owned(), url })
    }

    /// As it was written, without a trailing slash: what Twilio signs begins like this.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Scheme, host and port, as a browser writes them in `Origin`.
    pub(crate) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The same place as a WebSocket URL.
    pub(crate) fn websocket(&self) -> String {
        match self.text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => format!("wss:{rest}"),
            Some((_, rest)) => format!("ws:{rest}"),
            None => self.text.clone(),
        }
    }

    /// The origins that mean this place: on loopback the three names of loopback are one.
    pub(crate) fn origins(&self) -> Vec<String> {
        let mut origins = vec![self.origin()];
        let loopback = match self.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if loopback {
            for name in ["127.0.0.1", "localhost", "[::1]"] {
                let mut url = self.url.clone();
                if url.set_host(Some(name)).is_ok() {
                    origins.push(url.origin().ascii_serialization());
                }
            }
        }
        origins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_on_https_is_reached_by_wss() {
        let socket = |text| BaseUrl::parse(text, "gateway").unwrap().websocket();
        assert_eq!(socket("https://gw.example.com/"), "wss://gw.example.com");
        assert_eq!(socket("http://127.0.0.1:8081"), "ws://127.0.0.1:8081");
    }

    #[test]
    fn the_names_of_loopback_are_one_origin_and_other_hosts_are_not() {
        let local = BaseUrl::parse("http://127.0.0.1:8080", "public").unwrap().origins();
        assert!(local.contains(&"http://localhost:8080".to_owned()), "{local:?}");
        let public = BaseUrl::parse("https://calls.example.com", "public").unwrap().origins();
        assert_eq!(public, ["https://calls.example.com"]);
    }

    #[test]
    fn a_url_that_cannot_be_a_base_is_refused() {
        for bad in ["", "example.com", "ftp://x", "https://x/?q=1", "https://user@x", "https://x/#a"] {
            assert!(BaseUrl::parse(bad, "public").is_err(), "{bad}");
        }
    }
}
