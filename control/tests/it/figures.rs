//! Figures of calls: whatever happened, they are what somebody finds who counts the calls themselves.

use std::collections::BTreeMap;

use common::bus::{NodeEvent, StreamEnd};
use fastrand::Rng;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::{Duration, OffsetDateTime};

use super::answering::hire_another;
use super::lists::{change, ring};
use super::modes::{ask, ring_agent};
use super::server::{PASSWORD, Person, Server, account, call_sid, code, stream_sid};
use super::webhooks::status;

/// Calls of the tenant.
const CALLS: u32 = 40;

#[tokio::test]
async fn figures_are_what_counting_finds_whatever_happens() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let seed = fastrand::u64(..);
    let mut rng = Rng::with_seed(seed);
    let now = OffsetDateTime::now_utc();
    assert_eq!(server.get(&person, "/api/calls/stats").await, naive_stats(&[], now));
    for round in 0..4 {
        for _ in 0..40 {
            step(&server, &person, &mut rng, now).await;
        }
        let calls = everything(&server, &person).await;
        let today = OffsetDateTime::now_utc();
        let stats = server.get(&person, "/api/calls/stats").await;
        assert_eq!(stats, naive_stats(&calls, today), "seed {seed}, round {round}");
        for (bucket, days) in [("day", 60), ("day", 3), ("hour", 20), ("hour", 1)] {
            let (from, to) = (today - Duration::days(days), today + Duration::hours(1));
            let (from, to) = (from.format(&Rfc3339).unwrap(), to.format(&Rfc3339).unwrap());
            let query = format!("/api/calls/analytics?bucket={bucket}&from={from}&to={to}");
            let figures = server.get(&person, &query).await;
            check(&figures, &calls, bucket, &format!("seed {seed}, round {round}, {query}"));
        }
    }
}

/// Something happens to some call.
async fn step(server: &Server, person: &Person, rng: &mut Rng, now: OffsetDateTime) {
    let call = rng.u32(..CALLS);
    match rng.u32(..10) {
        0..2 => ring(server, call, "+14155550111", "Anna").await,
        2..8 => {
            let (account, sid) = (account(1).to_string(), call_sid(call).to_string());
            let at = now - Duration::minutes(rng.i64(0..50 * 24 * 60));
            let words = ["ringing", "in-progress", "completed", "busy", "no-answer", "failed", "canceled"];
            let (at, sequence) = (at.format(&Rfc2822).unwrap(), rng.u32(..20).to_string());
            let seconds = [5, 29, 30, 100, 120, 250, 300, 800, 900, 4000][rng.usize(..10)].to_string();
            let form = [
                ("AccountSid", account.as_str()),
                ("CallSid", &sid),
                ("CallStatus", words[rng.usize(..words.len())]),
                ("SequenceNumber", &sequence),
                ("Timestamp", &at),
                ("CallDuration", &seconds),
            ];
            let taken = server.twilio("/api/twilio/status", &form).await;
            assert_eq!(taken.status(), StatusCode::NO_CONTENT);
        }
        _ => {
            let path = format!("/api/calls/{}", call_sid(call));
            let seen = server.send(person, Method::GET, &path, None).await;
            if seen.status() == StatusCode::OK {
                change(server, person, call, json!({ "is_handled": rng.bool(), "is_urgent": rng.bool() }))
                    .await;
            }
        }
    }
}

/// All calls there are.
async fn everything(server: &Server, person: &Person) -> Vec<Value> {
    let page = server.get(person, "/api/calls?limit=200").await;
    assert_eq!(page["next_cursor"], Value::Null);
    page["calls"].as_array().unwrap().clone()
}

fn naive_stats(calls: &[Value], now: OffsetDateTime) -> Value {
    let midnight = now.replace_time(time::Time::MIDNIGHT);
    let count = |which: &dyn Fn(&&Value) -> bool| calls.iter().filter(which).count();
    json!({
        "total": calls.len(),
        "today": count(&|call| at(&call["started_at"]) >= midnight),
        "active": count(&|call| call["ended_at"].is_null()),
        "needs_attention": count(&|call| !call["ended_at"].is_null() && call["is_handled"] == false),
        "average_duration_seconds": mean(&lengths(calls)),
    })
}

