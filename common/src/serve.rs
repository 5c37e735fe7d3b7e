//! The accept loop of every HTTP server here.
//!
//! `axum::serve` sets no header timeout and no cap on connections, so that a peer who sends half a
//! request head holds a socket for ever. This loop has both, ends TLS where it is given a certificate, and
//! stops in order: it accepts no more, lets what runs finish, and cuts what does not.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

use crate::tls::Tls;

/// What a server allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at one time. One more waits in the kernel's queue until another ends. One that became
    /// a WebSocket no longer counts: whoever serves those has a limit of its own.
    pub connections: usize,
    /// From a connection's first byte, or the last answer on it, to the end of the next request head. With TLS
    /// the handshake has as long, and the first request head after it again.
    pub header: Duration,
    /// Largest request head, in bytes.
    pub head_bytes: usize,
    /// How long running requests may take once the server is told to stop.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            header: Duration::from_secs(10),
            head_bytes: 16 * 1024,
            linger: Duration::from_secs(5),
        }
    }
}

/// Serves `app` on `listener` until `stop` resolves, then lets what runs finish for a while. With `tls` it is
/// https and wss, without http and ws.
///
/// Handlers find the peer's address as `ConnectInfo<SocketAddr>`.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    app: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    serve_on(Handle::current, listener, tls, app, limits, stop).await;
}

/// The same, with each connection on the runtime that `place` names for it. It stays there to its end, and so
/// do its TLS and the WebSocket that it may become.
pub async fn serve_on(
    place: impl Fn() -> Handle,
    listener: TcpListener,
    tls: Option<Tls>,
    app: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let (stopping, _) = watch::channel(false);
    let mut http = http1::Builder::new();
    // Who sends a request and then closes its sending side still waits for the answer.
    http.half_close(true);
    http.timer(TokioTimer::new()).header_read_timeout(limits.header).max_buf_size(limits.head_bytes);

    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: trying again at once would only burn the core.
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(stream) = stream.into_std() else { continue };
        let _ = stream.set_nodelay(true);
        let connection =
            Connection { http: http.clone(), app: app.clone(), peer, stopping: stopping.subscribe() };
        // Two tasks and not one with a choice in it: a connection without TLS is not as large as one with it.
        match tls.clone() {
            None => place().spawn(async move {
                // The socket joins the runtime that it is served by.
                let Ok(stream) = TcpStream::from_std(stream) else { return };
                connection.run(stream).await;
                drop(permit);
            }),
            Some(tls) => place().spawn(async move {
                let Ok(stream) = TcpStream::from_std(stream) else { return };
                let mut connection = connection;
                if let Some(stream) = connection.secure(&tls, stream, limits.header).await {
                    connection.run(stream).await;
                }
                drop(permit);
            }),
        };
    }
    drop(listener);
    stopping.send_replace(true);
    // All places free again: nobody is left.
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    let _cut_what_lingers = timeout(limits.linger, places.acquire_many(all)).await;
}

/// One connection, and what it is served with.
struct Connection {
    http: http1::Builder,
    app: Router,
    peer: SocketAddr,
    stopping: watch::Receiver<bool>,
}

impl Connection {
    /// Shakes hands. `None` if that fails, takes too long or the server stops.
    async fn secure(
        &mut self,
        tls: &Tls,
        stream: TcpStream,
        limit: Duration,
    ) -> Option<TlsStream<TcpStream>> {
        tokio::select! {
            shaken = tls.accept(stream, limit) => shaken,
            _ = self.stopping.changed() => None,
        }
    }

    /// Serves requests to the connection's end.
    async fn run(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let Self { http, app, peer, mut stopping } = self;
        let service = service_fn(move |request: Request<Incoming>| {
            let app = app.clone();
            async move {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(ConnectInfo(peer));
                app.oneshot(request).await.map_err(|never: Infallible| never)
            }
        });
        let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            _ = stopping.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = &error as &dyn std::error::Error, "connection ended early");
        }
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn half_a_request_head_is_cut_off_and_a_whole_one_answered() {
        let limits = Limits { header: Duration::from_millis(200), ..Limits::default() };
        let addr = start(limits).await;

        let mut slow = TcpStream::connect(addr).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: ").await.unwrap();
        let mut rest = Vec::new();
        slow.read_to_end(&mut rest).await.unwrap();
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));

        assert!(get(addr).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn one_connection_too_many_waits_for_a_place() {
        let limits = Limits { connections: 1, header: Duration::from_millis(300), ..Limits::default() };
        let addr = start(limits).await;
        let _holds_the_place_until_its_header_times_out = TcpStream::connect(addr).await.unwrap();
        assert!(get(addr).await.starts_with("HTTP/1.1 200"));
    }

    async fn start(limits: Limits) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let app = Router::new().route("/", axum::routing::get(async || "hello"));
        tokio::spawn(serve(listener, None, app, limits, std::future::pending()));
        addr
    }

    async fn get(addr: SocketAddr) -> String {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}
