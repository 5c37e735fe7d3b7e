//! What Twilio reports of a call while it goes on. Answered when it is durable; the same again, or late,
//! does no harm.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use common::bus::NodeCommand;
use common::{CallId, CallSid};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::status::{Report, report};
use super::voice::{call_sid, sides};
use super::{Kind, Outcome, Webhook, apply, take};
use crate::App;
use crate::error::{ApiError, Problem};
use crate::model::EventType;
use crate::store::{NewCall, RecordingReport, StoreError, Txn};

/// Longest address of a recording that is kept, in bytes.
const MAX_URL: usize = 500;

type Taken = Result<(Outcome, Response), ApiError>;

/// A call's status callback.
#[utoipa::path(post, path = "/api/twilio/status", tag = "twilio", security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses((status = 204), (status = 403, description = "Not signed by Twilio", body = Problem)))]
pub(super) async fn status(State(app): State<App>, request: Request) -> Response {
    take(&app, Kind::Status, request).await
}

/// A media stream's status callback.
#[utoipa::path(post, path = "/api/twilio/stream", tag = "twilio", security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses((status = 204), (status = 403, description = "Not signed by Twilio", body = Problem)))]
pub(super) async fn stream(State(app): State<App>, request: Request) -> Response {
    take(&app, Kind::Stream, request).await
}

/// A recording's status callback.
#[utoipa::path(post, path = "/api/twilio/recording", tag = "twilio", security(()),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"),
    responses((status = 204), (status = 403, description = "Not signed by Twilio", body = Problem)))]
pub(super) async fn recording(State(app): State<App>, request: Request) -> Response {
    take(&app, Kind::Recording, request).await
}

pub(super) async fn take_status(app: &App, hook: &Webhook) -> Taken {
    let form = &hook.form;
    let sid = call_sid(hook)?;
    let word = form.text("CallStatus").ok_or(ApiError::BadRequest("CallStatus is missing".into()))?;
    let now = hook.received_at;
    let (sequence, at) = (form.number("SequenceNumber"), form.timestamp(now));
    let Some(report) = report(&word, sequence, at, form.number("CallDuration")) else {
        return Ok(done(Outcome::Ignored));
    };

    let mut txn = app.store.begin(hook.tenant).await?;
    let Some(call) = call_of_status(&mut txn, hook, sid, at).await? else {
        return Ok(done(Outcome::Ignored));
    };
    let number = sequence.map_or_else(|| "-".to_owned(), |sequence| sequence.to_string());
    if !txn.receipt_keep(hook.tenant, call, &format!("status:{number}:{word}"), now).await? {
        return Ok(done(Outcome::Duplicate));
    }
    let is_late = match sequence {
        Some(sequence) => txn.call_sequence(hook.tenant, call, sequence).await?,
        None => false,
    };
    let mut data = json!({ "twilio_status": word });
    put(&mut data, "sequence", sequence.map(Value::from));
    put(&mut data, "late", is_late.then_some(Value::Bool(true)));
    put(&mut data, "sip_response_code", form.number("SipResponseCode").map(Value::from));
    apply(&mut txn, hook.tenant, call, report, data, now).await?;
    txn.commit().await?;
    if matches!(report, Report::Over(_)) {
        // Who lost the call's stream may be waiting for another.
        app.bus.commands.publish(NodeCommand::EndCall { call });
    }
    if is_late {
        app.metrics.webhook_out_of_order.inc();
    }
    Ok(done(Outcome::Ok))
}

/// The record of the call, made when its voice webhook never came or is still to come.
async fn call_of_status(
    txn: &mut Txn,
    hook: &Webhook,
    sid: CallSid,
    at: OffsetDateTime,
) -> Result<Option<CallId>, StoreError> {
    if let Some(call) = txn.call_by_sid(hook.tenant, sid).await? {
        return Ok(Some(call));
    }
    if txn.call_is_deleted(hook.tenant, sid).await? {
        return Ok(None);
    }
    let sides = sides(hook);
    // Another leg of a call, or a number that is none of ours: no call of the tenant's.
    let known = match txn.number_exists(hook.tenant, &sides.organization).await? {
        true => hook.form.get("ParentCallSid").is_none(),
        false => false,
    };
    if !known {
        return Ok(None);
    }
    let caller_name = hook.form.text("CallerName");
    let new = NewCall {
        id: CallId::new(),
        call_sid: sid,
        account_sid: hook.account,
        direction: sides.direction,
        customer_number: &sides.customer,
        organization_number: &sides.organization,
        caller_name: caller_name.as_deref(),
        route: None,
    };
    let (call, _is_new) = txn.call_open(hook.tenant, &new, at).await?;
    let data = json!({
        "direction": sides.direction,
        "customer_number": sides.customer,
        "organization_number": sides.organization,
    });
    txn.event(hook.tenant, call, EventType::CallIncoming, at, data).await?;
    Ok(Some(call))
}

