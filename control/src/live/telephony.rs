//! The live socket of telephony frontends: calls' status, what customers say, and messages to speak to them.
//!
//! Its protocol is older than ours and is kept to the letter. Audio does not come this way: Twilio's goes to a
//! gateway, which speaks lines by itself; so `audio_data` of `agent_tts_audio` is empty, and one sent is refused.

use std::collections::HashSet;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket};
use axum::http::request::Parts;
use axum::response::Response;
use common::CallId;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::audience::Audience;
use super::socket::{End, KEEPALIVE, PAGE, RESUME, SEND, SILENCE, code, enter, failed, say_goodbye};
use super::{Next, Seat};
use crate::App;
use crate::api::extract::Query;
use crate::api::line::hang_up;
use crate::api::say::{Say, queue};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::model::{CallRef, CallStatus, EventType, Outcome, Role, Scope, Sender};
use crate::store::LiveMessage;

/// Longest message that a client may send, in bytes: a second of audio in base64, with room.
const MAX_MESSAGE: usize = 64 * 1024;

/// Messages a client may send in [`KEEPALIVE`]: audio in frames of 20 ms, and little else.
const MAX_MESSAGES: u32 = 400;

/// Calls that one socket follows at most.
const MAX_CALLS: usize = 100;

/// What the query may say. What a client knows beside is of no use here.
#[derive(Deserialize)]
pub(crate) struct TelephonyQuery {
    /// The access token. A client that can, sends the subprotocol `bearer.<token>` instead.
    token: Option<String>,
    /// The call to follow.
    call_id: Option<String>,
}

/// Calls' status, what customers say and messages to speak to them, as a WebSocket for telephony frontends.
///
/// It tells `call_status_update` of all calls; of those that it follows, by `call_id` in the query or
/// `init_telephony_stream`, `customer_transcript` and what became of each `agent_message`: `agent_tts_audio`, without
/// audio, when the caller has heard it, else `telephony_error`. `update_call_status` with `ended` ends a call.
#[utoipa::path(get, path = "/api/ws/telephony/stream", tag = "live",
    security(("bearer" = ["calls:read"])),
    params(
        ("token" = Option<String>, Query, description = "The access token or API key, unless the subprotocol has it"),
        ("call_id" = Option<String>, Query, description = "The call to follow: `call_…`, or Twilio's `CA…`"),
        ("language" = Option<String>, Query, description = "Taken, and of no effect"),
        ("model" = Option<String>, Query, description = "Taken, and of no effect"),
        ("client_type" = Option<String>, Query, description = "Taken, and of no effect"),
    ),
    responses(
        (status = 101, description = "A WebSocket"),
        (status = 401, description = "No token, or a bad one", body = crate::error::Problem),
        (status = 403, description = "The page's origin is not allowed", body = crate::error::Problem),
    ))]
pub(crate) async fn telephony(
    State(app): State<App>,
    Query(query): Query<TelephonyQuery>,
    mut parts: Parts,
) -> Result<Response, ApiError> {
    let (caller, seat, upgrade) = enter(&app, query.token.as_deref(), &mut parts).await?;
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let audience = (caller.role() == Role::Agent).then(|| Audience::new(caller.user()));
        let (position, heard_at, calls) = (0, Instant::now(), HashSet::new());
        Telephony { app, caller, audience, socket, seat, calls, position, heard_at, messages: 0 }
            .run(query.call_id)
            .await;
    }))
}

/// What a client says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    InitTelephonyStream {
        call_id: String,
    },
    AgentMessage {
        call_id: String,
        message: String,
        #[serde(default)]
        language: Option<String>,
    },
    UpdateCallStatus {
        call_id: String,
        status: String,
    },
    AudioData {
        #[serde(default)]
        call_id: String,
    },
    Ping,
    #[serde(other)]
    Unknown,
}

/// An event, as far as it matters here.
#[derive(Deserialize)]
struct Event {
    r#type: EventType,
    call_id: CallId,
    at: String,
    call: Option<EventCall>,
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize)]
struct EventCall {
    customer_number: String,
    organization_number: String,
}

struct Telephony {
    app: App,
    caller: Caller,
    audience: Option<Audience>,
    socket: WebSocket,
    seat: Seat,
    /// The calls that it follows.
    calls: HashSet<CallId>,
    /// Number of the last event that was looked at.
    position: i64,
    heard_at: Instant,
    /// What the client said since the last keep-alive.
    messages: u32,
}

impl Telephony {
    async fn run(mut self, call: Option<String>) {
        let Err(end) = self.serve(call).await;
        say_goodbye(&mut self.socket, end).await;
    }

