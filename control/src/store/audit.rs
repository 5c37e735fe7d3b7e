//! Who did what: rows are added, and never changed.

use common::{CallId, TenantId, UserId};
use sqlx::FromRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, Txn, from_json, from_millis, millis, sql, to_json};
use crate::audit::{Action, AuditEntry, Entry, Fault, Head, Link, Why};
use crate::model::Person;

/// Rows that a check reads at a time.
const PAGE: i64 = 500;

/// Which entries to list. What is `None` does not narrow.
#[derive(Default)]
pub(crate) struct AuditFilter {
    pub(crate) user: Option<UserId>,
    pub(crate) action: Option<Action>,
    pub(crate) call: Option<CallId>,
    pub(crate) from: Option<OffsetDateTime>,
    pub(crate) to: Option<OffsetDateTime>,
}

#[derive(FromRow)]
struct Row {
    seq: i64,
    at: i64,
    action: String,
    user_id: Option<Uuid>,
    user_name: Option<String>,
    key_id: Option<String>,
    address: Option<String>,
    call_id: Option<Uuid>,
    target: Option<String>,
    data: String,
    hash: Vec<u8>,
}

impl Row {
    fn link(self) -> Link {
        Link {
            seq: self.seq,
            at: self.at,
            action: self.action,
            user: self.user_id.map(UserId::from_uuid),
            key: self.key_id,
            address: self.address,
            call: self.call_id.map(CallId::from_uuid),
            target: self.target,
            data: self.data,
            hash: self.hash,
        }
    }

    fn read(self) -> Result<AuditEntry, StoreError> {
        Ok(AuditEntry {
            seq: self.seq,
            at: from_millis(self.at)?,
            action: self.action,
            user: self
                .user_id
                .map(|id| Person { id: UserId::from_uuid(id), name: self.user_name.unwrap_or_default() }),
            key: self.key_id,
            address: self.address,
            call_id: self.call_id.map(CallId::from_uuid),
            target: self.target,
            data: from_json(&self.data, "audit entry")?,
        })
    }
}

macro_rules! select_audit {
    ($rest:literal) => {
        concat!(
            "SELECT a.seq, a.at, a.action, a.user_id, u.name AS user_name, a.key_id, a.address, a.call_id,
                 a.target, a.data, a.hash
             FROM audit a LEFT JOIN users u ON u.tenant_id = a.tenant_id AND u.id = a.user_id
             WHERE a.tenant_id = $1 ",
            $rest
        )
    };
}

impl Store {
    /// The tenant's entries before number `before`, newest first.
    pub(crate) async fn audit_list(
        &self,
        tenant: TenantId,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: u16,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut list = sql(select_audit!("")).bind(tenant.as_uuid());
        if let Some(before) = before {
            list = list.push_bind(" AND a.seq < ", before);
        }
        if let Some(user) = filter.user {
            list = list.push_bind(" AND a.user_id = ", user.as_uuid());
        }
        if let Some(action) = filter.action {
            list = list.push_bind(" AND a.action = ", action.as_str());
        }
        if let Some(call) = filter.call {
            list = list.push_bind(" AND a.call_id = ", call.as_uuid());
        }
        if let Some(from) = filter.from {
            list = list.push_bind(" AND a.at >= ", millis(from));
        }
        if let Some(to) = filter.to {
            list = list.push_bind(" AND a.at < ", millis(to));
        }
        let list = list.push_bind(" ORDER BY a.seq DESC LIMIT ", i64::from(limit));
        let rows: Vec<Row> = self.all(tenant, list).await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Goes through the tenant's log from its first row: where it ends, or its first bad row. `kept` are heads that
    /// it had at other times, of which it must have grown.
    pub(crate) async fn audit_verify(
        &self,
        tenant: TenantId,
        kept: &[Head],
    ) -> Result<Result<Head, Fault>, StoreError> {
        let mut head = Head::start(tenant);
        loop {
            // Page by page: rows are only added, so what was read stays true.
            let page = sql(select_audit!("AND a.seq > $2 ORDER BY a.seq LIMIT $3"))
                .bind(tenant.as_uuid())
                .bind(head.seq)
                .bind(PAGE);
            let rows: Vec<Row> = self.all(tenant, page).await?;
            if rows.is_empty() {
                break;
            }
            for link in rows.into_iter().map(Row::link) {
                if let Err(fault) = head.follow(&link) {
                    return Ok(Err(fault));
                }
                if kept.iter().any(|kept| kept.seq == head.seq && kept.hash != head.hash) {
                    return Ok(Err(Fault { tenant, seq: head.seq, why: Why::Rewritten }));
                }
            }
        }
        match kept.iter().any(|kept| kept.seq > head.seq) {
            true => Ok(Err(Fault { tenant, seq: head.seq + 1, why: Why::Missing })),
            false => Ok(Ok(head)),
        }
    }
}

impl Txn {
    /// Adds an entry to the tenant's log. It is there if, and only if, the rest of this transaction is.
    pub(crate) async fn audit(
        &mut self,
        tenant: TenantId,
        entry: Entry,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let last: Option<(i64, Vec<u8>)> =
            sql("SELECT seq, hash FROM audit WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1")
                .bind(tenant.as_uuid())
                .optional(&mut self.tx)
                .await?;
        let (seq, before) = match last {
            Some((seq, hash)) => {
                (seq, hash.try_into().map_err(|_| StoreError::Corrupt { what: "audit hash" })?)
            }
            None => (0, [0; 32]),
        };
        let link = Link {
            seq: seq + 1,
            at: millis(now),
            action: entry.action.as_str().to_owned(),
            user: entry.user,
            key: entry.key,
            address: entry.address.map(|address| address.to_string()),
            call: entry.call,
            target: entry.target,
            data: to_json(&entry.data),
            hash: Vec::new(),
        };
        let hash = link.hash_after(tenant, &before);
        sql(
            "INSERT INTO audit (tenant_id, seq, at, action, user_id, key_id, address, call_id, target, data, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(tenant.as_uuid())
        .bind(link.seq)
        .bind(link.at)
        .bind(link.action)
        .bind(link.user.map(UserId::as_uuid))
        .bind(link.key)
        .bind(link.address)
        .bind(link.call.map(CallId::as_uuid))
        .bind(link.target)
        .bind(link.data)
        .bind(hash)
        .run(&mut self.tx)
        .await?;
        Ok(())
    }
}
