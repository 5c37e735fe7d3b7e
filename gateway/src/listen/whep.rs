//! WHEP over HTTP (draft-ietf-wish-whep): an offer comes, an answer goes, and a worker has a new session.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router, middleware};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::bus::SessionEnd;
use common::token::{ListenGrant, Verifier};
use common::{CallId, CallSid};
use gateway_core::listener::{Fragment, IceCredentials, Offer, Refusal, RemoteIce, Session, SessionConfig};
use time::OffsetDateTime;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::admit::{admit, over_capacity};
use super::gate::{FRAGMENT, Limiter, SDP, cors, describe};
use super::inbox::{Busy, NewSession, Request};
use super::metrics::Restart;
use super::mic;
use super::problem::Problem;
use super::registry::{Ice, Record, Refused};
use super::{Pcmu, Workers, links};
use crate::StartError;
use crate::budget::Budgets;
use crate::hub::{Hub, LiveCall};

/// How long a request's body may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Most bytes of a body too large that are read, so that its sender gets to see the answer.
const DISCARD: usize = 1 << 20;

/// How long a worker may take to restart ICE.
const RESTART_TIME: Duration = Duration::from_secs(2);

/// After how many seconds to ask again: a call that is not live yet, a gateway that has too much to do this
/// moment.
const RETRY_CALL: u16 = 2;
const RETRY_BUSY: u16 = 1;

struct App {
    hub: Arc<Hub>,
    workers: Workers,
    verifier: Verifier,
    limiter: Limiter,
    budgets: Arc<Budgets>,
    pcmu: Pcmu,
    /// `Link` values that name the ICE servers.
    links: Vec<HeaderValue>,
    /// What stands before `/whep` in the path of our public URL.
    prefix: String,
}

type Answer = Result<Response, Problem>;
type Asked<T> = Result<Path<T>, PathRejection>;
type Peer = Option<Extension<ConnectInfo<SocketAddr>>>;

/// WHEP: `/whep/{call}` and the session below it. The call may be named by our id or by Twilio's.
pub(crate) fn router(
    config: &crate::Config,
    hub: Arc<Hub>,
    workers: Workers,
    budgets: Arc<Budgets>,
    verifier: Verifier,
) -> Result<Router, StartError> {
    let app = Arc::new(App {
        hub,
        workers,
        verifier,
        limiter: Limiter::new(config.listen.rate),
        budgets,
        pcmu: config.listen.pcmu,
        links: links(&config.listen.ice_servers).map_err(StartError::System)?,
        prefix: path_of(&config.public_url).to_owned(),
    });
    let endpoint: MethodRouter<Arc<App>> = post(open)
        .get(async || StatusCode::NO_CONTENT)
        .head(async || (StatusCode::OK, [(header::CONTENT_TYPE, SDP)]))
        .fallback(async || not_allowed("GET, HEAD, OPTIONS, POST"));
    let session = MethodRouter::new()
        .patch(patch)
        .delete(delete)
        .get(look)
        .fallback(async || not_allowed("DELETE, GET, HEAD, OPTIONS, PATCH"));
    Ok(Router::new()
        .route("/whep/{call}", endpoint)
        .route("/whep/{call}/{session}", session)
        .route("/whep/{call}/{session}/mic", get(microphone))
        .layer(cors(&config.allowed_origins).map_err(StartError::System)?)
        .layer(middleware::from_fn(describe))
        .with_state(app))
}

async fn open(
    State(app): State<Arc<App>>,
    peer: Peer,
    path: Asked<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let started = Instant::now();
    let answer = app.open(started, peer, path, &headers, body).await;
    if answer.is_ok() {
        app.workers.metrics().join.http.observe(started.elapsed().as_secs_f64());
    }
    app.finish(answer)
}

async fn patch(
    State(app): State<Arc<App>>,
    peer: Peer,
    path: Asked<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = app.patch(peer, path, &headers, body).await;
    app.finish(answer)
}

async fn delete(
    State(app): State<Arc<App>>,
    peer: Peer,
    path: Asked<(String, String)>,
    headers: HeaderMap,
) -> Response {
    app.finish(app.delete(peer, path, &headers))
}

