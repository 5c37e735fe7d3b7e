//! What is known of how each listener hears a call.

use std::time::Duration;

use loadtest::api::Quality;
use loadtest::ears::{self, Options};
use loadtest::twilio::dial;

use crate::installation::{Installation, eventually, tone};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_reports_is_told_by_the_api_and_counted() {
    let here = Installation::start().await;
    let call = dial(here.call_spec(tone(450), tone(700)));
    let live = here.live_call().await;
    let session = here.console.listen(&live.id).await.unwrap();
    let listener = ears::whole::join(&here.whep, &session.endpoint, &Options::default()).await.unwrap();
    listener.wait_packets(50).await.unwrap();

    // The first batch may be from before the browser had heard a sender report.
    let quality: Quality = eventually("a whole report", async || {
        let listeners = here.console.listeners(&live.id).await.unwrap();
        assert_eq!((listeners.len(), &listeners[0].id), (1, &session.id));
        listeners.into_iter().next()?.quality.filter(|quality| quality.mos.is_some())
    })
    .await;
    assert_eq!((quality.loss_ratio, quality.loss_ratio_total), (0.0, 0.0), "{quality:?}");
    let (round_trip, behind) = (quality.round_trip_ms.unwrap(), quality.behind_ms.unwrap());
    // Over loopback both are near nothing; a busy machine may take its time.
    assert!((0.0..500.0).contains(&round_trip) && (0.0..500.0).contains(&quality.jitter_ms), "{quality:?}");
    assert!(behind >= round_trip / 2.0 && behind < 500.0, "{quality:?}");
    assert!(quality.mos.unwrap() > 3.5 && quality.packets > 50, "{quality:?}");

    for series in [
        "partyline_mos_estimate_count",
        "partyline_packet_loss_ratio_count",
        "partyline_loop_stall_seconds_count",
    ] {
        assert!(here.metric(series).await >= 1.0, "{series}");
    }
    listener.leave().await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), async {
        while !here.console.listeners(&live.id).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("who has left is no listener");
    call.hang_up();
    call.finished().await;
    here.stop().await;
}
