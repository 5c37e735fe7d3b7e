//! The paths of the API.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{AccountSid, CallSid, StreamSid};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::sync::oneshot;

use super::answer::{Answer, Refusal, as_json, hang_up, page};
use super::fault::{ApiRequest, Fault};
use super::{Shared, recording};
use crate::twilio::call::{Follow, Order};
use crate::twilio::report::CallStatus;
use crate::twilio::spec::Account;
use crate::twilio::stream::Command;
use crate::twilio::twiml::{self, Method, Target};

/// The largest form.
const MAX_BODY: usize = 64 * 1024;

/// The longest TwiML that is taken in a form, in characters.
const MAX_TWIML: usize = 4000;

/// In front of an account.
pub(super) const ACCOUNTS: &str = "/2010-04-01/Accounts/";

pub(super) async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else { return hang_up() };
    let decode = |bytes: &[u8]| url::form_urlencoded::parse(bytes).into_owned().collect::<Vec<_>>();
    let mut fields = decode(parts.uri.query().unwrap_or_default().as_bytes());
    fields.extend(decode(&body));
    let rest = parts.uri.path().strip_prefix(ACCOUNTS).unwrap_or_default();
    let (account, path) = rest.split_once('/').unwrap_or_default();
    let request = ApiRequest { method: parts.method.to_string(), path: path.to_owned(), fields };

    let fault = shared.faults().take(request.clone());
    match fault {
        Some(Fault::Status { status, retry_after }) => {
            let code = if status == 429 { 20429 } else { 20500 };
            let mut response = Refusal { status, code, message: "as asked" }.response();
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            return response;
        }
        Some(Fault::HangUp) => return hang_up(),
        Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
        Some(Fault::LoseAnswer | Fault::Garbage) | None => {}
    }
    let answer = match shared.who(account, &parts.headers) {
        Ok(account) => Asked { shared: &shared, account, request: &request }.answer().await,
        Err(refusal) => Err(refusal),
    };
    match fault {
        Some(Fault::LoseAnswer) => hang_up(),
        Some(Fault::Garbage) => (StatusCode::OK, "<html>").into_response(),
        _ => match answer {
            Ok((StatusCode::NO_CONTENT, _)) => StatusCode::NO_CONTENT.into_response(),
            Ok((status, body)) => as_json(status, &body),
            Err(refusal) => refusal.response(),
        },
    }
}

impl Shared {
    /// Whose request it is, by its password.
    fn who(&self, account: &str, headers: &HeaderMap) -> Result<AccountSid, Refusal> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Basic ")).unwrap_or_default();
        let given = STANDARD.decode(given).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let (sid, token) = given.as_deref().and_then(|pair| pair.split_once(':')).unwrap_or_default();
        let known = |known: &&super::Account| known.sid.as_str() == sid && known.auth_token == token;
        match self.accounts.iter().find(known) {
            Some(known) if sid == account => Ok(known.sid),
            // Another account's things are not there.
            Some(_) => Err(Refusal::NOT_FOUND),
            None => Err(Refusal::UNAUTHORIZED),
        }
    }
}

/// A request of an account that showed its token.
pub(super) struct Asked<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) account: AccountSid,
    pub(super) request: &'a ApiRequest,
}