async fn look(State(app): State<Arc<App>>, path: Asked<(String, String)>) -> Response {
    app.finish(app.session(path).map(|_| StatusCode::NO_CONTENT.into_response()))
}

/// The microphone's control connection. The session's secret URL is leave enough.
async fn microphone(
    State(app): State<Arc<App>>,
    peer: Peer,
    path: Asked<(String, String)>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let answer = app.limit(peer).and_then(|()| {
        let record = app.session(path)?;
        let upgrade = upgrade
            .map_err(|error| Problem::new(error.status(), "not_a_websocket", error.body_text()))?
            .max_message_size(mic::MESSAGE)
            .max_frame_size(mic::MESSAGE);
        let (workers, hub) = (app.workers.clone(), app.hub.clone());
        Ok(upgrade.on_upgrade(|socket| mic::serve(socket, record, workers, hub)))
    });
    app.finish(answer)
}

impl App {
    async fn open(
        &self,
        started: Instant,
        peer: Peer,
        path: Asked<String>,
        headers: &HeaderMap,
        body: Body,
    ) -> Answer {
        self.limit(peer)?;
        let token = bearer(headers).ok_or_else(|| {
            Problem::unauthorized("Bearer", "a session's token is needed: Authorization: Bearer ...")
        })?;
        let grant: ListenGrant =
            self.verifier.verify(token, OffsetDateTime::now_utc()).map_err(|_| bad_token())?;
        content_type(headers, SDP)?;
        let Path(name) = path.map_err(|_| no_such_call())?;
        let call = self.call(&name, &grant)?;
        let text = read(headers, body, Offer::MAX_BYTES).await?;
        let offer = Offer::parse(&text).map_err(|error| {
            let (status, code) = match error.refusal() {
                Refusal::Malformed => (StatusCode::BAD_REQUEST, "bad_sdp"),
                Refusal::Unsupported => (StatusCode::UNPROCESSABLE_ENTITY, "unsupported_sdp"),
            };
            Problem::new(status, code, error.to_string())
        })?;

        let why = admit(&offer, &call, grant.mode, self.pcmu, &self.budgets)?;

        let tag = self.workers.next_tag();
        let worker = self.workers.for_listener(&call, tag);
        let remote = offer.remote_ice().clone();
        let secret = URL_SAFE_NO_PAD.encode(random::<16>());
        let record = Record::new(secret, tag, worker.index, grant, token, started, remote);
        let place = self.workers.registry().open(record)?;
        let record = place.record().clone();

        let ice = IceCredentials::generate();
        let session = SessionConfig {
            ice: ice.clone(),
            tag,
            ssrc: u32::from_be_bytes(random()),
            codec: why.codec(),
            cname: URL_SAFE_NO_PAD.encode(random::<12>()),
            limits: self.workers.limits(),
        };
        let session = Session::new(Instant::now(), &offer, session, self.workers.shared());
        let answer = session.answer(&worker.candidates);
        let new = NewSession { session, ufrag: ice.ufrag, call, record: record.clone() };
        worker.mailbox.request(Request::Add(Box::new(new)))?;
        place.keep();
        self.workers.metrics().answered(why).inc();

        let location = format!("{}/whep/{name}/{}", self.prefix, record.secret);
        let location = HeaderValue::from_str(&location).map_err(|_| no_such_call())?;
        let mut response = (StatusCode::CREATED, answer).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
        headers.insert(header::LOCATION, location);
        headers.insert(header::ETAG, etag(1));
        for link in &self.links {
            headers.append(header::LINK, link.clone());
        }
        Ok(response)
    }

