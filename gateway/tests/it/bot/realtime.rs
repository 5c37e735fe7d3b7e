//! OpenAI's Realtime API, as far as a telephone needs it: it finds the caller's turns by ear, answers faster than real
//! time, and is strict about what it is told.

use std::collections::{BTreeMap, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway_core::g711;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use super::peer::{Door, Peer};

/// What it does when it should speak.
pub(super) enum Answer {
    /// Speaks so many milliseconds, with these words.
    Speech(usize, &'static str),
    /// The same, and does not come to an end by itself.
    Endless(usize, &'static str),
    /// Cannot, with this code.
    Failure(&'static str),
    /// Begins, and makes no sound.
    Nothing,
    /// Ends the session.
    Close(u16, &'static str),
}

/// What it was told, beyond sound.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    Setup(Value),
    /// With what it is to do this time.
    Create(Option<String>),
    Cancelled,
    Cleared,
    Item(String),
    /// An item, the milliseconds kept of it, and those there were.
    Truncated(String, u64, u64),
    /// The caller's turn, in frames of 20 ms.
    Turn(usize),
    Closed,
}

/// A running server, for one connection.
pub(super) struct Server {
    pub(super) told: mpsc::UnboundedReceiver<Told>,
    /// Ends when the connection does. What was wrong with a message shows here.
    pub(super) running: JoinHandle<()>,
}

impl Server {
    /// Takes the next connection.
    pub(super) async fn enter(door: &Door, answers: impl IntoIterator<Item = Answer>) -> Self {
        let (peer, request) = door.enter().await;
        assert_eq!(request.uri().to_string(), "/v1/realtime?model=gpt-realtime+x%26y");
        assert_eq!(request.headers()["authorization"], "Bearer sk-hush");
        assert!(!request.headers().contains_key("openai-beta"));
        let (tell, told) = mpsc::unbounded_channel();
        let session = Session {
            peer,
            tell,
            answers: answers.into_iter().collect(),
            events: 0,
            items: BTreeMap::new(),
            response: None,
            responses: 0,
            loud: 0,
            quiet: 0,
            turn: 0,
            is_set_up: false,
        };
        Self { told, running: tokio::spawn(session.run()) }
    }

    pub(super) async fn next(&mut self) -> Told {
        let told = tokio::time::timeout(crate::server::PATIENCE, self.told.recv()).await;
        match told.expect("the server is told something") {
            Some(told) => told,
            None => panic!("the server has ended"),
        }
    }
}

struct Session {
    peer: Peer,
    tell: mpsc::UnboundedSender<Told>,
    answers: VecDeque<Answer>,
    events: u64,
    /// The bot's items, with their milliseconds of sound.
    items: BTreeMap<String, u64>,
    /// The one that is being made.
    response: Option<String>,
    responses: u32,
    /// Frames in a row.
    loud: usize,
    quiet: usize,
    /// Frames of the caller's turn. 0: the caller does not speak.
    turn: usize,
    is_set_up: bool,
}

impl Session {
    async fn run(mut self) {
        self.say(json!({ "type": "session.created", "session": { "type": "realtime", "expires_at": 1 } }))
            .await;
        loop {
            let message = match self.peer.frame().await {
                Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
                Some(Message::Close(frame)) => {
                    assert_eq!(frame.map(|frame| u16::from(frame.code)), Some(1000));
                    self.tell(Told::Closed);
                    // The answer to its close goes out with this.
                    assert!(self.peer.frame().await.is_none());
                    return;
                }
                None => return,
                Some(other) => panic!("{other:?}"),
            };
            if !self.obey(message).await {
                return;
            }
        }
    }

    async fn obey(&mut self, message: Value) -> bool {
        match message["type"].as_str().unwrap() {
            "session.update" => {
                assert!(!std::mem::replace(&mut self.is_set_up, true), "only once");
                only(&message, &["type", "event_id", "session"]);
                let session = &message["session"];
                let fields = ["type", "model", "output_modalities", "instructions", "audio"];
                only(session, &fields);
                if session["instructions"] == "break a rule" {
                    let about = message["event_id"].as_str();
                    self.error("invalid_value", about).await;
                    return true;
                }
                self.tell(Told::Setup(session.clone()));
                self.say(json!({ "type": "session.updated", "session": session })).await;
            }
            "input_audio_buffer.append" => {
                assert!(self.is_set_up);
                only(&message, &["type", "audio"]);
                let ulaw = STANDARD.decode(message["audio"].as_str().unwrap()).unwrap();
                assert_eq!(ulaw.len(), 160);
                return self.listen(&ulaw).await;
            }
            "input_audio_buffer.clear" => {
                only(&message, &["type"]);
                (self.loud, self.quiet, self.turn) = (0, 0, 0);
                self.tell(Told::Cleared);
                self.say(json!({ "type": "input_audio_buffer.cleared" })).await;
            }
            "response.create" => {
                only(&message, &["type", "response"]);
                let instructions = message["response"]["instructions"].as_str().map(str::to_owned);
                self.tell(Told::Create(instructions));
                match self.response {
                    Some(_) => self.error("conversation_already_has_active_response", None).await,
                    None => return self.respond().await,
                }
            }
            "response.cancel" => {
                only(&message, &["type", "response_id"]);
                match self.response.is_some() {
                    true => {
                        self.cancel().await;
                        self.tell(Told::Cancelled);
                    }
                    false => self.error("response_cancel_not_active", None).await,
                }
            }
            "conversation.item.create" => {
                only(&message, &["type", "item"]);
                let item = &message["item"];
                only(item, &["type", "role", "content"]);
                assert_eq!((&item["type"], &item["role"]), (&json!("message"), &json!("system")));
                assert_eq!(item["content"][0]["type"], "input_text");
                self.tell(Told::Item(item["content"][0]["text"].as_str().unwrap().to_owned()));
                self.say(json!({ "type": "conversation.item.added", "item": item })).await;
            }
            "conversation.item.truncate" => {
                only(&message, &["type", "item_id", "content_index", "audio_end_ms"]);
                assert_eq!(message["content_index"], 0);
                let (id, end) =
                    (message["item_id"].as_str().unwrap(), message["audio_end_ms"].as_u64().unwrap());
                let had = self.items[id];
                assert!(end <= had, "more than there is is an error");
                self.tell(Told::Truncated(id.to_owned(), end, had));
                self.say(
                    json!({ "type": "conversation.item.truncated", "item_id": id, "audio_end_ms": end }),
                )
                .await;
            }
            other => panic!("no event of a client's: {other}"),
        }
        true
    }

    /// The server's voice activity detection, with half a second of silence for the end of a turn.
    async fn listen(&mut self, ulaw: &[u8]) -> bool {
        let sum: u64 = ulaw.iter().map(|&code| u64::from(g711::decode_sample(code).unsigned_abs())).sum();
        (self.loud, self.quiet) = if sum / 160 > 1000 { (self.loud + 1, 0) } else { (0, self.quiet + 1) };
        if self.turn > 0 {
            self.turn += 1;
        }
        let of = json!({ "item_id": "item_caller" });
        if self.turn == 0 && self.loud == 2 {
            self.turn = 2;
            self.event("input_audio_buffer.speech_started", &of).await;
            self.cancel().await;
        } else if self.turn > 0 && self.quiet == 25 {
            self.tell(Told::Turn(self.turn));
            self.turn = 0;
            for kind in ["speech_stopped", "committed"] {
                self.event(&format!("input_audio_buffer.{kind}"), &of).await;
            }
            self.event("conversation.item.added", &of).await;
            let goes_on = self.respond().await;
            let words =
                json!({ "item_id": "item_caller", "content_index": 0, "transcript": "I have a question." });
            if goes_on {
                self.event("conversation.item.input_audio_transcription.completed", &words).await;
            }
            return goes_on;
        }
        true
    }

    async fn respond(&mut self) -> bool {
        self.responses += 1;
        let (id, item) = (format!("resp_{}", self.responses), format!("item_{}", self.responses));
        let answer = self.answers.pop_front().expect("an answer");
        if let Answer::Close(code, reason) = answer {
            self.peer.close(code, reason).await;
            return false;
        }
        self.response = Some(id.clone());
        self.say(json!({ "type": "response.created", "response": { "id": id, "status": "in_progress" } }))
            .await;
        let (ms, words, ends) = match answer {
            Answer::Speech(ms, words) => (ms, words, true),
            Answer::Endless(ms, words) => (ms, words, false),
            Answer::Failure(code) => {
                self.done(
                    "failed",
                    json!({ "type": "failed", "error": { "code": code, "message": "Not now." } }),
                )
                .await;
                return true;
            }
            Answer::Nothing | Answer::Close(..) => return true,
        };
        self.items.insert(item.clone(), ms as u64);
        let of = json!({ "response_id": id, "item_id": item, "output_index": 0, "content_index": 0 });
        for kind in ["response.output_item.added", "conversation.item.added", "response.content_part.added"] {
            self.event(kind, &of).await;
        }
        let mut words_left = words.split_inclusive(' ');
        // Pieces that are no multiple of anything.
        for piece in vec![0x20; ms * 8].chunks(1234) {
            for (kind, delta) in [
                ("response.output_audio_transcript.delta", words_left.next().unwrap_or_default().to_owned()),
                ("response.output_audio.delta", STANDARD.encode(piece)),
            ] {
                let mut of = of.clone();
                of["delta"] = json!(delta);
                self.event(kind, &of).await;
            }
        }
        if ends {
            self.event("response.output_audio.done", &of).await;
            let mut all = of.clone();
            all["transcript"] = json!(words);
            self.event("response.output_audio_transcript.done", &all).await;
            for kind in ["response.content_part.done", "response.output_item.done"] {
                self.event(kind, &of).await;
            }
            self.done("completed", Value::Null).await;
        }
        true
    }

    async fn cancel(&mut self) {
        if self.response.is_some() {
            self.done("cancelled", json!({ "type": "cancelled", "reason": "turn_detected" })).await;
        }
    }

    async fn done(&mut self, status: &str, details: Value) {
        let id = self.response.take();
        let response =
            json!({ "id": id, "status": status, "status_details": details, "output": [], "usage": {} });
        self.say(json!({ "type": "response.done", "response": response })).await;
        self.say(json!({ "type": "rate_limits.updated", "rate_limits": [] })).await;
    }

    async fn error(&mut self, code: &str, about: Option<&str>) {
        let error = json!({
            "type": "invalid_request_error", "code": code, "message": "No.", "param": null, "event_id": about,
        });
        self.say(json!({ "type": "error", "error": error })).await;
    }

    async fn event(&mut self, kind: &str, body: &Value) {
        let mut event = body.clone();
        event["type"] = json!(kind);
        self.say(event).await;
    }

    async fn say(&mut self, mut event: Value) {
        self.events += 1;
        event["event_id"] = json!(format!("event_{}", self.events));
        self.peer.say(&event).await;
    }

    fn tell(&self, told: Told) {
        let _the_test_may_be_over = self.tell.send(told);
    }
}

/// No field that the API does not know.
fn only(object: &Value, known: &[&str]) {
    for field in object.as_object().unwrap().keys() {
        assert!(known.contains(&field.as_str()), "{field} in {object}");
    }
}
