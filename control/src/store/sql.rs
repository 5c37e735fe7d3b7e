//! A statement that both databases understand, written once.
//!
//! Both take `$1` placeholders, `ON CONFLICT`, `RETURNING`, `FILTER` and `IS DISTINCT FROM`; so nearly all
//! of the store is one text. Where the dialects part, [`Sql::each`] takes two. The values of a statement
//! are of the few kinds that the tables have, and become the database's own types when it runs.

use std::borrow::Cow;

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Encode, FromRow, Postgres, Sqlite, Transaction, Type};
use uuid::Uuid;

use super::StoreError;

/// A transaction on either database.
pub(super) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// What can be read from a row of either database. `#[derive(FromRow)]` and tuples are.
pub(super) trait Record:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Record for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A value of a statement: SQLite's column type, PostgreSQL's.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// `INTEGER`, `BIGINT`.
    Int(Option<i64>),
    /// `INTEGER`, `BOOLEAN`.
    Bool(Option<bool>),
    /// `TEXT`, `TEXT`.
    Text(Option<String>),
    /// `BLOB` of 16 bytes, `UUID`.
    Id(Option<Uuid>),
    /// `REAL`, `DOUBLE PRECISION`.
    Real(Option<f64>),
    /// `BLOB`, `BYTEA`.
    Bytes(Option<Vec<u8>>),
}

macro_rules! values {
    ($($from:ty => $variant:ident,)*) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(Some(value.into()))
            }
        }

        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self {
                Self::$variant(value.map(Into::into))
            }
        }
    )*};
}

values! {
    i64 => Int,
    u32 => Int,
    bool => Bool,
    f64 => Real,
    &str => Text,
    &String => Text,
    String => Text,
    Uuid => Id,
    &[u8] => Bytes,
    [u8; 32] => Bytes,
}

impl From<&Option<String>> for Value {
    fn from(text: &Option<String>) -> Self {
        Self::Text(text.clone())
    }
}

/// A statement and its values.
#[derive(Clone, Debug)]
pub(super) struct Sql {
    sqlite: Cow<'static, str>,
    postgres: Cow<'static, str>,
    values: Vec<Value>,
}

/// A statement that both databases understand.
pub(super) fn sql(text: &'static str) -> Sql {
    Sql::each(text, text)
}

impl Sql {
    /// The same in two dialects.
    pub(super) fn each(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite: sqlite.into(), postgres: postgres.into(), values: Vec::new() }
    }

    /// The value of the next placeholder.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// More of the statement, of our own words.
    pub(super) fn push(self, text: &str) -> Self {
        self.push_each(text, text)
    }

    /// More of the statement, and behind it a value.
    pub(super) fn push_bind(mut self, text: &str, value: impl Into<Value>) -> Self {
        let placeholder = self.place(value);
        self.push(text).push(&placeholder)
    }

    /// More of the statement, of our own words, in two dialects.
    pub(super) fn push_each(mut self, sqlite: &str, postgres: &str) -> Self {
        self.sqlite.to_mut().push_str(sqlite);
        self.postgres.to_mut().push_str(postgres);
        self
    }

    /// A value, and the placeholder for it, which may stand in the statement as often as needed.
    pub(super) fn place(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// Runs it: how many rows it touched.
    pub(super) async fn run(self, tx: &mut Tx) -> Result<u64, StoreError> {
        Ok(match tx {
            Tx::Sqlite(tx) => {
                let arguments: SqliteArguments = arguments(self.values)?;
                let query = sqlx::query_with(AssertSqlSafe(self.sqlite), arguments);
                query.execute(&mut **tx).await?.rows_affected()
            }
            Tx::Postgres(tx) => {
                let arguments: PgArguments = arguments(self.values)?;
                let query = sqlx::query_with(AssertSqlSafe(self.postgres), arguments);
                query.execute(&mut **tx).await?.rows_affected()
            }
        })
    }

    /// The first row, if there is one.
    pub(super) async fn optional<T: Record>(self, tx: &mut Tx) -> Result<Option<T>, StoreError> {
        Ok(match tx {
            Tx::Sqlite(tx) => {
                let arguments: SqliteArguments = arguments(self.values)?;
                let query = sqlx::query_as_with(AssertSqlSafe(self.sqlite), arguments);
                query.fetch_optional(&mut **tx).await?
            }
            Tx::Postgres(tx) => {
                let arguments: PgArguments = arguments(self.values)?;
                let query = sqlx::query_as_with(AssertSqlSafe(self.postgres), arguments);
                query.fetch_optional(&mut **tx).await?
            }
        })
    }

    /// The first row. Without one: [`StoreError::NotFound`].
    pub(super) async fn one<T: Record>(self, tx: &mut Tx) -> Result<T, StoreError> {
        self.optional(tx).await?.ok_or(StoreError::NotFound)
    }

    /// How the database would run it, a line each step.
    pub(super) async fn explain(self, tx: &mut Tx) -> Result<String, StoreError> {
        let prefix = Self::each("EXPLAIN QUERY PLAN ", "EXPLAIN (COSTS OFF) ");
        let statement = Self {
            sqlite: prefix.sqlite + self.sqlite,
            postgres: prefix.postgres + self.postgres,
            values: self.values,
        };
        let steps: Vec<String> = match tx {
            Tx::Sqlite(_) => {
                let rows: Vec<(i64, i64, i64, String)> = statement.all(tx).await?;
                rows.into_iter().map(|(.., step)| step).collect()
            }
            Tx::Postgres(_) => {
                let rows: Vec<(String,)> = statement.all(tx).await?;
                rows.into_iter().map(|(step,)| step).collect()
            }
        };
        Ok(steps.join("\n"))
    }

    /// All rows.
    pub(super) async fn all<T: Record>(self, tx: &mut Tx) -> Result<Vec<T>, StoreError> {
        Ok(match tx {
            Tx::Sqlite(tx) => {
                let arguments: SqliteArguments = arguments(self.values)?;
                let query = sqlx::query_as_with(AssertSqlSafe(self.sqlite), arguments);
                query.fetch_all(&mut **tx).await?
            }
            Tx::Postgres(tx) => {
                let arguments: PgArguments = arguments(self.values)?;
                let query = sqlx::query_as_with(AssertSqlSafe(self.postgres), arguments);
                query.fetch_all(&mut **tx).await?
            }
        })
    }
}

/// The values in the database's own types.
fn arguments<A>(values: Vec<Value>) -> Result<A, StoreError>
where
    A: Arguments,
    for<'q> Option<i64>: Encode<'q, A::Database> + Type<A::Database>,
    for<'q> Option<f64>: Encode<'q, A::Database> + Type<A::Database>,
    for<'q> Option<bool>: Encode<'q, A::Database> + Type<A::Database>,
    for<'q> Option<String>: Encode<'q, A::Database> + Type<A::Database>,
    for<'q> Option<Uuid>: Encode<'q, A::Database> + Type<A::Database>,
    for<'q> Option<Vec<u8>>: Encode<'q, A::Database> + Type<A::Database>,
{
    let mut arguments = A::default();
    let added = values.into_iter().try_for_each(|value| -> Result<(), BoxDynError> {
        match value {
            Value::Int(value) => arguments.add(value),
            Value::Bool(value) => arguments.add(value),
            Value::Real(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Id(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
        }
    });
    added.map_err(|error| StoreError::Database(sqlx::Error::Encode(error)))?;
    Ok(arguments)
}
