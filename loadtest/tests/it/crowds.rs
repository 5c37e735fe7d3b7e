//! Many calls at a time.

use std::time::Duration;

use loadtest::audio::Audio;
use loadtest::demo;
use loadtest::tone::Tone;
use loadtest::twilio::Crowd;

use crate::server::{Manner, Server};

const MONITOR: &str = r#"<Start><Stream url="WS/m" track="both_tracks"/></Start><Dial>+15550111</Dial>"#;

#[tokio::test]
async fn a_crowd_is_as_many_good_calls() {
    let server = Server::start(MONITOR, Manner::Listen).await;
    let spec = |n: usize| {
        let tone = Audio::tone(Tone::of_caller(n as u16), 8000);
        server.spec().saying(tone, Audio::silence()).lasting(Duration::from_millis(500))
    };
    let crowd = Crowd::place(30, Duration::from_millis(2), spec).await;
    assert_eq!(crowd.wait_live().await, 30);
    let reports = crowd.finished().await;
    assert!(reports.iter().all(|report| report.is_good()), "{reports:?}");
    let media = server.media().await;
    assert_eq!(media.len(), 30);
    assert!(media.iter().all(|media| media.of("media").len() == 50 && media.of("stop").len() == 1));
    let calls: std::collections::BTreeSet<_> = reports.iter().map(|report| report.call_sid).collect();
    assert_eq!(calls.len(), 30, "each has an id of its own");
}

#[tokio::test]
async fn the_demo_begins_with_two_calls_and_ends_them_all() {
    let server = Server::start(MONITOR, Manner::Listen).await;
    let spec = server.spec();
    let config = demo::Config {
        voice_url: spec.voice_url,
        status_url: spec.status_url,
        account: spec.account,
        exchange: None,
        numbers: vec!["+15550101".into(), "+15550102".into()],
        seed: 1,
    };
    demo::run(config, server.wait_opened(2)).await;

    let voice = server.webhooks("/voice");
    assert_eq!(voice.len(), 2);
    let field = |name: &str| -> Vec<&String> { voice.iter().map(|webhook| &webhook.params[name]).collect() };
    assert_eq!(field("To"), ["+15550101", "+15550102"]);
    assert_eq!(field("CallerName"), ["Emma Lindqvist", "Marcus Bell"]);
    let statuses = server.webhooks("/status");
    let completed = statuses.iter().filter(|status| status.params["CallStatus"] == "completed").count();
    assert_eq!(completed, 2, "stopping the demo ends its calls");
}

/// Prints what 500 calls cost the simulator. Run it alone, in release mode.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute and measures"]
async fn five_hundred_calls_in_one_process() {
    let server = Server::start(MONITOR, Manner::Listen).await;
    let spec = |_| {
        let (caller, agent) = loadtest::voices::all()[0].audio();
        server.spec().saying(caller, agent).lasting(Duration::from_secs(20))
    };
    let reports = Crowd::place(500, Duration::from_millis(10), spec).await.finished().await;
    let good = reports.iter().filter(|report| report.is_good()).count();
    let streams = || reports.iter().flat_map(|report| &report.streams);
    let lost: u64 = streams().map(|stream| stream.sent.overflow).sum();
    let late = streams().map(|stream| stream.worst_late_ms).max();
    println!("{good} good, {lost} messages lost, at worst {late:?} ms late");
    assert_eq!(good, 500);
}
