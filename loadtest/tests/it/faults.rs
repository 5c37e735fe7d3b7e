//! Every fault that can be asked for, seen from the server.

use std::num::NonZeroU32;
use std::time::Duration;

use loadtest::twilio::{
    Burst, CallSpec, CallStatus, Faults, Gap, Stall, StatusOrder, StreamEnd, WebhookFaults, dial,
};

use crate::calls::{codes, only, times};
use crate::server::{Manner, Media, Server};

const MONITOR: &str = r#"<Start><Stream url="WS/m" track="both_tracks" statusCallback="HTTP/stream"/></Start>
    <Dial>+15550111</Dial>"#;

#[tokio::test]
async fn a_dropped_connection_ends_without_stop_and_is_reported() {
    for (reset, seen) in [(false, "without closing handshake"), (true, "ConnectionReset")] {
        let drop_after = Some(Duration::from_millis(200));
        let (report, media, server) = with(Faults { drop_after, reset, ..Faults::default() }, 400).await;
        assert_eq!(times(&media, "inbound").len(), 10);
        assert_eq!(media.of("stop").len(), 0);
        assert!(media.end.contains(seen), "{}", media.end);
        assert_eq!(report.streams[0].end, StreamEnd::Dropped);
        assert!(report.duration_ms >= 400 && report.status == CallStatus::Completed, "the call goes on");
        assert_eq!(server.webhooks("/stream")[1].params["StreamEvent"], "stream-error");
        assert_eq!(server.opened(), 1, "it is not opened again");
    }
}

#[tokio::test]
async fn a_stall_is_silent_to_the_end_and_then_gone() {
    let stall = Some(Stall { after: Duration::from_millis(100), lasting: None });
    let (report, media, _) = with(Faults { stall, ..Faults::default() }, 300).await;
    assert_eq!(times(&media, "inbound"), [5, 25, 45, 65, 85]);
    assert_eq!(media.of("stop").len(), 0);
    assert!(media.end.contains("without closing handshake"), "{}", media.end);
    assert_eq!(report.streams[0].sent.skipped, 20);
}

#[tokio::test]
async fn a_stall_and_a_drop_can_be_asked_for_at_any_time() {
    let server = Server::start(MONITOR, Manner::Listen).await;
    let call = dial(server.spec());
    call.wait_live().await.unwrap();
    call.stall();
    call.resume();
    call.drop_socket();
    call.hang_up();
    let report = call.finished().await;
    assert_eq!(report.streams[0].end, StreamEnd::Dropped);
}

#[tokio::test]
async fn duplicates_reordering_gaps_and_bad_messages_reach_the_server() {
    let nth = NonZeroU32::new;
    let duplicated = Faults { duplicate_every: nth(4), ..Faults::default() };
    assert_eq!(inbound(duplicated).await, [5, 25, 45, 65, 65, 85, 105, 125, 145, 145, 165, 185]);
    let reordered = Faults { reorder_every: nth(4), ..Faults::default() };
    assert_eq!(inbound(reordered).await, [5, 25, 45, 85, 65, 105, 125, 165, 145, 185]);
    let gap = Gap { every: nth(5).unwrap(), frames: 3 };
    assert_eq!(inbound(Faults { gap: Some(gap), ..Faults::default() }).await, [5, 25, 45, 65, 145, 165]);
    // The last of them waits for a successor that does not come.
    let last = Faults { reorder_every: nth(10), ..Faults::default() };
    assert_eq!(inbound(last).await, [5, 25, 45, 65, 85, 105, 125, 145, 165, 185]);

    let (report, media, _) = with(Faults { bad_every: nth(2), ..Faults::default() }, 200).await;
    assert_eq!((report.streams[0].sent.bad, media.texts.len()), (5, 3 + 20 + 5));
}

#[tokio::test]
async fn a_burst_and_jitter_lose_nothing() {
    let burst = Some(Burst { after: Duration::from_millis(40), hold: Duration::from_millis(100) });
    let all: Vec<u64> = (0..10).map(|n| 5 + 20 * n).collect();
    assert_eq!(inbound(Faults { burst, ..Faults::default() }).await, all);
    assert_eq!(inbound(Faults { jitter: Duration::from_millis(60), ..Faults::default() }).await, all);
}

