//! PostgreSQL's row level security: what holds when a `WHERE` is missing.

use std::error::Error;

use common::TenantId;
use common::bus::Bus;
use control::backstage::Said;
use control::{Config, Control};
use prometheus::Registry;
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::keys::make_key;
use super::messages::end;
use super::server::{Server, account, bootstrap, call_sid};
use super::sessions::open;
use crate::postgres::{self, Database, OWNER, SERVER, SUPERUSER};

#[tokio::test]
async fn the_servers_role_sees_the_rows_of_its_transactions_tenant_alone() {
    let (database, ours, theirs) = two_tenants().await;
    assert_eq!(leaks(&database, ours).await, Vec::<String>::new());

    let mut raw = database.connect(SERVER).await;
    let mut tx = raw.begin().await.unwrap();
    set_tenant(&mut tx, ours).await;
    let seen = count(&mut tx, "calls", "true").await;
    assert_eq!(seen, 1, "its own");
    // Nor can it change, remove or make another tenant's.
    for change in [
        format!("UPDATE calls SET notes = 'x' WHERE tenant_id = '{}'", theirs.as_uuid()),
        format!("DELETE FROM sessions WHERE tenant_id = '{}'", theirs.as_uuid()),
        "DELETE FROM events WHERE tenant_id <> current_tenant()".to_owned(),
    ] {
        let changed = sqlx::raw_sql(AssertSqlSafe(change.clone())).execute(&mut *tx).await.unwrap();
        assert_eq!(changed.rows_affected(), 0, "{change}");
    }
    let insert = format!(
        "INSERT INTO numbers (tenant_id, number, route, created_at) VALUES ('{}', '+15550177', 'monitor', 0)",
        theirs.as_uuid()
    );
    let refused = sqlx::raw_sql(AssertSqlSafe(insert)).execute(&mut *tx).await.unwrap_err();
    assert!(refused.to_string().contains("row-level security"), "{refused}");
    tx.rollback().await.unwrap();

    // What a transaction said does not stay on its connection.
    let mut tx = raw.begin().await.unwrap();
    set_tenant(&mut tx, ours).await;
    tx.commit().await.unwrap();
    assert_eq!(count(&mut raw, "calls", "true").await, 0);
}

/// The right to change the log is not given; and given by mistake, it changes nothing.
#[tokio::test]
async fn the_audit_log_is_only_added_to_whatever_is_granted() {
    let (database, ours, _) = two_tenants().await;
    let mut raw = database.connect(SERVER).await;
    for statement in ["UPDATE audit SET at = 0", "DELETE FROM audit", "TRUNCATE audit"] {
        let refused = sqlx::raw_sql(statement).execute(&mut raw).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{refused}");
    }
    database.execute(OWNER, &format!("GRANT UPDATE, DELETE ON audit TO {SERVER}")).await;
    let mut tx = raw.begin().await.unwrap();
    set_tenant(&mut tx, ours).await;
    assert!(count(&mut tx, "audit", "true").await > 0);
    for statement in ["UPDATE audit SET at = 0", "DELETE FROM audit"] {
        assert_eq!(
            sqlx::raw_sql(statement).execute(&mut *tx).await.unwrap().rows_affected(),
            0,
            "{statement}"
        );
    }
}

/// The tests above can fail: without the lock they find what is open.
#[tokio::test]
async fn without_the_lock_the_rows_are_seen() {
    let (database, ours, _) = two_tenants().await;
    database.execute(OWNER, "CREATE POLICY too_much ON calls USING (true)").await;
    assert_eq!(leaks(&database, ours).await, ["calls"]);
    database.execute(OWNER, "ALTER TABLE events DISABLE ROW LEVEL SECURITY").await;
    assert_eq!(leaks(&database, ours).await, ["calls", "events"]);
    database.execute(OWNER, "DROP POLICY too_much ON calls; DROP POLICY of_the_tenant ON calls").await;
    let mut raw = database.connect(SERVER).await;
    let mut tx = raw.begin().await.unwrap();
    set_tenant(&mut tx, ours).await;
    assert_eq!(count(&mut tx, "calls", "true").await, 0, "and without any policy nobody sees anything");
}

#[tokio::test]
async fn a_role_for_which_the_lock_would_not_hold_does_not_serve() {
    let database = postgres::fresh().await;
    let unique = Uuid::now_v7().simple();
    let (passes, member, table) =
        (format!("passes_{unique}"), format!("member_{unique}"), "CREATE TABLE extra (id BIGINT)");
    database.execute(SUPERUSER, &format!("CREATE ROLE {passes} LOGIN BYPASSRLS")).await;
    database.execute(SUPERUSER, &format!("CREATE ROLE {member} LOGIN IN ROLE {OWNER}")).await;
    assert_eq!(refusal(&database.url(SERVER), None).await, None);
    for (role, says) in [
        (SUPERUSER, "a superuser"),
        (passes.as_str(), "BYPASSRLS"),
        (OWNER, "owns the tables"),
        (member.as_str(), "owns the tables"),
    ] {
        let refusal = refusal(&database.url(role), None).await.expect(role);
        assert!(refusal.contains(role) && refusal.contains(says), "{refusal}");
    }
    database.execute(OWNER, table).await;
    let refusal = refusal(&database.url(SERVER), None).await.expect("a table without the lock");
    assert!(refusal.contains("no forced row level security"), "{refusal}");
}