    async fn patch(
        &self,
        peer: Peer,
        path: Asked<(String, String)>,
        headers: &HeaderMap,
        body: Body,
    ) -> Answer {
        self.limit(peer)?;
        let record = self.session(path)?;
        authorize(headers, &record)?;
        content_type(headers, FRAGMENT)?;
        let text = read(headers, body, Fragment::MAX_BYTES).await?;
        let fragment = Fragment::parse(&text).map_err(|error| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_fragment", error.to_string())
        })?;
        let condition = Condition::of(headers);
        // Held over the restart: two at once would leave us and the browser with different passwords.
        let mut ice = record.ice.lock().await;
        match fragment.remote() {
            Some(remote) if *remote != ice.remote => {
                let done = self.restart(&record, &mut ice, remote.clone(), &condition).await;
                let result = match &done {
                    Ok(_) => Restart::Done,
                    Err(problem) if problem.is_condition() => Restart::Refused,
                    Err(_) => Restart::Failed,
                };
                self.workers.metrics().restart(result);
                done
            }
            // The answer to the restart was lost, and the browser asks again.
            Some(_) if condition.is_any() && ice.answered.is_some() => {
                self.workers.metrics().restart(Restart::Repeated);
                Ok(restarted(&ice))
            }
            _ if condition.holds(&etag(ice.version)) => Ok(StatusCode::NO_CONTENT.into_response()),
            _ => Err(stale()),
        }
    }

    async fn restart(
        &self,
        record: &Record,
        ice: &mut Ice,
        remote: RemoteIce,
        condition: &Condition,
    ) -> Answer {
        if matches!(condition, Condition::None) {
            let detail = "an ICE restart needs If-Match: *";
            return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, "precondition_required", detail));
        }
        if !condition.holds(&etag(ice.version)) {
            return Err(stale());
        }
        let (reply, answer) = oneshot::channel();
        let (fresh, tag) = (IceCredentials::generate(), record.tag);
        let request = Request::Restart { tag, remote: remote.clone(), fresh, reply };
        self.workers.worker(record.worker).ok_or_else(no_such_session)?.mailbox.request(request)?;
        let fragment = match timeout(RESTART_TIME, answer).await {
            Ok(Ok(fragment)) => fragment,
            Ok(Err(_gone)) => return Err(no_such_session()),
            Err(_elapsed) => return Err(Busy.into()),
        };
        *ice = Ice { remote, version: ice.version.wrapping_add(1), answered: Some(fragment) };
        Ok(restarted(ice))
    }

    fn delete(&self, peer: Peer, path: Asked<(String, String)>, headers: &HeaderMap) -> Answer {
        self.limit(peer)?;
        let record = self.session(path)?;
        authorize(headers, &record)?;
        let request = Request::Remove { tag: record.tag, reason: SessionEnd::Left };
        self.workers.worker(record.worker).ok_or_else(no_such_session)?.mailbox.request(request)?;
        // Gone for HTTP from now on, whenever the worker comes to it.
        self.workers.registry().close(&record);
        Ok(StatusCode::OK.into_response())
    }

    fn limit(&self, peer: Peer) -> Result<(), Problem> {
        let source = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(ConnectInfo(peer))| peer.ip());
        match self.limiter.admits(source) {
            true => Ok(()),
            false => Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                "too many requests from this address",
            )
            .retry_after(RETRY_BUSY)),
        }
    }

    /// The call of this name, which must be the grant's, and live here.
    fn call(&self, name: &str, grant: &ListenGrant) -> Result<Arc<LiveCall>, Problem> {
        let by_id = name.parse().is_ok_and(|id: CallId| id == grant.call);
        let by_sid = name.parse::<CallSid>();
        if !by_id && by_sid.is_err() {
            return Err(no_such_call());
        }
        let live = self.hub.find(grant.tenant, grant.call).ok_or_else(|| {
            Problem::new(StatusCode::CONFLICT, "call_not_live", "the call has no audio on this gateway now")
                .retry_after(RETRY_CALL)
        })?;
        match by_sid.is_ok_and(|sid| sid != live.info().call_sid) {
            true => Err(no_such_call()),
            false => Ok(live),
        }
    }

    fn session(&self, path: Asked<(String, String)>) -> Result<Arc<Record>, Problem> {
        let Path((name, secret)) = path.map_err(|_| no_such_session())?;
        let record = self.workers.registry().find(&secret).ok_or_else(no_such_session)?;
        let by_id = name.parse().is_ok_and(|id: CallId| id == record.grant.call);
        match by_id || name.parse::<CallSid>().is_ok() {
            true => Ok(record),
            false => Err(no_such_session()),
        }
    }

    fn finish(&self, answer: Answer) -> Response {
        answer.unwrap_or_else(|problem| {
            self.workers.metrics().refused(problem.code);
            problem.into_response()
        })
    }
}

