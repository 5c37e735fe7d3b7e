//! What live sockets send.

use common::CallId;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{Call, EventType};

/// What a live socket sends first.
#[derive(Serialize, ToSchema)]
pub struct LiveSnapshot {
    /// `snapshot`.
    #[serde(rename = "type")]
    pub kind: SnapshotWord,
    /// Events after this number follow.
    pub seq: i64,
    /// When it was taken.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Whether every event since the asked-for number follows. `false`: some may be missing, and what the
    /// client knew before should be asked for again.
    pub resumed: bool,
    /// The calls that are not over.
    pub calls: Vec<Call>,
}

/// The word `snapshot`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotWord {
    /// It is one.
    Snapshot,
}

/// What a live socket sends for each event.
#[derive(Serialize, ToSchema)]
pub struct LiveEvent<'a> {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// The call.
    #[schema(value_type = String)]
    pub call_id: CallId,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Counts over all the tenant's events, without holes: what `?since=` takes.
    pub seq: i64,
    /// The whole call, after the event. `null`: it is deleted; or, for an agent, none of theirs any more, for somebody
    /// else has answered it.
    pub call: Option<&'a Call>,
    /// The session, of a session event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub session: Option<&'a serde_json::Value>,
    /// The particulars, of any other event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub data: Option<&'a serde_json::Value>,
}
