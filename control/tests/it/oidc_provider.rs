//! An OpenID Connect provider that speaks the protocol over HTTP: discovery, keys, authorization, tokens. It is as
//! right as a test wants it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use tokio::net::TcpListener;

pub(crate) const CLIENT_ID: &str = "party line";
pub(crate) const CLIENT_SECRET: &str = "s3cret:+/";

type Params = HashMap<String, String>;

/// A running provider.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) addr: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

/// How an id token is signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Signing {
    Rs256,
    Es256,
    /// `alg: none`, and no signature.
    Nothing,
    /// HMAC with what everybody knows: the RSA key's modulus.
    Hmac,
    /// A key that the provider does not publish, by the name of one that it does.
    Stranger,
    /// A fresh key that it publishes from now on.
    Rotated,
}

struct Inner {
    keys: Keys,
    stranger: EncodingKey,
    pub(crate) signing: Signing,
    /// What is changed of the claims. `null` takes one away.
    claims: Map<String, Value>,
    /// What came to the authorization endpoint, by code.
    asked: HashMap<String, Params>,
    pub(crate) key_requests: u32,
    up: bool,
}

struct Keys {
    rsa: EncodingKey,
    ec: EncodingKey,
    ec_id: String,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let keys = Keys { rsa: rsa_key(), ec: ec_key(), ec_id: "ec-1".to_owned() };
        let inner = Inner {
            keys,
            stranger: rsa_key(),
            signing: Signing::Rs256,
            claims: Map::new(),
            asked: HashMap::new(),
            key_requests: 0,
            up: true,
        };
        let provider = Self { addr, inner: Arc::new(Mutex::new(inner)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys_of))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// From now on tokens are signed like this, with these claims over the right ones.
    pub(crate) fn will(&self, signing: Signing, claims: Value) {
        let mut inner = self.inner.lock().unwrap();
        if signing == Signing::Rotated {
            inner.keys.ec = ec_key();
            inner.keys.ec_id = "ec-2".to_owned();
        }
        inner.signing = signing;
        inner.claims = claims.as_object().unwrap().clone();
    }

    /// Whether it answers.
    pub(crate) fn set_up(&self, up: bool) {
        self.inner.lock().unwrap().up = up;
    }

    /// How often its keys were asked for.
    pub(crate) fn key_requests(&self) -> u32 {
        self.inner.lock().unwrap().key_requests
    }
}

async fn discovery(State(provider): State<Provider>) -> Response {
    if !provider.inner.lock().unwrap().up {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let issuer = provider.issuer();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize?audience=x"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
    }))
    .into_response()
}

async fn keys_of(State(provider): State<Provider>) -> Json<Value> {
    let mut inner = provider.inner.lock().unwrap();
    inner.key_requests += 1;
    let key = |key: &EncodingKey, algorithm: Algorithm, id: &str| {
        let mut jwk = Jwk::from_encoding_key(key, algorithm).unwrap();
        jwk.common.key_id = Some(id.to_owned());
        jwk
    };
    let keys = [
        key(&inner.keys.rsa, Algorithm::RS256, "rsa-1"),
        key(&inner.keys.ec, Algorithm::ES256, &inner.keys.ec_id),
    ];
    Json(json!({ "keys": keys }))
}

/// The person agrees at once.
async fn authorize(State(provider): State<Provider>, Query(asked): Query<Params>) -> Redirect {
    assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT_ID));
    assert_eq!((asked["code_challenge_method"].as_str(), asked["audience"].as_str()), ("S256", "x"));
    assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
    let code = URL_SAFE_NO_PAD.encode(uuid::Uuid::new_v4());
    let back = format!("{}?code={code}&state={}&session_state=x", asked["redirect_uri"], asked["state"]);
    provider.inner.lock().unwrap().asked.insert(code, asked);
    Redirect::to(&back)
}

async fn token(State(provider): State<Provider>, headers: HeaderMap, Form(form): Form<Params>) -> Response {
    let mut inner = provider.inner.lock().unwrap();
    let refused = |why: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response();
    let client = STANDARD.encode("party+line:s3cret%3A%2B%2F");
    if headers
        .get(header::AUTHORIZATION)
        .is_none_or(|value| value.as_bytes() != format!("Basic {client}").as_bytes())
    {
        return refused("invalid_client");
    }
    let Some(asked) = inner.asked.remove(&form["code"]) else { return refused("invalid_grant") };
    let challenge = URL_SAFE_NO_PAD
        .encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, form["code_verifier"].as_bytes()));
    if challenge != asked["code_challenge"] || form["redirect_uri"] != asked["redirect_uri"] {
        return refused("invalid_grant");
    }
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let mut claims = json!({
        "iss": provider.issuer(), "aud": CLIENT_ID, "sub": "1", "iat": now, "exp": now + 300,
        "nonce": asked["nonce"], "email": "Ada@Acme.example", "email_verified": true, "name": "Ada",
    });
    for (name, value) in &inner.claims {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    Json(json!({ "access_token": "x", "token_type": "Bearer", "id_token": inner.sign(&claims) }))
        .into_response()
}

impl Inner {
    fn sign(&self, claims: &Value) -> String {
        let (algorithm, id, key) = match self.signing {
            Signing::Rs256 => (Algorithm::RS256, "rsa-1", &self.keys.rsa),
            Signing::Stranger => (Algorithm::RS256, "rsa-1", &self.stranger),
            Signing::Es256 | Signing::Rotated => (Algorithm::ES256, self.keys.ec_id.as_str(), &self.keys.ec),
            Signing::Nothing => {
                let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
                return format!(
                    "{}.{}.",
                    part(json!({ "alg": "none", "kid": "rsa-1" })),
                    part(claims.clone())
                );
            }
            Signing::Hmac => {
                let public =
                    serde_json::to_value(Jwk::from_encoding_key(&self.keys.rsa, Algorithm::RS256).unwrap());
                let modulus = public.unwrap()["n"].as_str().unwrap().to_owned();
                let header = Header { kid: Some("rsa-1".to_owned()), ..Header::new(Algorithm::HS256) };
                let key = EncodingKey::from_secret(modulus.as_bytes());
                return jsonwebtoken::encode(&header, claims, &key).unwrap();
            }
        };
        let header = Header { kid: Some(id.to_owned()), ..Header::new(algorithm) };
        jsonwebtoken::encode(&header, claims, key).unwrap()
    }
}

fn rsa_key() -> EncodingKey {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    // PKCS #8 wraps the PKCS #1 form that is wanted; for 2048 bits it stands behind 26 bytes.
    EncodingKey::from_rsa_der(&der.as_ref()[26..])
}

fn ec_key() -> EncodingKey {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    EncodingKey::from_ec_der(key.to_pkcs8v1().unwrap().as_ref())
}
