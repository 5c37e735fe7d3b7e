//! Every route, for everybody: nobody, each role, another tenant's admin, API keys with and without the scope.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{CallId, SayId, SessionId, UserId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::bots::ring_bot;
use super::keys::make_key;
use super::messages::end;
use super::modes::ring_agent;
use super::server::{PASSWORD, Person, Server, call_sid, email};
use super::sessions::open;

/// A method and path, and what becomes of a request that is right in all but who asks.
struct Row {
    method: &'static str,
    path: &'static str,
    /// Nobody, viewer, agent, supervisor, admin, and an admin of another tenant.
    answers: [u16; 6],
    keys: Keys,
}

/// What an API key of the admin may do there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Keys {
    /// The same as the admin, with this scope.
    With(&'static str),
    /// The same as the admin, whatever its scopes.
    Any,
    /// Nothing: it takes a person.
    None,
    /// Keys have no meaning there.
    Apart,
}

const fn row(method: &'static str, path: &'static str, keys: Keys, answers: [u16; 6]) -> Row {
    Row { method, path, answers, keys }
}

const ALL: [u16; 6] = [401, 200, 200, 200, 200, 200];
const OF_A_CALL: [u16; 6] = [401, 200, 200, 200, 200, 404];
const OF_ADMINS: [u16; 6] = [401, 403, 403, 403, 200, 200];
const MADE_BY_ADMINS: [u16; 6] = [401, 403, 403, 403, 201, 201];
const SIGNED: [u16; 6] = [403; 6];
const READ: Keys = Keys::With("calls:read");
const LISTEN: Keys = Keys::With("calls:listen");
const SPEAK: Keys = Keys::With("calls:speak");
const NUMBERS: Keys = Keys::With("numbers:write");

