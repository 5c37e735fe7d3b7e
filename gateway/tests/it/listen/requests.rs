//! Every ugly request, and the answer it gets.

use std::num::NonZeroU32;

use common::token::{StreamKind, StreamTicket};
use common::{CallId, SessionId, TenantId, TicketId};
use gateway::listen::{IceServer, Rate};
use gateway::{Gateway, StartError};
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::server::{OFFER, Opened, Server, config, reply};

#[tokio::test]
async fn an_offer_is_answered() {
    let server = Server::start_with(|config| {
        config.listen.ice_servers.push(IceServer {
            url: "stun:stun.example.net".to_owned(),
            username: None,
            credential: None,
        });
    })
    .await;
    let call = server.call();
    let post = server.post(&server.grant(&call)).header("origin", "https://console.example");
    let reply = reply(post).await;

    assert_eq!(reply.status, 201, "{reply:?}");
    let header = |name: &str| reply.headers[name].as_str();
    assert_eq!(header("content-type"), "application/sdp");
    assert_eq!(header("etag"), "\"ice-1\"");
    assert_eq!(header("link"), "<stun:stun.example.net>; rel=\"ice-server\"");
    assert_eq!(header("access-control-allow-origin"), "https://console.example");
    assert!(header("access-control-expose-headers").contains("location"));
    let (path, secret) = header("location").rsplit_once('/').unwrap();
    assert_eq!((path, secret.len()), (format!("/whep/{}", call.info().call).as_str(), 22));
    let candidate = format!(" {} {} typ host", server.udp.ip(), server.udp.port());
    assert!(reply.body.starts_with("v=0\r\n") && reply.body.contains(&candidate), "{}", reply.body);
    assert_eq!(server.metric("partyline_listener_join_seconds", &[("stage", "http")]), 1.0);
}

#[tokio::test]
async fn a_call_may_be_named_as_twilio_does() {
    let server = Server::start().await;
    let (call, other) = (server.call(), server.call());
    let ask = |sid: common::CallSid| {
        let post = server.post(&server.grant(&call)).build().unwrap();
        let mut url = post.url().clone();
        url.set_path(&format!("/whep/{sid}"));
        server.request(Method::POST, url.as_str()).headers(post.headers().clone()).body(OFFER)
    };
    let good = reply(ask(call.info().call_sid)).await;
    assert_eq!(good.status, 201);
    let session = format!("{}{}", server.base, good.headers["location"]);
    assert_eq!(reply(server.request(Method::DELETE, &session)).await.status, 200);
    let bad = reply(ask(other.info().call_sid)).await;
    assert_eq!((bad.status, bad.code.as_str()), (404, "call_not_found"));
}

