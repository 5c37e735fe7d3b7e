//! TLS over real sockets, with certificates made here.

use std::net::SocketAddr;

use axum::Router;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::*;
use crate::serve::{Limits, serve, serve_on};

/// 2030-01-01 and 2031-01-01.
const EXPIRES: (i32, i64) = (2030, 1_893_456_000);
const EXPIRES_LATER: (i32, i64) = (2031, 1_924_992_000);

#[tokio::test]
async fn both_versions_of_tls_are_served_over_http_1_and_nothing_else_is() {
    let disk = Disk::new();
    let cert = disk.renew(EXPIRES);
    let tls = Tls::open(disk.files()).unwrap();
    let addr = start(tls.clone(), Limits::default()).await;
    for version in [&TLS12, &TLS13] {
        let mut stream = connect(addr, &cert, version, &[b"h2", b"http/1.1"]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(get(&mut stream).await, "hello");
    }
    assert!(connect(addr, &cert, &TLS13, &[b"h2"]).await.is_err(), "a client that speaks HTTP/2 alone");

    let mut plain = TcpStream::connect(addr).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _reset_or_alert = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
    let Handshakes { ok, failed, timeout } = &tls.0.metrics.handshakes;
    assert_eq!((ok.get(), failed.get(), timeout.get()), (2, 2, 0));
}

#[tokio::test]
async fn half_open_handshakes_hold_up_nobody_and_are_cut_off() {
    let disk = Disk::new();
    let cert = disk.renew(EXPIRES);
    let tls = Tls::open(disk.files()).unwrap();
    let limits = Limits { header: Duration::from_secs(5), ..Limits::default() };
    let placed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (handle, place) = (placed.handle().clone(), placed.handle().clone());
    let (listener, addr) = listen().await;
    let serving =
        serve_on(move || place.clone(), listener, Some(tls.clone()), app(), limits, std::future::pending());
    tokio::spawn(serving);

    let mut half_open = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        // A handshake record of 512 bytes of which nothing follows.
        stream.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
        half_open.push(stream);
    }
    let mut stream = connect(addr, &cert, &TLS13, &[]).await.unwrap();
    assert_eq!(get(&mut stream).await, "hello");
    assert_eq!(handle.metrics().num_alive_tasks(), 21, "they shake hands where they were placed");

    for mut stream in half_open {
        let mut nothing = Vec::new();
        let cut = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut nothing));
        let _closed_or_reset = cut.await.expect("cut off");
        assert!(nothing.is_empty(), "{nothing:?}");
    }
    // The last one is counted just after it was cut off.
    let counted = async {
        while tls.0.metrics.handshakes.timeout.get() < 20 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), counted).await.expect("each is counted");
    placed.shutdown_background();
}

