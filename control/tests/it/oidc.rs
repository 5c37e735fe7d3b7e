//! Signing in with an OpenID Connect provider, and all the ways not to.

use common::TenantId;
use control::{Oidc, OidcDomain, Role};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::oidc_provider::{CLIENT_ID, CLIENT_SECRET, Provider, Signing};
use super::server::{PASSWORD, PUBLIC_URL, Person, Server, code};

#[tokio::test]
async fn who_is_invited_signs_in_with_the_provider() {
    let (server, provider) = stage(|_| Vec::new()).await;
    let admin = server.login(1).await;
    let methods: Value =
        server.request(Method::GET, "/api/auth/methods").send().await.unwrap().json().await.unwrap();
    assert_eq!(methods, json!({ "password": true, "oidc": { "name": "Acme account" } }));

    let stranger = come(&server, "/").await;
    assert_eq!(problem(&stranger), "unknown", "neither there nor invited");
    invite(&server, &admin, "ada@acme.example", "supervisor").await;
    let back = come(&server, "/calls/call_1").await;
    assert_eq!(location(&back), format!("{PUBLIC_URL}/calls/call_1"));
    let refresh = cookie(&back, "partyline_refresh");
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/api/auth"] {
        assert!(refresh.contains(attribute), "{refresh}");
    }
    let ada = refreshed(&server, &refresh).await;
    assert_eq!(
        (&ada.body["user"]["email"], &ada.body["user"]["name"], &ada.body["user"]["role"]),
        (&json!("ada@acme.example"), &json!("Ada"), &json!("supervisor"))
    );
    assert_eq!(ada.tenant, admin.tenant);
    assert_eq!(server.get(&admin, "/api/invitations").await["invitations"], json!([]), "it is used up");

    // Again, with another kind of key, one that is new, and a text for a boolean.
    for (signing, claims) in [
        (Signing::Es256, json!({})),
        (Signing::Rs256, json!({ "email_verified": "true", "aud": [CLIENT_ID] })),
        (Signing::Rs256, json!({ "aud": [CLIENT_ID, "other"], "azp": CLIENT_ID })),
    ] {
        provider.will(signing, claims);
        let again = come(&server, "/").await;
        assert_eq!(location(&again), format!("{PUBLIC_URL}/"));
        let again = refreshed(&server, &cookie(&again, "partyline_refresh")).await;
        assert_eq!(again.body["user"]["id"], ada.body["user"]["id"]);
    }
    let log = server.get(&admin, "/api/audit?action=sign_in.started").await;
    assert_eq!(log["entries"][0]["data"], json!({ "by": "oidc" }));

    // There is no password to sign in with.
    for password in ["", PASSWORD] {
        let login = json!({ "email": "ada@acme.example", "password": password });
        let login = server.request(Method::POST, "/api/auth/login").json(&login).send().await.unwrap();
        assert_eq!(code(login).await, "bad_credentials");
    }
    // Nor is there a way in for who was disabled.
    let path = format!("/api/users/{}", ada.body["user"]["id"].as_str().unwrap());
    let disabled = server.send(&admin, Method::PATCH, &path, Some(json!({ "disabled": true }))).await;
    assert_eq!(disabled.status(), StatusCode::OK);
    assert_eq!(problem(&come(&server, "/").await), "unknown");
    server
        .until(&admin, "/api/audit?action=sign_in.failed", |log| {
            log["entries"][0]["data"]["disabled"] == true
        })
        .await;
}

#[tokio::test]
async fn what_the_provider_must_not_say_is_refused() {
    let (server, provider) = stage(|_| Vec::new()).await;
    let admin = server.login(1).await;
    invite(&server, &admin, "ada@acme.example", "viewer").await;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    for (what, signing, claims) in [
        ("alg none", Signing::Nothing, json!({})),
        ("HMAC with the public key", Signing::Hmac, json!({})),
        ("a stranger's key", Signing::Stranger, json!({})),
        ("another nonce", Signing::Rs256, json!({ "nonce": "x" })),
        ("no nonce", Signing::Rs256, json!({ "nonce": null })),
        ("another audience", Signing::Rs256, json!({ "aud": "other" })),
        ("several, and nobody asked", Signing::Rs256, json!({ "aud": [CLIENT_ID, "other"] })),
        ("asked by another", Signing::Rs256, json!({ "aud": [CLIENT_ID, "other"], "azp": "other" })),
        ("asked by another, for us", Signing::Es256, json!({ "azp": "other" })),
        ("no audience", Signing::Rs256, json!({ "aud": null })),
        ("another issuer", Signing::Rs256, json!({ "iss": "https://evil.example" })),
        ("no subject", Signing::Rs256, json!({ "sub": null })),
        ("expired", Signing::Rs256, json!({ "exp": now - 61 })),
        ("no end", Signing::Rs256, json!({ "exp": null })),
        ("from the future", Signing::Rs256, json!({ "iat": now + 600 })),
        ("no e-mail", Signing::Rs256, json!({ "email": null })),
        ("an unverified e-mail", Signing::Rs256, json!({ "email_verified": false })),
        ("an e-mail of which nothing is said", Signing::Rs256, json!({ "email_verified": null })),
        ("a verified something", Signing::Rs256, json!({ "email_verified": "yes" })),
    ] {
        provider.will(signing, claims);
        let back = come(&server, "/").await;
        assert_eq!(problem(&back), "refused", "{what}");
        assert!(maybe_cookie(&back, "partyline_refresh").is_none(), "{what}");
    }
    provider.will(Signing::Rs256, json!({ "email": "x" }));
    assert_eq!(problem(&come(&server, "/").await), "unknown");
    // With all of that right, the invitation is still there.
    provider.will(Signing::Rs256, json!({}));
    assert_eq!(location(&come(&server, "/").await), format!("{PUBLIC_URL}/"));
}

