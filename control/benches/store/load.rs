//! Puts very many calls into a database, past the server: it takes minutes, where the server would take a day.

use common::TenantId;
use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use std::fmt::Write as _;
use std::time::Instant;

use super::calls::{Call, Calls};
use super::postgres::{Database, SUPERUSER};

/// Rows at a time.
const BATCH: usize = 20_000;

/// The columns of a call, in the order of [`fields`].
const COLUMNS: &str = "tenant_id, id, call_sid, account_sid, direction, status, customer_number, organization_number,
    caller_name, started_at, answered_at, ended_at, duration_seconds, active_at, is_handled, is_urgent, summary,
    notes, tags";

/// Into SQLite. Values go as JSON, many rows at a time; ids as hex.
pub(crate) async fn sqlite(url: &str, tenant: TenantId, calls: &Calls) {
    let options: SqliteConnectOptions = url.parse().unwrap();
    let options = options.pragma("cache_size", "-1000000").pragma("synchronous", "off").foreign_keys(false);
    let mut connection = options.connect().await.unwrap();
    let tenant = hex(tenant.as_uuid().as_bytes());
    let value = |n: usize| format!("value ->> {n}");
    let id = |n: usize| format!("unhex(value ->> {n})");
    let columns: Vec<String> = (1..=18).map(|n| if n == 1 { id(0) } else { value(n - 1) }).collect();
    let into_calls = format!(
        "INSERT INTO calls ({COLUMNS}) SELECT x'{tenant}', {} FROM json_each($1)",
        columns.join(", ")
    );
    let mut indexes = without_indexes(&mut connection, "calls").await;
    let mut progress = Progress::begin("calls", calls.count);
    for from in (0..calls.count).step_by(BATCH) {
        let rows: Vec<serde_json::Value> = (from..calls.count.min(from + BATCH))
            .map(|n| json!(fields(&calls.call(n)).map(|field| field.map_or(json!(null), Field::json))))
            .collect();
        run(&mut connection, &into_calls, &json!(rows).to_string()).await;
        progress.at(from + BATCH);
    }
    let (words, rows) = calls.words();
    indexes.extend(without_indexes(&mut connection, "call_words").await);
    // Of a fixed width, for to read JSON in JSON takes longer than to keep it.
    let into_words = format!(
        "INSERT INTO call_words (tenant_id, word, started_at, call_id)
         SELECT x'{tenant}', substr(value, 46), CAST(substr(value, 33, 13) AS INTEGER), unhex(substr(value, 1, 32))
         FROM json_each($1)"
    );
    let mut progress = Progress::begin("words", rows.len());
    let keys = keys(calls);
    for (n, batch) in rows.chunks(BATCH).enumerate() {
        let batch: Vec<String> = batch
            .iter()
            .map(|&(word, call)| {
                let (started_at, id) = &keys[call as usize];
                format!("{}{started_at:013}{}", hex(id), words[word as usize])
            })
            .collect();
        run(&mut connection, &into_words, &json!(batch).to_string()).await;
        progress.at((n + 1) * BATCH);
    }
    let after = ["ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"].map(str::to_owned);
    for statement in indexes.into_iter().chain(after) {
        eprintln!("  {}", statement.lines().next().unwrap_or_default());
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    }
}

/// Takes the indexes of a table away while its rows come, and gives how to make them again: sorted, and not row by row.
async fn without_indexes(connection: &mut SqliteConnection, table: &str) -> Vec<String> {
    let statement =
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = $1 AND sql IS NOT NULL";
    let indexes: Vec<(String, String)> =
        sqlx::query_as(statement).bind(table).fetch_all(&mut *connection).await.unwrap();
    for (name, _) in &indexes {
        sqlx::raw_sql(AssertSqlSafe(format!("DROP INDEX {name}"))).execute(&mut *connection).await.unwrap();
    }
    indexes.into_iter().map(|(_, made)| made).collect()
}

/// The same in PostgreSQL, primary keys too. The key of calls stays, for others refer to it.
async fn without_indexes_of_postgres(connection: &mut PgConnection, table: &str) -> Vec<String> {
    let statement = "SELECT CASE WHEN p.oid IS NULL THEN format('DROP INDEX %I', c.relname)
                 ELSE format('ALTER TABLE %I DROP CONSTRAINT %I', $1, p.conname) END,
             CASE WHEN p.oid IS NULL THEN pg_get_indexdef(i.indexrelid)
                 ELSE format('ALTER TABLE %I ADD %s', $1, pg_get_constraintdef(p.oid)) END
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
             LEFT JOIN pg_constraint p ON p.conindid = i.indexrelid AND p.conrelid = i.indrelid
         WHERE i.indrelid = $1::regclass AND (p.oid IS NULL OR $1 <> 'calls')";
    let indexes: Vec<(String, String)> =
        sqlx::query_as(statement).bind(table).fetch_all(&mut *connection).await.unwrap();
    let mut made = Vec::new();
    for (drop, make) in indexes {
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *connection).await.unwrap();
        made.push(make);
    }
    made
}