#[tokio::test]
async fn a_handshake_does_not_keep_a_server_from_stopping() {
    let disk = Disk::new();
    disk.renew(EXPIRES);
    let tls = Tls::open(disk.files()).unwrap();
    let (listener, addr) = listen().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let limits =
        Limits { header: Duration::from_secs(3600), linger: Duration::from_secs(3600), ..Limits::default() };
    let server = tokio::spawn(serve(listener, Some(tls), app(), limits, stopped));
    let mut half_open = TcpStream::connect(addr).await.unwrap();
    half_open.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_new_connection_gets_the_new_certificate_and_an_open_one_lives_on() {
    let disk = Disk::new();
    let old = disk.renew(EXPIRES);
    let tls = Tls::open(disk.files()).unwrap();
    let addr = start(tls.clone(), Limits::default()).await;
    let mut open = connect(addr, &old, &TLS13, &[]).await.unwrap();
    assert_eq!(get(&mut open).await, "hello");
    assert_eq!(tls.0.metrics.expiry.get(), EXPIRES.1);

    tls.look();
    let new = disk.renew(EXPIRES_LATER);
    tls.look();
    assert_eq!(tls.counts(), (0, 0), "it may still be being written");
    tls.look();
    tls.look();
    assert_eq!(tls.counts(), (1, 0), "once, and not again");
    assert_eq!(tls.0.metrics.expiry.get(), EXPIRES_LATER.1);

    assert_eq!(get(&mut open).await, "hello");
    let mut second = connect(addr, &new, &TLS13, &[]).await.unwrap();
    assert_eq!(second.get_ref().1.peer_certificates().unwrap(), [new]);
    assert_eq!(get(&mut second).await, "hello");
    assert!(connect(addr, &old, &TLS13, &[]).await.is_err(), "the old certificate is not shown any more");
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_leaves_the_old_one_and_counts_once() {
    let disk = Disk::new();
    let old = disk.renew(EXPIRES);
    let tls = Tls::open(disk.files()).unwrap();
    let addr = start(tls.clone(), Limits::default()).await;

    let (cert, key, _) = pair(EXPIRES_LATER);
    disk.put(CERT, &cert);
    (0..4).for_each(|_| tls.look());
    assert_eq!(tls.counts(), (0, 1), "a certificate without its key");
    std::fs::remove_file(disk.0.path().join(KEY)).unwrap();
    (0..4).for_each(|_| tls.look());
    assert_eq!(tls.counts(), (0, 2), "no key at all");
    assert_eq!(tls.0.metrics.expiry.get(), EXPIRES.1);
    let mut stream = connect(addr, &old, &TLS13, &[]).await.unwrap();
    assert_eq!(get(&mut stream).await, "hello");

    disk.put(KEY, &key);
    (0..4).for_each(|_| tls.look());
    assert_eq!(tls.counts(), (1, 2), "and now its key");
    assert_eq!(tls.0.metrics.expiry.get(), EXPIRES_LATER.1);
}

#[tokio::test]
async fn the_files_are_followed() {
    let disk = Disk::new();
    disk.renew(EXPIRES);
    let tls = Tls::open(Files { every: Duration::from_millis(5), ..disk.files() }).unwrap();
    let following = tls.clone();
    tokio::spawn(async move { following.follow().await });
    disk.renew(EXPIRES_LATER);
    let renewed = async {
        while tls.counts() != (1, 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), renewed).await.expect("the new certificate is taken");
}

#[test]
fn the_file_that_cannot_be_used_is_named_in_one_line() {
    let (cert, key, _) = pair(EXPIRES);
    let (_, other, _) = pair(EXPIRES);
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\n";
    let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for (cert, key, says) in [
        (None, Some(&*key), "cert.pem: No such file"),
        (Some(&*cert), None, "key.pem: No such file"),
        (Some(""), Some(&key), "cert.pem: has no certificate in PEM form"),
        (Some(&key), Some(&key), "cert.pem: has no certificate in PEM form"),
        (Some(broken), Some(&key), "cert.pem: not a PEM file"),
        (Some(hollow), Some(&key), "cert.pem: its first certificate cannot be read"),
        (Some(&cert), Some(&cert), "key.pem: has no private key in PEM form"),
        (Some(&cert), Some(locked), "key.pem: has no private key in PEM form, or only an encrypted one"),
        (Some(&cert), Some(no_key), "key.pem: its private key cannot be used"),
        (Some(&cert), Some(&other), "key.pem: not the key of the first certificate in "),
    ] {
        let disk = Disk::new();
        for (name, text) in [(CERT, cert), (KEY, key)] {
            if let Some(text) = text {
                disk.put(name, text);
            }
        }
        let error = Tls::open(disk.files()).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains('\n'), "{says}: {error}");
    }
}

const CERT: &str = "cert.pem";
const KEY: &str = "key.pem";

/// A folder with a certificate and its key.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn files(&self) -> Files {
        Files::new(self.0.path().join(CERT), self.0.path().join(KEY))
    }

    /// Puts a new pair in place and gives back the certificate.
    fn renew(&self, expires: (i32, i64)) -> CertificateDer<'static> {
        let (cert, key, der) = pair(expires);
        self.put(CERT, &cert);
        self.put(KEY, &key);
        der
    }

    /// Moves a file into its place, as the programs do that renew certificates.
    fn put(&self, name: &str, text: &str) {
        let new = self.0.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.0.path().join(name)).unwrap();
    }
}

impl Tls {
    fn counts(&self) -> (u64, u64) {
        (self.0.metrics.ok.get(), self.0.metrics.failed.get())
    }
}

/// A certificate for `localhost`, which signs itself, and its key.
fn pair((year, _): (i32, i64)) -> (String, String, CertificateDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let cert = params.self_signed(&key).unwrap();
    (cert.pem(), key.serialize_pem(), cert.der().clone())
}

async fn start(tls: Tls, limits: Limits) -> SocketAddr {
    let (listener, addr) = listen().await;
    tokio::spawn(serve(listener, Some(tls), app(), limits, std::future::pending()));
    addr
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

fn app() -> Router {
    Router::new().route("/", axum::routing::get(async || "hello"))
}

/// Connects as somebody who trusts this one certificate.
async fn connect(
    addr: SocketAddr,
    trusted: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let tcp = TcpStream::connect(addr).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), tcp).await
}

/// One request on a connection that stays open, and the answer's body.
async fn get(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with("hello") {
        let mut some = [0; 512];
        let n = stream.read(&mut some).await.unwrap();
        assert!(n > 0, "the connection ended after {answer:?}");
        answer.push_str(std::str::from_utf8(&some[..n]).unwrap());
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.split_off(answer.len() - "hello".len())
}
