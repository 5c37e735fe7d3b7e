//! Call records.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::server::{NUMBER, Server, account, call_sid, code, voice};

#[tokio::test]
async fn pages_have_every_call_once_newest_first() {
    let server = Server::start().await;
    let person = server.login(1).await;
    for call in 0..7 {
        server.ring(1, call).await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/calls?limit=3".to_owned();
    let mut pages = 0;
    loop {
        let page = server.get(&person, &path).await;
        let calls = page["calls"].as_array().unwrap().clone();
        seen.extend(calls.iter().map(|call| call["call_sid"].as_str().unwrap().to_owned()));
        pages += 1;
        // One that comes between two pages moves nothing.
        server.ring(1, 100 + pages).await;
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/calls?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    let expected: Vec<String> = (0..7).rev().map(|call| call_sid(call).to_string()).collect();
    assert_eq!((seen, pages), (expected, 3));
    assert_eq!(server.get(&person, "/api/calls/latest").await["call_sid"], call_sid(103).to_string());
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let server = Server::start().await;
    let person = server.login(1).await;
    for call in 1..=3 {
        server.ring(1, call).await;
    }
    let (ac, ca) = (account(1).to_string(), call_sid(3).to_string());
    let mut busy = voice(&ac, &ca);
    busy[3].1 = "busy";
    assert_eq!(server.twilio("/api/twilio/status", &busy).await.status(), StatusCode::NO_CONTENT);
    let patch =
        json!({ "is_handled": true, "notes": "100% sure_thing", "tags": ["vip"], "caller_name": null });
    let one = format!("/api/calls/{}", call_sid(1));
    assert_eq!(server.send(&person, Method::PATCH, &one, Some(patch)).await.status(), StatusCode::OK);
    let urgent = Some(json!({ "is_urgent": true }));
    let two = format!("/api/calls/{}", call_sid(2));
    assert_eq!(server.send(&person, Method::PATCH, &two, urgent).await.status(), StatusCode::OK);

    for (query, expected) in [
        ("", vec![3, 2, 1]),
        ("status=busy", vec![3]),
        ("status=incoming,busy", vec![3, 2, 1]),
        ("status=failed", vec![]),
        ("handled=true", vec![1]),
        ("handled=false", vec![3, 2]),
        ("urgent=true", vec![2]),
        ("q=100%25", vec![1]),
        ("q=100x", vec![]),
        ("q=VIP", vec![1]),
        ("q=neil", vec![3, 2]),
        ("q=4155550111", vec![3, 2, 1]),
        ("number=%2B15550100", vec![3, 2, 1]),
        ("number=%2B15550101", vec![]),
        ("from=2026-01-01T00:00:00Z&to=2999-01-01T00:00:00%2B02:00", vec![3, 2, 1]),
        ("to=2026-01-01T00:00:00Z", vec![]),
    ] {
        let page = server.get(&person, &format!("/api/calls?{query}")).await;
        let sids: Vec<&str> =
            page["calls"].as_array().unwrap().iter().map(|call| call["call_sid"].as_str().unwrap()).collect();
        let expected: Vec<String> = expected.into_iter().map(|call| call_sid(call).to_string()).collect();
        assert_eq!(sids, expected, "{query}");
    }
    for bad in [
        "limit=0",
        "limit=201",
        "limit=x",
        "status=ringing",
        "status=",
        "cursor=x",
        "from=today",
        "handled=yes",
        "colour=red",
        "cursor=usr_01890000000070008000000000000003",
    ] {
        let response = server.send(&person, Method::GET, &format!("/api/calls?{bad}"), None).await;
        assert_eq!(code(response).await, "bad_request", "{bad}");
    }
    let active = server.get(&person, "/api/calls/active").await;
    assert_eq!(active["calls"].as_array().unwrap().len(), 2);
    let stats = server.get(&person, "/api/calls/stats").await;
    assert_eq!(
        stats,
        json!({ "total": 3, "today": 3, "active": 2, "needs_attention": 1, "average_duration_seconds": null })
    );
}

#[tokio::test]
async fn people_change_a_call_and_its_history_says_who() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let viewer = server.hire(&admin, "viewer").await;
    server.ring(1, 1).await;
    let path = format!("/api/calls/{}", call_sid(1));
    let change = |body: Value| server.send(&admin, Method::PATCH, &path, Some(body));

    let body = json!({ "is_urgent": true, "tags": ["a", "b"], "notes": "secret words" });
    let changed: Value = change(body.clone()).await.json().await.unwrap();
    assert_eq!(
        (&changed["is_urgent"], &changed["tags"], &changed["notes"]),
        (&json!(true), &json!(["a", "b"]), &json!("secret words"))
    );
    assert_eq!(change(body).await.status(), StatusCode::OK, "the same again is no event");
    let emptied: Value = change(json!({ "notes": null })).await.json().await.unwrap();
    assert_eq!((&emptied["notes"], &emptied["is_urgent"]), (&Value::Null, &json!(true)));

    let history = server.get(&admin, &format!("{path}/events")).await;
    let events = history["events"].as_array().unwrap();
    assert_eq!(events.len(), 3);
    assert_eq!(events[1]["type"], "call.updated");
    assert_eq!(events[1]["data"]["changed"], json!({ "is_urgent": true, "tags": ["a", "b"], "notes": true }));
    assert_eq!(events[1]["data"]["user"]["name"], "admin1");
    let later = server.get(&admin, &format!("{path}/events?after=2")).await;
    assert_eq!(later["events"].as_array().unwrap().len(), 1);

    let long = "x".repeat(10_001);
    for bad in [
        json!({ "status": "completed" }),
        json!({ "tenant_id": "x" }),
        json!({ "is_handled": "yes" }),
        json!({ "is_handled": 1 }),
        json!({ "tags": "vip" }),
        json!({ "tags": [""] }),
        json!({ "tags": vec!["x"; 21] }),
        json!({ "tags": ["x".repeat(51)] }),
        json!({ "notes": long }),
        json!({ "caller_name": "a\u{0}b" }),
        json!([]),
    ] {
        let text = bad.to_string();
        assert_eq!(change(bad).await.status(), StatusCode::UNPROCESSABLE_ENTITY, "{text}");
    }
    let refused = server.send(&viewer, Method::PATCH, &path, Some(json!({ "is_handled": true }))).await;
    assert_eq!(code(refused).await, "forbidden");
    assert_eq!(server.get(&viewer, &path).await["is_handled"], false);
}

#[tokio::test]
async fn numbers_are_added_changed_and_removed() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let add = |body: Value| server.send(&person, Method::POST, "/api/numbers", Some(body));
    let made = add(json!({ "number": "+4930123456", "label": "Berlin", "route": "agent" })).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    assert_eq!(code(add(json!({ "number": NUMBER })).await).await, "number_exists");
    for bad in [
        json!({}),
        json!({ "number": "030123456" }),
        json!({ "number": "+1555", "route": "record" }),
        json!({ "number": "+15550102", "route": "record" }),
        json!({ "number": "+15550102", "settings": { "dial": "911" } }),
        json!({ "number": "+15550102", "settings": { "x": 1 } }),
        json!({ "number": "+15550102", "tenant_id": "x" }),
    ] {
        let text = bad.to_string();
        assert_eq!(add(bad).await.status(), StatusCode::UNPROCESSABLE_ENTITY, "{text}");
    }
    // A plus sign in a path is one, escaped or not.
    for path in ["/api/numbers/+4930123456", "/api/numbers/%2B4930123456"] {
        let changed = server.send(&person, Method::PATCH, path, Some(json!({ "label": path }))).await;
        assert_eq!(changed.json::<Value>().await.unwrap()["label"], path);
    }
    let all = server.get(&person, "/api/numbers").await;
    assert_eq!(all["numbers"].as_array().unwrap().len(), 2);
    let again = ["/api/numbers/+4930123456"; 2].map(|path| server.send(&person, Method::DELETE, path, None));
    let [first, second] = again;
    assert_eq!(first.await.status(), StatusCode::NO_CONTENT);
    assert_eq!(code(second.await).await, "not_found");
}
