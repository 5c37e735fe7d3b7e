//! What a number does with its callers.

use common::token::StreamKind;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::server::{NUMBER, PUBLIC_URL, Person, Server, account, call_sid, code, dials, voice};

async fn change(server: &Server, person: &Person, body: Value) -> reqwest::Response {
    server.send(person, Method::PATCH, &format!("/api/numbers/{NUMBER}"), Some(body)).await
}

/// Twilio comes back, as the `<Redirect>` says: the TwiML.
async fn resume(server: &Server, n: u32) -> String {
    let (ac, ca) = (account(1).to_string(), call_sid(n).to_string());
    let mut form = voice(&ac, &ca);
    form[3].1 = "in-progress";
    let response = server.twilio("/api/twilio/resume", &form).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.text().await.unwrap()
}

#[tokio::test]
async fn an_agents_caller_whose_stream_broke_gets_another_a_few_times() {
    let server = Server::start().await;
    let person = server.login(1).await;
    change(&server, &person, json!({ "route": "agent" })).await;
    let twiml = server.ring(1, 1).await;
    let first = server.ticket(&twiml);
    let redirect = format!("<Redirect method=\"POST\">{PUBLIC_URL}/api/twilio/resume</Redirect></Response>");
    assert!(twiml.ends_with(&redirect), "{twiml}");

    let mut tickets = vec![first.id];
    for n in 1..=6 {
        let twiml = resume(&server, 1).await;
        let ticket = server.ticket(&twiml);
        assert_eq!((ticket.call, ticket.kind), (first.call, StreamKind::Agent));
        assert!(!tickets.contains(&ticket.id), "each is good once");
        tickets.push(ticket.id);
        assert_eq!(twiml.contains("<Pause length=\"1\"/><Connect>"), n > 1, "{twiml}");
    }
    assert!(resume(&server, 1).await.ends_with(&dials("+15550199")));
    change(&server, &person, json!({ "settings": {} })).await;
    assert!(resume(&server, 1).await.ends_with("<Hangup/></Response>"));
    // A call that nobody knows, and a number that is gone.
    assert!(resume(&server, 2).await.ends_with("<Hangup/></Response>"));
    server.send(&person, Method::DELETE, &format!("/api/numbers/{NUMBER}"), None).await;
    assert!(resume(&server, 1).await.ends_with("<Hangup/></Response>"));
}

#[tokio::test]
async fn a_number_that_says_nothing_of_its_own_says_what_the_tenant_decided() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let tenant = async |disclosure: Value| {
        let body = json!({ "settings": { "disclosure": disclosure } });
        server.send(&person, Method::PATCH, "/api/tenant", Some(body)).await.status()
    };
    assert_eq!(tenant(json!({ "text": "" })).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!server.ring(1, 1).await.contains("<Say"));
    assert_eq!(tenant(json!({ "text": "For all" })).await, StatusCode::OK);
    assert!(server.ring(1, 2).await.contains("<Response><Say>For all</Say><"));
    change(&server, &person, json!({ "settings": { "disclosure": { "text": "For this one" } } })).await;
    assert!(server.ring(1, 3).await.contains("<Response><Say>For this one</Say><"));
    change(&server, &person, json!({ "settings": {} })).await;
    assert_eq!(tenant(json!(null)).await, StatusCode::OK);
    assert!(!server.ring(1, 4).await.contains("For "));
}

#[tokio::test]
async fn callers_are_told_first_what_the_number_says() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let disclosure = json!({ "text": "Heard & <recorded>", "language": "en-GB", "voice": "Polly.Amy" });
    for (n, route) in (1..).zip(["monitor", "agent"]) {
        let body = json!({ "route": route, "settings": { "disclosure": disclosure } });
        let changed: Value = change(&server, &person, body).await.json().await.unwrap();
        assert_eq!(changed["settings"]["disclosure"], disclosure);
        let said =
            "<Response><Say voice=\"Polly.Amy\" language=\"en-GB\">Heard &amp; &lt;recorded&gt;</Say><";
        let twiml = server.ring(1, n).await;
        assert!(twiml.contains(said), "{twiml}");
    }
    assert!(!resume(&server, 2).await.contains("<Say"), "once is enough");
    let good = json!({ "text": "x" });
    assert_eq!(
        change(&server, &person, json!({ "settings": { "disclosure": good } })).await.status(),
        StatusCode::OK
    );
    for bad in [
        json!({ "text": "" }),
        json!({ "text": "  " }),
        json!({ "text": "x".repeat(501) }),
        json!({ "text": "a\u{7}b" }),
        json!({ "text": "x", "language": "en GB" }),
        json!({ "text": "x", "language": "" }),
        json!({ "text": "x", "voice": "a".repeat(51) }),
        json!({ "text": "x", "voice": "\"/>" }),
        json!({ "text": "x", "speed": 2 }),
        json!({ "language": "en-GB" }),
    ] {
        let response = change(&server, &person, json!({ "settings": { "disclosure": bad } })).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
        code(response).await;
    }
}
