//! Twilio's auth tokens: two while they are being rotated, and sealed at rest.

use common::token::StreamGrant;
use control::{Config, SecretKey};
use reqwest::{Method, StatusCode};
use time::OffsetDateTime;

use super::server::{AUTH_TOKEN, PUBLIC_URL, Server, account, call_sid, sign, voice};

const NEXT: &str = "fedcba9876543210fedcba9876543210";

fn tokens(primary: &'static str, secondary: Option<&'static str>) -> impl FnOnce(&mut Config) {
    move |config| {
        let twilio = config.bootstrap.as_mut().unwrap().twilio.as_mut().unwrap();
        twilio.auth_token = primary.to_owned();
        twilio.auth_token_secondary = secondary.map(str::to_owned);
    }
}

/// A voice webhook signed with this token: its status, and the TwiML.
async fn ring(server: &Server, call: u32, token: &str) -> (StatusCode, String) {
    let (ac, ca) = (account(1).to_string(), call_sid(call).to_string());
    let form = voice(&ac, &ca);
    let signature = sign(token, &format!("{PUBLIC_URL}/api/twilio/voice"), &form);
    let response = server.twilio_signed("/api/twilio/voice", &form, &signature).await;
    (response.status(), response.text().await.unwrap())
}

#[tokio::test]
async fn while_tokens_are_rotated_both_are_good_and_then_one() {
    const BOTH: [StatusCode; 2] = [StatusCode::OK; 2];
    let server = Server::start().await;
    let answers =
        async |server: &Server, n| [ring(server, n, AUTH_TOKEN).await.0, ring(server, n + 1, NEXT).await.0];
    assert_eq!(answers(&server, 1).await, [StatusCode::OK, StatusCode::FORBIDDEN]);
    // Before the promotion, and after it.
    let server = server.restart(tokens(AUTH_TOKEN, Some(NEXT))).await;
    assert_eq!(answers(&server, 3).await, BOTH);
    let server = server.restart(tokens(NEXT, Some(AUTH_TOKEN))).await;
    assert_eq!(answers(&server, 5).await, BOTH);
    // A stream is signed with the token that its webhook was signed with.
    for (n, token, other) in [(7, AUTH_TOKEN, NEXT), (8, NEXT, AUTH_TOKEN)] {
        let (_, twiml) = ring(&server, n, token).await;
        let part = |before: &str| {
            let (_, rest) = twiml.split_once(before).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        let (url, grant) = (part("url=\""), part("name=\"grant\" value=\""));
        let grant: StreamGrant = server.verifier.verify(&grant, OffsetDateTime::now_utc()).unwrap();
        assert!(grant.signatures.matches(&sign(token, &url, &[])));
        assert!(!grant.signatures.matches(&sign(other, &url, &[])));
    }
    let server = server.restart(tokens(NEXT, None)).await;
    assert_eq!(answers(&server, 9).await, [StatusCode::FORBIDDEN, StatusCode::OK]);
}

pub(crate) fn key(n: u8) -> SecretKey {
    // 32 bytes whose first is 0 and whose others are n.
    use base64::Engine as _;
    let mut bytes = [n; 32];
    bytes[0] = 0;
    base64::engine::general_purpose::STANDARD.encode(bytes).parse().unwrap()
}

#[tokio::test]
async fn a_new_key_takes_over_what_an_old_one_sealed() {
    // The account is there from the first start, and no later one says its token again.
    let no_bootstrap = |config: &mut Config| config.bootstrap = None;
    let server = Server::start().await;
    let with = |new: u8, old: Vec<u8>| {
        move |config: &mut Config| {
            no_bootstrap(config);
            config.secrets_key = Some(key(new));
            config.secrets_old_keys = old.into_iter().map(key).collect();
        }
    };
    // From the data directory's key to one of the environment, from that to the next, and without the old one.
    let mut server = server.restart(with(1, vec![])).await;
    for (n, change) in
        [with(2, vec![1]), with(2, vec![]), with(3, vec![1, 2]), with(3, vec![])].into_iter().enumerate()
    {
        assert_eq!(ring(&server, n as u32, AUTH_TOKEN).await.0, StatusCode::OK, "restart {n}");
        server = server.restart(change).await;
    }
    assert_eq!(ring(&server, 10, AUTH_TOKEN).await.0, StatusCode::OK);
    // With none of its keys the server starts, and says of the account's webhooks that it is at fault.
    let server = server.restart(with(9, vec![1, 2])).await;
    assert_eq!(ring(&server, 11, AUTH_TOKEN).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    let person = server.login(1).await;
    let calls = server.send(&person, Method::GET, "/api/calls", None).await;
    assert_eq!(calls.status(), StatusCode::OK, "all else goes on");
    let server = server.restart(with(9, vec![3])).await;
    assert_eq!(ring(&server, 12, AUTH_TOKEN).await.0, StatusCode::OK, "and comes back with the key");
}
