//! Calls on paper, read back by a program that is not ours.

use std::io::Write as _;
use std::process::{Command, Stdio};

use control::backstage::Said;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::lists::{change, ring};
use super::modes::entries;
use super::server::{Server, call_sid, code};

/// What a reader of PDFs sees, page by page.
fn pages(file: &[u8]) -> Vec<String> {
    let mut reader = Command::new("pdftotext")
        .args(["-enc", "UTF-8", "-layout", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("pdftotext is there (poppler-utils)");
    reader.stdin.take().unwrap().write_all(file).unwrap();
    let read = reader.wait_with_output().unwrap();
    assert!(read.status.success());
    let text = String::from_utf8(read.stdout).unwrap();
    // It says in which direction text goes.
    let text = text.replace(['\u{202a}', '\u{202b}', '\u{202c}'], "");
    text.split_terminator('\u{c}').map(str::to_owned).collect()
}

/// What a browser, a reader or a program could act on.
fn acts(file: &[u8]) -> Vec<&'static str> {
    let never = ["/JavaScript", "/URI", "/OpenAction", "/Launch", "/Annots", "/AcroForm", "/EmbeddedFile"];
    let is_there = |what: &&str| file.windows(what.len()).any(|bytes| bytes == what.as_bytes());
    never.into_iter().filter(is_there).collect()
}

#[tokio::test]
async fn a_list_on_paper_has_every_name_as_it_is_written() {
    let server = Server::start_with_two_tenants().await;
    let (admin, stranger) = (server.login(1).await, server.login(2).await);
    let names = ["Ole Ångström", "Ωμέγα Привет", "日本語 한국어", "हिन्दी ไทย", "שלום", "مرحبا", "Zoë 😀 <b>"];
    for (n, name) in (1..).zip(names) {
        ring(&server, n, &format!("+1415555011{n}"), name).await;
    }
    change(&server, &admin, 2, json!({ "notes": "Two\nlines", "tags": ["vip", "https://evil.example/"] }))
        .await;

    let path = "/api/calls/export?format=pdf";
    let response = server.send(&admin, Method::GET, path, None).await;
    assert_eq!(response.status(), StatusCode::OK);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/pdf");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("content-disposition"), "attachment; filename=\"calls.pdf\"");
    assert!(!response.headers().contains_key("link"));
    let file = response.bytes().await.unwrap();
    let [page] = &pages(&file)[..] else { panic!("more than one page") };
    for name in names {
        assert!(page.contains(name), "{name}: {page}");
    }
    for text in [
        "Tenant 1",
        "all times are UTC",
        "7 calls",
        "vip, https://evil.example/",
        "Two",
        "lines",
        "Page 1 of 1",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert_eq!(acts(&file), [""; 0]);
    let kept = entries(&server, &admin, "data.exported").await;
    assert_eq!(kept[0]["data"], json!({ "calls": 7, "filters": [], "format": "pdf" }));

    // As the list is, so is the file.
    let some = server.send(&admin, Method::GET, &format!("{path}&q=vip"), None).await;
    let page = pages(&some.bytes().await.unwrap()).concat();
    assert!(page.contains("Привет") && page.contains("One call") && page.contains("q: vip"), "{page}");
    assert!(!page.contains("Ångström"), "{page}");
    let theirs = server.send(&stranger, Method::GET, path, None).await.bytes().await.unwrap();
    let page = pages(&theirs).concat();
    assert!(page.contains("Tenant 2") && page.contains("0 calls") && !page.contains("Привет"), "{page}");
}

#[tokio::test]
async fn what_is_too_much_for_one_paper_goes_on_in_the_next() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let names: Vec<String> = (0..510).map(|n| format!("caller{n:04}")).collect();
    server.backstage.ring_all(admin.tenant, "+14155550111", &names).await.unwrap();
    let first = server.send(&admin, Method::GET, "/api/calls/export?format=pdf", None).await;
    let link = first.headers()["link"].to_str().unwrap().split(['<', '>']).nth(1).unwrap().to_owned();
    let first = pages(&first.bytes().await.unwrap());
    let all = first.len();
    assert!(all > 5 && first[all - 1].contains(&format!("Page {all} of {all}")));
    assert!(first[0].contains("further file"));
    let rest = server.send(&admin, Method::GET, &link, None).await;
    assert!(!rest.headers().contains_key("link"));
    let rest = pages(&rest.bytes().await.unwrap());
    let text = first.concat() + &rest.concat();
    assert_eq!(names.iter().filter(|name| text.contains(name.as_str())).count(), 510);
    assert_eq!(first.concat().matches("caller").count(), 500);
}

#[tokio::test]
async fn a_call_on_paper_has_its_record_and_what_was_said() {
    let server = Server::start_with_two_tenants().await;
    let (admin, stranger) = (server.login(1).await, server.login(2).await);
    let call = server.ring_live(&admin, 1, 1).await;
    change(
        &server,
        &admin,
        1,
        json!({ "caller_name": "Ada 日本", "notes": "Wants a refund", "is_urgent": true }),
    )
    .await;
    let say = |said| server.backstage.say(admin.tenant, call, said);
    let heard = Said { text: "Où est mon <b>Remboursement</b>?", is_final: true, ..Said::default() };
    say(heard).await.unwrap();
    let line =
        Said { by_agent: true, is_spoken_for: true, name: Some("Anna"), text: "It is on its way.", ..heard };
    say(line).await.unwrap();

    for id in [call.to_string(), call_sid(1).to_string()] {
        let response =
            server.send(&admin, Method::GET, &format!("/api/calls/{id}/export?format=pdf"), None).await;
        assert_eq!(response.status(), StatusCode::OK);
        let name = response.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert_eq!(name, format!("attachment; filename=\"{call}.pdf\""));
        let file = response.bytes().await.unwrap();
        let text = pages(&file).concat();
        for words in [
            "Call with Ada 日本",
            "Wants a refund",
            "Où est mon <b>Remboursement</b>?",
            "Anna, by text",
            "It is on its way.",
            "in progress",
            &call_sid(1).to_string(),
            "Page 1 of 1",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert_eq!(acts(&file), [""; 0]);
    }
    let kept = entries(&server, &admin, "data.exported").await;
    assert_eq!(kept[0]["data"], json!({ "calls": 1, "format": "pdf" }));
    assert_eq!(kept[0]["call_id"], json!(call.to_string()));

    let path = format!("/api/calls/{call}/export");
    let theirs = server.send(&stranger, Method::GET, &format!("{path}?format=pdf"), None).await;
    assert_eq!(theirs.status(), StatusCode::NOT_FOUND);
    for bad in ["", "?format=csv", "?format=pdf&x=1"] {
        let refused = server.send(&admin, Method::GET, &format!("{path}{bad}"), None).await;
        assert_eq!(code(refused).await, "bad_request", "{bad}");
    }
}
