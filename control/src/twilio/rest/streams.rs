//! Media streams on a call that goes on.

use common::{CallSid, StreamSid};
use serde::Deserialize;

use super::send::Ask;
use super::{RestAccount, RestClient, RestError};

/// A stream, as Twilio has it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct TwilioStream {
    /// Its id.
    pub sid: StreamSid,
    /// `in-progress` or `stopped`.
    pub status: String,
    /// The name it goes by.
    pub name: Option<String>,
}

/// A stream of both voices to open. Nothing can be said on it.
#[derive(Clone, Copy, Debug)]
pub struct NewStream<'a> {
    /// `wss://…`
    pub url: &'a str,
    /// By which it can be stopped. A call has no two streams of one name.
    pub name: &'a str,
    /// Where Twilio reports on it.
    pub status_callback: &'a str,
    /// What the socket's `start` says besides; name and value below 500 characters together.
    pub parameters: &'a [(&'a str, &'a str)],
}

impl RestClient {
    /// Opens a stream.
    pub async fn stream_create(
        &self,
        account: &RestAccount,
        call: CallSid,
        stream: &NewStream<'_>,
    ) -> Result<TwilioStream, RestError> {
        let mut ask = Ask::make("stream_create", format!("Calls/{call}/Streams.json"))
            .field("Url", stream.url)
            .field("Name", stream.name)
            .field("Track", "both_tracks")
            .field("StatusCallback", stream.status_callback)
            .field("StatusCallbackMethod", "POST");
        for (n, (name, value)) in (1..).zip(stream.parameters) {
            ask = ask.field(format!("Parameter{n}.Name"), *name).field(format!("Parameter{n}.Value"), *value);
        }
        self.ask(account, ask).await
    }

    /// Ends a stream; the call goes on.
    pub async fn stream_stop(
        &self,
        account: &RestAccount,
        call: CallSid,
        stream: StreamSid,
    ) -> Result<TwilioStream, RestError> {
        let path = format!("Calls/{call}/Streams/{stream}.json");
        self.ask(account, Ask::set("stream_stop", path).field("Status", "stopped")).await
    }
}
