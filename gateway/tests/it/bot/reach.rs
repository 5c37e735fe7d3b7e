//! A tenant's bot is not a way into the operator's network.

use std::io::ErrorKind;
use std::net::TcpListener;

use common::bus::Bot;
use gateway::bot::{BotConfig, FromBot};
use tokio::io::AsyncWriteExt as _;

use super::peer::Door;
use super::{Call, on_this_machine};

fn bot(url: String) -> Bot {
    Bot::Stream { url, parameters: [].into(), stall_seconds: None, fallback: None }
}

fn hosts(hosts: &str) -> BotConfig {
    BotConfig { hosts: hosts.parse().unwrap(), ..BotConfig::default() }
}

/// A server that nobody may connect to.
struct Inside(TcpListener);

impl Inside {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    fn is_untouched(&self) -> bool {
        self.0.accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

#[tokio::test]
async fn what_is_not_public_is_not_even_connected_to() {
    let inside = Inside::open();
    let port = inside.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "[::]",
        "169.254.169.254",
    ] {
        for scheme in ["ws", "wss"] {
            let mut call = Call::with(bot(format!("{scheme}://{host}:{port}/secret")), BotConfig::default());
            let FromBot::Failed(why) = call.over().await else { panic!("{host}") };
            assert!(why.starts_with("its address is not public"), "{host}: {why}");
            assert!(inside.is_untouched(), "{host}");
        }
    }
}

#[tokio::test]
async fn a_public_address_is_spoken_to_with_tls_alone() {
    let mut call = Call::with(bot("ws://8.8.8.8/".to_owned()), on_this_machine());
    let FromBot::Failed(why) = call.over().await else { panic!("not failed") };
    assert!(why.starts_with("its URL must be wss://"), "{why}");
}

#[tokio::test]
async fn the_operator_allows_a_name_or_an_address() {
    let door = Door::open().await;
    let port = door.addr.port();
    for (allowed, host) in
        [("localhost", "localhost"), ("127.0.0.1", "localhost"), ("127.0.0.1", "127.0.0.1")]
    {
        let mut call = Call::with(bot(format!("ws://{host}:{port}/")), hosts(allowed));
        let (_peer, _) = door.enter().await;
        assert_eq!(call.hear().await, FromBot::Ready, "{allowed} {host}");
    }
    // The name is allowed, not what it means.
    let mut call = Call::with(bot(format!("ws://127.0.0.1:{port}/")), hosts("localhost"));
    assert!(matches!(call.over().await, FromBot::Failed(_)));
}

#[tokio::test]
async fn nobody_is_sent_elsewhere() {
    let (door, inside) = (Door::open().await, Inside::open());
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let mut call = Call::with(bot(door.url("/")), on_this_machine());
        let mut tcp = door.tcp().await;
        let answer = format!(
            "HTTP/1.1 {status}\r\nLocation: ws://127.0.0.1:{}/\r\nContent-Length: 0\r\n\r\n",
            inside.port()
        );
        tcp.write_all(answer.as_bytes()).await.unwrap();
        let why = format!("it answered the handshake with {}", &status[..3]);
        assert_eq!(call.over().await, FromBot::Failed(why));
        assert!(inside.is_untouched(), "{status}");
    }
}