/// Lengths of those that were answered and are over.
fn lengths<'a>(calls: impl IntoIterator<Item = &'a Value>) -> Vec<i64> {
    let answered = calls.into_iter().filter(|call| !call["answered_at"].is_null());
    answered.filter_map(|call| call["duration_seconds"].as_i64()).collect()
}

/// As a client reads it: what reads JSON here may be off by the last bit of a fraction, for both alike.
fn mean(lengths: &[i64]) -> Value {
    match lengths {
        [] => Value::Null,
        _ => {
            let mean = lengths.iter().sum::<i64>() as f64 / lengths.len() as f64;
            serde_json::from_str(&json!(mean).to_string()).unwrap()
        }
    }
}

fn at(time: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(time.as_str().unwrap(), &Rfc3339).unwrap()
}

/// Compares all figures with what counting finds.
fn check(figures: &Value, calls: &[Value], bucket: &str, what: &str) {
    let (from, to) = (at(&figures["from"]), at(&figures["to"]));
    let within: Vec<&Value> =
        calls.iter().filter(|call| (from..to).contains(&at(&call["started_at"]))).collect();
    let totals = naive_figures(&within);
    assert_eq!(figures["totals"], totals, "{what}");
    let hours: Vec<usize> = (0..24)
        .map(|hour| within.iter().filter(|call| at(&call["started_at"]).hour() == hour).count())
        .collect();
    assert_eq!(figures["hours_of_day"], json!(hours), "{what}");
    let width = if bucket == "day" { Duration::days(1) } else { Duration::hours(1) };
    let mut begin = from;
    for point in figures["series"].as_array().unwrap() {
        let inside: Vec<&Value> = within
            .iter()
            .copied()
            .filter(|call| (begin..begin + width).contains(&at(&call["started_at"])))
            .collect();
        let mut expected = naive_figures(&inside);
        expected["at"] = json!(begin.format(&Rfc3339).unwrap());
        assert_eq!(*point, expected, "{what}");
        begin += width;
    }
    assert_eq!(begin, to, "{what}");
}

fn naive_figures(calls: &[&Value]) -> Value {
    let count = |which: &dyn Fn(&Value) -> bool| calls.iter().filter(|call| which(call)).count();
    let words = ["incoming", "in_progress", "completed", "failed", "no_answer", "busy", "canceled"];
    let by_status: BTreeMap<&str, usize> =
        words.into_iter().map(|word| (word, count(&|call| call["status"] == word))).collect();
    let lengths = lengths(calls.iter().copied());
    let of =
        |least: i64, below: i64| lengths.iter().filter(|&&length| length >= least && length < below).count();
    json!({
        "calls": calls.len(),
        "answered": count(&|call| !call["answered_at"].is_null()),
        "handled": count(&|call| call["is_handled"] == true),
        "needs_attention": count(&|call| !call["ended_at"].is_null() && call["is_handled"] == false),
        "by_status": by_status,
        "talk_seconds": lengths.iter().sum::<i64>(),
        "average_duration_seconds": mean(&lengths),
        "durations": {
            "under_30_seconds": of(0, 30),
            "under_2_minutes": of(30, 120),
            "under_5_minutes": of(120, 300),
            "under_15_minutes": of(300, 900),
            "longer": of(900, i64::MAX),
        },
    })
}

