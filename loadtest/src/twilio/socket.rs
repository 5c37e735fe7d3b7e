//! Twilio's end of a media WebSocket.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::{Sink as _, SinkExt as _, StreamExt as _};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::{Host, Url};

use super::report::Problem;
use super::signature::sign;

/// How long the server may take to accept the connection and to answer the handshake, each.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How long the last bytes may take, and the server's half of the closing handshake.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// What the kernel may hold of ours, so that a server that reads too slowly is noticed within seconds.
const SEND_BUFFER: usize = 64 * 1024;

/// What is held above that before audio is thrown away.
const WRITE_BUFFER: usize = 64 * 1024;

/// Largest message that is taken from a server: two minutes of audio in base64.
const MAX_MESSAGE: usize = 1 << 20;

/// Memory that messages are written into, a few at a time.
const SCRATCH: usize = 4096;

/// Certificates as the machine trusts them: a self-signed one is refused, as by Twilio.
static TLS: LazyLock<Result<TlsConnector, rustls::Error>> = LazyLock::new(|| {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
});

/// A byte stream with a TCP connection under it.
trait Transport: AsyncRead + AsyncWrite + Send + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Transport for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Why a WebSocket did not open.
#[derive(Debug)]
pub(super) struct Refused {
    /// The answer to the handshake, if there was one.
    pub(super) status: Option<u16>,
    pub(super) problem: Problem,
}

/// An open WebSocket.
pub(super) struct Socket {
    ws: WebSocketStream<Box<dyn Transport>>,
    scratch: BytesMut,
}

impl Socket {
    /// Connects and signs the handshake over exactly this URL.
    pub(super) async fn open(url: &str, auth_token: &str) -> Result<Self, Refused> {
        let refused = |code, text: String| Refused { status: None, problem: Problem::new(code, text) };
        let parsed = Url::parse(url).map_err(|error| refused(31923, error.to_string()))?;
        let tcp = match timeout(CONNECT_LIMIT, connect(&parsed)).await {
            Ok(Ok(tcp)) => tcp,
            Ok(Err(error)) => return Err(refused(31902, format!("connection refused: {error}"))),
            Err(_) => return Err(refused(31901, "connection timed out".into())),
        };
        let handshake = async {
            let transport: Box<dyn Transport> = match parsed.scheme() {
                "wss" => match secure(&parsed, tcp).await {
                    Ok(tls) => Box::new(tls),
                    Err(error) => return Err(refused(31910, format!("TLS: {error}"))),
                },
                _ => Box::new(tcp),
            };
            upgrade(url, auth_token, transport).await
        };
        match timeout(CONNECT_LIMIT, handshake).await {
            Ok(result) => result.map(|ws| Self { ws, scratch: BytesMut::new() }),
            Err(_) => Err(refused(31901, "the handshake was not answered in time".into())),
        }
    }

    /// Sends without waiting. False: the server reads too slowly and the message is thrown away.
    pub(super) fn send(&mut self, text: &str) -> Result<bool, WsError> {
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.ws).poll_ready(&mut context) {
            Poll::Ready(ready) => ready?,
            Poll::Pending => return Ok(false),
        }
        if self.scratch.capacity() < text.len() {
            // Takes the old memory again, as what was written into it has been copied to the socket.
            self.scratch.reserve(SCRATCH.max(text.len()));
        }
        self.scratch.extend_from_slice(text.as_bytes());
        let text = Utf8Bytes::try_from(self.scratch.split().freeze())?;
        match Pin::new(&mut self.ws).start_send(Message::Text(text)) {
            Ok(()) => Ok(true),
            Err(WsError::WriteBufferFull(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Hands what was sent to the kernel, as far as it takes it now.
    pub(super) fn push(&mut self) -> Result<(), WsError> {
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.ws).poll_flush(&mut context) {
            Poll::Ready(done) => done,
            Poll::Pending => Ok(()),
        }
    }

    /// The next message. Can be dropped while waiting.
    pub(super) async fn receive(&mut self) -> Option<Result<Message, WsError>> {
        self.ws.next().await
    }

    /// Sends what is left, closes, and waits a moment for the server to do the same.
    pub(super) async fn close(mut self) {
        let closing = async {
            self.ws.flush().await?;
            self.ws.close(None).await?;
            while let Some(Ok(_)) = self.ws.next().await {}
            Ok::<(), WsError>(())
        };
        // A server that is gone or does not answer: the socket is dropped all the same.
        let _ = timeout(CLOSE_LIMIT, closing).await;
    }

    /// Breaks the connection in the middle of things, by a FIN or a reset.
    pub(super) fn cut(self, reset: bool) {
        if reset {
            let socket = socket2::SockRef::from(self.ws.get_ref().tcp());
            if let Err(error) = socket.set_linger(Some(Duration::ZERO)) {
                tracing::warn!(%error, "the connection ends with a FIN and not with a reset");
            }
        }
    }
}

async fn connect(url: &Url) -> io::Result<TcpStream> {
    let port = url.port_or_known_default().unwrap_or(443);
    let tcp = match url.host() {
        Some(Host::Domain(name)) => TcpStream::connect((name, port)).await?,
        Some(Host::Ipv4(address)) => TcpStream::connect((address, port)).await?,
        Some(Host::Ipv6(address)) => TcpStream::connect((address, port)).await?,
        None => return Err(io::Error::other("no host")),
    };
    tcp.set_nodelay(true)?;
    socket2::SockRef::from(&tcp).set_send_buffer_size(SEND_BUFFER)?;
    Ok(tcp)
}

async fn secure(url: &Url, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let connector = TLS.as_ref().map_err(|error| io::Error::other(error.clone()))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    connector.connect(name, tcp).await
}

async fn upgrade(
    url: &str,
    auth_token: &str,
    transport: Box<dyn Transport>,
) -> Result<WebSocketStream<Box<dyn Transport>>, Refused> {
    let malformed = |error: &dyn std::fmt::Display| Refused {
        status: None,
        problem: Problem::new(31923, error.to_string()),
    };
    let mut request = url.into_client_request().map_err(|error| malformed(&error))?;
    let signature = sign::<&str, &str>(auth_token, url, &[]);
    let signature = HeaderValue::try_from(signature).map_err(|error| malformed(&error))?;
    request.headers_mut().insert("x-twilio-signature", signature);
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(4096)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_frame_size(Some(MAX_MESSAGE))
        .max_message_size(Some(MAX_MESSAGE));
    match client_async_with_config(request, transport, Some(config)).await {
        Ok((ws, _)) => Ok(ws),
        Err(WsError::Http(response)) => {
            let status = response.status();
            let body = response.body().as_deref().unwrap_or_default();
            let body: String = String::from_utf8_lossy(body).chars().take(200).collect();
            let text = format!("handshake error: {status}, not 101; {}", body.trim());
            Err(Refused {
                status: Some(status.as_u16()),
                problem: Problem::new(31920, text.trim_end_matches("; ")),
            })
        }
        Err(error) => {
            Err(Refused { status: None, problem: Problem::new(31920, format!("handshake error: {error}")) })
        }
    }
}

/// What a broken WebSocket is in Twilio's error log.
pub(super) fn problem_of(error: &WsError) -> Problem {
    match error {
        WsError::Io(_) => Problem::new(31903, format!("connection broken: {error}")),
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Problem::new(31903, "connection broken: ended without a closing handshake")
        }
        _ => Problem::new(31924, format!("WebSocket protocol error: {error}")),
    }
}
