//! One live socket: a snapshot, then every event after it.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::audience::Audience;
use super::{Next, Seat};
use crate::App;
use crate::api::extract::Query;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::model::{LiveSnapshot, Role, Scope, SnapshotWord};
use crate::store::LiveMessage;

/// Longest message that a client may send, in bytes. It has nothing to say but `ping`.
const MAX_MESSAGE: usize = 4096;

/// Messages a client may send in [`KEEPALIVE`]; more is a fault.
const MAX_MESSAGES: u32 = 100;

/// How long one message may take to leave. A client that reads slower is closed with 4008.
pub(super) const SEND: Duration = Duration::from_secs(10);

/// How often we ping, and look whether the sign-in still stands.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(4);

/// How long a client may be silent. Browsers answer our pings by themselves.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// Missed events that are sent one by one. A client further behind gets a new snapshot.
pub(super) const RESUME: i64 = 2000;

/// Events read from the database at a time.
pub(super) const PAGE: u16 = 200;

/// Close codes, the client's cue what to do.
pub(super) mod code {
    /// The server is going away: reconnect.
    pub(in crate::live) const GOING_AWAY: u16 = 1001;
    /// The client sent what it may not.
    pub(in crate::live) const POLICY: u16 = 1008;
    /// The database failed: reconnect.
    pub(in crate::live) const INTERNAL: u16 = 1011;
    /// The access token expired or the sign-in ended: refresh, then reconnect with `since`.
    pub(in crate::live) const TOKEN: u16 = 4001;
    /// The client reads too slowly: reconnect with `since`.
    pub(in crate::live) const SLOW: u16 = 4008;
}

/// What the query of a live socket may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiveQuery {
    /// The access token. A client that can, sends the subprotocol `bearer.<token>` instead.
    token: Option<String>,
    /// The number of the last event that the client has.
    since: Option<i64>,
}

/// Live events, as a WebSocket.
///
/// Authenticate with `?token=` or the subprotocol `bearer.<token>`. The first message is a `LiveSnapshot`,
/// each further one a `LiveEvent`. `?since=<seq>` gives all events after that number behind the snapshot.
/// The text `ping` or `{"type":"ping"}` is answered by `{"type":"pong"}`. Close codes: 4001 refresh the
/// token and reconnect, 4008 too slow, reconnect; both with `since`.
#[utoipa::path(get, path = "/api/live", tag = "live",
    security(("bearer" = ["calls:read"])),
    params(
        ("token" = Option<String>, Query, description = "The access token or API key, unless the subprotocol has it"),
        ("since" = Option<i64>, Query, description = "Number of the last event that the client has"),
    ),
    responses(
        (status = 101, description = "A WebSocket"),
        (status = 401, description = "No token, or a bad one", body = crate::error::Problem),
        (status = 403, description = "The page's origin is not allowed", body = crate::error::Problem),
    ))]
pub(crate) async fn live(
    State(app): State<App>,
    Query(query): Query<LiveQuery>,
    mut parts: Parts,
) -> Result<Response, ApiError> {
    let (caller, seat, upgrade) = enter(&app, query.token.as_deref(), &mut parts).await?;
    Ok(upgrade.on_upgrade(move |socket| async move {
        let since = query.since;
        let audience = (caller.role() == Role::Agent).then(|| Audience::new(caller.user()));
        Live { app, caller, audience, socket, seat, position: 0, heard_at: Instant::now(), messages: 0 }
            .run(since)
            .await;
    }))
}

