//! What is said and sent in calls, in the form it travels.

use std::fmt;
use std::str::FromStr;

use common::bus::SayEnd;
use common::{CallId, SayId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::UnknownWord;

words! {
    /// How a message came to be.
    MessageType {
        /// It was heard, and written down.
        Transcript => "transcript",
        /// It was written, and spoken into the call.
        TtsAudio => "tts_audio",
    }
}

words! {
    /// Which side of the call a message is of.
    Sender {
        /// The customer.
        Customer => "customer",
        /// The organization: a person or an AI.
        Agent => "agent",
    }
}

words! {
    /// What became of a line that was written to be spoken.
    Outcome {
        /// The caller has heard it to its end.
        Spoken => "spoken",
        /// It was cancelled, or the caller spoke into it.
        Interrupted => "interrupted",
        /// No speech could be made of it.
        Failed => "failed",
        /// The call ended first.
        CallEnded => "call_ended",
        /// Nobody said.
        Unknown => "unknown",
    }
}

impl Outcome {
    /// The same as a gateway says it.
    pub const fn of(end: SayEnd) -> Self {
        match end {
            SayEnd::Spoken => Self::Spoken,
            SayEnd::Interrupted => Self::Interrupted,
            SayEnd::Failed => Self::Failed,
            SayEnd::CallEnded => Self::CallEnded,
            SayEnd::Unknown => Self::Unknown,
        }
    }
}

/// Something that was said or sent in a call.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Message {
    /// Counts from 1 over the call, without holes.
    pub id: i64,
    /// The call.
    #[schema(value_type = String)]
    pub call_id: CallId,
    /// How it came to be.
    pub message_type: MessageType,
    /// Which side it is of.
    pub sender_type: Sender,
    /// Who, if that is known.
    pub sender_name: Option<String>,
    /// What; at most 4000 characters.
    pub content: String,
    /// How sure it is that this was said, 0 to 1. `null`: nobody says.
    pub confidence: Option<f64>,
    /// Its language (BCP 47), if that is known.
    pub detected_language: Option<String>,
    /// Whether it stays so. `false`: it is still being said.
    pub is_final: bool,
    /// The line that `POST …/say` began, if it is one.
    #[schema(value_type = Option<String>)]
    pub say_id: Option<SayId>,
    /// What became of that line. `null`: it is not over yet, or the message is none.
    pub outcome: Option<Outcome>,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// A line of a conversation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TranscriptLine {
    /// The number of its message.
    pub id: i64,
    /// Who speaks.
    pub speaker: Sender,
    /// Their name, if that is known.
    pub name: Option<String>,
    /// What they say.
    pub text: String,
    /// How sure it is that this was said, 0 to 1. `null`: nobody says.
    pub confidence: Option<f64>,
    /// Its language (BCP 47), if that is known.
    pub language: Option<String>,
    /// Whether it stays so. `false`: it is still being said.
    pub is_final: bool,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

impl From<Message> for TranscriptLine {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            speaker: message.sender_type,
            name: message.sender_name,
            text: message.content,
            confidence: message.confidence,
            language: message.detected_language,
            is_final: message.is_final,
            at: message.created_at,
        }
    }
}