pub(super) async fn take_stream(app: &App, hook: &Webhook) -> Taken {
    let form = &hook.form;
    let sid = call_sid(hook)?;
    let stream = form.text("StreamSid").ok_or(ApiError::BadRequest("StreamSid is missing".into()))?;
    let word = form.text("StreamEvent").ok_or(ApiError::BadRequest("StreamEvent is missing".into()))?;
    // Whether audio comes, the gateway knows. This is Twilio's side of it, for the history.
    let mut data = json!({ "stream": stream, "twilio_event": word });
    put(&mut data, "error", form.text("StreamError").map(Value::from));
    note(app, hook, sid, &format!("stream:{stream}:{word}"), EventType::CallMedia, data).await
}

pub(super) async fn take_recording(app: &App, hook: &Webhook) -> Taken {
    let form = &hook.form;
    let sid = call_sid(hook)?;
    let recording = form.get("RecordingSid").and_then(|sid| sid.parse().ok());
    let recording = recording.ok_or(ApiError::BadRequest("RecordingSid is missing or no sid".into()))?;
    let word = form.text("RecordingStatus").unwrap_or_else(|| "completed".to_owned());
    let url = form.get("RecordingUrl").filter(|url| url.len() <= MAX_URL && is_https(url));
    let report = RecordingReport {
        sid: recording,
        status: &word,
        duration_seconds: form.number("RecordingDuration"),
        channels: form.number("RecordingChannels"),
        url,
        error_code: form.number("ErrorCode"),
    };
    let mut recorded = json!({ "sid": recording, "status": word });
    put(&mut recorded, "duration_seconds", report.duration_seconds.map(Value::from));
    put(&mut recorded, "channels", report.channels.map(Value::from));
    put(&mut recorded, "error_code", report.error_code.map(Value::from));

    let now = hook.received_at;
    let mut txn = app.store.begin(hook.tenant).await?;
    let Some(call) = txn.call_by_sid(hook.tenant, sid).await? else {
        return Ok(done(Outcome::Ignored));
    };
    if !txn.receipt_keep(hook.tenant, call, &format!("recording:{recording}:{word}"), now).await? {
        return Ok(done(Outcome::Duplicate));
    }
    if !txn.recording_put(hook.tenant, call, &report, now).await? {
        return Ok(done(Outcome::Ignored));
    }
    txn.event(hook.tenant, call, EventType::CallUpdated, now, json!({ "recording": recorded })).await?;
    txn.commit().await?;
    Ok(done(Outcome::Ok))
}

fn is_https(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| url.scheme() == "https")
}

/// Records something about a call that changes nothing in its record, once.
async fn note(app: &App, hook: &Webhook, sid: CallSid, key: &str, kind: EventType, data: Value) -> Taken {
    let now = hook.received_at;
    let mut txn = app.store.begin(hook.tenant).await?;
    let Some(call) = txn.call_by_sid(hook.tenant, sid).await? else {
        return Ok(done(Outcome::Ignored));
    };
    if !txn.receipt_keep(hook.tenant, call, key, now).await? {
        return Ok(done(Outcome::Duplicate));
    }
    txn.event(hook.tenant, call, kind, now, data).await?;
    txn.commit().await?;
    Ok(done(Outcome::Ok))
}

pub(super) fn done(outcome: Outcome) -> (Outcome, Response) {
    (outcome, StatusCode::NO_CONTENT.into_response())
}

fn put(data: &mut Value, field: &str, value: Option<Value>) {
    if let (Some(object), Some(value)) = (data.as_object_mut(), value) {
        object.insert(field.to_owned(), value);
    }
}
