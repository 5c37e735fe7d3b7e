//! Recordings that Twilio makes and keeps.

use common::{CallSid, RecordingSid};
use serde::Deserialize;
use time::OffsetDateTime;

use super::send::Ask;
use super::{RestAccount, RestClient, RestError, form};

/// A recording, as Twilio has it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct TwilioRecording {
    /// Its id.
    pub sid: RecordingSid,
    /// The call that it is of.
    pub call_sid: CallSid,
    /// `in-progress`, `paused`, `stopped`, `processing`, `completed`, `absent`, `failed`.
    pub status: String,
    /// 1, or 2 with the caller in the first.
    #[serde(default, deserialize_with = "form::number")]
    pub channels: Option<u32>,
    /// Its length in seconds, once it is over.
    #[serde(default, deserialize_with = "form::number")]
    pub duration: Option<u32>,
    /// When it began.
    #[serde(default, deserialize_with = "form::time")]
    pub start_time: Option<OffsetDateTime>,
}

/// A recording to begin: of both voices, each in a channel of its own.
#[derive(Clone, Copy, Debug)]
pub struct NewRecording<'a> {
    /// Where Twilio reports on it.
    pub status_callback: &'a str,
}

/// What to do with a recording that goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RecordingChange {
    /// Write silence until it is resumed.
    Pause,
    /// Go on.
    Resume,
    /// End it.
    Stop,
}

#[derive(Deserialize)]
struct Page {
    recordings: Vec<TwilioRecording>,
}

impl RestClient {
    /// Begins to record a call.
    pub async fn recording_start(
        &self,
        account: &RestAccount,
        call: CallSid,
        new: &NewRecording<'_>,
    ) -> Result<TwilioRecording, RestError> {
        let ask = Ask::make("recording_start", format!("Calls/{call}/Recordings.json"))
            .field("RecordingChannels", "dual")
            .field("RecordingTrack", "both")
            .field("RecordingStatusCallback", new.status_callback)
            .field("RecordingStatusCallbackEvent", "in-progress completed absent");
        self.ask(account, ask).await
    }

    /// Changes a recording that goes on.
    pub async fn recording_update(
        &self,
        account: &RestAccount,
        call: CallSid,
        recording: RecordingSid,
        change: RecordingChange,
    ) -> Result<TwilioRecording, RestError> {
        let status = match change {
            RecordingChange::Pause => "paused",
            RecordingChange::Resume => "in-progress",
            RecordingChange::Stop => "stopped",
        };
        let path = format!("Calls/{call}/Recordings/{recording}.json");
        let ask = Ask::set("recording_update", path).field("Status", status);
        let ask = match change {
            RecordingChange::Pause => ask.field("PauseBehavior", "silence"),
            RecordingChange::Resume | RecordingChange::Stop => ask,
        };
        self.ask(account, ask).await
    }

    /// One recording.
    pub async fn recording_fetch(
        &self,
        account: &RestAccount,
        recording: RecordingSid,
    ) -> Result<TwilioRecording, RestError> {
        self.ask(account, Ask::get("recording_fetch", format!("Recordings/{recording}.json"))).await
    }

    /// The newest recordings of a call, at most 50: a page.
    pub async fn recording_list(
        &self,
        account: &RestAccount,
        call: CallSid,
    ) -> Result<Vec<TwilioRecording>, RestError> {
        let ask = Ask::get("recording_list", format!("Calls/{call}/Recordings.json")).field("PageSize", "50");
        Ok(self.ask::<Page>(account, ask).await?.recordings)
    }

    /// Takes a recording away, for good. One that is not there any more is taken away too.
    pub async fn recording_delete(
        &self,
        account: &RestAccount,
        recording: RecordingSid,
    ) -> Result<(), RestError> {
        let ask = Ask::delete("recording_delete", format!("Recordings/{recording}.json"));
        match self.tell(account, ask).await {
            // The answer of an earlier try may have been lost.
            Ok(()) | Err(RestError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