#[tokio::test]
async fn tables_are_made_by_their_owner_and_by_nobody_else() {
    let database = postgres::empty().await;
    let (server, owner) = (database.url(SERVER), database.url(OWNER));
    let outdated = refusal(&server, None).await.expect("no tables");
    assert!(outdated.contains("run `partyline migrate`"), "{outdated}");
    let same = refusal(&server, Some(&server)).await.expect("the server's role makes no tables");
    assert!(same.contains("cannot bring the database up to date"), "{same}");

    // Servers that start together, each with the owner's URL.
    let (a, b) = tokio::join!(refusal(&server, Some(&owner)), refusal(&server, Some(&owner)));
    assert_eq!((a, b), (None, None));
    assert_eq!(refusal(&server, None).await, None);

    // A newer release was here: this one goes on, for it may be one of those that are replaced one by one.
    let newer = "INSERT INTO _sqlx_migrations VALUES (9999, 'newer', now(), true, '\\x00', 0)";
    database.execute(OWNER, newer).await;
    assert_eq!(refusal(&server, Some(&owner)).await, None);
    // One that is missing is not.
    database.execute(OWNER, "DELETE FROM _sqlx_migrations WHERE version = 2").await;
    let outdated = refusal(&server, None).await.expect("a migration is missing");
    assert!(outdated.contains("run `partyline migrate`"), "{outdated}");
}

/// Two tenants with something in every table, and their database.
async fn two_tenants() -> (Database, TenantId, TenantId) {
    let server = Server::start_with_two_tenants().await;
    let mut tenants = Vec::new();
    for n in [1, 2] {
        let admin = server.login(n).await;
        let call = server.ring_live(&admin, n, u32::from(n)).await;
        open(&server, &admin, call).await;
        make_key(&server, &admin, &["calls:read"]).await;
        let invited = json!({ "email": format!("new{n}@example.com"), "role": "viewer" });
        let invited = server.send(&admin, Method::POST, "/api/invitations", Some(invited)).await;
        assert_eq!(invited.status(), StatusCode::CREATED);
        let deleted = u32::from(n) + 10;
        server.ring(n, deleted).await;
        end(&server, n, deleted).await;
        let path = format!("/api/calls/{}", call_sid(deleted));
        let done = server.send(&admin, Method::DELETE, &path, None).await;
        assert_eq!(done.status(), StatusCode::NO_CONTENT);
        let said = Said { text: "x", is_final: true, ..Said::default() };
        assert_eq!(server.backstage.say(admin.tenant, call, said).await.unwrap(), Some(1));
        let urgent = json!({ "is_urgent": true });
        let changed = server.send(&admin, Method::PATCH, &format!("/api/calls/{call}"), Some(urgent)).await;
        assert_eq!(changed.status(), StatusCode::OK);
        let (ac, ca, re) =
            (account(n).to_string(), call_sid(u32::from(n)).to_string(), format!("RE{n:032x}"));
        let form = [("AccountSid", ac.as_str()), ("CallSid", &ca), ("RecordingSid", &re)];
        let recorded = server.twilio("/api/twilio/recording", &form).await;
        assert_eq!(recorded.status(), StatusCode::NO_CONTENT);
        tenants.push(admin.tenant);
    }
    let database = server.data.postgres.clone().unwrap();
    // Such a leg takes a conference at Twilio.
    let legs = "INSERT INTO side_legs (tenant_id, call_id, kind, asked_at) SELECT tenant_id, id, 'join', 0 FROM calls";
    database.execute(SUPERUSER, legs).await;
    (database, tenants[0], tenants[1])
}

/// The tables in which the server's role sees, as this tenant or as nobody, what is not this tenant's.
async fn leaks(database: &Database, tenant: TenantId) -> Vec<String> {
    let mut superuser = database.connect(SUPERUSER).await;
    let mut raw = database.connect(SERVER).await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p')
             AND relnamespace = 'public'::regnamespace AND relname <> '_sqlx_migrations' ORDER BY relname",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert!(tables.len() >= 10, "{tables:?}");
    let mut leaks = Vec::new();
    for table in tables {
        let owner = if table == "tenants" { "id" } else { "tenant_id" };
        let foreign = format!("{owner} <> '{}'", tenant.as_uuid());
        assert!(count(&mut superuser, &table, &foreign).await > 0, "{table}: give the other tenant a row");
        let as_nobody = count(&mut raw, &table, "true").await;
        let mut tx = raw.begin().await.unwrap();
        set_tenant(&mut tx, tenant).await;
        let as_tenant = count(&mut tx, &table, &foreign).await;
        tx.rollback().await.unwrap();
        if as_nobody + as_tenant > 0 {
            leaks.push(table);
        }
    }
    leaks
}

async fn count(connection: &mut PgConnection, table: &str, which: &str) -> i64 {
    let query = format!("SELECT count(*) FROM {table} WHERE {which}");
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(connection).await.unwrap()
}

async fn set_tenant(connection: &mut PgConnection, tenant: TenantId) {
    let query = "SELECT set_config('app.tenant', $1, true)";
    let set = sqlx::query(query).bind(tenant.as_uuid().to_string()).execute(connection).await;
    set.unwrap();
}

/// Why a server does not start on these URLs: all causes in one line. `None`: it does.
async fn refusal(url: &str, owner: Option<&str>) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        data_dir: folder.path().to_owned(),
        database_url: url.to_owned(),
        database_owner_url: owner.map(str::to_owned),
        bootstrap: Some(bootstrap(1)),
        ..Config::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let signer = control::signing_key(folder.path()).unwrap();
    let started = Control::new(config, listener, Bus::in_process(), signer, &Registry::new()).await;
    let error = started.err()?;
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    Some(text)
}
