//! What the Realtime API says, in the spelling of today and in that of its beta.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

use crate::bot::adapter::Bad;
use crate::bot::shortened;

/// Most characters of its reasons that are passed on.
const WORDS: usize = 300;

/// An event, as far as it is used here.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Event<'a> {
    SessionCreated,
    SessionUpdated,
    /// The caller begins to speak.
    SpeechStarted,
    /// The caller's turn is over: a response will be made.
    Committed,
    ResponseCreated {
        id: String,
    },
    /// A piece of what it says.
    Sound {
        response: Cow<'a, str>,
        item: Cow<'a, str>,
        content_index: u32,
        /// Base64 of mu-law.
        audio: Cow<'a, str>,
    },
    /// No more sound of this item.
    SoundDone {
        item: Cow<'a, str>,
    },
    /// What it says, in words: a piece, or the whole.
    Words {
        response: Cow<'a, str>,
        item: Cow<'a, str>,
        text: Cow<'a, str>,
        whole: bool,
    },
    /// What the caller said.
    CallerSaid {
        text: Cow<'a, str>,
    },
    /// A response is over; with why, if it failed.
    ResponseDone {
        id: String,
        failed: Option<Fault>,
    },
    Error {
        fault: Fault,
        /// The name of the request it is about.
        about: Option<String>,
    },
    /// Anything else.
    Other,
}

/// What went wrong, as the API names it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
pub(super) struct Fault {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    message: Option<String>,
    event_id: Option<String>,
}

impl Fault {
    /// Whether asking again is of no use.
    pub(super) fn is_final(&self) -> bool {
        const FINAL: [&str; 6] = [
            "session_expired",
            "insufficient_quota",
            "invalid_api_key",
            "model_not_found",
            "account_deactivated",
            "billing_hard_limit_reached",
        ];
        [&self.code, &self.kind].into_iter().flatten().any(|name| FINAL.contains(&name.as_str()))
    }
}

/// One line, with no more than so many characters.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.code.as_deref().or(self.kind.as_deref()).unwrap_or("unknown");
        let message = self.message.as_deref().unwrap_or("no reason given");
        let message = shortened(message, WORDS).replace(char::is_control, " ");
        write!(f, "{}: {message}", shortened(name, 64))
    }
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    response_id: Cow<'a, str>,
    #[serde(borrow, default)]
    item_id: Cow<'a, str>,
    #[serde(default)]
    content_index: u32,
    #[serde(borrow, default)]
    delta: Cow<'a, str>,
    #[serde(borrow, default)]
    transcript: Cow<'a, str>,
    #[serde(default)]
    response: Option<Response>,
    #[serde(default)]
    error: Option<Fault>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Response {
    id: String,
    status: Option<String>,
    status_details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct JustKind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

impl<'a> Event<'a> {
    /// Reads an event.
    pub(super) fn parse(text: &'a str) -> Result<Self, Bad> {
        const NOT_ONE: Bad = Bad("it is not such an event");
        // Its kind first: events that are not used may have fields of the same names in another shape.
        let JustKind { kind } = serde_json::from_str(text).map_err(|_| NOT_ONE)?;
        match &*kind {
            "session.created" => return Ok(Self::SessionCreated),
            "session.updated" => return Ok(Self::SessionUpdated),
            "input_audio_buffer.speech_started" => return Ok(Self::SpeechStarted),
            "input_audio_buffer.committed" => return Ok(Self::Committed),
            "response.output_audio.delta"
            | "response.audio.delta"
            | "response.output_audio.done"
            | "response.audio.done"
            | "response.output_audio_transcript.delta"
            | "response.audio_transcript.delta"
            | "response.output_audio_transcript.done"
            | "response.audio_transcript.done"
            | "conversation.item.input_audio_transcription.completed"
            | "response.created"
            | "response.done"
            | "error" => {}
            _ => return Ok(Self::Other),
        }
        let raw: Raw<'a> = serde_json::from_str(text).map_err(|_| NOT_ONE)?;
        let (response, item) = (raw.response_id, raw.item_id);
        Ok(match &*raw.kind {
            "response.output_audio.delta" | "response.audio.delta" => {
                Self::Sound { response, item, content_index: raw.content_index, audio: raw.delta }
            }
            "response.output_audio.done" | "response.audio.done" => Self::SoundDone { item },
            "response.output_audio_transcript.delta" | "response.audio_transcript.delta" => {
                Self::Words { response, item, text: raw.delta, whole: false }
            }
            "response.output_audio_transcript.done" | "response.audio_transcript.done" => {
                Self::Words { response, item, text: raw.transcript, whole: true }
            }
            "conversation.item.input_audio_transcription.completed" => {
                Self::CallerSaid { text: raw.transcript }
            }
            "response.created" => Self::ResponseCreated { id: raw.response.ok_or(NOT_ONE)?.id },
            "response.done" => {
                let Response { id, status, status_details } = raw.response.ok_or(NOT_ONE)?;
                let fault = status_details.and_then(|details| details.error).unwrap_or_default();
                Self::ResponseDone { id, failed: (status.as_deref() == Some("failed")).then_some(fault) }
            }
            _ => {
                let fault = raw.error.ok_or(NOT_ONE)?;
                Self::Error { about: fault.event_id.clone(), fault }
            }
        })
    }
}
