//! The part of Janus's JSON API that a viewer of a stream needs, over its WebSocket.
//!
//! One socket and one session serve all viewers; each has a handle of its own. Whatever Janus answers carries the
//! transaction of what was asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// The plugin that sends one stream to many.
const PLUGIN: &str = "janus.plugin.streaming";

/// The one mountpoint.
const MOUNTPOINT: u32 = 1;

/// How long an answer may take. A Janus that is busy with others takes its time.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Why Janus could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// The socket did not open, or broke.
    #[error("Janus's WebSocket: {0}")]
    Socket(#[from] tungstenite::Error),
    /// The socket is closed.
    #[error("Janus closed its WebSocket")]
    Closed,
    /// It did not answer.
    #[error("Janus did not answer {0} within {ANSWER_WITHIN:?}")]
    Late(&'static str),
    /// It refused.
    #[error("Janus refused {request}: {reason}")]
    Refused {
        /// What was asked.
        request: &'static str,
        /// What it says.
        reason: String,
    },
    /// The answer lacks what was asked for.
    #[error("Janus's answer to {0} lacks {1}")]
    Lacks(&'static str, &'static str),
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Waiting = Mutex<HashMap<u64, oneshot::Sender<Answer>>>;

/// The API, with a session open.
pub(super) struct Api {
    writer: tokio::sync::Mutex<SplitSink<Socket, Message>>,
    waiting: Arc<Waiting>,
    next: AtomicU64,
    session: u64,
    reader: JoinHandle<()>,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Api {
    /// Connects to this port of loopback and opens a session.
    pub(super) async fn open(port: u16) -> Result<Self, ApiError> {
        let mut request = format!("ws://127.0.0.1:{port}/").into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("janus-protocol"));
        let (socket, _) = connect_async(request).await?;
        let (writer, mut messages) = socket.split();
        let waiting = Arc::new(Waiting::default());
        let reader = tokio::spawn({
            let waiting = waiting.clone();
            async move {
                while let Some(Ok(message)) = messages.next().await {
                    let Some((transaction, answer)) = message.to_text().ok().and_then(parse) else {
                        continue;
                    };
                    if let Some(asked) = lock(&waiting).remove(&transaction) {
                        // Who asked may have given up.
                        let _ = asked.send(answer);
                    }
                }
                // Whoever waits learns that nothing more comes.
                lock(&waiting).clear();
            }
        });
        let mut api = Self {
            writer: tokio::sync::Mutex::new(writer),
            waiting,
            next: AtomicU64::new(0),
            session: 0,
            reader,
        };
        let created = api.ask("create", json!({ "janus": "create" })).await?;
        api.session = created.id.ok_or(ApiError::Lacks("create", "an id"))?;
        Ok(api)
    }

    /// Makes the mountpoint: one Opus stream. Gives the port of loopback it is fed through.
    pub(super) async fn create_mountpoint(&self) -> Result<u16, ApiError> {
        let handle = self.attach().await?;
        let media =
            json!([{ "type": "audio", "mid": "0", "port": 0, "pt": 111, "codec": "opus", "iface": "lo" }]);
        let body = json!({ "request": "create", "type": "rtp", "id": MOUNTPOINT, "media": media });
        let created = self.message("create a mountpoint", handle, body, None).await?;
        created.port.ok_or(ApiError::Lacks("create a mountpoint", "a port"))
    }

    /// A handle for a viewer.
    pub(super) async fn attach(&self) -> Result<u64, ApiError> {
        let request = json!({ "janus": "attach", "session_id": self.session, "plugin": PLUGIN });
        self.ask("attach", request).await?.id.ok_or(ApiError::Lacks("attach", "an id"))
    }

    /// Asks to view the mountpoint, and gives the offer.
    pub(super) async fn watch(&self, handle: u64) -> Result<String, ApiError> {
        let body = json!({ "request": "watch", "id": MOUNTPOINT });
        let answer = self.message("watch", handle, body, None).await?;
        answer.offer.ok_or(ApiError::Lacks("watch", "an offer"))
    }

    /// Hands the answer to the offer back.
    pub(super) async fn start(&self, handle: u64, answer: &str) -> Result<(), ApiError> {
        let jsep = json!({ "type": "answer", "sdp": answer });
        self.message("start", handle, json!({ "request": "start" }), Some(jsep)).await?;
        Ok(())
    }

    async fn message(
        &self,
        name: &'static str,
        handle: u64,
        body: Value,
        jsep: Option<Value>,
    ) -> Result<Good, ApiError> {
        let mut request =
            json!({ "janus": "message", "session_id": self.session, "handle_id": handle, "body": body });
        if let (Some(jsep), Some(request)) = (jsep, request.as_object_mut()) {
            request.insert("jsep".to_owned(), jsep);
        }
        self.ask(name, request).await
    }

    async fn ask(&self, name: &'static str, mut request: Value) -> Result<Good, ApiError> {
        let transaction = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(request) = request.as_object_mut() {
            request.insert("transaction".to_owned(), transaction.to_string().into());
        }
        let (sender, answer) = oneshot::channel();
        lock(&self.waiting).insert(transaction, sender);
        self.writer.lock().await.send(Message::text(request.to_string())).await?;
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(Ok(good))) => Ok(good),
            Ok(Ok(Err(reason))) => Err(ApiError::Refused { request: name, reason }),
            Ok(Err(_)) => Err(ApiError::Closed),
            Err(_) => {
                lock(&self.waiting).remove(&transaction);
                Err(ApiError::Late(name))
            }
        }
    }
}