/// Lets a live socket in: from an allowed page, with a token that may read calls, and a place that is free.
pub(super) async fn enter(
    app: &App,
    token: Option<&str>,
    parts: &mut Parts,
) -> Result<(Caller, Seat, WebSocketUpgrade), ApiError> {
    if parts.headers.get(header::ORIGIN).is_some_and(|origin| !app.origin_is_allowed(origin)) {
        return Err(ApiError::Forbidden("this page's origin is not allowed"));
    }
    let offered = bearer_protocol(&parts.headers);
    let token = token.or(offered.as_deref()).ok_or(ApiError::Unauthorized)?;
    let caller = Caller::of_token(app, token, parts).await?;
    caller.within(Scope::CallsRead)?;
    let upgrade = WebSocketUpgrade::from_request_parts(parts, app)
        .await
        .map_err(|_| ApiError::BadRequest("this is a WebSocket: send an upgrade".into()))?;
    let Some(seat) = app.hub.enter(caller.tenant(), caller.user()) else {
        app.metrics.rate_limited.with_label_values(&["live"]).inc();
        return Err(ApiError::TooMany(Duration::from_secs(10)));
    };
    // A browser gives up unless the server takes one of the protocols that it offers.
    let taken = offered.map(|token| format!("bearer.{token}"));
    let upgrade = upgrade
        .protocols(["partyline".to_owned()].into_iter().chain(taken))
        .read_buffer_size(4096)
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE);
    Ok((caller, seat, upgrade))
}

/// The token in a `bearer.<token>` among the offered subprotocols.
fn bearer_protocol(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix("bearer.").map(str::to_owned))
}

