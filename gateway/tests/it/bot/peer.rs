//! The bot's end of a WebSocket: a server that takes one connection.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::server::PATIENCE;

/// Where it is.
pub(super) struct Door {
    listener: TcpListener,
    pub(super) addr: SocketAddr,
}

impl Door {
    pub(super) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        Self { listener, addr }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.addr)
    }

    pub(super) async fn tcp(&self) -> TcpStream {
        tokio::time::timeout(PATIENCE, self.listener.accept()).await.expect("somebody connects").unwrap().0
    }

    /// Takes a connection, and what its handshake was.
    pub(super) async fn enter(&self) -> (Peer, Request) {
        let mut shaken = None;
        #[expect(clippy::result_large_err, reason = "the library's type")]
        let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            shaken = Some(request.clone());
            Ok(response)
        };
        let socket = tokio_tungstenite::accept_hdr_async(self.tcp().await, look).await.unwrap();
        (Peer(socket), shaken.unwrap())
    }
}

/// One connection.
pub(super) struct Peer(pub(super) WebSocketStream<TcpStream>);

impl Peer {
    pub(super) async fn say(&mut self, message: &Value) {
        self.raw(Message::text(message.to_string())).await;
    }

    pub(super) async fn raw(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    pub(super) async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.raw(Message::Close(Some(frame))).await;
    }

    /// The next frame that is not a ping. `None`: the connection is closed.
    pub(super) async fn frame(&mut self) -> Option<Message> {
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next()).await.expect("something comes") {
                Some(Ok(Message::Ping(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The next message.
    pub(super) async fn hear(&mut self) -> Value {
        match self.frame().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?} for a message"),
        }
    }
}