    async fn serve(&mut self, call: Option<String>) -> Result<std::convert::Infallible, End> {
        let mut stopped = std::pin::pin!(self.app.stopped());
        let expiry = sleep_until(Instant::now() + self.caller.expires_in(OffsetDateTime::now_utc()));
        let mut expiry = std::pin::pin!(expiry);
        let mut keepalive = interval(KEEPALIVE);
        keepalive.set_missed_tick_behavior(MissedTickBehavior::Delay);

        let snapshot = self.app.store.snapshot(self.caller.tenant()).await;
        let mut snapshot = snapshot.map_err(|error| failed(&error))?;
        self.position = snapshot.seq;
        snapshot.calls.retain(|call| self.caller.sees(call));
        if let Some(audience) = &mut self.audience {
            audience.begin(&snapshot.calls);
        }
        if let Some(call) = call {
            self.follow(&call).await?;
        }
        loop {
            self.catch_up().await?;
            tokio::select! {
                () = self.seat.changed() => {}
                received = self.socket.recv() => self.handle(received).await?,
                _ = keepalive.tick() => self.keep_alive().await?,
                () = &mut expiry => return Err(Some((code::TOKEN, "token expired"))),
                () = &mut stopped => return Err(Some((code::GOING_AWAY, "going away"))),
            }
        }
    }

    /// Tells of all events that there are.
    async fn catch_up(&mut self) -> Result<(), End> {
        loop {
            match self.seat.after(self.position) {
                Next::Messages(messages) if messages.is_empty() => return Ok(()),
                Next::Messages(messages) => {
                    for message in messages {
                        self.tell(&message).await?;
                    }
                }
                Next::Behind => {
                    let tenant = self.caller.tenant();
                    let newest = self.app.store.event_newest(tenant).await.map_err(|error| failed(&error))?;
                    // What is older nobody waits for any more.
                    self.position = self.position.max(newest - RESUME);
                    let page = self.app.store.event_replay(tenant, self.position, PAGE).await;
                    let page = page.map_err(|error| failed(&error))?;
                    if page.is_empty() {
                        return Ok(());
                    }
                    for message in page {
                        self.tell(&message).await?;
                    }
                }
            }
        }
    }

    /// Tells of an event, if there is a word for it.
    async fn tell(&mut self, message: &LiveMessage) -> Result<(), End> {
        self.position = message.seq;
        let text = match &mut self.audience {
            None => Some(message.text.clone()),
            Some(audience) => audience.text(message),
        };
        let Some(event) = text.and_then(|text| serde_json::from_str::<Event>(&text).ok()) else {
            return Ok(());
        };
        match words(&event, self.calls.contains(&event.call_id)) {
            Some(words) => self.send(words).await,
            None => Ok(()),
        }
    }

    async fn handle(&mut self, received: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        self.heard_at = Instant::now();
        self.messages += 1;
        if self.messages > MAX_MESSAGES {
            return Err(Some((code::POLICY, "too many messages")));
        }
        let text = match received {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => return Err(Some((1003, "text only"))),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(None),
        };
        match serde_json::from_str(&text) {
            Ok(Said::Ping) => self.send(json!({ "type": "pong" })).await,
            Ok(Said::InitTelephonyStream { call_id }) => self.follow(&call_id).await,
            Ok(Said::AgentMessage { call_id, message, language }) => {
                let done = self.speak(&call_id, message, language).await;
                self.complain(&call_id, "TTS_ERROR", done).await
            }
            Ok(Said::UpdateCallStatus { call_id, status }) => {
                let done = self.set_status(&call_id, &status).await;
                self.complain(&call_id, "TWILIO_ERROR", done).await
            }
            Ok(Said::AudioData { call_id }) => {
                let why = "the customer's voice comes from the call itself, and is not taken here";
                self.complain(&call_id, "STT_ERROR", Err(ApiError::BadRequest(why.into()))).await
            }
            // What a newer client says to an older server.
            Ok(Said::Unknown) => Ok(()),
            Err(_) => {
                let why = Err(ApiError::BadRequest("not a message of this protocol".into()));
                self.complain("", "CONNECTION_FAILED", why).await
            }
        }
    }

    /// Follows a call from now on.
    async fn follow(&mut self, call_id: &str) -> Result<(), End> {
        let found = self.find(call_id).await;
        match found {
            Ok(call) if self.calls.len() < MAX_CALLS || self.calls.contains(&call) => {
                self.calls.insert(call);
                self.send(json!({ "type": "telephony_connected", "call_id": call_id, "status": "ready" }))
                    .await
            }
            Ok(_) => {
                let why = Err(ApiError::BadRequest("one socket follows 100 calls at most".into()));
                self.complain(call_id, "CONNECTION_FAILED", why).await
            }
            Err(error) => self.complain(call_id, "CONNECTION_FAILED", Err(error)).await,
        }
    }

