//! A call's transcript as it comes: what was said already, then each line as it is said, to the end of the call.
//!
//! As events of a server (`text/event-stream`). An event's id is the revision of its line, so a client that comes
//! again says which it had last, and gets each line that changed since, as it is then.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use common::CallId;
use futures_util::stream;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::{Hub, Seat};
use crate::App;
use crate::auth::Caller;
use crate::model::TranscriptLine;
use crate::store::StoreError;

/// Lines read from the database at a time.
const PAGE: u16 = 200;

/// Events that wait for a client at most.
const WAITING: usize = 16;

/// How long a client may not read before its stream ends. It comes again when it can.
const SLOW: Duration = Duration::from_secs(10);

/// How often a sign of life is sent, and looked whether the caller may still read.
const HEARTBEAT: Duration = Duration::from_secs(4);

/// How long what is said is gathered before it is looked for, for it may come in many steps.
const GATHER: Duration = Duration::from_millis(50);

/// What a stream begins with: a client that lost it comes again after so many milliseconds.
const BEGIN: &str = "retry: 2000\n\n";

/// What it ends with when the call is over.
const END: &str = "event: end\ndata: {}\n\n";

/// A transcript's stream that is about to begin. It has its place among the live sockets of its reader.
pub(crate) struct Reading {
    app: App,
    caller: Caller,
    call: CallId,
    /// Revision of the last line that the client has.
    position: i64,
    seat: Seat,
}

impl Reading {
    /// `None`: the reader, or all together, have too many sockets and streams.
    pub(crate) fn begin(app: &App, caller: Caller, call: CallId, position: i64) -> Option<Self> {
        let seat = Hub::enter(&app.hub, caller.tenant(), caller.user())?;
        Some(Self { app: app.clone(), caller, call, position, seat })
    }

    /// The body of the answer. It is filled in a task of its own, which ends when nobody reads it.
    pub(crate) fn into_body(self) -> Body {
        let (events, waiting) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let stream = Stream { reading: self, events };
            // Whatever ended it: the client sees the end of the body, and comes again or not.
            let _over = stream.run().await;
        });
        Body::from_stream(stream::unfold(waiting, |mut waiting| async move {
            let event: Bytes = waiting.recv().await?;
            Some((Ok::<_, Infallible>(event), waiting))
        }))
    }
}

/// Nothing more is sent.
struct Over;

struct Stream {
    reading: Reading,
    events: mpsc::Sender<Bytes>,
}

impl Stream {
    async fn run(mut self) -> Result<Infallible, Over> {
        let app = self.reading.app.clone();
        let mut stopped = std::pin::pin!(app.stopped());
        let expiry = Instant::now() + self.reading.caller.expires_in(OffsetDateTime::now_utc());
        let mut expiry = std::pin::pin!(sleep_until(expiry));
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.tick().await;

        self.send(BEGIN.to_owned()).await?;
        loop {
            self.catch_up().await?;
            tokio::select! {
                () = self.reading.seat.changed() => sleep(GATHER).await,
                // What another process wrote, nobody here was told of: it is looked for as well.
                _ = heartbeat.tick() => self.keep_alive().await?,
                () = self.events.closed() => return Err(Over),
                () = &mut expiry => return Err(Over),
                () = &mut stopped => return Err(Over),
            }
        }
    }

    /// Sends what changed, and the end when there is nothing more to come.
    async fn catch_up(&mut self) -> Result<(), Over> {
        let Reading { app, caller, call, .. } = &self.reading;
        let (app, tenant, call) = (app.clone(), caller.tenant(), *call);
        loop {
            let changes = app.store.message_changes(tenant, call, self.reading.position, PAGE).await;
            let (changes, is_over) = match changes {
                Ok(changes) => changes,
                // It was deleted.
                Err(StoreError::NotFound) => (Vec::new(), true),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a transcript cannot be read now"
                    );
                    return Err(Over);
                }
            };
            let is_all = changes.len() < usize::from(PAGE);
            for (revision, message) in changes {
                let line = serde_json::to_string(&TranscriptLine::from(message)).map_err(|_| Over)?;
                self.send(format!("id: {revision}\nevent: line\ndata: {line}\n\n")).await?;
                self.reading.position = revision;
            }
            match (is_all, is_over) {
                (false, _) => {}
                (true, false) => return Ok(()),
                (true, true) => {
                    self.send(END.to_owned()).await?;
                    return Err(Over);
                }
            }
        }
    }

    async fn keep_alive(&mut self) -> Result<(), Over> {
        if let Ok(false) = self.reading.caller.still_stands(&self.reading.app).await {
            return Err(Over);
        }
        self.send(":\n\n".to_owned()).await
    }

    async fn send(&mut self, event: String) -> Result<(), Over> {
        match timeout(SLOW, self.events.send(event.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over),
        }
    }
}
