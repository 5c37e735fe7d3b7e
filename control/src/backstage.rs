//! What the tests and measurements of this crate may do that no client may. Not for anybody else.

use common::TenantId;
use time::OffsetDateTime;

use crate::model::{CallStatus, Direction};
use crate::store::{Asked, CallFilter, NewCall, words_of};
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
            (
                "all at once",
                CallFilter {
                    statuses: vec![CallStatus::Busy],
                    handled: Some(false),
                    urgent: Some(true),
                    number: Some("+15550100".to_owned()),
                    words: words("anne"),
                    call: None,
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
                call_sid,
                account_sid,
                direction: Direction::Inbound,
                customer_number: from,
                organization_number: "+15550100",
                caller_name: Some(name),
            };
            txn.call_open(tenant, &new, OffsetDateTime::now_utc()).await?;
        }
        txn.commit().await
    }
}

/// What a call is found by that has this customer's number and these texts.
pub fn words(customer_number: &str, texts: &[String]) -> Vec<String> {
    words_of(customer_number, texts.iter()).into_vec()
}
