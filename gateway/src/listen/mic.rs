//! The control connection of a session's microphone: `GET <session>/mic`, a WebSocket.
//!
//! The browser says `{"talk":true}` or `{"talk":false}` whenever that changes, and while it talks at least each 300 ms.
//! It is answered with what is true: `{"mode":"join","talking":true,"heard_by":["caller","agents"]}`, at once, on
//! every change, and twice a second while it talks. A second without a word from it, or the end of the connection, closes the microphone. Whoever has the
//! session's URL may open it, and the newest one counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use common::token::Mode;
use gateway_core::call::PartyId;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep_until, timeout};

use super::Workers;
use super::mouth::ALIVE;
use super::registry::Record;
use crate::hub::Hub;

/// Largest message. Ours have 14 bytes.
pub(super) const MESSAGE: usize = 256;

/// Messages in a second: a browser that holds and releases sends a handful.
const MESSAGES: u32 = 50;

/// How long an answer may take to leave.
const SEND: Duration = Duration::from_secs(2);

/// How often it is told what is true while somebody talks.
const AGAIN: Duration = Duration::from_millis(500);

/// How often it is looked whether the session is still there.
const LOOK: Duration = Duration::from_secs(1);

/// What the browser says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    talk: bool,
}

/// What is true.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
struct Truth {
    mode: Mode,
    talking: bool,
    heard_by: &'static [&'static str],
}

impl Truth {
    fn of(record: &Record, now: Instant) -> Self {
        let mode = record.mouth.mode();
        let talking = record.mouth.is_open(now) && record.is_connected();
        Self { mode, talking, heard_by: if talking { heard_by(mode) } else { &[] } }
    }
}

/// Who hears somebody, by what they may do. The table itself is in `gateway_core::call`.
const fn heard_by(mode: Mode) -> &'static [&'static str] {
    match mode {
        Mode::Listen => &[],
        Mode::Whisper => &["agents"],
        Mode::Join | Mode::Takeover => &["caller", "agents"],
    }
}

/// Serves the connection to its end.
pub(super) async fn serve(mut socket: WebSocket, record: Arc<Record>, workers: Workers, hub: Arc<Hub>) {
    let metrics = &workers.metrics().speech;
    metrics.connections.inc();
    let close = talk(&mut socket, &record, &workers, &hub).await;
    metrics.connections.dec();
    hush(&record, &hub, Instant::now());
    if let Some((code, reason)) = close {
        let frame = CloseFrame { code, reason: reason.into() };
        let _gone_already = timeout(SEND, socket.send(Message::Close(Some(frame)))).await;
    }
}

/// Until something ends it: how to close, if there is anybody to tell.
async fn talk(
    socket: &mut WebSocket,
    record: &Arc<Record>,
    workers: &Workers,
    hub: &Hub,
) -> Option<(u16, &'static str)> {
    let mut modes = record.mouth.modes();
    let mut told = None;
    let (mut since, mut messages, mut told_at) = (Instant::now(), 0, Instant::now());
    let mut due = Instant::now() + LOOK;
    loop {
        let now = Instant::now();
        if workers.registry().find(&record.secret).is_none() {
            return Some((1000, "the session is over"));
        }
        let truth = Truth::of(record, now);
        // Said again while it talks: silence of ours then means that nothing arrives any more.
        let is_due = truth.talking && now.saturating_duration_since(told_at) >= AGAIN;
        if told != Some(truth) || is_due {
            told_at = now;
            let text = serde_json::to_string(&truth).expect("words and yes or no are JSON");
            match timeout(SEND, socket.send(Message::text(text))).await {
                Ok(Ok(())) => told = Some(truth),
                Ok(Err(_)) | Err(_) => return None,
            }
        }
        let received = tokio::select! {
            received = socket.recv() => Some(received),
            _ = modes.changed() => None,
            () = sleep_until(due.into()) => None,
        };
        let now = Instant::now();
        due = now + if record.mouth.is_talking(now) { ALIVE / 10 } else { LOOK };
        let Some(received) = received else {
            if told.is_some_and(|told| told.talking) && !record.mouth.is_talking(now) {
                workers.metrics().speech.cut_off.inc();
                hush(record, hub, now);
            }
            continue;
        };
        if now.saturating_duration_since(since) >= Duration::from_secs(1) {
            (since, messages) = (now, 0);
        }
        messages += 1;
        if messages > MESSAGES {
            return Some((1008, "too many messages"));
        }
        match received {
            Some(Ok(Message::Text(text))) => match serde_json::from_str::<Word>(&text) {
                Ok(Word { talk: true }) => {
                    record.mouth.set_talking(now, true);
                    due = now + ALIVE / 10;
                }
                Ok(Word { talk: false }) => hush(record, hub, now),
                Err(_) => return Some((1008, "not {\"talk\":true} or {\"talk\":false}")),
            },
            Some(Ok(Message::Binary(_))) => return Some((1003, "text alone")),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
        }
    }
}

/// Closes the microphone, and sees to it that nothing it has sent is heard any more.
fn hush(record: &Record, hub: &Hub, now: Instant) {
    record.mouth.set_talking(now, false);
    if let Some(call) = hub.find(record.grant.tenant, record.grant.call) {
        call.hush(PartyId(record.tag));
    }
}
