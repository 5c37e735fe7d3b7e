//! A media stream breaks while the call goes on: who listens hears on.

use loadtest::ears::{self, Options};
use loadtest::tone::Tone;
use loadtest::twilio::{Faults, StreamEnd, dial};

use crate::installation::{Installation, eventually, tone};

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_hears_on_after_the_stream_broke_without_a_new_connection() {
    let here = Installation::start().await;
    let faults = Faults { reset: true, ..Faults::default() };
    let call = dial(here.call_spec(tone(450), tone(700)).with_faults(faults));
    let live = here.live_call().await;
    let endpoint = here.console.listen(&live.id).await.unwrap().endpoint;
    let listener = ears::light::join(&here.whep, &endpoint, &Options::default()).await.unwrap();
    listener.wait_packets(50).await.unwrap();

    for restart in 1..=2 {
        let heard = listener.counts().packets;
        call.drop_socket();
        let series = r#"partyline_stream_restarts_total{result="asked"}"#;
        here.metric_becomes(series, f64::from(restart)).await;
        // A good second of it: what was on the way when the stream broke is less.
        listener.wait_packets(heard + 75).await.unwrap();
        here.live_call().await;
    }
    let heard = listener.leave().await.unwrap();
    let tail = ears::RATE as usize / 2;
    for (side, samples, own) in [("left", &heard.left, Tone(450)), ("right", &heard.right, Tone(700))] {
        let last = &samples[samples.len() - tail..];
        assert!(own.amplitude_in(last, ears::RATE) > 4000.0, "{side}");
    }
    assert_eq!(here.metric(r#"partyline_dependency_up{dep="twilio_api"}"#).await, 1.0);

    call.hang_up();
    let report = call.finished().await;
    let ends: Vec<&StreamEnd> = report.streams.iter().map(|stream| &stream.end).collect();
    assert_eq!(ends, [&StreamEnd::Dropped, &StreamEnd::Dropped, &StreamEnd::CallOver], "{report:?}");
    eventually("end of the call", async || {
        here.console.active_calls().await.unwrap().is_empty().then_some(())
    })
    .await;
    here.stop().await;
}
