//! What Twilio would call: a voice webhook, callbacks and a media socket, all of it written down.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt as _, StreamExt as _};
use loadtest::twilio::{Account, CallSpec, sign};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request as Handshake};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

pub(crate) const TOKEN: &str = "12345";

/// What the media socket does.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// Only listens.
    Listen,
    /// Says these things once it has heard `start`, with SID for the stream's id.
    Say(Vec<Message>),
    /// Closes with this code after so many messages.
    Close { after: usize, code: u16 },
    /// Ends the connection without a word after so many messages.
    Vanish { after: usize },
    /// Answers the handshake with this status.
    Refuse(StatusCode),
    /// Opens and never reads.
    Deaf,
    /// Sends these bytes, which are no frame, once it has heard `start`.
    Babble(&'static [u8]),
}

/// A request to the server.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) params: BTreeMap<String, String>,
    /// Whether its signature is right.
    pub(crate) signed: bool,
}

/// A media socket, from its handshake to its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Media {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) texts: Vec<String>,
    /// How it ended: a close frame, or what the socket said.
    pub(crate) end: String,
}

impl Media {
    /// The messages, parsed; bad ones are left out.
    pub(crate) fn messages(&self) -> Vec<Value> {
        self.texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect()
    }

    /// The messages of an event.
    pub(crate) fn of(&self, event: &str) -> Vec<Value> {
        self.messages().into_iter().filter(|message| message["event"] == event).collect()
    }
}

struct Shared {
    /// TwiML by path.
    twiml: BTreeMap<&'static str, String>,
    manner: Manner,
    host: String,
    media_host: String,
    webhooks: Mutex<Vec<Webhook>>,
    media: Mutex<Vec<Media>>,
    /// Media sockets accepted, and those that are over.
    opened: watch::Sender<usize>,
    closed: watch::Sender<usize>,
}

/// A running server. Its tasks end with the test's runtime.
pub(crate) struct Server {
    shared: Arc<Shared>,
}

impl Server {
    /// Answers the voice webhook with `twiml` in a `<Response>`.
    pub(crate) async fn start(twiml: &str, manner: Manner) -> Self {
        Self::with_pages(&[("/voice", twiml)], manner).await
    }

