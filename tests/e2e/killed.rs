//! Faults of the real binary and of its database: what was acknowledged is there, once and whole.

use std::time::{Duration, Instant};

use loadtest::ears::whep::Whep;
use loadtest::ears::{self, Options};
use loadtest::twilio::{Crowd, dial};
use reqwest::StatusCode;
use serde_json::Value;

use crate::installation::eventually;
use crate::process::{Postgres, Process};

/// Calls that go on, with audio.
const CALLS: usize = 20;

/// Calls that are only reported: ten status callbacks each.
const REPORTED: u32 = 20;

fn call_sid(n: u32) -> String {
    format!("CA{n:032x}")
}

/// A process is killed in the middle of 20 calls and 200 webhooks, and starts again.
async fn kill_in_the_middle(mut process: Process) {
    let crowd = Crowd::place(CALLS, Duration::from_millis(5), |_| process.call_spec()).await;
    assert_eq!(crowd.wait_live().await, CALLS);

    // Each is sent when the one before is answered, over all reported calls at once: so many are under way when the
    // process is killed.
    let mut acknowledged: Vec<(u32, i64)> = Vec::new();
    let mut killed = false;
    for number in 0..10_i64 {
        let sends = (0..REPORTED).map(|call| {
            let (process, sid, number) = (&process, call_sid(call), number.to_string());
            async move {
                let word = if number == "9" { "completed" } else { "in-progress" };
                let form = [("CallSid", sid.as_str()), ("CallStatus", word), ("SequenceNumber", &number)];
                let answer = process.webhook("status", &form).await;
                answer.is_some_and(|(status, _)| status == StatusCode::NO_CONTENT).then_some(call)
            }
        });
        let sends = futures_util::future::join_all(sends);
        let answered = match (number, killed) {
            (4, false) => {
                // Some of this round are answered, and some are not.
                let mut sends = Box::pin(sends);
                let first = tokio::time::timeout(Duration::from_millis(15), &mut sends).await;
                process.signal_kill();
                killed = true;
                match first {
                    Ok(answered) => answered,
                    Err(_) => sends.await,
                }
            }
            _ => sends.await,
        };
        acknowledged.extend(answered.into_iter().flatten().map(|call| (call, number)));
        if killed && number == 4 {
            process.restart().await;
        }
    }
    assert!(acknowledged.len() >= 9 * REPORTED as usize, "{} of 200", acknowledged.len());

    // A machine that is too busy for its database keeps them on disk for a moment.
    eventually("all webhooks in the database", async || {
        (process.metric("partyline_webhooks_spooled").await == 0.0).then_some(())
    })
    .await;
    let token = process.token().await;
    for call in 0..REPORTED {
        let history = process.history(&token, &call_sid(call)).await;
        let numbers: Vec<i64> =
            history.iter().filter_map(|event| event["data"]["sequence"].as_i64()).collect();
        for (_, number) in acknowledged.iter().filter(|(of, _)| *of == call) {
            let times = numbers.iter().filter(|kept| *kept == number).count();
            assert_eq!(times, 1, "call {call}, report {number}: {numbers:?}");
        }
    }
    // The calls went on at Twilio, and have their audio again.
    let console = process.console().await;
    eventually("audio of all calls", async || {
        (console.live_calls().await.unwrap().len() == CALLS).then_some(())
    })
    .await;
    crowd.hang_up();
    let reports = crowd.finished().await;
    eventually("end of all calls", async || console.active_calls().await.unwrap().is_empty().then_some(()))
        .await;
    for report in reports {
        let history = process.history(&token, report.call_sid.as_str()).await;
        let ends = history.iter().filter(|event| event["type"] == "call.ended").count();
        assert_eq!(ends, 1, "{history:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_loses_nothing_that_was_acknowledged_on_sqlite() {
    kill_in_the_middle(Process::start(None).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_loses_nothing_that_was_acknowledged_on_postgres() {
    let postgres = Postgres::start().await;
    kill_in_the_middle(Process::start(Some(postgres.urls())).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_webhooks_go_on_while_the_database_hangs_and_crashes() {
    let postgres = Postgres::start().await;
    let process = Process::start(Some(postgres.urls())).await;
    let (console, token) = (process.console().await, process.token().await);
    let call = dial(process.call_spec());
    let live = eventually("a live call", async || console.live_calls().await.unwrap().pop()).await;
    let whep = Whep::new().unwrap();
    let endpoint = console.listen(&live.id).await.unwrap().endpoint;
    let listener = ears::light::join(&whep, &endpoint, &Options::default()).await.unwrap();
    listener.wait_packets(50).await.unwrap();

    postgres.freeze();
    // A call comes, is put through, and is reported, all without a database.
    let (answered, sid) = (Instant::now(), call_sid(1));
    let voice = [("CallSid", sid.as_str()), ("CallStatus", "ringing")];
    let (status, twiml) = process.webhook("voice", &voice).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    assert!(twiml.contains("/twilio/media/") && twiml.contains("<Dial"), "{twiml}");
    assert!(answered.elapsed() < Duration::from_secs(15), "Twilio waits for 15 s");
    for number in 0..20_u32 {
        let (number, word) = (number.to_string(), if number < 19 { "in-progress" } else { "completed" });
        let form = [("CallSid", sid.as_str()), ("CallStatus", word), ("SequenceNumber", &number)];
        let (status, _) = process.webhook("status", &form).await.unwrap();
        assert_eq!(status, StatusCode::NO_CONTENT);
    }
    assert_eq!(process.metric("partyline_webhooks_spooled").await, 21.0);
    assert_eq!(process.get(&token, "/api/calls").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    // Webhooks are taken by this process alone, so nobody may restart it, or send its callers elsewhere.
    for path in ["livez", "readyz"] {
        assert_eq!(process.health(path).await, StatusCode::OK, "{path}");
    }
    // Nobody who listens notices.
    let heard = listener.counts().packets;
    listener.wait_packets(heard + 100).await.unwrap();

    postgres.thaw();
    postgres.crash();
    eventually("webhooks in the database", async || {
        (process.metric("partyline_webhooks_spooled").await == 0.0).then_some(())
    })
    .await;
    let answer = eventually("the record", async || {
        let answer = process.get(&token, &format!("/api/calls/{sid}")).await;
        (answer.status() == StatusCode::OK).then_some(answer)
    })
    .await;
    let record: Value = answer.json().await.unwrap();
    assert_eq!(record["status"], "completed");
    let history = process.history(&token, &sid).await;
    let numbers: Vec<i64> = history.iter().filter_map(|event| event["data"]["sequence"].as_i64()).collect();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>(), "each once, in order");

    for path in ["livez", "readyz"] {
        assert_eq!(process.health(path).await, StatusCode::OK, "{path}");
    }
    listener.leave().await.unwrap();
    call.hang_up();
    assert!(call.finished().await.is_good());
    eventually("end of the call", async || console.active_calls().await.unwrap().is_empty().then_some(()))
        .await;
    process.history(&token, &live.call_sid).await;
}
