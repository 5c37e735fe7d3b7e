//! Another tenant's things do not exist.

use common::{SayId, SessionId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::keys::make_key;
use super::server::{NUMBER, Person, Server};
use super::sessions::open;

/// Every method of every path that names something: a route added without a thought is tried too.
#[tokio::test]
async fn whatever_a_path_names_does_not_exist_for_another_tenant() {
    let server = Server::start_with_two_tenants().await;
    let (owner, stranger) = (server.login(1).await, server.login(2).await);
    let call = server.ring_live(&owner, 1, 1).await;
    let (session, _) = open(&server, &owner, call).await;
    let number = "+15550123";
    let made = server.send(&owner, Method::POST, "/api/numbers", Some(json!({ "number": number }))).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let key = make_key(&server, &owner, &["calls:read"]).await;
    let sid =
        server.get(&owner, &format!("/api/calls/{call}")).await["call_sid"].as_str().unwrap().to_owned();
    let before = seen(&server, &owner, &call.to_string()).await;

    let description: Value = serde_json::from_str(&control::openapi()).unwrap();
    let mut tried = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        if !path.contains('{') {
            continue;
        }
        let user = owner.body["user"]["id"].as_str().unwrap();
        let by_id = path
            .replace("/users/{id}", &format!("/users/{user}"))
            .replace("/keys/{id}", &format!("/keys/{}", &key[..20]))
            .replace("{number}", number)
            .replace("{sid}", &session.to_string())
            .replace("{say}", &SayId::new().to_string())
            .replace("{id}", &call.to_string())
            .replace("/export", "/export?format=pdf");
        let by_sid = by_id.replace(&call.to_string(), &sid);
        let nothing = by_id.replace(&session.to_string(), &SessionId::new().to_string());
        for path in [by_id, by_sid, nothing] {
            assert!(!path.contains('{'), "{path}: say here what it names");
            for method in methods.as_object().unwrap().keys() {
                let method: Method = method.to_uppercase().parse().unwrap();
                let body = match (&method, path.rsplit('/').next().unwrap()) {
                    (&Method::PATCH, _) if path.contains("/sessions/") => Some(json!({ "mode": "listen" })),
                    (&Method::PATCH, _) | (&Method::POST, "takeover") => Some(json!({})),
                    (&Method::POST, "sessions") => Some(json!({ "mode": "listen" })),
                    (&Method::POST, "say") => Some(json!({ "text": "x" })),
                    (&Method::POST, "hold") => Some(json!({ "held": true })),
                    (&Method::POST, "dtmf") => Some(json!({ "digits": "1" })),
                    (&Method::POST, "transfer") => Some(json!({ "to": "+15550177", "kind": "cold" })),
                    _ => None,
                };
                let response = server.send(&stranger, method.clone(), &path, body).await;
                assert_eq!(response.status(), StatusCode::NOT_FOUND, "{method} {path}");
                let theirs: Value = response.json().await.unwrap();
                assert_eq!(theirs["detail"], "no such thing");
                tried += 1;
            }
        }
    }
    assert!(tried >= 60, "{tried}");
    assert_eq!(seen(&server, &owner, &call.to_string()).await, before, "and nothing changed");
}

#[tokio::test]
async fn lists_have_ones_own_alone() {
    let server = Server::start_with_two_tenants().await;
    let (owner, stranger) = (server.login(1).await, server.login(2).await);
    let call = server.ring_live(&owner, 1, 1).await;
    for path in ["/api/calls", "/api/calls/active", "/api/calls?q=15550", "/api/calls?number=%2B15550100"] {
        assert_eq!(server.get(&stranger, path).await["calls"], json!([]), "{path}");
    }
    let latest = server.send(&stranger, Method::GET, "/api/calls/latest", None).await;
    assert_eq!(latest.status(), StatusCode::NOT_FOUND);
    assert_eq!(server.get(&stranger, "/api/calls/stats").await["total"], 0);
    assert_eq!(server.get(&stranger, "/api/users").await["users"].as_array().unwrap().len(), 1);
    let cursor = format!("/api/calls?cursor=9999999999999.{call}");
    assert_eq!(server.get(&stranger, &cursor).await["calls"], json!([]));
    // Both have the number, each their own.
    for person in [&owner, &stranger] {
        let numbers = server.get(person, "/api/numbers").await;
        assert_eq!(numbers["numbers"][0]["number"], NUMBER);
    }
    server.ring(2, 1).await;
    let theirs = server.get(&stranger, "/api/calls/latest").await;
    assert_ne!(theirs["id"], call.to_string(), "the same sid at another account is another call");
}

