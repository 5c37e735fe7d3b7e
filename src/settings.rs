//! What an operator can set: flags, then environment, then a TOML file, then the defaults.
//!
//! The three sources have the same keys: `http_addr` in the file is `PARTYLINE_HTTP_ADDR` in the
//! environment and `--http-addr` as a flag. An unknown key, an empty secret or a value that does not parse
//! ends the start with one line that names the key.

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use common::AccountSid;
use common::tls::Tls;
use common::token::{Signer, Verifier};
use control::SecretKey;

mod effective;
mod gateway;
mod keys;
mod oidc;
mod planes;
mod raw;
mod speech;
mod tls;

pub use self::effective::{Effective, Source};
pub use self::gateway::Limits;
use self::gateway::threads;
pub use self::keys::{new_signing_key, verifying_key};
pub use self::planes::Planes;
use self::raw::PREFIX;
pub use self::raw::Raw;
pub use self::speech::Voices;

/// A setting that cannot be used. Its text is one line for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A key that does not exist.
    #[error("{source_name}: unknown setting {name}")]
    Unknown {
        /// Where it stands.
        source_name: String,
        /// The key as written there.
        name: String,
    },
    /// A value that does not parse, or that misses its companion.
    #[error("{}: {why}", env_name(.key))]
    Bad {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A secret's file, or the configuration file, cannot be read.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: String,
        /// What the system or the parser says.
        why: String,
    },
    /// A secret that is set but empty.
    #[error("{name} is set but empty")]
    EmptySecret {
        /// The name of the variable or key.
        name: String,
    },
}

/// The settings of a process, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What runs in it.
    pub planes: Planes,
    /// Control's address.
    pub http_addr: SocketAddr,
    /// Control's URL, if it is not its address.
    pub public_url: Option<String>,
    /// The gateway's HTTP address.
    pub gateway_http_addr: SocketAddr,
    /// The gateway's URL, if it is not its address.
    pub gateway_public_url: Option<String>,
    /// The gateway's media address.
    pub gateway_udp_addr: SocketAddr,
    /// The gateway's media threads.
    pub gateway_threads: NonZeroUsize,
    /// Further origins of gateways.
    pub gateway_origins: Vec<String>,
    /// What the gateway may carry.
    pub gateway_limits: Limits,
    /// What speaks in it.
    pub gateway_voices: Voices,
    /// What ICE announces instead.
    pub gateway_public_ips: Vec<IpAddr>,
    /// What both planes speak TLS with.
    pub tls: Option<Tls>,
    /// Metrics and health.
    pub admin_addr: SocketAddr,
    /// Where records are kept.
    pub database_url: String,
    /// The same as the role that owns the tables, if the start is to bring them up to date.
    pub database_owner_url: Option<String>,
    /// Where the planes meet, if they are apart.
    pub redis_url: Option<String>,
    /// What signs tokens, if it is not a key in the data directory.
    pub signing_key: Option<Signer>,
    /// What checks them, where they are not signed.
    pub verifying_key: Option<Verifier>,
    /// Keys and SQLite.
    pub data_dir: PathBuf,
    /// Further origins.
    pub allowed_origins: Vec<String>,
    /// Sessions a person may open a minute, if it is not the default.
    pub sessions_per_minute: Option<NonZeroU32>,
    /// What seals stored secrets, if it is not in the data directory.
    pub secrets_key: Option<SecretKey>,
    /// What did before.
    pub secrets_old_keys: Vec<SecretKey>,
    /// Base of Twilio's REST API, if it is not Twilio's own.
    pub twilio_api_url: Option<String>,
    /// Requests a minute that an address, a person and a tenant may send, where it is not the default.
    pub requests_per_minute: [Option<NonZeroU32>; 3],
    /// With whom people can sign in.
    pub oidc: Option<control::Oidc>,
    /// The first tenant.
    pub bootstrap: Option<control::Bootstrap>,
}

impl Settings {
    /// Checks every value, for a command that runs no plane but works on the same data. They may be the settings of planes
    /// that are apart.
    pub fn without_planes(mut raw: Raw) -> Result<Self, SettingsError> {
        (raw.redis_url, raw.verifying_key) = (None, None);
        Self::from_raw(raw, Planes::Both)
    }