#[tokio::test]
async fn what_no_client_should_post_is_refused_with_a_status_and_a_code() {
    let server = Server::start().await;
    let call = server.call();
    let grant = || server.grant(&call);
    let raw = |token: &str| {
        server
            .request(Method::POST, &server.whep(call.info().call))
            .header("content-type", "application/sdp")
            .header("authorization", token)
            .body(OFFER)
    };
    let ticket = StreamTicket {
        id: TicketId::new(),
        tenant: call.info().tenant,
        call: call.info().call,
        call_sid: call.info().call_sid,
        account_sid: format!("AC{}", "0".repeat(32)).parse().unwrap(),
        kind: StreamKind::Monitor,
        exp: i64::MAX,
    };
    let expired = common::token::ListenGrant { exp: 1_000_000_000, ..grant() };
    let elsewhere = |path: &str| {
        let token = server.signer.sign(&grant());
        let url = format!("{}{path}", server.base);
        server
            .request(Method::POST, &url)
            .bearer_auth(token)
            .header("content-type", "application/sdp")
            .body(OFFER)
    };
    let sdp = |body: String| server.post(&grant()).body(body);
    let without = |line: &str| {
        sdp(OFFER
            .lines()
            .filter(|l| !l.starts_with(line))
            .fold(String::new(), |text, line| text + line + "\r\n"))
    };
    let kind = |value: &str| {
        let token = server.signer.sign(&grant());
        let url = server.whep(call.info().call);
        server.request(Method::POST, &url).bearer_auth(token).header("content-type", value).body(OFFER)
    };

    for (name, request, status, code) in [
        ("no token", server.request(Method::POST, &server.whep(call.info().call)), 401, "unauthorized"),
        ("another scheme", raw("Basic YTpi"), 401, "unauthorized"),
        ("an empty token", raw("Bearer "), 401, "unauthorized"),
        ("junk for a token", raw("Bearer a.b.c"), 401, "unauthorized"),
        ("a huge token", raw(&format!("Bearer {}", "a".repeat(9000))), 401, "unauthorized"),
        (
            "a token for something else",
            raw(&format!("Bearer {}", server.signer.sign(&ticket))),
            401,
            "unauthorized",
        ),
        ("an expired token", server.post(&expired), 401, "unauthorized"),
        (
            "no content type",
            {
                let token = server.signer.sign(&grant());
                server.request(Method::POST, &server.whep(call.info().call)).bearer_auth(token).body(OFFER)
            },
            415,
            "unsupported_media_type",
        ),
        ("JSON", kind("application/json"), 415, "unsupported_media_type"),
        ("almost SDP", kind("application/sdpx"), 415, "unsupported_media_type"),
        ("another call", elsewhere(&format!("/whep/{}", CallId::new())), 404, "call_not_found"),
        ("no call", elsewhere("/whep/latest"), 404, "call_not_found"),
        ("not even text", elsewhere("/whep/%ff%fe"), 404, "call_not_found"),
        ("a huge body", sdp(OFFER.to_owned() + &"a=x\r\n".repeat(20_000)), 413, "too_large"),
        ("one byte too many", sdp("x".repeat(64 * 1024 + 1)), 413, "too_large"),
        ("an empty body", sdp(String::new()), 400, "bad_sdp"),
        ("no SDP", sdp("hello".to_owned()), 400, "bad_sdp"),
        ("not UTF-8", server.post(&grant()).body(vec![0xff, 0xfe, 0]), 400, "bad_body"),
        ("no ICE password", without("a=ice-pwd"), 400, "bad_sdp"),
        ("a short ICE password", sdp(OFFER.replace("P2uYro0UCOQ4zxjKXaWCBui1", "short")), 400, "bad_sdp"),
        ("no fingerprint", without("a=fingerprint"), 400, "bad_sdp"),
        (
            "no codec of ours",
            sdp(OFFER.replace("opus/48000/2", "speex/8000").replace("PCMU", "G728")),
            422,
            "unsupported_sdp",
        ),
        ("video only", sdp(OFFER.replace("m=audio", "m=video")), 422, "unsupported_sdp"),
        (
            "no audio at all",
            sdp("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".to_owned()),
            422,
            "unsupported_sdp",
        ),
        ("a sender", sdp(OFFER.replace("a=recvonly", "a=sendonly")), 422, "unsupported_sdp"),
        ("a DTLS server", sdp(OFFER.replace("setup:actpass", "setup:passive")), 422, "unsupported_sdp"),
        (
            "an ICE-lite client",
            sdp(OFFER.replace("a=msid-semantic: WMS", "a=ice-lite")),
            422,
            "unsupported_sdp",
        ),
        ("PUT", server.request(Method::PUT, &server.whep(call.info().call)), 405, "method_not_allowed"),
        (
            "DELETE of a call",
            server.request(Method::DELETE, &server.whep(call.info().call)),
            405,
            "method_not_allowed",
        ),
    ] {
        let reply = reply(request).await;
        assert_eq!((reply.status, reply.code.as_str()), (status, code), "{name}: {reply:?}");
        assert_eq!(status == 401, reply.headers.contains_key("www-authenticate"), "{name}");
        assert_eq!(status == 405, reply.headers.contains_key("allow"), "{name}");
    }
    assert_eq!(server.metric("partyline_whep_refused_total", &[("code", "unauthorized")]), 7.0);
    // Content types are compared as RFC 9110 has them.
    assert_eq!(reply(kind("Application/SDP; charset=utf-8")).await.status, 201);
}

