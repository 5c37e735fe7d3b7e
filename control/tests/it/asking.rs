//! What becomes of a call that nobody speaks of: Twilio is asked.

use std::time::Duration;

use common::bus::{NodeEvent, StreamEnd};
use common::token::StreamGrant;
use common::{CallId, CallSid};
use control::{Config, Timings};
use loadtest::twilio::{Account, Call, CallSpec, Exchange, Fault, dial};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::server::{AUTH_TOKEN, Person, Server, account, call_sid, stream_sid};
use crate::twiml_page::Page;

const STAY: &str = "<Response><Say>Hello</Say><Pause length=\"600\"/></Response>";

/// A server that asks a stand-in, and a page for the stand-in's calls.
struct Lab {
    server: Server,
    exchange: Exchange,
    person: Person,
    page: Page,
}

impl Lab {
    async fn new(change: impl FnOnce(&mut Timings)) -> Self {
        let known = Account { sid: account(1), auth_token: AUTH_TOKEN.to_owned() };
        let exchange = Exchange::start(vec![known]).await.unwrap();
        let server = Server::start_with(|config| {
            config.twilio_api.base_url = exchange.url().to_owned();
            // Twilio's streams go nowhere: the bus is the gateway here.
            config.gateway_public_url = "http://127.0.0.1:9".to_owned();
            config.timings = eager(config);
            change(&mut config.timings);
        })
        .await;
        let person = server.login(1).await;
        Self { server, exchange, person, page: Page::start(STAY).await }
    }

    /// A call that goes on at Twilio, and whose voice webhook has come.
    async fn call(&self, n: u32) -> (Call, CallId) {
        let known = Account { sid: account(1), auth_token: AUTH_TOKEN.to_owned() };
        let spec = CallSpec { call_sid: Some(call_sid(n)), ..CallSpec::new(known, self.page.url()) };
        let call = dial(spec.at(&self.exchange));
        let ticket = self.server.ticket(&self.server.ring(1, n).await);
        (call, ticket.call)
    }

