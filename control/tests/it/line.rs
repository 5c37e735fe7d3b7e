//! A call's line: held, ended, put through, and keys on it.

use common::bus::NodeCommand;
use common::{CallId, CallSid};
use loadtest::twilio::{Account, Call, CallSpec, Exchange, Fault, dial};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::messages::end;
use super::modes::{entries, events, ring_agent};
use super::server::{AUTH_TOKEN, Person, Server, account, call_sid, code, dials};
use super::sessions::{alive, command};
use crate::twiml_page::Page;

const STAY: &str = "<Response><Say>Hello</Say><Pause length=\"600\"/></Response>";

#[tokio::test]
async fn a_caller_is_held_and_the_gateway_told_until_it_must_have_heard() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    let path = format!("/api/calls/{call}/hold");
    let mut commands = server.bus.commands.subscribe();
    for held in [true, false] {
        for _ in 0..2 {
            let response = server.send(&admin, Method::POST, &path, Some(json!({ "held": held }))).await;
            assert_eq!(response.json::<Value>().await.unwrap(), json!({ "held": held }));
            assert_eq!(command(&mut commands).await, NodeCommand::Hold { call, held });
        }
        assert_eq!(server.get(&admin, &format!("/api/calls/{call}")).await["held"], held);
        server.bus.events.publish(alive(&server, &[call], &[]));
        assert_eq!(command(&mut commands).await, NodeCommand::Hold { call, held });
    }
    let told = events(&server, &admin, call, "call.updated").await;
    assert_eq!(told.len(), 2, "once each");
    assert_eq!(entries(&server, &admin, "call.held").await.len(), 2);
}

#[tokio::test]
async fn keys_are_sent_and_not_kept() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = ring_agent(&server, &admin, 1, json!({})).await;
    let path = format!("/api/calls/{call}/dtmf");
    let mut commands = server.bus.commands.subscribe();
    let digits = "4111w2#*ABCD".to_owned();
    let sent = server.send(&admin, Method::POST, &path, Some(json!({ "digits": digits }))).await;
    assert_eq!(sent.status(), StatusCode::ACCEPTED);
    assert_eq!(command(&mut commands).await, NodeCommand::SendDtmf { call, digits });
    assert_eq!(entries(&server, &admin, "keys.sent").await[0]["data"], json!({ "count": 12 }));
    for bad in [json!(""), json!("x"), json!("1 2"), json!("a"), json!("1".repeat(33)), json!(1), Value::Null]
    {
        let response = server.send(&admin, Method::POST, &path, Some(json!({ "digits": bad }))).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
}

#[tokio::test]
async fn a_call_is_ended_by_twilio() {
    let lab = Lab::new().await;
    let (at_twilio, call) = lab.call(1).await;
    let ended = lab.post(call, "end", json!(null)).await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    at_twilio.finished().await;
    end(&lab.server, 1, 1).await;
    let over = lab.server.get(&lab.admin, &format!("/api/calls/{call}")).await;
    assert_eq!(over["status"], "completed");
    assert_eq!(lab.asked(call_sid(1)), [vec![("Status".to_owned(), "completed".to_owned())]]);
    assert_eq!(lab.post(call, "end", json!(null)).await.status(), StatusCode::NO_CONTENT, "it is over");
    assert_eq!(lab.asked(call_sid(1)).len(), 1);
    assert_eq!(entries(&lab.server, &lab.admin, "call.ended").await.len(), 1);
}

