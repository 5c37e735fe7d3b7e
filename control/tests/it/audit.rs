//! Who did what, and whether that is still what was written.

use common::TenantId;
use common::bus::{NodeEvent, SessionEnd};
use control::{Admin, Fault, Head, Why};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use super::STORE;
use super::keys::make_key;
use super::server::{PASSWORD, Person, Server, code, email};
use super::sessions::{open, started};
use crate::Store;
use crate::postgres::SUPERUSER;

#[tokio::test]
async fn who_did_what_is_in_the_log() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let wrong = json!({ "email": email(1), "password": "wrong" });
    let refused = server.request(Method::POST, "/api/auth/login").json(&wrong).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    server.until(&admin, "/api/audit?action=sign_in.failed", |log| count(log) == 1).await;

    let viewer = server.hire(&admin, "viewer").await;
    assert_eq!(code(server.send(&viewer, Method::GET, "/api/users", None).await).await, "forbidden");
    let call = server.ring_live(&admin, 1, 1).await;
    let path = format!("/api/calls/{call}");
    let asked = json!({ "mode": "listen", "reason": "a complaint" });
    let grant = server.send(&viewer, Method::POST, &format!("{path}/sessions"), Some(asked)).await;
    let grant: Value = grant.json().await.unwrap();
    let grant = server.verifier.verify(grant["token"].as_str().unwrap(), time::OffsetDateTime::now_utc());
    let grant: common::token::ListenGrant = grant.unwrap();
    server.bus.events.publish(started(&server, &grant));
    server.until(&admin, &path, |call| call["listeners"] == 1).await;
    server.bus.events.publish(NodeEvent::SessionEnded {
        tenant: grant.tenant,
        call,
        session: grant.session,
        user: grant.user,
        reason: SessionEnd::Left,
    });
    server.until(&admin, &path, |call| call["listeners"] == 0).await;
    let change = |path: String, body| server.send(&admin, Method::PATCH, path.leak(), Some(body));
    assert!(
        change(path.clone(), json!({ "notes": "private", "is_urgent": true })).await.status().is_success()
    );
    assert!(change("/api/numbers/+15550100".to_owned(), json!({ "label": "x" })).await.status().is_success());
    let key = make_key(&server, &admin, &["calls:read"]).await;
    let by_key = server.request(Method::GET, "/api/users").bearer_auth(&key).send().await.unwrap();
    assert_eq!(by_key.status(), StatusCode::FORBIDDEN);
    let viewers = format!("/api/users/{}", viewer.body["user"]["id"].as_str().unwrap());
    assert!(change(viewers, json!({ "role": "agent" })).await.status().is_success());
    let logout = server.request(Method::POST, "/api/auth/logout").header("cookie", &admin.cookie);
    assert_eq!(logout.send().await.unwrap().status(), StatusCode::NO_CONTENT);

    let admin = server.login(1).await;
    let log = server.get(&admin, "/api/audit?limit=200").await;
    assert_eq!(log["next_cursor"], Value::Null);
    let mut entries = log["entries"].as_array().unwrap().clone();
    entries.reverse();
    let numbers: Vec<i64> = entries.iter().map(|entry| entry["seq"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=entries.len() as i64).collect::<Vec<_>>());
    let told: Vec<(&str, &str)> = entries
        .iter()
        .map(|entry| (entry["user"]["name"].as_str().unwrap_or("-"), entry["action"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("-", "tenant.added"),
            ("-", "user.added"),
            ("admin1", "sign_in.started"),
            ("admin1", "sign_in.failed"),
            ("admin1", "user.added"),
            ("viewer", "sign_in.started"),
            ("viewer", "access.refused"),
            ("viewer", "session.granted"),
            ("viewer", "session.started"),
            ("viewer", "session.ended"),
            ("admin1", "call.changed"),
            ("admin1", "number.changed"),
            ("admin1", "key.added"),
            ("admin1", "access.refused"),
            ("admin1", "user.changed"),
            ("admin1", "sign_in.ended"),
            ("admin1", "sign_in.started"),
        ]
    );
    let find = |action: &str| entries.iter().rfind(|entry| entry["action"] == action).unwrap();
    let ended = find("session.ended");
    assert_eq!((&ended["call_id"], &ended["target"]), (&json!(call), &json!(grant.session)));
    let data = &ended["data"];
    assert_eq!(
        (&data["mode"], &data["reason"], &data["end"]),
        (&json!("listen"), &json!("a complaint"), &json!("left"))
    );
    // As times: a fraction is written without the zeros at its end.
    let [from, to] = ["from", "to"].map(|end| {
        let text = data[end].as_str().unwrap();
        time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap()
    });
    assert!(from <= to, "{data}");
    let refused = find("access.refused");
    assert_eq!((&refused["target"], &refused["key"]), (&json!("GET /api/users"), &json!(&key[..20])));
    assert_eq!(refused["address"], "127.0.0.1");
    let changed = find("call.changed");
    assert_eq!(
        changed["data"],
        json!({ "fields": ["is_urgent", "notes"] }),
        "what people wrote is not repeated"
    );
    assert!(!log.to_string().contains(PASSWORD) && !log.to_string().contains(&key));
}

