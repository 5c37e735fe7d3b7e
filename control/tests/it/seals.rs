//! What a bot is told is sealed at rest.

use common::bus::{Bot, NodeCommand};
use control::{Admin, Config, SecretKey, SecretKeys};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::Row as _;

use super::audit::run_on_file;
use super::auth_tokens::key;
use super::modes::{events, ring_agent};
use super::server::{NUMBER, Person, Server};
use super::sessions::command;
use crate::postgres::SUPERUSER;

/// What must be nowhere in clear.
const SECRETS: [&str; 4] = ["hush-query", "hush-value", "hush-instructions", "hush-fallback"];

fn stream_bot() -> Value {
    json!({
        "kind": "stream", "url": "wss://bot.example.com/x?key=hush-query", "parameters": { "key": "hush-value" },
        "stall_seconds": null, "fallback": "hush-fallback",
    })
}

fn open_ai_bot() -> Value {
    json!({
        "kind": "open_ai", "model": "gpt-realtime", "instructions": "hush-instructions", "voice": null,
        "greeting": null, "fallback": null,
    })
}

/// Stops the server, and gives what of the secrets can be read in its database.
async fn readable(server: &Server) -> Vec<&'static str> {
    let mut kept = Vec::new();
    match &server.data.postgres {
        None => {
            for file in std::fs::read_dir(server.data.path()).unwrap() {
                kept.extend(std::fs::read(file.unwrap().path()).unwrap_or_default());
            }
        }
        Some(database) => {
            let mut raw = database.connect(SUPERUSER).await;
            let statement = "SELECT concat_ws(' ', settings, encode(sealed_bot, 'escape')) FROM numbers
                             UNION ALL SELECT data FROM audit UNION ALL SELECT data FROM events";
            for row in sqlx::query(statement).fetch_all(&mut raw).await.unwrap() {
                kept.extend(row.get::<String, _>(0).into_bytes());
            }
        }
    }
    assert!(!kept.is_empty());
    let is_there = |secret: &str| kept.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
    SECRETS.into_iter().filter(|secret| is_there(secret)).collect()
}

async fn number(server: &Server, person: &Person, number: &str) -> Value {
    let all = server.get(person, "/api/numbers").await["numbers"].clone();
    all.as_array().unwrap().iter().find(|found| found["number"] == number).unwrap().clone()
}

/// Puts a bot into the row as releases of before did.
async fn put_in_clear(server: &Server, bot: &Value) {
    let settings = json!({ "dial": null, "disclosure": null, "bot": bot, "waiting": null });
    let statement = format!("UPDATE numbers SET settings = '{settings}', sealed_bot = NULL, key_id = NULL");
    match &server.data.postgres {
        None => run_on_file(server, &statement).await.unwrap(),
        Some(database) => database.execute(SUPERUSER, &statement).await,
    }
}

