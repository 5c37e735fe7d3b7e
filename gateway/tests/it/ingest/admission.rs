//! Who gets in, and the answer to all others.

use std::time::Duration;

use common::token::{ListenGrant, Mode, Side, SignatureDigests, Signer};
use common::{SessionId, TicketId, UserId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;

use super::ended;
use crate::server::{PATIENCE, Server};
use crate::twilio::{Line, SIGNATURE, Twilio};

#[tokio::test]
async fn a_bad_ticket_is_told_no_and_nothing_more() {
    let server = Server::start().await;
    let line = Line::new();
    let stranger = Signer::from_pkcs8(&Signer::generate_pkcs8()).unwrap();
    let mut expired = line.ticket.clone();
    expired.exp -= 61;
    let ticket = &line.ticket;
    let listen = ListenGrant {
        session: SessionId::new(),
        tenant: ticket.tenant,
        call: ticket.call,
        user: UserId::new(),
        side: Side::Beside,
        mode: Mode::Listen,
        exp: ticket.exp,
    };
    let mut torn = server.signer.sign(ticket);
    torn.truncate(torn.len() - 4);
    for (what, ticket, reason) in [
        ("no token", "ticket".to_owned(), "ticket_invalid"),
        ("a token cut short", torn, "ticket_invalid"),
        ("signed by a stranger", stranger.sign(ticket), "ticket_invalid"),
        ("a token for something else", server.signer.sign(&listen), "ticket_invalid"),
        ("its own grant", server.signer.sign(&line.grant), "ticket_invalid"),
        ("not UTF-8 but escaped", "%f0%9f%98%80".to_owned(), "ticket_invalid"),
        ("too long", "x".repeat(4000), "ticket_invalid"),
        ("expired", server.signer.sign(&expired), "ticket_expired"),
    ] {
        let before = rejected(&server, reason);
        assert_eq!(
            refused(&server, &format!("/twilio/media/{ticket}")).await,
            (403, String::new()),
            "{what}"
        );
        assert_eq!(rejected(&server, reason), before + 1.0, "{what}");
    }
    assert_eq!(server.metric("partyline_twilio_ws_connections"), 0.0);
}

#[tokio::test]
async fn a_ticket_is_good_once() {
    let mut server = Server::start().await;
    let line = Line::new();
    let path = line.path(&server);
    let mut twilio = line.begin(&mut server).await;
    assert_eq!(refused(&server, &path).await, (403, String::new()));
    twilio.send(&line.stop()).await;
    ended(&mut server).await;
    assert_eq!(refused(&server, &path).await, (403, String::new()), "not after the stream either");
    assert_eq!(rejected(&server, "ticket_used"), 2.0);
}

#[tokio::test]
async fn a_handshake_without_one_signature_is_refused_and_its_ticket_still_good() {
    let server = Server::start().await;
    let line = Line::new();
    let path = line.path(&server);
    let long = format!("X-Twilio-Signature: {}\r\n", "x".repeat(129));
    let twice = format!("X-Twilio-Signature: {SIGNATURE}\r\n").repeat(2);
    for headers in ["", "X-Twilio-Signature:\r\n", &long, &twice] {
        let head = format!("GET {path} HTTP/1.1\r\n{UPGRADE}{headers}\r\n");
        let answer = exchange(&server, &head).await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{headers}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "no detail: {answer}");
    }
    assert_eq!(rejected(&server, "signature_missing"), 4.0);
    line.connect(&server).await;
}

#[tokio::test]
async fn what_is_no_handshake_is_told_why_and_its_ticket_still_good() {
    let server = Server::start().await;
    let line = Line::new();
    let path = line.path(&server);
    let upgrade = format!("{UPGRADE}X-Twilio-Signature: {SIGNATURE}\r\n");
    let without = |header: &str| {
        let kept = upgrade.split_inclusive("\r\n").filter(|line| !line.starts_with(header));
        kept.collect::<String>()
    };
    for (what, head, status) in [
        ("a query", format!("GET {path}?a=b HTTP/1.1\r\n{upgrade}\r\n"), "400 Bad Request"),
        ("an empty query", format!("GET {path}? HTTP/1.1\r\n{upgrade}\r\n"), "400 Bad Request"),
        ("POST", format!("POST {path} HTTP/1.1\r\n{upgrade}\r\n"), "405 Method Not Allowed"),
        ("HEAD", format!("HEAD {path} HTTP/1.1\r\n{upgrade}\r\n"), "405 Method Not Allowed"),
        ("HTTP/1.0", format!("GET {path} HTTP/1.0\r\n{upgrade}\r\n"), "400 Bad Request"),
        ("no upgrade", format!("GET {path} HTTP/1.1\r\n{}\r\n", without("Upgrade")), "426 Upgrade Required"),
        ("no connection", format!("GET {path} HTTP/1.1\r\n{}\r\n", without("Conn")), "426 Upgrade Required"),
        (
            "another version",
            format!("GET {path} HTTP/1.1\r\n{}\r\n", upgrade.replace("13", "12")),
            "426 Upgrade Required",
        ),
        ("no key", format!("GET {path} HTTP/1.1\r\n{}\r\n", without("Sec-WebSocket-Key")), "400 Bad Request"),
        ("no ticket", format!("GET /twilio/media/ HTTP/1.1\r\n{upgrade}\r\n"), "404 Not Found"),
        ("two tickets", format!("GET {path}/x HTTP/1.1\r\n{upgrade}\r\n"), "404 Not Found"),
        (
            "a path that is no text",
            format!("GET /twilio/media/%ff HTTP/1.1\r\n{upgrade}\r\n"),
            "400 Bad Request",
        ),
        ("no request", "\0\0\0\0\r\n\r\n".to_owned(), "400 Bad Request"),
    ] {
        let answer = exchange(&server, &head).await;
        let line = answer.lines().next().unwrap_or_default();
        assert!(line.ends_with(status), "{what}: {answer}");
    }
    line.connect(&server).await;
}

