//! Who hears what.

use std::time::Duration;

use loadtest::audio::{Audio, Reference};
use loadtest::ears::{self, Heard, Listener, Options, Profile};
use loadtest::tone::Tone;
use loadtest::twilio::{CallSpec, Faults, Stall, dial};
use loadtest::voices;

use crate::installation::{Installation, eventually, tone};

const CALLER: Tone = Tone(450);
const AGENT: Tone = Tone(700);

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_listener_hears_the_caller_left_and_the_agent_right() {
    let here = Installation::start().await;
    let call = dial(here.call_spec(tone(450), tone(700)));
    let live = here.live_call().await;

    for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80] {
        let options = Options { profile: Some(profile), ..Options::default() };
        let endpoint = here.console.listen(&live.id).await.unwrap().endpoint;
        let light = ears::light::join(&here.whep, &endpoint, &options).await.unwrap();
        let endpoint = here.console.listen(&live.id).await.unwrap().endpoint;
        let whole = ears::whole::join(&here.whep, &endpoint, &options).await.unwrap();
        for (name, listener) in [("light", light), ("whole", whole)] {
            listener.listen_for(Duration::from_secs(2)).await.unwrap();
            assert_eq!(listener.profile(), Some(profile), "{name}");
            assert_hears_both(&listener.leave().await.unwrap(), &format!("{name}, {profile}"));
        }
    }
    call.hang_up();
    assert!(call.finished().await.is_good());
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_listeners_share_one_encoder_and_the_last_to_leave_ends_it() {
    let here = Installation::start().await;
    let call = dial(here.call_spec(tone(450), tone(700)));
    let live = here.live_call().await;
    assert_eq!(here.metric("partyline_encoders_active").await, 0.0, "nobody listens yet");

    let mut listeners: Vec<Listener> = Vec::new();
    for _ in 0..50 {
        let endpoint = here.console.listen(&live.id).await.unwrap().endpoint;
        listeners.push(ears::light::join(&here.whep, &endpoint, &Options::default()).await.unwrap());
    }
    for listener in &listeners {
        listener.wait_packets(100).await.unwrap();
    }
    assert_eq!(here.metric("partyline_encoders_active").await, 1.0);
    assert_eq!(here.metric(r#"partyline_listeners_active{path="udp"}"#).await, 50.0);

    for (n, listener) in listeners.into_iter().enumerate() {
        assert_hears_both(&listener.leave().await.unwrap(), &format!("listener {n}"));
    }
    here.metric_becomes("partyline_encoders_active", 0.0).await;
    call.hang_up();
    call.finished().await;
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn speech_is_heard_as_it_was_spoken() {
    let here = Installation::start().await;
    let conversation = &voices::all()[0];
    let (caller, agent) = (Audio::ulaw(conversation.caller), Audio::ulaw(conversation.agent));
    let spoken = [&caller, &agent].map(|audio| audio.render(audio.bytes().len() * 2, true));
    let call = dial(here.call_spec(caller, agent));
    let live = here.live_call().await;

    let endpoint = here.console.listen(&live.id).await.unwrap().endpoint;
    let listener = ears::light::join(&here.whep, &endpoint, &Options::default()).await.unwrap();
    listener.listen_for(Duration::from_secs(10)).await.unwrap();
    let heard = listener.leave().await.unwrap();

    let mut pieces = 0;
    for (spoken, heard) in spoken.iter().zip([&heard.left, &heard.right]) {
        for piece in Reference::new(spoken, loadtest::audio::RATE).compare(heard, ears::RATE) {
            assert!(piece.likeness > 0.9, "{piece:?}");
            pieces += 1;
        }
    }
    assert!(pieces >= 5, "too little speech to judge: {pieces} pieces");
    call.hang_up();
    call.finished().await;
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_call_ends_its_listeners_and_completes_its_record() {
    let here = Installation::start().await;
    let call = dial(here.call_spec(tone(450), tone(700)));
    let live = here.live_call().await;
    let endpoint = here.console.listen(&live.id).await.unwrap().endpoint;
    let listener = ears::light::join(&here.whep, &endpoint, &Options::default()).await.unwrap();
    listener.wait_packets(25).await.unwrap();

    call.hang_up();
    assert!(call.finished().await.is_good());
    listener.closed().await.unwrap();
    eventually("end of the call", async || {
        here.console.active_calls().await.unwrap().is_empty().then_some(())
    })
    .await;
    here.metric_becomes("partyline_calls_active", 0.0).await;
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_in_a_pause_does_not_wait_for_its_end() {
    let here = Installation::start().await;
    // Silence, and then no frame at all: nothing but the pause itself is left to be sent.
    let stall = Some(Stall { after: Duration::from_secs(3), lasting: None });
    let faults = Faults { stall, ..Faults::default() };
    let call = dial(here.call_spec(Audio::silence(), Audio::silence()).with_faults(faults));
    let live = here.live_call().await;
    let join = async || {
        let endpoint = here.console.listen(&live.id).await.unwrap().endpoint;
        ears::light::join(&here.whep, &endpoint, &Options::default()).await.unwrap()
    };
    let first = join().await;
    first.wait_packets(1).await.unwrap();
    let mut before = 0;
    eventually("end of the packets", async || {
        let (now, then) = (first.counts().packets, before);
        before = now;
        tokio::time::sleep(Duration::from_millis(500)).await;
        (now == then).then_some(())
    })
    .await;

    let second = join().await;
    second.wait_packets(1).await.unwrap();
    call.hang_up();
    call.finished().await;
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rough_stream_is_still_heard() {
    let here = Installation::start().await;
    let nth = |n| std::num::NonZeroU32::new(n);
    let faults =
        Faults { duplicate_every: nth(7), reorder_every: nth(11), bad_every: nth(50), ..Faults::default() };
    let spec = CallSpec { faults, ..here.call_spec(tone(450), tone(700)) };
    let call = dial(spec);
    let live = here.live_call().await;
    let endpoint = here.console.listen(&live.id).await.unwrap().endpoint;
    let listener = ears::light::join(&here.whep, &endpoint, &Options::default()).await.unwrap();
    listener.listen_for(Duration::from_secs(3)).await.unwrap();
    assert_hears_both(&listener.leave().await.unwrap(), "behind faults");
    call.hang_up();
    call.finished().await;
    here.stop().await;
}

/// The caller's tone left and only left, the agent's right and only right, and no packet lost.
pub(crate) fn assert_hears_both(heard: &Heard, who: &str) {
    assert_eq!(heard.lost, 0, "{who} lost packets");
    // The first tenth of a second is the decoder's beginning.
    let skip = ears::RATE as usize / 10;
    let sides = [("left", &heard.left, CALLER, AGENT), ("right", &heard.right, AGENT, CALLER)];
    for (side, samples, own, other) in sides {
        let samples = samples.get(skip..).unwrap_or_default();
        let (own, other) = (own.amplitude_in(samples, ears::RATE), other.amplitude_in(samples, ears::RATE));
        assert!(own > 4000.0, "{who}, {side}: own voice at {own}");
        assert!(other < own / 50.0, "{who}, {side}: the other voice at {other} beside {own}");
    }
}
