//! What is said and sent in calls.

use common::{CallId, SayId, TenantId};
use serde_json::json;
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, Tx, Txn, calls, from_millis, from_word, millis, sql};
use crate::model::{CallRef, EventType, Message, MessageType, Outcome, Sender};

/// The most messages of one call: of hours in which nobody stops talking.
const MAX_MESSAGES: i64 = 20_000;

/// The most of a message that is kept, in characters.
const MAX_CONTENT: usize = 4000;

/// The most of a name, and of a language's tag, that is kept, in characters.
const MAX_NAME: usize = 200;

macro_rules! select_message {
    ($rest:literal) => {
        concat!(
            "SELECT call_id, seq, revision, message_type, sender_type, sender_name, content, confidence,
                 detected_language, is_final, say_id, outcome, created_at, updated_at
             FROM call_messages WHERE tenant_id = $1 AND call_id = $2 ",
            $rest
        )
    };
}

/// Something that was said or sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewMessage<'a> {
    pub(crate) message_type: MessageType,
    pub(crate) sender_type: Sender,
    pub(crate) sender_name: Option<&'a str>,
    /// What is longer than 4000 characters is cut; control characters become spaces.
    pub(crate) content: &'a str,
    /// How sure the one who heard it is, 0 to 1.
    pub(crate) confidence: Option<f64>,
    pub(crate) detected_language: Option<&'a str>,
    /// `false`: it is still being said, and the next of it [replaces](Self::replaces) this.
    pub(crate) is_final: bool,
    /// The number of the message, not final until now, in whose place this comes.
    pub(crate) replaces: Option<i64>,
    /// The line that a gateway was told to say.
    pub(crate) say: Option<SayId>,
    /// What became of it.
    pub(crate) outcome: Option<Outcome>,
}

impl Txn {
    /// Keeps what was said or sent, and gives its number in the call. A final one is an event, and what the call
    /// is found by. `None`: the call has as many messages as it may have, or there is nothing to replace.
    pub(crate) async fn message_put(
        &mut self,
        tenant: TenantId,
        call: CallId,
        new: &NewMessage<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<i64>, StoreError> {
        calls::id_of(&mut self.tx, tenant, CallRef::Id(call)).await?;
        let content = clean(new.content, MAX_CONTENT);
        let added = i64::from(new.replaces.is_none());
        let counted: Option<(i64, i64)> = sql(
            "UPDATE calls SET message_revision = message_revision + 1, message_count = message_count + $3
             WHERE tenant_id = $1 AND id = $2 AND message_count + $3 <= $4
             RETURNING message_count, message_revision",
        )
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(added)
        .bind(MAX_MESSAGES)
        .optional(&mut self.tx)
        .await?;
        let Some((count, revision)) = counted else { return Ok(None) };
        let statement = match new.replaces {
            None => {
                sql("INSERT INTO call_messages (tenant_id, call_id, seq, revision, message_type, sender_type,
                     sender_name, content, confidence, detected_language, is_final, created_at, updated_at, say_id,
                     outcome)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14)")
            }
            Some(_) => sql("UPDATE call_messages SET revision = $4, message_type = $5, sender_type = $6,
                     sender_name = $7, content = $8, confidence = $9, detected_language = $10, is_final = $11,
                     updated_at = $12, say_id = $13, outcome = $14
                 WHERE tenant_id = $1 AND call_id = $2 AND seq = $3 AND NOT is_final"),
        };
        let seq = new.replaces.unwrap_or(count);
        let put = statement
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(seq)
            .bind(revision)
            .bind(new.message_type.as_str())
            .bind(new.sender_type.as_str())
            .bind(new.sender_name.map(|name| clean(name, MAX_NAME)))
            .bind(content.as_str())
            .bind(new.confidence.filter(|part| (0.0..=1.0).contains(part)))
            .bind(new.detected_language.map(|tag| clean(tag, MAX_NAME)))
            .bind(new.is_final)
            .bind(millis(now))
            .bind(new.say.map(SayId::as_uuid))
            .bind(new.outcome.map(Outcome::as_str))
            .run(&mut self.tx)
            .await?;
        if put == 0 {
            return Ok(None);
        }
        match new.is_final {
            true => {
                let kind = match new.message_type {
                    MessageType::Transcript => EventType::TranscriptFinal,
                    MessageType::TtsAudio => EventType::MessageSent,
                };
                let message = fetch(&mut self.tx, tenant, call, seq).await?;
                let mut data = json!({ "message": message });
                if let Some(say) = new.say {
                    (data["say"], data["end"]) = (json!(say), json!(new.outcome));
                }
                self.event(tenant, call, kind, now, data).await?;
                self.words_add(tenant, call, &content).await?;
            }
            // No event, for it is told again and again; but whoever reads along is woken.
            false => self.nudges.push(tenant),
        }
        Ok(Some(seq))
    }
}

impl Txn {
    /// The lines of a call that are still to be said, or are being said: one, or all, oldest first.
    pub(crate) async fn says_open(
        &mut self,
        tenant: TenantId,
        call: CallId,
        say: Option<SayId>,
    ) -> Result<Vec<Message>, StoreError> {
        let rows: Vec<Row> = sql(select_message!(
            "AND say_id IS NOT NULL AND NOT is_final AND ($3 IS NULL OR say_id = $3) ORDER BY seq LIMIT 1000"
        ))
        .bind(tenant.as_uuid())
        .bind(call.as_uuid())
        .bind(say.map(SayId::as_uuid))
        .all(&mut self.tx)
        .await?;
        rows.into_iter().map(|row| Ok(row.read()?.1)).collect()
    }