#[tokio::test]
async fn half_a_request_head_is_cut_off() {
    let limit = Duration::from_millis(100);
    let server = Server::with(|config| config.http.header = limit).await;
    let path = Line::new().path(&server);
    let mut slow = TcpStream::connect(server.addr).await.unwrap();
    slow.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Twilio-Sig").as_bytes()).await.unwrap();
    let answer = read_to_end(slow).await;
    assert!(!answer.starts_with("HTTP/1.1 101"), "{answer}");
}

#[tokio::test]
async fn a_socket_too_many_is_told_to_come_later_and_keeps_its_ticket() {
    let mut server = Server::with(|config| config.ingest.connections = 1).await;
    let (first, second) = (Line::new(), Line::new());
    let mut twilio = first.begin(&mut server).await;
    let path = second.path(&server);
    assert_eq!(refused(&server, &path).await, (503, String::new()));
    assert_eq!(rejected(&server, "full"), 1.0);

    twilio.send(&first.stop()).await;
    assert_eq!(twilio.closed().await.0, 1000);
    drop(twilio);
    // The place is free once the gateway has seen the other end go.
    let free = async {
        while Twilio::connect(server.addr, &path).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, free).await.expect("the place becomes free");
}

#[tokio::test]
async fn with_no_memory_for_another_used_ticket_none_is_taken() {
    let server = Server::with(|config| config.ingest.used_tickets = 1).await;
    let _first = Line::new().connect(&server).await;
    assert_eq!(refused(&server, &Line::new().path(&server)).await.0, 503);
}

#[tokio::test]
async fn a_start_that_is_not_the_one_expected_is_shown_the_door() {
    let mut server = Server::start().await;
    let other = Line::new();
    let stranger = Signer::from_pkcs8(&Signer::generate_pkcs8()).unwrap();
    let good = Line::new();
    for what in [
        "other_call",
        "other_account",
        "grant_missing",
        "grant_invalid",
        "grant_expired",
        "grant_other",
        "signature_wrong",
    ] {
        let mut line = good.again();
        match what {
            "signature_wrong" => line.grant.signatures = SignatureDigests::of(["another"]),
            "grant_other" => line.grant.ticket = TicketId::new(),
            "grant_expired" => line.grant.exp -= 61,
            _ => {}
        }
        let mut start = line.start(&server);
        match what {
            "other_call" => start["start"]["callSid"] = other.ticket.call_sid.as_str().into(),
            "other_account" => start["start"]["accountSid"] = other.ticket.account_sid.as_str().into(),
            "grant_missing" => start["start"]["customParameters"] = serde_json::json!({ "tenant": "t1" }),
            "grant_invalid" => {
                start["start"]["customParameters"]["grant"] = stranger.sign(&line.grant).into();
            }
            _ => {}
        }
        let mut twilio = line.connect(&server).await;
        twilio.send(&start).await;
        assert_eq!(twilio.closed().await, (1008, "not admitted".to_owned()), "{what}");
        assert_eq!(rejected(&server, what), 1.0, "{what}");
        assert_eq!(server.metric("partyline_calls_active"), 0.0, "{what}");
    }
    // Nobody was told of any of them: the first event is that of the good one.
    good.begin(&mut server).await;
}

#[tokio::test]
async fn a_socket_that_does_not_start_is_closed() {
    let limit = Duration::from_millis(50);
    let server = Server::with(|config| config.ingest.limits.start = limit).await;
    let mut twilio = Line::new().connect(&server).await;
    twilio.send(&serde_json::json!({ "event": "connected" })).await;
    assert_eq!(twilio.closed().await, (1008, "no start in time".to_owned()));
    assert_eq!(rejected(&server, "no_start"), 1.0);
}

/// The headers of an upgrade, without a signature.
const UPGRADE: &str = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn rejected(server: &Server, reason: &str) -> f64 {
    server.metric(&format!(r#"partyline_twilio_rejected_total{{reason="{reason}"}}"#))
}

/// The status and the body that a handshake is refused with.
async fn refused(server: &Server, path: &str) -> (u16, String) {
    match Twilio::connect(server.addr, path).await.map(|_| ()) {
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            (response.status().as_u16(), String::from_utf8(body).unwrap())
        }
        other => panic!("{other:?} for a refusal"),
    }
}

/// Sends a request head and reads the whole answer.
async fn exchange(server: &Server, head: &str) -> String {
    let mut socket = TcpStream::connect(server.addr).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    read_to_end(socket).await
}

async fn read_to_end(mut socket: TcpStream) -> String {
    let mut answer = String::new();
    let read = tokio::time::timeout(PATIENCE, socket.read_to_string(&mut answer)).await;
    read.expect("the gateway closes the connection").unwrap();
    answer
}
