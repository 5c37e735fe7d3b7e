//! What is not there, not allowed, or not a request.

use common::bus::Bus;
use control::{Config, Control};
use prometheus::Registry;
use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::server::{Server, code};

#[tokio::test]
async fn what_the_api_does_not_have_is_a_problem() {
    let server = Server::start().await;
    let person = server.login(1).await;
    for (method, path, expected) in [
        (Method::GET, "/api", "not_found"),
        (Method::GET, "/api/", "not_found"),
        (Method::GET, "/api/nothing", "not_found"),
        (Method::POST, "/api/../api/nothing", "not_found"),
        (Method::GET, "/api/calls/call_x", "not_found"),
        (Method::GET, "/api/calls/%00", "not_found"),
        (Method::GET, "/api/calls/%ff", "not_found"),
        (Method::GET, "/api/calls/CA00/events", "not_found"),
        (Method::PUT, "/api/calls", "method_not_allowed"),
        (Method::DELETE, "/api/me", "method_not_allowed"),
        (Method::GET, "/api/auth/login", "method_not_allowed"),
        (Method::GET, "/api/twilio/voice", "method_not_allowed"),
        (Method::POST, "/", "method_not_allowed"),
    ] {
        let response = server.send(&person, method.clone(), path, None).await;
        assert_eq!(code(response).await, expected, "{method} {path}");
    }
    let allow = server.request(Method::PUT, "/api/numbers").send().await.unwrap();
    assert!(allow.headers()["allow"].to_str().unwrap().contains("POST"));
}

#[tokio::test]
async fn ugly_bytes_get_an_answer_and_the_server_goes_on() {
    let server = Server::start().await;
    let page = if console_is_built() { 200 } else { 503 };
    let length = "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for (bytes, status) in [
        ("GET /api/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(), 401),
        ("GET /%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(), page),
        ("GET /../../etc/passwd.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(), 404),
        (format!("POST /api/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{length}"), 422),
        (
            "POST /api/auth/login HTTP/1.1\r\nHost: x\r\ncontent-length: 99999999999\r\n\
          content-type: application/json\r\nConnection: close\r\n\r\n"
                .to_owned(),
            413,
        ),
        ("BREW /api/calls HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(), 405),
        ("nonsense\r\n\r\n".to_owned(), 400),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(40_000)), 431),
    ] {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A server that is done with us may close with our bytes unread; what it said first still counts.
        let _reset = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        let head: String = bytes.chars().take(60).collect();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {answer}");
    }
    server.login(1).await;
}

#[tokio::test]
async fn the_console_is_served_or_its_absence_said() {
    let server = Server::start().await;
    let built = console_is_built();
    for path in ["/", "/calls/call_123", "/login"] {
        let response = server.request(Method::GET, path).send().await.unwrap();
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(
            policy.contains(
                "connect-src 'self' https://media.example.com wss://media.example.com wss://calls.example.com;"
            ),
            "{policy}"
        );
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.headers()["x-frame-options"], "DENY");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
        match built {
            true => assert_eq!(response.headers()["cache-control"], "no-cache"),
            false => {
                assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
                assert!(response.text().await.unwrap().contains("make console"));
            }
        }
    }
    for path in ["/assets/gone-12345678.js", "/assets/x", "/favicon.gone"] {
        let response = server.request(Method::GET, path).send().await.unwrap();
        assert_eq!(code(response).await, "not_found", "{path}");
    }
}

#[tokio::test]
async fn only_configured_pages_may_call_from_elsewhere() {
    let server = Server::start_with(|config| {
        config.allowed_origins = vec!["https://console.example.org/".to_owned()];
    });
    let server = server.await;
    let ask = async |origin: &str| {
        let request = server.request(Method::OPTIONS, "/api/calls").header("origin", origin);
        let request = request.header("access-control-request-method", "GET");
        let response =
            request.header("access-control-request-headers", "authorization").send().await.unwrap();
        response.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(ask("https://console.example.org").await.as_deref(), Some("https://console.example.org"));
    assert_eq!(ask("https://evil.example").await, None);
}

#[tokio::test]
async fn requests_are_measured_by_route_and_not_by_path() {
    let server = Server::start().await;
    let person = server.login(1).await;
    for path in ["/api/calls/CA1", "/api/calls/call_2", "/api/secret"] {
        server.send(&person, Method::GET, path, None).await;
    }
    let families = server.registry.gather();
    let requests =
        families.iter().find(|family| family.name() == "http_server_request_duration_seconds").unwrap();
    let routes: Vec<&str> = requests
        .get_metric()
        .iter()
        .filter_map(|metric| metric.get_label().iter().find(|label| label.name() == "route"))
        .map(|label| label.value())
        .collect();
    assert!(routes.contains(&"/api/calls/{id}") && routes.contains(&"none"), "{routes:?}");
    assert!(!routes.iter().any(|route| route.contains("CA1") || route.contains("secret")), "{routes:?}");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_is_refused_with_one_clear_line() {
    let dir = tempfile::tempdir().unwrap();
    let base = Config {
        data_dir: dir.path().to_owned(),
        database_url: format!("sqlite://{}/a.db", dir.path().display()),
        ..Config::default()
    };
    let bootstrap = super::server::bootstrap(1);
    let with = |change: &dyn Fn(&mut Config)| {
        let mut config = Config { bootstrap: Some(bootstrap.clone()), ..base.clone() };
        change(&mut config);
        config
    };
    let first = |config: &mut Config| config.bootstrap.clone().unwrap();
    for (config, expected) in [
        (with(&|c| c.public_url = "calls.example.com".into()), "the public URL is not a URL"),
        (with(&|c| c.gateway_public_url = "wss://x".into()), "the gateway's public URL must begin with http"),
        (with(&|c| c.allowed_origins = vec!["*".into()]), "an allowed origin is not a URL"),
        (with(&|c| c.database_url = "mysql://x/y".into()), "the database cannot be used"),
        (with(&|c| c.data_dir = "/proc/none".into()), "a key cannot be used"),
        (
            with(&|c| c.bootstrap = Some(control::Bootstrap { password: "short".into(), ..first(c) })),
            "password must",
        ),
        (with(&|c| c.bootstrap = Some(control::Bootstrap { email: "@".into(), ..first(c) })), "email must"),
        (
            with(&|c| c.bootstrap = Some(control::Bootstrap { tenant: " ".into(), ..first(c) })),
            "tenant's name",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let signer = control::signing_key(dir.path()).unwrap();
        let started = Control::new(config, listener, Bus::in_process(), signer, &Registry::new()).await;
        let error = started.map(drop).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

fn console_is_built() -> bool {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("console/dist/index.html").exists()
}

#[tokio::test]
async fn an_answer_says_of_which_trace_it_is() {
    let server = Server::start().await;
    let known = "4bf92f3577b34da6a3ce929d0e0e4736";
    let ask = async |parent: &str| {
        let request = server.request(Method::GET, "/api/me").header("traceparent", parent);
        request.send().await.unwrap().headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask(&format!("00-{known}-00f067aa0ba902b7-01")).await, known);
    let (one, other) = (ask("00-x-y-z").await, ask("").await);
    assert!(one.len() == 32 && other.len() == 32 && one != other, "{one} {other}");
}
