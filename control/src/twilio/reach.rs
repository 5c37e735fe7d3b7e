//! A call as Twilio knows it, for what a person wants done with it now.

use std::future::Future;
use std::time::Duration;

use common::{CallId, TenantId};
use tokio::time::timeout;

use super::accounts::rest_account;
use super::rest::{RestAccount, RestError};
use crate::App;
use crate::error::ApiError;
use crate::store::CallLeg;

/// How long Twilio may take, tries and all, before whoever asked is told that it failed: less than any request may.
const PATIENCE: Duration = Duration::from_secs(10);

/// When the same may work, after Twilio failed.
const AGAIN: Duration = Duration::from_secs(5);

/// Twilio's number for a change of a call that is over.
const OVER_AT_TWILIO: u32 = 21220;

/// The call as Twilio knows it, and whose requests are about it.
pub(crate) async fn at_twilio(
    app: &App,
    tenant: TenantId,
    call: CallId,
) -> Result<(RestAccount, CallLeg), ApiError> {
    let leg = app.store.call_leg(tenant, call).await?;
    let account = rest_account(app, tenant, leg.account_sid).await?;
    let detail = "nobody knows the auth token of the call's Twilio account";
    let account = account.ok_or(ApiError::Conflict { code: "no_twilio_account", detail })?;
    Ok((account, leg))
}

/// What Twilio answers while a person waits for it.
pub(crate) async fn in_time<T>(asked: impl Future<Output = Result<T, RestError>>) -> Result<T, RestError> {
    timeout(PATIENCE, asked).await.unwrap_or(Err(RestError::Unavailable(None)))
}

/// Whether Twilio says that the call is over.
pub(crate) const fn is_over(error: &RestError) -> bool {
    matches!(error, RestError::NotFound | RestError::Refused { code: OVER_AT_TWILIO, .. })
}

/// What whoever asked is told of Twilio's failure.
pub(crate) fn failed(error: &RestError) -> ApiError {
    if is_over(error) {
        return ApiError::Conflict { code: "call_not_live", detail: "the call is over, says Twilio" };
    }
    match error.passes() {
        true => {
            ApiError::Upstream { code: "twilio_unavailable", detail: error.to_string(), again: Some(AGAIN) }
        }
        false => ApiError::Upstream { code: "twilio_refused", detail: error.to_string(), again: None },
    }
}
