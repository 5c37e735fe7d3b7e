//! A WebSocket to a bot: `ws:` or `wss:`, no proxy, no redirect, no extension.

use std::sync::{Arc, LazyLock};

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, error::UrlError};
use url::Url;

use super::{BotConfig, reach};

/// Longest URL of a bot, in bytes.
const MAX_URL: usize = 2048;

/// Bytes read at once.
const READ_BUFFER: usize = 8 * 1024;

/// Most that may wait to be written, in bytes, beyond what waits as messages.
const WRITE_BUFFER: usize = 64 * 1024;

/// What the machine trusts, read once.
static TLS: LazyLock<Result<Arc<ClientConfig>, rustls::Error>> = LazyLock::new(|| {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(Arc::new(config))
});

/// A connection, encrypted or not.
pub(super) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// An open WebSocket.
pub(super) type Socket = WebSocketStream<Box<dyn Transport>>;

/// Where a bot is, or why it cannot be anywhere.
pub(super) struct Target(Result<(Url, Whose), &'static str>);

/// Who says where it is.
enum Whose {
    /// A tenant's admin: it is reached at public addresses only, and at those that the operator allows.
    Tenants,
    /// The operator, with a key for it.
    Operators(SecretString),
}

impl Target {
    /// A bot at the tenant's URL.
    pub(super) fn stream(url: &str) -> Self {
        Self(parsed(url).map(|url| (url, Whose::Tenants)))
    }

    /// OpenAI's API, for a model.
    pub(super) fn openai(config: &BotConfig, model: &str) -> Self {
        let Some(key) = config.openai_key.clone() else {
            return Self(Err("the gateway has no key for OpenAI"));
        };
        Self(parsed(&config.openai_url).map(|mut url| {
            url.query_pairs_mut().append_pair("model", model);
            (url, Whose::Operators(key))
        }))
    }

    /// Opens the WebSocket. The error is for people, and has neither the URL nor the key in it.
    pub(super) async fn open(self, config: &BotConfig) -> Result<Socket, String> {
        let (url, whose) = self.0?;
        let connecting = connect(&url, &whose, config);
        match tokio::time::timeout(config.connect_timeout, connecting).await {
            Ok(opened) => opened,
            Err(_elapsed) => Err("it did not answer the connection in time".to_owned()),
        }
    }
}

fn parsed(url: &str) -> Result<Url, &'static str> {
    if url.len() > MAX_URL {
        return Err("its URL is too long");
    }
    let url = Url::parse(url).map_err(|_| "its URL is none")?;
    match (url.scheme(), url.host()) {
        ("ws" | "wss", Some(_)) if url.username().is_empty() && url.password().is_none() => Ok(url),
        _ => Err("its URL must be ws:// or wss://, with a host and no user"),
    }
}

async fn connect(url: &Url, whose: &Whose, config: &BotConfig) -> Result<Socket, String> {
    let mut request = url.as_str().into_client_request().map_err(|error| refused(&error))?;
    if let Whose::Operators(key) = whose {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()))
            .map_err(|_| "the key has characters that no header may have".to_owned())?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
    }
    let addresses = match whose {
        Whose::Tenants => config.hosts.addresses(url).await?,
        Whose::Operators(_) => reach::resolved(url).await?,
    };
    let tcp = TcpStream::connect(&*addresses).await.map_err(|error| format!("cannot connect: {error}"))?;
    tcp.set_nodelay(true).map_err(|error| format!("cannot connect: {error}"))?;
    let transport: Box<dyn Transport> = match url.scheme() {
        "wss" => {
            let trusted = match &config.tls {
                Some(trusted) => trusted.clone(),
                None => TLS.clone().map_err(|error| format!("cannot speak TLS: {error}"))?,
            };
            let host = url.host_str().unwrap_or_default();
            // Brackets are of the URL, not of the address.
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| "its host cannot have a certificate".to_owned())?;
            let tls = TlsConnector::from(trusted).connect(name, tcp).await;
            Box::new(tls.map_err(|error| format!("cannot speak TLS: {error}"))?)
        }
        _ => Box::new(tcp),
    };
    let limits = websocket_config(config.message_bytes);
    let shaken = tokio_tungstenite::client_async_with_config(request, transport, Some(limits)).await;
    shaken.map(|(socket, _)| socket).map_err(|error| refused(&error))
}

/// What went wrong with a handshake.
fn refused(error: &Error) -> String {
    match error {
        Error::Http(answer) => {
            let status = answer.status();
            let meaning = match status.as_u16() {
                401 | 403 => ": the key or the signature is refused",
                404 => ": there is no such bot or model",
                429 => ": its rate limit is reached",
                _ => "",
            };
            format!("it answered the handshake with {}{meaning}", status.as_u16())
        }
        Error::Url(UrlError::UnsupportedUrlScheme) => "its URL must be ws:// or wss://".to_owned(),
        Error::Url(_) => "its URL cannot be used".to_owned(),
        error => format!("the handshake failed: {error}"),
    }
}

fn websocket_config(message_bytes: usize) -> WebSocketConfig {
    // What is a little too large is ignored; what is much too large ends the connection before it is read.
    let most = message_bytes.saturating_mul(2);
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER.max(most))
        .max_message_size(Some(most))
        .max_frame_size(Some(most))
}
