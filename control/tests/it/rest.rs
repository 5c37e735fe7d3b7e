//! The client of Twilio's REST API against a stand-in with real calls on it, over HTTP.

use std::time::Duration;

use common::AccountSid;
use control::Dependencies;
use control::rest::{
    CallChange, CallFilter, NewRecording, NewStream, RecordingChange, RestAccount, RestClient, RestConfig,
    RestError,
};
use loadtest::twilio::{Account, Call, CallSpec, Exchange, Fault, StreamEnd, dial};
use prometheus::Registry;
use tokio::net::TcpListener;

use crate::twiml_page::Page;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const STAY: &str = "<Response><Say>Hello</Say><Pause length=\"600\"/></Response>";

fn sid() -> AccountSid {
    "AC0123456789abcdef0123456789abcdef".parse().unwrap()
}

/// A stand-in, a client of it, and a page that answers calls.
struct Lab {
    exchange: Exchange,
    client: RestClient,
    registry: Registry,
    account: RestAccount,
    page: Page,
}

impl Lab {
    async fn new(change: impl FnOnce(&mut RestConfig)) -> Self {
        let known = Account { sid: sid(), auth_token: TOKEN.to_owned() };
        let exchange = Exchange::start(vec![known]).await.unwrap();
        let (client, registry) = client(exchange.url(), change);
        let account = RestAccount { sid: sid(), auth_tokens: vec![TOKEN.to_owned()] };
        Self { exchange, client, registry, account, page: Page::start(STAY).await }
    }

    /// A call that has been answered.
    async fn call(&self) -> Call {
        let account = Account { sid: sid(), auth_token: TOKEN.to_owned() };
        let call = dial(CallSpec::new(account, self.page.url()).at(&self.exchange));
        self.until(&call, "in-progress").await;
        call
    }

    /// Asks until the call has this status. A test that waits for ever is ended by the test runner.
    async fn until(&self, call: &Call, status: &str) -> control::rest::TwilioCall {
        loop {
            let known = self.client.call_fetch(&self.account, call.call_sid()).await.unwrap();
            if known.status == status {
                return known;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn value(&self, name: &str, label: &str) -> f64 {
        value(&self.registry, name, label)
    }
}

/// Without waits that a test would have to sit through.
fn client(base: &str, change: impl FnOnce(&mut RestConfig)) -> (RestClient, Registry) {
    let registry = Registry::new();
    let mut config = RestConfig {
        base_url: base.to_owned(),
        backoff: Duration::from_millis(1),
        failures: 1000,
        ..RestConfig::default()
    };
    change(&mut config);
    let client = RestClient::new(config, &Dependencies::register(&registry).unwrap()).unwrap();
    (client, registry)
}

/// The value of a gauge or counter, or the count of a histogram, of the series with this label.
fn value(registry: &Registry, name: &str, label: &str) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name).expect("registered");
    let has =
        |metric: &&prometheus::proto::Metric| metric.get_label().iter().any(|pair| pair.value() == label);
    let of = |metric: &prometheus::proto::Metric| {
        metric.get_gauge().get_value()
            + metric.get_counter().get_value()
            + metric.get_histogram().get_sample_count() as f64
    };
    family.get_metric().iter().filter(has).map(of).sum()
}

#[tokio::test]
async fn a_call_is_fetched_sent_elsewhere_and_hung_up() {
    let lab = Lab::new(|_| {}).await;
    let call = lab.call().await;
    let known = lab.client.call_fetch(&lab.account, call.call_sid()).await.unwrap();
    assert_eq!((known.sid, known.account_sid, known.parent_call_sid), (call.call_sid(), sid(), None));
    assert!(known.start_time.is_some() && known.end_time.is_none() && known.duration.is_none());

    let elsewhere = CallChange::Url(lab.page.at("/again"));
    lab.client.call_update(&lab.account, call.call_sid(), &elsewhere).await.unwrap();
    let here = CallChange::Twiml("<Response><Pause length=\"599\"/></Response>".to_owned());
    lab.client.call_update(&lab.account, call.call_sid(), &here).await.unwrap();
    lab.client.call_update(&lab.account, call.call_sid(), &CallChange::Complete).await.unwrap();
    let over = lab.until(&call, "completed").await;
    assert!(over.end_time >= over.start_time && over.duration.is_some());
    let refused = lab.client.call_update(&lab.account, call.call_sid(), &CallChange::Complete).await;
    assert!(matches!(refused, Err(RestError::Refused { status: 400, code: 21220 })), "{refused:?}");

    let report = call.finished().await;
    assert!(report.twiml.iter().any(|twiml| twiml.contains("599")), "{report:?}");
}

#[tokio::test]
async fn a_list_is_read_over_its_pages() {
    let lab = Lab::new(|_| {}).await;
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.push(lab.call().await);
    }
    calls[1].hang_up();
    lab.until(&calls[1], "completed").await;
    let all = lab.client.call_list(&lab.account, &CallFilter::default(), 10).await.unwrap();
    let newest: Vec<_> = calls.iter().rev().map(Call::call_sid).collect();
    assert_eq!(all.iter().map(|call| call.sid).collect::<Vec<_>>(), newest);
    let going = CallFilter { status: Some("in-progress".to_owned()), ..CallFilter::default() };
    let going = lab.client.call_list(&lab.account, &going, 10).await.unwrap();
    assert_eq!(going.iter().map(|call| call.sid).collect::<Vec<_>>(), [newest[0], newest[2]]);
    let two = lab.client.call_list(&lab.account, &CallFilter::default(), 2).await.unwrap();
    assert_eq!(two.len(), 2);

