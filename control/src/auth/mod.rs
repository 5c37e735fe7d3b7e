//! Who asks, and what they may do.

pub(crate) mod calls;
pub(crate) mod limit;
pub(crate) mod oidc;
pub(crate) mod password;
pub(crate) mod sign_in;

use std::convert::Infallible;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use common::token::Claims;
use common::{TenantId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::App;
use crate::audit::{Action, Entry};
use crate::crypto::sha256;
use crate::error::ApiError;
use crate::model::{Role, Scope, User};
use crate::store::{GoodKey, Opener, StoreError};

/// What every API key begins with, and nothing else does.
pub(crate) const KEY_PREFIX: &str = "plk_";

/// How exactly it is known when a key was last used: that often at most it is written down.
const KEY_USE: time::Duration = time::Duration::minutes(1);

/// How long a connection by a key that does not expire may live before it must come again.
const KEY_CONNECTION: Duration = Duration::from_secs(24 * 3600);

/// An access token: who signed in, for a few minutes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct UserToken {
    /// Who.
    #[serde(rename = "sub")]
    pub(crate) user: UserId,
    /// Whom they work for.
    pub(crate) tenant: TenantId,
    /// What they might do when they got it. What they may do now, the database says.
    pub(crate) role: Role,
    /// The sign-in that it belongs to.
    #[serde(rename = "sid")]
    pub(crate) sign_in: Uuid,
    /// Expiry in Unix seconds.
    pub(crate) exp: i64,
}

impl Claims for UserToken {
    const AUDIENCE: &'static str = "user";

    fn expires_at(&self) -> i64 {
        self.exp
    }
}

/// By what a caller is known.
#[derive(Clone, Debug)]
enum Proof {
    /// They signed in.
    SignIn { id: Uuid, exp: i64 },
    /// A program that acts for them.
    Key { hash: [u8; 32], id: String, scopes: Vec<Scope>, expires_at: Option<OffsetDateTime> },
}

/// The authenticated caller of a request. Made of a token or key that was checked, and in no other way.
///
/// As an extractor it is a person who signed in: a handler that API keys may call takes [`By`].
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    person: User,
    proof: Proof,
    address: IpAddr,
}

impl Caller {
    /// The caller with this access token or API key: good now, of a person who may sign in.
    pub(crate) async fn of_token(app: &App, token: &str, parts: &Parts) -> Result<Self, ApiError> {
        let now = OffsetDateTime::now_utc();
        let (person, proof) = match token.starts_with(KEY_PREFIX) {
            true => Self::of_key(app, token, now).await?,
            false => Self::of_access_token(app, token, now).await?,
        };
        app.requests.check_person(person.tenant.id, person.id, &app.metrics)?;
        let caller = Self { person, proof, address: address_of(parts, app) };
        if let Some(asker) = parts.extensions.get::<Asker>() {
            let _asked_twice = asker.0.set(caller.clone());
        }
        Ok(caller)
    }

    async fn of_access_token(app: &App, token: &str, now: OffsetDateTime) -> Result<(User, Proof), ApiError> {
        let refused = || refused(app, "token");
        let token: UserToken = app.verifier.verify(token, now).map_err(|_| refused())?;
        let person = app.store.user_signed_in(token.tenant, token.user, token.sign_in, now).await?;
        let proof = Proof::SignIn { id: token.sign_in, exp: token.exp };
        Ok((person.ok_or_else(refused)?, proof))
    }

    async fn of_key(app: &App, key: &str, now: OffsetDateTime) -> Result<(User, Proof), ApiError> {
        let refused = || refused(app, "key");
        let hash = sha256(key.as_bytes());
        let tenant = app.store.tenant_by_key(hash).await?.ok_or_else(refused)?;
        let good = app.store.key_good(tenant, hash, now).await?.ok_or_else(refused)?;
        let GoodKey { id, scopes, expires_at, last_used_at, user } = good;
        if last_used_at.is_none_or(|last| now - last >= KEY_USE) {
            let mut txn = app.store.begin(tenant).await?;
            txn.key_used(tenant, &id, now).await?;
            txn.commit().await?;
        }
        Ok((user, Proof::Key { hash, id, scopes, expires_at }))
    }

    /// Whom they work for: the only tenant at hand in a handler.
    pub(crate) fn tenant(&self) -> TenantId {
        self.person.tenant.id
    }

    /// Who.
    pub(crate) fn user(&self) -> UserId {
        self.person.id
    }

    /// The sign-in that their token belongs to. An API key has none.
    pub(crate) fn sign_in(&self) -> Option<Uuid> {
        match self.proof {
            Proof::SignIn { id, .. } => Some(id),
            Proof::Key { .. } => None,
        }
    }

    /// Who they are and by what they came, for what they open.
    pub(crate) fn opener(&self) -> Opener {
        let key = match &self.proof {
            Proof::Key { id, .. } => Some(id.clone()),
            Proof::SignIn { .. } => None,
        };
        Opener { user: self.user(), role: self.role(), sign_in: self.sign_in(), key }
    }

    /// What there is to know of them.
    pub(crate) fn person(&self) -> &User {
        &self.person
    }

    /// Who, as a call's history says it: the person, and the key if it was one.
    pub(crate) fn named(&self) -> Value {
        let mut named = json!({ "id": self.person.id, "name": self.person.name });
        if let (Proof::Key { id, .. }, Some(named)) = (&self.proof, named.as_object_mut()) {
            named.insert("key".to_owned(), json!(id));
        }
        named
    }