#[tokio::test]
async fn admins_change_their_tenant_and_everybody_reads_its_name() {
    let server = Server::start_with_two_tenants().await;
    let (admin, stranger) = (server.login(1).await, server.login(2).await);
    let viewer = server.hire(&admin, "viewer").await;
    let change = |body: Value| server.send(&admin, Method::PATCH, "/api/tenant", Some(body));
    let before = server.get(&admin, "/api/tenant").await;
    assert_eq!(
        (&before["name"], &before["settings"]),
        (&json!("Tenant 1"), &json!({ "retention_days": null, "disclosure": null, "speaking_modes": null }))
    );
    assert_eq!(before["id"], admin.tenant.to_string());

    for (body, name, days) in [
        (json!({ "name": "Müller & <b>Söhne</b>" }), "Müller & <b>Söhne</b>", json!(null)),
        (json!({ "settings": { "retention_days": 30 } }), "Müller & <b>Söhne</b>", json!(30)),
        (json!({ "settings": {} }), "Müller & <b>Söhne</b>", json!(30)),
        (json!({ "name": "M" }), "M", json!(30)),
        (json!({ "settings": { "retention_days": 3650 } }), "M", json!(3650)),
        (json!({ "settings": { "retention_days": null } }), "M", json!(null)),
        (json!({ "settings": { "retention_days": 1 } }), "M", json!(1)),
    ] {
        let text = body.to_string();
        let changed = change(body).await;
        assert_eq!(changed.status(), StatusCode::OK, "{text}");
        let (answer, after): (Value, _) =
            (changed.json().await.unwrap(), server.get(&admin, "/api/tenant").await);
        assert_eq!(answer, after, "{text}");
        assert_eq!((&after["name"], &after["settings"]["retention_days"]), (&json!(name), &days), "{text}");
    }
    let seen = server.get(&viewer, "/api/tenant").await;
    assert_eq!((&seen["name"], &seen["settings"]), (&json!("M"), &json!(null)));
    assert_eq!(server.get(&stranger, "/api/tenant").await["name"], "Tenant 2");

    for bad in [
        json!({ "name": " " }),
        json!({ "name": "x".repeat(101) }),
        json!({ "name": "a\u{0}b" }),
        json!({ "id": stranger.tenant }),
        json!({ "tenant_id": stranger.tenant, "name": "x" }),
        json!({ "settings": { "retention_days": 0 } }),
        json!({ "settings": { "retention_days": 3651 } }),
        json!({ "settings": { "retention_days": -1 } }),
        json!({ "settings": { "retention_days": "30" } }),
        json!({ "settings": { "retention_days": 1.5 } }),
        json!({ "settings": { "retention_days": 99999999999u64 } }),
        json!({ "settings": { "role": "admin" } }),
        json!({ "settings": [] }),
    ] {
        let text = bad.to_string();
        assert_eq!(change(bad).await.status(), StatusCode::UNPROCESSABLE_ENTITY, "{text}");
    }
    let after = server.get(&admin, "/api/tenant").await;
    assert_eq!((&after["name"], &after["settings"]["retention_days"]), (&json!("M"), &json!(1)));
    // What is kept survives a restart.
    let server = server.restart(|_| {}).await;
    assert_eq!(server.get(&server.login(1).await, "/api/tenant").await, after);
}

#[tokio::test]
async fn nothing_is_told_without_a_token() {
    let server = Server::start().await;
    let description: Value = serde_json::from_str(&control::openapi()).unwrap();
    let open = ["/api/auth/login", "/api/auth/refresh", "/api/auth/logout", "/api/auth/invitation"];
    // What a page needs before somebody signs in; without a provider the others are not there.
    let before = ["/api/auth/methods", "/api/auth/oidc/login", "/api/auth/oidc/callback"];
    for (path, methods) in description["paths"].as_object().unwrap() {
        let of_twilio = path.starts_with("/api/twilio/");
        if open.contains(&path.as_str()) || before.contains(&path.as_str()) {
            continue;
        }
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let request = server.request(method.clone(), &path.replace(['{', '}'], ""));
            let response = request.send().await.unwrap();
            let expected = if of_twilio { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
            assert_eq!(response.status(), expected, "{method} {path}");
        }
    }
}

/// All that the owner sees of the call and around it.
async fn seen(server: &Server, owner: &Person, call: &str) -> [Value; 4] {
    let (call, events) = (format!("/api/calls/{call}"), format!("/api/calls/{call}/events"));
    [
        server.get(owner, &call).await,
        server.get(owner, &events).await,
        server.get(owner, "/api/numbers").await,
        server.get(owner, "/api/users").await,
    ]
}