    /// Checks every value, for a process with these planes.
    pub fn from_raw(raw: Raw, planes: Planes) -> Result<Self, SettingsError> {
        let data_dir = PathBuf::from(raw.data_dir.clone().unwrap_or_else(|| "./data".to_owned()));
        let database_url = match &raw.database_url {
            None => format!("sqlite://{}", data_dir.join("partyline.db").display()),
            Some(url) if url.starts_with("sqlite:") || is_postgres(url) => url.clone(),
            Some(_) => return Err(bad("database_url", "must begin with sqlite:// or postgres://")),
        };
        if let Some(owner) = &raw.database_owner_url
            && !(is_postgres(owner) && is_postgres(&database_url))
        {
            return Err(bad(
                "database_owner_url",
                "is for PostgreSQL: both URLs must begin with postgres://",
            ));
        }
        let redis_url = planes::redis(raw.redis_url.as_deref(), planes)?;
        let (signing_key, verifying_key) = keys::read(&raw, planes)?;
        let tls = tls::open(raw.tls_cert.as_deref(), raw.tls_key.as_deref())?;
        let public_url = url("public_url", raw.public_url.as_deref())?;
        let gateway_public_url = url("gateway_public_url", raw.gateway_public_url.as_deref())?;
        if tls.is_some() {
            tls::must_be_https("public_url", public_url.as_deref())?;
            tls::must_be_https("gateway_public_url", gateway_public_url.as_deref())?;
        }
        Ok(Self {
            planes,
            http_addr: parse("http_addr", raw.http_addr.as_deref().unwrap_or("127.0.0.1:8080"))?,
            public_url,
            gateway_http_addr: parse(
                "gateway_http_addr",
                raw.gateway_http_addr.as_deref().unwrap_or("127.0.0.1:8081"),
            )?,
            gateway_public_url,
            gateway_udp_addr: parse(
                "gateway_udp_addr",
                raw.gateway_udp_addr.as_deref().unwrap_or(planes.udp_addr()),
            )?,
            gateway_origins: list(raw.gateway_origins.as_deref()).map(str::to_owned).collect(),
            gateway_threads: threads(raw.gateway_threads.as_deref())?,
            gateway_limits: Limits::from_raw(&raw)?,
            gateway_voices: Voices::from_raw(&raw)?,
            gateway_public_ips: list(raw.gateway_public_ips.as_deref())
                .map(|ip| parse("gateway_public_ips", ip))
                .collect::<Result<_, _>>()?,
            tls,
            admin_addr: parse("admin_addr", raw.admin_addr.as_deref().unwrap_or(planes.admin_addr()))?,
            database_url,
            database_owner_url: raw.database_owner_url.clone(),
            redis_url,
            signing_key,
            verifying_key,
            data_dir,
            allowed_origins: list(raw.allowed_origins.as_deref())
                .map(|origin| url("allowed_origins", Some(origin)).map(Option::unwrap_or_default))
                .collect::<Result<_, _>>()?,
            sessions_per_minute: optional("sessions_per_minute", raw.sessions_per_minute.as_deref())?,
            requests_per_minute: [
                optional("requests_per_minute_address", raw.requests_per_minute_address.as_deref())?,
                optional("requests_per_minute_user", raw.requests_per_minute_user.as_deref())?,
                optional("requests_per_minute_tenant", raw.requests_per_minute_tenant.as_deref())?,
            ],
            oidc: oidc::from_raw(&raw)?,
            secrets_key: raw.secrets_key.as_deref().map(|key| secret_key("secrets_key", key)).transpose()?,
            secrets_old_keys: list(raw.secrets_old_keys.as_deref())
                .map(|key| secret_key("secrets_old_keys", key))
                .collect::<Result<_, _>>()?,
            twilio_api_url: url("twilio_api_url", raw.twilio_api_url.as_deref())?,
            bootstrap: bootstrap(&raw)?,
        })
    }
}

