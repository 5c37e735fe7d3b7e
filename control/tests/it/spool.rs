//! Webhooks that come while the database takes no writes: what was answered is kept, and what cannot be kept is not
//! answered.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::server::{Server, account, call_sid, code, voice};
use crate::postgres::SUPERUSER;

/// Webhooks that the disk may keep.
const KEPT: usize = 4;

#[tokio::test]
async fn a_full_disk_answers_503_and_loses_nothing_that_was_acknowledged() {
    let server = Server::start_with(|config| config.webhooks_on_disk = KEPT).await;
    let person = server.login(1).await;
    server.ring(1, 1).await;

    let lock = Lock::take(&server).await;
    // A new call, and what is told of one that is known.
    let twiml = server.ring(1, 2).await;
    let new = server.ticket(&twiml).call;
    for sequence in 1..KEPT {
        assert_eq!(report(&server, sequence, "in-progress").await.status(), StatusCode::NO_CONTENT);
    }
    assert_eq!(server.count("partyline_webhooks_total", &[("result", "spooled")]), KEPT as u64);

    // There is no room: Twilio is told to come again, by each webhook, and nothing of it is kept.
    for _ in 0..2 {
        let refused = report(&server, KEPT, "completed").await;
        assert!(refused.headers().contains_key("retry-after"));
        assert_eq!((refused.status(), code(refused).await), unavailable());
        let (account, sid) = (account(1).to_string(), call_sid(3).to_string());
        let refused = server.twilio("/api/twilio/voice", &voice(&account, &sid)).await;
        assert_eq!((refused.status(), code(refused).await), unavailable());
    }
    assert_eq!(server.count("partyline_webhooks_total", &[("result", "error")]), 4);

    lock.release().await;
    let path = format!("/api/calls/{}/events", call_sid(1));
    let numbers = |history: &Value| -> Vec<i64> {
        let events = history["events"].as_array().unwrap();
        events.iter().filter_map(|event| event["data"]["sequence"].as_i64()).collect()
    };
    let history = server.until(&person, &path, |history| numbers(history).len() == KEPT - 1).await;
    assert_eq!(numbers(&history), (1..KEPT as i64).collect::<Vec<_>>(), "each once, in order");
    server.until(&person, &format!("/api/calls/{new}"), |call| call["status"] == "incoming").await;
    // The call that was refused is none yet, and neither is the end: both come when Twilio tries again.
    let third = format!("/api/calls/{}", call_sid(3));
    assert_eq!(code(server.send(&person, Method::GET, &third, None).await).await, "not_found");
    assert_eq!(report(&server, KEPT, "completed").await.status(), StatusCode::NO_CONTENT);
    server.ring(1, 3).await;
    server.until(&person, &third, |call| call["status"] == "incoming").await;
    let first = format!("/api/calls/{}", call_sid(1));
    server.until(&person, &first, |call| call["status"] == json!("completed")).await;
}

fn unavailable() -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, "unavailable".to_owned())
}

/// A status callback of call 1.
async fn report(server: &Server, sequence: usize, word: &str) -> Response {
    let (account, sid, sequence) = (account(1).to_string(), call_sid(1).to_string(), sequence.to_string());
    let mut form = voice(&account, &sid);
    form[3].1 = word;
    form.push(("SequenceNumber", &sequence));
    server.twilio("/api/twilio/status", &form).await
}

/// Somebody who has the database, so that nothing can be written.
enum Lock {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Lock {
    async fn take(server: &Server) -> Self {
        match &server.data.postgres {
            Some(database) => {
                let mut connection = database.connect(SUPERUSER).await;
                let lock = "BEGIN; LOCK TABLE calls IN EXCLUSIVE MODE";
                sqlx::raw_sql(lock).execute(&mut connection).await.unwrap();
                Self::Postgres(connection)
            }
            None => {
                let options: SqliteConnectOptions = server.data.url().parse().unwrap();
                let mut connection = options.connect().await.unwrap();
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
                Self::Sqlite(connection)
            }
        }
    }

    async fn release(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap(),
            Self::Postgres(connection) => connection.close().await.unwrap(),
        }
    }
}
