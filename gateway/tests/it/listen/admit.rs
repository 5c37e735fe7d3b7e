//! Who is let in when a gateway has its hands full, and what is heard then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::hub::LiveCall;
use gateway::listen::Pcmu;

use super::server::{OFFER, Reply, Server, reply};
use crate::server::PATIENCE;

const OPUS: &str = "a=rtpmap:111 opus/48000/2";
const PCMU: &str = "a=rtpmap:0 PCMU/8000";

#[tokio::test]
async fn who_offers_both_hears_opus_and_who_prefers_mu_law_hears_that() {
    let server = Server::start().await;
    let call = server.call();
    hears(&join(&server, &call, OFFER).await, OPUS);
    let phone_first = OFFER.replace("SAVPF 111 63 9 0", "SAVPF 0 111 63 9");
    hears(&join(&server, &call, &phone_first).await, PCMU);
    let phone_only = OFFER.replace("SAVPF 111 63 9 0 8 13 110 126", "SAVPF 0");
    hears(&join(&server, &call, &phone_only).await, PCMU);
    assert_eq!((answers(&server, "default"), answers(&server, "asked")), (1.0, 2.0));
}

#[tokio::test]
async fn mu_law_can_be_off_and_can_be_all_there_is() {
    let off = Server::start_with(|config| config.listen.pcmu = Pcmu::Off).await;
    let call = off.call();
    let phone_first = OFFER.replace("SAVPF 111 63 9 0", "SAVPF 0 111 63 9");
    hears(&join(&off, &call, &phone_first).await, OPUS);
    let phone_only = OFFER.replace("SAVPF 111 63 9 0 8 13 110 126", "SAVPF 0");
    let refused = join(&off, &call, &phone_only).await;
    assert_eq!((refused.status, refused.code.as_str()), (422, "unsupported_sdp"));

    let always = Server::start_with(|config| config.listen.pcmu = Pcmu::Always).await;
    let call = always.call();
    hears(&join(&always, &call, OFFER).await, PCMU);
    let opus_only = OFFER.replace("SAVPF 111 63 9 0 8 13 110 126", "SAVPF 111");
    hears(&join(&always, &call, &opus_only).await, OPUS);
}

#[tokio::test]
async fn a_gateway_that_has_its_listeners_says_so_and_when_to_come_again() {
    let server = Server::start_with(|config| config.listen.sessions = 2).await;
    let call = server.call();
    assert_eq!(join(&server, &call, OFFER).await.status, 201);
    wait(&server, 0.5).await;
    assert_eq!(join(&server, &call, OFFER).await.status, 201);
    over_capacity(&join(&server, &call, OFFER).await);
    wait(&server, 1.0).await;
    let part = server.metric("partyline_admission_budget_ratio", &[("budget", "listeners")]);
    assert_eq!(part, 1.0);
}

async fn join(server: &Server, call: &Arc<LiveCall>, offer: &str) -> Reply {
    reply(server.post(&server.grant(call)).body(offer.to_owned())).await
}

fn hears(reply: &Reply, map: &str) {
    let maps = || reply.body.lines().filter(|line| line.starts_with("a=rtpmap"));
    assert!(reply.status == 201 && maps().eq([map]), "{map}: {reply:?}");
}

fn over_capacity(reply: &Reply) {
    assert_eq!((reply.status, reply.code.as_str()), (503, "over_capacity"), "{reply:?}");
    let again: u16 = reply.headers["retry-after"].parse().unwrap();
    assert!((5..=15).contains(&again), "in {again} s");
}

fn answers(server: &Server, reason: &str) -> f64 {
    server.metric("partyline_whep_answers_total", &[("reason", reason)])
}

/// Waits until the gateway says that so much of it is taken.
async fn wait(server: &Server, utilization: f64) {
    let began = Instant::now();
    while server.metric("partyline_admission_utilization_ratio", &[]) < utilization {
        assert!(began.elapsed() < PATIENCE, "it does not say {utilization}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
