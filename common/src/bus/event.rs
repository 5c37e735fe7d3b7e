//! What gateways tell: what happened, in the past tense.

use serde::{Deserialize, Serialize};

use crate::token::{Mode, StreamKind};
use crate::{CallId, CallSid, NodeId, SayId, SessionId, StreamSid, TenantId, UserId};

/// Gateway to control: what happened.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NodeEvent {
    /// A gateway lives, and this is all that it holds. Sent each second.
    NodeAlive {
        /// The gateway.
        node: NodeId,
        /// Calls with an open media stream.
        calls: Vec<CallId>,
        /// Connected sessions.
        sessions: Vec<SessionId>,
        /// What browsers and Twilio call it.
        #[serde(default)]
        url: Option<String>,
        /// The fullest of its budgets, of which 1 is all.
        #[serde(default)]
        utilization: f64,
    },
    /// Twilio opened a media stream and both its tokens were good.
    StreamStarted {
        /// The gateway that holds its audio.
        node: NodeId,
        /// The owner, from the token.
        tenant: TenantId,
        /// The call.
        call: CallId,
        /// The same as Twilio names it.
        call_sid: CallSid,
        /// The stream.
        stream: StreamSid,
        /// `inbound`, `outbound`: the voices that come.
        tracks: Vec<String>,
    },
    /// A media stream is over. The call may go on at Twilio.
    StreamEnded {
        /// The gateway that held it.
        node: NodeId,
        /// The owner.
        tenant: TenantId,
        /// The call.
        call: CallId,
        /// The stream.
        stream: StreamSid,
        /// Why.
        reason: StreamEnd,
    },
    /// Our own leg in a call's conference carries audio: people can be heard there.
    SideStarted {
        /// The gateway that has it.
        node: NodeId,
        /// The owner, from the token.
        tenant: TenantId,
        /// The call that the conference is of.
        call: CallId,
        /// The leg, as Twilio names it.
        call_sid: CallSid,
        /// Who hears what is said on it.
        kind: StreamKind,
    },
    /// Our own leg in a call's conference is over. Who was heard there only listens again.
    SideEnded {
        /// The owner.
        tenant: TenantId,
        /// The call.
        call: CallId,
        /// The leg.
        call_sid: CallSid,
        /// Why.
        reason: StreamEnd,
    },
    /// The caller pressed a key.
    Dtmf {
        /// The owner.
        tenant: TenantId,
        /// The call.
        call: CallId,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
    },
    /// A person's connection to a call carries audio.
    SessionStarted {
        /// The gateway.
        node: NodeId,
        /// The owner.
        tenant: TenantId,
        /// The call.
        call: CallId,
        /// The session, as in its grant.
        session: SessionId,
        /// Who.
        user: UserId,
        /// What the connection may do.
        mode: Mode,
    },
    /// A person's connection is over.
    SessionEnded {
        /// The owner.
        tenant: TenantId,
        /// The call.
        call: CallId,
        /// The session.
        session: SessionId,
        /// Who.
        user: UserId,
        /// Why.
        reason: SessionEnd,
    },
    /// How some listeners are heard: the newest there is of each. Sent each few seconds, for sessions whose
    /// browser has reported; a gateway with many sends several.
    ListenersHeard {
        /// The gateway.
        node: NodeId,
        /// At most [`ListenerQuality::MAX_AT_ONCE`].
        listeners: Vec<ListenerQuality>,
    },
    /// What a person's connection may do has changed, from this moment of the call on.
    SessionChanged {
        /// The owner.
        tenant: TenantId,
        /// The call.
        call: CallId,
        /// The session.
        session: SessionId,
        /// What it may do now.
        mode: Mode,
        /// When, in milliseconds since the call's stream began.
        media_ms: u64,
    },
    /// A call's bot has come, was paused, was handed back to, or is gone.
    BotChanged {
        /// The owner.
        tenant: TenantId,
        /// The call.
        call: CallId,
        /// What it does now.
        state: BotState,
        /// When, in milliseconds since the call's stream began.
        media_ms: u64,
        /// In words, when it failed.
        #[serde(default)]
        detail: Option<String>,
    },
    /// A line that was to be [said](NodeCommand::Say) is over.
    Said {
        /// The owner.
        tenant: TenantId,
        /// The call.
        call: CallId,
        /// The line.
        say: SayId,
        /// What became of it.
        end: SayEnd,
        /// When, in milliseconds since the call's stream began.
        media_ms: u64,
    },
    /// What somebody on a call said, as the call's bot understood it.
    Heard {
        /// The owner.
        tenant: TenantId,
        /// The call.
        call: CallId,
        /// Who spoke.
        speaker: Speaker,
        /// The words, at most 4000 characters.
        text: String,
        /// When they began, in milliseconds since the call's stream began.
        media_ms: u64,
    },
    /// Something this build does not know. Counted, never an error.
    #[serde(other)]
    Unknown,
}

