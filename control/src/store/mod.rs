//! Everything in SQLite or PostgreSQL. The only module that writes SQL.
//!
//! Functions are named thing first, verb second (`call_list`, `call_fetch`). Each takes the tenant as its
//! first argument and has it in its `WHERE`, but for those in [`find`], which find out whose something is.
//! PostgreSQL's row level security is the second lock: a transaction sees the rows of its tenant alone.
//!
//! A write is of one tenant, and a tenant has one writer at a time: [`Store::begin`] waits for it. On SQLite
//! all tenants share one writer, which takes the write lock of the database at its begin. So what a
//! transaction reads stays true until its commit, on both databases and over all processes, and nothing
//! in the store needs a second thought about races. What a transaction recorded is told to live clients
//! after its commit and before the tenant's next writer begins, in order.

mod accounts;
mod audit;
mod calls;
mod counts;
mod cut_off;
mod deletion;
mod error;
mod events;
mod find;
mod index;
mod invitations;
mod keys;
mod legs;
mod lists;
mod messages;
mod nodes;
mod numbers;
mod open;
mod progress;
mod ranges;
mod recordings;
mod sessions;
mod sides;
mod sign_ins;
mod speaking;
mod sql;
mod tenants;
mod turns;
mod users;
mod words;

use std::sync::Arc;

use common::TenantId;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Postgres, Transaction};
use time::OffsetDateTime;
use tokio::sync::OwnedMutexGuard;

pub(crate) use accounts::SealedTokens;
pub(crate) use audit::AuditFilter;
pub(crate) use calls::{CallPatch, NewCall};
pub(crate) use counts::{Alike, Stats};
pub(crate) use cut_off::{Opener, Whose};
pub use error::{OpenError, StoreError};
pub(crate) use events::LiveMessage;
pub(crate) use find::HeldStream;
pub(crate) use index::words_of;
pub(crate) use invitations::NewInvitation;
pub(crate) use keys::{GoodKey, NewKey};
pub(crate) use legs::{CallLeg, StreamTry};
pub(crate) use lists::{CallFilter, Place};
pub(crate) use messages::NewMessage;
pub(crate) use numbers::{NumberChange, NumberNew};
pub use open::migrate;
pub(crate) use recordings::RecordingReport;
pub(crate) use sessions::{NewSession, SessionState};
pub(crate) use sides::{InConference, SideClaim, SideRef};
pub(crate) use sign_ins::{Rotation, SignIn};
pub(crate) use users::{NewUser, UserAuth, UserPatch};
pub(crate) use words::{Asked, TooManyWords};

use crate::live::Hub;
use sql::{Record, Sql, Tx, sql};
use turns::Turns;

/// The database. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pools: Pools,
    turns: Arc<Turns>,
    hub: Hub,
}

#[derive(Clone, Debug)]
enum Pools {
    /// In WAL mode readers go on beside the one writer.
    Sqlite {
        reads: SqlitePool,
        writes: SqlitePool,
    },
    Postgres(PgPool),
}

impl Store {
    /// Opens the database at `url`. SQLite is made or brought up to date as needed; PostgreSQL by the role of
    /// `owner`, when it is given. What is recorded is told to `hub`.
    pub(crate) async fn open(url: &str, owner: Option<&str>, hub: Hub) -> Result<Self, OpenError> {
        let pools = open::open(url, owner).await?;
        Ok(Self { pools, turns: Arc::default(), hub })
    }

    /// Whether servers of more than one release may work on it at one time.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self.pools, Pools::Postgres(_))
    }

    /// Begins to write, when it is the tenant's turn.
    pub(crate) async fn begin(&self, tenant: TenantId) -> Result<Txn, StoreError> {
        let (turn, tx) = match &self.pools {
            Pools::Sqlite { writes, .. } => {
                let turn = self.turns.take(None).await?;
                (turn, Tx::Sqlite(writes.begin_with("BEGIN IMMEDIATE").await?))
            }
            Pools::Postgres(pool) => {
                // The turn first: a tenant that writes a lot waits here, and not with all the connections.
                let turn = self.turns.take(Some(tenant)).await?;
                let mut tx = Tx::Postgres(begin_as(pool, WRITE, tenant).await?);
                // The writers of other processes wait for this row. A new tenant has none, and no writers.
                let row = sql("SELECT 1::bigint FROM tenants WHERE id = $1 FOR NO KEY UPDATE");
                row.bind(tenant.as_uuid()).optional::<(i64,)>(&mut tx).await?;
                (turn, tx)
            }
        };
        Ok(Txn { tx, hub: self.hub.clone(), recorded: Vec::new(), nudges: Vec::new(), _turn: turn })
    }

    /// Lets what runs finish, and closes the database in order.
    pub(crate) async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { reads, writes } => {
                reads.close().await;
                writes.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// Begins to read what is the tenant's. All that it reads is of one moment.
    async fn read(&self, tenant: TenantId) -> Result<Tx, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { reads, .. } => Tx::Sqlite(reads.begin().await?),
            Pools::Postgres(pool) => Tx::Postgres(begin_as(pool, READ, tenant).await?),
        })
    }

    /// Begins to find out whose something is: on PostgreSQL it sees no table's rows, and may call the
    /// functions that tell.
    async fn find(&self) -> Result<Tx, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { reads, .. } => Tx::Sqlite(reads.begin().await?),
            Pools::Postgres(pool) => Tx::Postgres(pool.begin_with(READ).await?),
        })
    }

    /// The one row of a reading statement.
    async fn one<T: Record>(&self, tenant: TenantId, statement: Sql) -> Result<T, StoreError> {
        self.optional(tenant, statement).await?.ok_or(StoreError::NotFound)
    }

    /// The row of a reading statement, if there is one.
    async fn optional<T: Record>(&self, tenant: TenantId, statement: Sql) -> Result<Option<T>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let row = statement.optional(&mut tx).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// The rows of a reading statement.
    async fn all<T: Record>(&self, tenant: TenantId, statement: Sql) -> Result<Vec<T>, StoreError> {
        let mut tx = self.read(tenant).await?;
        let rows = statement.all(&mut tx).await?;
        tx.commit().await?;
        Ok(rows)
    }
}

