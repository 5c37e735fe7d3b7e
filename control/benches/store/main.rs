//! How long lists and searches of calls take, over HTTP, with few calls and with very many.
//!
//! `make bench-store`, or with numbers of calls and databases of one's own, each by itself:
//! `make bench-store CALLS=2000000 DATABASES=postgres`. To load two million takes minutes, and 9 GB of the
//! temporary folder for SQLite, 15 GB for PostgreSQL. `STORE_BENCH_KEEP=folder` keeps what was loaded for the next
//! run: SQLite's file in that folder; PostgreSQL's database in its server, for as long as the process lives that started
//! this one.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![expect(clippy::duplicate_mod, reason = "the same on both databases")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use postgres::Database;

mod calls;
mod load;
mod measure;
#[path = "../../tests/it/postgres.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod postgres;

/// Where a server keeps its records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Store {
    Sqlite,
    Postgres,
}

#[path = "../../tests/it"]
mod on_sqlite {
    const STORE: crate::Store = crate::Store::Sqlite;

    #[expect(dead_code, reason = "the tests need more of it")]
    pub(crate) mod server;
}

#[path = "../../tests/it"]
mod on_postgres {
    const STORE: crate::Store = crate::Store::Postgres;

    #[expect(dead_code, reason = "the tests need more of it")]
    pub(crate) mod server;
}

/// Calls of long ago that still go on stay so.
fn as_they_are(config: &mut control::Config) {
    config.timings.call_silence = std::time::Duration::from_secs(3650 * 24 * 3600);
    let all = std::num::NonZeroU32::MAX;
    config.requests_per_minute = control::RequestsPerMinute { address: all, user: all, tenant: all };
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let sizes = arguments.first().map_or("10000,2000000", String::as_str);
    let databases = arguments.get(1).map_or("sqlite,postgres", String::as_str);
    let kept = std::env::var_os("STORE_BENCH_KEEP").map(PathBuf::from);
    for size in sizes.split(',') {
        let calls = calls::Calls::make(size.parse().expect("a number of calls"));
        for database in databases.split(',') {
            eprintln!("{size} calls in {database}");
            match database {
                "sqlite" => in_sqlite(&calls, kept.as_deref()).await,
                "postgres" => in_postgres(&calls, kept.is_some()).await,
                other => panic!("{other} is neither sqlite nor postgres"),
            }
        }
    }
}

async fn in_sqlite(calls: &calls::Calls, kept: Option<&Path>) {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let name = format!("calls_{}.db", calls.count);
    let file = kept.map_or_else(|| folder.path().join(&name), |kept| kept.join(&name));
    let is_new = !file.exists();
    std::os::unix::fs::symlink(&file, folder.path().join("partyline.db")).unwrap();
    let data = on_sqlite::server::Data { folder, postgres: None };
    let server = on_sqlite::server::Server::open(data, as_they_are).await;
    let person = server.login(1).await;
    if is_new {
        load::sqlite(&format!("sqlite://{}", file.display()), person.tenant, calls).await;
    }
    // Who signed in before so much was loaded is not signed in any more.
    measure::all(server.addr, &server.login(1).await.token, calls, "SQLite").await;
}

async fn in_postgres(calls: &calls::Calls, is_kept: bool) {
    let (database, is_new) = match is_kept {
        true => kept_in_postgres(format!("calls_{}", calls.count)).await,
        false => (postgres::fresh().await, true),
    };
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let data = on_postgres::server::Data { folder, postgres: Some(database.clone()) };
    let server = on_postgres::server::Server::open(data, as_they_are).await;
    let person = server.login(1).await;
    if is_new {
        load::postgres(&database, person.tenant, calls).await;
    }
    // Who signed in before so much was loaded is not signed in any more.
    measure::all(server.addr, &server.login(1).await.token, calls, "PostgreSQL").await;
}

/// The database of this name, which is there as long as its server, and whether it is new.
async fn kept_in_postgres(name: String) -> (Database, bool) {
    let folder = postgres::server().await;
    let admin = Database { folder: folder.clone(), name: "postgres".to_owned() };
    let database = Database { folder, name };
    let there = "SELECT count(*) FROM pg_database WHERE datname = $1";
    let mut connection = admin.connect(postgres::SUPERUSER).await;
    let there: i64 = sqlx::query_scalar(there).bind(&database.name).fetch_one(&mut connection).await.unwrap();
    if there == 0 {
        let (owner, template) = (postgres::OWNER, postgres::TEMPLATE);
        let create = format!("CREATE DATABASE {} OWNER {owner} TEMPLATE {template}", database.name);
        admin.execute(postgres::SUPERUSER, &create).await;
    }
    (database, there == 0)
}
