//! Twilio, as far as a gateway sees it: a WebSocket client with a signature, a ticket and a grant.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::token::{SignatureDigests, StreamGrant, StreamKind, StreamTicket};
use common::{AccountSid, CallId, CallSid, StreamSid, TenantId, TicketId};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use uuid::Uuid;

use crate::server::{PATIENCE, Server};

/// What Twilio shows as `X-Twilio-Signature` here. Only its digest is ever compared.
pub(crate) const SIGNATURE: &str = "okykUWKkAOgQseVjzERZh4soLeU=";

/// A call, as control has registered it and as Twilio will name it.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) ticket: StreamTicket,
    pub(crate) grant: StreamGrant,
    pub(crate) stream: StreamSid,
    pub(crate) tracks: Vec<&'static str>,
}

impl Line {
    /// A new call with both voices.
    pub(crate) fn new() -> Self {
        let exp = OffsetDateTime::now_utc().unix_timestamp() + 60;
        let call_sid: CallSid = sid("CA").parse().unwrap();
        let account_sid: AccountSid = sid("AC").parse().unwrap();
        let id = TicketId::new();
        let (tenant, call, kind) = (TenantId::new(), CallId::new(), StreamKind::Monitor);
        Self {
            ticket: StreamTicket { id, tenant, call, call_sid, account_sid, kind, exp },
            grant: StreamGrant {
                ticket: id,
                call_sid,
                account_sid,
                signatures: SignatureDigests::of([SIGNATURE, "the same with a port"]),
                exp,
            },
            stream: sid("MZ").parse().unwrap(),
            tracks: vec!["inbound", "outbound"],
        }
    }

    /// Another stream of the same call, with fresh tokens.
    pub(crate) fn again(&self) -> Self {
        let mut again = Self { stream: sid("MZ").parse().unwrap(), ..self.clone() };
        again.ticket.id = TicketId::new();
        again.grant.ticket = again.ticket.id;
        again
    }

    /// The path that control puts into the TwiML.
    pub(crate) fn path(&self, server: &Server) -> String {
        format!("/twilio/media/{}", server.signer.sign(&self.ticket))
    }

    /// The `start` message.
    pub(crate) fn start(&self, server: &Server) -> Value {
        json!({
            "event": "start",
            "sequenceNumber": "1",
            "start": {
                "accountSid": self.ticket.account_sid,
                "streamSid": self.stream,
                "callSid": self.ticket.call_sid,
                "tracks": self.tracks,
                "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
                "customParameters": { "grant": server.signer.sign(&self.grant) },
            },
            "streamSid": self.stream,
        })
    }

    /// 20 ms of one voice.
    pub(crate) fn media(&self, track: &str, timestamp: u32) -> Value {
        json!({
            "event": "media",
            "sequenceNumber": (timestamp / 20 + 2).to_string(),
            "media": {
                "track": track,
                "chunk": "1",
                "timestamp": timestamp.to_string(),
                "payload": STANDARD.encode([0x55; 160]),
            },
            "streamSid": self.stream,
        })
    }

    pub(crate) fn dtmf(&self, digit: &str) -> Value {
        let dtmf = json!({ "track": "inbound_track", "digit": digit });
        json!({ "event": "dtmf", "streamSid": self.stream, "sequenceNumber": "3", "dtmf": dtmf })
    }

    pub(crate) fn stop(&self) -> Value {
        let stop = json!({ "accountSid": self.ticket.account_sid, "callSid": self.ticket.call_sid });
        json!({ "event": "stop", "sequenceNumber": "5", "stop": stop, "streamSid": self.stream })
    }

    /// Opens the socket and says nothing yet.
    pub(crate) async fn connect(&self, server: &Server) -> Twilio {
        let path = self.path(server);
        Twilio::connect(server.addr, &path).await.expect("the ticket is good")
    }

    /// Opens the stream and waits until the gateway says that it has started.
    pub(crate) async fn begin(&self, server: &mut Server) -> Twilio {
        let mut twilio = self.connect(server).await;
        twilio.send(&json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" })).await;
        twilio.send(&self.start(server)).await;
        let started = server.event().await;
        assert!(matches!(started, common::bus::NodeEvent::StreamStarted { .. }), "{started:?}");
        twilio
    }
}

/// One socket.
pub(crate) struct Twilio(WebSocketStream<TcpStream>);

impl Twilio {
    /// Shakes hands as Twilio does: signed, without origin, subprotocol or extension.
    pub(crate) async fn connect(addr: SocketAddr, path: &str) -> Result<Self, Error> {
        let mut request = format!("ws://{addr}{path}").into_client_request().unwrap();
        request.headers_mut().insert("x-twilio-signature", SIGNATURE.parse().unwrap());
        let socket = TcpStream::connect(addr).await.unwrap();
        socket.set_nodelay(true).unwrap();
        tokio_tungstenite::client_async(request, socket).await.map(|(socket, _)| Self(socket))
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_raw(Message::text(message.to_string())).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// The next message. `None`: the socket is closed.
    pub(crate) async fn next(&mut self) -> Option<Result<Message, Error>> {
        tokio::time::timeout(PATIENCE, self.0.next()).await.expect("something comes")
    }

    /// Waits for the close frame, and for the end of the connection behind it.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let frame = match self.next().await {
            Some(Ok(Message::Close(Some(frame)))) => frame,
            other => panic!("{other:?} for a close frame"),
        };
        assert!(self.next().await.is_none(), "closed in order");
        (frame.code.into(), frame.reason.to_string())
    }

    /// The connection underneath, for what no client would send.
    pub(crate) fn into_tcp(self) -> TcpStream {
        self.0.into_inner()
    }
}

fn sid(letters: &str) -> String {
    format!("{letters}{}", Uuid::new_v4().simple())
}
