//! Tokens and requests that somebody made to see what happens: each has a clear answer, and none is a 500.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::token::{Claims, Signer};
use common::{TenantId, UserId};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::server::{PASSWORD, Server, code, email};
use super::sessions::open;

/// What stands in an access token, for whoever has the key.
#[derive(Clone, Deserialize, Serialize)]
struct Token {
    sub: UserId,
    tenant: TenantId,
    role: String,
    sid: Uuid,
    exp: i64,
}

impl Claims for Token {
    const AUDIENCE: &'static str = "user";

    fn expires_at(&self) -> i64 {
        self.exp
    }
}

#[tokio::test]
async fn only_the_token_of_a_sign_in_that_stands_opens_anything() {
    let server = Server::start_with_two_tenants().await;
    let (admin, stranger) = (server.login(1).await, server.login(2).await);
    let call = server.ring_live(&admin, 1, 1).await;
    let (_, grant) = open(&server, &admin, call).await;
    let (ours, theirs) = (claims(&admin.token), claims(&stranger.token));
    let signer = server.signer();
    let unsigned = |header: Value| {
        let payload = admin.token.split('.').nth(1).unwrap();
        format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(header.to_string()))
    };
    let (head, rest) = admin.token.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let promoted = URL_SAFE_NO_PAD.encode(
        json!({ "aud": "user", "sub": theirs.sub, "tenant": ours.tenant,
        "role": "admin", "sid": ours.sid, "exp": ours.exp })
        .to_string(),
    );
    for (what, token) in [
        ("expired", signer.sign(&Token { exp: OffsetDateTime::now_utc().unix_timestamp(), ..ours.clone() })),
        ("of another audience", signer.sign(&grant)),
        ("of nobody", signer.sign(&Token { sub: UserId::new(), ..ours.clone() })),
        (
            "of another tenant's person",
            signer.sign(&Token { sub: theirs.sub, sid: theirs.sid, ..ours.clone() }),
        ),
        ("for another tenant", signer.sign(&Token { tenant: theirs.tenant, ..ours.clone() })),
        ("of another's sign-in", signer.sign(&Token { sid: theirs.sid, ..ours.clone() })),
        ("signed by a stranger", Signer::from_pkcs8(&Signer::generate_pkcs8()).unwrap().sign(&ours)),
        ("alg none", unsigned(json!({ "alg": "none", "typ": "JWT" }))),
        ("alg NONE", unsigned(json!({ "alg": "NONE" }))),
        ("alg HS256", unsigned(json!({ "alg": "HS256" }))),
        ("changed", format!("{head}.{promoted}.{signature}")),
        ("of one part", head.to_owned()),
        ("long", "x".repeat(7000)),
    ] {
        for path in ["/api/me", "/api/audit", &format!("/api/calls/{call}")] {
            let answer = server.request(Method::GET, path).bearer_auth(&token).send().await.unwrap();
            assert_eq!(code(answer).await, "unauthorized", "{what} {path}");
        }
        let live = server.request(Method::GET, &format!("/api/live?token={token}")).send().await.unwrap();
        assert_eq!(code(live).await, "unauthorized", "{what}");
    }
    // What the role in a token says counts for nothing: the database knows better.
    let viewer = server.hire(&admin, "viewer").await;
    let crowned = signer.sign(&Token { role: "admin".to_owned(), ..claims(&viewer.token) });
    let answer = server.request(Method::GET, "/api/users").bearer_auth(&crowned).send().await.unwrap();
    assert_eq!(code(answer).await, "forbidden");
}

#[tokio::test]
async fn what_stands_there_twice_or_cannot_be_is_refused() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    server.ring(1, 1).await;
    for (path, expected) in [
        ("/api/calls?limit=1&limit=2", "bad_request"),
        ("/api/calls?limit=1&tenant_id=x", "bad_request"),
        ("/api/calls?q=%00", "bad_request"),
        ("/api/calls?limit=-1", "bad_request"),
        ("/api/calls?limit=99999999999999999999", "bad_request"),
        ("/api/calls?cursor=%00", "bad_request"),
        ("/api/audit?user=%00", "bad_request"),
        ("/api/audit?cursor=1&cursor=2", "bad_request"),
        ("/api/auth/oidc/login?return_to=a&return_to=b", "bad_request"),
        ("/api/calls/%00", "not_found"),
        ("/api/calls/..%2f..%2fusers", "not_found"),
        ("/api/live?token=%00", "unauthorized"),
        ("/api/live?token=a&token=b", "bad_request"),
    ] {
        assert_eq!(code(server.send(&admin, Method::GET, path, None).await).await, expected, "{path}");
    }
    let twice = format!(r#"{{"email":"{0}","email":"{0}","password":"{PASSWORD}"}}"#, email(1));
    let request = server.request(Method::POST, "/api/auth/login").header("content-type", "application/json");
    assert_eq!(code(request.body(twice).send().await.unwrap()).await, "invalid_body");
    let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let request = server.request(Method::POST, "/api/auth/login").header("content-type", "application/json");
    let status = request.body(deep).send().await.unwrap().status();
    assert!(status.is_client_error(), "{status}");

    let both =
        server.request(Method::GET, "/api/me").bearer_auth(&admin.token).header("authorization", "Bearer x");
    assert_eq!(code(both.send().await.unwrap()).await, "unauthorized", "two tokens are none");
}

