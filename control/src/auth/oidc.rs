//! Signing in with an OpenID Connect provider: the code flow with PKCE (RFC 7636), state and nonce.
//!
//! The provider is the operator's choice. What it says of a verified e-mail is believed, within the domains that the
//! settings give it. It is asked when somebody signs in, never at the start: it may be away then.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::token::Claims;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use url::{Host, Url, form_urlencoded};

use crate::StartError;
use crate::config::{BaseUrl, Oidc};
use crate::crypto::{random, sha256};

/// Where the provider sends people back to, below the public URL.
pub(crate) const CALLBACK: &str = "/api/auth/oidc/callback";

/// How long somebody may take at the provider.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(600);

/// How long one exchange with the provider may take.
const EXCHANGE: Duration = Duration::from_secs(10);

/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// How long what the provider says of itself is believed.
const METADATA_LIFE: Duration = Duration::from_secs(3600);

/// How often its keys are asked for at most, when a token names one that is not known.
const KEYS_AGAIN: Duration = Duration::from_secs(60);

/// How far its clock may be from ours, in seconds.
const LEEWAY: i64 = 60;

/// What it may sign with: a key pair. `none` has none, and of HMAC everybody with the secret could make tokens.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Why nobody can be signed in this way.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum OidcError {
    /// The provider does not answer, or not as one.
    #[error("the provider cannot be asked: {0}")]
    Away(String),
    /// The provider's answer does not show who somebody is.
    #[error("the provider's answer is refused: {0}")]
    Refused(&'static str),
}

/// Somebody on their way to the provider and back: kept in their browser, signed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Attempt {
    /// What comes back with the code: of this browser's attempt and of no other.
    pub(crate) state: String,
    nonce: String,
    verifier: String,
    /// The console's page to go on with.
    pub(crate) return_to: String,
    exp: i64,
}

impl Claims for Attempt {
    const AUDIENCE: &'static str = "oidc";

    fn expires_at(&self) -> i64 {
        self.exp
    }
}

/// Somebody, as the provider knows them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Verified {
    /// Lower case; theirs, says the provider.
    pub(crate) email: String,
    /// Their name, or what their e-mail begins with.
    pub(crate) name: String,
}

/// The provider.
#[derive(Debug)]
pub(crate) struct Provider {
    settings: Oidc,
    redirect_uri: String,
    http: Client,
    known: Mutex<Option<Known>>,
}

/// What the provider said of itself.
#[derive(Clone, Debug)]
struct Known {
    metadata: Metadata,
    at: Instant,
    keys: JwkSet,
    keys_at: Instant,
}

/// OpenID Connect Discovery 1.0, section 3.
#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Debug, Deserialize)]
struct IdToken {
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
    email: Option<String>,
    #[serde(default)]
    email_verified: Flag,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Some providers write a boolean as a text.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Text(String),
    #[default]
    Missing,
}

impl Provider {
    /// With these settings, for the control plane at this URL.
    pub(crate) fn new(settings: Oidc, public_url: &BaseUrl) -> Result<Self, StartError> {
        let wrong = |why| StartError::Url { key: "the OIDC issuer", why };
        let issuer = Url::parse(&settings.issuer).map_err(|_| wrong("is not a URL"))?;
        if !is_safe(&issuer) || issuer.query().is_some() || issuer.fragment().is_some() {
            return Err(wrong("must begin with https:// and have no query"));
        }
        let http = Client::builder().timeout(EXCHANGE).redirect(redirect::Policy::none()).build();
        let http = http.map_err(|_| wrong("cannot be asked: no TLS"))?;
        let redirect_uri = format!("{}{CALLBACK}", public_url.as_str());
        Ok(Self { settings, redirect_uri, http, known: Mutex::default() })
    }

    /// What the settings say of it.
    pub(crate) fn settings(&self) -> &Oidc {
        &self.settings
    }

    /// Where to send somebody, and what their browser keeps meanwhile.
    pub(crate) async fn begin(
        &self,
        return_to: String,
        now: OffsetDateTime,
    ) -> Result<(Url, Attempt), OidcError> {
        let metadata = self.known(None).await?.metadata;
        let secret = || URL_SAFE_NO_PAD.encode(random::<32>());
        let exp = (now + ATTEMPT).unix_timestamp();
        let attempt = Attempt { state: secret(), nonce: secret(), verifier: secret(), return_to, exp };
        let challenge = URL_SAFE_NO_PAD.encode(sha256(attempt.verifier.as_bytes()));
        let mut url = endpoint(&metadata.authorization_endpoint)?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", "openid email profile")
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok((url, attempt))
    }

