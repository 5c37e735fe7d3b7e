//! API keys: made once, shown once, good until they are not.

use futures_util::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::server::{Person, Server, call_sid, code};

#[tokio::test]
async fn a_key_is_shown_once_and_acts_for_its_person() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    server.ring(1, 1).await;
    let body = json!({ "name": "CRM", "scopes": ["calls:write", "calls:read", "calls:read"] });
    let made = server.send(&admin, Method::POST, "/api/keys", Some(body)).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let made: Value = made.json().await.unwrap();
    let key = made["key"].as_str().unwrap().to_owned();
    let id = made["id"].as_str().unwrap();
    assert!(
        key.starts_with(&format!("{id}_")) && id.starts_with("plk_") && key.len() == 20 + 1 + 43,
        "{key}"
    );
    assert_eq!(made["scopes"], json!(["calls:read", "calls:write"]));

    let list = server.get(&admin, "/api/keys").await;
    let listed = &list["keys"][0];
    assert_eq!((&listed["id"], &listed["name"]), (&json!(id), &json!("CRM")));
    assert_eq!((&listed["last_used_at"], &listed["expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!(listed["user"]["id"], admin.body["user"]["id"]);
    assert!(listed.get("key").is_none() && !list.to_string().contains(&key));

    assert_eq!(by_key(&server, Method::GET, "/api/me", &key, None).await.status(), StatusCode::OK);
    let path = format!("/api/calls/{}", call_sid(1));
    let urgent = Some(json!({ "is_urgent": true }));
    assert_eq!(by_key(&server, Method::PATCH, &path, &key, urgent).await.status(), StatusCode::OK);
    let history = server.get(&admin, &format!("{path}/events")).await;
    assert_eq!(
        history["events"][1]["data"]["user"],
        json!({ "id": admin.body["user"]["id"], "name": "admin1", "key": id })
    );
    let used = server.get(&admin, "/api/keys").await["keys"][0]["last_used_at"].clone();
    let used = OffsetDateTime::parse(used.as_str().unwrap(), &Rfc3339).unwrap();
    assert!(OffsetDateTime::now_utc() - used < time::Duration::minutes(2));
}

#[tokio::test]
async fn a_key_ends_with_its_revocation_its_time_or_its_person() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let second = server.hire(&admin, "admin").await;
    let scopes = ["calls:read", "calls:write", "numbers:write"];

    let revoked = make_key(&server, &admin, &scopes).await;
    let kept = make_key(&server, &admin, &scopes).await;
    let path = format!("/api/keys/{}", &revoked[..20]);
    assert_eq!(server.send(&second, Method::DELETE, &path, None).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(code(server.send(&admin, Method::DELETE, &path, None).await).await, "not_found");
    assert_eq!(code(by_key(&server, Method::GET, "/api/calls", &revoked, None).await).await, "unauthorized");
    assert_eq!(by_key(&server, Method::GET, "/api/calls", &kept, None).await.status(), StatusCode::OK);
    let list = server.get(&admin, "/api/keys").await;
    assert_eq!(list["keys"].as_array().unwrap().len(), 1);

    let end = (OffsetDateTime::now_utc() + time::Duration::seconds(2)).format(&Rfc3339).unwrap();
    let body = json!({ "name": "short", "scopes": ["calls:read"], "expires_at": end });
    let made: Value = server.send(&admin, Method::POST, "/api/keys", Some(body)).await.json().await.unwrap();
    let short = made["key"].as_str().unwrap();
    while by_key(&server, Method::GET, "/api/calls", short, None).await.status() == StatusCode::OK {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(code(by_key(&server, Method::GET, "/api/calls", short, None).await).await, "unauthorized");

    // Never more than its person may now.
    let theirs = make_key(&server, &second, &scopes).await;
    let number = Some(json!({ "number": "+15550142" }));
    let user = format!("/api/users/{}", second.body["user"]["id"].as_str().unwrap());
    let change = |body: Value| server.send(&admin, Method::PATCH, &user, Some(body));
    assert_eq!(change(json!({ "role": "viewer" })).await.status(), StatusCode::OK);
    let refused = by_key(&server, Method::POST, "/api/numbers", &theirs, number).await;
    assert_eq!(code(refused).await, "forbidden");
    assert_eq!(by_key(&server, Method::GET, "/api/calls", &theirs, None).await.status(), StatusCode::OK);
    assert_eq!(change(json!({ "disabled": true })).await.status(), StatusCode::OK);
    assert_eq!(code(by_key(&server, Method::GET, "/api/calls", &theirs, None).await).await, "unauthorized");
}

#[tokio::test]
async fn what_is_no_key_is_refused_and_counted() {
    let server = Server::start_with_two_tenants().await;
    let admin = server.login(1).await;
    let key = make_key(&server, &admin, &["calls:read"]).await;
    let mut other = key.clone();
    other.replace_range(25..26, if &key[25..26] == "A" { "B" } else { "A" });
    for bad in ["plk_", "plk_x", &key[..20], &key[..key.len() - 1], &other] {
        let response = by_key(&server, Method::GET, "/api/calls", bad, None).await;
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(code(response).await, "unauthorized", "{bad}");
    }
    assert_eq!(server.count("partyline_auth_failures_total", &[("kind", "key")]), 5);
    let past = "2020-01-01T00:00:00Z";
    for (body, expected) in [
        (json!({ "name": "x" }), "invalid_body"),
        (json!({ "name": "x", "scopes": [] }), "invalid_value"),
        (json!({ "name": "x", "scopes": ["users:write"] }), "invalid_body"),
        (json!({ "name": " ", "scopes": ["calls:read"] }), "invalid_value"),
        (json!({ "name": "x".repeat(101), "scopes": ["calls:read"] }), "invalid_value"),
        (json!({ "name": "x", "scopes": ["calls:read"], "expires_at": past }), "invalid_value"),
        (json!({ "name": "x", "scopes": ["calls:read"], "expires_at": "soon" }), "invalid_body"),
        (json!({ "name": "x", "scopes": ["calls:read"], "tenant_id": "x" }), "invalid_body"),
    ] {
        let text = body.to_string();
        let response = server.send(&admin, Method::POST, "/api/keys", Some(body)).await;
        assert_eq!(code(response).await, expected, "{text}");
    }
}

#[tokio::test]
async fn a_key_opens_a_live_socket_that_ends_with_it() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let key = make_key(&server, &admin, &["calls:read"]).await;
    let request = format!("ws://{}/api/live?token={key}", server.addr).into_client_request().unwrap();
    let (mut socket, _) = connect_async(request).await.unwrap();
    let snapshot = socket.next().await.unwrap().unwrap();
    assert!(snapshot.into_text().unwrap().contains("snapshot"));
    let path = format!("/api/keys/{}", &key[..20]);
    assert_eq!(server.send(&admin, Method::DELETE, &path, None).await.status(), StatusCode::NO_CONTENT);
    loop {
        use tokio_tungstenite::tungstenite::Message;
        match socket.next().await.unwrap().unwrap() {
            Message::Close(close) => break assert_eq!(u16::from(close.unwrap().code), 4001),
            other => assert!(other.is_ping(), "{other:?}"),
        }
    }
}

/// A key of this person's.
pub(super) async fn make_key(server: &Server, person: &Person, scopes: &[&str]) -> String {
    let body = json!({ "name": "a key", "scopes": scopes });
    let made = server.send(person, Method::POST, "/api/keys", Some(body)).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    made.json::<Value>().await.unwrap()["key"].as_str().unwrap().to_owned()
}

async fn by_key(
    server: &Server,
    method: Method,
    path: &str,
    key: &str,
    body: Option<Value>,
) -> reqwest::Response {
    let request = server.request(method, path).bearer_auth(key);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    request.send().await.unwrap()
}
