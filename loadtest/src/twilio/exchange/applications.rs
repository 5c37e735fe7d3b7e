//! Applications: what a call does that is placed to `app:AP…`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use common::AccountSid;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::answer::{Answer, Refusal, page};
use super::line::rfc2822;
use super::routes::{ACCOUNTS, Asked};
use crate::twilio::conference::MAX_NAME;
use crate::twilio::twiml::{Method, Target};
use crate::twilio::webhook;

/// Most applications of an exchange.
const MAX_APPLICATIONS: usize = 1000;

/// An application.
#[derive(Clone, Debug)]
pub(super) struct Application {
    /// `AP` and 32 hexadecimal digits.
    pub(super) sid: String,
    account: AccountSid,
    name: String,
    /// Its voice webhook. Empty: it has none.
    pub(super) voice: Target,
    /// Where its calls are reported.
    pub(super) status_callback: Option<Target>,
    created: OffsetDateTime,
    updated: OffsetDateTime,
}

/// All of them, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Applications {
    all: Mutex<Vec<Application>>,
}

impl Applications {
    /// The application of this id.
    pub(super) fn get(&self, account: AccountSid, sid: &str) -> Option<Application> {
        self.all().iter().find(|known| known.account == account && known.sid == sid).cloned()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Application>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Application {
    fn json(&self) -> Value {
        json!({
            "sid": self.sid,
            "account_sid": self.account,
            "friendly_name": self.name,
            "voice_url": self.voice.url,
            "voice_method": self.voice.method.as_str(),
            "voice_fallback_url": null,
            "voice_fallback_method": "POST",
            "voice_caller_id_lookup": false,
            "status_callback": self.status_callback.as_ref().map(|target| &target.url),
            "status_callback_method":
                self.status_callback.as_ref().map_or(Method::Post, |target| target.method).as_str(),
            "api_version": "2010-04-01",
            "date_created": rfc2822(self.created),
            "date_updated": rfc2822(self.updated),
            "uri": format!("{ACCOUNTS}{}/Applications/{}.json", self.account, self.sid),
        })
    }
}

impl Asked<'_> {
    pub(super) fn applications(&self) -> Answer {
        let wanted = self.request.get("FriendlyName");
        let all = self.shared.applications.all();
        let found = all.iter().rev().filter(|known| {
            known.account == self.account && wanted.is_none_or(|wanted| known.name == wanted)
        });
        let path = format!("{ACCOUNTS}{}/Applications.json", self.account);
        let found = found.map(Application::json).collect();
        Ok((StatusCode::OK, page("applications", &path, &self.request.fields, found)))
    }

    pub(super) fn new_application(&self) -> Answer {
        let mut all = self.shared.applications.all();
        if all.len() >= MAX_APPLICATIONS {
            return Err(Refusal::invalid("Too many applications"));
        }
        let now = OffsetDateTime::now_utc();
        let mut application = Application {
            sid: format!("AP{}", Uuid::new_v4().simple()),
            account: self.account,
            name: String::new(),
            voice: Target { url: String::new(), method: Method::Post },
            status_callback: None,
            created: now,
            updated: now,
        };
        self.change_application(&mut application)?;
        let body = application.json();
        all.push(application);
        Ok((StatusCode::CREATED, body))
    }

    pub(super) fn application(&self, sid: &str) -> Answer {
        let known = self.shared.applications.get(self.account, sid).ok_or(Refusal::NOT_FOUND)?;
        Ok((StatusCode::OK, known.json()))
    }

    pub(super) fn update_application(&self, sid: &str) -> Answer {
        let mut all = self.shared.applications.all();
        let is_it = |known: &&mut Application| known.account == self.account && known.sid == sid;
        let known = all.iter_mut().find(is_it).ok_or(Refusal::NOT_FOUND)?;
        self.change_application(known)?;
        Ok((StatusCode::OK, known.json()))
    }

    pub(super) fn delete_application(&self, sid: &str) -> Answer {
        let mut all = self.shared.applications.all();
        let is_it = |known: &Application| known.account == self.account && known.sid == sid;
        let at = all.iter().position(is_it).ok_or(Refusal::NOT_FOUND)?;
        all.remove(at);
        Ok((StatusCode::NO_CONTENT, json!(null)))
    }

    fn change_application(&self, application: &mut Application) -> Result<(), Refusal> {
        let is_url = |url: &str| url.is_empty() || webhook::is_web_url(url);
        let url = self.request.get("VoiceUrl").unwrap_or(&application.voice.url).to_owned();
        let callback = self.request.get("StatusCallback");
        if !is_url(&url) || !callback.is_none_or(is_url) {
            return Err(Refusal::invalid("VoiceUrl or StatusCallback is not a URL"));
        }
        let name = self.request.get("FriendlyName").unwrap_or(&application.name);
        if name.chars().count() > MAX_NAME {
            return Err(Refusal::invalid("FriendlyName is too long"));
        }
        application.name = name.to_owned();
        if self.request.get("VoiceUrl").is_some() || self.request.get("VoiceMethod").is_some() {
            application.voice = self.target(&url, "VoiceMethod");
        }
        if let Some(callback) = callback {
            let target = self.target(callback, "StatusCallbackMethod");
            application.status_callback = Some(target).filter(|target| !target.url.is_empty());
        }
        application.updated = OffsetDateTime::now_utc();
        Ok(())
    }
}