    /// Waits until Twilio has been asked for this call so many times.
    async fn until_asked(&self, call: CallSid, times: usize) {
        let path = format!("Calls/{call}.json");
        let asked = || self.exchange.requests().iter().filter(|request| request.path == path).count();
        while asked() < times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn history(&self, call: CallId) -> Vec<Value> {
        let history = self.server.get(&self.person, &format!("/api/calls/{call}/events")).await;
        let events = history["events"].as_array().unwrap().clone();
        let numbers: Vec<i64> = events.iter().map(|event| event["seq"].as_i64().unwrap()).collect();
        assert_eq!(numbers, (1..=events.len() as i64).collect::<Vec<_>>(), "without holes");
        events
    }

    fn lose_stream(&self, call: CallId, n: u32) {
        self.server.bus.events.publish(NodeEvent::StreamEnded {
            node: self.server.node,
            tenant: self.person.tenant,
            call,
            stream: stream_sid(n),
            reason: StreamEnd::Lost,
        });
    }
}

/// Asks soon, and gives nothing up.
fn eager(config: &Config) -> Timings {
    Timings {
        absence: Duration::ZERO,
        node_silence: Duration::from_secs(3600),
        call_silence: Duration::from_millis(100),
        call_given_up: Duration::from_secs(3600),
        stream_wait: Duration::from_millis(20),
        stream_pause: Duration::from_millis(20),
        tick: Duration::from_millis(20),
        ..config.timings
    }
}

#[tokio::test]
async fn a_call_nobody_speaks_of_gets_the_end_that_twilio_knows() {
    let lab = Lab::new(|_| {}).await;
    let (at_twilio, call) = lab.call(1).await;
    // While it goes on there, it goes on here.
    lab.until_asked(call_sid(1), 3).await;
    let path = format!("/api/calls/{call}");
    let open = lab.server.until(&lab.person, &path, |call| call["status"] == "in_progress").await;
    assert_eq!(open["ended_at"], Value::Null);

    at_twilio.hang_up();
    let report = at_twilio.finished().await;
    let over = lab.server.until(&lab.person, &path, |call| call["status"] == "completed").await;
    let seconds = report.duration_ms.div_ceil(1000);
    assert_eq!(over["duration_seconds"], seconds, "Twilio's own count");
    let last = lab.history(call).await.pop().unwrap();
    assert_eq!(last["type"], "call.ended");
    assert_eq!(last["data"], json!({ "twilio_status": "completed", "reason": "asked" }));
    assert_eq!(lab.server.count("partyline_reconciled_calls_total", &[("reason", "asked")]), 1);
    assert_eq!(lab.server.count("partyline_reconciled_calls_total", &[("reason", "no_word")]), 0);
}

#[tokio::test]
async fn while_twilio_is_away_nothing_is_guessed_and_then_it_is_asked_again() {
    let lab = Lab::new(|_| {}).await;
    let (at_twilio, call) = lab.call(1).await;
    lab.exchange.fail(Some(Fault::HangUp));
    at_twilio.hang_up();
    at_twilio.finished().await;
    lab.until_asked(call_sid(1), 2).await;
    let path = format!("/api/calls/{call}");
    assert_ne!(lab.server.get(&lab.person, &path).await["status"], "completed");
    lab.exchange.fail(None);
    lab.server.until(&lab.person, &path, |call| call["status"] == "completed").await;
    assert_eq!(lab.history(call).await.pop().unwrap()["data"]["reason"], "asked");
}

#[tokio::test]
async fn a_call_is_closed_when_twilio_is_away_for_too_long_or_never_heard_of_it() {
    let lab = Lab::new(|timings| timings.call_given_up = Duration::from_millis(300)).await;
    let (_here, unknown) = lab.call(1).await;
    lab.exchange.forget(call_sid(1));
    let closed = |call: &Value| call["status"] == "completed";
    lab.server.until(&lab.person, &format!("/api/calls/{unknown}"), closed).await;
    assert_eq!(lab.server.count("partyline_reconciled_calls_total", &[("reason", "unknown")]), 1);

    lab.exchange.fail(Some(Fault::Status { status: 500, retry_after: None }));
    let (_there, unasked) = lab.call(2).await;
    lab.server.until(&lab.person, &format!("/api/calls/{unasked}"), closed).await;
    assert_eq!(lab.server.count("partyline_reconciled_calls_total", &[("reason", "no_word")]), 1);
    assert_eq!(lab.history(unasked).await.pop().unwrap()["data"]["reason"], "reconciled");
}

#[tokio::test]
async fn a_broken_stream_is_asked_for_again_with_a_fresh_ticket_and_not_for_ever() {
    let lab = Lab::new(|timings| timings.call_silence = Duration::from_secs(3600)).await;
    let (at_twilio, _) = lab.call(1).await;
    let call = lab.server.ring_live(&lab.person, 1, 1).await;
    lab.lose_stream(call, 1);
    // No stream comes, so it is asked for another, and at last for no more.
    let given_up = || lab.server.count("partyline_stream_restarts_total", &[("result", "given_up")]);
    while given_up() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let asked = lab.exchange.requests();
    let asked: Vec<_> = asked.iter().filter(|request| request.path.ends_with("/Streams.json")).collect();
    assert_eq!(asked.len(), 6);
    assert_eq!(lab.server.count("partyline_stream_restarts_total", &[("result", "asked")]), 6);
    let mut tickets = Vec::new();
    for (n, request) in (1..).zip(&asked) {
        let url = request.get("Url").unwrap();
        assert!(url.starts_with("ws://127.0.0.1:9/twilio/media/"), "{url}");
        let ticket = lab.server.ticket(&format!("{url}\""));
        assert_eq!((ticket.call, ticket.call_sid, ticket.tenant), (call, call_sid(1), lab.person.tenant));
        let grant = request.get("Parameter1.Value").unwrap();
        let grant: StreamGrant = lab.server.verifier.verify(grant, OffsetDateTime::now_utc()).unwrap();
        assert_eq!((grant.ticket, request.get("Parameter1.Name")), (ticket.id, Some("grant")));
        assert_eq!(request.get("Name"), Some(format!("partyline-{n}").as_str()));
        assert_eq!(request.get("Track"), Some("both_tracks"));
        assert!(!tickets.contains(&ticket.id), "each is good once");
        tickets.push(ticket.id);
    }
    let restarts =
        lab.history(call).await.iter().filter(|event| event["data"]["restart"].is_number()).count();
    assert_eq!(restarts, 6);
    at_twilio.hang_up();
}

#[tokio::test]
async fn a_stream_that_came_is_not_asked_for_twice() {
    let lab = Lab::new(|timings| {
        timings.call_silence = Duration::from_secs(3600);
        timings.stream_wait = Duration::from_millis(200);
    })
    .await;
    let (at_twilio, _) = lab.call(1).await;
    let call = lab.server.ring_live(&lab.person, 1, 1).await;
    lab.lose_stream(call, 1);
    let streams = || {
        let requests = lab.exchange.requests();
        requests.iter().filter(|request| request.path.ends_with("/Streams.json")).count()
    };
    while streams() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let again = lab.server.ring_live(&lab.person, 1, 1).await;
    assert_eq!(again, call);
    // A slow machine may have asked twice by now, and never again.
    let asked = streams();
    tokio::time::sleep(3 * Duration::from_millis(200)).await;
    assert_eq!(streams(), asked);
    // A call without audio that ended in order is not asked for at all.
    lab.server.bus.events.publish(NodeEvent::StreamEnded {
        node: lab.server.node,
        tenant: lab.person.tenant,
        call,
        stream: stream_sid(1),
        reason: StreamEnd::Stopped,
    });
    let path = format!("/api/calls/{call}");
    lab.server.until(&lab.person, &path, |call| call["media"]["live"] == false).await;
    at_twilio.hang_up();
    at_twilio.finished().await;
    assert_eq!(streams(), asked);
}

#[tokio::test]
async fn a_broken_stream_of_a_call_that_is_over_ends_it_at_once() {
    let lab = Lab::new(|timings| timings.call_silence = Duration::from_secs(3600)).await;
    let (at_twilio, _) = lab.call(1).await;
    let call = lab.server.ring_live(&lab.person, 1, 1).await;
    at_twilio.hang_up();
    at_twilio.finished().await;
    lab.lose_stream(call, 1);
    let path = format!("/api/calls/{call}");
    lab.server.until(&lab.person, &path, |call| call["status"] == "completed").await;
    assert!(lab.exchange.requests().iter().all(|request| !request.path.ends_with("/Streams.json")));
}
