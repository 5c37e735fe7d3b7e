//! A bot of somebody else's making that answers a call, and people who take over from it.

use std::time::Duration;

use loadtest::audio;
use loadtest::bot::Bot;
use loadtest::tone::Tone;
use loadtest::twilio::dial;
use reqwest::Method;
use serde_json::{Value, json};

use crate::installation::{Installation, eventually, set_number, tone};

const CALLER: Tone = Tone(450);
const BOT: Tone = Tone(1800);

/// A tone of this amplitude was meant to be heard.
const HEARD: f32 = 2000.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_answers_is_paused_handed_back_to_and_dies() {
    let here = Installation::start().await;
    let bot = Bot::start(tone(BOT.0)).await.unwrap();
    let settings =
        json!({ "bot": { "kind": "stream", "url": bot.url(), "parameters": { "campaign": "spring" } } });
    set_number(&here, json!({ "route": "agent", "settings": settings })).await;
    let line = dial(here.call_spec(tone(CALLER.0), audio::Audio::silence()));
    let call = here.live_call().await.id;
    let caller_hears = || {
        let played = line.played();
        BOT.amplitude_in(&played[played.len().saturating_sub(1600)..], audio::RATE) > HEARD
    };

    let bot_hears = || bot.hears(CALLER) > HEARD;

    // Both hear each other, and the bot is told what Twilio would tell it.
    eventually("bot's voice", async || caller_hears().then_some(())).await;
    eventually("caller's voice", async || bot_hears().then_some(())).await;
    let start = bot.start_message();
    assert_eq!(start["start"]["callSid"], line.call_sid().to_string());
    assert_eq!(start["start"]["customParameters"]["campaign"], "spring");
    eventually("marks", async || (bot.marks() > 0).then_some(())).await;

    // Paused, it hears nothing and is not heard.
    let path = format!("/api/calls/{call}/pause-ai");
    here.console.send(Method::POST, &path, Value::Null).await.unwrap();
    eventually("pause", async || (!caller_hears() && !bot_hears()).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!caller_hears() && !bot_hears(), "it stays so");

    // Handed back to, it goes on where it was, on the same connection.
    here.console.send(Method::DELETE, &path, Value::Null).await.unwrap();
    eventually("hand back", async || (caller_hears() && bot_hears()).then_some(())).await;
    assert_eq!(bot.connections(), 1);

    // It dies: the caller is told something, and it is not just silence for ever.
    bot.die();
    here.metric_becomes("partyline_bot_failures_total", 1.0).await;
    let died = line.played().len();
    eventually("word for the caller", async || {
        (audio::rms_dbfs(&line.played()[died..]) > -40.0).then_some(())
    })
    .await;

    line.hang_up();
    assert!(line.finished().await.is_good());
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_loses_its_stream_gets_its_bot_again_and_goes_on() {
    let here = Installation::start().await;
    let bot = Bot::start(tone(BOT.0)).await.unwrap();
    let settings = json!({ "bot": { "kind": "stream", "url": bot.url() } });
    set_number(&here, json!({ "route": "agent", "settings": settings })).await;
    let line = dial(here.call_spec(tone(CALLER.0), audio::Audio::silence()));
    here.live_call().await;
    let caller_hears = || {
        let played = line.played();
        BOT.amplitude_in(&played[played.len().saturating_sub(1600)..], audio::RATE) > HEARD
    };
    eventually("bot's voice", async || caller_hears().then_some(())).await;

    line.drop_socket();
    eventually("another connection", async || (bot.connections() == 2).then_some(())).await;
    eventually("bot's voice again", async || caller_hears().then_some(())).await;
    // Long enough for somebody to believe that the bot has left, and to end the call.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(caller_hears());
    assert!(matches!(line.phase(), loadtest::twilio::Phase::Live(_)));
    line.hang_up();
    line.finished().await;
    here.stop().await;
}

/// Run by `tools/check-bot`: a bot that neither knows us nor was written for us, and says what it hears.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a bot: tools/check-bot"]
async fn a_public_bot_runs_in_line() {
    let url = std::env::var("PARTYLINE_TEST_BOT").expect("the URL of an echo in PARTYLINE_TEST_BOT");
    let here = Installation::start().await;
    let settings = json!({ "bot": { "kind": "stream", "url": url, "parameters": { "campaign": "spring" } } });
    set_number(&here, json!({ "route": "agent", "settings": settings })).await;
    let line = dial(here.call_spec(tone(CALLER.0), audio::Audio::silence()));
    let call = here.live_call().await.id;
    let caller_hears_themself = || {
        let played = line.played();
        CALLER.amplitude_in(&played[played.len().saturating_sub(1600)..], audio::RATE) > HEARD
    };
    eventually("the echo", async || caller_hears_themself().then_some(())).await;

    let path = format!("/api/calls/{call}/pause-ai");
    here.console.send(Method::POST, &path, Value::Null).await.unwrap();
    eventually("its silence", async || (!caller_hears_themself()).then_some(())).await;
    here.console.send(Method::DELETE, &path, Value::Null).await.unwrap();
    eventually("the echo again", async || caller_hears_themself().then_some(())).await;
    let keys = json!({ "digits": "1" });
    here.console.send(Method::POST, &format!("/api/calls/{call}/dtmf"), keys).await.unwrap();
    line.press('5');
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(caller_hears_themself(), "it goes on behind keys");
    line.hang_up();
    assert!(line.finished().await.is_good());
    assert_eq!(here.metric("partyline_bot_failures_total").await, 0.0);
    here.stop().await;
}
