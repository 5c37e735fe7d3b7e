//! The commands of the binary, as an operator runs them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::installation::{ACCOUNT_SID, Installation, PASSWORD};

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_makes_tenants_people_and_keys_beside_a_running_server() {
    let here = Installation::start().await;
    let data = here.data_dir().to_owned();
    let run = |arguments: &[&str], input: &str| partyline(&data, arguments, input);

    let tenant = good(run(&["admin", "tenant", "create", "--name", "Globex"], ""));
    assert!(tenant.starts_with("ten_"), "{tenant}");
    let user =
        ["admin", "user", "create", "--tenant", &tenant, "--email", "Bo@Globex.example", "--name", "Bo"];
    let id = good(run(&[&user[..], &["--role", "admin"]].concat(), "first password\n"));
    assert!(id.starts_with("usr_"), "{id}");
    let signed_in = login(&here, "bo@globex.example", "first password").await.unwrap();
    assert_eq!(signed_in["user"]["tenant"]["name"], "Globex");

    let password = ["admin", "user", "password", "--email", "bo@globex.example"];
    let file = data.join("password");
    std::fs::write(&file, "second password\n").unwrap();
    assert_eq!(good(run(&[&password[..], &["--password-file", file.to_str().unwrap()]].concat(), "")), id);
    assert!(login(&here, "bo@globex.example", "first password").await.is_none());
    login(&here, "bo@globex.example", "second password").await.unwrap();
    assert_eq!(get(&here, "/api/me", signed_in["access_token"].as_str().unwrap()).await, 401, "signed out");

    let key = ["admin", "key", "create", "--email", "bo@globex.example", "--name", "CRM", "--scope"];
    let key = good(run(&[&key[..], &["calls:read,numbers:read"]].concat(), ""));
    assert_eq!(get(&here, "/api/numbers", &key).await, 200);
    assert_eq!(get(&here, "/api/users", &key).await, 403);

    for (arguments, input, says) in [
        (&["admin", "tenant", "create", "--name", " "][..], "", "name must not be empty"),
        (&[&user[..], &["--role", "admin"]].concat(), "first password", "somebody's already"),
        (&[&user[..], &["--role", "king"]].concat(), "first password", "unknown word"),
        (&[&password[..4], &["nobody@x.example"]].concat(), "first password", "nobody has the e-mail"),
        (&password, "short", "at least 8 characters"),
        (&password, "", "must have 1 to 4096 bytes"),
        (
            &["admin", "token", "rotate", "--account", "AC99999999999999999999999999999999"],
            "x",
            "say whose it is",
        ),
        (&["admin", "token", "rotate", "--account", "AC9"], "x", "account"),
        (&["admin", "token", "rotate", "--account", ACCOUNT_SID], "a b", "no auth token"),
        (&["audit", "verify", "--tenant", "x"], "", "tenant"),
    ] {
        let output = run(arguments, input);
        assert!(!output.status.success(), "{arguments:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(says), "{arguments:?}: {text}");
    }
    let token = ["admin", "token", "rotate", "--account", ACCOUNT_SID];
    assert!(good(run(&token, "fedcba9876543210fedcba9876543210")).contains(ACCOUNT_SID));
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_checked_and_a_cut_off_end_is_found_by_the_head() {
    let here = Installation::start().await;
    let data = here.data_dir().to_owned();
    let heads = good(partyline(&data, &["audit", "verify"], ""));
    let mut words = heads.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words.len(), 3, "{heads}");
    let file = data.join("heads");
    std::fs::write(&file, &heads).unwrap();
    let again = ["audit", "verify", "--head", file.to_str().unwrap()];
    assert_eq!(good(partyline(&data, &again, "")), heads);

    let seq: i64 = words[1].parse().unwrap();
    words[1] = (seq + 1).to_string();
    std::fs::write(&file, words.join(" ")).unwrap();
    let output = partyline(&data, &again, "");
    assert_eq!(output.status.code(), Some(1));
    let says = format!("row {} is missing", seq + 1);
    assert!(String::from_utf8(output.stderr).unwrap().contains(&says), "{says}");
    std::fs::write(&file, "rubbish").unwrap();
    assert_eq!(partyline(&data, &again, "").status.code(), Some(1));
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_tokens_is_rotated_and_people_sign_in_again() {
    let data = tempfile::tempdir().unwrap();
    let first = Installation::start_in(data.path()).await;
    let old = login(&first, crate::installation::EMAIL, PASSWORD).await.unwrap();
    first.stop().await;
    let before = std::fs::read(data.path().join("signing.key")).unwrap();
    good(partyline(data.path(), &["admin", "keys", "rotate", "signing"], ""));
    assert_ne!(before, std::fs::read(data.path().join("signing.key")).unwrap());
    assert!(!data.path().join("signing.key.next").exists());

    let again = Installation::start_in(data.path()).await;
    let me = reqwest::Client::new()
        .get(format!("{}/api/me", again.addrs.public_url))
        .bearer_auth(old["access_token"].as_str().unwrap());
    assert_eq!(me.send().await.unwrap().status(), 401, "signed by the old key");
    login(&again, crate::installation::EMAIL, PASSWORD).await.unwrap();
    again.stop().await;
}

#[test]
fn settings_are_shown_with_their_source_and_without_secrets() {
    let data = tempfile::tempdir().unwrap();
    let shown = good(partyline(data.path(), &["check-config", "--http-addr", "127.0.0.1:9"], ""));
    assert!(shown.contains("http_addr = \"127.0.0.1:9\" # flag"), "{shown}");
    assert!(shown.contains("# environment") && shown.contains("(default)"), "{shown}");
    let file = data.path().join("a.toml");
    std::fs::write(&file, "bootstrap_password = 'hush hush'\nhtp_addr = 'x'").unwrap();
    let wrong = partyline(data.path(), &["check-config", "--config", file.to_str().unwrap()], "");
    assert_eq!(wrong.status.code(), Some(64));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("unknown setting htp_addr"));
    std::fs::write(&file, "bootstrap_password = 'hush hush'").unwrap();
    let half = partyline(data.path(), &["check-config", "--config", file.to_str().unwrap()], "");
    assert_eq!(half.status.code(), Some(64), "a password without its tenant");
    let text = String::from_utf8(half.stdout).unwrap() + &String::from_utf8(half.stderr).unwrap();
    assert!(
        text.contains("bootstrap_password is set and not shown (file)") && !text.contains("hush"),
        "{text}"
    );
}

fn partyline(data: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_partyline"))
        .args(arguments)
        .env("PARTYLINE_DATA_DIR", data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that reads nothing may be over already.
    let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// What a command that went well printed.
fn good(output: Output) -> String {
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

async fn login(here: &Installation, email: &str, password: &str) -> Option<Value> {
    let url = format!("{}/api/auth/login", here.addrs.public_url);
    let body = json!({ "email": email, "password": password });
    let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
    if !answer.status().is_success() {
        return None;
    }
    Some(answer.json().await.unwrap())
}

async fn get(here: &Installation, path: &str, token: &str) -> u16 {
    let url = format!("{}{path}", here.addrs.public_url);
    reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
}