fn lock(waiting: &Waiting) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Good, or why not.
type Answer = Result<Good, String>;

/// What of an answer is of use.
#[derive(Debug, Default, Eq, PartialEq)]
struct Good {
    /// Of a session or a handle that was made.
    id: Option<u64>,
    /// Where a new mountpoint is fed.
    port: Option<u16>,
    offer: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    janus: String,
    transaction: Option<String>,
    data: Option<Made>,
    plugindata: Option<PluginData>,
    jsep: Option<Jsep>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Made {
    id: u64,
}

#[derive(Deserialize)]
struct PluginData {
    data: Said,
}

#[derive(Deserialize)]
struct Said {
    error: Option<String>,
    stream: Option<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    ports: Vec<Port>,
}

#[derive(Deserialize)]
struct Port {
    port: u16,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Jsep {
    Offer { sdp: String },
    Answer {},
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
    reason: String,
}

/// The answer in a message and what it answers. Nothing when it is none: an acknowledgement, which may come before
/// the answer or after it, or news that nobody asked for.
fn parse(text: &str) -> Option<(u64, Answer)> {
    let envelope: Envelope = serde_json::from_str(text).ok()?;
    let transaction = envelope.transaction?.parse().ok()?;
    let said = envelope.plugindata.map(|plugin| plugin.data);
    let answer = match envelope.janus.as_str() {
        "error" => Err(envelope.error.map_or_else(
            || "without a reason".to_owned(),
            |Refusal { code, reason }| format!("{reason} ({code})"),
        )),
        "success" | "event" => match said {
            Some(Said { error: Some(error), .. }) => Err(error),
            said => Ok(Good {
                id: envelope.data.map(|made| made.id),
                port: said.and_then(|said| said.stream?.ports.first().map(|port| port.port)),
                offer: match envelope.jsep {
                    Some(Jsep::Offer { sdp }) => Some(sdp),
                    Some(Jsep::Answer {}) | None => None,
                },
            }),
        },
        _ => return None,
    };
    Some((transaction, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Janus 1.1.2 sent, but for the numbers.
    const SESSION: &str = r#"{"janus":"success","transaction":"0","data":{"id":516542699104587}}"#;
    const MADE: &str = r#"{"janus":"success","session_id":5,"transaction":"2","sender":6,"plugindata":{"plugin":"janus.plugin.streaming","data":{"streaming":"created","created":"mp-1","permanent":false,"stream":{"id":1,"type":"live","description":"mp-1","is_private":false,"host":"127.0.0.1","ports":[{"type":"audio","mid":"0","port":10000}]}}}}"#;
    const OFFERED: &str = r#"{"janus":"event","session_id":5,"transaction":"3","sender":6,"plugindata":{"plugin":"janus.plugin.streaming","data":{"streaming":"event","result":{"status":"preparing"}}},"jsep":{"type":"offer","sdp":"v=0\r\n"}}"#;
    const NO_MOUNTPOINT: &str = r#"{"janus":"event","session_id":5,"transaction":"4","sender":6,"plugindata":{"plugin":"janus.plugin.streaming","data":{"streaming":"event","error_code":455,"error":"No such mountpoint/stream 7"}}}"#;
    const NO_PLUGIN: &str = r#"{"janus":"error","session_id":5,"transaction":"5","error":{"code":460,"reason":"No such plugin 'janus.plugin.none'"}}"#;

    #[test]
    fn answers_are_told_apart() {
        let good = |transaction, good| Some((transaction, Ok(good)));
        assert_eq!(parse(SESSION), good(0, Good { id: Some(516_542_699_104_587), ..Good::default() }));
        assert_eq!(parse(MADE), good(2, Good { port: Some(10_000), ..Good::default() }));
        assert_eq!(parse(OFFERED), good(3, Good { offer: Some("v=0\r\n".to_owned()), ..Good::default() }));
        assert_eq!(parse(NO_MOUNTPOINT), Some((4, Err("No such mountpoint/stream 7".to_owned()))));
        assert_eq!(parse(NO_PLUGIN), Some((5, Err("No such plugin 'janus.plugin.none' (460)".to_owned()))));
    }

    #[test]
    fn what_answers_nothing_is_passed_over() {
        for text in [
            r#"{"janus":"ack","session_id":5,"transaction":"3"}"#,
            r#"{"janus":"webrtcup","session_id":5,"sender":6}"#,
            r#"{"janus":"media","session_id":5,"sender":6,"mid":"0","type":"audio","receiving":true}"#,
            r#"{"janus":"success","transaction":"mine"}"#,
            "",
            "[]",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