    /// Whether the call has, or had, this line.
    pub(crate) async fn say_exists(
        &mut self,
        tenant: TenantId,
        call: CallId,
        say: SayId,
    ) -> Result<bool, StoreError> {
        let found: Option<(i64,)> =
            sql("SELECT seq FROM call_messages WHERE tenant_id = $1 AND call_id = $2 AND say_id = $3")
                .bind(tenant.as_uuid())
                .bind(call.as_uuid())
                .bind(say.as_uuid())
                .optional(&mut self.tx)
                .await?;
        Ok(found.is_some())
    }

    /// Keeps what became of a line that was to be said.
    pub(crate) async fn say_end(
        &mut self,
        tenant: TenantId,
        message: &Message,
        outcome: Outcome,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let new = NewMessage {
            message_type: message.message_type,
            sender_type: message.sender_type,
            sender_name: message.sender_name.as_deref(),
            content: &message.content,
            confidence: None,
            detected_language: message.detected_language.as_deref(),
            is_final: true,
            replaces: Some(message.id),
            say: message.say_id,
            outcome: Some(outcome),
        };
        self.message_put(tenant, message.call_id, &new, now).await.map(drop)
    }

    /// The last of what was said in a call since then, oldest first; at most 200.
    pub(crate) async fn messages_since(
        &mut self,
        tenant: TenantId,
        call: CallId,
        since: OffsetDateTime,
    ) -> Result<Vec<Message>, StoreError> {
        let rows: Vec<Row> =
            sql(select_message!("AND updated_at >= $3 AND is_final ORDER BY seq DESC LIMIT 200"))
                .bind(tenant.as_uuid())
                .bind(call.as_uuid())
                .bind(millis(since))
                .all(&mut self.tx)
                .await?;
        rows.into_iter().rev().map(|row| Ok(row.read()?.1)).collect()
    }
}

impl Store {
    /// A call's messages after number `after`, oldest first.
    pub(crate) async fn message_list(
        &self,
        tenant: TenantId,
        call: CallRef,
        after: i64,
        limit: u16,
    ) -> Result<Vec<Message>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let id = calls::id_of(&mut tx, tenant, call).await?;
        let rows: Vec<Row> = sql(select_message!("AND seq > $3 ORDER BY seq LIMIT $4"))
            .bind(tenant.as_uuid())
            .bind(id)
            .bind(after)
            .bind(i64::from(limit))
            .all(&mut tx)
            .await?;
        tx.commit().await?;
        rows.into_iter().map(|row| Ok(row.read()?.1)).collect()
    }

    /// What changed among a call's messages after `revision`, each as it is now and with the revision of its last
    /// change, in that order; and whether the call is over.
    pub(crate) async fn message_changes(
        &self,
        tenant: TenantId,
        call: CallId,
        revision: i64,
        limit: u16,
    ) -> Result<(Vec<(i64, Message)>, bool), StoreError> {
        let mut tx = self.read(tenant).await?;
        let is_over: (bool,) = sql("SELECT ended_at IS NOT NULL FROM calls WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .one(&mut tx)
            .await?;
        let rows: Vec<Row> = sql(select_message!("AND revision > $3 ORDER BY revision LIMIT $4"))
            .bind(tenant.as_uuid())
            .bind(call.as_uuid())
            .bind(revision)
            .bind(i64::from(limit))
            .all(&mut tx)
            .await?;
        tx.commit().await?;
        let changes = rows.into_iter().map(Row::read).collect::<Result<_, _>>()?;
        Ok((changes, is_over.0))
    }
}

#[derive(FromRow)]
struct Row {
    call_id: Uuid,
    seq: i64,
    revision: i64,
    message_type: String,
    sender_type: String,
    sender_name: Option<String>,
    content: String,
    confidence: Option<f64>,
    detected_language: Option<String>,
    is_final: bool,
    say_id: Option<Uuid>,
    outcome: Option<String>,
    created_at: i64,
    updated_at: i64,
}

impl Row {
    fn read(self) -> Result<(i64, Message), StoreError> {
        let message = Message {
            id: self.seq,
            call_id: CallId::from_uuid(self.call_id),
            message_type: from_word(&self.message_type, "type of message")?,
            sender_type: from_word(&self.sender_type, "sender")?,
            sender_name: self.sender_name,
            content: self.content,
            confidence: self.confidence,
            detected_language: self.detected_language,
            is_final: self.is_final,
            say_id: self.say_id.map(SayId::from_uuid),
            outcome: self.outcome.map(|word| from_word(&word, "outcome")).transpose()?,
            created_at: from_millis(self.created_at)?,
            updated_at: from_millis(self.updated_at)?,
        };
        Ok((self.revision, message))
    }
}

async fn fetch(tx: &mut Tx, tenant: TenantId, call: CallId, seq: i64) -> Result<Message, StoreError> {
    let select = sql(select_message!("AND seq = $3"));
    let row: Row = select.bind(tenant.as_uuid()).bind(call.as_uuid()).bind(seq).one(tx).await?;
    Ok(row.read()?.1)
}

/// As much of a text as is kept, without control characters.
fn clean(text: &str, most: usize) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let plain: String = text.chars().map(plain).collect();
    plain.trim().chars().take(most).collect()
}
