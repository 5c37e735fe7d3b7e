//! The message that opens a stream, checked.

use std::collections::BTreeMap;

use common::{AccountSid, CallSid, StreamSid};
use serde::Deserialize;

use super::wire::{Counter, Object, Text, WireError, track};
use crate::frame::{PHONE_RATE, Track};

/// Most custom parameters of a stream. Twilio's REST API takes 99.
pub const MAX_PARAMETERS: usize = 100;

/// Longest custom parameter, name and value together, in bytes. Twilio allows 500 characters, and a
/// character has at most four bytes.
pub const MAX_PARAMETER_BYTES: usize = 2000;

/// What a stream says of itself in its first real message. Whether it is true is for others to check.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Start {
    /// Whose call it is.
    pub account: AccountSid,
    /// The call.
    pub call: CallSid,
    /// The stream.
    pub stream: StreamSid,
    /// The voices that will come: one or two, each once.
    pub tracks: Vec<Track>,
    /// The `<Parameter>`s of the TwiML, at most [`MAX_PARAMETERS`] of [`MAX_PARAMETER_BYTES`].
    pub parameters: BTreeMap<String, String>,
}

/// The `start` object as it stands in the message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartBody<'a> {
    #[serde(borrow)]
    account_sid: Text<'a>,
    #[serde(borrow)]
    call_sid: Text<'a>,
    #[serde(borrow)]
    stream_sid: Text<'a>,
    #[serde(borrow)]
    tracks: Vec<Text<'a>>,
    #[serde(borrow)]
    media_format: Object<FormatBody<'a>>,
    #[serde(default)]
    custom_parameters: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FormatBody<'a> {
    #[serde(borrow)]
    encoding: Text<'a>,
    sample_rate: Counter,
    channels: Counter,
}

impl StartBody<'_> {
    /// What it says, if all of it can be used.
    pub(super) fn check(self) -> Result<Start, WireError> {
        let Object(format) = self.media_format;
        let is_phone = format.encoding == "audio/x-mulaw"
            && format.sample_rate == Counter(PHONE_RATE.into())
            && format.channels == Counter(1);
        if !is_phone {
            return Err(WireError::Format);
        }
        let parameters = self.custom_parameters.unwrap_or_default();
        let too_long = |(name, value): (&String, &String)| name.len() + value.len() > MAX_PARAMETER_BYTES;
        if parameters.len() > MAX_PARAMETERS || parameters.iter().any(too_long) {
            return Err(WireError::Parameters);
        }
        Ok(Start {
            account: self.account_sid.parse()?,
            call: self.call_sid.parse()?,
            stream: self.stream_sid.parse()?,
            tracks: check_tracks(&self.tracks)?,
            parameters,
        })
    }
}

fn check_tracks(names: &[Text<'_>]) -> Result<Vec<Track>, WireError> {
    if names.len() > Track::ALL.len() {
        return Err(WireError::Track);
    }
    let tracks = names.iter().map(|name| track(name)).collect::<Result<Vec<_>, _>>()?;
    match tracks[..] {
        [] => Err(WireError::Track),
        [one, other] if one == other => Err(WireError::Track),
        _ => Ok(tracks),
    }
}
