//! What the API speaks of, in the form it travels. Field names are the public contract.

mod numbers;

use std::fmt;
use std::str::FromStr;

use common::token::{Mode, Side};
use common::{CallId, CallSid, NodeId, RecordingSid, SessionId, UserId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

pub use numbers::{Disclosure, Number, NumberSettings, is_e164};

/// The text was not one of the words.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

/// An enum of fixed words, the same in JSON and in the database.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $word:tt,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, ToSchema)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or(UnknownWord)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

mod live;
mod messages;
mod speaking;
mod tenants;

pub use live::{LiveEvent, LiveSnapshot, SnapshotWord};
pub use messages::{Message, MessageType, Outcome, Sender, TranscriptLine};
pub use speaking::{BotSettings, CallBot, ModeWord, SideWord, Waiting, is_language, is_voice};
pub use tenants::{Tenant, TenantSettings};
pub(crate) use words;

words! {
    /// What a person may do.
    Role {
        /// Everything, and manages numbers and users.
        Admin => "admin",
        /// Listens, whispers, joins, takes over.
        Supervisor => "supervisor",
        /// Their own calls.
        Agent => "agent",
        /// Listens.
        Viewer => "viewer",
    }
}

words! {
    /// What an API key may do.
    Scope {
        /// Read call records and live events.
        CallsRead => "calls:read",
        /// Change call records.
        CallsWrite => "calls:write",
        /// Open and end connections to calls.
        CallsListen => "calls:listen",
        /// Be heard in calls, speak by text or bot, hold, end and transfer them.
        CallsSpeak => "calls:speak",
        /// Read the numbers.
        NumbersRead => "numbers:read",
        /// Add, change and remove numbers.
        NumbersWrite => "numbers:write",
    }
}

words! {
    /// Where a call stands.
    CallStatus {
        /// It rings.
        Incoming => "incoming",
        /// Somebody, or something, answered.
        InProgress => "in_progress",
        /// It was answered and is over.
        Completed => "completed",
        /// It could not be connected.
        Failed => "failed",
        /// Nobody answered.
        NoAnswer => "no_answer",
        /// The line was busy.
        Busy => "busy",
        /// It was called off before an answer.
        Canceled => "canceled",
    }
}

impl CallStatus {
    /// Whether the call is over.
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Incoming | Self::InProgress)
    }
}

words! {
    /// Who called.
    Direction {
        /// The customer.
        Inbound => "inbound",
        /// The organization.
        Outbound => "outbound",
    }
}

words! {
    /// What a number's TwiML does.
    Route {
        /// Streams both voices here, and dials the agent.
        Monitor => "monitor",
        /// Streams both voices here, and puts the caller into a conference at Twilio, where the agent is called too.
        Conference => "conference",
        /// The stream is the other side of the call: a person in the console or an AI answers.
        Agent => "agent",
    }
}

words! {
    /// What happened to a call.
    EventType {
        /// It began.
        CallIncoming => "call.incoming",
        /// It was answered.
        CallAnswered => "call.answered",
        /// Something about it changed.
        CallUpdated => "call.updated",
        /// It is over.
        CallEnded => "call.ended",
        /// It is deleted. What happened to it before is said by this word too.
        CallDeleted => "call.deleted",
        /// Its audio came, went or changed; or a key was pressed.
        CallMedia => "call.media",
        /// A person's connection carries audio.
        SessionStarted => "session.started",
        /// What a person's connection may do has changed.
        SessionChanged => "session.changed",
        /// A person's connection is over.
        SessionEnded => "session.ended",
        /// Something was said, and is written down as it stays.
        TranscriptFinal => "transcript.final",
        /// Something was spoken into it that was written.
        MessageSent => "message.sent",
        /// Something needs a person now.
        AlertRaised => "alert.raised",
    }
}

/// A phone call.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Call {
    /// Our id.
    #[schema(value_type = String, example = "call_019a9d5b7c3e7d4a8f21d0c95e7b6a14")]
    pub id: CallId,
    /// Twilio's.
    #[schema(value_type = String)]
    pub call_sid: CallSid,
    /// Who called.
    pub direction: Direction,
    /// Where it stands.
    pub status: CallStatus,
    /// The customer's name, if somebody or the network gave one.
    pub caller_name: Option<String>,
    /// The customer's number, E.164 where the network gave one.
    pub customer_number: String,
    /// Our number.
    pub organization_number: String,
    /// The same as `customer_number`, for clients that know it by this name.
    pub phone_number: String,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// When it was answered.
    #[serde(with = "time::serde::rfc3339::option")]
    pub answered_at: Option<OffsetDateTime>,
    /// When it was over.
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
    /// Length in seconds, once it is over.
    pub duration_seconds: Option<i64>,
    /// Whether a person took care of it.
    pub is_handled: bool,
    /// Whether it needs a person soon.
    pub is_urgent: bool,
    /// What the caller wanted.
    pub intent: Option<String>,
    /// What was said, in short.
    pub summary: Option<String>,
    /// Words people put on it.
    pub tags: Vec<String>,
    /// What people wrote about it.
    pub notes: Option<String>,
    /// What its TwiML did. With `agent` one speaks on its own stream, with `monitor` and `conference` one whispers and joins
    /// in a conference at Twilio. `null`: its TwiML is none of ours, or it is older than this is kept.
    pub route: Option<Route>,
    /// The person in the console who answered it, and whose it is.
    pub answered_by: Option<Person>,
    /// Whether it waits for a person to answer it in the console.
    pub rings: bool,
    /// What its bot does. `null`: it has none, or it has not come yet.
    pub bot: Option<CallBot>,
    /// Whether the caller is on hold.
    pub held: bool,
    /// How many people hear it now.
    pub listeners: i64,
    /// Its audio.
    pub media: Media,
}

