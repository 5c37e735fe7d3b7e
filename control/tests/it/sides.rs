//! People heard in calls by legs beside them: when gateways are told, and what Twilio is told of callers and legs.

use common::bus::{NodeCommand, NodeEvent, StreamEnd};
use common::token::{Mode, StreamKind};
use common::{CallId, SessionId};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::modes::{changed, connect, entries, events};
use super::server::{NUMBER, Person, Server, account, call_sid, code, voice};
use super::sessions::{alive, command};

#[tokio::test]
async fn without_a_conference_a_caller_whose_agent_is_gone_is_hung_up() {
    let server = Server::start().await;
    server.ring(1, 1).await;
    for call in [1, 2] {
        let (ac, ca) = (account(1).to_string(), call_sid(call).to_string());
        let mut form = voice(&ac, &ca);
        form.push(("DialCallStatus", "completed"));
        let response = server.twilio("/api/twilio/dialled", &form).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.text().await.unwrap().ends_with("<Response><Hangup/></Response>"));
    }
}

#[tokio::test]
async fn a_leg_that_nobody_has_asked_for_is_hung_up() {
    let server = Server::start().await;
    server.ring(1, 1).await;
    let (ac, ca) = (account(1).to_string(), call_sid(1).to_string());
    let response = server.twilio("/api/twilio/side", &voice(&ac, &ca)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.text().await.unwrap().ends_with("<Response><Hangup/></Response>"));
}

#[tokio::test]
async fn what_twilio_refuses_is_told_and_nobody_waits_to_be_heard() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = server.ring_live(&admin, 1, 1).await;
    let (session, _) = connect(&server, &admin, call, "listen").await;
    let mut commands = server.bus.commands.subscribe();
    for mode in ["whisper", "join"] {
        // Nobody is at Twilio's address.
        assert_eq!(code(change(&server, &admin, call, session, mode).await).await, "twilio_unavailable");
    }
    assert_eq!(code(change(&server, &admin, call, session, "takeover").await).await, "call_cannot_be_joined");
    server.bus.events.publish(alive(&server, &[call], &[session]));
    let quiet = change(&server, &admin, call, session, "listen").await;
    assert_eq!(quiet.status(), StatusCode::OK, "it listens, and nothing else is asked");
    let end = Some(json!({}));
    server.send(&admin, Method::DELETE, &format!("/api/calls/{call}/sessions/{session}"), end).await;
    let next = command(&mut commands).await;
    assert_eq!(next, NodeCommand::EndSession { session }, "no gateway was told to let anybody speak");
    assert_eq!(entries(&server, &admin, "session.asked").await.len(), 2);
}

#[tokio::test]
async fn a_leg_of_anothers_making_makes_nobody_loud() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let call = server.ring_live(&admin, 1, 1).await;
    let (session, grant) = connect(&server, &admin, call, "listen").await;
    let mut commands = server.bus.commands.subscribe();
    let started = NodeEvent::SideStarted {
        node: server.node,
        tenant: admin.tenant,
        call,
        call_sid: call_sid(77),
        kind: StreamKind::Coach,
    };
    server.bus.events.publish(started);
    server.bus.events.publish(NodeEvent::SideEnded {
        tenant: admin.tenant,
        call,
        call_sid: call_sid(77),
        reason: StreamEnd::Stopped,
    });
    // The gateway says that somebody may whisper, whom nobody has asked to.
    server.bus.events.publish(changed(&grant, Mode::Whisper, 1));
    let path = format!("/api/calls/{call}/listeners");
    server.until(&admin, &path, |body| body["listeners"][0]["mode"] == "whisper").await;
    change(&server, &admin, call, session, "listen").await;
    assert_eq!(command(&mut commands).await, NodeCommand::SetMode { session, mode: Mode::Listen });
    assert_eq!(events(&server, &admin, call, "session.changed").await.len(), 1);
}

#[tokio::test]
async fn a_number_keeps_the_route_conference_and_its_callers_meet_there() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let path = format!("/api/numbers/{NUMBER}");
    let changed = server.send(&admin, Method::PATCH, &path, Some(json!({ "route": "conference" }))).await;
    assert_eq!(changed.status(), StatusCode::OK);
    let twiml = server.ring(1, 1).await;
    let call = server.ticket(&twiml).call;
    assert_eq!(server.ticket(&twiml).kind, StreamKind::Monitor);
    assert!(twiml.contains(&format!(">{call}</Conference></Dial></Response>")), "{twiml}");
    assert!(!twiml.contains("waitUrl"), "until somebody is there the caller hears that they are waited for");
    assert_eq!(server.get(&admin, &format!("/api/calls/{call}")).await["route"], "conference");
    // Nobody else's conference, and none that is no call's.
    let (ac, ca) = (account(1).to_string(), call_sid(1).to_string());
    for name in ["", "x", &CallId::new().to_string()] {
        let form = [
            ("AccountSid", ac.as_str()),
            ("CallSid", &ca),
            ("FriendlyName", name),
            ("StatusCallbackEvent", "participant-join"),
        ];
        let response = server.twilio("/api/twilio/conference", &form).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "{name}");
    }
}

async fn change(
    server: &Server,
    person: &Person,
    call: CallId,
    session: SessionId,
    mode: &str,
) -> reqwest::Response {
    let path = format!("/api/calls/{call}/sessions/{session}");
    server.send(person, Method::PATCH, &path, Some(json!({ "mode": mode }))).await
}
