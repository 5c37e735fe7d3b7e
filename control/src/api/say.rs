//! Lines that are written, and spoken to the caller.

use axum::extract::State;
use axum::http::StatusCode;
use common::SayId;
use common::bus::NodeCommand;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Path, check_text};
use crate::App;
use crate::audit::Action;
use crate::auth::{By, Caller, CallsSpeak};
use crate::error::{ApiError, Problem};
use crate::model::{CallRef, MessageType, Sender, is_language, is_voice};
use crate::store::NewMessage;

/// The longest line, in characters.
const MAX_TEXT: usize = 2000;

/// Lines of a call that may wait, or be spoken, at one time.
const MAX_OPEN: usize = 20;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(say, cancel_all)).routes(routes!(cancel))
}

/// What to say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Say {
    /// The words; 1 to 2000 characters.
    pub(crate) text: String,
    /// Their language (BCP 47). `null`: the provider's default.
    #[schema(example = "en-GB")]
    pub(crate) language: Option<String>,
    /// The provider's name for a voice. `null`: its default.
    pub(crate) voice: Option<String>,
}

/// A line that will be spoken.
#[derive(Serialize, ToSchema)]
pub(crate) struct SayQueued {
    /// The line.
    #[schema(value_type = String)]
    id: SayId,
    /// The number of its message, which is final when the line is over.
    message_id: i64,
}

/// Has a line spoken to the caller, after those that wait already.
///
/// What became of it, the event `message.sent` says with the message's `outcome`: `spoken` when the caller has heard it
/// to its end.
#[utoipa::path(post, path = "/api/calls/{id}/say", tag = "speaking",
    security(("bearer" = ["calls:speak"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    request_body = Say,
    responses(
        (status = 202, body = SayQueued),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`call_not_live`, `call_cannot_be_joined`; `too_many_lines`: 20 wait already, \
            or the call has as many messages as it may have", body = Problem),
        (status = 422, body = Problem),
    ))]
async fn say(
    State(app): State<App>,
    By(caller, _): By<CallsSpeak>,
    Path(call): Path<CallRef>,
    Json(body): Json<Say>,
) -> Result<(StatusCode, axum::Json<SayQueued>), ApiError> {
    let queued = queue(&app, &caller, call, body).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(queued)))
}

/// Keeps a line, and has it spoken.
pub(crate) async fn queue(
    app: &App,
    caller: &Caller,
    call: CallRef,
    body: Say,
) -> Result<SayQueued, ApiError> {
    check(&body)?;
    let tenant = caller.tenant();
    let mut txn = app.store.begin(tenant).await?;
    let call = txn.call_fetch(tenant, call).await?;
    caller.must_speak(&call)?;
    let too_many = ApiError::Conflict { code: "too_many_lines", detail: "too many lines wait to be spoken" };
    if txn.says_open(tenant, call.id, None).await?.len() >= MAX_OPEN {
        return Err(too_many);
    }
    let (say, now) = (SayId::new(), OffsetDateTime::now_utc());
    let new = NewMessage {
        message_type: MessageType::TtsAudio,
        sender_type: Sender::Agent,
        sender_name: Some(&caller.person().name),
        content: &body.text,
        confidence: None,
        detected_language: body.language.as_deref(),
        is_final: false,
        replaces: None,
        say: Some(say),
        outcome: None,
    };
    let Some(message_id) = txn.message_put(tenant, call.id, &new, now).await? else { return Err(too_many) };
    txn.audit(tenant, caller.did(Action::LineAdded).of_call(call.id).on(say), now).await?;
    txn.commit().await?;
    app.bus.commands.publish(NodeCommand::Say {
        call: call.id,
        say,
        text: body.text,
        language: body.language,
        voice: body.voice,
    });
    Ok(SayQueued { id: say, message_id })
}

fn check(body: &Say) -> Result<(), ApiError> {
    if body.text.trim().is_empty() {
        return Err(ApiError::invalid("text must not be empty"));
    }
    check_text("text", &body.text, MAX_TEXT)?;
    if !body.language.as_deref().is_none_or(is_language) {
        return Err(ApiError::invalid("language must be a tag like en-GB"));
    }
    if !body.voice.as_deref().is_none_or(is_voice) {
        return Err(ApiError::invalid("voice must be a name, of at most 100 letters, digits and -._:+"));
    }
    Ok(())
}

/// Has all lines that wait, and the one that is being spoken, spoken no more.
#[utoipa::path(delete, path = "/api/calls/{id}/say", tag = "speaking",
    security(("bearer" = ["calls:speak"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    responses(
        (status = 202, description = "What becomes of each line, its message says"),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ))]
async fn cancel_all(
    State(app): State<App>,
    By(caller, _): By<CallsSpeak>,
    Path(call): Path<CallRef>,
) -> Result<StatusCode, ApiError> {
    stop(&app, &caller, call, None).await
}

/// Has one line spoken no more. Fine for one that is over.
#[utoipa::path(delete, path = "/api/calls/{id}/say/{say}", tag = "speaking",
    security(("bearer" = ["calls:speak"])),
    params(
        ("id" = String, Path, description = "`call_…`, or Twilio's `CA…`"),
        ("say" = String, Path, description = "`say_…`"),
    ),
    responses(
        (status = 202, description = "What becomes of it, its message says"),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
    ))]
async fn cancel(
    State(app): State<App>,
    By(caller, _): By<CallsSpeak>,
    Path((call, say)): Path<(CallRef, SayId)>,
) -> Result<StatusCode, ApiError> {
    stop(&app, &caller, call, Some(say)).await
}

async fn stop(app: &App, caller: &Caller, call: CallRef, say: Option<SayId>) -> Result<StatusCode, ApiError> {
    let tenant = caller.tenant();
    let mut txn = app.store.begin(tenant).await?;
    let call = txn.call_fetch(tenant, call).await?;
    caller.must_command(&call)?;
    if let Some(say) = say
        && !txn.say_exists(tenant, call.id, say).await?
    {
        return Err(ApiError::NotFound);
    }
    let entry = caller.did(Action::LineCancelled).of_call(call.id).with(json!({ "line": say }));
    txn.audit(tenant, entry, OffsetDateTime::now_utc()).await?;
    txn.commit().await?;
    app.bus.commands.publish(NodeCommand::CancelSay { call: call.id, say });
    Ok(StatusCode::ACCEPTED)
}