const TABLE: &[Row] = &[
    row("GET", "/api/me", Keys::Any, ALL),
    row("GET", "/api/calls", READ, ALL),
    row("GET", "/api/calls/active", READ, ALL),
    // The agent has answered none.
    row("GET", "/api/calls/latest", READ, [401, 200, 404, 200, 200, 404]),
    row("GET", "/api/calls/stats", READ, ALL),
    row("GET", "/api/calls/analytics", READ, ALL),
    row("GET", "/api/calls/export", READ, [401, 403, 403, 200, 200, 200]),
    row("GET", "/api/calls/{id}", READ, OF_A_CALL),
    row("PATCH", "/api/calls/{id}", Keys::With("calls:write"), [401, 403, 200, 200, 200, 404]),
    // Of a call that is over, and was no agent's.
    row("DELETE", "/api/calls/{id}", Keys::With("calls:write"), [401, 403, 404, 403, 204, 404]),
    row("GET", "/api/calls/{id}/export", READ, [401, 403, 403, 200, 200, 404]),
    row("GET", "/api/calls/{id}/events", READ, OF_A_CALL),
    row("GET", "/api/calls/{id}/listeners", READ, OF_A_CALL),
    row("GET", "/api/calls/{id}/messages", READ, OF_A_CALL),
    row("GET", "/api/calls/{id}/transcript", READ, OF_A_CALL),
    // It rings, so agents may hear it.
    row("POST", "/api/calls/{id}/sessions", LISTEN, [401, 201, 201, 201, 201, 404]),
    // An admin's session, back to `listen`.
    row("PATCH", "/api/calls/{id}/sessions/{sid}", LISTEN, [401, 403, 403, 200, 200, 404]),
    row("DELETE", "/api/calls/{id}/sessions/{sid}", LISTEN, [401, 403, 403, 204, 204, 404]),
    // Nobody has answered it, so it is no agent's own.
    row("POST", "/api/calls/{id}/takeover", SPEAK, [401, 403, 403, 201, 201, 404]),
    row("POST", "/api/calls/{id}/say", SPEAK, [401, 403, 403, 202, 202, 404]),
    row("DELETE", "/api/calls/{id}/say", SPEAK, [401, 403, 403, 202, 202, 404]),
    row("DELETE", "/api/calls/{id}/say/{say}", SPEAK, [401, 403, 403, 202, 202, 404]),
    row("POST", "/api/calls/{id}/hold", SPEAK, [401, 403, 403, 200, 200, 404]),
    row("POST", "/api/calls/{id}/dtmf", SPEAK, [401, 403, 403, 202, 202, 404]),
    // Of a call that its bot answered: it does not ring, and there is no such call for agents.
    row("POST", "/api/calls/{id}/pause-ai", SPEAK, [401, 403, 404, 202, 202, 404]),
    row("DELETE", "/api/calls/{id}/pause-ai", SPEAK, [401, 403, 404, 202, 202, 404]),
    // Without Twilio.
    row("POST", "/api/calls/{id}/end", SPEAK, [401, 403, 403, 502, 502, 404]),
    row("POST", "/api/calls/{id}/transfer", SPEAK, [401, 403, 403, 502, 502, 404]),
    row("GET", "/api/numbers", Keys::With("numbers:read"), ALL),
    row("POST", "/api/numbers", NUMBERS, MADE_BY_ADMINS),
    row("PATCH", "/api/numbers/{number}", NUMBERS, [401, 403, 403, 403, 200, 404]),
    row("DELETE", "/api/numbers/{number}", NUMBERS, [401, 403, 403, 403, 204, 404]),
    row("GET", "/api/tenant", Keys::None, ALL),
    row("PATCH", "/api/tenant", Keys::None, OF_ADMINS),
    row("GET", "/api/users", Keys::None, OF_ADMINS),
    row("POST", "/api/users", Keys::None, MADE_BY_ADMINS),
    row("PATCH", "/api/users/{id}", Keys::None, [401, 403, 403, 403, 200, 404]),
    row("GET", "/api/keys", Keys::None, OF_ADMINS),
    row("POST", "/api/keys", Keys::None, MADE_BY_ADMINS),
    row("DELETE", "/api/keys/{id}", Keys::None, [401, 403, 403, 403, 204, 404]),
    row("GET", "/api/audit", Keys::None, OF_ADMINS),
    row("GET", "/api/invitations", Keys::None, OF_ADMINS),
    row("POST", "/api/invitations", Keys::None, MADE_BY_ADMINS),
    row("DELETE", "/api/invitations/{id}", Keys::None, [401, 403, 403, 403, 204, 404]),
    // With a wrong old password.
    row("POST", "/api/auth/password", Keys::None, [401, 422, 422, 422, 422, 422]),
    // With a token that nobody knows.
    row("POST", "/api/auth/invitation", Keys::Apart, [404; 6]),
    row("GET", "/api/auth/methods", Keys::Apart, [200; 6]),
    // Without a provider.
    row("GET", "/api/auth/oidc/login", Keys::Apart, [404; 6]),
    row("GET", "/api/auth/oidc/callback", Keys::Apart, [404; 6]),
    // Without an upgrade to a WebSocket it is a bad request, of somebody who may.
    row("GET", "/api/live", READ, [401, 400, 400, 400, 400, 400]),
    row("GET", "/api/ws/telephony/stream", READ, [401, 400, 400, 400, 400, 400]),
    row("POST", "/api/twilio/voice", Keys::Apart, SIGNED),
    row("POST", "/api/twilio/resume", Keys::Apart, SIGNED),
    row("POST", "/api/twilio/dialled", Keys::Apart, SIGNED),
    row("POST", "/api/twilio/side", Keys::Apart, SIGNED),
    row("POST", "/api/twilio/conference", Keys::Apart, SIGNED),
    row("POST", "/api/twilio/agent", Keys::Apart, SIGNED),
    row("POST", "/api/twilio/status", Keys::Apart, SIGNED),
    row("POST", "/api/twilio/stream", Keys::Apart, SIGNED),
    row("POST", "/api/twilio/recording", Keys::Apart, SIGNED),
    row("POST", "/api/auth/login", Keys::Apart, [200; 6]),
    // Without its cookie.
    row("POST", "/api/auth/refresh", Keys::Apart, [401; 6]),
    // The last, for it ends what the others need.
    row("POST", "/api/auth/logout", Keys::Apart, [204; 6]),
];

/// What the description leaves out: other names of webhooks.
const NOT_DESCRIBED: [&str; 2] = ["/api/calls/status", "/api/calls/recording"];