    // Twilio says where the next page is, and it is asked for there: a smaller page has one.
    let path = format!("{}/2010-04-01/Accounts/{}/Calls.json?PageSize=2", lab.exchange.url(), sid());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |url: String| {
        let answer = http.get(url).basic_auth(sid(), Some(TOKEN)).send().await.unwrap();
        answer.json::<serde_json::Value>().await.unwrap()
    };
    let first = ask(path).await;
    assert_eq!((first["calls"].as_array().unwrap().len(), &first["page"]), (2, &0.into()));
    let next = first["next_page_uri"].as_str().unwrap();
    assert!(next.contains("Page=1") && next.contains("PageToken="), "{next}");
    let second = ask(format!("{}{next}", lab.exchange.url())).await;
    assert_eq!(second["calls"][0]["sid"], newest[2].as_str());
    assert_eq!(second["next_page_uri"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_stream_is_opened_on_a_live_call_and_stopped() {
    let lab = Lab::new(|_| {}).await;
    let call = lab.call().await;
    let stream = NewStream {
        url: "ws://127.0.0.1:9/nobody",
        name: "again",
        status_callback: "http://127.0.0.1:9/stream",
        parameters: &[("grant", "abc"), ("more", "d e")],
    };
    let opened = lab.client.stream_create(&lab.account, call.call_sid(), &stream).await.unwrap();
    assert_eq!((opened.status.as_str(), opened.name.as_deref()), ("in-progress", Some("again")));
    let asked = lab.exchange.requests();
    let asked = asked.iter().find(|request| request.path.ends_with("Streams.json")).unwrap();
    assert_eq!((asked.get("Track"), asked.get("Parameter2.Value")), (Some("both_tracks"), Some("d e")));
    let stopped = lab.client.stream_stop(&lab.account, call.call_sid(), opened.sid).await.unwrap();
    assert_eq!(stopped.status, "stopped");

    let bad = NewStream { url: "https://no.socket/", ..stream };
    let refused = lab.client.stream_create(&lab.account, call.call_sid(), &bad).await;
    assert!(matches!(refused, Err(RestError::Refused { status: 400, code: 31922 })), "{refused:?}");
    call.hang_up();
    let report = call.finished().await;
    assert_eq!(report.streams[0].stream_sid, opened.sid);
    assert_eq!(report.streams[0].end, StreamEnd::NotOpened, "nobody listens on port 9");
}

#[tokio::test]
async fn a_recording_is_begun_ended_told_of_and_deleted_once_and_twice() {
    let lab = Lab::new(|_| {}).await;
    let call = lab.call().await;
    let callback = lab.page.at("/recording");
    let new = NewRecording { status_callback: &callback };
    let begun = lab.client.recording_start(&lab.account, call.call_sid(), &new).await.unwrap();
    assert_eq!((begun.status.as_str(), begun.channels, begun.duration), ("in-progress", Some(2), None));
    for (change, status) in [(RecordingChange::Pause, "paused"), (RecordingChange::Resume, "in-progress")] {
        let known = lab.client.recording_update(&lab.account, call.call_sid(), begun.sid, change).await;
        assert_eq!(known.unwrap().status, status);
    }
    call.hang_up();
    call.finished().await;
    let over = lab.client.recording_fetch(&lab.account, begun.sid).await.unwrap();
    assert_eq!((over.status.as_str(), over.duration.is_some()), ("completed", true));
    lab.page.until("/recording", "RecordingStatus=completed").await;

    for _ in 0..2 {
        lab.client.recording_delete(&lab.account, begun.sid).await.unwrap();
    }
    let gone = lab.client.recording_fetch(&lab.account, begun.sid).await;
    assert!(matches!(gone, Err(RestError::NotFound)), "{gone:?}");
}

#[tokio::test]
async fn another_accounts_calls_are_not_there_and_a_wrong_token_is_said() {
    let lab = Lab::new(|_| {}).await;
    let call = lab.call().await;
    let fetch = async |sid: AccountSid, tokens: &[&str]| {
        let auth_tokens = tokens.iter().map(|&token| token.to_owned()).collect();
        lab.client.call_fetch(&RestAccount { sid, auth_tokens }, call.call_sid()).await
    };
    assert!(matches!(fetch(sid(), &["wrong"]).await, Err(RestError::Unauthorized)));
    assert!(matches!(fetch(sid(), &[]).await, Err(RestError::Unauthorized)));
    let stranger = "AC99999999999999999999999999999999".parse().unwrap();
    assert!(matches!(fetch(stranger, &[TOKEN]).await, Err(RestError::Unauthorized)));
    // While it is being rotated, either may be the good one.
    assert_eq!(fetch(sid(), &["wrong", TOKEN]).await.unwrap().sid, call.call_sid());
    lab.exchange.forget(call.call_sid());
    assert!(matches!(fetch(sid(), &[TOKEN]).await, Err(RestError::NotFound)));
    assert_eq!(lab.value("partyline_dependency_up", "twilio_api"), 1.0, "it answered, whatever it said");
}

#[tokio::test]
async fn what_passes_is_tried_again_where_that_does_no_harm() {
    let lab = Lab::new(|_| {}).await;
    let call = lab.call().await;
    let (too_many, broken) = (
        Fault::Status { status: 429, retry_after: Some(0) },
        Fault::Status { status: 503, retry_after: None },
    );
    let tries = async |faults: &[Fault], what: &CallChange| {
        let before = lab.exchange.requests().len();
        lab.exchange.fail_next(faults.iter().copied());
        let done = lab.client.call_update(&lab.account, call.call_sid(), what).await;
        (done, lab.exchange.requests().len() - before)
    };
    let document = CallChange::Twiml(STAY.to_owned());

    // Not carried out, so anything may be tried again.
    let (done, made) = tries(&[too_many; 3], &document).await;
    assert!(done.is_ok() && made == 4, "{done:?} {made}");
    let (done, made) = tries(&[too_many; 4], &document).await;
    assert!(matches!(done, Err(RestError::TooMany)) && made == 4, "{done:?} {made}");
    // Longer than anybody waits.
    let (done, made) = tries(&[Fault::Status { status: 429, retry_after: Some(3600) }], &document).await;
    assert!(matches!(done, Err(RestError::TooMany)) && made == 1, "{done:?} {made}");
    // It may have been carried out: not again.
    for fault in [broken, Fault::HangUp, Fault::LoseAnswer] {
        let (done, made) = tries(&[fault], &document).await;
        assert!(matches!(done, Err(RestError::Unavailable(_))) && made == 1, "{fault:?}: {done:?} {made}");
    }
    // Twice is the same as once.
    for fault in [broken, Fault::HangUp] {
        let before = lab.exchange.requests().len();
        lab.exchange.fail_next([fault; 3]);
        lab.client.call_fetch(&lab.account, call.call_sid()).await.unwrap();
        assert_eq!(lab.exchange.requests().len() - before, 4, "{fault:?}");
    }
    lab.exchange.fail_next([Fault::Garbage]);
    let odd = lab.client.call_fetch(&lab.account, call.call_sid()).await;
    assert!(matches!(odd, Err(RestError::Protocol(_))), "{odd:?}");

    for (kind, count) in [("429", 8.0), ("5xx", 4.0), ("refused", 5.0), ("protocol", 1.0), ("timeout", 0.0)] {
        assert_eq!(lab.value("partyline_dependency_errors_total", kind), count, "{kind}");
    }
    assert!(lab.value("partyline_dependency_request_seconds", "call_fetch") > 8.0);
}

#[tokio::test]
async fn a_host_that_fails_is_left_alone_and_comes_back_by_itself() {
    let rest = Duration::from_millis(300);
    let lab = Lab::new(|config| {
        (config.failures, config.rest, config.tries) = (3, rest, 1);
        config.answer = Duration::from_millis(500);
    })
    .await;
    let call = lab.call().await;
    let fetch = async || lab.client.call_fetch(&lab.account, call.call_sid()).await;
    let state = || lab.value("partyline_circuit_state", "twilio_api");

    lab.exchange.fail(Some(Fault::Slow(Duration::from_secs(60))));
    assert!(matches!(fetch().await, Err(RestError::Unavailable(Some(_)))));
    assert_eq!((lab.value("partyline_dependency_errors_total", "timeout"), state()), (1.0, 0.0));
    lab.exchange.fail(Some(Fault::HangUp));
    for _ in 0..2 {
        assert!(fetch().await.is_err());
    }
    assert_eq!((state(), lab.value("partyline_dependency_up", "twilio_api")), (2.0, 0.0));
    let asked = lab.exchange.requests().len();
    let left_alone = fetch().await.unwrap_err();
    assert!(
        matches!(left_alone, RestError::Open(wait) if wait <= rest) && left_alone.passes(),
        "{left_alone:?}"
    );
    assert_eq!(lab.exchange.requests().len(), asked, "nobody knocks meanwhile");

    lab.exchange.fail(None);
    while fetch().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((state(), lab.value("partyline_dependency_up", "twilio_api")), (0.0, 1.0));
}

#[tokio::test]
async fn nobody_there_is_said_after_the_tries() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (client, registry) = client(&format!("http://{free}/"), |config| config.tries = 3);
    let account = RestAccount { sid: sid(), auth_tokens: vec![TOKEN.to_owned()] };
    let call = "CA0123456789abcdef0123456789abcdef".parse().unwrap();
    // Without a connection nothing was asked, so even this may be tried again.
    let document = CallChange::Twiml(STAY.to_owned());
    let done = client.call_update(&account, call, &document).await.unwrap_err();
    assert!(matches!(&done, RestError::Unavailable(Some(error)) if error.is_connect()), "{done:?}");
    assert!(!format!("{done:?}").contains(call.as_str()), "a log must not have the ids of a tenant's calls");
    assert_eq!(value(&registry, "partyline_dependency_errors_total", "refused"), 3.0);
}

#[test]
fn a_base_that_is_none_is_refused() {
    for bad in ["", "api.twilio.com", "ftp://x", "https://user@x", "https://x/?a=1", "https://x/#a"] {
        let dependencies = Dependencies::register(&Registry::new()).unwrap();
        let config = RestConfig { base_url: bad.to_owned(), ..RestConfig::default() };
        assert!(RestClient::new(config, &dependencies).is_err(), "{bad}");
    }
}
