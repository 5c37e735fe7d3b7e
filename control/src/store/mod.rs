//! Everything in SQLite. The only module that writes SQL.
//!
//! Functions are named thing first, verb second (`call_list`, `call_fetch`). Each takes the tenant as its
//! first argument and has it in its `WHERE`, but for two kinds, and their docs say so: those that find out
//! whose something is (`user_by_email`, `account_by_sid`, `refresh_token_use`), and those in
//! [`nodes`] that answer a gateway's heartbeat or a clock, which know no tenant.
//!
//! There is one writer at a time. It holds [`Txn`], which takes the write lock of the database at its
//! begin (`BEGIN IMMEDIATE`), so a write never finds the database busy in its middle. What a transaction
//! recorded is told to live clients after its commit and before the next writer begins, in order.

mod accounts;
mod calls;
mod events;
mod nodes;
mod numbers;
mod progress;
mod sessions;
mod users;

use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, SqliteConnection, Transaction};
use time::OffsetDateTime;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

pub(crate) use calls::{CallFilter, CallPatch, NewCall, Stats};
pub(crate) use events::LiveMessage;
pub(crate) use nodes::StillCall;
pub(crate) use numbers::{NumberChange, NumberNew};
pub(crate) use sessions::{NewSession, SessionState};
pub(crate) use users::{NewUser, Rotation, SignIn, UserPatch};

use crate::live::Hub;

/// How long a reader or writer waits for its turn. Then the client is told to come back.
const TURN: Duration = Duration::from_secs(5);

/// Readers at one time. SQLite in WAL mode lets them read beside the writer.
const READERS: u32 = 4;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No such row, or another tenant's.
    #[error("no such row")]
    NotFound,
    /// Others had the database for too long.
    #[error("the database is busy")]
    Busy,
    /// A stored value is not what this program writes.
    #[error("the database holds a bad {what}")]
    Corrupt {
        /// What it should be.
        what: &'static str,
    },
    /// The database failed.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // Primary result codes 5 and 6 of SQLite: BUSY and LOCKED. The low byte is the primary code.
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        match (&error, code.map(|code| code & 0xff)) {
            (sqlx::Error::RowNotFound, _) => Self::NotFound,
            (sqlx::Error::PoolTimedOut, _) | (_, Some(5 | 6)) => Self::Busy,
            _ => Self::Database(error),
        }
    }
}

/// The database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Not `sqlite://…`.
    #[error("the database URL must begin with sqlite://")]
    Unsupported,
    /// The folder of the file could not be made.
    #[error("cannot make the database's folder")]
    Folder(#[source] std::io::Error),
    /// The file could not be opened.
    #[error("cannot open the database")]
    Open(#[source] sqlx::Error),
    /// A migration failed, or the database is from a newer release.
    #[error("cannot bring the database up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
}

/// The database. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    reads: SqlitePool,
    writes: SqlitePool,
    turn: Arc<Mutex<()>>,
    hub: Hub,
}

impl Store {
    /// Opens the database at `url`, making or updating it as needed. What is recorded is told to `hub`.
    pub(crate) async fn open(url: &str, hub: Hub) -> Result<Self, OpenError> {
        if !url.starts_with("sqlite:") {
            return Err(OpenError::Unsupported);
        }
        let options = SqliteConnectOptions::from_str(url)
            .map_err(OpenError::Open)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // NORMAL may lose what was committed just before a power loss; we have answered for it.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(TURN);
        if let Some(folder) = options.get_filename().parent().filter(|folder| *folder != Path::new("")) {
            crate::crypto::make_private_dir(folder).map_err(OpenError::Folder)?;
        }
        let pool = SqlitePoolOptions::new().acquire_timeout(TURN).idle_timeout(None).max_lifetime(None);
        let writes = pool.clone().max_connections(1).connect_with(options.clone());
        let writes = writes.await.map_err(OpenError::Open)?;
        sqlx::migrate!().run(&writes).await.map_err(OpenError::Migrate)?;
        let reads = pool.max_connections(READERS).connect_with(options.read_only(true));
        let reads = reads.await.map_err(OpenError::Open)?;
        Ok(Self { reads, writes, turn: Arc::default(), hub })
    }

    /// Begins to write, when it is this writer's turn.
    pub(crate) async fn begin(&self) -> Result<Txn, StoreError> {
        let turn = timeout(TURN, self.turn.clone().lock_owned()).await.map_err(|_| StoreError::Busy)?;
        let tx = self.writes.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Txn { tx, hub: self.hub.clone(), recorded: Vec::new(), _turn: turn })
    }

    /// Lets what runs finish, and closes the file in order.
    pub(crate) async fn close(&self) {
        self.reads.close().await;
        self.writes.close().await;
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.reads.acquire().await?)
    }
}

/// A write in progress. Dropped without [`commit`](Self::commit), nothing happened.
pub(crate) struct Txn {
    tx: Transaction<'static, Sqlite>,
    hub: Hub,
    recorded: Vec<events::Recorded>,
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
            Ok(())
        });
        commit.await.unwrap_or(Err(StoreError::Corrupt { what: "event" }))
    }

    fn conn(&mut self) -> &mut SqliteConnection {
        &mut self.tx
    }
}

/// The database form of a time: Unix milliseconds.
fn millis(time: OffsetDateTime) -> i64 {
    time.unix_timestamp() * 1000 + i64::from(time.millisecond())
}

/// The time of a database form.
fn from_millis(millis: i64) -> Result<OffsetDateTime, StoreError> {
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
        let store = Store::open(&url, Hub::default()).await.unwrap();
        let now = OffsetDateTime::now_utc();
        let mut txn = store.begin().await.unwrap();
        txn.tenant_create(common::TenantId::new(), "dropped", now).await.unwrap();
        drop(txn);

        let mut txn = store.begin().await.unwrap();
        txn.tenant_create(common::TenantId::new(), "kept", now).await.unwrap();
        txn.commit().await.unwrap();
        let names: Vec<String> =
            sqlx::query_scalar("SELECT name FROM tenants").fetch_all(&store.reads).await.unwrap();
        assert_eq!(names, ["kept"]);
    }

    #[tokio::test]
    async fn only_sqlite_is_opened() {
        let opened = Store::open("postgres://localhost/x", Hub::default()).await;
        assert!(matches!(opened, Err(OpenError::Unsupported)));
    }
}
