//! What is said in calls: kept, found, and read along as it is said.

use control::backstage::Said;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::lists::ring;
use super::server::{NUMBER, Person, Server, account, call_sid, code};

#[tokio::test]
async fn what_is_said_is_kept_told_and_found() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let call = server.ring_live(&person, 1, 1).await;
    let say = |said| server.backstage.say(person.tenant, call, said);
    let heard = Said {
        text: "Où est mon <b>Remboursement</b>?",
        confidence: Some(0.95),
        language: Some("fr"),
        is_final: true,
        ..Said::default()
    };
    assert_eq!(say(heard).await.unwrap(), Some(1));
    let sent = Said {
        by_agent: true,
        is_spoken_for: true,
        name: Some("Anna"),
        text: "It is on its way.",
        is_final: true,
        ..Said::default()
    };
    assert_eq!(say(sent).await.unwrap(), Some(2));
    let half = Said { text: "tha", ..Said::default() };
    assert_eq!(say(half).await.unwrap(), Some(3));
    assert_eq!(say(Said { text: "thanks", replaces: Some(3), ..half }).await.unwrap(), Some(3));

    let path = format!("/api/calls/{call}");
    let messages = server.get(&person, &format!("{path}/messages")).await["messages"].clone();
    let [first, second, third] = [0, 1, 2].map(|n| messages[n].clone());
    assert_eq!(messages.as_array().unwrap().len(), 3);
    assert_eq!(
        (&first["id"], &first["message_type"], &first["sender_type"], &first["content"]),
        (&json!(1), &json!("transcript"), &json!("customer"), &json!("Où est mon <b>Remboursement</b>?"))
    );
    assert_eq!(
        (&first["confidence"], &first["detected_language"], &first["is_final"], &first["call_id"]),
        (&json!(0.95), &json!("fr"), &json!(true), &json!(call.to_string()))
    );
    assert_eq!(
        (&second["message_type"], &second["sender_type"], &second["sender_name"], &second["confidence"]),
        (&json!("tts_audio"), &json!("agent"), &json!("Anna"), &Value::Null)
    );
    assert_eq!((&third["content"], &third["is_final"]), (&json!("thanks"), &json!(false)));
    let later = server.get(&person, &format!("{path}/messages?after=2")).await;
    assert_eq!(later["messages"], json!([third]));
    let lines = server.get(&person, &format!("/api/calls/{}/transcript", call_sid(1))).await["lines"].clone();
    assert_eq!(
        (&lines[1]["speaker"], &lines[1]["text"], &lines[1]["name"], &lines[1]["at"]),
        (&json!("agent"), &json!("It is on its way."), &json!("Anna"), &second["created_at"])
    );

    // Final ones are events of the call, in the tenant's sequence; what is still being said is none.
    let events = server.get(&person, &format!("{path}/events")).await["events"].clone();
    let kinds: Vec<&str> =
        events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[kinds.len() - 2..], ["transcript.final", "message.sent"]);
    assert_eq!(events[kinds.len() - 1]["data"]["message"], second);

    assert_eq!(
        say(Said { text: "Thanks a lot", is_final: true, replaces: Some(3), ..half }).await.unwrap(),
        Some(3)
    );
    assert_eq!(say(Said { text: "again", replaces: Some(3), ..half }).await.unwrap(), None, "it stays so");
    assert_eq!(say(Said { text: "nobody's", replaces: Some(9), ..half }).await.unwrap(), None);
    for (query, there) in
        [("remboursement", 1), ("ou%20mon", 1), ("way", 1), ("lot", 1), ("tha%20thanks", 1), ("again", 0)]
    {
        let page = server.get(&person, &format!("/api/calls?q={query}")).await;
        assert_eq!(page["calls"].as_array().unwrap().len(), there, "{query}");
    }
    // A changed record keeps what was said.
    let notes = Some(json!({ "notes": "lot of notes", "caller_name": null }));
    server.send(&person, Method::PATCH, &path, notes).await;
    server.send(&person, Method::PATCH, &path, Some(json!({ "notes": null }))).await;
    for (query, there) in [("lot", 1), ("notes", 0), ("remb", 1)] {
        let page = server.get(&person, &format!("/api/calls?q={query}")).await;
        assert_eq!(page["calls"].as_array().unwrap().len(), there, "{query}");
    }
}

#[tokio::test]
async fn ugly_texts_are_kept_as_far_as_they_can_be() {
    let server = Server::start_with_two_tenants().await;
    let (person, stranger) = (server.login(1).await, server.login(2).await);
    let call = server.ring_live(&person, 1, 1).await;
    let (long, name) = ("語".repeat(5000), "n".repeat(5000));
    for (text, kept) in
        [("a\u{0}b\nc\u{7f}", "a b c".to_owned()), (long.as_str(), "語".repeat(4000)), ("  ", String::new())]
    {
        let said = Said {
            text,
            name: Some(&name),
            language: Some("\u{0}"),
            confidence: Some(f64::NAN),
            is_final: true,
            ..Said::default()
        };
        let id = server.backstage.say(person.tenant, call, said).await.unwrap().unwrap();
        let messages = server.get(&person, &format!("/api/calls/{call}/messages?after={}", id - 1)).await;
        let message = &messages["messages"][0];
        assert_eq!((&message["content"], &message["confidence"]), (&json!(kept), &Value::Null));
        assert_eq!(message["sender_name"].as_str().unwrap().len(), 200);
    }
    let said = Said { text: "x", is_final: true, ..Said::default() };
    assert!(
        server.backstage.say(stranger.tenant, call, said).await.is_err(),
        "another tenant's call is none"
    );
    for bad in ["messages?after=x", "transcript?after=x", "messages?colour=red", "transcript?limit=1"] {
        let response = server.send(&person, Method::GET, &format!("/api/calls/{call}/{bad}"), None).await;
        assert_eq!(code(response).await, "bad_request", "{bad}");
    }
    for id in ["x", "", "1.5", "99999999999999999999"] {
        let response = ask(&server, &person, &call.to_string(), Some(id)).await;
        assert_eq!(code(response).await, "bad_request", "{id}");
    }
    let theirs = ask(&server, &stranger, &call.to_string(), None).await;
    assert_eq!(code(theirs).await, "not_found");
}

