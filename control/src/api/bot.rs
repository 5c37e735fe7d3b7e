//! A call's bot: paused, and handed back to.

use axum::extract::State;
use axum::http::StatusCode;
use common::bus::NodeCommand;
use common::token::Mode;
use common::{CallId, TenantId};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::Path;
use crate::App;
use crate::audit::Action;
use crate::auth::{By, Caller, CallsSpeak};
use crate::error::{ApiError, Problem};
use crate::model::{Call, CallBot, CallRef, Sender};
use crate::store::{StoreError, Txn};

/// The most of a recap, in characters.
const MAX_RECAP: usize = 8000;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(pause_ai, hand_back))
}

/// What a bot is asked to do.
#[derive(Serialize, ToSchema)]
struct BotAsked {
    /// Whether it is to be paused. What it does, the call's `bot` says.
    paused: bool,
}

/// Pauses a call's bot: it hears nothing and is heard by nobody, until it is handed back to. Fine to call twice.
#[utoipa::path(post, path = "/api/calls/{id}/pause-ai", tag = "speaking",
    security(("bearer" = ["calls:speak"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    responses(
        (status = 202, body = BotAsked),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`call_not_live`, `call_cannot_be_joined`, `call_has_no_bot`", body = Problem),
    ))]
async fn pause_ai(
    State(app): State<App>,
    By(caller, _): By<CallsSpeak>,
    Path(call): Path<CallRef>,
) -> Result<(StatusCode, axum::Json<BotAsked>), ApiError> {
    let tenant = caller.tenant();
    let (mut txn, call) = with_bot(&app, &caller, call).await?;
    let now = OffsetDateTime::now_utc();
    let command = pause(&mut txn, tenant, call.id, now).await?;
    txn.audit(tenant, caller.did(Action::BotPaused).of_call(call.id), now).await?;
    txn.commit().await?;
    command.into_iter().for_each(|command| app.bus.commands.publish(command));
    Ok((StatusCode::ACCEPTED, axum::Json(BotAsked { paused: true })))
}

/// Hands a call back to its bot, which is told what was said meanwhile, as far as that was written down. Who had taken
/// the call over listens again.
#[utoipa::path(delete, path = "/api/calls/{id}/pause-ai", tag = "speaking",
    security(("bearer" = ["calls:speak"])),
    params(("id" = String, Path, description = "`call_…`, or Twilio's `CA…`")),
    responses(
        (status = 202, body = BotAsked),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`call_not_live`, `call_cannot_be_joined`, `call_has_no_bot`; \
            `call_taken_over`: somebody else has taken it over", body = Problem),
    ))]
async fn hand_back(
    State(app): State<App>,
    By(caller, _): By<CallsSpeak>,
    Path(call): Path<CallRef>,
) -> Result<(StatusCode, axum::Json<BotAsked>), ApiError> {
    let tenant = caller.tenant();
    let (mut txn, call) = with_bot(&app, &caller, call).await?;
    let now = OffsetDateTime::now_utc();
    let mut commands = Vec::new();
    for (session, state) in txn.sessions_connected(tenant, call.id).await? {
        let wanted = state.wanted.map_or(state.mode, |(mode, _)| mode);
        if wanted != Mode::Takeover {
            continue;
        }
        if state.user != caller.user() {
            let detail =
                "somebody else has taken the call over: they hand it back, or are set to listen first";
            return Err(ApiError::Conflict { code: "call_taken_over", detail });
        }
        txn.session_ask(tenant, session, Some(Mode::Listen), now).await?;
        commands.push(NodeCommand::SetMode { session, mode: Mode::Listen });
    }
    txn.bot_pause(tenant, call.id, false, now).await?;
    let recap = recap(&mut txn, tenant, call.id).await?;
    commands.push(NodeCommand::PauseBot { call: call.id, paused: false, recap });
    txn.audit(tenant, caller.did(Action::BotResumed).of_call(call.id), now).await?;
    txn.commit().await?;
    commands.into_iter().for_each(|command| app.bus.commands.publish(command));
    Ok((StatusCode::ACCEPTED, axum::Json(BotAsked { paused: false })))
}

/// The call, which has a bot that this caller may command.
async fn with_bot(app: &App, caller: &Caller, call: CallRef) -> Result<(Txn, Call), ApiError> {
    let mut txn = app.store.begin(caller.tenant()).await?;
    let call = txn.call_fetch(caller.tenant(), call).await?;
    caller.must_speak(&call)?;
    match call.bot.is_some_and(CallBot::is_there) {
        true => Ok((txn, call)),
        false => Err(ApiError::Conflict { code: "call_has_no_bot", detail: "no bot is in the call now" }),
    }
}

/// Decides that a call's bot is paused, if one is or will be there: what its gateway is to be told.
pub(crate) async fn pause(
    txn: &mut Txn,
    tenant: TenantId,
    call: CallId,
    now: OffsetDateTime,
) -> Result<Option<NodeCommand>, StoreError> {
    let speaking = txn.speaking(tenant, call).await?;
    let is_there = speaking.bot.is_none_or(CallBot::is_there);
    if !speaking.bot_asked || !is_there {
        return Ok(None);
    }
    txn.bot_pause(tenant, call, true, now).await?;
    Ok(Some(NodeCommand::PauseBot { call, paused: true, recap: None }))
}

/// What was said since the call's bot was paused, for the bot: the last of it, as far as it fits. `None`: nothing that
/// was written down.
pub(crate) async fn recap(
    txn: &mut Txn,
    tenant: TenantId,
    call: CallId,
) -> Result<Option<String>, StoreError> {
    let Some(since) = txn.speaking(tenant, call).await?.bot_paused_at else { return Ok(None) };
    let said = txn.messages_since(tenant, call, since).await?;
    let (mut lines, mut length) = (Vec::new(), 0);
    for message in said.iter().rev() {
        let who = match message.sender_type {
            Sender::Customer => "Caller",
            Sender::Agent => "Agent",
        };
        let line = format!("{who}: {}", message.content);
        length += line.chars().count() + 1;
        if length > MAX_RECAP {
            break;
        }
        lines.push(line);
    }
    lines.reverse();
    Ok(Some(lines.join("\n")).filter(|recap| !recap.is_empty()))
}
