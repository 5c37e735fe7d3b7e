//! `wss:`, with a certificate that is trusted and one that is not.

use std::sync::Arc;

use common::bus::Bot;
use gateway::bot::{BotConfig, FromBot};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::peer::Door;
use super::{Call, on_this_machine};

#[tokio::test]
async fn only_who_has_a_trusted_certificate_is_spoken_to() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (made.cert.der().clone(), PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let mut roots = RootCertStore::empty();
    roots.add(cert).unwrap();
    let trusting = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();

    let door = Door::open().await;
    let port = door.addr.port();
    let bot = |host: &str| {
        let url = format!("wss://{host}:{port}/bot");
        Bot::Stream { url, parameters: [].into(), stall_seconds: None, fallback: None }
    };
    let tls = Some(Arc::new(trusting));

    let mut call = Call::with(bot("localhost"), BotConfig { tls: tls.clone(), ..on_this_machine() });
    let socket = acceptor.accept(door.tcp().await).await.unwrap();
    let _socket = tokio_tungstenite::accept_async(socket).await.unwrap();
    assert_eq!(call.hear().await, FromBot::Ready);

    // Of another name, and of nobody that this machine trusts.
    for (host, tls) in [("127.0.0.1", tls), ("localhost", None)] {
        let mut call = Call::with(bot(host), BotConfig { tls, ..on_this_machine() });
        assert!(acceptor.accept(door.tcp().await).await.is_err());
        let FromBot::Failed(why) = call.over().await else { panic!("not failed") };
        assert!(why.starts_with("cannot speak TLS: "), "{why}");
    }
}