#[tokio::test]
async fn the_log_is_filtered_and_paged_and_of_one_tenant() {
    let server = Server::start_with_two_tenants().await;
    let (admin, stranger) = (server.login(1).await, server.login(2).await);
    let viewer = server.hire(&admin, "viewer").await;
    let call = server.ring_live(&admin, 1, 1).await;
    open(&server, &viewer, call).await;
    let all = server.get(&admin, "/api/audit").await;
    let total = count(&all);
    assert_eq!(total, 6, "{all}");
    let user = viewer.body["user"]["id"].as_str().unwrap();
    for (query, expected) in [
        (format!("user={user}"), 2),
        (format!("user={user}&action=session.granted"), 1),
        (format!("call={call}"), 1),
        ("action=user.added".to_owned(), 2),
        ("from=2020-01-01T00:00:00Z".to_owned(), total),
        ("to=2020-01-01T00:00:00Z".to_owned(), 0),
    ] {
        assert_eq!(count(&server.get(&admin, &format!("/api/audit?{query}")).await), expected, "{query}");
    }
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let page = server.get(&admin, &format!("/api/audit?limit=4{cursor}")).await;
        seen.extend(page["entries"].as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [6, 5, 4, 3, 2, 1]);
    for bad in [
        "limit=0",
        "limit=201",
        "cursor=x",
        "action=x",
        "from=x",
        "user=x",
        "call=CAx",
        "more=1",
        "to=1&to=2",
    ] {
        assert_eq!(
            code(server.send(&admin, Method::GET, &format!("/api/audit?{bad}"), None).await).await,
            "bad_request",
            "{bad}"
        );
    }
    let theirs = server.get(&stranger, &format!("/api/audit?user={user}")).await;
    assert_eq!(count(&theirs), 0);
    assert!(!server.get(&stranger, "/api/audit").await.to_string().contains(user));
}

#[tokio::test]
async fn whatever_is_done_to_the_log_is_found() {
    let server = Server::start_with_two_tenants().await;
    let admin = server.login(1).await;
    for _ in 0..3 {
        server.login(1).await;
    }
    let operator = Admin::open(&server.data.url()).await.unwrap();
    let head = whole(&operator, &admin, &[]).await;
    assert_eq!(head.seq, 6);
    assert_eq!(whole(&operator, &admin, &[head]).await, head);
    let of = format!("tenant_id = (SELECT tenant_id FROM users WHERE email = '{}')", email(1));

    // Each is undone, so that the next begins with what was written.
    for (what, done, undone, row, why) in [
        (
            "a time",
            format!("UPDATE audit SET at = at + 1 WHERE seq = 2 AND {of}"),
            format!("UPDATE audit SET at = at - 1 WHERE seq = 2 AND {of}"),
            2,
            Why::Changed,
        ),
        (
            "a deed",
            format!("UPDATE audit SET action = 'user.changed' WHERE seq = 2 AND {of}"),
            format!("UPDATE audit SET action = 'user.added' WHERE seq = 2 AND {of}"),
            2,
            Why::Changed,
        ),
        (
            "who",
            format!("UPDATE audit SET user_id = NULL WHERE seq = 4 AND {of}"),
            format!(
                "UPDATE audit SET user_id = (SELECT id FROM users WHERE email = '{}') WHERE seq = 4 AND {of}",
                email(1)
            ),
            4,
            Why::Changed,
        ),
        (
            "the middle",
            format!(
                "CREATE TABLE kept AS SELECT * FROM audit WHERE seq = 3 AND {of}; DELETE FROM audit WHERE seq = 3 AND {of}"
            ),
            "INSERT INTO audit SELECT * FROM kept; DROP TABLE kept".to_owned(),
            3,
            Why::Missing,
        ),
        ("the order", swap(&of), swap(&of), 3, Why::Changed),
        (
            "the end, and a head was kept",
            format!(
                "CREATE TABLE kept AS SELECT * FROM audit WHERE seq > 4 AND {of}; DELETE FROM audit WHERE seq > 4 AND {of}"
            ),
            "INSERT INTO audit SELECT * FROM kept; DROP TABLE kept".to_owned(),
            5,
            Why::Missing,
        ),
        (
            "all of it, and a head was kept",
            format!("CREATE TABLE kept AS SELECT * FROM audit WHERE {of}; DELETE FROM audit WHERE {of}"),
            "INSERT INTO audit SELECT * FROM kept; DROP TABLE kept".to_owned(),
            1,
            Why::Missing,
        ),
    ] {
        tamper(&server, &done).await;
        let verdict = operator.audit_verify(Some(admin.tenant), &[head]).await.unwrap();
        assert_eq!(verdict, [Err(Fault { tenant: admin.tenant, seq: row, why })], "{what}");
        let all = operator.audit_verify(None, &[head]).await.unwrap();
        assert_eq!(
            all.iter().filter(|verdict| verdict.is_err()).count(),
            1,
            "{what}: the other tenant's is whole"
        );
        tamper(&server, &undone).await;
        assert_eq!(whole(&operator, &admin, &[head]).await, head, "{what}");
    }

    let other = Head { hash: [7; 32], seq: 3, ..head };
    let rewritten = Fault { tenant: admin.tenant, seq: 3, why: Why::Rewritten };
    assert_eq!(
        operator
            .audit_verify(None, &[other])
            .await
            .unwrap()
            .iter()
            .filter_map(|v| v.err())
            .collect::<Vec<_>>(),
        [rewritten]
    );
    let gone = Head { tenant: TenantId::new(), ..head };
    let missing = Fault { tenant: gone.tenant, seq: 1, why: Why::Missing };
    assert!(operator.audit_verify(None, &[gone]).await.unwrap().contains(&Err(missing)));
    operator.close().await;
}

