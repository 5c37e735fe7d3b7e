//! What Twilio reports of recordings.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::server::{Person, Server, account, call_sid};

const URL: &str = "https://api.twilio.com/2010-04-01/Accounts/AC/Recordings/RE";

/// A report of recording `n`, with these fields besides.
async fn report(server: &Server, path: &str, n: u32, more: &[(&str, &str)]) -> StatusCode {
    let (ac, ca, re) = (account(1).to_string(), call_sid(1).to_string(), format!("RE{n:032x}"));
    let mut form = vec![("AccountSid", ac.as_str()), ("CallSid", &ca), ("RecordingSid", &re)];
    form.extend(more);
    server.twilio(path, &form).await.status()
}

async fn recordings(server: &Server, person: &Person) -> Value {
    server.get(person, &format!("/api/calls/{}", call_sid(1))).await["recordings"].clone()
}

#[tokio::test]
async fn a_recording_is_kept_once_whatever_comes_late_or_twice_or_after_a_restart() {
    let server = Server::start().await;
    let person = server.login(1).await;
    server.ring(1, 1).await;
    assert_eq!(recordings(&server, &person).await, json!([]));
    let over = [
        ("RecordingStatus", "completed"),
        ("RecordingUrl", URL),
        ("RecordingDuration", "61"),
        ("RecordingChannels", "2"),
    ];
    assert_eq!(report(&server, "/api/twilio/recording", 1, &over).await, StatusCode::NO_CONTENT);
    let server = server.restart(|_| {}).await;
    let person = server.login(1).await;
    // The same by its other path, and the beginning after the end.
    let late = [("RecordingStatus", "in-progress"), ("RecordingChannels", "2")];
    for (path, form) in [("/api/calls/recording", over.as_slice()), ("/api/twilio/recording", &late)] {
        assert_eq!(report(&server, path, 1, form).await, StatusCode::NO_CONTENT);
    }
    let mut kept = recordings(&server, &person).await;
    assert!(kept[0]["created_at"].is_string());
    kept[0]["created_at"] = Value::Null;
    let expected = json!([{
        "sid": format!("RE{:032x}", 1), "status": "completed", "duration_seconds": 61, "channels": 2, "url": URL,
        "error_code": null, "created_at": null,
    }]);
    assert_eq!(kept, expected);
    let history = server.get(&person, &format!("/api/calls/{}/events", call_sid(1))).await;
    assert_eq!(history["events"].as_array().unwrap().len(), 3, "each once: {history}");
    assert_eq!(server.count("partyline_webhook_duplicates_total", &[]), 1);
}

#[tokio::test]
async fn what_cannot_be_is_not_kept() {
    let server = Server::start().await;
    let person = server.login(1).await;
    // Of a call that is not there.
    assert_eq!(report(&server, "/api/twilio/recording", 1, &[]).await, StatusCode::NO_CONTENT);
    server.ring(1, 1).await;
    let long = format!("{URL}{}", "x".repeat(1000));
    let odd = [
        ("absent", "http://insecure.example.com/", "61"),
        ("completed", long.as_str(), "-1"),
        ("completed", "javascript:alert(1)", "99999999999"),
    ];
    for (n, (status, url, seconds)) in (1..).zip(odd) {
        let more = [
            ("RecordingStatus", status),
            ("RecordingUrl", url),
            ("RecordingDuration", seconds),
            ("ErrorCode", "16101"),
        ];
        assert_eq!(report(&server, "/api/twilio/recording", n, &more).await, StatusCode::NO_CONTENT);
    }
    let kept = recordings(&server, &person).await;
    assert_eq!(kept.as_array().unwrap().len(), 3);
    assert!(kept.as_array().unwrap().iter().all(|recording| recording["url"].is_null()));
    assert_eq!((&kept[0]["status"], &kept[0]["error_code"]), (&json!("absent"), &json!(16101)));
    assert_eq!((&kept[1]["duration_seconds"], &kept[2]["duration_seconds"]), (&Value::Null, &Value::Null));

    for n in 10..120 {
        assert_eq!(report(&server, "/api/twilio/recording", n, &[]).await, StatusCode::NO_CONTENT);
    }
    assert_eq!(recordings(&server, &person).await.as_array().unwrap().len(), 100, "a limit on everything");
}
