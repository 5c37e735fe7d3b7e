//! What comes to the UDP port, and what goes out of it.

use std::io::ErrorKind;
use std::net::UdpSocket;

use common::bus::SessionEnd;
use reqwest::Method;

use super::server::{Server, reply};
use super::stun::Browser;

#[tokio::test]
async fn strangers_get_no_answer() {
    let server = Server::start().await;
    let call = server.call();
    let session = server.open(server.grant(&call)).await;
    let browser = Browser::new(&session, server.udp);
    browser.connect();

    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut not_ours = browser.check(None);
    not_ours[24] ^= 1; // the first letter of our ufrag
    let client_hello = [&[22, 254, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40, 1][..], &[0; 39]].concat();
    let alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40];
    let rtp = [&[0x80, 0x6f, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1][..], &[9; 40]].concat();
    let rtcp = [&[0x80, 200, 0, 6, 0, 0, 0, 1][..], &[9; 40]].concat();
    let datagrams = [
        ("an empty datagram", vec![], "other"),
        ("one byte", vec![0], "stun"),
        ("text", b"hello".to_vec(), "other"),
        ("half a check", browser.check(None)[..30].to_vec(), "stun"),
        ("a check for nobody", not_ours, "stun"),
        (
            "an answer to no check",
            {
                let mut answer = browser.check(None);
                answer[0] = 1;
                answer
            },
            "stun",
        ),
        ("a ClientHello", client_hello, "dtls"),
        ("a DTLS alert", alert.to_vec(), "dtls"),
        ("RTP", rtp, "srtp"),
        ("RTCP", rtcp, "srtp"),
        ("a TURN channel", vec![0x40; 50], "other"),
        ("a datagram too long", vec![0x80; 4000], "other"),
    ];
    for (_, datagram, _) in &datagrams {
        stranger.send_to(datagram, server.udp).unwrap();
    }
    browser.fence();
    for class in ["stun", "dtls", "srtp", "other"] {
        let sent = datagrams.iter().filter(|(_, _, is)| *is == class).count() as f64;
        assert_eq!(server.metric("partyline_udp_rejected_total", &[("class", class)]), sent, "{class}");
    }
    // A check for a session that exists, but signed with another password.
    stranger.send_to(&browser.check(Some("no-password-of-ours-at-all")), server.udp).unwrap();
    browser.fence();

    stranger.set_nonblocking(true).unwrap();
    let heard = stranger.recv_from(&mut [0; 2048]).map_err(|error| error.kind());
    assert_eq!(heard, Err(ErrorKind::WouldBlock), "not a byte");
}

#[tokio::test]
async fn an_address_counts_when_it_has_answered_and_not_before() {
    let server = Server::start().await;
    let call = server.call();
    let session = server.open(server.grant(&call)).await;
    let browser = Browser::new(&session, server.udp);
    let dtls = [&[22, 254, 253][..], &[0; 30]].concat();
    let unknown = [("class", "dtls"), ("reason", "unknown_source")];
    let ice = [("stage", "ice")];

    browser.send(&browser.check(None));
    browser.send(&dtls);
    browser.fence();
    assert_eq!(server.metric("partyline_udp_rejected_total", &unknown), 1.0, "a check alone proves nothing");
    assert_eq!(server.metric("partyline_listener_join_seconds", &ice), 0.0);

    let proven = Browser::new(&session, server.udp);
    proven.connect();
    proven.send(&dtls);
    proven.fence();
    assert_eq!(server.metric("partyline_udp_rejected_total", &unknown), 1.0, "now it is the session's");
    assert_eq!(server.metric("partyline_listener_join_seconds", &ice), 1.0);
}

#[tokio::test]
async fn a_session_does_not_take_anothers_address() {
    let mut server = Server::start().await;
    let call = server.call();
    let (owner, thief) = (server.open(server.grant(&call)).await, server.open(server.grant(&call)).await);
    let browser = Browser::new(&owner, server.udp);
    browser.connect();
    browser.fence();

    let same_socket = browser.socket.try_clone().unwrap();
    let second = Browser::with_socket(same_socket, &thief, server.udp);
    second.connect();
    second.fence();
    let taken = [("reason", "address_taken")];
    assert_eq!(server.metric("partyline_udp_rejected_total", &taken), 1.0);

    // With the owner gone, the next datagram of the other one gets it the address.
    assert_eq!(reply(server.request(Method::DELETE, &owner.url)).await.status, 200);
    assert_eq!(server.ended().await, (owner.grant.session, SessionEnd::Left));
    let unknown = [("class", "dtls"), ("reason", "unknown_source")];
    second.send(&[22; 30]);
    second.fence();
    assert_eq!(server.metric("partyline_udp_rejected_total", &unknown), 1.0, "nobody's for a moment");
    second.send(&[22; 30]);
    second.fence();
    assert_eq!(server.metric("partyline_udp_rejected_total", &unknown), 1.0);
}

#[tokio::test]
async fn an_ice_restart_makes_the_old_name_nobodys() {
    let server = Server::start().await;
    let call = server.call();
    let session = server.open(server.grant(&call)).await;
    let browser = Browser::new(&session, server.udp);
    browser.connect();
    browser.fence();

    let fragment = "a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n";
    assert_eq!(reply(server.patch(&session, fragment).header("if-match", "*")).await.status, 200);
    let other = server.open(server.grant(&call)).await;
    browser.send(&browser.check(None));
    Browser::new(&other, server.udp).fence();
    let unknown = [("class", "stun"), ("reason", "unknown_ufrag")];
    assert_eq!(server.metric("partyline_udp_rejected_total", &unknown), 1.0);
}

#[tokio::test]
async fn a_browser_may_be_faster_than_the_answer() {
    let server = Server::start().await;
    let call = server.call();
    for _ in 0..50 {
        let session = server.open(server.grant(&call)).await;
        let browser = Browser::new(&session, server.udp);
        // No second check is sent: the first must find its session.
        browser.fence();
    }
}
