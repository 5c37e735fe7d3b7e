//! Dialled legs: calls of their own, bridged with the one that dialled them.

use std::time::Duration;

use loadtest::audio::Audio;
use loadtest::twilio::{CallSpec, CallStatus, dial};
use reqwest::{Method, StatusCode};

use crate::calls::only;
use crate::office::{AGENT, CALLER, COACH, Office, never, says, until, until_hears};

const DIAL: (&str, &str) = ("/voice", "<Dial action='/after'><Number>+15550111</Number></Dial>");
const AFTER: (&str, &str) = ("/after", "<Pause length='600'/>");

#[tokio::test]
async fn a_dialled_leg_is_a_call_that_the_api_knows() {
    let office = Office::new(&[DIAL, AFTER]).await;
    let (call, child) = office.bridged().await;
    until_hears("the agent hears the caller", || call.agent_played(), &[CALLER]).await;
    assert!(call.agent_played_since() <= std::time::Instant::now());

    let parent = call.call_sid();
    let page = office.get(&format!("Calls.json?ParentCallSid={parent}&Status=in-progress")).await;
    let legs = page["calls"].as_array().unwrap();
    assert_eq!((legs.len(), legs[0]["sid"].as_str()), (1, Some(child.as_str())));
    let known = office.get(&format!("Calls/{child}.json")).await;
    assert_eq!((&known["direction"], &known["to"]), (&"outbound-dial".into(), &"+15550111".into()));
    assert_eq!(known["parent_call_sid"], parent.as_str());
    let known = office.get(&format!("Calls/{parent}.json")).await;
    assert_eq!((&known["direction"], &known["parent_call_sid"]), (&"inbound".into(), &().into()));
    for path in [
        format!("Calls.json?ParentCallSid={child}"),
        format!("Calls.json?ParentCallSid={parent}&Status=ringing"),
    ] {
        assert_eq!(office.get(&path).await["calls"].as_array().unwrap().len(), 0, "{path}");
    }
    let (status, _) =
        office.ask_as(crate::office::STRANGER, Method::GET, &format!("Calls/{child}.json"), &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    call.hang_up();
    assert_eq!(call.finished().await.status, CallStatus::Completed);
    office.until_call(&child, "completed").await;
    assert!(office.server.webhooks("/after").is_empty(), "the caller has gone");
}

#[tokio::test]
async fn when_the_agent_hangs_up_the_action_is_asked_and_the_caller_hears_nobody() {
    let office = Office::new(&[DIAL, AFTER]).await;
    let (call, child) = office.bridged().await;
    office.post(&format!("Calls/{child}.json"), &[("Status", "completed")]).await;
    let over = office.until_call(&child, "completed").await;
    assert!(over["end_time"].is_string() && over["duration"].is_string());
    until_hears("the bridge is over", || call.played(), &[]).await;
    until("the action", async || office.server.webhooks("/after").pop()).await;
    let after = only(office.server.webhooks("/after"));
    assert!(after.signed);
    for (name, value) in
        [("DialCallStatus", "completed"), ("DialBridged", "true"), ("DialCallSid", child.as_str())]
    {
        assert_eq!(after.params[name], value, "{name}");
    }
    let (status, body) =
        office.ask(Method::POST, &format!("Calls/{child}.json"), &[("Status", "completed")]).await;
    assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &21220.into()));
    assert_eq!(office.get(&format!("Calls/{}.json", call.call_sid())).await["status"], "in-progress");
}

#[tokio::test]
async fn without_an_action_the_next_verb_comes() {
    let office = Office::new(&[
        ("/voice", "<Dial>+15550111</Dial><Redirect>/next</Redirect>"),
        ("/next", "<Hangup/>"),
    ])
    .await;
    let (call, child) = office.bridged().await;
    office.post(&format!("Calls/{child}.json"), &[("Status", "completed")]).await;
    call.finished().await;
    assert_eq!(office.server.webhooks("/next").len(), 1);
}

