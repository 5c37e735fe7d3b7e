//! What became of a call: everything a test asserts and a person reads.

use std::fmt;

use common::{AccountSid, CallSid, StreamSid};
use serde::Serialize;

/// Most problems of one kind of thing that are kept; the counts go on.
pub(super) const MAX_PROBLEMS: usize = 100;

/// How a call stands, in Twilio's words.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallStatus {
    /// It was asked for, and does not ring yet. Only a call that the API made.
    Initiated,
    /// It rings: the voice webhook is asked what to do.
    Ringing,
    /// It was answered.
    InProgress,
    /// It was answered and is over.
    Completed,
    /// It was rejected as busy.
    Busy,
    /// It was rejected, or the caller gave up before it was answered.
    NoAnswer,
    /// It could not be connected.
    Failed,
    /// It was ended before it was answered, by whoever placed it.
    Canceled,
}

impl CallStatus {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// An entry of Twilio's error log.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// Twilio's number for it.
    pub code: u32,
    /// What was wrong, for people.
    pub text: String,
}

impl Problem {
    pub(super) fn new(code: u32, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// Whether Twilio only warns: the call and the stream go on.
    pub const fn is_warning(&self) -> bool {
        matches!(self.code, 12200 | 31930 | 31950 | 31951)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

/// One request to a server, as it went.
#[derive(Clone, Debug, Serialize)]
pub struct WebhookReport {
    /// What it was for: `voice`, `redirect`, `action`, a call's status or a stream's event.
    pub what: String,
    /// Where it went.
    pub url: String,
    /// The answer's status; none when there was no answer.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// From the first byte to the last of the answer, over all attempts.
    pub took_ms: u64,
}

/// How a stream ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamEnd {
    /// The WebSocket never opened; the problems say why.
    NotOpened,
    /// The call ended: `stop` was sent and the socket closed.
    CallOver,
    /// `<Stop>` ended it.
    Stopped,
    /// The server closed the WebSocket, with this code if it gave one.
    ClosedByServer {
        /// The close code, RFC 6455 section 7.4.
        code: Option<u16>,
        /// The close reason.
        reason: String,
    },
    /// The connection broke, by no wish of ours.
    Broken {
        /// What the socket said.
        error: String,
    },
    /// The connection was broken because the test asked for it.
    Dropped,
}

/// What was sent on a stream.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Sent {
    /// Media messages of the caller's track, repeats not counted.
    pub inbound: u64,
    /// Media messages of the other track, repeats not counted.
    pub outbound: u64,
    /// Messages sent a second time.
    pub duplicates: u64,
    /// Messages sent after a later one.
    pub reordered: u64,
    /// Messages left out on purpose, by gap or stall.
    pub skipped: u64,
    /// Malformed messages sent on purpose.
    pub bad: u64,
    /// Digits.
    pub dtmf: u64,
    /// Mark echoes.
    pub marks: u64,
    /// Messages thrown away because the server read too slowly (31930).
    pub overflow: u64,
}

/// What the server sent on a stream.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Received {
    /// Media messages.
    pub media: u64,
    /// Their audio: a second is 8000 bytes.
    pub media_bytes: u64,
    /// Marks.
    pub marks: u64,
    /// Clears.
    pub clears: u64,
    /// Messages that Twilio would not understand.
    pub illegal: u64,
}

/// One media stream, from the TwiML to its end.
#[derive(Clone, Debug, Serialize)]
pub struct StreamReport {
    /// Its id.
    pub stream_sid: StreamSid,
    /// Its name; the id, if the TwiML gave none.
    pub name: String,
    /// Where it went.
    pub url: String,
    /// The answer to the handshake, 101 if it opened; none if nothing was answered.
    pub handshake: Option<u16>,
    /// From the connection attempt to the open WebSocket.
    pub opened_after_ms: Option<u64>,
    /// What went out.
    pub sent: Sent,
    /// What came in.
    pub received: Received,
    /// The most that a frame left after its time, faults apart. Over 20 ms this machine was too busy; if
    /// that is often, the test says little of the server.
    pub worst_late_ms: u64,
    /// Frames that left more than 20 ms after their time.
    pub late_frames: u64,
    /// How it ended.
    pub end: StreamEnd,
    /// What Twilio would log; each warning once.
    pub problems: Vec<Problem>,
}

/// One call, from the first webhook to the last.
#[derive(Clone, Debug, Serialize)]
pub struct CallReport {
    /// Its id.
    pub call_sid: CallSid,
    /// Whose it was.
    pub account_sid: AccountSid,
    /// Who called.
    pub from: String,
    /// Who was called.
    pub to: String,
    /// How it ended.
    pub status: CallStatus,
    /// From the answer to the end.
    pub duration_ms: u64,
    /// Every request made, in the order of the answers.
    pub webhooks: Vec<WebhookReport>,
    /// The TwiML that was obeyed, in order.
    pub twiml: Vec<String>,
    /// Every stream that the TwiML asked for and that was legal.
    pub streams: Vec<StreamReport>,
    /// What Twilio would log of the call, its streams apart.
    pub problems: Vec<Problem>,
    /// Verbs that are legal TwiML but are passed over here, such as `<Gather>`.
    pub unplayed: Vec<String>,
}

impl CallReport {
    /// Every problem of the call and of its streams.
    pub fn all_problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().chain(self.streams.iter().flat_map(|stream| &stream.problems))
    }

    /// Whether the call was answered, had a stream that opened, and nothing was worse than a warning.
    pub fn is_good(&self) -> bool {
        self.status == CallStatus::Completed
            && self.streams.iter().any(|stream| stream.handshake == Some(101))
            && self.all_problems().all(Problem::is_warning)
    }
}
