//! The HTTP API: `/api` but for Twilio's webhooks.

mod analytics;
mod audit;
mod auth;
pub(crate) mod bot;
mod calls;
mod export;
pub(crate) mod extract;
mod invitations;
mod keys;
pub(crate) mod line;
mod messages;
pub(crate) mod modes;
mod numbers;
mod oidc;
mod paper;
mod password;
pub(crate) mod say;
mod sessions;
mod tenant;
pub(crate) mod users;

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::live::{socket, telephony};
use crate::model::{LiveEvent, LiveSnapshot};

/// Largest JSON body, in bytes.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// What the description says beside its paths.
#[derive(OpenApi)]
#[openapi(
    info(title = "Partyline", description = "Hear, and join, a phone call while it is going on."),
    components(schemas(LiveSnapshot, LiveEvent<'_>)),
    modifiers(&Bearer),
    security(("bearer" = []))
)]
struct Description;

/// How a caller is known.
const BEARER: &str = "An access token of `POST /api/auth/login`, or an API key (`plk_…`) with the scope that the \
    operation names. Operations that name none are for people who signed in, but for `GET /api/me`.";

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(BEARER)).build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// All paths of the API, and their description.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
        .merge(auth::router())
        .merge(calls::router())
        .merge(analytics::router())
        .merge(export::router())
        .merge(messages::router())
        .merge(sessions::router())
        .merge(modes::router())
        .merge(bot::router())
        .merge(say::router())
        .merge(line::router())
        .merge(numbers::router())
        .merge(tenant::router())
        .merge(users::router())
        .merge(keys::router())
        .merge(audit::router())
        .merge(password::router())
        .merge(oidc::router())
        .merge(invitations::router())
        .merge(OpenApiRouter::new().routes(routes!(socket::live)).routes(routes!(telephony::telephony)))
        .merge(crate::twilio::router())
}