#[tokio::test]
async fn a_transcript_is_read_along_to_the_end_of_the_call() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let call = server.ring_live(&person, 1, 1).await;
    let path = call.to_string();
    let say = |text, is_final, replaces| {
        server.backstage.say(person.tenant, call, Said { text, is_final, replaces, ..Said::default() })
    };
    say("first", true, None).await.unwrap();
    let mut stream = Stream::of(ask(&server, &person, &path, None).await);
    assert_eq!(stream.line().await, ("1".to_owned(), "first".to_owned(), true));

    let seq = say("sec", false, None).await.unwrap();
    assert_eq!(stream.line().await, ("2".to_owned(), "sec".to_owned(), false));
    // Another call's lines are not told.
    ring(&server, 2, "+14155550112", "x").await;
    let other =
        server.get(&person, &format!("/api/calls/{}", call_sid(2))).await["id"].as_str().unwrap().parse();
    let theirs = Said { text: "of another call", is_final: true, ..Said::default() };
    server.backstage.say(person.tenant, other.unwrap(), theirs).await.unwrap();
    say("second", true, seq).await.unwrap();
    assert_eq!(stream.line().await, ("3".to_owned(), "second".to_owned(), true));

    // One who was away gets what changed, as it is now: the half of the second line that it had missed is no more.
    drop(stream);
    say("third", true, None).await.unwrap();
    let mut stream = Stream::of(ask(&server, &person, &path, Some("1")).await);
    assert_eq!(stream.line().await.1, "second");
    assert_eq!(stream.line().await.1, "third");

    end(&server, 1, 1).await;
    assert_eq!(stream.next().await, Some((None, "end".to_owned(), "{}".to_owned())));
    assert_eq!(stream.next().await, None);
    let mut all = Stream::of(ask(&server, &person, &path, None).await);
    for expected in ["first", "second", "third"] {
        assert_eq!(all.line().await.1, expected);
    }
    assert_eq!(all.next().await.unwrap().1, "end");
    let over = ask(&server, &person, &path, Some("4")).await;
    assert_eq!(over.status(), StatusCode::NO_CONTENT, "nothing more will come");
}

#[tokio::test]
async fn a_stream_ends_with_the_sign_in_and_with_the_server_and_there_are_so_many() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let call = server.ring_live(&person, 1, 1).await.to_string();
    let mut streams = Vec::new();
    for _ in 0..32 {
        streams.push(Stream::of(ask(&server, &person, &call, None).await));
    }
    let refused = ask(&server, &person, &call, None).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(code(refused).await, "rate_limited");
    server.send(&person, Method::POST, "/api/auth/logout", None).await;
    for mut stream in streams {
        assert_eq!(stream.next().await, None);
    }
    let person = server.login(1).await;
    let mut stream = Stream::of(ask(&server, &person, &call, None).await);
    let stopping = tokio::spawn(server.restart(|_| {}));
    assert_eq!(stream.next().await, None);
    stopping.await.unwrap();
}

/// Asks for a call's transcript as a stream.
async fn ask(server: &Server, person: &Person, call: &str, last: Option<&str>) -> Response {
    let request = server.request(Method::GET, &format!("/api/calls/{call}/transcript"));
    let request = request.bearer_auth(&person.token).header("accept", "text/event-stream");
    match last {
        Some(id) => request.header("last-event-id", id).send().await.unwrap(),
        None => request.send().await.unwrap(),
    }
}

/// Twilio says that the call is over.
pub(crate) async fn end(server: &Server, n: u8, call: u32) {
    let (account, sid) = (account(n).to_string(), call_sid(call).to_string());
    let form = [
        ("AccountSid", account.as_str()),
        ("CallSid", &sid),
        ("CallStatus", "completed"),
        ("SequenceNumber", "9"),
        ("CallDuration", "42"),
        ("Direction", "inbound"),
        ("From", "+14155550111"),
        ("To", NUMBER),
    ];
    assert_eq!(server.twilio("/api/twilio/status", &form).await.status(), StatusCode::NO_CONTENT);
}

/// A stream of events.
struct Stream {
    response: Response,
    text: String,
}

impl Stream {
    fn of(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, text: String::new() }
    }

    /// Id, kind and data of the next event. `None`: it is over.
    async fn next(&mut self) -> Option<(Option<String>, String, String)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.to_owned();
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                match field("event: ") {
                    Some(kind) => return Some((field("id: "), kind, field("data: ").unwrap())),
                    None => continue,
                }
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Id, text and finality of the next line.
    async fn line(&mut self) -> (String, String, bool) {
        let (id, kind, data) = self.next().await.expect("a line");
        assert_eq!(kind, "line");
        let line: Value = serde_json::from_str(&data).unwrap();
        (id.unwrap(), line["text"].as_str().unwrap().to_owned(), line["is_final"].as_bool().unwrap())
    }
}