#[tokio::test]
async fn a_body_that_never_says_how_long_it_is_ends_at_the_limit() {
    let server = Server::start().await;
    let call = server.call();
    let token = server.signer.sign(&server.grant(&call));
    let addr = server.base.strip_prefix("http://").unwrap();
    let mut socket = tokio::net::TcpStream::connect(addr).await.unwrap();
    let head = format!(
        "POST /whep/{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/sdp\r\nTransfer-Encoding: chunked\r\n\r\n",
        call.info().call
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..65 {
        socket.write_all(format!("400\r\n{}\r\n", "x".repeat(1024)).as_bytes()).await.unwrap();
    }
    // The end of the body is never sent: the answer does not wait for it.
    let mut status = [0; 12];
    socket.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
}

#[tokio::test]
async fn another_tenants_call_does_not_exist() {
    let server = Server::start().await;
    let call = server.call();
    let stranger = common::token::ListenGrant { tenant: TenantId::new(), ..server.grant(&call) };
    let nowhere = common::token::ListenGrant { call: CallId::new(), ..server.grant(&call) };
    let [theirs, absent] = [reply(server.post(&stranger)).await, reply(server.post(&nowhere)).await];
    assert_eq!((theirs.status, theirs.code.as_str()), (409, "call_not_live"));
    assert_eq!(theirs.headers["retry-after"], "2");
    assert_eq!((theirs.status, &theirs.body), (absent.status, &absent.body), "the two look the same");
}

#[tokio::test]
async fn a_grant_opens_one_session_and_another_only_when_that_is_gone() {
    let server = Server::start().await;
    let call = server.call();
    let grant = server.grant(&call);
    let first = server.open(grant.clone()).await;
    let second = reply(server.post(&grant)).await;
    assert_eq!((second.status, second.code.as_str()), (409, "session_in_use"));

    assert_eq!(reply(server.request(Method::DELETE, &first.url)).await.status, 200);
    let again = server.open(grant).await;
    assert_ne!(again.url, first.url);
}

#[tokio::test]
async fn with_no_place_left_a_client_is_sent_away_until_later() {
    let server = Server::start_with(|config| config.listen.sessions = 1).await;
    let call = server.call();
    let first = server.open(server.grant(&call)).await;
    let refused = reply(server.post(&server.grant(&call))).await;
    assert_eq!((refused.status, refused.code.as_str()), (503, "over_capacity"));
    let again: u16 = refused.headers["retry-after"].parse().unwrap();
    assert!((5..=15).contains(&again), "in {again} s");

    // A refused offer leaves its place.
    assert_eq!(reply(server.request(Method::DELETE, &first.url)).await.status, 200);
    assert_eq!(reply(server.post(&server.grant(&call)).body("hello")).await.status, 400);
    server.open(server.grant(&call)).await;
}

#[tokio::test]
async fn a_source_that_asks_too_often_is_told_so() {
    let one = NonZeroU32::MIN;
    let server =
        Server::start_with(|c| c.listen.rate = Rate { per_second: one, burst: NonZeroU32::new(3).unwrap() })
            .await;
    let url = server.whep(CallId::new());
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(reply(server.request(Method::POST, &url)).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 429]);
    // Preflights are free: a browser makes them by itself.
    assert_eq!(reply(server.request(Method::OPTIONS, &url)).await.status, 200);
}

#[tokio::test]
async fn a_session_ends_by_delete_once() {
    let mut server = Server::start().await;
    let call = server.call();
    let session = server.open(server.grant(&call)).await;
    let delete = || server.request(Method::DELETE, &session.url);
    let wrong = reply(delete().bearer_auth("a.b.c")).await;
    assert_eq!((wrong.status, wrong.code.as_str()), (401, "unauthorized"));
    let other = server.signer.sign(&server.grant(&call));
    assert_eq!(reply(delete().bearer_auth(other)).await.status, 401, "a good token, but not this session's");

    let gone = reply(delete().bearer_auth(&session.token).header("if-match", "\"whatever\"")).await;
    assert_eq!((gone.status, gone.body.as_str()), (200, ""), "entity tags do not matter here");
    let twice = reply(delete()).await;
    assert_eq!((twice.status, twice.code.as_str()), (404, "session_not_found"));
    assert_eq!(server.ended().await.0, session.grant.session);
}

