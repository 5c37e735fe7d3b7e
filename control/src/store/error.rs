//! Why the store did not do it.

use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No such row, or another tenant's.
    #[error("no such row")]
    NotFound,
    /// Others had the database for too long, or it is away for now. Trying again may help.
    #[error("the database is busy or away")]
    Busy(#[source] Option<sqlx::Error>),
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
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) => Self::Busy(Some(error)),
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                let passes = match database.try_downcast_ref::<PgDatabaseError>() {
                    Some(_) => postgres_passes(&code),
                    // Primary result codes 5 and 6 of SQLite: BUSY and LOCKED. The low byte is the primary.
                    None => code.parse().is_ok_and(|code: u32| matches!(code & 0xff, 5 | 6)),
                };
                match passes {
                    // PostgreSQL's texts have no NUL, so nothing with one in it is there.
                    _ if code == "22021" => Self::NotFound,
                    true => Self::Busy(Some(error)),
                    false => Self::Database(error),
                }
            }
            _ => Self::Database(error),
        }
    }
}

/// Whether what this SQLSTATE says passes by itself.
fn postgres_passes(code: &str) -> bool {
    // Serialization failure, deadlock, lock timeout, statement timeout; then connections and resources:
    // it shuts down, crashed, starts up, or has too many clients.
    matches!(code, "40001" | "40P01" | "55P03" | "57014" | "57P01" | "57P02" | "57P03")
        || code.starts_with("08")
        || code.starts_with("53")
}

/// The database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Neither `sqlite://…` nor `postgres://…`.
    #[error("the database URL must begin with sqlite:// or postgres://")]
    Unsupported,
    /// The owner's URL is for PostgreSQL, whose tables have an owner.
    #[error("an owner's database URL needs both URLs to begin with postgres://")]
    OwnerUnsupported,
    /// The folder of the file could not be made.
    #[error("cannot make the database's folder")]
    Folder(#[source] std::io::Error),
    /// The file could not be opened, or the server not reached.
    #[error("cannot open the database")]
    Open(#[source] sqlx::Error),
    /// A migration failed, or the database is from a newer release.
    #[error("cannot bring the database up to date")]
    Migrate(#[source] MigrateError),
    /// The tables are not those of this release, and only their owner may change them.
    #[error("the database is not up to date: run `partyline migrate`, or set the owner's database URL")]
    Outdated,
    /// The server's role could read what it must not.
    #[error("the database role {role} must not serve: {why}")]
    Role {
        /// Whom the database URL names.
        role: String,
        /// What is wrong with it.
        why: &'static str,
    },
}