#[tokio::test]
async fn an_attempt_is_of_one_browser_and_good_once() {
    let (server, provider) = stage(|_| Vec::new()).await;
    let admin = server.login(1).await;
    invite(&server, &admin, "ada@acme.example", "viewer").await;
    let (mine, my_way) = set_out(&server, "/").await;
    let (theirs, _) = set_out(&server, "/").await;
    let back = agree(&my_way).await;

    assert_eq!(problem(&call_back(&server, &back, None).await), "expired", "no cookie");
    assert_eq!(problem(&call_back(&server, &back, Some(&theirs)).await), "expired", "another browser's");
    let forged = format!("{}x", mine.split(';').next().unwrap());
    assert_eq!(problem(&call_back(&server, &back, Some(&forged)).await), "expired");
    let denied = format!("{back}&error=access_denied");
    assert_eq!(problem(&call_back(&server, &denied, Some(&mine)).await), "canceled");
    let other_code = back.replace("code=", "code=x");
    assert_eq!(problem(&call_back(&server, &other_code, Some(&mine)).await), "refused");
    let twice = call_back(&server, &format!("{back}&state=x"), Some(&mine)).await;
    assert_eq!(code(twice).await, "bad_request", "one parameter twice");
    let good = call_back(&server, &back, Some(&mine)).await;
    assert_eq!(location(&good), format!("{PUBLIC_URL}/"));
    assert!(cookie(&good, "partyline_oidc").contains("Max-Age=0"));
    assert_eq!(problem(&call_back(&server, &back, Some(&mine)).await), "refused", "the code is used");

    for bad in ["//evil.example", "https://evil.example", "%5C%5Cevil.example", "/api/me", "x", "/&more=1"] {
        let path = format!("/api/auth/oidc/login?return_to={bad}");
        assert_eq!(
            code(browser(&server).get(url(&server, &path)).send().await.unwrap()).await,
            "bad_request",
            "{bad}"
        );
    }
    assert_eq!(provider.key_requests(), 1, "its keys are remembered");
}

#[tokio::test]
async fn a_domain_is_one_tenants() {
    let (server, provider) = stage(|tenants| {
        vec![
            OidcDomain { name: "acme.example".to_owned(), tenant: tenants[0], role: Role::Viewer },
            OidcDomain { name: "gone.example".to_owned(), tenant: TenantId::new(), role: Role::Viewer },
        ]
    })
    .await;
    let (first, second) = (server.login(1).await, server.login(2).await);
    let back = come(&server, "/").await;
    let ada = refreshed(&server, &cookie(&back, "partyline_refresh")).await;
    assert_eq!((ada.tenant, &ada.body["user"]["role"]), (first.tenant, &json!("viewer")));

    // Of the other tenant, though the e-mail's domain is the first's: the provider must not speak for them.
    let body = json!({ "email": "eve@acme.example", "name": "Eve", "role": "admin", "password": PASSWORD });
    let eve = server.send(&second, Method::POST, "/api/users", Some(body)).await;
    assert_eq!(eve.status(), StatusCode::CREATED);
    // Nor for anybody of a domain that it was not given, invited or there.
    invite(&server, &second, "new@globex.example", "admin").await;
    for email in [
        "eve@acme.example",
        "new@globex.example",
        "admin2@example.com",
        "a@gone.example",
        "a@b@acme.example.evil",
    ] {
        provider.will(Signing::Rs256, json!({ "email": email }));
        assert_eq!(problem(&come(&server, "/").await), "unknown", "{email}");
    }
    server
        .until(&second, "/api/audit?action=sign_in.failed", |log| log["entries"][0]["data"]["by"] == "oidc")
        .await;
    // An invitation of the domain's tenant says more than the domain.
    invite(&server, &first, "sam@acme.example", "supervisor").await;
    provider.will(Signing::Rs256, json!({ "email": "sam@acme.example", "name": " " }));
    let sam = refreshed(&server, &cookie(&come(&server, "/").await, "partyline_refresh")).await;
    assert_eq!((&sam.body["user"]["role"], &sam.body["user"]["name"]), (&json!("supervisor"), &json!("sam")));
}