#[tokio::test]
async fn a_new_document_for_the_parent_hangs_the_child_up() {
    let office = Office::new(&[DIAL, AFTER]).await;
    let (call, child) = office.bridged().await;
    let document = "<Response><Pause length='600'/></Response>";
    office.post(&format!("Calls/{}.json", call.call_sid()), &[("Twiml", document)]).await;
    office.until_call(&child, "completed").await;
    until_hears("the bridge is over", || call.played(), &[]).await;
    assert!(office.server.webhooks("/after").is_empty(), "the caller left the dial, it did not end");
}

#[tokio::test]
async fn a_new_document_for_the_child_takes_it_out_of_the_bridge() {
    let pages = [DIAL, AFTER, ("/elsewhere", "<Start><Stream url='WS/m'/></Start><Pause length='600'/>")];
    let office = Office::new(&pages).await;
    // The agent says one thing in the first second and another ever after: time goes on wherever it is.
    let mut speech = says(COACH).render(8000, false);
    speech.extend(says(AGENT).render(8000 * 60, false));
    let spec = CallSpec { agent: Audio::pcm(&speech), ..office.spec() };
    let call = dial(spec);
    until_hears("the agent talks", || call.played(), &[AGENT]).await;
    let child = call.child_sid().unwrap();

    let url = office.server.http("/elsewhere");
    office.post(&format!("Calls/{child}.json"), &[("Url", &url)]).await;
    until("the action", async || office.server.webhooks("/after").pop()).await;
    until_hears("the bridge is over", || call.played(), &[]).await;
    until_hears("on both sides", || call.agent_played(), &[]).await;
    let asked = until("the child's document", async || office.server.webhooks("/elsewhere").pop()).await;
    assert_eq!(asked.params["CallSid"], child.as_str());
    assert_eq!(asked.params["Direction"], "outbound-dial");
    assert_eq!(asked.params["ParentCallSid"], call.call_sid().as_str());

    office.server.wait_opened(1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    office.post(&format!("Calls/{child}.json"), &[("Status", "completed")]).await;
    office.until_call(child.as_str(), "completed").await;
    let media = only(office.server.media().await);
    let said: Vec<u8> = media.of("media").iter().flat_map(crate::calls::payload).collect();
    let said = loadtest::audio::ulaw::decode_all(&said);
    assert!(said.len() >= 800 && never(&said, COACH), "the child's conversation did not start over");
    assert!(AGENT.amplitude_in(&said, 8000) > 3000.0, "it is the agent who speaks");
    assert_eq!(office.get(&format!("Calls/{}.json", call.call_sid())).await["status"], "in-progress");
}

#[tokio::test]
async fn a_leg_that_nobody_answers_ends_as_no_answer_and_one_that_rings_can_be_canceled() {
    let pages = [("/voice", "<Dial timeout='1' action='/after'>+15550111</Dial>"), AFTER];
    let office = Office::new(&pages).await;
    let rings = |seconds| CallSpec { agent_rings: Duration::from_secs(seconds), ..office.spec() };
    let call = dial(rings(60));
    let child = until("it is dialled", async || call.child_sid()).await.to_string();
    assert_eq!(office.get(&format!("Calls/{child}.json")).await["status"], "ringing");
    let elsewhere = [("Twiml", "<Response><Hangup/></Response>")];
    let (status, _) = office.ask(Method::POST, &format!("Calls/{child}.json"), &elsewhere).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "nobody is there to go elsewhere");
    office.until_call(&child, "no-answer").await;
    let asked = until("the action", async || office.server.webhooks("/after").pop()).await;
    assert_eq!(
        (asked.params["DialCallStatus"].as_str(), asked.params["DialBridged"].as_str()),
        ("no-answer", "false")
    );

    let call = dial(rings(60));
    let child = until("it is dialled", async || call.child_sid()).await.to_string();
    office.post(&format!("Calls/{child}.json"), &[("Status", "canceled")]).await;
    office.until_call(&child, "canceled").await;
    let asked = until("the action", async || office.server.webhooks("/after").get(1).cloned()).await;
    assert_eq!(asked.params["DialCallStatus"], "canceled");
}