/// What `If-Match` says.
enum Condition {
    None,
    Any,
    Tags(String),
}

impl Condition {
    fn of(headers: &HeaderMap) -> Self {
        match headers.get(header::IF_MATCH).map(|value| value.to_str().unwrap_or("")) {
            None => Self::None,
            // The draft's text has the star bare, its example in quotes.
            Some("*" | "\"*\"") => Self::Any,
            Some(tags) => Self::Tags(tags.to_owned()),
        }
    }

    fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    /// Whether it allows a change of what has this entity tag. Without a condition everything is allowed:
    /// some clients never send one with a trickle.
    fn holds(&self, etag: &HeaderValue) -> bool {
        match self {
            Self::None | Self::Any => true,
            Self::Tags(tags) => tags.split(',').any(|tag| etag == tag.trim()),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::InUse => Self::new(StatusCode::CONFLICT, "session_in_use", detail),
            Refused::Revoked => Self::new(StatusCode::FORBIDDEN, "session_revoked", detail),
            Refused::Full => over_capacity(detail),
        }
    }
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", busy.to_string()).retry_after(RETRY_BUSY)
    }
}

fn not_allowed(methods: &'static str) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "not a method of WHEP here")
        .with(header::ALLOW, HeaderValue::from_static(methods))
}

fn no_such_call() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "call_not_found", "no such call")
}

fn no_such_session() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "session_not_found", "no such session")
}

fn bad_token() -> Problem {
    Problem::unauthorized("Bearer error=\"invalid_token\"", "the token is not valid, or no longer")
}

fn stale() -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", "this ICE session is over")
}

/// A later request on a session: its secret URL is leave enough, but who shows a token must show the one
/// that opened it. That it may have expired since does not matter.
fn authorize(headers: &HeaderMap, record: &Record) -> Result<(), Problem> {
    let shown = headers.contains_key(header::AUTHORIZATION);
    let right = bearer(headers).is_some_and(|token| record.was_opened_with(token));
    if shown && !right { Err(bad_token()) } else { Ok(()) }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn content_type(headers: &HeaderMap, wanted: &'static str) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = value.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let detail = format!("Content-Type must be {wanted}");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail))
}

async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<String, Problem> {
    let too_large = || {
        let detail = format!("more than {limit} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > limit as u64) {
        // A connection that is closed with bytes unread is reset, and the reset may overtake the answer.
        let _all_or_enough = timeout(BODY_TIME, to_bytes(body, DISCARD)).await;
        return Err(too_large());
    }
    let bad = |detail| Problem::new(StatusCode::BAD_REQUEST, "bad_body", detail);
    let bytes = match timeout(BODY_TIME, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => {
            let error: &dyn std::error::Error = &error;
            let over = error.source().is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>());
            return Err(if over { too_large() } else { bad("the body broke off") });
        }
        Err(_elapsed) => {
            let detail = "the body took too long";
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail));
        }
    };
    String::from_utf8(bytes.into()).map_err(|_| bad("not UTF-8"))
}

fn restarted(ice: &Ice) -> Response {
    let body = ice.answered.clone().unwrap_or_default();
    let kind = HeaderValue::from_static(FRAGMENT);
    ([(header::CONTENT_TYPE, kind), (header::ETAG, etag(ice.version))], body).into_response()
}

/// The entity tag of a session: it changes with each ICE session (RFC 9725, section 4.3.1).
fn etag(version: u32) -> HeaderValue {
    HeaderValue::from_str(&format!("\"ice-{version}\"")).expect("digits and letters stand in headers")
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// What follows the host in a URL, without a slash at its end.
fn path_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.find('/').map_or("", |at| after_scheme[at..].trim_end_matches('/'))
}
