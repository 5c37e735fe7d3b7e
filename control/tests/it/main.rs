//! The control plane from outside: a real server on a free port, a fresh database, and nothing but its
//! public interfaces.

#![expect(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod auth;
mod calls;
mod description;
mod live;
mod odd;
mod reconcile;
mod server;
mod sessions;
mod tenants;
mod webhooks;