#[tokio::test]
async fn every_route_answers_everybody_as_the_table_says() {
    let stage = Stage::set().await;
    let mut wrong = Vec::new();
    for row in TABLE {
        for (who, token) in stage.callers.iter().enumerate() {
            let path = stage.path(row).await;
            let response = stage.request(row, &path, token.as_deref()).await;
            let (status, expected) = (response.status().as_u16(), row.answers[who]);
            let body = response.text().await.unwrap();
            if status != expected {
                wrong.push(format!("{} {} {}: {status}, not {expected}", row.method, row.path, WHO[who]));
            }
            if status == 404 && row.path.contains('{') {
                // Another tenant's thing and what was never there are one answer, to the byte.
                let nothing = stage.request(row, &nowhere(row.path), stage.callers[4].as_deref()).await;
                assert_eq!((nothing.status().as_u16(), nothing.text().await.unwrap()), (404, body));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_key_does_what_its_scope_says_and_nothing_else() {
    let stage = Stage::set().await;
    let scopes =
        ["calls:read", "calls:write", "calls:listen", "calls:speak", "numbers:read", "numbers:write"];
    let every = make_key(&stage.server, &stage.admin, &scopes).await;
    let mut wrong = Vec::new();
    for row in TABLE.iter().filter(|row| row.keys != Keys::Apart) {
        let as_admin = row.answers[4];
        let mut tries = vec![(every.clone(), if row.keys == Keys::None { 403 } else { as_admin })];
        if let Keys::With(scope) = row.keys {
            let others: Vec<&str> = scopes.into_iter().filter(|&other| other != scope).collect();
            tries.push((make_key(&stage.server, &stage.admin, &[scope]).await, as_admin));
            tries.push((make_key(&stage.server, &stage.admin, &others).await, 403));
        }
        for (n, (key, expected)) in tries.into_iter().enumerate() {
            let path = stage.path(row).await;
            let status = stage.request(row, &path, Some(&key)).await.status().as_u16();
            if status != expected {
                wrong.push(format!("{} {} key {n}: {status}, not {expected}", row.method, row.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A new route fails here until the table says what becomes of it.
#[test]
fn the_table_has_every_route_and_its_scope() {
    let description: Value = serde_json::from_str(&control::openapi()).unwrap();
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            described.insert((method.to_uppercase(), path.clone()));
            let row = TABLE.iter().find(|row| row.path == path && row.method.eq_ignore_ascii_case(method));
            let row = row.unwrap_or_else(|| panic!("{method} {path} has no row"));
            let security = operation.get("security");
            let expected = match row.keys {
                Keys::With(scope) => Some(json!([{ "bearer": [scope] }])),
                Keys::Any | Keys::None => None,
                Keys::Apart => Some(json!([{}])),
            };
            assert_eq!(security, expected.as_ref(), "{method} {path}: what it says of its scope");
        }
    }
    for row in TABLE {
        assert!(described.contains(&(row.method.to_owned(), row.path.to_owned())), "{} is gone", row.path);
    }
}

#[tokio::test]
async fn other_names_of_webhooks_are_signed_too() {
    let stage = Stage::set().await;
    for path in NOT_DESCRIBED {
        for token in &stage.callers {
            let request = stage.server.request(Method::POST, path);
            let request = match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            };
            assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{path}");
        }
    }
}

const WHO: [&str; 6] = ["nobody", "viewer", "agent", "supervisor", "admin", "another tenant's admin"];

/// A server with two tenants, and everybody who may come.
struct Stage {
    server: Server,
    admin: Person,
    viewer: Person,
    /// The tokens of [`WHO`].
    callers: [Option<String>; 6],
    /// One that rings.
    call: CallId,
    /// One that a bot answered.
    bots: CallId,
}

impl Stage {
    async fn set() -> Self {
        let server = Server::start_with_two_tenants().await;
        // A gateway that has nothing to say is not dead for as long as this takes.
        let server = server.restart(|config| config.timings.node_silence = Duration::from_secs(600)).await;
        let (admin, stranger) = (server.login(1).await, server.login(2).await);
        let viewer = server.hire(&admin, "viewer").await;
        let agent = server.hire(&admin, "agent").await;
        let supervisor = server.hire(&admin, "supervisor").await;
        let call = ring_agent(&server, &admin, 1, json!({})).await;
        let bots = ring_bot(&server, &admin, 2).await;
        let tokens = [&viewer, &agent, &supervisor, &admin, &stranger].map(|person| person.token.clone());
        let [viewers, agents, supervisors, admins, strangers] = tokens.map(Some);
        let callers = [None, viewers, agents, supervisors, admins, strangers];
        Self { server, admin, viewer, callers, call, bots }
    }

    /// The row's path to something of the first tenant that is there: made just now if it is taken away.
    async fn path(&self, row: &Row) -> String {
        let mut path = row.path.to_owned();
        if path.contains("{number}") {
            let number = fresh_number();
            let body = json!({ "number": number });
            let made = self.server.send(&self.admin, Method::POST, "/api/numbers", Some(body)).await;
            assert_eq!(made.status(), StatusCode::CREATED);
            path = path.replace("{number}", &number);
        }
        if path.contains("{sid}") {
            let (session, _) = open(&self.server, &self.admin, self.call).await;
            path = path.replace("{sid}", &session.to_string());
        }
        if path.contains("{say}") {
            let text = Some(json!({ "text": "Hello" }));
            let say = format!("/api/calls/{}/say", self.call);
            let said: Value =
                self.server.send(&self.admin, Method::POST, &say, text).await.json().await.unwrap();
            path = path.replace("{say}", said["id"].as_str().unwrap());
        }
        if path.ends_with("/pause-ai") {
            path = path.replace("{id}", &self.bots.to_string());
        }
        if path.starts_with("/api/keys/") {
            let key = make_key(&self.server, &self.admin, &["calls:read"]).await;
            path = path.replace("{id}", &key[..20]);
        }
        if path.starts_with("/api/invitations/") {
            let body = json!({ "email": format!("{}@example.com", UserId::new()), "role": "viewer" });
            let made = self.server.send(&self.admin, Method::POST, "/api/invitations", Some(body)).await;
            let made: Value = made.json().await.unwrap();
            path = path.replace("{id}", made["id"].as_str().unwrap());
        }
        if path.starts_with("/api/users/") {
            path = path.replace("{id}", self.viewer.body["user"]["id"].as_str().unwrap());
        }
        if row.path.ends_with("/export") {
            path += "?format=pdf";
        }
        if (row.method, row.path) == ("DELETE", "/api/calls/{id}") {
            let call = 1000 + NEXT.fetch_add(1, Ordering::Relaxed);
            self.server.ring(1, call).await;
            end(&self.server, 1, call).await;
            path = path.replace("{id}", &call_sid(call).to_string());
        }
        path.replace("{id}", &self.call.to_string())
    }

    async fn request(&self, row: &Row, path: &str, token: Option<&str>) -> reqwest::Response {
        let body = match (row.method, row.path) {
            ("PATCH", "/api/calls/{id}") => Some(json!({ "is_urgent": true })),
            ("POST", "/api/calls/{id}/sessions") => Some(json!({ "mode": "listen" })),
            ("PATCH", "/api/calls/{id}/sessions/{sid}") => Some(json!({ "mode": "listen" })),
            ("POST", "/api/calls/{id}/takeover") => Some(json!({ "reason": "x", "notes": "" })),
            ("POST", "/api/calls/{id}/say") => Some(json!({ "text": "Hello" })),
            ("POST", "/api/calls/{id}/hold") => Some(json!({ "held": true })),
            ("POST", "/api/calls/{id}/dtmf") => Some(json!({ "digits": "1" })),
            ("POST", "/api/calls/{id}/transfer") => Some(json!({ "to": "+15550177", "kind": "cold" })),
            ("POST", "/api/numbers") => Some(json!({ "number": fresh_number() })),
            ("PATCH", "/api/numbers/{number}") => Some(json!({ "label": "x" })),
            ("POST", "/api/users") => Some(json!({
                "email": format!("{}@example.com", UserId::new()), "name": "x", "role": "viewer", "password": PASSWORD,
            })),
            ("PATCH", "/api/users/{id}" | "/api/tenant") => Some(json!({ "name": "x" })),
            ("POST", "/api/keys") => Some(json!({ "name": "x", "scopes": ["calls:read"] })),
            ("POST", "/api/invitations") => {
                Some(json!({ "email": format!("{}@example.com", UserId::new()), "role": "viewer" }))
            }
            ("POST", "/api/auth/password") => Some(json!({ "old": "wrong", "new": PASSWORD })),
            ("POST", "/api/auth/invitation") => {
                Some(json!({ "token": "inv_x", "name": "x", "password": PASSWORD }))
            }
            ("POST", "/api/auth/login") => Some(json!({ "email": email(2), "password": PASSWORD })),
            _ => None,
        };
        let method: Method = row.method.parse().unwrap();
        let request = match (token, row.path) {
            (Some(token), "/api/live" | "/api/ws/telephony/stream") => {
                self.server.request(method, &format!("{path}?token={token}"))
            }
            (Some(token), _) => self.server.request(method, path).bearer_auth(token),
            (None, _) => self.server.request(method, path),
        };
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await.unwrap()
    }
}

/// The path to something that is nowhere.
fn nowhere(path: &str) -> String {
    let path = match path {
        "/api/keys/{id}" => path.replace("{id}", "plk_0123456789abcdef"),
        "/api/invitations/{id}" => path.replace("{id}", "inv_0123456789abcdef"),
        "/api/users/{id}" => path.replace("{id}", &UserId::new().to_string()),
        "/api/calls/{id}/export" => path.replace("{id}", &CallId::new().to_string()) + "?format=pdf",
        _ => path.replace("{id}", &CallId::new().to_string()),
    };
    let path = path.replace("{say}", &SayId::new().to_string());
    path.replace("{number}", "+15559999999").replace("{sid}", &SessionId::new().to_string())
}

/// What was not there yet.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A number that nobody has.
fn fresh_number() -> String {
    format!("+1555{:07}", NEXT.fetch_add(1, Ordering::Relaxed))
}
