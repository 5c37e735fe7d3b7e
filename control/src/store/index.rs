//! Keeps the words that calls are found by in step with what is kept of them.

use std::collections::BTreeSet;

use super::words::Words;
use super::{Sql, StoreError, Txn, from_json, sql, to_json};
use common::{CallId, TenantId};
use sqlx::FromRow;

/// What a call is found by, as it is kept.
#[derive(FromRow)]
struct Record {
    started_at: i64,
    customer_number: String,
    caller_name: Option<String>,
    tags: String,
    intent: Option<String>,
    summary: Option<String>,
    notes: Option<String>,
}

impl Record {
    fn words(&self) -> Result<Words, StoreError> {
        let tags: Vec<String> = from_json(&self.tags, "list of tags")?;
        let texts = [&self.caller_name, &self.intent, &self.summary, &self.notes];
        Ok(words_of(&self.customer_number, tags.iter().chain(texts.into_iter().flatten())))
    }
}

/// What a call with this number and these texts is found by.
pub(crate) fn words_of<'a>(customer_number: &str, texts: impl Iterator<Item = &'a String>) -> Words {
    let mut words = Words::default();
    words.add_number(customer_number);
    texts.for_each(|text| words.add(text));
    words
}

impl Txn {
    /// Brings what the call is found by up to date with its record.
    pub(super) async fn words_renew(&mut self, tenant: TenantId, call: CallId) -> Result<(), StoreError> {
        let record: Record =
            sql("SELECT started_at, customer_number, caller_name, tags, intent, summary, notes FROM calls
                 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .one(&mut self.tx)
            .await?;
        let found_by: BTreeSet<String> = record.words()?.into_vec().into_iter().collect();
        let known: Vec<(String,)> = sql("SELECT word FROM call_words WHERE tenant_id = $1 AND call_id = $2")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .all(&mut self.tx)
            .await?;
        let known: BTreeSet<String> = known.into_iter().map(|(word,)| word).collect();
        let gone: Vec<&String> = known.difference(&found_by).collect();
        if !gone.is_empty() {
            let statement = Sql::each(
                "DELETE FROM call_words WHERE tenant_id = $1 AND call_id = $2
                     AND word IN (SELECT value FROM json_each($3))",
                "DELETE FROM call_words WHERE tenant_id = $1 AND call_id = $2
                     AND word IN (SELECT json_array_elements_text($3::json))",
            );
            let statement = statement.bind(tenant.as_uuid()).bind(call.as_uuid());
            statement.bind(to_json(&gone)).run(&mut self.tx).await?;
        }
        let new: Vec<&String> = found_by.difference(&known).collect();
        if !new.is_empty() {
            let statement = Sql::each(
                "INSERT INTO call_words (tenant_id, call_id, started_at, word)
                 SELECT $1, $2, $3, value FROM json_each($4)",
                "INSERT INTO call_words (tenant_id, call_id, started_at, word)
                 SELECT $1, $2, $3, json_array_elements_text($4::json)",
            );
            let statement = statement.bind(tenant.as_uuid()).bind(call.as_uuid()).bind(record.started_at);
            statement.bind(to_json(&new)).run(&mut self.tx).await?;
        }
        Ok(())
    }

    /// The call began at another time than was known: where it stands among those with its words moves too.
    pub(super) async fn words_move(
        &mut self,
        tenant: TenantId,
        call: CallId,
        started_at: i64,
    ) -> Result<(), StoreError> {
        sql("UPDATE call_words SET started_at = $3 WHERE tenant_id = $1 AND call_id = $2 AND started_at <> $3")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(started_at)
            .run(&mut self.tx)
            .await?;
        Ok(())
    }
}
