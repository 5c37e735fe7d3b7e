//! What the tests and measurements of this crate may do that no client may. Not for anybody else.

use common::{CallId, TenantId, UserId};
use time::OffsetDateTime;

use crate::jobs::retention;
use crate::model::{CallStatus, Direction, MessageType, Sender};
use crate::store::{Asked, CallFilter, NewCall, NewMessage, words_of};
use crate::{App, Control, StoreError};

/// The inside of a running control plane.
#[derive(Clone, Debug)]
pub struct Backstage {
    app: App,
}

impl Control {
    /// The inside of this, which goes on when it [runs](Self::run).
    pub fn backstage(&self) -> Backstage {
        Backstage { app: self.app.clone() }
    }
}

impl Backstage {
    /// What the database says of how it would run the statements of every list, by what the list asks for.
    pub async fn list_plans(&self, tenant: TenantId) -> Result<Vec<(&'static str, Vec<String>)>, StoreError> {
        let words = |query: &str| Asked::read(query).unwrap_or_default();
        let (all, some) = (CallFilter::default, Some(OffsetDateTime::UNIX_EPOCH));
        let mut plans = Vec::new();
        for (name, filter) in [
            ("everything", CallFilter { from: some, to: some, ..all() }),
            ("status", CallFilter { statuses: CallStatus::ALL.to_vec(), ..all() }),
            ("handled", CallFilter { handled: Some(false), ..all() }),
            ("urgent", CallFilter { urgent: Some(true), ..all() }),
            ("number", CallFilter { number: Some("+15550100".to_owned()), ..all() }),
            ("words", CallFilter { words: words("anne 4155550111"), ..all() }),
            ("sid", CallFilter { call: format!("CA{:032x}", 1).parse().ok(), ..all() }),
            ("answerer", CallFilter { answered_by: Some(UserId::new()), ..all() }),
            (
                "all at once",
                CallFilter {
                    statuses: vec![CallStatus::Busy],
                    handled: Some(false),
                    urgent: Some(true),
                    number: Some("+15550100".to_owned()),
                    words: words("anne"),
                    call: None,
                    answered_by: Some(UserId::new()),
                    from: some,
                    to: some,
                },
            ),
        ] {
            plans.push((name, self.app.store.call_list_plans(tenant, &filter).await?));
        }
        Ok(plans)
    }

    /// Many calls come, from one number and with these names.
    pub async fn ring_all(&self, tenant: TenantId, from: &str, names: &[String]) -> Result<(), StoreError> {
        let mut txn = self.app.store.begin(tenant).await?;
        for (n, name) in names.iter().enumerate() {
            let sid = |kind| format!("{kind}{:032x}", n + 0x0fff_0000);
            let (Ok(call_sid), Ok(account_sid)) = (sid("CA").parse(), sid("AC").parse()) else { continue };
            let new = NewCall {
                id: CallId::new(),
                call_sid,
                account_sid,
                direction: Direction::Inbound,
                customer_number: from,
                organization_number: "+15550100",
                caller_name: Some(name),
                route: None,
            };
            txn.call_open(tenant, &new, OffsetDateTime::now_utc()).await?;
        }
        txn.commit().await
    }

    /// Deletes what is too old at `now`: how many calls.
    pub async fn retain(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        retention::forget(&self.app, now).await
    }

    /// Something is said in a call: its number there. `None`: it could not be kept.
    pub async fn say(
        &self,
        tenant: TenantId,
        call: CallId,
        said: Said<'_>,
    ) -> Result<Option<i64>, StoreError> {
        let new = NewMessage {
            message_type: if said.is_spoken_for { MessageType::TtsAudio } else { MessageType::Transcript },
            sender_type: if said.by_agent { Sender::Agent } else { Sender::Customer },
            sender_name: said.name,
            content: said.text,
            confidence: said.confidence,
            detected_language: said.language,
            is_final: said.is_final,
            replaces: said.replaces,
            say: None,
            outcome: None,
        };
        let mut txn = self.app.store.begin(tenant).await?;
        let seq = txn.message_put(tenant, call, &new, OffsetDateTime::now_utc()).await?;
        txn.commit().await?;
        Ok(seq)
    }
}

/// What is said in a call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// Whether the agent's side says it.
    pub by_agent: bool,
    /// Whether it was written, and spoken for the writer.
    pub is_spoken_for: bool,
    /// Who.
    pub name: Option<&'a str>,
    /// What.
    pub text: &'a str,
    /// How sure it is, 0 to 1.
    pub confidence: Option<f64>,
    /// Its language.
    pub language: Option<&'a str>,
    /// Whether it stays so.
    pub is_final: bool,
    /// In whose place it comes.
    pub replaces: Option<i64>,
}

/// What a call is found by that has this customer's number and these texts.
pub fn words(customer_number: &str, texts: &[String]) -> Vec<String> {
    words_of(customer_number, texts.iter()).into_vec()
}