/// Why a socket ends: the code and reason it is closed with, `None` when there is nobody to tell.
pub(super) type End = Option<(u16, &'static str)>;

/// Tells the client of the end, if it is one that it may be told.
pub(super) async fn say_goodbye(socket: &mut WebSocket, end: End) {
    if let Some((code, reason)) = end {
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        let _gone_already = timeout(Duration::from_secs(1), socket.send(close)).await;
    }
}

struct Live {
    app: App,
    caller: Caller,
    /// What of all events an agent is told. `None`: everything.
    audience: Option<Audience>,
    socket: WebSocket,
    seat: Seat,
    /// Number of the last event that the client was sent.
    position: i64,
    heard_at: Instant,
    /// What the client said since the last keep-alive.
    messages: u32,
}

impl Live {
    async fn run(mut self, since: Option<i64>) {
        let Err(end) = self.serve(since).await;
        say_goodbye(&mut self.socket, end).await;
    }

    async fn serve(&mut self, since: Option<i64>) -> Result<std::convert::Infallible, End> {
        let mut stopped = std::pin::pin!(self.app.stopped());
        let expiry = sleep_until(Instant::now() + self.caller.expires_in(OffsetDateTime::now_utc()));
        let mut expiry = std::pin::pin!(expiry);
        let mut keepalive = interval(KEEPALIVE);
        keepalive.set_missed_tick_behavior(MissedTickBehavior::Delay);

        self.begin(since).await?;
        loop {
            self.catch_up().await?;
            tokio::select! {
                () = self.seat.changed() => {}
                received = self.socket.recv() => self.handle_message(received).await?,
                _ = keepalive.tick() => self.keep_alive().await?,
                () = &mut expiry => return Err(Some((code::TOKEN, "token expired"))),
                () = &mut stopped => return Err(Some((code::GOING_AWAY, "going away"))),
            }
        }
    }

    /// Sends the snapshot from which events follow.
    async fn begin(&mut self, since: Option<i64>) -> Result<(), End> {
        let now = OffsetDateTime::now_utc();
        let snapshot = self.app.store.snapshot(self.caller.tenant()).await;
        let mut snapshot = snapshot.map_err(|error| failed(&error))?;
        snapshot.calls.retain(|call| self.caller.sees(call));
        if let Some(audience) = &mut self.audience {
            audience.begin(&snapshot.calls);
        }
        // A number from the future is from before a database was put back: nothing to resume.
        let since =
            since.filter(|&since| (snapshot.seq - RESUME..=snapshot.seq).contains(&since) && since >= 0);
        self.position = since.unwrap_or(snapshot.seq);
        let message = LiveSnapshot {
            kind: SnapshotWord::Snapshot,
            seq: self.position,
            at: now,
            resumed: since.is_some(),
            calls: snapshot.calls,
        };
        let text = serde_json::to_string(&message).map_err(|_| None)?;
        self.send(Message::text(text)).await?;
        if self.position < snapshot.seq {
            // The hub may not know of events from before anybody listened.
            self.replay().await?;
        }
        Ok(())
    }

    /// Sends all events that there are.
    async fn catch_up(&mut self) -> Result<(), End> {
        loop {
            match self.seat.after(self.position) {
                Next::Messages(messages) if messages.is_empty() => return Ok(()),
                Next::Messages(messages) => {
                    for message in messages {
                        self.tell(message).await?;
                    }
                }
                Next::Behind => self.replay().await?,
            }
        }
    }

    /// Sends an event, if it is for them.
    async fn tell(&mut self, message: LiveMessage) -> Result<(), End> {
        let seq = message.seq;
        let text = match &mut self.audience {
            None => Some(message.text),
            Some(audience) => audience.text(&message),
        };
        if let Some(text) = text {
            self.send(Message::Text(text)).await?;
        }
        self.position = seq;
        Ok(())
    }

    /// Sends the events that are in the database, or a new snapshot when there are too many.
    async fn replay(&mut self) -> Result<(), End> {
        let tenant = self.caller.tenant();
        let began_at = self.position;
        loop {
            let page = self.app.store.event_replay(tenant, self.position, PAGE).await;
            let page = page.map_err(|error| failed(&error))?;
            let full = page.len() == usize::from(PAGE);
            for message in page {
                self.tell(message).await?;
            }
            if !full {
                return Ok(());
            }
            if self.position - began_at > RESUME {
                // Boxed, for `begin` may come back here.
                return Box::pin(self.begin(None)).await;
            }
        }
    }

    async fn handle_message(&mut self, received: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        self.heard_at = Instant::now();
        self.messages += 1;
        if self.messages > MAX_MESSAGES {
            return Err(Some((code::POLICY, "too many messages")));
        }
        match received {
            Some(Ok(Message::Text(text))) => match is_ping(&text) {
                true => self.send(Message::text(r#"{"type":"pong"}"#)).await,
                // What a newer client says to a newer server. Nothing here depends on it.
                false => Ok(()),
            },
            Some(Ok(Message::Binary(_))) => Err(Some((1003, "text only"))),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(None),
        }
    }

    async fn keep_alive(&mut self) -> Result<(), End> {
        self.messages = 0;
        if self.heard_at.elapsed() > SILENCE {
            return Err(None);
        }
        match self.caller.still_stands(&self.app).await {
            Ok(true) => self.send(Message::Ping(Default::default())).await,
            Ok(false) => Err(Some((code::TOKEN, "signed out"))),
            // The database is away: what was granted stays so until the token ends.
            Err(_) => Ok(()),
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(SEND, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(None),
            Err(_) => Err(Some((code::SLOW, "too slow"))),
        }
    }
}

fn is_ping(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Said<'a> {
        #[serde(borrow, rename = "type")]
        kind: std::borrow::Cow<'a, str>,
    }
    text == "ping" || serde_json::from_str::<Said<'_>>(text).is_ok_and(|said| said.kind == "ping")
}

pub(super) fn failed(error: &crate::store::StoreError) -> End {
    tracing::error!(error = error as &dyn std::error::Error, "a live socket cannot read events");
    Some((code::INTERNAL, "try again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_known_in_both_forms() {
        for ping in ["ping", r#"{"type":"ping"}"#, r#"{"type":"ping","n":1}"#] {
            assert!(is_ping(ping), "{ping}");
        }
        for other in ["", "pong", "{}", "[]", r#"{"type":1}"#, "{\"type\":\"ping\""] {
            assert!(!is_ping(other), "{other}");
        }
    }

    #[test]
    fn a_token_is_found_among_protocols() {
        let mut headers = HeaderMap::new();
        assert_eq!(bearer_protocol(&headers), None);
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, "partyline, bearer.a.b.c".parse().unwrap());
        assert_eq!(bearer_protocol(&headers).as_deref(), Some("a.b.c"));
    }
}