impl Asked<'_> {
    async fn answer(&self) -> Answer {
        let path = self.request.path.strip_suffix(".json").ok_or(Refusal::NOT_FOUND)?;
        let parts: Vec<&str> = path.split('/').collect();
        match (self.request.method.as_str(), parts.as_slice()) {
            ("GET", ["Calls"]) => Ok((StatusCode::OK, self.list())),
            ("GET", ["Calls", call]) => self.fetch(self.call(call)?),
            ("POST", ["Calls", call]) => self.update(self.call(call)?).await,
            ("POST", ["Calls", call, "Streams"]) => self.stream(self.call(call)?).await,
            ("POST", ["Calls", call, "Streams", stream]) => self.stop(self.call(call)?, stream).await,
            ("GET", ["Calls", call, "Recordings"]) => self.recordings(self.call(call)?),
            ("POST", ["Calls", call, "Recordings"]) => {
                recording::start(self.shared, self.call(call)?, self.request)
            }
            ("POST", ["Calls", call, "Recordings", recording]) => {
                recording::change(self.shared, self.call(call)?, sid(recording)?, self.request)
            }
            ("GET", ["Recordings", recording]) => {
                recording::fetch(self.shared, self.account, sid(recording)?)
            }
            ("DELETE", ["Recordings", recording]) => {
                recording::delete(self.shared, self.account, sid(recording)?)
            }
            ("GET", ["Conferences"]) => self.conferences(),
            ("GET", ["Conferences", conference]) => self.conference(conference),
            ("POST", ["Conferences", conference]) => self.update_conference(conference),
            ("GET", ["Conferences", conference, "Participants"]) => self.participants(&segment(conference)?),
            ("POST", ["Conferences", conference, "Participants"]) => self.call_in(&segment(conference)?),
            (method, ["Conferences", conference, "Participants", who]) => {
                let (conference, who) = (segment(conference)?, segment(who)?);
                match method {
                    "GET" => self.participant(&conference, &who),
                    "POST" => self.update_participant(&conference, &who),
                    "DELETE" => self.remove_participant(&conference, &who),
                    _ => Err(Refusal::METHOD),
                }
            }
            ("GET", ["Applications"]) => self.applications(),
            ("POST", ["Applications"]) => self.new_application(),
            ("GET", ["Applications", application]) => self.application(application),
            ("POST", ["Applications", application]) => self.update_application(application),
            ("DELETE", ["Applications", application]) => self.delete_application(application),
            (_, ["Calls" | "Recordings" | "Conferences" | "Applications", ..]) => Err(Refusal::METHOD),
            _ => Err(Refusal::NOT_FOUND),
        }
    }

    /// The account itself, with its secret.
    pub(super) fn account(&self) -> Result<Account, Refusal> {
        let mut accounts = self.shared.accounts.iter();
        accounts.find(|known| known.sid == self.account).cloned().ok_or(Refusal::NOT_FOUND)
    }

    /// A call of this account.
    fn call(&self, text: &str) -> Result<CallSid, Refusal> {
        let call: CallSid = sid(text)?;
        let lines = self.shared.lines();
        let is_there = lines.values().any(|line| line.sid == call && line.account == self.account);
        if is_there { Ok(call) } else { Err(Refusal::NOT_FOUND) }
    }

    fn fetch(&self, call: CallSid) -> Answer {
        let body = self.shared.change(call, |line| line.json()).ok_or(Refusal::NOT_FOUND)?;
        Ok((StatusCode::OK, body))
    }

    fn list(&self) -> Value {
        let request = self.request;
        let is_wanted = |field: &str, value: &str| request.get(field).is_none_or(|wanted| wanted == value);
        let lines = self.shared.lines();
        let calls = lines.values().rev().filter(|line| {
            line.account == self.account
                && is_wanted("Status", line.status())
                && is_wanted("ParentCallSid", line.origin.parent().as_ref().map_or("", CallSid::as_str))
                && is_wanted("To", &line.to)
                && is_wanted("From", &line.from)
        });
        let calls = calls.map(super::Line::json).collect();
        page("calls", &format!("{ACCOUNTS}{}/Calls.json", self.account), &request.fields, calls)
    }

    async fn update(&self, call: CallSid) -> Answer {
        let order = match (self.request.get("Status"), self.request.get("Twiml"), self.request.get("Url")) {
            (Some("completed"), ..) => Order::Tell(Command::HangUp),
            (Some("canceled"), ..) => {
                let rings = |line: &mut super::Line| !line.is_over() && line.status != CallStatus::InProgress;
                if self.shared.change(call, rings) != Some(true) {
                    return Err(Refusal::CALL_STATE);
                }
                Order::Tell(Command::HangUp)
            }
            (Some(_), ..) => return Err(Refusal::invalid("Status is neither completed nor canceled")),
            (None, Some(twiml), None) if twiml.chars().count() <= MAX_TWIML => {
                Order::Follow(Follow::Twiml(twiml.to_owned()))
            }
            (None, None, Some(url)) => Order::Follow(Follow::Url(self.target(url, "Method"))),
            _ => return Err(Refusal::invalid("one of Status, Twiml and Url, please")),
        };
        let is_elsewhere = matches!(order, Order::Follow(_));
        let dials = |line: &mut super::Line| !line.is_inbound() && line.status != CallStatus::InProgress;
        if is_elsewhere && self.shared.change(call, dials) == Some(true) {
            // Nobody has answered who could go anywhere.
            return Err(Refusal::CALL_STATE);
        }
        self.send(call, order)?;
        // As at Twilio, the answer may still say in-progress: an end takes a moment.
        self.fetch(call)
    }

    async fn stream(&self, call: CallSid) -> Answer {
        let request = self.request;
        let field = |name: &str| request.get(name).map(str::to_owned);
        let mut parameters = Vec::new();
        for n in 1..=99 {
            let value = request.get(&format!("Parameter{n}.Value"));
            match (request.get(&format!("Parameter{n}.Name")), value) {
                (Some(name), Some(value)) => parameters.push((name.to_owned(), value.to_owned())),
                _ => break,
            }
        }
        let plan = twiml::Stream {
            name: field("Name"),
            url: field("Url").unwrap_or_default(),
            tracks: match request.get("Track") {
                None | Some("inbound_track") => twiml::Tracks::Inbound,
                Some("outbound_track") => twiml::Tracks::Outbound,
                Some("both_tracks") => twiml::Tracks::Both,
                Some(_) => return Err(Refusal { status: 400, code: 31941, message: "Invalid track" }),
            },
            callback: request.get("StatusCallback").map(|url| self.target(url, "StatusCallbackMethod")),
            parameters,
        };
        if let Err(problem) = twiml::check_stream(&plan) {
            return Err(Refusal { status: 400, code: problem.code, message: "the stream cannot be" });
        }
        let (answer, answered) = oneshot::channel();
        self.send(call, Order::Stream { plan, answer })?;
        let stream = answered.await.ok().flatten().ok_or(Refusal::CALL_STATE)?;
        self.stream_answer(call, stream)
    }

    async fn stop(&self, call: CallSid, stream: &str) -> Answer {
        if self.request.get("Status") != Some("stopped") {
            return Err(Refusal::invalid("Status is not stopped"));
        }
        let found = self.shared.change(call, |line| {
            let named =
                |known: &&super::line::StreamLine| known.sid.as_str() == stream || known.name == stream;
            line.streams.iter().rfind(named).map(|known| (known.sid, known.is_over))
        });
        let (sid, is_over) = found.flatten().ok_or(Refusal::NOT_FOUND)?;
        if !is_over {
            self.send(call, Order::StopStream(sid))?;
            self.shared.change(call, |line| line.stream_ended(sid));
        }
        self.stream_answer(call, sid)
    }

    fn stream_answer(&self, call: CallSid, stream: StreamSid) -> Answer {
        let body = self.shared.change(call, |line| {
            let known = line.streams.iter().find(|known| known.sid == stream)?;
            Some(line.stream_json(known))
        });
        Ok((StatusCode::OK, body.flatten().ok_or(Refusal::NOT_FOUND)?))
    }

    fn recordings(&self, call: CallSid) -> Answer {
        let all = self.shared.change(call, |line| {
            line.recordings.iter().rev().map(|known| line.recording_json(known)).collect()
        });
        let path = format!("{ACCOUNTS}{}/Calls/{call}/Recordings.json", self.account);
        Ok((StatusCode::OK, page("recordings", &path, &self.request.fields, all.unwrap_or_default())))
    }

    /// Gives an order to a call that goes on.
    fn send(&self, call: CallSid, order: Order) -> Result<(), Refusal> {
        let orders = self.shared.change(call, |line| (!line.is_over()).then(|| line.orders.upgrade()));
        let orders = orders.flatten().flatten().ok_or(Refusal::CALL_STATE)?;
        orders.try_send(order).map_err(|_| Refusal::CALL_STATE)
    }

    pub(super) fn target(&self, url: &str, method: &str) -> Target {
        let is_get = self.request.get(method).is_some_and(|word| word.eq_ignore_ascii_case("GET"));
        Target { url: url.to_owned(), method: if is_get { Method::Get } else { Method::Post } }
    }
}

fn sid<S: FromStr>(text: &str) -> Result<S, Refusal> {
    text.parse().map_err(|_| Refusal::NOT_FOUND)
}

/// A part of a path that somebody chose: the name of a conference, the label of a participant.
fn segment(text: &str) -> Result<String, Refusal> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| Refusal::NOT_FOUND)
}
