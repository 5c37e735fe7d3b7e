//! Reports of a call in any order, lost, repeated, late, with restarts between and with Twilio being asked: a record
//! ends once, stays ended, and its history has no hole.

use std::time::Duration;

use control::Config;
use loadtest::twilio::{Account, CallSpec, Exchange, dial};
use reqwest::StatusCode;
use serde_json::Value;

use super::server::{AUTH_TOKEN, Person, Server, account, call_sid};
use super::webhooks::status;
use crate::twiml_page::Page;

const STAY: &str = "<Response><Pause length=\"1\"/></Response>";

#[tokio::test]
async fn whatever_comes_and_goes_a_call_ends_once_and_its_history_is_whole() {
    let known = Account { sid: account(1), auth_token: AUTH_TOKEN.to_owned() };
    let exchange = Exchange::start(vec![known.clone()]).await.unwrap();
    let page = Page::start(STAY).await;
    let url = exchange.url().to_owned();
    let impatient = move |config: &mut Config| {
        config.twilio_api.base_url = url;
        config.timings.tick = Duration::from_millis(10);
        config.timings.call_silence = Duration::from_millis(50);
    };
    let mut server = Server::start_with(impatient.clone()).await;
    let mut person = server.login(1).await;
    for seed in 0..8_u64 {
        let mut random = fastrand::Rng::with_seed(seed);
        let n = 500 + seed as u32;
        // At Twilio it rang, was not answered, and is over.
        let spec = CallSpec { call_sid: Some(call_sid(n)), ..CallSpec::new(known.clone(), page.url()) };
        dial(spec.at(&exchange)).finished().await;

        let mut ended: Option<Value> = None;
        let mut steps: Vec<usize> = (0..5).chain((0..5).filter(|_| random.bool())).collect();
        random.shuffle(&mut steps);
        steps.truncate(steps.len() - random.usize(0..3));
        for step in steps {
            if random.u8(0..6) == 0 {
                server = server.restart(impatient.clone()).await;
                person = server.login(1).await;
            }
            if random.u8(0..3) == 0 {
                server.ring(1, n).await;
            }
            assert_eq!(status(&server, n, step).await, StatusCode::NO_CONTENT);
            check(&server, &person, n, &mut ended).await;
        }
        // Whatever was lost, Twilio knows.
        let path = format!("/api/calls/{}", call_sid(n));
        server.until(&person, &path, |call| call["ended_at"].is_string()).await;
        check(&server, &person, n, &mut ended).await;
        let history = server.get(&person, &format!("{path}/events")).await;
        let ends = history["events"].as_array().unwrap().iter().filter(|event| event["type"] == "call.ended");
        assert_eq!(ends.count(), 1, "seed {seed}: {history}");
    }
}

/// The history has no hole, and what has ended stays so.
async fn check(server: &Server, person: &Person, n: u32, ended: &mut Option<Value>) {
    let path = format!("/api/calls/{}", call_sid(n));
    let history = server.get(person, &format!("{path}/events")).await;
    let events = history["events"].as_array().unwrap();
    let numbers: Vec<i64> = events.iter().map(|event| event["seq"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=events.len() as i64).collect::<Vec<_>>());
    let call = server.get(person, &path).await;
    if let Some(ended) = ended {
        assert!(call["ended_at"].is_string(), "it was over: {ended}, and is {call}");
    }
    if call["ended_at"].is_string() {
        *ended = Some(call);
    }
}