#[tokio::test]
async fn twilios_faults_are_named() {
    let lab = Lab::new().await;
    let (at_twilio, call) = lab.call(1).await;
    for (fault, expected, comes_again) in [
        (Fault::Status { status: 500, retry_after: None }, "twilio_unavailable", true),
        (Fault::Status { status: 429, retry_after: None }, "twilio_unavailable", true),
        (Fault::Status { status: 403, retry_after: None }, "twilio_refused", false),
        (Fault::Status { status: 401, retry_after: None }, "twilio_refused", false),
    ] {
        for (what, body) in [("end", json!(null)), ("transfer", json!({ "to": "+15550177", "kind": "cold" }))]
        {
            lab.exchange.fail(Some(fault));
            let response = lab.post(call, what, body).await;
            assert_eq!(response.status(), StatusCode::BAD_GATEWAY, "{what} {fault:?}");
            assert_eq!(response.headers().contains_key("retry-after"), comes_again);
            assert_eq!(code(response).await, expected, "{what} {fault:?}");
        }
    }
    lab.exchange.fail(None);
    assert_eq!(lab.server.get(&lab.admin, &format!("/api/calls/{call}")).await["status"], "in_progress");
    assert_eq!(lab.server.get(&lab.admin, &format!("/api/calls/{call}")).await["route"], "agent");
    // Twilio knows that it is over before we do.
    at_twilio.hang_up();
    at_twilio.finished().await;
    let late = lab.post(call, "transfer", json!({ "to": "+15550177", "kind": "cold" })).await;
    assert_eq!(code(late).await, "call_not_live");
    assert_eq!(lab.post(call, "end", json!(null)).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_caller_is_put_through_and_heard_on() {
    let lab = Lab::new().await;
    let (_at_twilio, call) = lab.call(1).await;
    let to = json!({ "to": "+15550177", "kind": "cold" });
    let response = lab.post(call, "transfer", to).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let asked = lab.asked(call_sid(1));
    let (name, twiml) = &asked[0][0];
    assert_eq!(name, "Twiml");
    assert!(
        twiml.contains("<Response><Start><Stream ") && twiml.contains("track=\"both_tracks\""),
        "{twiml}"
    );
    assert!(twiml.ends_with(&dials("+15550177")), "{twiml}");
    assert!(twiml.len() <= control::rest::MAX_TWIML, "{}", twiml.len());
    assert_eq!(lab.server.ticket(twiml).call, call);
    let record = lab.server.get(&lab.admin, &format!("/api/calls/{call}")).await;
    assert_eq!((&record["route"], &record["rings"]), (&json!("monitor"), &json!(false)));
    assert_eq!(code(lab.post(call, "say", json!({ "text": "x" })).await).await, "call_cannot_be_joined");
    // Its stream goes on by itself now.
    lab.post(call, "transfer", json!({ "to": "+15550178", "kind": "cold" })).await;
    let again = &lab.asked(call_sid(1))[1][0].1;
    assert!(again.ends_with(&format!("<Response>{}", dials("+15550178"))), "{again}");
    for bad in [
        json!({ "to": "15550177", "kind": "cold" }),
        json!({ "to": "sip:a@b", "kind": "cold" }),
        json!({ "to": "+15550177", "kind": "lukewarm" }),
        json!({ "to": "+15550177" }),
    ] {
        let response = lab.post(call, "transfer", bad.clone()).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
}

/// A server that asks a stand-in, and a page for the stand-in's calls.
pub(crate) struct Lab {
    pub(crate) server: Server,
    pub(crate) exchange: Exchange,
    pub(crate) admin: Person,
    page: Page,
}

impl Lab {
    pub(crate) async fn new() -> Self {
        let known = Account { sid: account(1), auth_token: AUTH_TOKEN.to_owned() };
        let exchange = Exchange::start(vec![known]).await.unwrap();
        let server = Server::start_with(|config| {
            config.twilio_api.base_url = exchange.url().to_owned();
            // Every fault is seen, and none ends the trying of what comes after it.
            config.twilio_api.failures = 1000;
            // Twilio's streams go nowhere: the bus is the gateway here.
            config.gateway_public_url = "http://127.0.0.1:9".to_owned();
            config.timings.tick = std::time::Duration::from_millis(20);
        })
        .await;
        let admin = server.login(1).await;
        Self { server, exchange, admin, page: Page::start(STAY).await }
    }

    /// A call with the route `agent` that goes on at Twilio and here.
    pub(crate) async fn call(&self, n: u32) -> (Call, CallId) {
        self.call_with(n, json!({})).await
    }

    /// The same, of a number with these settings.
    pub(crate) async fn call_with(&self, n: u32, settings: Value) -> (Call, CallId) {
        let known = Account { sid: account(1), auth_token: AUTH_TOKEN.to_owned() };
        let spec = CallSpec { call_sid: Some(call_sid(n)), ..CallSpec::new(known, self.page.url()) };
        let call = dial(spec.at(&self.exchange));
        let api =
            format!("{}/2010-04-01/Accounts/{}/Calls/{}.json", self.exchange.url(), account(1), call_sid(n));
        loop {
            let known =
                self.server.http.get(&api).basic_auth(account(1), Some(AUTH_TOKEN)).send().await.unwrap();
            if known.json::<Value>().await.unwrap()["status"] == "in-progress" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        (call, ring_agent(&self.server, &self.admin, n, settings).await)
    }

    async fn post(&self, call: CallId, what: &str, body: Value) -> Response {
        let body = Some(body).filter(|body| !body.is_null());
        self.server.send(&self.admin, Method::POST, &format!("/api/calls/{call}/{what}"), body).await
    }

    /// What Twilio was asked to do with a call, in order.
    pub(crate) fn asked(&self, call: CallSid) -> Vec<Vec<(String, String)>> {
        let path = format!("Calls/{call}.json");
        let requests = self.exchange.requests();
        let changes = requests.iter().filter(|request| request.path == path && !request.fields.is_empty());
        changes.map(|request| request.fields.clone()).collect()
    }
}
