//! Keeps the words that calls are found by in step with what is kept of them.

use std::collections::BTreeSet;

use super::words::{MAX_WORDS, Words};
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
        let mut words = record.words()?;
        let mut after = 0;
        while !words.is_full() {
            let said = self.said(tenant, call, after).await?;
            let Some((last, _)) = said.last() else { break };
            after = *last;
            said.iter().for_each(|(_, content)| words.add(content));
        }
        let found_by: BTreeSet<String> = words.into_vec().into_iter().collect();
        let known = self.words_known(tenant, call).await?;
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
        self.words_insert(tenant, call, record.started_at, &new).await
    }

    /// Adds what the call is found by because of this text, as far as there is room.
    pub(super) async fn words_add(
        &mut self,
        tenant: TenantId,
        call: CallId,
        text: &str,
    ) -> Result<(), StoreError> {
        let known = self.words_known(tenant, call).await?;
        let mut words = Words::default();
        words.add(text);
        let words = words.into_vec();
        let room = MAX_WORDS.saturating_sub(known.len());
        let new: Vec<&String> = words.iter().filter(|word| !known.contains(*word)).take(room).collect();
        if new.is_empty() {
            return Ok(());
        }
        let (started_at,): (i64,) = sql("SELECT started_at FROM calls WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .one(&mut self.tx)
            .await?;
        self.words_insert(tenant, call, started_at, &new).await
    }

    async fn words_known(&mut self, tenant: TenantId, call: CallId) -> Result<BTreeSet<String>, StoreError> {
        let known: Vec<(String,)> = sql("SELECT word FROM call_words WHERE tenant_id = $1 AND call_id = $2")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .all(&mut self.tx)
            .await?;
        Ok(known.into_iter().map(|(word,)| word).collect())
    }

    async fn words_insert(
        &mut self,
        tenant: TenantId,
        call: CallId,
        started_at: i64,
        new: &[&String],
    ) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        let statement = Sql::each(
            "INSERT INTO call_words (tenant_id, call_id, started_at, word)
             SELECT $1, $2, $3, value FROM json_each($4)",
            "INSERT INTO call_words (tenant_id, call_id, started_at, word)
             SELECT $1, $2, $3, json_array_elements_text($4::json)",
        );
        let statement = statement.bind(tenant.as_uuid()).bind(call.as_uuid()).bind(started_at);
        statement.bind(to_json(new)).run(&mut self.tx).await?;
        Ok(())
    }

    /// Numbers and texts of the next final messages of a call.
    async fn said(
        &mut self,
        tenant: TenantId,
        call: CallId,
        after: i64,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        sql("SELECT seq, content FROM call_messages
             WHERE tenant_id = $1 AND call_id = $2 AND seq > $3 AND is_final ORDER BY seq LIMIT 100")
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(after)
        .all(&mut self.tx)
        .await
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