/// How PostgreSQL begins to read: as of one moment, as SQLite does by itself.
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How PostgreSQL begins to write: each statement sees what was committed before it, so what is read after the
/// wait for the tenant is what the writer before left.
const WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Begins, and sees only the tenant's rows: in one round trip. The setting ends with the transaction, so the
/// next one on this connection has none.
async fn begin_as(
    pool: &PgPool,
    begin: &'static str,
    tenant: TenantId,
) -> Result<Transaction<'static, Postgres>, StoreError> {
    // An id has nothing in it that SQL could take for more than an id.
    let id = tenant.as_uuid().hyphenated();
    let begin = format!("{begin}; SELECT set_config('app.tenant', '{id}', true)");
    Ok(pool.begin_with(AssertSqlSafe(begin)).await?)
}

/// A write in progress, of one tenant. Dropped without [`commit`](Self::commit), nothing happened.
pub(crate) struct Txn {
    tx: Tx,
    hub: Hub,
    recorded: Vec<events::Recorded>,
    /// Whose readers are woken though there is no event.
    nudges: Vec<TenantId>,
    _turn: OwnedMutexGuard<()>,
}

impl Txn {
    /// Makes it so, durably, and tells live clients. When this returns `Ok`, a power loss changes nothing.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        // In a task of its own: a client that hangs up drops the handler, and must not come between the
        // commit and its telling.
        let commit = tokio::spawn(async move {
            let messages = self.render().await?;
            self.tx.commit().await?;
            for (tenant, message) in messages {
                self.hub.publish(tenant, message);
            }
            for tenant in self.nudges {
                self.hub.nudge(tenant);
            }
            Ok(())
        });
        commit.await.unwrap_or(Err(StoreError::Corrupt { what: "event" }))
    }
}

/// The database form of a time: Unix milliseconds.
pub(crate) fn millis(time: OffsetDateTime) -> i64 {
    time.unix_timestamp() * 1000 + i64::from(time.millisecond())
}

/// The time of a database form.
pub(crate) fn from_millis(millis: i64) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .map_err(|_| StoreError::Corrupt { what: "time" })
}

/// The enum or id of a database word.
fn from_word<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { what })
}

/// The value of a database JSON text.
fn from_json<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt { what })
}

/// The database JSON text of a value of ours.
fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("our own values are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_its_database_form_to_the_millisecond() {
        for at in [0, 1, -1, 1_795_000_000_123_i64, -62_000_000_000_000] {
            assert_eq!(millis(from_millis(at).unwrap()), at);
        }
        assert!(from_millis(i64::MAX).is_err());
    }

    #[tokio::test]
    async fn a_write_that_is_dropped_did_not_happen_and_the_next_gets_its_turn() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/a.db", dir.path().display());
        let store = Store::open(&url, None, Hub::default()).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let (dropped, kept) = (TenantId::new(), TenantId::new());
        let mut txn = store.begin(dropped).await.unwrap();
        txn.tenant_create(dropped, "dropped", now).await.unwrap();
        drop(txn);

        let mut txn = store.begin(kept).await.unwrap();
        txn.tenant_create(kept, "kept", now).await.unwrap();
        txn.commit().await.unwrap();
        let names: Vec<(String,)> = store.all(kept, sql("SELECT name FROM tenants")).await.unwrap();
        assert_eq!(names, [("kept".to_owned(),)]);
    }

    #[tokio::test]
    async fn other_databases_are_refused() {
        for (url, owner) in [("mysql://localhost/x", None), ("sqlite::memory:", Some("postgres://x/y"))] {
            let opened = Store::open(url, owner, Hub::default()).await;
            let refused = matches!(opened, Err(OpenError::Unsupported | OpenError::OwnerUnsupported));
            assert!(refused, "{url}");
        }
    }
}
