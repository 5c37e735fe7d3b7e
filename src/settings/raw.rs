//! The three sources of settings, laid over one another as text.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use serde::Deserialize;

use super::{SettingsError, env_name};

/// In front of every name in the environment.
pub(super) const PREFIX: &str = "PARTYLINE_";

/// Names in the environment that are read elsewhere than here.
const OTHER_NAMES: [&str; 2] = ["config", "log"];

macro_rules! keys {
    (@secret) => { false };
    (@secret secret) => { true };
    ($($(#[doc = $doc:literal])* $key:ident $(($secret:ident))?,)*) => {
        /// Every key, as text and not yet checked.
        #[derive(Args, Clone, Debug, Default, Deserialize, Eq, PartialEq)]
        #[serde(deny_unknown_fields)]
        pub struct Raw {
            $($(#[doc = $doc])*
            #[arg(long, value_name = "VALUE")]
            pub $key: Option<String>,)*
        }

        impl Raw {
            /// Every key, its help, and whether it is a secret.
            pub(super) const KEYS: &[(&str, &str, bool)] =
                &[$((stringify!($key), concat!($($doc),*), keys!(@secret $($secret)?)),)*];

            /// What is set here, and what `other` sets for the rest.
            fn or(self, other: Self) -> Self {
                Self { $($key: self.$key.or(other.$key),)* }
            }

            pub(super) fn slot(&mut self, key: &str) -> Option<(&mut Option<String>, bool)> {
                match key {
                    $(stringify!($key) => {
                        let marks: &[&str] = &[$(stringify!($secret))?];
                        Some((&mut self.$key, !marks.is_empty()))
                    })*
                    _ => None,
                }
            }
        }
    };
}

keys! {
    /// Control: API, console, Twilio's webhooks [default: 127.0.0.1:8080]
    http_addr,
    /// What Twilio and browsers call control; signatures are checked against it [default: http(s)://<http-addr>]
    public_url,
    /// Gateway: Twilio's sockets and WHEP [default: 127.0.0.1:8081]
    gateway_http_addr,
    /// What browsers call the gateway; Twilio gets the same as wss [default: http(s)://<gateway-http-addr>]
    gateway_public_url,
    /// Gateway: media over UDP [default: 127.0.0.1:8082]
    gateway_udp_addr,
    /// Gateway: media threads, each with the next UDP port [default: one a core]
    gateway_threads,
    /// Gateway: calls at the same time [default: 4096]
    gateway_calls,
    /// Gateway: listeners at the same time, about 20 kB each [default: 4096]
    gateway_listeners,
    /// Gateway: calls encoded at the same time, for each media thread; further ones are heard as mu-law [default: 300]
    gateway_encoders,
    /// Gateway: megabits a second to all listeners together [default: no limit]
    gateway_egress_mbit,
    /// Gateway: percent of a core, taken by a media thread, beyond which nobody is let in to listen [default: 90]
    gateway_cpu_percent,
    /// Gateway: who hears mu-law instead of Opus: `auto` (who prefers it, and who needs one encoder too many), `off`, `always` [default: auto]
    gateway_pcmu,
    /// Gateway: what makes speech of text: `espeak` (espeak-ng on this machine), `elevenlabs`, `openai` [default: espeak]
    gateway_tts,
    /// Gateway: its voice when a line names none [default: one of the provider's]
    gateway_tts_voice,
    /// Gateway: its model, of ElevenLabs or OpenAI [default: a fast one of the provider's]
    gateway_tts_model,
    /// Gateway: the key for ElevenLabs
    gateway_elevenlabs_api_key(secret),
    /// Gateway: base of ElevenLabs' API, so that a stand-in can be used [default: https://api.elevenlabs.io]
    gateway_elevenlabs_url,
    /// Gateway: the key for OpenAI: for bots of its Realtime API, and for speech
    gateway_openai_api_key(secret),
    /// Gateway: base of OpenAI's API, or of a server that has the same [default: https://api.openai.com]
    gateway_openai_url,
    /// Gateway: hosts of tenants' bots that may have private addresses and no TLS, separated by commas: `bots.internal`, `10.1.0.0/16` [default: none]
    gateway_bot_hosts,
    /// Addresses that ICE announces instead, separated by commas: needed behind a port forward
    gateway_public_ips,
    /// PEM file: the certificate and its chain; both planes then serve https and wss instead of http and ws
    tls_cert,
    /// PEM file: the certificate's key; both files are read anew when they change
    tls_key,
    /// Metrics and health; never public [default: 127.0.0.1:8083]
    admin_addr,
    /// Where records are kept: sqlite://… or postgres://… [default: sqlite://<data-dir>/partyline.db]
    database_url(secret),
    /// The same PostgreSQL database as the role that owns its tables: with it the start brings them up to date
    database_owner_url(secret),
    /// Redis, for planes in processes apart: redis://… or rediss://…; `up` has both planes in one process and needs none
    redis_url(secret),
    /// Control: further origins that gateways may have, separated by commas: `https://gw2.example.com` or `https://*.gw.example.com`
    gateway_origins,
    /// Control: what signs every token, from `partyline key new` [default: made in the data directory]
    signing_key(secret),
    /// A gateway apart: what checks control's tokens, from `partyline key show`
    verifying_key,
    /// Keys and the SQLite database [default: ./data]
    data_dir,
    /// Further origins whose pages may use the API and WHEP, separated by commas
    allowed_origins,
    /// Sessions a person may open a minute, and as many at once [default: 60]
    sessions_per_minute,
    /// Requests to the API a minute, and as many at once: of one address; Twilio's webhooks are not counted [default: 6000]
    requests_per_minute_address,
    /// The same of one person, their API keys included [default: 1200]
    requests_per_minute_user,
    /// The same of one tenant [default: 12000]
    requests_per_minute_tenant,
    /// OpenID Connect: the provider's issuer, to the letter; people can then sign in with it
    oidc_issuer,
    /// What the provider calls us; it sends people back to <public-url>/api/auth/oidc/callback
    oidc_client_id,
    /// What the provider knows us by; left out for a public client
    oidc_client_secret(secret),
    /// What people know the provider by [default: single sign-on]
    oidc_name,
    /// Domains of e-mails that the provider speaks for, separated by commas, each with a tenant and the role of who comes first: acme.example=ten_…:viewer. Left out: all, but only of people who are there or invited
    oidc_domains,
    /// Name of the first tenant, made once
    bootstrap_tenant,
    /// E-mail address of its admin
    bootstrap_email,
    /// The admin's password
    bootstrap_password(secret),
    /// The tenant's Twilio account
    bootstrap_twilio_account_sid,
    /// The account's auth token
    bootstrap_twilio_auth_token(secret),
    /// The tenant's number, E.164: a call to it is theirs
    bootstrap_twilio_number,
    /// Whom a call to that number is put through to, E.164
    bootstrap_twilio_dial,
    /// The account's other auth token, while they are being rotated at Twilio
    bootstrap_twilio_auth_token_secondary(secret),
    /// What seals Twilio's auth tokens and numbers' bots in the database: 32 bytes in base64 [default: a key in the data directory]
    secrets_key(secret),
    /// Keys of before, separated by commas: what they sealed still opens
    secrets_old_keys(secret),
    /// Base of Twilio's REST API, so that a stand-in can be used
    twilio_api_url,
}

impl Raw {
    /// These flags over this environment over this file.
    pub fn layered(
        flags: Self,
        environment: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Self, SettingsError> {
        let [flags, environment, file] = Self::sources(flags, environment, file)?;
        Ok(flags.or(environment).or(file))
    }

    /// What each of the three sources sets: flags, environment, file.
    pub(super) fn sources(
        flags: Self,
        environment: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<[Self; 3], SettingsError> {
        let file = file.map(Self::from_file).transpose()?.unwrap_or_default();
        let mut sources = [flags, Self::from_environment(environment)?, file];
        for (key, _, _) in Self::KEYS.iter().filter(|(_, _, is_secret)| *is_secret) {
            for source in &mut sources {
                if let Some((Some(value), _)) = source.slot(key)
                    && value.is_empty()
                {
                    return Err(SettingsError::EmptySecret { name: env_name(key) });
                }
            }
        }
        Ok(sources)
    }

    fn from_file(path: &Path) -> Result<Self, SettingsError> {
        let shown = path.display().to_string();
        let file_error = |why: String| SettingsError::File { path: shown.clone(), why };
        let text = std::fs::read_to_string(path).map_err(|error| file_error(error.to_string()))?;
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| file_error(error.to_string()))?;
        let mut raw = Self::default();
        for (key, value) in table {
            let Some((slot, _)) = raw.slot(&key) else {
                return Err(SettingsError::Unknown { source_name: shown.clone(), name: key });
            };
            let toml::Value::String(text) = value else {
                return Err(file_error(format!("{key} must be a string in quotes")));
            };
            *slot = Some(text);
        }
        Ok(raw)
    }

    fn from_environment(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut raw = Self::default();
        // Sorted, so that of two mistakes the same one is named at each start.
        let variables: BTreeMap<String, String> = variables.into_iter().collect();
        for (name, value) in variables {
            let Some(key) = name.strip_prefix(PREFIX).map(str::to_lowercase) else { continue };
            if OTHER_NAMES.contains(&key.as_str()) {
                continue;
            }
            if let Some((slot, _)) = raw.slot(&key) {
                *slot = Some(value);
                continue;
            }
            let secret =
                key.strip_suffix("_file").and_then(|key| raw.slot(key)).filter(|(_, secret)| *secret);
            let Some((slot, _)) = secret else {
                return Err(SettingsError::Unknown { source_name: "environment".to_owned(), name });
            };
            let text = std::fs::read_to_string(&value).map_err(|error| SettingsError::File {
                path: value.clone(),
                why: format!("{name}: {error}"),
            })?;
            let text = text.trim_end_matches(['\r', '\n']);
            if text.is_empty() {
                return Err(SettingsError::EmptySecret { name });
            }
            slot.get_or_insert_with(|| text.to_owned());
        }
        Ok(raw)
    }
}