/// Every route that takes a body, with bodies that no console sends.
#[tokio::test]
async fn no_body_makes_the_server_fail() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = server.ring_live(&admin, 1, 1).await;
    let description: Value = serde_json::from_str(&control::openapi()).unwrap();
    let three_mebibytes = format!(r#"{{"name":"{}"}}"#, "x".repeat(3 << 20));
    let mut tried = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        let of_twilio = path.starts_with("/api/twilio/");
        for (method, operation) in methods.as_object().unwrap() {
            if operation.get("requestBody").is_none() && !of_twilio {
                continue;
            }
            tried += 1;
            let method: Method = method.to_uppercase().parse().unwrap();
            let user = admin.body["user"]["id"].as_str().unwrap();
            let id = if path.starts_with("/api/users") { user.to_owned() } else { call.to_string() };
            let path = path.replace("{id}", &id).replace("{number}", "+15550100");
            let request = || {
                let from = format!("203.0.113.{}", Uuid::new_v4().as_bytes()[0]);
                let kind = if of_twilio { "application/x-www-form-urlencoded" } else { "application/json" };
                let request = server.request(method.clone(), &path).bearer_auth(&admin.token);
                request.header("content-type", kind).header("x-forwarded-for", from)
            };
            let large = request().body(three_mebibytes.clone()).send().await;
            // The answer may come, and the connection end, while the body is still on its way.
            if let Ok(large) = large {
                assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE, "{method} {path}");
            }
            let nul = json!({ "name": "\u{0}", "email": "a\u{0}@b", "label": "\u{0}", "notes": "\u{0}", "old": "\u{0}",
                "new": "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}", "token": "\u{0}", "password": "\u{0}", "number": "\u{0}",
                "mode": "\u{0}", "reason": "\u{0}", "role": "\u{0}", "tags": ["\u{0}"], "scopes": ["\u{0}"] });
            let mut bodies = vec![
                Vec::new(),
                b"\0".to_vec(),
                b"\xff\xfe{}".to_vec(),
                b"null".to_vec(),
                b"[]".to_vec(),
                br#""x""#.to_vec(),
                b"{\"a\":1e999}".to_vec(),
                b"{}{}".to_vec(),
                nul.to_string().into_bytes(),
            ];
            for (name, value) in nul.as_object().unwrap() {
                bodies.push(json!({ name: value }).to_string().into_bytes());
            }
            for body in bodies {
                let shown = String::from_utf8_lossy(&body).into_owned();
                let answer = request().body(body).send().await.unwrap();
                let status = answer.status();
                assert!(status.is_client_error(), "{method} {path} {shown}: {status}");
                code(answer).await;
            }
        }
    }
    assert!(tried >= 12, "{tried}");
    server.get(&admin, "/api/me").await;
}

/// What two servers in a row could read in two ways is read in none.
#[tokio::test]
async fn lengths_that_contradict_each_other_are_refused() {
    let server = Server::start().await;
    let behind = "GET /api/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for (what, head) in [
        ("both", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        ("both, the other way round", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        ("two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n"),
        ("two lengths in one", "Content-Length: 5, 6\r\n"),
        ("a signed length", "Content-Length: +5\r\n"),
        ("a negative length", "Content-Length: -5\r\n"),
        ("a coding that does not end", "Transfer-Encoding: chunked, identity\r\n"),
        ("a coding nobody knows", "Transfer-Encoding: xchunked\r\n"),
        ("a space before the colon", "Transfer-Encoding : chunked\r\n"),
    ] {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        let request = format!(
            "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}\r\n0\r\n\r\n{behind}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
        // Nobody knows where it ends, so the connection does: what is behind it is not a request.
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
    }
    server.login(1).await;
}

fn claims(token: &str) -> Token {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
