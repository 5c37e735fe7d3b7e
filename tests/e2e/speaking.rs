//! Who may speak, and who hears them.

use std::time::Duration;

use loadtest::audio::{self, Audio};
use loadtest::ears::{self, Options};
use loadtest::tone::Tone;
use loadtest::twilio::{Call as Line, dial};
use reqwest::Method;
use serde_json::{Value, json};

use crate::installation::{Installation, eventually, set_number, tone};
use crate::people::{AGENT, CALLER, HEARD, JOINER, LISTEN, Person, ROGUE, WHISPERER, heard_by, hears};

#[tokio::test(flavor = "multi_thread")]
async fn who_hears_whom_is_the_table() {
    let here = Installation::start().await;
    let (line, call) = agent_call(&here, Some(CALLER)).await;
    let agent = here.console.hire_as("agent").await.unwrap();

    let agent = Person::come(&here, &agent, &call, "join", AGENT).await;
    let rogue = Person::come(&here, &here.console, &call, "listen", ROGUE).await;
    let whisperer = Person::come(&here, &here.console, &call, "whisper", WHISPERER).await;
    let joiner = Person::come(&here, &here.console, &call, "join", JOINER).await;
    agent.mic.heard_by(&["caller", "agents"]).await.unwrap();
    whisperer.mic.heard_by(&["agents"]).await.unwrap();
    joiner.mic.heard_by(&["caller", "agents"]).await.unwrap();
    assert_eq!(rogue.mic.truth().unwrap().heard_by, [""; 0]);

    assert_eq!(hears(&line).await, ["joiner", "agent"]);
    for (who, person, right) in [
        ("rogue", &rogue, &["whisperer", "joiner", "agent"][..]),
        ("whisperer", &whisperer, &["joiner", "agent"]),
        ("joiner", &joiner, &["whisperer", "agent"]),
        ("agent", &agent, &["whisperer", "joiner"]),
    ] {
        assert_eq!(person.hears().await, (vec!["caller"], right.to_vec()), "{who}");
    }

    // On one connection, from one mode to the next.
    for (mode, caller) in [
        ("join", &["whisperer", "joiner", "agent"][..]),
        ("listen", &["joiner", "agent"]),
        ("takeover", &["whisperer", "joiner", "agent"]),
        ("whisper", &["joiner", "agent"]),
    ] {
        whisperer.change(&here.console, mode).await;
        whisperer.mic.heard_by(heard_by(mode)).await.unwrap();
        assert_eq!(hears(&line).await, caller, "{mode}");
    }

    // Whoever lets go is heard by nobody, and whoever is cut off too.
    joiner.mic.talk(false);
    joiner.mic.heard_by(&[]).await.unwrap();
    assert_eq!(hears(&line).await, ["agent"]);
    joiner.mic.talk(true);
    joiner.mic.heard_by(&["caller", "agents"]).await.unwrap();
    let Person { mic, .. } = agent;
    drop(mic);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(hears(&line).await, ["joiner"]);

    line.hang_up();
    assert!(line.finished().await.is_good());
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_said_to_the_caller_and_confirmed() {
    let here = Installation::start().await;
    let (line, call) = agent_call(&here, None).await;
    let path = format!("/api/calls/{call}/say");
    let said = json!({ "text": "Good morning. Somebody will be with you in a moment." });
    here.console.send(Method::POST, &path, said).await.unwrap();
    here.metric_becomes(r#"partyline_lines_said_total{result="spoken"}"#, 1.0).await;
    let played = line.played();
    let loud = played.chunks(800).filter(|tenth| audio::rms_dbfs(tenth) > -40.0).count();
    assert!(loud >= 15, "{loud} tenths of a second of speech");

    // Cut short: what was not said yet is not said.
    let long = json!({ "text": "One, two, three, four, five, six, seven, eight, nine, ten. ".repeat(6) });
    here.console.send(Method::POST, &path, long).await.unwrap();
    let begun = line.played().len();
    eventually("the line's beginning", async || {
        (audio::rms_dbfs(&line.played()[begun..]) > -40.0).then_some(())
    })
    .await;
    here.console.send(Method::DELETE, &path, Value::Null).await.unwrap();
    here.metric_becomes(r#"partyline_lines_said_total{result="interrupted"}"#, 1.0).await;
    let since = line.played().len();
    tokio::time::sleep(LISTEN).await;
    let silent = &line.played()[since + 1600..];
    assert!(audio::rms_dbfs(silent) < -60.0, "{}", audio::rms_dbfs(silent));

    line.hang_up();
    assert!(line.finished().await.is_good());
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listening_changes_nothing_of_what_the_caller_is_sent() {
    let here = Installation::start().await;
    let (line, call) = agent_call(&here, Some(CALLER)).await;
    let agent = here.console.hire_as("agent").await.unwrap();
    let agent = Person::come(&here, &agent, &call, "join", AGENT).await;
    agent.mic.heard_by(&["caller", "agents"]).await.unwrap();
    eventually("agent's voice", async || {
        let played = line.played();
        (AGENT.amplitude_in(&played[played.len().saturating_sub(800)..], audio::RATE) > HEARD).then_some(())
    })
    .await;
    let alone = slots_with_agent(&line).await;
    let mut listeners = Vec::new();
    for _ in 0..30 {
        let endpoint = here.console.listen(&call).await.unwrap().endpoint;
        listeners.push(ears::light::join(&here.whep, &endpoint, &Options::default()).await.unwrap());
    }
    for listener in &listeners {
        listener.wait_packets(50).await.unwrap();
    }
    let beside = slots_with_agent(&line).await;
    assert!(listeners.iter().all(|listener| listener.counts().packets > 50));
    // All fifty on a machine that has the time.
    assert!(alone >= 40 && beside >= 40, "{alone} fiftieths of a second alone, {beside} beside listeners");
    drop(listeners);
    line.hang_up();
    let report = line.finished().await;
    let received = report.streams[0].received;
    assert_eq!((received.marks, received.clears, received.illegal), (0, 0, 0));
    assert!(report.is_good());
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_is_sent_is_the_same_to_the_sample_beside_listeners() {
    let here = Installation::start().await;
    let (line, call) = agent_call(&here, Some(CALLER)).await;
    let alone = spoken(&here, &line, &call, 1.0).await;
    let mut listeners = Vec::new();
    for _ in 0..100 {
        let endpoint = here.console.listen(&call).await.unwrap().endpoint;
        listeners.push(ears::light::join(&here.whep, &endpoint, &Options::default()).await.unwrap());
    }
    for listener in &listeners {
        listener.wait_packets(50).await.unwrap();
    }
    let beside = spoken(&here, &line, &call, 2.0).await;
    assert!(alone.len() > 8000, "{} samples", alone.len());
    assert!(alone == beside, "{} samples alone, {} beside listeners", alone.len(), beside.len());
    drop(listeners);
    line.hang_up();
    assert!(line.finished().await.is_good());
    here.stop().await;
}

/// What the caller hears of a line that is said, without the silence in it: a machine with too much to do lets a gap be.
async fn spoken(here: &Installation, line: &Line, call: &str, lines: f64) -> Vec<i16> {
    let before = line.played().len();
    let said = json!({ "text": "Your call is important to us." });
    here.console.send(Method::POST, &format!("/api/calls/{call}/say"), said).await.unwrap();
    here.metric_becomes(r#"partyline_lines_said_total{result="spoken"}"#, lines).await;
    line.played().split_off(before).into_iter().filter(|&sample| sample != 0).collect()
}

/// In how many fiftieths of the second to come the caller hears the agent.
async fn slots_with_agent(line: &Line) -> usize {
    let before = line.played().len();
    tokio::time::sleep(LISTEN + Duration::from_millis(100)).await;
    let played = line.played();
    let second = &played[before..before + 8000];
    second.chunks_exact(160).filter(|slot| AGENT.amplitude_in(slot, audio::RATE) > HEARD).count()
}

/// A call on which one can speak, with its audio flowing.
async fn agent_call(here: &Installation, caller: Option<Tone>) -> (Line, String) {
    // Nobody is told to wait: only what the test says is heard.
    set_number(here, json!({ "route": "agent", "settings": { "waiting": { "text": "" } } })).await;
    let caller = caller.map_or_else(Audio::silence, |Tone(hertz)| tone(hertz));
    let line = dial(here.call_spec(caller, Audio::silence()));
    let call = here.live_call().await;
    (line, call.id)
}