/// What a call's bot does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BotState {
    /// It hears the caller and is heard.
    Active,
    /// It hears nothing and is heard by nobody; its connection stays.
    Paused,
    /// It could not be reached, or has died or fallen silent for good.
    Failed,
    /// It has ended its connection in order, or the call is over.
    Gone,
    /// A state this build does not know.
    #[serde(other)]
    Unknown,
}

/// What became of a line that was to be said.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SayEnd {
    /// The caller has heard it to its end: Twilio has confirmed the mark behind it.
    Spoken,
    /// It was cancelled, or the caller spoke into it.
    Interrupted,
    /// No speech could be made of it.
    Failed,
    /// The call ended first.
    CallEnded,
    /// An end this build does not know.
    #[serde(other)]
    Unknown,
}

/// Whose words these are.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The caller's.
    Caller,
    /// The bot's.
    Bot,
    /// Somebody's this build does not know.
    #[serde(other)]
    Unknown,
}

/// How one listener is heard, as far as its gateway can know: from the browser's RTCP reports and the gateway's own
/// clock. What the browser holds back in its jitter buffer is in none of the times.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ListenerQuality {
    /// The session.
    pub session: SessionId,
    /// Packets sent to it.
    pub packets: u64,
    /// Part of the packets that was lost between the browser's last two reports, 0 to 1.
    pub loss_ratio: f64,
    /// Part of all packets that was lost, 0 to 1.
    pub loss_ratio_total: f64,
    /// How unevenly packets arrive (RFC 3550), in milliseconds.
    pub jitter_ms: f64,
    /// To the browser and back, in milliseconds. `None`: not known yet.
    #[serde(default)]
    pub round_trip_ms: Option<f64>,
    /// From Twilio's frame to the browser, in milliseconds: the gateway's latency and half the round trip.
    #[serde(default)]
    pub behind_ms: Option<f64>,
    /// How it sounds, 1 to 4.5: estimated from delay, jitter and loss.
    #[serde(default)]
    pub mos: Option<f64>,
    /// How long ago the browser reported, in milliseconds, when this was sent: no two clocks need agree.
    pub age_ms: u64,
}

impl ListenerQuality {
    /// The most of them in one message.
    pub const MAX_AT_ONCE: usize = 500;
}

/// Why a media stream ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamEnd {
    /// Twilio said `stop`.
    Stopped,
    /// The socket closed or broke without `stop`.
    Lost,
    /// No audio for too long.
    Stalled,
    /// A newer stream of the same call took its place.
    Replaced,
    /// Too many bad messages, or one that may not be.
    Refused,
    /// The gateway is going away.
    Shutdown,
    /// A reason this build does not know.
    #[serde(other)]
    Unknown,
}

/// Why a person's connection ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// DELETE, or the browser closed its connection.
    Left,
    /// The call has no more audio here.
    CallEnded,
    /// The browser fell silent: consent expired (RFC 7675).
    Lost,
    /// ICE or DTLS did not come about.
    Failed,
    /// Control asked for it.
    Revoked,
    /// The gateway is going away.
    Shutdown,
    /// A reason this build does not know.
    #[serde(other)]
    Unknown,
}