    /// An entry for the audit log that says that they did this, by what and from where.
    pub(crate) fn did(&self, action: Action) -> Entry {
        Entry { key: self.opener().key, ..Entry::new(action).by(self.user()).from(self.address) }
    }

    /// What they may do now.
    pub(crate) fn role(&self) -> Role {
        self.person.role
    }

    /// An error unless they have one of these roles.
    pub(crate) fn require(&self, roles: &[Role]) -> Result<(), ApiError> {
        match roles.contains(&self.role()) {
            true => Ok(()),
            false => Err(ApiError::Forbidden("your role does not allow this")),
        }
    }

    /// An error if it is an API key without this scope. What a person may do, their role says.
    pub(crate) fn within(&self, scope: Scope) -> Result<(), ApiError> {
        match &self.proof {
            Proof::Key { scopes, .. } if !scopes.contains(&scope) => {
                Err(ApiError::Forbidden("the scopes of this API key do not allow this"))
            }
            _ => Ok(()),
        }
    }

    /// How long a connection may go on by what they showed.
    pub(crate) fn expires_in(&self, now: OffsetDateTime) -> Duration {
        let until = |seconds: i64| Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        match &self.proof {
            Proof::SignIn { exp, .. } => until(exp - now.unix_timestamp()),
            Proof::Key { expires_at: Some(end), .. } => {
                until((*end - now).whole_seconds()).min(KEY_CONNECTION)
            }
            Proof::Key { expires_at: None, .. } => KEY_CONNECTION,
        }
    }

    /// Whether what they showed is still good. For connections that outlive a request.
    pub(crate) async fn still_stands(&self, app: &App) -> Result<bool, StoreError> {
        let (tenant, now) = (self.tenant(), OffsetDateTime::now_utc());
        match &self.proof {
            Proof::SignIn { id, .. } => {
                Ok(app.store.user_signed_in(tenant, self.user(), *id, now).await?.is_some())
            }
            Proof::Key { hash, .. } => Ok(app.store.key_good(tenant, *hash, now).await?.is_some()),
        }
    }

    async fn of_header(parts: &Parts, app: &App) -> Result<Self, ApiError> {
        // Of two, a proxy may have looked at the other.
        let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
        let header =
            headers.next().filter(|_| headers.next().is_none()).and_then(|value| value.to_str().ok());
        let (scheme, token) = header.and_then(|value| value.split_once(' ')).ok_or(ApiError::Unauthorized)?;
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return Err(ApiError::Unauthorized);
        }
        Self::of_token(app, token.trim(), parts).await
    }
}

/// Put into a request, it knows afterwards who asked, if they were known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asker(Arc<OnceLock<Caller>>);

impl Asker {
    /// Who asked.
    pub(crate) fn known(&self) -> Option<&Caller> {
        self.0.get()
    }
}

/// Where a request comes from, whoever sent it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) IpAddr);

impl FromRequestParts<App> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(address_of(parts, app)))
    }
}

fn address_of(parts: &Parts, app: &App) -> IpAddr {
    match parts.extensions.get::<ConnectInfo<SocketAddr>>() {
        Some(ConnectInfo(peer)) => {
            limit::client_address(peer.ip(), &parts.headers, &app.config.trusted_proxies)
        }
        // Our own accept loop always says it.
        None => Ipv4Addr::UNSPECIFIED.into(),
    }
}

fn refused(app: &App, kind: &str) -> ApiError {
    app.metrics.auth_failures.with_label_values(&[kind]).inc();
    ApiError::Unauthorized
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = Self::of_header(parts, app).await?;
        match caller.proof {
            Proof::SignIn { .. } => Ok(caller),
            Proof::Key { .. } => Err(ApiError::Forbidden("an API key cannot do this: sign in")),
        }
    }
}

/// For a handler that works without a caller too. No token and a bad one are the same there.
impl axum::extract::OptionalFromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, ApiError> {
        match <Self as FromRequestParts<App>>::from_request_parts(parts, app).await {
            Ok(caller) => Ok(Some(caller)),
            Err(ApiError::Unauthorized) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A caller who signed in, or an API key with the scope that `S` stands for.
pub(crate) struct By<S>(pub(crate) Caller, pub(crate) PhantomData<S>);

/// What stands for a scope in the type of a handler's argument.
pub(crate) trait Needs {
    /// `None`: any key will do.
    const SCOPE: Option<Scope>;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident => $scope:expr,)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl Needs for $name {
            const SCOPE: Option<Scope> = $scope;
        }
    )*};
}

needs! {
    /// Nothing: whoever asks may know who they are.
    Nothing => None,
    /// [`Scope::CallsRead`].
    CallsRead => Some(Scope::CallsRead),
    /// [`Scope::CallsWrite`].
    CallsWrite => Some(Scope::CallsWrite),
    /// [`Scope::CallsListen`].
    CallsListen => Some(Scope::CallsListen),
    /// [`Scope::CallsSpeak`].
    CallsSpeak => Some(Scope::CallsSpeak),
    /// [`Scope::NumbersRead`].
    NumbersRead => Some(Scope::NumbersRead),
    /// [`Scope::NumbersWrite`].
    NumbersWrite => Some(Scope::NumbersWrite),
}

impl<S: Needs> FromRequestParts<App> for By<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = Caller::of_header(parts, app).await?;
        S::SCOPE.map_or(Ok(()), |scope| caller.within(scope))?;
        Ok(Self(caller, PhantomData))
    }
}