    /// Who came back from the provider with this code.
    pub(crate) async fn finish(
        &self,
        attempt: &Attempt,
        code: &str,
        now: OffsetDateTime,
    ) -> Result<Verified, OidcError> {
        let metadata = self.known(None).await?.metadata;
        let client_id = self.settings.client_id.as_str();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &attempt.verifier),
        ];
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let has = |method: &str| methods.iter().any(|known| known == method);
        // RFC 8414: a provider that says nothing takes `client_secret_basic`.
        let basic = methods.is_empty() || has("client_secret_basic");
        let mut request = self.http.post(endpoint(&metadata.token_endpoint)?);
        match &self.settings.client_secret {
            Some(secret) if basic => {
                // RFC 6749, section 2.3.1: both are form-encoded first.
                let encoded =
                    |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                request = request.basic_auth(encoded(client_id), Some(encoded(secret)));
            }
            Some(secret) => form.extend([("client_id", client_id), ("client_secret", secret)]),
            None => form.push(("client_id", client_id)),
        }
        let tokens: Tokens = ask(request.form(&form)).await?;
        let token = self.read(&tokens.id_token, now).await?;
        if token.nonce.as_deref() != Some(attempt.nonce.as_str()) {
            return Err(OidcError::Refused("the nonce is another attempt's"));
        }
        let verified = match token.email_verified {
            Flag::Bool(verified) => verified,
            Flag::Text(text) => text == "true",
            Flag::Missing => false,
        };
        let email = token.email.map(|email| email.trim().to_lowercase()).filter(|_| verified);
        let email = email.ok_or(OidcError::Refused("there is no verified e-mail"))?;
        let name = token.name.filter(|name| !name.trim().is_empty());
        let name = name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
        Ok(Verified { email, name })
    }

    /// What an id token says, if it is this provider's, for us, and good now.
    async fn read(&self, token: &str, now: OffsetDateTime) -> Result<IdToken, OidcError> {
        let not_a_token = |_| OidcError::Refused("the id token is none, or of an unknown algorithm");
        let header = jsonwebtoken::decode_header(token).map_err(not_a_token)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(OidcError::Refused("the id token's algorithm is not allowed"));
        }
        let known = self.known(header.kid.as_deref()).await?;
        let key = key(&known.keys, header.kid.as_deref(), header.alg);
        let key = key.ok_or(OidcError::Refused("the id token's key is not the provider's"))?;
        let key =
            DecodingKey::from_jwk(key).map_err(|_| OidcError::Refused("the provider's key is no key"))?;
        let client_id = &self.settings.client_id;
        let mut rules = Validation::new(header.alg);
        rules.set_audience(&[client_id]);
        rules.set_issuer(&[&self.settings.issuer]);
        rules.set_required_spec_claims(&["aud", "exp", "iss", "sub"]);
        rules.validate_exp = false; // by our own `now`, below
        let bad = |_| OidcError::Refused("the id token's signature, issuer or audience is wrong");
        let token = jsonwebtoken::decode::<IdToken>(token, &key, &rules).map_err(bad)?.claims;

        let now = now.unix_timestamp();
        if token.exp.saturating_add(LEEWAY) <= now {
            return Err(OidcError::Refused("the id token has expired"));
        }
        if token.iat.saturating_sub(LEEWAY) > now {
            return Err(OidcError::Refused("the id token is from the future"));
        }
        let many = matches!(&token.aud, Audience::Many(audiences) if audiences.len() > 1);
        let is_ours = |azp: &String| azp == client_id;
        match &token.azp {
            // OpenID Connect Core 1.0, section 3.1.3.7, 4 and 5.
            None if many => {
                Err(OidcError::Refused("the id token is for several, and does not say by whom asked"))
            }
            Some(azp) if !is_ours(azp) => Err(OidcError::Refused("the id token was asked for by another")),
            _ => {
                debug_assert!(many || !matches!(&token.aud, Audience::One(one) if one != client_id));
                Ok(token)
            }
        }
    }

    /// What the provider says of itself, with the key of this id if it has one.
    async fn known(&self, kid: Option<&str>) -> Result<Known, OidcError> {
        // Held while the provider is asked: of many who come at once, one asks.
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_mut().filter(|known| known.at.elapsed() < METADATA_LIFE) {
            let missing = kid.is_some_and(|kid| known.keys.find(kid).is_none());
            if missing && known.keys_at.elapsed() >= KEYS_AGAIN {
                known.keys = ask(self.http.get(endpoint(&known.metadata.jwks_uri)?)).await?;
                known.keys_at = Instant::now();
            }
            return Ok(known.clone());
        }
        let issuer = self.settings.issuer.trim_end_matches('/');
        let metadata: Metadata =
            ask(self.http.get(format!("{issuer}/.well-known/openid-configuration"))).await?;
        if metadata.issuer != self.settings.issuer {
            return Err(OidcError::Away(format!("it says that it is {}", metadata.issuer)));
        }
        let keys = ask(self.http.get(endpoint(&metadata.jwks_uri)?)).await?;
        let at = Instant::now();
        let fresh = Known { metadata, at, keys, keys_at: at };
        *known = Some(fresh.clone());
        Ok(fresh)
    }
}

/// The key that a token is signed with: by its id, or the only one that can be meant.
fn key<'a>(keys: &'a JwkSet, kid: Option<&str>, algorithm: Algorithm) -> Option<&'a Jwk> {
    let fits = |key: &&Jwk| match key.common.key_algorithm {
        Some(stated) => stated == algorithm.into(),
        None => true,
    };
    match kid {
        Some(kid) => keys.find(kid).filter(fits),
        None => {
            let mut fitting = keys.keys.iter().filter(fits);
            fitting.next().filter(|_| fitting.next().is_none())
        }
    }
}

/// A URL that the provider names. On loopback, where nobody listens in between, it needs no TLS.
fn endpoint(text: &str) -> Result<Url, OidcError> {
    Url::parse(text)
        .ok()
        .filter(is_safe)
        .ok_or_else(|| OidcError::Away(format!("it names {text}, which is not https")))
}

fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

/// The JSON that the provider answers.
async fn ask<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, OidcError> {
    let away = |error: reqwest::Error| OidcError::Away(error.without_url().to_string());
    let mut response = request.send().await.map_err(away)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
            return Err(OidcError::Refused("the provider does not take the code, or our secret"));
        }
        status => return Err(OidcError::Away(format!("it answers {status}"))),
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(away)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(OidcError::Away("its answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body)
        .map_err(|_| OidcError::Away("its answer is not what it should be".to_owned()))
}
