//! The rules of `docs/ARCHITECTURE.md` that a compiler does not check.
//!
//! A rule that is only written down is broken within a month.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Who may import whom. The planes meet in `common`, never in each other's code.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("benches", &["gateway-core"]),
    ("common", &[]),
    ("control", &["common"]),
    ("gateway", &["common", "gateway-core"]),
    ("gateway-core", &["common"]),
    ("loadtest", &["common"]),
    ("partyline", &["common", "control", "gateway", "loadtest"]),
];

#[test]
fn workspace_crates_depend_only_downwards() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(ours, MAY_IMPORT.iter().map(|&(name, _)| name).collect(), "a crate without a rule");

    for package in &metadata.packages {
        let (_, may) = MAY_IMPORT.iter().find(|&&(name, _)| name == package.name.as_str()).unwrap();
        let normal = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
        for dependency in normal.map(|d| d.name.as_str()).filter(|d| ours.contains(d)) {
            assert!(may.contains(&dependency), "{} must not depend on {dependency}", package.name);
        }
    }
}

/// Parts of one crate that must not know each other, and the words that would show that they do.
const MUST_NOT_NAME: &[(&str, &[&str])] = &[
    ("gateway/core/src/twilio", &["crate::listener", "crate::call"]),
    ("gateway/core/src/listener", &["crate::twilio", "crate::call"]),
    ("gateway/core/src/call", &["crate::twilio", "crate::listener"]),
    ("gateway/core/src", &["tokio::", "std::thread", "std::net::UdpSocket"]),
    ("gateway/src/ingest", &["use crate::listen"]),
    ("gateway/src/listen", &["use crate::ingest"]),
    ("loadtest/src", &["common::bus", "common::token"]),
    ("control/src", &["gateway_core", "opusic"]),
];

#[test]
fn parts_of_a_crate_that_must_not_know_each_other_do_not() {
    for &(folder, words) in MUST_NOT_NAME {
        for (path, text) in rust_files(folder) {
            for word in words {
                assert!(
                    !code_lines(&text).any(|line| line.contains(word)),
                    "{} names {word}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn sql_stands_in_the_store_and_nowhere_else() {
    for (path, text) in
        rust_files("control/src").into_iter().chain(rust_files("gateway")).chain(rust_files("src"))
    {
        let is_store =
            path.components().any(|part| part.as_os_str() == "store" || part.as_os_str() == "store.rs");
        assert!(is_store || !text.contains("sqlx::query"), "{} has SQL", path.display());
    }
}

/// Store functions that cannot be told a tenant: they find out whose something is, or serve all alike.
const WITHOUT_A_TENANT: &[&str] = &[
    // Whose is it?
    "refresh_token_owner",
    "tenant_by_account",
    "tenant_by_call",
    "tenant_by_email",
    "tenant_by_invitation",
    "tenant_by_invited_email",
    "tenant_by_key",
    "tenant_by_session",
    // Whose audit log there is to check.
    "tenant_list",
    // What a gateway holds, for all tenants at once: ids only.
    "node_calls_asked",
    "node_list",
    "node_sessions",
    "node_sessions_asked",
    "node_streams",
    // Housekeeping: where there is something to do.
    "calls_still",
    "calls_waiting",
    "tenants_with_old_seals",
    "tenants_with_old_sign_ins",
    "tenants_with_settings",
    "tenants_with_unused_sessions",
    // A statement, which has the tenant among its values; a turn, which has it as its key.
    "all",
    "explain",
    "one",
    "optional",
    "run",
    "take",
    // The database itself.
    "close",
    "commit",
    "migrate",
    "open",
    "render",
];

#[test]
fn every_store_function_takes_the_tenant_first() {
    for (path, text) in rust_files("control/src/store") {
        let mut rest = text.as_str();
        while let Some(at) = rest.find("\n    pub").or_else(|| rest.find("\n    pub(crate)")) {
            rest = &rest[at + 1..];
            let line = rest.lines().next().unwrap_or_default();
            let Some((_, from_name)) = line.split_once("async fn ").filter(|_| !line.contains("//")) else {
                continue;
            };
            rest = &rest[rest.find(from_name).unwrap()..];
            let (name, after) = rest.split_once(['(', '<']).unwrap();
            let arguments = after.split(')').next().unwrap();
            let mut names =
                arguments.split(',').map(str::trim).filter(|argument| !argument.ends_with("self"));
            let tenant_first = names.next().is_some_and(|first| first.starts_with("tenant: TenantId"));
            assert!(tenant_first || WITHOUT_A_TENANT.contains(&name), "{}: {name}", path.display());
        }
    }
}

/// Routes that the API's description leaves out. Access to the described ones is tested, each with a row of
/// its own; these are tested by name in `control/tests/it/access.rs`.
const NOT_DESCRIBED: [&str; 2] = [r#".route("/api/calls/status""#, r#".route("/api/calls/recording""#];

#[test]
fn every_route_is_described_or_known() {
    let mut found = Vec::new();
    for (_, text) in rust_files("control/src") {
        found.extend(
            text.split_inclusive(',').filter_map(|part| {
                part.find(".route(").map(|at| part[at..].trim_end_matches(',').to_owned())
            }),
        );
    }
    found.sort_unstable();
    let mut known = NOT_DESCRIBED.map(str::to_owned);
    known.sort_unstable();
    assert_eq!(found, known, "a route that no test of access walks");
}

/// What looks over all tenants stands in one file, and PostgreSQL has a function for each of it.
#[test]
fn only_what_finds_looks_over_all_tenants() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("control/migrations/postgres");
    let files = std::fs::read_dir(folder).unwrap();
    let schema: String = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    for name in WITHOUT_A_TENANT.iter().filter(|name| name.contains('_')) {
        assert!(schema.contains(&format!("CREATE FUNCTION {name}(")), "{name}");
    }
}

#[test]
fn files_stay_small_enough_to_hold_in_the_head() {
    for folder in ["benches", "common", "control/src", "control/tests", "gateway", "loadtest", "src", "tests"]
    {
        for (path, text) in rust_files(folder) {
            let lines = text.lines().count();
            assert!(lines <= 500, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn work_is_done_and_not_promised() {
    for folder in ["benches", "common", "control/src", "gateway", "loadtest", "src"] {
        for (path, text) in rust_files(folder) {
            for word in ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!("] {
                assert!(!text.contains(word), "{} has {word}", path.display());
            }
        }
    }
}

/// Lines that are neither comments nor documentation.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.unwrap().path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && !matches!(name, "target" | "node_modules" | "dist") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}
