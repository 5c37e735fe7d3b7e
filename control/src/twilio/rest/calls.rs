//! Calls.

use common::{AccountSid, CallSid};
use serde::Deserialize;
use time::OffsetDateTime;
use url::Url;

use super::send::Ask;
use super::{RestAccount, RestClient, RestError, form};

/// Pages of a list that are read at most.
const MAX_PAGES: usize = 20;

/// Calls on a page: Twilio's most.
const PAGE: &str = "1000";

/// The longest TwiML that Twilio takes this way, in characters.
pub const MAX_TWIML: usize = 4000;

/// A call, as Twilio has it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct TwilioCall {
    /// Its id.
    pub sid: CallSid,
    /// Whose it is.
    pub account_sid: AccountSid,
    /// The call that this is a leg of, if it is one.
    pub parent_call_sid: Option<CallSid>,
    /// `queued`, `ringing`, `in-progress`, `completed`, `busy`, `failed`, `no-answer`, `canceled`.
    pub status: String,
    /// When it began.
    #[serde(default, deserialize_with = "form::time")]
    pub start_time: Option<OffsetDateTime>,
    /// When it was over.
    #[serde(default, deserialize_with = "form::time")]
    pub end_time: Option<OffsetDateTime>,
    /// Its length in seconds.
    #[serde(default, deserialize_with = "form::number")]
    pub duration: Option<u32>,
}

/// Which calls to list. `None` asks for nothing.
#[derive(Clone, Debug, Default)]
pub struct CallFilter {
    /// In Twilio's words.
    pub status: Option<String>,
    /// Who was called, E.164.
    pub to: Option<String>,
}

/// What to do with a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CallChange {
    /// Hang up.
    Complete,
    /// Go on with this document, of at most [`MAX_TWIML`] characters.
    Twiml(String),
    /// Go on with the document that stands there.
    Url(String),
}

#[derive(Deserialize)]
struct Page {
    calls: Vec<TwilioCall>,
    next_page_uri: Option<String>,
}

impl RestClient {
    /// One call.
    pub async fn call_fetch(&self, account: &RestAccount, call: CallSid) -> Result<TwilioCall, RestError> {
        self.ask(account, Ask::get("call_fetch", format!("Calls/{call}.json"))).await
    }

    /// The newest calls, at most `limit`.
    pub async fn call_list(
        &self,
        account: &RestAccount,
        filter: &CallFilter,
        limit: usize,
    ) -> Result<Vec<TwilioCall>, RestError> {
        let mut ask = Ask::get("call_list", "Calls.json".to_owned())
            .field("PageSize", PAGE)
            .optional("Status", filter.status.as_deref())
            .optional("To", filter.to.as_deref());
        let mut calls = Vec::new();
        for _ in 0..MAX_PAGES {
            let page: Page = self.ask(account, ask).await?;
            calls.extend(page.calls);
            let Some(next) = page.next_page_uri.filter(|_| calls.len() < limit) else { break };
            ask = self.next_page(account, &next)?;
        }
        calls.truncate(limit);
        Ok(calls)
    }

    /// The newest of the calls that this one has dialled, at most a page.
    pub async fn call_children(
        &self,
        account: &RestAccount,
        parent: CallSid,
    ) -> Result<Vec<TwilioCall>, RestError> {
        let ask = Ask::get("call_list", "Calls.json".to_owned())
            .field("ParentCallSid", parent.as_str())
            .field("PageSize", "20");
        Ok(self.ask::<Page>(account, ask).await?.calls)
    }

    /// Changes a call that goes on.
    pub async fn call_update(
        &self,
        account: &RestAccount,
        call: CallSid,
        change: &CallChange,
    ) -> Result<TwilioCall, RestError> {
        let path = format!("Calls/{call}.json");
        let ask = match change {
            CallChange::Complete => Ask::set("call_update", path).field("Status", "completed"),
            // A document that is begun twice is not one that is begun once.
            CallChange::Twiml(twiml) => Ask::make("call_update", path).field("Twiml", twiml),
            CallChange::Url(url) => Ask::make("call_update", path).field("Url", url),
        };
        self.ask(account, ask).await
    }

    /// The page that an answer names, which must be of the same account and list: an answer does not say whom else
    /// we ask.
    fn next_page(&self, account: &RestAccount, uri: &str) -> Result<Ask, RestError> {
        const WRONG: RestError = RestError::Protocol("a next page that is elsewhere");
        let url = Url::parse(&self.base).and_then(|base| base.join(uri)).map_err(|_| WRONG)?;
        if url.path() != format!("/2010-04-01/Accounts/{}/Calls.json", account.sid) {
            return Err(WRONG);
        }
        let mut ask = Ask::get("call_list", "Calls.json".to_owned());
        for (name, value) in url.query_pairs() {
            ask = ask.field(name, value);
        }
        Ok(ask)
    }
}
