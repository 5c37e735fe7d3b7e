//! Who is cut off hears nothing more.

use std::time::{Duration, Instant};

use loadtest::ears::whep::Endpoint;
use loadtest::ears::{self, Listener, Options};
use loadtest::twilio::dial;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::installation::{EMAIL, Installation, PASSWORD, tone};

/// What is promised: from the answer to whoever cuts somebody off, to the silence.
const AT_MOST: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_demoted_or_signed_out_stops_hearing() {
    let here = Installation::start().await;
    let call = dial(here.call_spec(tone(450), tone(700)));
    let live = here.live_call().await;
    let admin = Person::login(&here, EMAIL).await;
    let (stays, _) = admin.hired(&here, "stays@acme.example").await;
    let kept = stays.hears(&here, &live.id).await;

    for (n, (method, path, body)) in [
        (Method::PATCH, "/api/users/{id}", Some(json!({ "disabled": true }))),
        (Method::PATCH, "/api/users/{id}", Some(json!({ "role": "agent" }))),
        (Method::POST, "/api/auth/logout?everywhere=true", None),
        (Method::POST, "/api/auth/logout", None),
    ]
    .into_iter()
    .enumerate()
    {
        let (person, id) = admin.hired(&here, &format!("person{n}@acme.example")).await;
        let listener = person.hears(&here, &live.id).await;
        let who = if body.is_some() { &admin } else { &person };
        let path = path.replace("{id}", &id);
        let answer = who.send(&here, method, &path, body).await;
        assert!(answer.status().is_success(), "{path}");
        let (took, heard) = silence(listener).await;
        assert!(took <= AT_MOST, "{path}: {took:?}");
        assert!(heard > 0, "{path}");
    }

    // A key's connection ends with the key, and the person's own goes on.
    let made = admin.send(
        &here,
        Method::POST,
        "/api/keys",
        Some(json!({ "name": "x", "scopes": ["calls:listen"] })),
    );
    let made: Value = made.await.json().await.unwrap();
    let program = Person { token: made["key"].as_str().unwrap().to_owned() };
    let (by_key, by_hand) = (program.hears(&here, &live.id).await, admin.hears(&here, &live.id).await);
    let path = format!("/api/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(admin.send(&here, Method::DELETE, &path, None).await.status(), StatusCode::NO_CONTENT);
    let (took, _) = silence(by_key).await;
    assert!(took <= AT_MOST, "{took:?}");
    by_hand.listen_for(Duration::from_secs(1)).await.unwrap();
    by_hand.leave().await.unwrap();

    // All that while somebody else heard on.
    kept.listen_for(Duration::from_secs(1)).await.unwrap();
    kept.leave().await.unwrap();
    call.hang_up();
    call.finished().await;
    here.stop().await;
}

/// How long it took until the server ended the connection, and how many packets had come by then. After that no more
/// come.
async fn silence(listener: Listener) -> (Duration, u64) {
    let began = Instant::now();
    listener.closed().await.unwrap();
    let took = began.elapsed();
    let packets = listener.counts().packets;
    assert!(listener.listen_for(Duration::from_millis(20)).await.is_err(), "nothing comes behind the end");
    (took, packets)
}

struct Person {
    token: String,
}

impl Person {
    async fn login(here: &Installation, email: &str) -> Self {
        let body = json!({ "email": email, "password": PASSWORD });
        let url = format!("{}/api/auth/login", here.addrs.public_url);
        let answer = Client::new().post(url).json(&body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        Self { token: answer["access_token"].as_str().unwrap().to_owned() }
    }

    /// Somebody who may listen, and their id.
    async fn hired(&self, here: &Installation, email: &str) -> (Self, String) {
        let body = json!({ "email": email, "name": "x", "role": "supervisor", "password": PASSWORD });
        let made = self.send(here, Method::POST, "/api/users", Some(body)).await;
        let made: Value = made.json().await.unwrap();
        (Self::login(here, email).await, made["id"].as_str().unwrap().to_owned())
    }

    async fn hears(&self, here: &Installation, call: &str) -> Listener {
        let path = format!("/api/calls/{call}/sessions");
        let grant = self.send(here, Method::POST, &path, Some(json!({ "mode": "listen" }))).await;
        let grant: Value = grant.json().await.unwrap();
        let text = |field: &str| grant[field].as_str().unwrap().to_owned();
        let endpoint = Endpoint { whep_url: text("whep_url").parse().unwrap(), token: text("token") };
        let listener = ears::light::join(&here.whep, &endpoint, &Options::default()).await.unwrap();
        listener.wait_packets(25).await.unwrap();
        listener
    }

    async fn send(
        &self,
        here: &Installation,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Response {
        let request = Client::new().request(method, format!("{}{path}", here.addrs.public_url));
        let request = request.bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.unwrap()
    }
}