fn bootstrap(raw: &Raw) -> Result<Option<control::Bootstrap>, SettingsError> {
    let twilio = match (
        &raw.bootstrap_twilio_account_sid,
        &raw.bootstrap_twilio_auth_token,
        &raw.bootstrap_twilio_number,
    ) {
        (None, None, None) => None,
        (Some(sid), Some(token), Some(number)) => Some(control::BootstrapTwilio {
            account_sid: parse::<AccountSid>("bootstrap_twilio_account_sid", sid)?,
            auth_token: token.clone(),
            auth_token_secondary: raw.bootstrap_twilio_auth_token_secondary.clone(),
            number: e164("bootstrap_twilio_number", number)?,
            dial: raw
                .bootstrap_twilio_dial
                .as_deref()
                .map(|to| e164("bootstrap_twilio_dial", to))
                .transpose()?,
        }),
        _ => {
            let why = "account sid, auth token and number belong together: set all three or none";
            return Err(bad("bootstrap_twilio_account_sid", why));
        }
    };
    match (&raw.bootstrap_tenant, &raw.bootstrap_email, &raw.bootstrap_password) {
        (None, None, None) if twilio.is_none() => Ok(None),
        (None, None, None) => Err(bad("bootstrap_tenant", "a Twilio account needs a tenant to belong to")),
        (Some(tenant), Some(email), Some(password)) => Ok(Some(control::Bootstrap {
            tenant: tenant.clone(),
            email: email.clone(),
            password: password.clone(),
            twilio,
        })),
        _ => {
            Err(bad("bootstrap_tenant", "tenant, email and password belong together: set all three or none"))
        }
    }
}