#[tokio::test]
async fn get_head_and_options_tell_no_more_than_anybody_may_know() {
    let server = Server::start().await;
    let call = server.call();
    let session = server.open(server.grant(&call)).await;
    let endpoint = server.whep(call.info().call);
    let nobody = format!("{endpoint}/{}", "A".repeat(22));
    let elsewhere = session.url.replace(&call.info().call.to_string(), &CallId::new().to_string());
    for (method, url, status) in [
        (Method::GET, &endpoint, 204),
        (Method::GET, &server.whep("anything"), 204),
        (Method::HEAD, &endpoint, 200),
        (Method::OPTIONS, &endpoint, 200),
        (Method::GET, &session.url, 204),
        (Method::HEAD, &session.url, 204),
        (Method::OPTIONS, &session.url, 200),
        (Method::GET, &nobody, 404),
        (Method::PATCH, &nobody, 404),
        (Method::DELETE, &nobody, 404),
        (Method::DELETE, &elsewhere, 404),
        (Method::POST, &session.url, 405),
    ] {
        let reply = reply(server.request(method.clone(), url)).await;
        assert_eq!(reply.status, status, "{method} {url}");
        match method {
            Method::HEAD if status == 200 => assert_eq!(reply.headers["content-type"], "application/sdp"),
            Method::OPTIONS => assert_eq!(reply.headers["accept-post"], "application/sdp"),
            Method::GET => assert!(status == 404 || reply.body.is_empty()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn candidates_trickle_with_or_without_a_condition() {
    let server = Server::start().await;
    let call = server.call();
    let session = server.open(server.grant(&call)).await;
    let same = FRAGMENT.to_owned();
    let bare = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=end-of-candidates\r\n".to_owned();
    let patch = |body: &str| server.patch(&session, body);
    for (name, request, status, code) in [
        ("no condition", patch(&same), 204, ""),
        ("the tag", patch(&same).header("if-match", &session.etag), 204, ""),
        ("one of several tags", patch(&same).header("if-match", "\"x\", \"ice-1\""), 204, ""),
        ("a star", patch(&same).header("if-match", "*"), 204, ""),
        ("without credentials", patch(&bare), 204, ""),
        ("with its token", patch(&same).bearer_auth(&session.token), 204, ""),
        ("a wrong token", patch(&same).bearer_auth("x"), 401, "unauthorized"),
        ("a stale tag", patch(&same).header("if-match", "\"ice-0\""), 412, "precondition_failed"),
        ("no fragment", patch("hello"), 422, "bad_fragment"),
        ("nothing", patch(""), 422, "bad_fragment"),
        ("half of the credentials", patch("a=ice-ufrag:abcd\r\n"), 422, "bad_fragment"),
        ("too much", patch(&"a=x\r\n".repeat(10_000)), 413, "too_large"),
        (
            "an answer to an offer we never made",
            server.request(Method::PATCH, &session.url).header("content-type", "application/sdp").body(OFFER),
            415,
            "unsupported_media_type",
        ),
    ] {
        let reply = reply(request).await;
        assert_eq!((reply.status, reply.code.as_str()), (status, code), "{name}: {reply:?}");
        assert!(status != 204 || !reply.headers.contains_key("etag"), "{name}");
    }
}

#[tokio::test]
async fn ice_restarts_with_new_credentials_and_a_new_tag() {
    let server = Server::start().await;
    let call = server.call();
    let session = server.open(server.grant(&call)).await;
    let fresh =
        FRAGMENT.replace("EsAw", "ysXw").replace("P2uYro0UCOQ4zxjKXaWCBui1", "vw5LmwG4y/e6dPP/zAP9Gp5k");
    let patch = || server.patch(&session, &fresh);

    let unconditional = reply(patch()).await;
    assert_eq!((unconditional.status, unconditional.code.as_str()), (428, "precondition_required"));
    let stale = reply(patch().header("if-match", "\"ice-7\"")).await;
    assert_eq!((stale.status, stale.code.as_str()), (412, "precondition_failed"));

    let done = reply(patch().header("if-match", "\"*\"")).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(done.headers["content-type"], "application/trickle-ice-sdpfrag");
    assert_eq!(done.headers["etag"], "\"ice-2\"");
    let (old, new) = (attribute(&session.answer, "ice-ufrag"), attribute(&done.body, "ice-ufrag"));
    assert_ne!(old, new);
    assert!(done.body.contains(&format!(" {} typ host", server.udp.port())), "{}", done.body);

    let repeated = reply(patch().header("if-match", "*")).await;
    assert_eq!((repeated.status, repeated.body), (200, done.body), "the first answer was lost");
    let late = reply(server.patch(&session, FRAGMENT).header("if-match", &session.etag)).await;
    assert_eq!((late.status, late.code.as_str()), (412, "precondition_failed"), "of the ICE session before");
    assert_eq!(reply(patch().header("if-match", "\"ice-2\"")).await.status, 204, "trickle goes on");
    for (result, count) in [("done", 1.0), ("repeated", 1.0), ("refused", 3.0), ("failed", 0.0)] {
        assert_eq!(server.metric("partyline_ice_restarts_total", &[("result", result)]), count, "{result}");
    }
}

#[tokio::test]
async fn a_wildcard_without_a_public_address_does_not_start() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config("http://127.0.0.1:1");
    config.udp_addr = "0.0.0.0:0".parse().unwrap();
    let signer = common::token::Signer::from_pkcs8(&common::token::Signer::generate_pkcs8()).unwrap();
    let (bus, registry) = (common::bus::Bus::in_process(), prometheus::Registry::new());
    let error = Gateway::new(&config, listener, bus, signer.verifier(), &registry).unwrap_err();
    assert!(
        matches!(&error, StartError::System(text) if text.contains("PARTYLINE_GATEWAY_PUBLIC_IPS")),
        "{error}"
    );
}

#[tokio::test]
async fn the_public_addresses_are_announced_with_the_port_that_is_bound() {
    let server = Server::start_with(|config| {
        config.public_url = "https://media.example/gateway/".to_owned();
        config.udp_addr = "0.0.0.0:0".parse().unwrap();
        config.public_ips = vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
    })
    .await;
    let call = server.call();
    let reply = reply(server.post(&server.grant(&call))).await;
    assert!(reply.headers["location"].starts_with("/gateway/whep/call_"), "{reply:?}");
    for ip in ["192.0.2.7", "2001:db8::7"] {
        let candidate = format!(" {ip} {} typ host", server.udp.port());
        assert!(reply.body.contains(&candidate), "{}", reply.body);
    }
    assert!(!reply.body.contains("0.0.0.0 "), "a wildcard is no address:\n{}", reply.body);
}

/// What Chromium trickles.
const FRAGMENT: &str = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\na=candidate:1 1 udp 2122260223 3f2a.local 61764 typ host\r\na=end-of-candidates\r\n";

fn attribute<'a>(sdp: &'a str, name: &str) -> &'a str {
    let line = sdp.lines().find_map(|line| line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'));
    line.expect("the attribute is there")
}

#[tokio::test]
async fn nobody_guesses_a_session() {
    let server = Server::start().await;
    let call = server.call();
    let mut secrets = std::collections::HashSet::new();
    for _ in 0..20 {
        let Opened { url, grant, .. } = server.open(server.grant(&call)).await;
        let secret = url.rsplit('/').next().unwrap().to_owned();
        assert!(!url.contains(&grant.session.to_string()), "an id that others know is no secret");
        assert!(secrets.insert(secret));
    }
    assert_eq!(
        reply(
            server
                .request(Method::DELETE, &format!("{}/{}", server.whep(call.info().call), SessionId::new()))
        )
        .await
        .status,
        404
    );
}
