//! The control plane from outside: a real server on a free port, a fresh database, and nothing but its
//! public interfaces.
//!
//! Whatever the server does, it does on both databases: the same tests, twice, by the same names.

#![expect(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]
#![expect(clippy::duplicate_mod, reason = "each test runs on both databases")]

mod description;
mod postgres;
mod rest;
mod twiml_page;

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
    mod answering;
    mod asking;
    mod audit;
    mod auth;
    mod auth_tokens;
    mod bots;
    mod calls;
    mod cut_off;
    mod deletion;
    mod export;
    mod export_pdf;
    mod figures;
    mod gateways;
    mod keys;
    mod limits;
    mod line;
    mod lists;
    mod live;
    mod messages;
    mod modes;
    mod odd;
    mod oidc;
    mod oidc_provider;
    mod orders;
    mod races;
    mod reconcile;
    mod recordings;
    mod routes;
    mod say;
    mod seals;
    mod server;
    mod sessions;
    mod sides;
    mod spool;
    mod telephony;
    mod tenants;
    mod ugly;
    mod waiting;
    mod webhooks;
}

#[path = "."]
mod on_postgres {
    const STORE: crate::Store = crate::Store::Postgres;

    mod access;
    mod answering;
    mod asking;
    mod audit;
    mod auth;
    mod auth_tokens;
    mod bots;
    mod calls;
    mod cut_off;
    mod deletion;
    mod export;
    mod export_pdf;
    mod figures;
    mod gateways;
    mod keys;
    mod limits;
    mod line;
    mod lists;
    mod live;
    mod messages;
    mod modes;
    mod odd;
    mod oidc;
    mod oidc_provider;
    mod orders;
    mod races;
    mod reconcile;
    mod recordings;
    mod routes;
    mod row_security;
    mod say;
    mod seals;
    mod server;
    mod sessions;
    mod sides;
    mod spool;
    mod telephony;
    mod tenants;
    mod ugly;
    mod waiting;
    mod webhooks;
}
