//! TLS that ends at Partyline itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use partyline::node::Node;
use partyline::settings::{Planes, Raw, Settings};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::installation::{ACCOUNT_SID, AUTH_TOKEN, NUMBER, metric, settings};

/// 2040-01-01.
const EXPIRES: (i32, f64) = (2040, 2_208_988_800.0);

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_carried_over_https_and_wss_without_a_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(&folder);
    let (cert, key) = authority.issue("server");
    let raw = Raw { tls_cert: text(&cert), tls_key: text(&key), ..settings(folder.path()) };
    let up = Node::new(Settings::from_raw(raw, Planes::Both).unwrap()).await.unwrap();
    let addrs = up.addrs.clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(up.run(async { drop(stopped.await) }));
    for url in [&addrs.public_url, &addrs.gateway_public_url] {
        assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    }

    let trusted = reqwest::Certificate::from_pem(&std::fs::read(&authority.cert).unwrap()).unwrap();
    let browser = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
    let console = browser.get(&addrs.public_url).send().await.unwrap();
    assert!(console.status().is_success() && console.text().await.unwrap().contains("<html"));

    // A process of its own: whom it trusts is in its environment.
    let mut call = Command::new(env!("CARGO_BIN_EXE_partyline"));
    call.args(["call", "--json", "--seconds", "2", "--to", &addrs.public_url, "--number", NUMBER])
        .args(["--account-sid", ACCOUNT_SID, "--auth-token", AUTH_TOKEN])
        .env("SSL_CERT_FILE", &authority.cert);
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || call.output().unwrap()).await.unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let report: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
    let stream = &report["streams"][0];
    assert!(stream["url"].as_str().unwrap().starts_with("wss://127.0.0.1:"), "{report}");
    assert_eq!(stream["handshake"], 101, "{report}");
    assert!(stream["sent"]["inbound"].as_u64().unwrap() >= 50, "{report}");
    for webhook in report["webhooks"].as_array().unwrap() {
        assert!(webhook["url"].as_str().unwrap().starts_with("https://"), "{report}");
    }

    assert!(metric(addrs.admin, r#"partyline_frames_total{source="received"}"#).await >= 50.0);
    assert_eq!(metric(addrs.admin, "partyline_tls_cert_expiry_timestamp_seconds").await, EXPIRES.1);
    for result in ["ok", "failed"] {
        let series = format!(r#"partyline_tls_reloads_total{{result="{result}"}}"#);
        assert_eq!(metric(addrs.admin, &series).await, 0.0);
    }
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[test]
fn tls_that_cannot_be_used_ends_the_start_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(&folder);
    let (cert, key) = authority.issue("server");
    let (_, other_key) = authority.issue("other");
    let check = |cert: &Path, key: &Path, more: &[&str]| {
        let mut up = Command::new(env!("CARGO_BIN_EXE_partyline"));
        up.args(["up", "--check-config", "--tls-cert"]).arg(cert).arg("--tls-key").arg(key).args(more);
        let Output { status, stderr, .. } = up.output().unwrap();
        (status.code().unwrap(), String::from_utf8(stderr).unwrap())
    };
    assert_eq!(check(&cert, &key, &[]), (0, String::new()));
    for (cert, key, more, says) in [
        (&cert, &other_key, &[][..], "PARTYLINE_TLS_KEY: "),
        (&cert, &folder.path().join("none"), &[], "none: No such file"),
        (&key, &key, &[], "PARTYLINE_TLS_CERT: "),
        (
            &cert,
            &key,
            &["--public-url", "http://calls.example"],
            "PARTYLINE_PUBLIC_URL: must begin with https",
        ),
    ] {
        let (code, stderr) = check(cert, key, more);
        assert_eq!((code, stderr.lines().count()), (64, 1), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
}

/// Somebody who certifies servers, and the folder that all of it is in.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    cert: PathBuf,
    folder: PathBuf,
}

impl Authority {
    fn new(folder: &TempDir) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Test Authority");
        let cert = folder.path().join("authority.pem");
        std::fs::write(&cert, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), cert, folder: folder.path().to_owned() }
    }

    /// The files of a new certificate for 127.0.0.1, with the authority's behind it, and of its key.
    fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(EXPIRES.0, 1, 1);
        let cert = params.signed_by(&key, &self.issuer).unwrap().pem();
        let files = (self.folder.join(format!("{name}.pem")), self.folder.join(format!("{name}-key.pem")));
        std::fs::write(&files.0, cert + &std::fs::read_to_string(&self.cert).unwrap()).unwrap();
        std::fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }
}

fn text(path: &Path) -> Option<String> {
    path.to_str().map(str::to_owned)
}
