//! Recordings that are asked for through the API: they record nothing, and tell what Twilio's would.

use std::sync::Arc;

use axum::http::StatusCode;
use common::{AccountSid, CallSid, RecordingSid};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Shared;
use super::answer::{Answer, Refusal};
use super::fault::ApiRequest;
use super::line::RecordingLine;
use crate::twilio::call::new_sid;
use crate::twilio::report::CallStatus;
use crate::twilio::twiml::{Method, Target};
use crate::twilio::webhook::{self, Params};

/// Begins to record a call.
pub(super) fn start(shared: &Arc<Shared>, call: CallSid, request: &ApiRequest) -> Answer {
    let channels = match request.get("RecordingChannels") {
        None | Some("mono") => 1,
        Some("dual") => 2,
        Some(_) => return Err(Refusal::invalid("RecordingChannels is neither mono nor dual")),
    };
    let events = request.get("RecordingStatusCallbackEvent").unwrap_or("completed");
    let line = RecordingLine {
        sid: new_sid(RecordingSid::PREFIX),
        status: "in-progress",
        channels,
        began: OffsetDateTime::now_utc(),
        seconds: None,
        callback: request
            .get("RecordingStatusCallback")
            .map(|url| Target { url: url.to_owned(), method: Method::Post }),
        events: events.split_whitespace().map(str::to_owned).collect(),
    };
    let recording = line.sid;
    let begun = shared.change(call, |known| {
        if known.status != CallStatus::InProgress {
            return Err(Refusal::CALL_STATE);
        }
        known.recordings.push(line);
        Ok(known.recording_json(&known.recordings[known.recordings.len() - 1]))
    });
    let body = begun.ok_or(Refusal::NOT_FOUND)??;
    tell(shared, call, recording);
    Ok((StatusCode::CREATED, body))
}

/// Pauses, resumes or ends a recording.
pub(super) fn change(
    shared: &Arc<Shared>,
    call: CallSid,
    recording: RecordingSid,
    request: &ApiRequest,
) -> Answer {
    let status = match request.get("Status") {
        Some("in-progress") => "in-progress",
        Some("paused") => "paused",
        Some("stopped") => "stopped",
        _ => return Err(Refusal::invalid("Status is neither in-progress, paused nor stopped")),
    };
    let changed = shared.change(call, |line| {
        let known = line.recordings.iter_mut().find(|known| known.sid == recording)?;
        if !known.is_over() {
            known.status = status;
        }
        let known = line.recordings.iter().find(|known| known.sid == recording)?;
        Some(line.recording_json(known))
    });
    let body = changed.flatten().ok_or(Refusal::NOT_FOUND)?;
    if status == "stopped" {
        end(shared, call, recording);
    }
    Ok((StatusCode::OK, body))
}

/// One recording of an account.
pub(super) fn fetch(shared: &Shared, account: AccountSid, recording: RecordingSid) -> Answer {
    let lines = shared.lines();
    let found = lines.values().filter(|line| line.account == account).find_map(|line| {
        let known = line.recordings.iter().find(|known| known.sid == recording)?;
        Some(line.recording_json(known))
    });
    Ok((StatusCode::OK, found.ok_or(Refusal::NOT_FOUND)?))
}

/// Takes a recording away.
pub(super) fn delete(shared: &Shared, account: AccountSid, recording: RecordingSid) -> Answer {
    let mut lines = shared.lines();
    let line = lines
        .values_mut()
        .filter(|line| line.account == account)
        .find(|line| line.recordings.iter().any(|known| known.sid == recording))
        .ok_or(Refusal::NOT_FOUND)?;
    line.recordings.retain(|known| known.sid != recording);
    Ok((StatusCode::NO_CONTENT, json!(null)))
}

/// The call is over.
pub(super) fn end_all(shared: &Arc<Shared>, call: CallSid) {
    let going = shared.change(call, |line| {
        let going = line.recordings.iter().filter(|recording| !recording.is_over());
        going.map(|recording| recording.sid).collect::<Vec<_>>()
    });
    for recording in going.unwrap_or_default() {
        end(shared, call, recording);
    }
}

fn end(shared: &Arc<Shared>, call: CallSid, recording: RecordingSid) {
    shared.change(call, |line| {
        for known in line.recordings.iter_mut().filter(|known| known.sid == recording && !known.is_over()) {
            let length = OffsetDateTime::now_utc() - known.began;
            known.seconds = Some(u64::try_from(length.whole_seconds()).unwrap_or_default().max(1));
            known.status = "completed";
        }
    });
    tell(shared, call, recording);
}

/// Tells the status callback where a recording stands, if it wants to know.
fn tell(shared: &Arc<Shared>, call: CallSid, recording: RecordingSid) {
    let told = shared.change(call, |line| {
        let known = line.recordings.iter().find(|known| known.sid == recording)?;
        let target = known.callback.clone()?;
        if !known.events.iter().any(|event| event == known.status) {
            return None;
        }
        let mut params: Params = vec![
            ("AccountSid", line.account.to_string()),
            ("CallSid", line.sid.to_string()),
            ("RecordingSid", known.sid.to_string()),
            (
                "RecordingUrl",
                format!(
                    "https://api.twilio.com/2010-04-01/Accounts/{}/Recordings/{}",
                    line.account, known.sid
                ),
            ),
            ("RecordingStatus", known.status.to_owned()),
            ("RecordingChannels", known.channels.to_string()),
            ("RecordingSource", "StartCallRecordingAPI".to_owned()),
            ("RecordingTrack", "both".to_owned()),
        ];
        if let Some(seconds) = known.seconds {
            params.push(("RecordingDuration", seconds.to_string()));
        }
        Some((line.account, target, params))
    });
    let Some((account, target, params)) = told.flatten() else { return };
    let Some(account) = shared.accounts.iter().find(|known| known.sid == account).cloned() else { return };
    tokio::spawn(async move {
        let _report = webhook::request(&account, "recording", &target, &params, Uuid::new_v4()).await;
    });
}
