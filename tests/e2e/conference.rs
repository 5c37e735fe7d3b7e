//! People heard in a call of two telephones: whom Twilio's conference plays them to.

use std::time::Duration;

use loadtest::audio;
use loadtest::twilio::{Call as Line, Fault, dial};
use reqwest::Method;
use serde_json::{Value, json};

use crate::installation::{Installation, eventually, set_number, tone};
use crate::people::{AGENT, CALLER, JOINER, LISTEN, Person, ROGUE, WHISPERER, heard_by, hears, voices};

#[tokio::test(flavor = "multi_thread")]
async fn whispers_reach_the_agent_alone_and_joining_everybody() {
    let here = Installation::start().await;
    let line = dial(here.call_spec(tone(CALLER.0), tone(AGENT.0)));
    let call = here.live_call().await;
    eventually("the agent's answer", async || line.child_sid()).await;
    let rogue = Person::come(&here, &here.console, &call.id, "listen", ROGUE).await;
    assert_eq!(rogue.hears().await, (vec!["caller"], vec!["agent"]));

    // From listening to whispering: the call is moved, and the two talk on.
    let whisperer = Person::come(&here, &here.console, &call.id, "listen", WHISPERER).await;
    whisperer.change(&here.console, "whisper").await;
    whisperer.mic.heard_by(heard_by("whisper")).await.unwrap();
    assert_eq!(agent_hears(&line).await, ["caller", "whisperer"]);
    assert_eq!(hears(&line).await, ["agent"]);
    assert_eq!(whisperer.hears().await, (vec!["caller", "agent"], vec!["caller", "agent"]));

    // Who asks for it from the first begins as a listener.
    let joiner = Person::come(&here, &here.console, &call.id, "join", JOINER).await;
    joiner.mic.heard_by(heard_by("join")).await.unwrap();
    assert_eq!(hears(&line).await, ["joiner", "agent"]);
    assert_eq!(agent_hears(&line).await, ["caller", "whisperer", "joiner"]);
    for (who, person, left, right) in [
        // What the telephones hear, each in its ear.
        ("rogue", &rogue, &["caller"][..], &["joiner", "agent"][..]),
        ("whisperer", &whisperer, &["caller", "joiner", "agent"], &["caller", "joiner", "agent"]),
        ("joiner", &joiner, &["caller", "agent"], &["caller", "agent"]),
    ] {
        assert_eq!(person.hears().await, (left.to_vec(), right.to_vec()), "{who}");
    }
    assert_eq!(here.metric("partyline_conference_legs_active").await, 2.0);
    assert_eq!(here.metric("partyline_calls_active").await, 1.0);

    // On one connection, from one mode to the next.
    for (mode, caller, agent) in [
        ("join", &["whisperer", "joiner", "agent"][..], &["caller", "whisperer", "joiner"][..]),
        ("whisper", &["joiner", "agent"], &["caller", "whisperer", "joiner"]),
        ("listen", &["joiner", "agent"], &["caller", "joiner"]),
    ] {
        whisperer.change(&here.console, mode).await;
        whisperer.mic.heard_by(heard_by(mode)).await.unwrap();
        assert_eq!(hears(&line).await, caller, "{mode}");
        assert_eq!(agent_hears(&line).await, agent, "{mode}");
    }
    assert_eq!(whisperer.hears().await, (vec!["caller"], vec!["joiner", "agent"]));

    line.hang_up();
    let report = line.finished().await;
    assert!(report.is_good(), "{report:?}");
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_their_leg_only_listens_and_may_ask_again() {
    let here = Installation::start().await;
    let line = dial(here.call_spec(tone(CALLER.0), tone(AGENT.0)));
    let call = here.live_call().await;
    eventually("the agent's answer", async || line.child_sid()).await;
    let joiner = Person::come(&here, &here.console, &call.id, "listen", JOINER).await;
    for _ in 0..2 {
        joiner.change(&here.console, "join").await;
        joiner.mic.heard_by(heard_by("join")).await.unwrap();
        assert_eq!(hears(&line).await, ["joiner", "agent"]);
        kick(&here, &call.id, "supervisors").await;
        eventually("the end of the leg", async || {
            joiner.mic.truth().is_some_and(|truth| truth.mode == "listen").then_some(())
        })
        .await;
        joiner.mic.heard_by(heard_by("listen")).await.unwrap();
        assert_eq!(hears(&line).await, ["agent"]);
        assert_eq!(joiner.hears().await, (vec!["caller"], vec!["agent"]));
    }
    line.hang_up();
    assert!(line.finished().await.is_good());
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_may_put_its_callers_into_conferences_at_once() {
    let here = Installation::start().await;
    let dialled = "+15550100200";
    here.exchange.person(dialled, tone(AGENT.0));
    set_number(&here, json!({ "route": "conference", "settings": { "dial": dialled } })).await;
    let line = dial(here.call_spec(tone(CALLER.0), audio::Audio::silence()));
    let call = here.live_call().await;
    eventually("the agent", async || hears(&line).await.contains(&"agent").then_some(())).await;
    let listener = Person::come(&here, &here.console, &call.id, "listen", ROGUE).await;
    assert_eq!(listener.hears().await, (vec!["caller"], vec!["agent"]));
    listener.change(&here.console, "whisper").await;
    listener.mic.heard_by(heard_by("whisper")).await.unwrap();
    assert_eq!(person_hears(&here, dialled).await, ["caller", "rogue"]);
    assert_eq!(hears(&line).await, ["agent"]);
    line.hang_up();
    assert!(line.finished().await.is_good());
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_called_in_and_the_call_goes_on_without_the_agent() {
    let here = Installation::start().await;
    let guest = "+15550100300";
    here.exchange.person(guest, tone(JOINER.0));
    let line = dial(here.call_spec(tone(CALLER.0), tone(AGENT.0)));
    let call = here.live_call().await;
    let agent = eventually("the agent's answer", async || line.child_sid()).await;
    let path = format!("/api/calls/{}/transfer", call.id);
    here.console.send(Method::POST, &path, json!({ "to": guest, "kind": "warm" })).await.unwrap();
    eventually("the guest", async || (hears(&line).await == ["joiner", "agent"]).then_some(())).await;
    assert_eq!(person_hears(&here, guest).await, ["caller", "agent"]);

    // The agent hangs up, and the two talk on; then the guest, and it is over.
    twilio(&here, Method::POST, &format!("Calls/{agent}.json"), &[("Status", "completed")]).await;
    eventually("the agent's leaving", async || (hears(&line).await == ["joiner"]).then_some(())).await;
    // Twilio's word for it is on its way to us, and what follows from it to Twilio.
    tokio::time::sleep(LISTEN).await;
    kick(&here, &call.id, "guest").await;
    assert!(line.finished().await.is_good());
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_the_console_calls_a_guest_in_and_leaves_the_two_alone() {
    let here = Installation::start().await;
    set_number(&here, json!({ "route": "agent", "settings": { "waiting": { "text": "" } } })).await;
    let guest = "+15550100300";
    here.exchange.person(guest, tone(JOINER.0));
    let line = dial(here.call_spec(tone(CALLER.0), audio::Audio::silence()));
    let call = here.live_call().await;
    let desk = here.console.hire_as("agent").await.unwrap();
    let agent = Person::come(&here, &desk, &call.id, "join", AGENT).await;
    agent.mic.heard_by(heard_by("join")).await.unwrap();
    let listener = Person::come(&here, &here.console, &call.id, "listen", ROGUE).await;
    assert_eq!(hears(&line).await, ["agent"]);

    let path = format!("/api/calls/{}/transfer", call.id);
    desk.send(Method::POST, &path, json!({ "to": guest, "kind": "warm" })).await.unwrap();
    eventually("the three", async || (hears(&line).await == ["joiner", "agent"]).then_some(())).await;
    assert_eq!(person_hears(&here, guest).await, ["caller", "agent"]);
    assert_eq!(agent.hears().await, (vec!["caller", "joiner"], vec!["caller", "joiner"]));
    assert_eq!(listener.hears().await, (vec!["caller"], vec!["joiner", "agent"]), "on the same connection");

    // The agent goes, and the two talk on; with the guest it is over.
    agent.ear.leave().await.unwrap();
    eventually("the agent's leaving", async || (hears(&line).await == ["joiner"]).then_some(())).await;
    kick(&here, &call.id, "supervisors").await;
    tokio::time::sleep(LISTEN).await;
    kick(&here, &call.id, "guest").await;
    let report = line.finished().await;
    assert!(report.is_good(), "{report:?}");
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_not_left_alone_in_a_conference_that_nobody_else_came_into() {
    let here = Installation::start().await;
    let line = dial(here.call_spec(tone(CALLER.0), tone(AGENT.0)));
    let call = here.live_call().await;
    let agent = eventually("the agent's answer", async || line.child_sid()).await;
    let joiner = Person::come(&here, &here.console, &call.id, "listen", JOINER).await;
    // Twilio is asked who is dialled, and does not answer when it is asked to move them: nobody knows whether it has.
    here.exchange.fail_next([Fault::Slow(Duration::ZERO)]);
    here.exchange.fail(Some(Fault::HangUp));
    let path = format!("/api/calls/{}/sessions/{}", call.id, joiner.session.id);
    let asked = here.console.send(Method::PATCH, &path, json!({ "mode": "join" })).await;
    assert!(asked.unwrap_err().to_string().contains("twilio_unavailable"));
    here.exchange.fail(None);
    // The agent hangs up: the caller is led to where the agent is thought to be.
    twilio(&here, Method::POST, &format!("Calls/{agent}.json"), &[("Status", "completed")]).await;
    let it_alone = |open: Vec<Value>| open.len() == 1 && open[0]["friendly_name"] == call.id;
    eventually("the conference", async || it_alone(conferences(&here).await).then_some(())).await;
    let report = line.finished().await;
    assert!(report.is_good(), "{report:?}");
    assert!(conferences(&here).await.is_empty());
    here.stop().await;
}

/// Whom the agent's telephone hears, from now on.
async fn agent_hears(line: &Line) -> Vec<&'static str> {
    later(async || line.agent_played()).await
}

/// Whom a person hears who was called, from now on.
async fn person_hears(here: &Installation, number: &str) -> Vec<&'static str> {
    later(async || here.exchange.person_played(number)).await
}

async fn later(played: impl AsyncFn() -> Vec<i16>) -> Vec<&'static str> {
    // What was on its way when it began.
    tokio::time::sleep(LISTEN / 2).await;
    let before = played().await.len();
    tokio::time::sleep(LISTEN).await;
    voices(&played().await[before..], audio::RATE)
}

/// The conferences that go on.
async fn conferences(here: &Installation) -> Vec<Value> {
    let list = twilio(here, Method::GET, "Conferences.json?Status=in-progress", &[]).await;
    list["conferences"].as_array().unwrap().clone()
}

/// Twilio loses somebody in a call's conference.
async fn kick(here: &Installation, call: &str, label: &str) {
    let open = conferences(here).await;
    let conference = open.iter().find(|one| one["friendly_name"] == call).expect("its conference");
    let path = format!("Conferences/{}/Participants/{label}.json", conference["sid"].as_str().unwrap());
    twilio(here, Method::DELETE, &path, &[]).await;
}

/// Asks Twilio for something, as the account's owner may by other means than ours.
async fn twilio(here: &Installation, method: Method, path: &str, form: &[(&str, &str)]) -> Value {
    use crate::installation::{ACCOUNT_SID, AUTH_TOKEN};
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT_SID}/{path}", here.exchange.url());
    let request = reqwest::Client::new().request(method, url).basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
    let response = request.form(form).send().await.unwrap();
    assert!(response.status().is_success(), "{path}: {response:?}");
    serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default()
}