    async fn find(&mut self, call_id: &str) -> Result<CallId, ApiError> {
        let call: CallRef = call_id.parse().map_err(|_| ApiError::NotFound)?;
        let call = self.app.store.call_fetch(self.caller.tenant(), call).await?;
        self.caller.must_see(&call)?;
        Ok(call.id)
    }

    async fn speak(&mut self, call_id: &str, text: String, language: Option<String>) -> Result<(), ApiError> {
        self.caller.within(Scope::CallsSpeak)?;
        let call = self.find(call_id).await?;
        let language = language.filter(|language| language != "auto");
        queue(&self.app, &self.caller, CallRef::Id(call), Say { text, language, voice: None }).await?;
        // Whoever speaks wants to know what becomes of it.
        if self.calls.len() < MAX_CALLS {
            self.calls.insert(call);
        }
        Ok(())
    }

    /// That it was answered, Twilio says; that it ends, anybody may.
    async fn set_status(&mut self, call_id: &str, status: &str) -> Result<(), ApiError> {
        let call = self.find(call_id).await?;
        match status {
            "ended" => {
                self.caller.within(Scope::CallsSpeak)?;
                hang_up(&self.app, &self.caller, CallRef::Id(call)).await
            }
            "answered" | "in_progress" => Ok(()),
            _ => Err(ApiError::BadRequest("status must be answered, in_progress or ended".into())),
        }
    }

    async fn complain(
        &mut self,
        call_id: &str,
        error_code: &str,
        done: Result<(), ApiError>,
    ) -> Result<(), End> {
        let Err(error) = done else { return Ok(()) };
        let timestamp = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        self.send(json!({
            "type": "telephony_error",
            "call_id": call_id.chars().take(100).collect::<String>(),
            "error_code": error_code,
            "message": error.to_string(),
            "timestamp": timestamp,
        }))
        .await
    }

    async fn keep_alive(&mut self) -> Result<(), End> {
        self.messages = 0;
        if self.heard_at.elapsed() > SILENCE {
            return Err(None);
        }
        match self.caller.still_stands(&self.app).await {
            Ok(true) => self.put(Message::Ping(Default::default())).await,
            Ok(false) => Err(Some((code::TOKEN, "signed out"))),
            // The database is away: what was granted stays so until the token ends.
            Err(_) => Ok(()),
        }
    }

    async fn send(&mut self, message: Value) -> Result<(), End> {
        self.put(Message::text(message.to_string())).await
    }

    async fn put(&mut self, message: Message) -> Result<(), End> {
        match timeout(SEND, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(None),
            Err(_) => Err(Some((code::SLOW, "too slow"))),
        }
    }
}

/// An event in this protocol's words. `None`: it has none for it, or the call is not followed.
fn words(event: &Event, is_followed: bool) -> Option<Value> {
    let status = match event.r#type {
        EventType::CallIncoming => Some("incoming"),
        EventType::CallAnswered => Some("answered"),
        EventType::CallMedia if event.data["live"] == true => Some(CallStatus::InProgress.as_str()),
        EventType::CallEnded => Some("ended"),
        _ => None,
    };
    if let Some(status) = status {
        let call = event.call.as_ref()?;
        return Some(json!({
            "type": "call_status_update",
            "call_id": event.call_id,
            "status": status,
            "customer_number": call.customer_number,
            "organization_number": call.organization_number,
            "timestamp": event.at,
        }));
    }
    let message = &event.data["message"];
    match event.r#type {
        EventType::TranscriptFinal if is_followed && message["sender_type"] == Sender::Customer.as_str() => {
            Some(json!({
                "type": "customer_transcript",
                "call_id": event.call_id,
                "transcript": message["content"],
                "is_final": true,
                "confidence": message["confidence"],
                "detected_language": message["detected_language"],
                "timestamp": event.at,
            }))
        }
        EventType::MessageSent if is_followed && message["outcome"] == Outcome::Spoken.as_str() => {
            Some(json!({
                "type": "agent_tts_audio",
                "call_id": event.call_id,
                "audio_data": "",
                "message": message["content"],
                "timestamp": event.at,
            }))
        }
        EventType::MessageSent if is_followed => Some(json!({
            "type": "telephony_error",
            "call_id": event.call_id,
            "error_code": "TTS_ERROR",
            "message": format!("the message was not spoken to its end: {}", message["outcome"]),
            "timestamp": event.at,
        })),
        _ => None,
    }
}
