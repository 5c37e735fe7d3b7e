//! Invitations: made by admins, accepted by who holds the link.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum_extra::extract::CookieJar;
use common::UserId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Json, Path, check_name};
use super::users::{check_email, check_password};
use crate::App;
use crate::audit::{Action, Entry};
use crate::auth::limit::subscriber;
use crate::auth::sign_in::{SignedIn, begin, signed_in};
use crate::auth::{Caller, Client, password};
use crate::crypto::{named_secret, sha256};
use crate::error::{ApiError, Problem};
use crate::model::{Invitation, Role, User};
use crate::store::{NewInvitation, NewUser};

/// Invitations that a tenant may have open.
const MAX_OPEN: i64 = 1000;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke)).routes(routes!(accept))
}

/// The tenant's invitations.
#[derive(Serialize, ToSchema)]
struct Invitations {
    /// Those that can still be accepted, oldest first; at most 1000.
    invitations: Vec<Invitation>,
}

/// The tenant's invitations that can still be accepted.
#[utoipa::path(get, path = "/api/invitations", tag = "users", responses(
    (status = 200, body = Invitations),
    (status = 403, body = Problem),
))]
async fn list(State(app): State<App>, caller: Caller) -> Result<axum::Json<Invitations>, ApiError> {
    caller.require(&[Role::Admin])?;
    let invitations = app.store.invitation_list(caller.tenant(), OffsetDateTime::now_utc()).await?;
    Ok(axum::Json(Invitations { invitations }))
}

/// Whom to invite.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InvitationCreate {
    /// What they will sign in with.
    email: String,
    /// What they will be allowed to do.
    role: Role,
}

/// An invitation that was made just now.
#[derive(Serialize, ToSchema)]
struct InvitationCreated {
    /// The link for the person invited: good once. It is shown here and never again; no mail is sent.
    #[schema(example = "https://calls.example.com/invitation#inv_…")]
    link: String,
    /// As it is listed.
    #[serde(flatten)]
    listed: Invitation,
}

/// Invites a person. An older invitation of the same e-mail is revoked.
#[utoipa::path(post, path = "/api/invitations", tag = "users", request_body = InvitationCreate, responses(
    (status = 201, body = InvitationCreated),
    (status = 403, body = Problem),
    (status = 409, description = "`email_taken`, `too_many_invitations`", body = Problem),
    (status = 422, body = Problem),
))]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(body): Json<InvitationCreate>,
) -> Result<(StatusCode, axum::Json<InvitationCreated>), ApiError> {
    caller.require(&[Role::Admin])?;
    let email = body.email.trim().to_lowercase();
    check_email(&email).map_err(ApiError::invalid)?;
    if app.store.tenant_by_email(&email).await?.is_some() {
        return Err(ApiError::Conflict { code: "email_taken", detail: "this e-mail cannot be used" });
    }
    let (tenant, now) = (caller.tenant(), OffsetDateTime::now_utc());
    let (id, token) = named_secret("inv_");
    let expires_at = now + app.config.timings.invitation;
    let new = NewInvitation {
        id: &id,
        hash: sha256(token.as_bytes()),
        email: &email,
        role: body.role,
        invited_by: Some(caller.user()),
        expires_at,
    };
    let mut txn = app.store.begin(tenant).await?;
    txn.invitation_create(tenant, &new, now).await?;
    if txn.invitation_count(tenant, now).await? > MAX_OPEN {
        let detail = "too many invitations are open";
        return Err(ApiError::Conflict { code: "too_many_invitations", detail });
    }
    let entry = caller.did(Action::InvitationAdded).on(&id).with(json!({ "role": body.role }));
    txn.audit(tenant, entry, now).await?;
    txn.commit().await?;
    // Behind a #, which no browser sends to a server and no server writes into a log.
    let link = format!("{}/invitation#{token}", app.public_url.as_str());
    let listed = Invitation { id, email, role: body.role, created_at: now, expires_at };
    Ok((StatusCode::CREATED, axum::Json(InvitationCreated { link, listed })))
}

/// Revokes an invitation.
#[utoipa::path(delete, path = "/api/invitations/{id}", tag = "users",
    params(("id" = String, Path, description = "`inv_…`, the first part of the token")),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require(&[Role::Admin])?;
    let (tenant, now) = (caller.tenant(), OffsetDateTime::now_utc());
    let mut txn = app.store.begin(tenant).await?;
    if !txn.invitation_revoke(tenant, &id, now).await? {
        return Err(ApiError::NotFound);
    }
    txn.audit(tenant, caller.did(Action::InvitationRevoked).on(id), now).await?;
    txn.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who accepts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InvitationAccept {
    /// What stands behind the `#` of the link.
    token: String,
    /// At most 100 characters.
    name: String,
    /// At least 8 characters.
    password: String,
}

/// Accepts an invitation: makes the person, and signs them in.
#[utoipa::path(post, path = "/api/auth/invitation", tag = "auth", request_body = InvitationAccept, security(()),
    responses(
        (status = 200, body = SignedIn),
        (status = 404, description = "Nobody knows the token, or it was used, revoked, or is too old", body = Problem),
        (status = 409, description = "`email_taken`", body = Problem),
        (status = 422, body = Problem),
        (status = 429, body = Problem),
    ))]
async fn accept(
    State(app): State<App>,
    Client(address): Client,
    jar: CookieJar,
    Json(body): Json<InvitationAccept>,
) -> Result<impl IntoResponse, ApiError> {
    if let Err(wait) = app.login_by_address.check(subscriber(address)) {
        app.metrics.rate_limited.with_label_values(&["login_address"]).inc();
        return Err(ApiError::TooMany(wait));
    }
    let hash = sha256(body.token.as_bytes());
    let tenant = app.store.tenant_by_invitation(hash).await?.ok_or(ApiError::NotFound)?;
    check_name(&body.name)?;
    check_password(&body.password).map_err(ApiError::invalid)?;
    let busy = |password::Busy| ApiError::Unavailable(Duration::from_secs(5));
    let password_hash = app.passwords.hash(body.password).await.map_err(busy)?;

    let now = OffsetDateTime::now_utc();
    let mut txn = app.store.begin(tenant).await?;
    let invitation = txn.invitation_accept(tenant, hash, now).await?.ok_or(ApiError::NotFound)?;
    let Invitation { id: invitation, email, role, .. } = invitation;
    let id = UserId::new();
    let new = NewUser { id, email: &email, name: &body.name, role, password_hash: &password_hash };
    if !txn.user_create(tenant, new, now).await? {
        return Err(ApiError::Conflict { code: "email_taken", detail: "this e-mail cannot be used" });
    }
    let entry = Entry::new(Action::InvitationAccepted).by(id).from(address).on(invitation);
    txn.audit(tenant, entry.with(json!({ "role": role })), now).await?;
    let user = User { id, email, name: body.name, role, tenant: txn.tenant_fetch(tenant).await? };
    let entry = Entry::new(Action::SignInStarted).from(address).with(json!({ "by": "invitation" }));
    let (sign_in, cookie) = begin(&app, &mut txn, &user, entry, now).await?;
    txn.commit().await?;
    Ok((jar.add(cookie), signed_in(&app, user, sign_in, now)))
}