/// A call's audio.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Media {
    /// Whether it arrives now, so that somebody can listen.
    pub live: bool,
    /// The voices of the newest stream: `inbound` is the caller, `outbound` the agent side.
    pub tracks: Vec<String>,
    /// The gateway that holds it.
    #[schema(value_type = Option<String>)]
    pub gateway: Option<NodeId>,
}

/// A call with what belongs to it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CallDetail {
    /// The call.
    #[serde(flatten)]
    pub call: Call,
    /// What Twilio recorded of it, oldest first.
    pub recordings: Vec<Recording>,
}

/// A recording that Twilio made and keeps.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Recording {
    /// Twilio's id.
    #[schema(value_type = String)]
    pub sid: RecordingSid,
    /// In Twilio's words: `in-progress`, `completed`, `absent`, `failed`.
    #[schema(example = "completed")]
    pub status: String,
    /// Its length in seconds, once it is over.
    pub duration_seconds: Option<i64>,
    /// 1, or 2 with each side in one.
    pub channels: Option<i64>,
    /// Where Twilio has the audio, for whoever has the account's token.
    pub url: Option<String>,
    /// Why there is none: Twilio's number for it.
    pub error_code: Option<i64>,
    /// When it was first heard of.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// One event of a call's history.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CallEvent {
    /// Counts from 1 over the call, without holes.
    pub seq: i64,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The particulars.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

/// How a path names a call: our id, or Twilio's sid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CallRef {
    /// `call_…`
    Id(CallId),
    /// `CA…`
    Sid(CallSid),
}

impl FromStr for CallRef {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let id = text.parse().map(Self::Id);
        id.or_else(|_| text.parse().map(Self::Sid)).map_err(|_| UnknownWord)
    }
}

/// A person, in short.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct Person {
    /// Their id.
    #[schema(value_type = String)]
    pub id: UserId,
    /// Their name.
    pub name: String,
}

/// A person's open connection to a call.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct Listener {
    /// The session.
    #[schema(value_type = String)]
    pub id: SessionId,
    /// Who.
    pub user: Person,
    /// What the connection may do.
    #[schema(value_type = ModeWord)]
    pub mode: Mode,
    /// On which side of the call they are.
    #[serde(default)]
    #[schema(value_type = SideWord)]
    pub side: Side,
    /// Since when it carries audio.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

/// A person's open connection to a call, and how it is heard.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Hearing {
    /// The connection.
    #[serde(flatten)]
    pub listener: Listener,
    /// How it is heard. `null`: the browser has not reported yet, or its gateway is silent.
    pub quality: Option<Quality>,
}

/// How a listener is heard, as far as the gateway can know: by the browser's reports and the gateway's own clock.
/// What the browser holds back in its jitter buffer, mostly 20 to 100 ms, is in none of the times.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Quality {
    /// Part of the packets that was lost between the browser's last two reports, 0 to 1.
    pub loss_ratio: f64,
    /// Part of all packets that was lost, 0 to 1.
    pub loss_ratio_total: f64,
    /// How unevenly packets arrive (RFC 3550).
    pub jitter_ms: f64,
    /// To the browser and back. `null`: not known yet.
    pub round_trip_ms: Option<f64>,
    /// From Twilio's frame to the browser: the gateway's own latency and half the round trip.
    pub behind_ms: Option<f64>,
    /// How it sounds, 1 (bad) to 4.5: the E-model's estimate (ITU-T G.107) from delay, jitter and loss. 4.4 is
    /// the best a telephone can be.
    pub mos: Option<f64>,
    /// Packets sent to it.
    pub packets: u64,
    /// When the browser reported.
    #[serde(with = "time::serde::rfc3339")]
    pub reported_at: OffsetDateTime,
}

/// A person who signs in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct User {
    /// Their id.
    #[schema(value_type = String)]
    pub id: UserId,
    /// What they sign in with.
    pub email: String,
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whom they work for.
    pub tenant: Tenant,
}

/// Leave to become one of the tenant's people.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Invitation {
    /// What its token begins with.
    #[schema(example = "inv_0123456789abcdef")]
    pub id: String,
    /// What the person will sign in with.
    pub email: String,
    /// What they will be allowed to do.
    pub role: Role,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Until when it can be accepted.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// What a program sends in place of a sign-in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApiKey {
    /// What the key begins with.
    #[schema(example = "plk_0123456789abcdef")]
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Whom it acts for: what they may not do now, it may not either.
    pub user: Person,
    /// Since when it is good.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Until when. `null`: until it is revoked.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// When it was last used, to the minute. `null`: never.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_used_at: Option<OffsetDateTime>,
}
