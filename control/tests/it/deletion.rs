//! Deleting calls, by hand and by age.

use common::bus::{NodeEvent, StreamEnd};
use control::backstage::Said;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use time::format_description::well_known::Rfc2822;
use time::{Duration, OffsetDateTime};

use super::lists::{change, ring};
use super::live::{live, next};
use super::messages::end;
use super::server::{Person, Server, account, call_sid, code, stream_sid};
use crate::postgres::SUPERUSER;

/// Stands for what is of a person.
const CANARY: &str = "kanarienvogel";
const NUMBER: &str = "+14159270651";

#[tokio::test]
async fn what_is_deleted_is_nowhere_and_the_events_keep_their_numbers() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    ring(&server, 1, "+14155550111", "Anna").await;
    ring(&server, 2, NUMBER, CANARY).await;
    let path = format!("/api/calls/{}", call_sid(2));
    let call = server.ring_live(&admin, 1, 2).await;
    change(
        &server,
        &admin,
        2,
        json!({ "notes": CANARY, "tags": [CANARY], "caller_name": format!("{CANARY} 2") }),
    )
    .await;
    let said = Said { text: CANARY, name: Some(CANARY), is_final: true, ..Said::default() };
    server.backstage.say(admin.tenant, call, said).await.unwrap();
    change(&server, &admin, 1, json!({ "is_urgent": true })).await;
    let refused = server.send(&admin, Method::DELETE, &path, None).await;
    assert_eq!(code(refused).await, "call_in_progress");
    // Why somebody listened is for the audit log, which forgets nothing.
    let listens = json!({ "mode": "listen", "reason": "quality", "notes": CANARY });
    let opened = server.send(&admin, Method::POST, &format!("{path}/sessions"), Some(listens)).await;
    assert_eq!(opened.status(), StatusCode::CREATED);
    end(&server, 1, 2).await;
    let audible = server.send(&admin, Method::DELETE, &path, None).await;
    assert_eq!(code(audible).await, "call_in_progress");
    let (node, tenant, stream) = (server.node, admin.tenant, stream_sid(2));
    let silent = NodeEvent::StreamEnded { node, tenant, call, stream, reason: StreamEnd::Lost };
    server.bus.events.publish(silent);
    server.until(&admin, &path, |call| call["media"]["live"] == false).await;
    assert!(dump(&server).await.contains(CANARY), "the test sees what there is");

    let mut socket = live(&server, &admin, "").await;
    let newest = next(&mut socket).await["seq"].as_i64().unwrap();
    let done = server.send(&admin, Method::DELETE, &path, None).await;
    assert_eq!(done.status(), StatusCode::NO_CONTENT);
    let told = next(&mut socket).await;
    assert_eq!(
        (&told["type"], &told["call_id"], &told["seq"], &told["call"]),
        (&json!("call.deleted"), &json!(call.to_string()), &json!(newest + 1), &Value::Null)
    );
    assert_eq!(told["data"]["user"]["name"], "admin1");

    let left = dump(&server).await;
    assert!(!left.contains(CANARY) && !left.contains(&NUMBER[1..]), "{left}");
    for path in ["", "/events", "/messages", "/transcript", "/listeners"] {
        for id in [call.to_string(), call_sid(2).to_string()] {
            let gone = server.send(&admin, Method::GET, &format!("/api/calls/{id}{path}"), None).await;
            assert_eq!(code(gone).await, "not_found", "{path}");
        }
    }
    let again = server.send(&admin, Method::DELETE, &path, None).await;
    assert_eq!(code(again).await, "not_found");
    assert_eq!(server.get(&admin, &format!("/api/calls?q={CANARY}")).await["calls"], json!([]));
    assert_eq!(server.get(&admin, "/api/calls/stats").await["total"], 1);

    // Twilio speaks of it once more: it does not come back.
    end(&server, 1, 2).await;
    assert_eq!(server.get(&admin, "/api/calls").await["calls"].as_array().unwrap().len(), 1);

    // Who was away all the time gets every number once.
    let mut socket = live(&server, &admin, "&since=0").await;
    next(&mut socket).await;
    for seq in 1..=newest + 1 {
        let event = next(&mut socket).await;
        let of_deleted = event["call_id"] == call.to_string();
        assert_eq!(event["seq"], seq);
        assert_eq!(event["type"] == "call.deleted", of_deleted, "{event}");
        assert_eq!(event["call"].is_null(), of_deleted, "{event}");
    }
}