    /// Answers each of these paths with TwiML, and all others with 204. HTTP, WS and WSS stand for the
    /// server's addresses.
    pub(crate) async fn with_pages(pages: &[(&'static str, &str)], manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let media = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if matches!(manner, Manner::Deaf) {
            socket2::SockRef::from(&media).set_recv_buffer_size(4096).unwrap();
        }
        let (host, media_host) = (listener.local_addr().unwrap(), media.local_addr().unwrap());
        let fill = |text: &str| {
            let text = text.replace("HTTP", &format!("http://{host}"));
            let text = text.replace("WSS", &format!("wss://{media_host}"));
            let text = text.replace("WS", &format!("ws://{media_host}"));
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{text}</Response>")
        };
        let shared = Arc::new(Shared {
            twiml: pages.iter().map(|&(path, text)| (path, fill(text))).collect(),
            manner,
            host: host.to_string(),
            media_host: media_host.to_string(),
            webhooks: Mutex::default(),
            media: Mutex::default(),
            opened: watch::Sender::new(0),
            closed: watch::Sender::new(0),
        });
        let router = Router::new().fallback(webhook).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        tokio::spawn(accept(media, shared.clone()));
        Self { shared }
    }

    /// A call to it, whose status is reported to it.
    pub(crate) fn spec(&self) -> CallSpec {
        let sid = "AC0123456789abcdef0123456789abcdef".parse().unwrap();
        let account = Account { sid, auth_token: TOKEN.into() };
        CallSpec::new(account, self.http("/voice")).reporting_to(self.http("/status"))
    }

    pub(crate) fn http(&self, path: &str) -> String {
        format!("http://{}{path}", self.shared.host)
    }

    pub(crate) fn ws(&self, path: &str) -> String {
        format!("ws://{}{path}", self.shared.media_host)
    }

    /// Requests to this path so far.
    pub(crate) fn webhooks(&self, path: &str) -> Vec<Webhook> {
        let webhooks = self.shared.webhooks.lock().unwrap();
        webhooks.iter().filter(|webhook| webhook.path == path).cloned().collect()
    }

    /// All media sockets, once all that were opened are over.
    pub(crate) async fn media(&self) -> Vec<Media> {
        let opened = *self.shared.opened.borrow();
        let mut closed = self.shared.closed.subscribe();
        closed.wait_for(|closed| *closed >= opened).await.unwrap();
        self.shared.media.lock().unwrap().clone()
    }

    /// Waits until this many media sockets have been opened.
    pub(crate) async fn wait_opened(&self, count: usize) {
        self.shared.opened.subscribe().wait_for(|opened| *opened >= count).await.unwrap();
    }

    pub(crate) fn opened(&self) -> usize {
        *self.shared.opened.borrow()
    }
}

async fn webhook(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let url = format!("http://{}{}", shared.host, parts.uri);
    let signed =
        parts.headers.get("x-twilio-signature").is_some_and(|given| *given == *sign(TOKEN, &url, &form));
    let query = parts.uri.query().unwrap_or_default();
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    let webhook = Webhook {
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        params: form.into_iter().chain(query).collect(),
        signed,
    };
    let answer = shared.twiml.get(webhook.path.as_str()).cloned();
    shared.webhooks.lock().unwrap().push(webhook);
    match answer {
        Some(twiml) if signed => ([(header::CONTENT_TYPE, "text/xml")], twiml).into_response(),
        Some(_) => StatusCode::FORBIDDEN.into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((tcp, _)) = listener.accept().await {
        tokio::spawn(serve(tcp, shared.clone()));
    }
}

async fn serve(tcp: TcpStream, shared: Arc<Shared>) {
    let mut media = Media::default();
    let refused = match shared.manner {
        Manner::Refuse(status) => Some(status),
        _ => None,
    };
    #[expect(clippy::result_large_err, reason = "the library asks for it")]
    let note = |request: &Handshake, response| {
        media.path = request.uri().path().to_owned();
        media.headers = request.headers().clone();
        match refused {
            Some(status) => {
                let mut error = ErrorResponse::new(Some("no".to_owned()));
                *error.status_mut() = status;
                Err(error)
            }
            None => Ok(response),
        }
    };
    let Ok(mut ws) = accept_hdr_async(tcp, note).await else { return };
    shared.opened.send_modify(|opened| *opened += 1);
    media.end = match &shared.manner {
        Manner::Deaf => std::future::pending().await,
        manner => listen(&mut ws, manner, &mut media.texts).await,
    };
    shared.media.lock().unwrap().push(media);
    shared.closed.send_modify(|closed| *closed += 1);
}

/// Listens to the end, and says how it ended.
async fn listen(ws: &mut WebSocketStream<TcpStream>, manner: &Manner, texts: &mut Vec<String>) -> String {
    loop {
        match ws.next().await {
            Some(Ok(Message::Text(text))) => texts.push(text.to_string()),
            Some(Ok(Message::Close(frame))) => {
                // The answer to it is sent while the end is waited for.
                while ws.next().await.is_some() {}
                return format!("close {:?}", frame.map(|frame| u16::from(frame.code)));
            }
            Some(Ok(_)) => {}
            Some(Err(WsError::Io(error))) => return format!("{:?}", error.kind()),
            Some(Err(error)) => return error.to_string(),
            None => return "end".into(),
        }
        let started = texts.len() == 2;
        match manner {
            Manner::Say(messages) if started => say(ws, &texts[1], messages).await,
            Manner::Babble(bytes) if started => ws.get_mut().write_all(bytes).await.unwrap(),
            Manner::Close { after, code } if texts.len() == *after => {
                let frame = CloseFrame { code: (*code).into(), reason: "bye".into() };
                ws.close(Some(frame)).await.unwrap();
            }
            Manner::Vanish { after } if texts.len() == *after => return "vanished".into(),
            _ => {}
        }
    }
}

async fn say(ws: &mut WebSocketStream<TcpStream>, start: &str, messages: &[Message]) {
    let start: Value = serde_json::from_str(start).unwrap();
    let sid = start["streamSid"].as_str().unwrap();
    for message in messages {
        let message = match message {
            Message::Text(text) => Message::text(text.replace("SID", sid)),
            other => other.clone(),
        };
        ws.send(message).await.unwrap();
    }
}

/// Polls until a number is reached, as fast as the runtime goes: for what has no signal.
pub(crate) async fn wait_for(mut reached: impl FnMut() -> bool) {
    let (wake, mut woken) = mpsc::channel::<()>(1);
    while !reached() {
        let wake = wake.clone();
        tokio::spawn(async move { wake.send(()).await });
        woken.recv().await;
    }
}