/// As [`parse`], without the text in the error.
fn secret_key(key: &'static str, text: &str) -> Result<SecretKey, SettingsError> {
    text.parse().map_err(|error: control::NotAKey| bad(key, &error.to_string()))
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// `+` and 8 to 15 digits (E.164).
fn e164(key: &'static str, text: &str) -> Result<String, SettingsError> {
    let digits = text.strip_prefix('+').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    match digits.is_some_and(|digits| (8..=15).contains(&digits.len()) && !digits.starts_with('0')) {
        true => Ok(text.to_owned()),
        false => Err(bad(key, "must be a number like +15550100123")),
    }
}

/// An http or https URL without path, query or trailing slash.
fn url(key: &'static str, text: Option<&str>) -> Result<Option<String>, SettingsError> {
    let Some(text) = text else { return Ok(None) };
    let parsed = url::Url::parse(text).map_err(|error| bad(key, &format!("{text}: {error}")))?;
    let plain = matches!(parsed.scheme(), "http" | "https")
        && parsed.host_str().is_some()
        && parsed.path() == "/"
        && parsed.query().is_none()
        && parsed.fragment().is_none();
    match plain {
        true => Ok(Some(text.trim_end_matches('/').to_owned())),
        false => Err(bad(key, "must be http(s)://host[:port] and nothing behind it")),
    }
}

fn list(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
    key: &'static str,
    text: &str,
) -> Result<T, SettingsError> {
    text.trim().parse().map_err(|error: T::Err| bad(key, &format!("{text}: {error}")))
}

fn optional<T: std::str::FromStr<Err: std::fmt::Display>>(
    key: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, SettingsError> {
    text.map(|text| parse(key, text)).transpose()
}

fn bad(key: &'static str, why: &str) -> SettingsError {
    SettingsError::Bad { key, why: why.to_owned() }
}

fn env_name(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_environment_over_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "http_addr = '127.0.0.1:1'\nadmin_addr = '127.0.0.1:2'\ndata_dir = '/x'")
            .unwrap();
        let flags = Raw { http_addr: Some("127.0.0.1:5".to_owned()), ..Raw::default() };
        let environment = [("PARTYLINE_HTTP_ADDR", "127.0.0.1:3"), ("PARTYLINE_ADMIN_ADDR", "127.0.0.1:4")];
        let raw = Raw::layered(flags, owned(&environment), Some(file.path())).unwrap();
        let got = (raw.http_addr.as_deref(), raw.admin_addr.as_deref(), raw.data_dir.as_deref());
        assert_eq!(got, (Some("127.0.0.1:5"), Some("127.0.0.1:4"), Some("/x")));
    }

    #[test]
    fn a_secret_may_stand_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hush\n").unwrap();
        let path = file.path().to_str().unwrap();
        let raw = environment(&[("PARTYLINE_BOOTSTRAP_PASSWORD_FILE", path)]).unwrap();
        assert_eq!(raw.bootstrap_password.as_deref(), Some("hush"));
    }

    #[test]
    fn each_mistake_is_named_in_one_line() {
        for (variables, says) in [
            (&[("PARTYLINE_HTP_ADDR", "127.0.0.1:1")][..], "unknown setting PARTYLINE_HTP_ADDR"),
            (&[("PARTYLINE_HTTP_ADDR_FILE", "/x")], "unknown setting PARTYLINE_HTTP_ADDR_FILE"),
            (
                &[("PARTYLINE_HTTP_ADDR", "localhost")],
                "PARTYLINE_HTTP_ADDR: localhost: invalid socket address",
            ),
            (
                &[("PARTYLINE_PUBLIC_URL", "https://a.example/x?y")],
                "PARTYLINE_PUBLIC_URL: must be http(s)://host",
            ),
            (&[("PARTYLINE_PUBLIC_URL", "ftp://a.example")], "PARTYLINE_PUBLIC_URL: must be http(s)://host"),
            (&[("PARTYLINE_BOOTSTRAP_PASSWORD", "")], "PARTYLINE_BOOTSTRAP_PASSWORD is set but empty"),
            (&[("PARTYLINE_BOOTSTRAP_PASSWORD_FILE", "/none")], "/none: PARTYLINE_BOOTSTRAP_PASSWORD_FILE"),
            (
                &[("PARTYLINE_BOOTSTRAP_TENANT", "a")],
                "PARTYLINE_BOOTSTRAP_TENANT: tenant, email and password",
            ),
            (&[("PARTYLINE_BOOTSTRAP_TWILIO_NUMBER", "+15550100")], "set all three or none"),
            (&[("PARTYLINE_DATABASE_URL", "mysql://x")], "PARTYLINE_DATABASE_URL: must begin with"),
            (&[("PARTYLINE_DATABASE_URL", "")], "PARTYLINE_DATABASE_URL is set but empty"),
            (
                &[("PARTYLINE_DATABASE_OWNER_URL", "postgres://owner@x/y")],
                "PARTYLINE_DATABASE_OWNER_URL: is for PostgreSQL",
            ),
            (
                &[("PARTYLINE_OIDC_CLIENT_ID", "x")],
                "PARTYLINE_OIDC_ISSUER: issuer and client id belong together",
            ),
            (
                &[
                    ("PARTYLINE_OIDC_ISSUER", "https://x"),
                    ("PARTYLINE_OIDC_CLIENT_ID", "x"),
                    ("PARTYLINE_OIDC_DOMAINS", "a.example"),
                ],
                "PARTYLINE_OIDC_DOMAINS: a.example: must be domain=tenant:role",
            ),
            (&[("PARTYLINE_REQUESTS_PER_MINUTE_USER", "0")], "PARTYLINE_REQUESTS_PER_MINUTE_USER: 0"),
            (&[("PARTYLINE_TLS_CERT", "/x")], "PARTYLINE_TLS_CERT: certificate and key belong together"),
            (
                &[("PARTYLINE_TLS_CERT", "/none"), ("PARTYLINE_TLS_KEY", "/x")],
                "PARTYLINE_TLS_CERT: /none: No such file",
            ),
            (&[("PARTYLINE_REDIS_URL", "redis://x")], "PARTYLINE_REDIS_URL: `partyline up` has both planes"),
            (&[("PARTYLINE_SIGNING_KEY", "x")], "PARTYLINE_SIGNING_KEY: is not a key"),
            (&[("PARTYLINE_VERIFYING_KEY", "x")], "PARTYLINE_VERIFYING_KEY: is for a gateway apart"),
            (&[("PARTYLINE_GATEWAY_PCMU", "on")], "PARTYLINE_GATEWAY_PCMU: must be auto, off or always"),
            (&[("PARTYLINE_GATEWAY_ENCODERS", "0")], "PARTYLINE_GATEWAY_ENCODERS: 0: number would be zero"),
            (
                &[("PARTYLINE_GATEWAY_CPU_PERCENT", "101")],
                "PARTYLINE_GATEWAY_CPU_PERCENT: must be from 1 to 100",
            ),
            (
                &[("PARTYLINE_GATEWAY_TTS", "x")],
                "PARTYLINE_GATEWAY_TTS: must be espeak, elevenlabs or openai",
            ),
            (&[("PARTYLINE_GATEWAY_TTS", "elevenlabs")], "PARTYLINE_GATEWAY_TTS: ElevenLabs needs a key"),
            (&[("PARTYLINE_GATEWAY_TTS_VOICE", "-x")], "PARTYLINE_GATEWAY_TTS_VOICE: must be letters"),
            (&[("PARTYLINE_GATEWAY_TTS_MODEL", "x")], "PARTYLINE_GATEWAY_TTS_MODEL: is not for espeak"),
            (&[("PARTYLINE_GATEWAY_OPENAI_URL", "ws://x")], "PARTYLINE_GATEWAY_OPENAI_URL: must be http(s)"),
            (
                &[("PARTYLINE_GATEWAY_BOT_HOSTS", "10.0.0.0/8, http://x")],
                "PARTYLINE_GATEWAY_BOT_HOSTS: 10.0.0.0/8, http://x: http://x: must be a host, an address",
            ),
            (
                &[("PARTYLINE_GATEWAY_OPENAI_API_KEY", "")],
                "PARTYLINE_GATEWAY_OPENAI_API_KEY is set but empty",
            ),
            (&[("PARTYLINE_GATEWAY_THREADS", "65")], "PARTYLINE_GATEWAY_THREADS: must be from 1 to 64"),
            (&[("PARTYLINE_GATEWAY_PUBLIC_IPS", "192.0.2.1,x")], "PARTYLINE_GATEWAY_PUBLIC_IPS: x"),
        ] {
            let error = environment(variables).and_then(up).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains('\n'), "{variables:?}: {error}");
        }
    }

    #[test]
    fn one_url_and_one_key_of_openai_are_for_speech_and_for_bots() {
        let raw = environment(&[
            ("PARTYLINE_GATEWAY_TTS", "openai"),
            ("PARTYLINE_GATEWAY_TTS_VOICE", "echo"),
            ("PARTYLINE_GATEWAY_OPENAI_URL", "https://x.example/openai/"),
            ("PARTYLINE_GATEWAY_OPENAI_API_KEY", "hush"),
        ]);
        let voices = up(raw.unwrap()).unwrap().gateway_voices;
        assert_eq!(voices.bot.openai_url, "wss://x.example/openai/v1/realtime");
        assert_eq!(
            (voices.speech.openai.url.as_str(), voices.bot.openai_key.is_some()),
            ("https://x.example/openai", true)
        );
        assert_eq!(voices.speech.openai.voice, "echo");
        assert!(!format!("{voices:?}").contains("hush"));
    }

    #[test]
    fn nothing_set_is_a_whole_installation() {
        let settings = up(environment(&[("HOME", "/x")]).unwrap()).unwrap();
        assert_eq!(settings.database_url, "sqlite://./data/partyline.db");
        assert!(settings.bootstrap.is_none());
    }

    #[test]
    fn planes_apart_need_redis_and_a_gateway_the_key() {
        let redis = ("PARTYLINE_REDIS_URL", "redis://127.0.0.1");
        let key = Signer::generate_pkcs8();
        let key = verifying_key(&Signer::from_pkcs8(&key).unwrap());
        let public = ("PARTYLINE_VERIFYING_KEY", key.as_str());
        for (variables, planes, says) in [
            (&[][..], Planes::Control, "PARTYLINE_REDIS_URL: is needed"),
            (&[("PARTYLINE_REDIS_URL", "http://x")], Planes::Control, "PARTYLINE_REDIS_URL: must begin with"),
            (&[public], Planes::Gateway, "PARTYLINE_REDIS_URL: is needed"),
            (&[redis], Planes::Gateway, "PARTYLINE_VERIFYING_KEY: is needed"),
            (
                &[redis, ("PARTYLINE_VERIFYING_KEY", "eA")],
                Planes::Gateway,
                "PARTYLINE_VERIFYING_KEY: is not a key",
            ),
        ] {
            let raw = environment(variables).unwrap();
            let error = Settings::from_raw(raw, planes).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains('\n'), "{variables:?}: {error}");
        }
        let gateway = Settings::from_raw(environment(&[redis, public]).unwrap(), Planes::Gateway).unwrap();
        assert_eq!(gateway.admin_addr.to_string(), "127.0.0.1:8084");
        assert_eq!(gateway.gateway_udp_addr.to_string(), "0.0.0.0:8082");
    }

    fn up(raw: Raw) -> Result<Settings, SettingsError> {
        Settings::from_raw(raw, Planes::Both)
    }

    fn environment(variables: &[(&str, &str)]) -> Result<Raw, SettingsError> {
        Raw::layered(Raw::default(), owned(variables), None)
    }

    fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
        variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }
}