#[tokio::test]
async fn a_server_that_starts_on_a_changed_log_says_so() {
    let server = Server::start().await;
    server.login(1).await;
    tamper(&server, "UPDATE audit SET at = at + 1 WHERE seq = 2").await;
    let server = server.restart(|_| {}).await;
    while gauge(&server) != 0.0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    tamper(&server, "UPDATE audit SET at = at - 1 WHERE seq = 2").await;
    let server = server.restart(|_| {}).await;
    server.login(1).await;
    assert_eq!(gauge(&server), 1.0);
}

/// The statements that the store could send by mistake are refused by the database itself.
#[tokio::test]
async fn the_servers_own_role_cannot_change_the_log() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    for statement in ["UPDATE audit SET at = 0", "DELETE FROM audit"] {
        let refused = match &server.data.postgres {
            None => run_on_file(&server, statement).await.unwrap_err(),
            Some(database) => {
                let mut raw = database.connect(crate::postgres::SERVER).await;
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut raw).await.unwrap_err()
            }
        };
        let refused = refused.to_string();
        assert!(
            refused.contains("the audit log is not") || refused.contains("permission denied"),
            "{refused}"
        );
    }
    let operator = Admin::open(&server.data.url()).await.unwrap();
    whole(&operator, &admin, &[]).await;
    operator.close().await;
}

async fn whole(operator: &Admin, of: &Person, kept: &[Head]) -> Head {
    let verdicts = operator.audit_verify(Some(of.tenant), kept).await.unwrap();
    assert_eq!(verdicts.len(), 1);
    verdicts[0].unwrap()
}

fn swap(of: &str) -> String {
    [(-1, 3), (3, 4), (4, -1)]
        .map(|(to, from)| format!("UPDATE audit SET seq = {to} WHERE seq = {from} AND {of}"))
        .join("; ")
}

/// As somebody with all rights on the database.
async fn tamper(server: &Server, statements: &str) {
    match &server.data.postgres {
        Some(database) => database.execute(SUPERUSER, statements).await,
        None => {
            assert_eq!(STORE, Store::Sqlite);
            let unlock =
                "DROP TRIGGER IF EXISTS audit_is_not_changed; DROP TRIGGER IF EXISTS audit_is_not_removed";
            run_on_file(server, &format!("{unlock}; {statements}")).await.unwrap();
        }
    }
}

pub(crate) async fn run_on_file(server: &Server, statements: &str) -> Result<(), sqlx::Error> {
    let options: SqliteConnectOptions = server.data.url().parse().unwrap();
    let mut raw = options.busy_timeout(std::time::Duration::from_secs(5)).connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut raw).await.map(drop)
}

fn count(log: &Value) -> usize {
    log["entries"].as_array().unwrap().len()
}

fn gauge(server: &Server) -> f64 {
    let families = server.registry.gather();
    let family = families.iter().find(|family| family.name() == "partyline_audit_chain_ok").unwrap();
    family.get_metric()[0].get_gauge().get_value()
}
