//! How long lists and searches of calls take, over HTTP, with few calls and with very many.
//!
//! `make bench-store`, or with numbers of calls and databases of one's own:
//! `cargo bench --bench store -- 10000,2000000 sqlite,postgres`. Two million take 15 GB of the temporary folder.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![expect(clippy::duplicate_mod, reason = "the same on both databases")]

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
    for size in sizes.split(',') {
        let calls = calls::Calls::make(size.parse().expect("a number of calls"));
        for database in databases.split(',') {
            eprintln!("{size} calls in {database}");
            match database {
                "sqlite" => {
                    let server = on_sqlite::server::Server::start_with(as_they_are).await;
                    let person = server.login(1).await;
                    load::sqlite(&server.data.url(), person.tenant, &calls).await;
                    measure::all(server.addr, &person.token, &calls, database).await;
                }
                "postgres" => {
                    let server = on_postgres::server::Server::start_with(as_they_are).await;
                    let person = server.login(1).await;
                    let database = server.data.postgres.as_ref().unwrap();
                    load::postgres(database.connect(postgres::SUPERUSER).await, person.tenant, &calls).await;
                    measure::all(server.addr, &person.token, &calls, "postgres").await;
                }
                other => panic!("{other} is neither sqlite nor postgres"),
            }
        }
    }
}
