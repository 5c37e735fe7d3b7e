//! Asks for pages and says how long they took.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::calls::{Calls, FIRST, LAST, OURS};

/// Requests of each kind.
const REQUESTS: usize = 200;

/// How to ask for a page of one kind: each time for another.
type Ask<'a> = Box<dyn FnMut(&mut Rng) -> String + 'a>;

/// Asks for pages of every kind, and prints a line for each.
pub(crate) async fn all(addr: SocketAddr, token: &str, calls: &Calls, database: &str) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    println!(
        "\n| {} calls, {database} | p50 ms | p95 ms | calls on the page |\n|---|---|---|---|",
        calls.count
    );
    for (what, mut ask) in kinds(calls) {
        let mut rng = Rng::with_seed(11);
        let mut took = Vec::new();
        let mut found = 0;
        for n in 0..REQUESTS + 10 {
            let path = ask(&mut rng);
            let began = Instant::now();
            let response = http.get(format!("http://{addr}{path}")).bearer_auth(token).send().await.unwrap();
            let (status, body) = (response.status(), response.bytes().await.unwrap());
            let elapsed = began.elapsed();
            assert!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
            // The first few find connections, statements and pages cold.
            if n >= 10 {
                took.push(elapsed);
                let page: Value = serde_json::from_slice(&body).unwrap();
                found += page["calls"].as_array().map_or(0, Vec::len);
            }
        }
        took.sort_unstable();
        let at = |part: f64| millis(took[(took.len() as f64 * part) as usize]);
        println!("| {what} | {:.1} | {:.1} | {} |", at(0.5), at(0.95), found / took.len());
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn kinds(calls: &Calls) -> Vec<(&'static str, Ask<'_>)> {
    let count = calls.count;
    let some = move |rng: &mut Rng| calls.call(rng.usize(..count));
    let fixed = |path: &'static str| -> Ask<'_> { Box::new(move |_| path.to_owned()) };
    let deep = move |part: f64| -> Ask<'_> {
        Box::new(move |_| {
            let call = calls.call((count as f64 * (1.0 - part)) as usize);
            format!("/api/calls?cursor={}.call_{}", call.started_at, call.id.simple())
        })
    };
    let q = |text: String| format!("/api/calls?q={}", text.replace(' ', "%20").replace('+', "%2B"));
    vec![
        ("first page", fixed("/api/calls")),
        ("first page of 200", fixed("/api/calls?limit=200")),
        ("deep page, at 50 %", deep(0.5)),
        ("deep page, at 99 %", deep(0.99)),
        ("`status=completed`", fixed("/api/calls?status=completed")),
        ("`status=canceled`", fixed("/api/calls?status=canceled")),
        ("`status=incoming,in_progress`", fixed("/api/calls?status=incoming,in_progress")),
        ("`handled=false`", fixed("/api/calls?handled=false")),
        ("`urgent=true`", fixed("/api/calls?urgent=true")),
        (
            "`from`, `to`: a week",
            Box::new(move |rng| {
                let at = rng.i64(FIRST..LAST);
                format!("/api/calls?from={}&to={}", text(at), text(at + 7 * 24 * 3_600_000))
            }),
        ),
        (
            "`number`: a customer's",
            Box::new(move |rng| format!("/api/calls?number={}", some(rng).customer.replace('+', "%2B"))),
        ),
        (
            "`number`: ours",
            Box::new(move |rng| format!("/api/calls?number=%2B1555010{:04}", rng.usize(..OURS))),
        ),
        ("three filters", fixed("/api/calls?status=completed&handled=false&urgent=true")),
        ("three filters, few calls", fixed("/api/calls?status=failed&handled=false&urgent=true")),
        ("`q`: a whole number", Box::new(move |rng| q(some(rng).customer))),
        ("`q`: last four digits", Box::new(move |rng| q(some(rng).customer[8..].to_owned()))),
        ("`q`: five digits", Box::new(move |rng| q(some(rng).customer[5..10].to_owned()))),
        ("`q`: three digits", Box::new(move |rng| q(some(rng).customer[3..6].to_owned()))),
        ("`q`: beginning of a name", Box::new(move |_| q("ann".to_owned()))),
        (
            "`q`: first and last name",
            Box::new(move |rng| {
                loop {
                    if let Some(name) = some(rng).name {
                        return q(name);
                    }
                }
            }),
        ),
        ("`q`: a common word", Box::new(move |rng| q(calls.word(rng.usize(..20)).to_owned()))),
        ("`q`: a rare word", Box::new(move |rng| q(calls.word(rng.usize(15_000..20_000)).to_owned()))),
        ("`q`: two letters", Box::new(move |rng| q(calls.word(rng.usize(..20_000))[..2].to_owned()))),
        (
            "`q`: two common words",
            Box::new(move |rng| {
                q(format!("{} {}", calls.word(rng.usize(..20)), calls.word(rng.usize(20..40))))
            }),
        ),
        (
            "`q`: a common and a rare word",
            Box::new(move |rng| {
                q(format!("{} {}", calls.word(rng.usize(..20)), calls.word(rng.usize(15_000..20_000))))
            }),
        ),
        ("`q`: no such word", fixed("/api/calls?q=zzyzx")),
        (
            "`q` and `handled=false`",
            Box::new(move |rng| format!("{}&handled=false", q(calls.word(rng.usize(..200)).to_owned()))),
        ),
        ("`q`: a sid", Box::new(move |rng| q(some(rng).sid))),
    ]
}

fn text(millis: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap();
    time.format(&Rfc3339).unwrap()
}
