//! The control plane from outside: a real server on a free port, a fresh database, and nothing but its
//! public interfaces.
//!
//! Whatever the server does, it does on both databases: the same tests, twice, by the same names.

#![expect(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
#![expect(clippy::duplicate_mod, reason = "each test runs on both databases")]

mod description;
mod postgres;

/// Where a server keeps its records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Store {
    Sqlite,
    Postgres,
}

#[path = "."]
mod on_sqlite {
    const STORE: crate::Store = crate::Store::Sqlite;

    mod access;
    mod auth;
    mod calls;
    mod deletion;
    mod export;
    mod figures;
    mod keys;
    mod lists;
    mod live;
    mod messages;
    mod odd;
    mod races;
    mod reconcile;
    mod server;
    mod sessions;
    mod tenants;
    mod webhooks;
}

#[path = "."]
mod on_postgres {
    const STORE: crate::Store = crate::Store::Postgres;

    mod access;
    mod auth;
    mod calls;
    mod deletion;
    mod export;
    mod figures;
    mod keys;
    mod lists;
    mod live;
    mod messages;
    mod odd;
    mod races;
    mod reconcile;
    mod row_security;
    mod server;
    mod sessions;
    mod tenants;
    mod webhooks;
}
