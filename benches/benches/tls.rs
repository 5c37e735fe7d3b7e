//! What TLS adds to one of Twilio's messages on its way in: the record layer of `rustls`, without any socket.
//!
//! Budget: 0.5 µs a message of 381 bytes, each in a record of its own, with TLS 1.3 and AES-128-GCM, as a record is
//! read and its bytes are copied out.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

/// Bytes of a `media` message of Twilio's with 20 ms, in its WebSocket frame.
const MESSAGE: usize = 381 + 8;

/// Messages of one batch: all of them arrive before any is read.
const MESSAGES: usize = 32;

fn message(c: &mut Criterion) {
    let (mut client, mut server) = connected();
    let text = vec![b'x'; MESSAGE];
    let mut group = c.benchmark_group("tls");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    group.bench_function("32 messages", |b| {
        b.iter_batched(
            || {
                let mut wire = Vec::with_capacity(MESSAGES * (MESSAGE + 64));
                for _ in 0..MESSAGES {
                    client.writer().write_all(&text).expect("room");
                    while client.wants_write() {
                        client.write_tls(&mut wire).expect("a vector takes all");
                    }
                }
                wire
            },
            |wire| {
                let (mut wire, mut out) = (wire.as_slice(), [0; 4096]);
                let mut read = 0;
                while !wire.is_empty() {
                    server.read_tls(&mut wire).expect("a slice gives all");
                    server.process_new_packets().expect("good records");
                    while let Ok(count @ 1..) = server.reader().read(&mut out) {
                        read += count;
                    }
                }
                assert_eq!(read, MESSAGES * MESSAGE);
                black_box(out)
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// Both ends of a connection that is ready.
fn connected() -> (ClientConnection, ServerConnection) {
    let suites = vec![cipher_suite::TLS13_AES_128_GCM_SHA256];
    let provider = Arc::new(CryptoProvider { cipher_suites: suites, ..default_provider() });
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).expect("a root");
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .expect("they belong together");
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = ClientConnection::new(Arc::new(client), name).expect("a client");
    let mut server = ServerConnection::new(Arc::new(server)).expect("a server");
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).expect("a vector takes all");
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            server.read_tls(&mut wire).expect("a slice gives all");
            server.process_new_packets().expect("a good handshake");
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).expect("a vector takes all");
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            client.read_tls(&mut wire).expect("a slice gives all");
            client.process_new_packets().expect("a good handshake");
        }
    }
    (client, server)
}

criterion_group!(benches, message);
criterion_main!(benches);