#[tokio::test]
async fn a_provider_that_is_away_is_said_and_is_back_by_itself() {
    let (server, provider) = stage(|_| Vec::new()).await;
    provider.set_up(false);
    let away = browser(&server).get(url(&server, "/api/auth/oidc/login")).send().await.unwrap();
    assert_eq!(problem(&away), "unavailable");
    server.login(1).await;
    provider.set_up(true);
    set_out(&server, "/").await;
    // A key that it did not have before is asked for, but not more often than once a minute.
    let before = provider.key_requests();
    provider.will(Signing::Rotated, json!({}));
    for _ in 0..3 {
        assert_eq!(problem(&come(&server, "/").await), "refused");
    }
    assert_eq!(provider.key_requests(), before);
}

/// Two tenants, and a provider that speaks for these domains.
async fn stage(domains: impl FnOnce([TenantId; 2]) -> Vec<OidcDomain>) -> (Server, Provider) {
    let provider = Provider::start().await;
    let server = Server::start_with_two_tenants().await;
    let domains = domains([server.login(1).await.tenant, server.login(2).await.tenant]);
    let oidc = Oidc {
        issuer: provider.issuer(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: Some(CLIENT_SECRET.to_owned()),
        name: "Acme account".to_owned(),
        domains,
    };
    (server.restart(|config| config.oidc = Some(oidc)).await, provider)
}

/// All of the way: to the provider, and back.
async fn come(server: &Server, return_to: &str) -> Response {
    let (kept, way) = set_out(server, return_to).await;
    call_back(server, &agree(&way).await, Some(&kept)).await
}

/// The cookie of an attempt, and where it leads.
async fn set_out(server: &Server, return_to: &str) -> (String, String) {
    let path = format!("/api/auth/oidc/login?return_to={return_to}");
    // From an address of its own: nobody tries that often.
    let from = format!("203.0.113.{}", uuid::Uuid::new_v4().as_bytes()[0]);
    let sent = browser(server).get(url(server, &path)).header("x-forwarded-for", from).send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    let kept = cookie(&sent, "partyline_oidc");
    for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/api/auth/oidc"] {
        assert!(kept.contains(attribute), "{kept}");
    }
    (kept, location(&sent))
}

/// What the provider sends the browser to.
async fn agree(way: &str) -> String {
    let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let back = location(&client.get(way).send().await.unwrap());
    back.strip_prefix(PUBLIC_URL).unwrap().to_owned()
}

async fn call_back(server: &Server, back: &str, kept: Option<&str>) -> Response {
    let from = format!("203.0.113.{}", uuid::Uuid::new_v4().as_bytes()[0]);
    let request = browser(server).get(url(server, back)).header("x-forwarded-for", from);
    let request = match kept {
        Some(kept) => request.header("cookie", kept.split(';').next().unwrap()),
        None => request,
    };
    request.send().await.unwrap()
}

fn browser(_: &Server) -> Client {
    Client::builder().no_proxy().redirect(Policy::none()).build().unwrap()
}

fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.addr)
}

async fn invite(server: &Server, admin: &Person, email: &str, role: &str) {
    let body = json!({ "email": email, "role": role });
    let made = server.send(admin, Method::POST, "/api/invitations", Some(body)).await;
    assert_eq!(made.status(), StatusCode::CREATED);
}

async fn refreshed(server: &Server, cookie: &str) -> Person {
    let cookie = cookie.split(';').next().unwrap();
    let response =
        server.request(Method::POST, "/api/auth/refresh").header("cookie", cookie).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    Person::of(response).await
}

fn location(response: &Response) -> String {
    assert!(response.status().is_redirection(), "{response:?}");
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// Why the console says that nobody is signed in.
fn problem(response: &Response) -> String {
    let prefix = format!("{PUBLIC_URL}/?sign_in_problem=");
    let location = location(response);
    location.strip_prefix(&prefix).unwrap_or_else(|| panic!("{location}")).to_owned()
}

fn maybe_cookie(response: &Response, name: &str) -> Option<String> {
    let cookies = response.headers().get_all("set-cookie").iter();
    cookies
        .map(|value| value.to_str().unwrap().to_owned())
        .find(|cookie| cookie.starts_with(&format!("{name}=")))
}

fn cookie(response: &Response, name: &str) -> String {
    maybe_cookie(response, name).unwrap_or_else(|| panic!("no {name}: {response:?}"))
}