#[tokio::test]
async fn what_a_bot_is_told_cannot_be_read_in_the_database() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let new = json!({ "number": "+15550177", "route": "agent", "settings": { "bot": open_ai_bot() } });
    let made = server.send(&admin, Method::POST, "/api/numbers", Some(new)).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    assert_eq!(made.json::<Value>().await.unwrap()["settings"]["bot"], open_ai_bot());
    let mut commands = server.bus.commands.subscribe();
    let call = ring_agent(&server, &admin, 1, json!({ "bot": stream_bot() })).await;
    let NodeCommand::Attach { call: of, bot: Bot::Stream { url, .. } } = command(&mut commands).await else {
        panic!("no bot");
    };
    assert_eq!((of, url.as_str()), (call, "wss://bot.example.com/x?key=hush-query"));
    // What is changed beside it leaves it.
    let path = format!("/api/numbers/{NUMBER}");
    let changed = server.send(&admin, Method::PATCH, &path, Some(json!({ "label": "Front desk" }))).await;
    assert_eq!(changed.json::<Value>().await.unwrap()["settings"]["bot"], stream_bot());
    assert_eq!(readable(&server).await, [""; 0]);

    let server = server.restart(|_| {}).await;
    assert_eq!(readable(&server).await, [""; 0]);
    assert_eq!(number(&server, &admin, NUMBER).await["settings"]["bot"], stream_bot());
    assert_eq!(number(&server, &admin, "+15550177").await["settings"]["bot"], open_ai_bot());
    // Without one nothing is left of it.
    let changed = server.send(&admin, Method::PATCH, &path, Some(json!({ "settings": {} }))).await;
    let changed: Value = changed.json().await.unwrap();
    assert_eq!((&changed["settings"]["bot"], &changed["has_bot"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn a_bot_of_before_is_read_in_clear_until_it_is_sealed() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    put_in_clear(&server, &stream_bot()).await;
    let seen = number(&server, &admin, NUMBER).await;
    assert_eq!((&seen["settings"]["bot"], &seen["has_bot"]), (&stream_bot(), &json!(true)));
    // By any write,
    let path = format!("/api/numbers/{NUMBER}");
    let changed = server.send(&admin, Method::PATCH, &path, Some(json!({ "label": "x" }))).await;
    assert_eq!(changed.json::<Value>().await.unwrap()["settings"]["bot"], stream_bot());
    let server = server.restart(|_| {}).await;
    assert_eq!(readable(&server).await, [""; 0]);

    // by the operator,
    put_in_clear(&server, &open_ai_bot()).await;
    assert_eq!(readable(&server).await, ["hush-instructions"]);
    let operator = Admin::open(&server.data.url()).await.unwrap();
    let keys = SecretKeys { data_dir: server.data.path(), key: None, old: &[] };
    assert_eq!(operator.secrets_seal(&keys).await.unwrap(), 1);
    assert_eq!(operator.secrets_seal(&keys).await.unwrap(), 0);
    operator.close().await;
    let server = server.restart(|_| {}).await;
    assert_eq!(readable(&server).await, [""; 0]);
    assert_eq!(number(&server, &admin, NUMBER).await["settings"]["bot"], open_ai_bot());

    // and by a start, where no server of before can be beside.
    put_in_clear(&server, &stream_bot()).await;
    let server = server.restart(|_| {}).await.restart(|_| {}).await;
    let left = readable(&server).await;
    assert_eq!(left.is_empty(), server.data.postgres.is_none(), "{left:?}");
    assert_eq!(number(&server, &admin, NUMBER).await["settings"]["bot"], stream_bot());
}

#[tokio::test]
async fn a_new_key_takes_bots_over_and_without_any_the_caller_waits() {
    let with = |new: u8, old: Option<SecretKey>| {
        move |config: &mut Config| {
            config.secrets_key = Some(key(new));
            config.secrets_old_keys = old.into_iter().collect();
        }
    };
    let server = Server::start_with(with(1, None)).await;
    let admin = server.login(1).await;
    ring_agent(&server, &admin, 1, json!({ "bot": stream_bot() })).await;
    let shown = async |server: &Server| number(server, &admin, NUMBER).await["settings"]["bot"].clone();

    let server = server.restart(with(2, Some(key(1)))).await;
    assert_eq!(shown(&server).await, stream_bot());
    let server = server.restart(with(2, None)).await;
    assert_eq!(shown(&server).await, stream_bot(), "the second key has sealed it");

    let server = server.restart(with(3, None)).await;
    let seen = number(&server, &admin, NUMBER).await;
    assert_eq!((&seen["settings"]["bot"], &seen["has_bot"]), (&Value::Null, &json!(true)));
    let call = server.ring_live(&admin, 1, 2).await;
    server.until(&admin, &format!("/api/calls/{call}"), |call| call["rings"] == true).await;
    let alerts = events(&server, &admin, call, "alert.raised").await;
    assert_eq!(alerts[0]["data"]["kind"], "bot_failed");

    let server = server.restart(with(3, Some(key(2)))).await;
    assert_eq!(shown(&server).await, stream_bot(), "nothing is lost meanwhile");
}