#[tokio::test]
async fn calls_are_deleted_when_they_are_as_old_as_the_tenant_says() {
    let server = Server::start_with_two_tenants().await;
    let (admin, stranger) = (server.login(1).await, server.login(2).await);
    let now = OffsetDateTime::now_utc();
    // More than one transaction has, over; one that goes on; one of yesterday.
    for call in 0..60 {
        ended_at(&server, 1, call, now - Duration::days(31)).await;
    }
    ended_at(&server, 2, 100, now - Duration::days(31)).await;
    ended_at(&server, 1, 101, now - Duration::days(1)).await;
    ring(&server, 102, "+14155550111", "Anna").await;
    let retain = |now| server.backstage.retain(now);

    assert_eq!(retain(now).await.unwrap(), 0, "nobody said so");
    keep(&server, &admin, json!(32)).await;
    assert_eq!(retain(now).await.unwrap(), 0);
    keep(&server, &admin, json!(30)).await;
    assert_eq!(retain(now).await.unwrap(), 60);
    assert_eq!(retain(now).await.unwrap(), 0);
    assert_eq!(count(&server, &admin).await, 2);
    assert_eq!(count(&server, &stranger).await, 1, "the other tenant keeps its own");

    assert_eq!(retain(now + Duration::days(28)).await.unwrap(), 0);
    assert_eq!(retain(now + Duration::days(30)).await.unwrap(), 1);
    assert_eq!(retain(now + Duration::days(3000)).await.unwrap(), 0, "what goes on is not over");
    keep(&server, &admin, Value::Null).await;
    end(&server, 1, 102).await;
    assert_eq!(retain(now + Duration::days(3000)).await.unwrap(), 0, "taken back");
    let stats = server.get(&admin, "/api/calls/stats").await;
    assert_eq!((&stats["total"], &stats["needs_attention"]), (&json!(1), &json!(1)));
}

async fn keep(server: &Server, admin: &Person, days: Value) {
    let body = json!({ "settings": { "retention_days": days } });
    let changed = server.send(admin, Method::PATCH, "/api/tenant", Some(body)).await;
    assert_eq!(changed.status(), StatusCode::OK);
}

async fn count(server: &Server, person: &Person) -> usize {
    server.get(person, "/api/calls?limit=200").await["calls"].as_array().unwrap().len()
}

/// A call to tenant `n` that ended at this time.
async fn ended_at(server: &Server, n: u8, call: u32, at: OffsetDateTime) {
    let (account, sid, at) =
        (account(n).to_string(), call_sid(call).to_string(), at.format(&Rfc2822).unwrap());
    let form = [
        ("AccountSid", account.as_str()),
        ("CallSid", &sid),
        ("CallStatus", "completed"),
        ("Direction", "inbound"),
        ("From", "+14155550111"),
        ("To", super::server::NUMBER),
        ("Timestamp", &at),
    ];
    assert_eq!(server.twilio("/api/twilio/status", &form).await.status(), StatusCode::NO_CONTENT);
}

/// All that the database has, as text.
async fn dump(server: &Server) -> String {
    match &server.data.postgres {
        Some(database) => {
            let mut connection = database.connect(SUPERUSER).await;
            let tables: Vec<String> = sqlx::query_scalar(
                "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
            )
            .fetch_all(&mut connection)
            .await
            .unwrap();
            let mut text = String::new();
            for table in tables {
                let rows = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t");
                text += &sqlx::query_scalar::<_, String>(AssertSqlSafe(rows))
                    .fetch_one(&mut connection)
                    .await
                    .unwrap();
            }
            text
        }
        None => {
            let folder = tempfile::tempdir().unwrap();
            let copy = folder.path().join("copy.db");
            let options: sqlx::sqlite::SqliteConnectOptions = server.data.url().parse().unwrap();
            let mut connection = options.connect().await.unwrap();
            let vacuum = format!("VACUUM INTO '{}'", copy.display());
            sqlx::raw_sql(AssertSqlSafe(vacuum)).execute(&mut connection).await.unwrap();
            String::from_utf8_lossy(&std::fs::read(copy).unwrap()).into_owned()
        }
    }
}