#[tokio::test]
async fn a_server_that_does_not_read_loses_audio_and_holds_nothing_up() {
    let server = Server::start(MONITOR, Manner::Deaf).await;
    // Small frames fill the buffers faster.
    let spec = CallSpec { frame_ms: 1, ..server.spec() }.lasting(Duration::from_secs(2));
    let report = dial(spec).finished().await;
    let stream = &report.streams[0];
    assert_eq!((stream.sent.inbound, stream.sent.outbound), (2000, 2000), "the caller talks on");
    assert!(stream.sent.overflow > 0, "{stream:?}");
    assert_eq!(codes(&report), [31930], "once");
}

#[tokio::test]
async fn status_callbacks_are_repeated_lost_and_turned_round() {
    let orders = [
        (WebhookFaults { duplicate: true, ..WebhookFaults::default() }, vec!["0", "0", "1", "1", "2", "2"]),
        (WebhookFaults { lose: vec![CallStatus::Completed], ..WebhookFaults::default() }, vec!["0", "1"]),
        (ordered(StatusOrder::Reversed), vec!["2", "1", "0"]),
        (ordered(StatusOrder::Late), vec!["0", "1", "2"]),
    ];
    for (webhooks, expected) in orders {
        let (_, _, server) = with(Faults { webhooks: webhooks.clone(), ..Faults::default() }, 60).await;
        let statuses = server.webhooks("/status");
        let numbers: Vec<&String> = statuses.iter().map(|status| &status.params["SequenceNumber"]).collect();
        assert_eq!(numbers, expected, "{webhooks:?}");
        assert!(statuses.iter().all(|status| status.signed));
        if webhooks.duplicate {
            let token = |n: usize| statuses[n].headers.get("i-twilio-idempotency-token");
            assert!(token(0).is_some() && token(0) == token(1) && token(1) != token(2));
        }
    }
}

#[tokio::test]
async fn statuses_are_shuffled_by_the_seed() {
    let mut orders = std::collections::BTreeSet::new();
    for seed in 0..6 {
        let server = Server::start("<Hangup/>", Manner::Listen).await;
        let faults = Faults { webhooks: ordered(StatusOrder::Shuffled), ..Faults::default() };
        dial(CallSpec { seed, faults, ..server.spec() }).finished().await;
        let numbers =
            server.webhooks("/status").into_iter().map(|mut status| status.params.remove("SequenceNumber"));
        orders.insert(numbers.collect::<Vec<_>>());
    }
    assert!(orders.len() > 1, "{orders:?}");
}

#[tokio::test]
async fn a_voice_webhook_can_come_twice_with_one_token() {
    let webhooks = WebhookFaults { duplicate_voice: true, ..WebhookFaults::default() };
    let (report, _, server) = with(Faults { webhooks, ..Faults::default() }, 60).await;
    let voice = server.webhooks("/voice");
    assert_eq!(
        (voice.len(), report.twiml.len(), report.streams.len()),
        (2, 1, 1),
        "the second answer counts"
    );
    assert_eq!(voice[0].params, voice[1].params);
    let token = |n: usize| voice[n].headers.get("i-twilio-idempotency-token");
    assert!(token(0).is_some() && token(0) == token(1));
}

fn ordered(order: StatusOrder) -> WebhookFaults {
    WebhookFaults { order: Some(order), ..WebhookFaults::default() }
}

/// A call of so many milliseconds with these faults.
async fn with(faults: Faults, ms: u64) -> (loadtest::twilio::CallReport, Media, Server) {
    let server = Server::start(MONITOR, Manner::Listen).await;
    let spec = server.spec().lasting(Duration::from_millis(ms)).with_faults(faults);
    let report = dial(spec).finished().await;
    let media = only(server.media().await);
    (report, media, server)
}

/// The caller's timestamps of ten frames with these faults; the agent's must be the same.
async fn inbound(faults: Faults) -> Vec<u64> {
    let (_, media, _) = with(faults, 200).await;
    assert_eq!(media.of("stop").len(), 1);
    assert_eq!(times(&media, "inbound"), times(&media, "outbound"));
    times(&media, "inbound")
}
