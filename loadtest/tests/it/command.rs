//! The command line, run as the binary runs it.

use clap::Parser as _;
use loadtest::cli::{self, CallArgs};

use crate::server::{Manner, Server, TOKEN};

const MONITOR: &str = r#"<Start><Stream url="WS/m" track="both_tracks"/></Start><Dial>+15550111</Dial>"#;

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    call: CallArgs,
}

#[tokio::test]
async fn calls_are_placed_and_reported() {
    let pages = [("/api/twilio/voice", MONITOR)];
    let server = Server::with_pages(&pages, Manner::Listen).await;
    run(&server, TOKEN, &["--count", "3", "--every", "0.05", "--caller", "tone:450"]).await.unwrap();

    assert_eq!(server.webhooks("/api/twilio/voice").len(), 3);
    assert_eq!(server.webhooks("/api/twilio/status").len(), 9);
    let media = server.media().await;
    assert_eq!(media.len(), 3);
    assert!(media.iter().all(|media| media.of("media").len() == 20 && media.of("stop").len() == 1));
}

#[tokio::test]
async fn faults_are_passed_on() {
    let pages = [("/api/twilio/voice", MONITOR)];
    let server = Server::with_pages(&pages, Manner::Listen).await;
    run(&server, TOKEN, &["--drop-after", "0.1", "--duplicate", "2", "--json"]).await.unwrap();
    let media = server.media().await;
    assert_eq!(media[0].of("media").len(), 2 * (5 + 2));
    assert!(media[0].of("stop").is_empty());
}

#[tokio::test]
async fn a_refused_call_is_an_error() {
    let pages = [("/api/twilio/voice", MONITOR)];
    let server = Server::with_pages(&pages, Manner::Listen).await;
    let error = run(&server, "another", &["--quiet"]).await.unwrap_err();
    assert_eq!(error.to_string(), "the call went wrong");
}

async fn run(server: &Server, token: &str, extra: &[&str]) -> anyhow::Result<()> {
    let to = server.http("");
    let sid = "AC0123456789abcdef0123456789abcdef";
    let given = ["call", "--to", &to, "--account-sid", sid, "--auth-token", token, "--seconds", "0.2"];
    cli::call(Cli::parse_from(given.iter().chain(extra)).call).await
}