async fn run(connection: &mut SqliteConnection, statement: &str, rows: &str) {
    sqlx::query(AssertSqlSafe(statement.to_owned())).bind(rows).execute(connection).await.unwrap();
}

/// Into PostgreSQL, by COPY.
pub(crate) async fn postgres(database: &Database, tenant: TenantId, calls: &Calls) {
    let tenant = tenant.as_uuid();
    let mut connection = database.connect(SUPERUSER).await;
    let mut indexes = without_indexes_of_postgres(&mut connection, "calls").await;
    indexes.extend(without_indexes_of_postgres(&mut connection, "call_words").await);
    let mut progress = Progress::begin("calls", calls.count);
    let mut copy = connection.copy_in_raw(&format!("COPY calls ({COLUMNS}) FROM STDIN")).await.unwrap();
    for from in (0..calls.count).step_by(BATCH) {
        let mut text = String::new();
        for n in from..calls.count.min(from + BATCH) {
            write!(text, "{tenant}").unwrap();
            for field in fields(&calls.call(n)) {
                text.push('\t');
                text.push_str(&field.map_or("\\N".to_owned(), Field::copied));
            }
            text.push('\n');
        }
        copy.send(text.as_bytes()).await.unwrap();
        progress.at(from + BATCH);
    }
    copy.finish().await.unwrap();

    let (words, rows) = calls.words();
    let mut progress = Progress::begin("words", rows.len());
    let keys = keys(calls);
    let mut copy = connection
        .copy_in_raw("COPY call_words (tenant_id, word, started_at, call_id) FROM STDIN")
        .await
        .unwrap();
    for (n, batch) in rows.chunks(BATCH).enumerate() {
        let mut text = String::new();
        for &(word, call) in batch {
            let (started_at, id) = &keys[call as usize];
            writeln!(text, "{tenant}\t{}\t{started_at}\t{}", words[word as usize], hex(id)).unwrap();
        }
        copy.send(text.as_bytes()).await.unwrap();
        progress.at((n + 1) * BATCH);
    }
    copy.finish().await.unwrap();
    let before = ["SET maintenance_work_mem = '2GB'"].map(str::to_owned);
    let after = ["VACUUM ANALYZE calls", "VACUUM ANALYZE call_words", "CHECKPOINT"].map(str::to_owned);
    for statement in before.into_iter().chain(indexes).chain(after) {
        eprintln!("  {statement}");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    }
}

/// Start and id of each call.
fn keys(calls: &Calls) -> Vec<(i64, [u8; 16])> {
    (0..calls.count).map(|n| calls.call(n)).map(|call| (call.started_at, call.id.into_bytes())).collect()
}

/// A value of a call's row.
enum Field {
    Text(String),
    Int(i64),
    Bool(bool),
}

impl Field {
    fn json(self) -> serde_json::Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Int(int) => json!(int),
            Self::Bool(bool) => json!(i64::from(bool)),
        }
    }

    fn copied(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Int(int) => int.to_string(),
            Self::Bool(bool) => bool.to_string(),
        }
    }
}

fn fields(call: &Call) -> [Option<Field>; 18] {
    let text = |text: &str| Some(Field::Text(text.to_owned()));
    let maybe = |text: &Option<String>| text.clone().map(Field::Text);
    let int = |int: i64| Some(Field::Int(int));
    let is_over = call.status != "in_progress";
    let is_answered = matches!(call.status, "in_progress" | "completed");
    [
        text(&hex(call.id.as_bytes())),
        text(&call.sid),
        text("AC00000000000000000000000000000001"),
        text("inbound"),
        text(call.status),
        text(&call.customer),
        text(&call.ours),
        maybe(&call.name),
        int(call.started_at),
        int(call.started_at + 3000).filter(|_| is_answered),
        int(call.started_at + 3000 + call.seconds * 1000).filter(|_| is_over),
        int(if is_answered { call.seconds } else { 0 }).filter(|_| is_over),
        int(call.started_at + 3000),
        Some(Field::Bool(call.is_handled)),
        Some(Field::Bool(call.is_urgent)),
        maybe(&call.summary),
        maybe(&call.notes),
        text(&json!(call.tags).to_string()),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Says how far it has come, once in a while.
struct Progress {
    what: &'static str,
    all: usize,
    began: Instant,
    said: Instant,
}

impl Progress {
    fn begin(what: &'static str, all: usize) -> Self {
        let now = Instant::now();
        Self { what, all, began: now, said: now }
    }

    fn at(&mut self, rows: usize) {
        let done = rows >= self.all;
        if done || self.said.elapsed().as_secs() >= 10 {
            let (rows, all, seconds) = (rows.min(self.all), self.all, self.began.elapsed().as_secs());
            eprintln!("  {}: {rows} of {all}, {seconds} s", self.what);
            self.said = Instant::now();
        }
    }
}
