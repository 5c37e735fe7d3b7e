//! Who asks too often waits, and nobody else.

use std::num::NonZeroU32;

use control::RequestsPerMinute;
use reqwest::{Method, Response, StatusCode};

use super::keys::make_key;
use super::server::{Server, code};

#[tokio::test]
async fn a_tenants_burst_leaves_others_alone() {
    let server = server(RequestsPerMinute { tenant: some(40), ..RequestsPerMinute::default() }).await;
    let (ours, theirs) = (server.login(1).await, server.login(2).await);
    let mut refused = 0;
    for n in 0..60 {
        let mine = server.send(&ours, Method::GET, "/api/calls", None).await;
        if mine.status() == StatusCode::TOO_MANY_REQUESTS {
            refused += 1;
            assert_limited(mine, 2).await;
        }
        if n % 3 == 0 {
            server.get(&theirs, "/api/calls").await;
        }
    }
    // A token comes back each 1.5 s.
    assert!(refused > 0, "the burst is over the limit");
    assert_eq!(server.count("partyline_rate_limited_total", &[("scope", "tenant")]), refused);
    assert_eq!(server.count("partyline_rate_limited_total", &[("scope", "user")]), 0);
}

#[tokio::test]
async fn a_person_and_their_keys_share_a_limit_that_does_not_use_up_the_tenants() {
    let limits = RequestsPerMinute { user: some(4), tenant: some(60), ..RequestsPerMinute::default() };
    let server = server(limits).await;
    let admin = server.login(1).await;
    let viewer = server.hire(&admin, "viewer").await;
    let key = make_key(&server, &admin, &["calls:read"]).await;
    // Two are left, and another each 15 s.
    let mut refused = [0, 0];
    for _ in 0..10 {
        for (n, token) in [&key, &admin.token].into_iter().enumerate() {
            let answer = server.request(Method::GET, "/api/calls").bearer_auth(token).send().await.unwrap();
            if answer.status() == StatusCode::TOO_MANY_REQUESTS {
                refused[n] += 1;
                assert_limited(answer, 15).await;
            }
        }
    }
    assert!(refused[0] > 0 && refused[1] > 0, "{refused:?}");
    server.get(&viewer, "/api/calls").await;
}

#[tokio::test]
async fn an_address_waits_whoever_it_is_and_webhooks_do_not_count() {
    let server = server(RequestsPerMinute { address: some(20), ..RequestsPerMinute::default() }).await;
    let from = |address: &str, path: &str| {
        server.request(Method::GET, path).header("x-forwarded-for", address).send()
    };
    let mut refused = 0;
    for _ in 0..40 {
        let answer = from("203.0.113.5", "/api/me").await.unwrap();
        match answer.status() {
            StatusCode::TOO_MANY_REQUESTS => {
                refused += 1;
                assert_limited(answer, 3).await;
            }
            status => assert_eq!(status, StatusCode::UNAUTHORIZED),
        }
    }
    assert!(refused > 0);
    assert_eq!(server.count("partyline_rate_limited_total", &[("scope", "address")]), refused);
    assert_eq!(from("203.0.113.6", "/api/me").await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_ne!(from("203.0.113.5", "/").await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS, "a page");
    for n in 1..=30 {
        server.ring(1, n).await;
    }
}

async fn server(limits: RequestsPerMinute) -> Server {
    let server = Server::start_with_two_tenants().await;
    server.restart(|config| config.requests_per_minute = limits).await
}

fn some(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

async fn assert_limited(response: Response, at_most: u64) {
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=at_most).contains(&wait), "{wait}");
    assert_eq!(code(response).await, "rate_limited");
}