#[tokio::test]
async fn an_agents_figures_are_of_the_calls_that_they_answered() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let (agent, other) = (server.hire(&admin, "agent").await, hire_another(&server, &admin).await);
    let people = [&admin, &agent, &other];
    server.ring_live(&admin, 1, 1).await;
    for n in 2..=7 {
        let call = ring_agent(&server, &admin, n, json!({})).await;
        match n {
            2..=5 => assert_eq!(ask(&server, &agent, call, "join").await.status(), StatusCode::CREATED),
            6 => assert_eq!(ask(&server, &other, call, "join").await.status(), StatusCode::CREATED),
            // This one rings: whoever answers it, it will be theirs.
            _ => {}
        }
    }
    compare(&server, people, [7, 4, 1]).await;
    for call in 2..=4 {
        for step in 3..=4 {
            assert_eq!(status(&server, call, step).await, StatusCode::NO_CONTENT);
        }
    }
    change(&server, &admin, 2, json!({ "is_handled": true })).await;
    compare(&server, people, [7, 4, 1]).await;
    // Who is disabled has no call: the one that goes on rings again, and another answers it.
    let path = format!("/api/calls/{}", call_sid(5));
    let user = format!("/api/users/{}", agent.body["user"]["id"].as_str().unwrap());
    let disabled =
        |disabled: bool| server.send(&admin, Method::PATCH, &user, Some(json!({ "disabled": disabled })));
    assert_eq!(disabled(true).await.status(), StatusCode::OK);
    assert_eq!(server.get(&other, &path).await["rings"], true);
    assert_eq!(disabled(false).await.status(), StatusCode::OK);
    let back = server.login_as("agent@example.com", PASSWORD).await;
    let people = [&admin, &back, &other];
    compare(&server, people, [7, 3, 1]).await;
    let join = Some(json!({ "mode": "join" }));
    let taken = server.send(&other, Method::POST, &format!("{path}/sessions"), join).await;
    assert_eq!(taken.status(), StatusCode::CREATED);
    compare(&server, people, [7, 3, 2]).await;
    let third = format!("/api/calls/{}", call_sid(3));
    server.bus.events.publish(NodeEvent::StreamEnded {
        node: server.node,
        tenant: admin.tenant,
        call: server.get(&admin, &third).await["id"].as_str().unwrap().parse().unwrap(),
        stream: stream_sid(3),
        reason: StreamEnd::Stopped,
    });
    server.until(&admin, &third, |call| call["media"]["live"] == false).await;
    let gone = server.send(&admin, Method::DELETE, &third, None).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    compare(&server, people, [6, 2, 2]).await;
}

/// Figures of so many calls are what each of these people finds who counts those that they are shown.
async fn compare(server: &Server, people: [&Person; 3], calls: [usize; 3]) {
    for (person, expected) in people.into_iter().zip(calls) {
        let calls = everything(server, person).await;
        assert_eq!(calls.len(), expected);
        let stats = server.get(person, "/api/calls/stats").await;
        assert_eq!(stats, naive_stats(&calls, OffsetDateTime::now_utc()));
        for bucket in ["day", "hour"] {
            let query = format!("/api/calls/analytics?bucket={bucket}");
            check(&server.get(person, &query).await, &calls, bucket, &query);
        }
    }
}

#[tokio::test]
async fn a_time_is_bounded_and_means_whole_buckets() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let ask = async |query: &str| {
        server.send(&person, Method::GET, &format!("/api/calls/analytics?{query}"), None).await
    };
    for bad in [
        "bucket=week",
        "from=x",
        "to=x",
        "colour=red",
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=2025-01-01T00:00:00Z&to=2026-01-02T00:00:01Z",
        "bucket=hour&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:01Z",
        "from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z",
        "to=9999-12-31T23:59:59-23:59",
    ] {
        assert_eq!(code(ask(bad).await).await, "bad_request", "{bad}");
    }
    for (query, from, to, points) in [
        (
            "from=2025-01-01T00:00:00Z&to=2026-01-02T00:00:00Z",
            "2025-01-01T00:00:00Z",
            "2026-01-02T00:00:00Z",
            366,
        ),
        (
            "from=2026-01-01T23:59:59Z&to=2026-01-02T00:00:01Z",
            "2026-01-01T00:00:00Z",
            "2026-01-03T00:00:00Z",
            2,
        ),
        ("bucket=hour&to=2026-01-01T05:30:00%2B02:00", "2025-12-30T22:00:00Z", "2026-01-01T04:00:00Z", 30),
        (
            "from=1969-12-31T00:00:00Z&to=1970-01-02T00:00:00Z",
            "1969-12-31T00:00:00Z",
            "1970-01-02T00:00:00Z",
            2,
        ),
    ] {
        let figures: Value = ask(query).await.json().await.unwrap();
        assert_eq!((&figures["from"], &figures["to"]), (&json!(from), &json!(to)), "{query}");
        assert_eq!(figures["series"].as_array().unwrap().len(), points, "{query}");
        assert_eq!(figures["totals"]["calls"], 0, "{query}");
    }
    // What began before 1970 is nothing, not everything.
    server.ring(1, 1).await;
    let figures: Value = ask("from=1969-12-01T00:00:00Z&to=1970-01-02T00:00:00Z").await.json().await.unwrap();
    assert_eq!(figures["totals"]["calls"], 0);
    assert_eq!(server.get(&person, "/api/calls/analytics").await["totals"]["calls"], 1);
}
