//! What the API knows of a call.

use common::{AccountSid, CallSid, RecordingSid, StreamSid};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::sync::mpsc;

use crate::twilio::call::Order;
use crate::twilio::origin::Origin;
use crate::twilio::report::CallStatus;
use crate::twilio::spec::CallSpec;
use crate::twilio::twiml::Target;

/// A call.
#[derive(Debug)]
pub(in crate::twilio) struct Line {
    pub(super) account: AccountSid,
    pub(super) sid: CallSid,
    pub(super) origin: Origin,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) began: OffsetDateTime,
    pub(super) status: CallStatus,
    end: Option<(OffsetDateTime, u64)>,
    pub(super) streams: Vec<StreamLine>,
    pub(super) recordings: Vec<RecordingLine>,
    /// What is asked of the call goes there. Weak: a call that its maker drops hangs up.
    pub(super) orders: mpsc::WeakSender<Order>,
}

/// A stream of a call.
#[derive(Debug)]
pub(super) struct StreamLine {
    pub(super) sid: StreamSid,
    pub(super) name: String,
    pub(super) is_over: bool,
}

/// A recording of a call.
#[derive(Debug)]
pub(super) struct RecordingLine {
    pub(super) sid: RecordingSid,
    pub(super) status: &'static str,
    pub(super) channels: u32,
    pub(super) began: OffsetDateTime,
    pub(super) seconds: Option<u64>,
    pub(super) callback: Option<Target>,
    /// The events that the callback is told, in Twilio's words.
    pub(super) events: Vec<String>,
}

impl RecordingLine {
    pub(super) fn is_over(&self) -> bool {
        self.seconds.is_some()
    }
}

impl Line {
    pub(in crate::twilio) fn new(
        spec: &CallSpec,
        sid: CallSid,
        origin: Origin,
        orders: mpsc::WeakSender<Order>,
    ) -> Self {
        Self {
            account: spec.account.sid,
            sid,
            from: spec.from.clone(),
            to: spec.to.clone(),
            status: match origin {
                Origin::Made { .. } => CallStatus::Initiated,
                Origin::Inbound | Origin::Dialled { .. } => CallStatus::Ringing,
            },
            origin,
            began: OffsetDateTime::now_utc(),
            end: None,
            streams: Vec::new(),
            recordings: Vec::new(),
            orders,
        }
    }

    pub(in crate::twilio) fn rings(&mut self) {
        self.status = CallStatus::Ringing;
    }

    pub(in crate::twilio) fn answered(&mut self) {
        self.status = CallStatus::InProgress;
    }

    /// It is over, after so many seconds.
    pub(in crate::twilio) fn ended(&mut self, status: CallStatus, seconds: u64) {
        self.status = status;
        self.end = Some((OffsetDateTime::now_utc(), seconds));
    }

    pub(in crate::twilio) fn stream_began(&mut self, sid: StreamSid, name: &str) {
        self.streams.push(StreamLine { sid, name: name.to_owned(), is_over: false });
    }

    pub(in crate::twilio) fn stream_ended(&mut self, sid: StreamSid) {
        for stream in self.streams.iter_mut().filter(|stream| stream.sid == sid) {
            stream.is_over = true;
        }
    }

    pub(super) const fn is_inbound(&self) -> bool {
        matches!(self.origin, Origin::Inbound)
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// How it stands, as the API says it.
    pub(super) const fn status(&self) -> &'static str {
        match self.status {
            CallStatus::Initiated => "queued",
            status => status.as_str(),
        }
    }

    fn uri(&self) -> String {
        format!("/2010-04-01/Accounts/{}/Calls/{}", self.account, self.sid)
    }

    /// As the API shows it. Nearly every number is a string.
    pub(super) fn json(&self) -> Value {
        let uri = self.uri();
        json!({
            "sid": self.sid,
            "account_sid": self.account,
            "parent_call_sid": self.origin.parent(),
            "to": self.to,
            "to_formatted": self.to,
            "from": self.from,
            "from_formatted": self.from,
            "phone_number_sid": null,
            "status": self.status(),
            "start_time": rfc2822(self.began),
            "end_time": self.end.map(|(at, _)| rfc2822(at)),
            "duration": self.end.map(|(_, seconds)| seconds.to_string()),
            "price": null,
            "price_unit": "USD",
            "direction": self.origin.direction(),
            "answered_by": null,
            "api_version": "2010-04-01",
            "forwarded_from": null,
            "group_sid": null,
            "caller_name": null,
            "queue_time": "0",
            "trunk_sid": null,
            "date_created": rfc2822(self.began),
            "date_updated": rfc2822(self.end.map_or(self.began, |(at, _)| at)),
            "uri": format!("{uri}.json"),
            "subresource_uris": {
                "recordings": format!("{uri}/Recordings.json"),
                "streams": format!("{uri}/Streams.json"),
            },
        })
    }

    pub(super) fn stream_json(&self, stream: &StreamLine) -> Value {
        json!({
            "sid": stream.sid,
            "account_sid": self.account,
            "call_sid": self.sid,
            "name": stream.name,
            "status": if stream.is_over { "stopped" } else { "in-progress" },
            "date_updated": rfc2822(OffsetDateTime::now_utc()),
            "uri": format!("{}/Streams/{}.json", self.uri(), stream.sid),
        })
    }

    pub(super) fn recording_json(&self, recording: &RecordingLine) -> Value {
        json!({
            "sid": recording.sid,
            "account_sid": self.account,
            "call_sid": self.sid,
            "conference_sid": null,
            "status": recording.status,
            "channels": recording.channels,
            "source": "StartCallRecordingAPI",
            "track": "both",
            "start_time": rfc2822(recording.began),
            "duration": recording.seconds.map(|seconds| seconds.to_string()),
            "error_code": null,
            "price": null,
            "api_version": "2010-04-01",
            "uri": format!("/2010-04-01/Accounts/{}/Recordings/{}.json", self.account, recording.sid),
        })
    }
}

pub(super) fn rfc2822(time: OffsetDateTime) -> String {
    // The year has four digits, so this cannot fail.
    time.format(&Rfc2822).unwrap_or_default()
}
