//! A bot that answers calls: a server of Twilio's Media Streams protocol, as a voice-AI company runs one.
//!
//! It knows nothing of Partyline. It says something over and over, in stretches of half a second with a mark behind each, as
//! one that makes speech does, and keeps what it hears.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::audio::{Audio, RATE, ulaw};
use crate::tone::Tone;

/// How much it says at a time.
const STRETCH: Duration = Duration::from_millis(500);

/// How soon it dies when it is told to.
const LOOK: Duration = Duration::from_millis(20);

/// Samples it keeps of what it hears: the newest quarter of a second.
const KEPT: usize = 2000;

/// A running bot. Dropping it stops it.
#[derive(Debug)]
pub struct Bot {
    url: String,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    connections: AtomicUsize,
    marks: AtomicUsize,
    dead: AtomicBool,
    start: Mutex<Value>,
    heard: Mutex<Vec<i16>>,
}

impl Bot {
    /// Serves on a port of its own, and says this on each call from the beginning.
    ///
    /// # Errors
    ///
    /// When there is no port.
    pub async fn start(says: Audio) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/media", listener.local_addr()?);
        let (shared, mut server) = (Arc::new(Shared::default()), JoinSet::new());
        server.spawn({
            let shared = shared.clone();
            async move {
                let mut talking = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    talking.spawn(talk(stream, shared.clone(), says.clone()));
                }
            }
        });
        Ok(Self { url, shared, _server: server })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The amplitude of a tone in what it has heard last.
    pub fn hears(&self, tone: Tone) -> f32 {
        tone.amplitude_in(&lock(&self.shared.heard), RATE)
    }

    /// The newest `start` that it got; null if none.
    pub fn start_message(&self) -> Value {
        lock(&self.shared.start).clone()
    }

    /// How many of its marks came back.
    pub fn marks(&self) -> usize {
        self.shared.marks.load(Ordering::SeqCst)
    }

    /// How many connections it has had.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Breaks its connections without a word, as a process does that is killed.
    pub fn die(&self) {
        self.shared.dead.store(true, Ordering::SeqCst);
    }
}

async fn talk(stream: TcpStream, shared: Arc<Shared>, says: Audio) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let (mut ulaw, mut at) = ([0; RATE as usize / 2], 0);
    let (mut stretch, mut look) = (tokio::time::interval(STRETCH), tokio::time::interval(LOOK));
    let mut sid = Value::Null;
    loop {
        tokio::select! {
            received = socket.next() => {
                let Some(Ok(message)) = received else { return };
                let Message::Text(text) = message else { continue };
                let Ok(message) = serde_json::from_str::<Value>(&text) else { return };
                match message["event"].as_str() {
                    Some("start") => {
                        sid = message["streamSid"].clone();
                        *lock(&shared.start) = message;
                    }
                    Some("media") => hear(&shared, &message),
                    Some("mark") => drop(shared.marks.fetch_add(1, Ordering::SeqCst)),
                    _ => {}
                }
            }
            _ = stretch.tick(), if sid.is_string() => {
                says.fill(at, true, &mut ulaw);
                at += ulaw.len() as u64;
                let payload = STANDARD.encode(ulaw);
                let media = json!({ "event": "media", "streamSid": sid, "media": { "payload": payload } });
                let mark = json!({ "event": "mark", "streamSid": sid, "mark": { "name": "half a second" } });
                for message in [media, mark] {
                    if socket.send(Message::text(message.to_string())).await.is_err() {
                        return;
                    }
                }
            }
            _ = look.tick() => if shared.dead.load(Ordering::SeqCst) { return },
        }
    }
}

fn hear(shared: &Shared, message: &Value) {
    let payload = message["media"]["payload"].as_str().unwrap_or_default();
    let mut heard = lock(&shared.heard);
    heard.extend(ulaw::decode_all(&STANDARD.decode(payload).unwrap_or_default()));
    let old = heard.len().saturating_sub(KEPT);
    heard.drain(..old);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
