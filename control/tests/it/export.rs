//! Lists of calls to take away.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::lists::{change, ring};
use super::server::{Server, call_sid, code};

#[tokio::test]
async fn a_list_is_taken_away_and_nothing_in_it_is_a_formula() {
    let server = Server::start_with_two_tenants().await;
    let (admin, stranger) = (server.login(1).await, server.login(2).await);
    ring(&server, 1, "+14155550111", "=HYPERLINK(\"https://evil.example\")").await;
    ring(&server, 2, "+14155550112", "<img src=x onerror=alert(1)>").await;
    change(
        &server,
        &admin,
        1,
        json!({ "notes": "a \"quoted\" text,\r\nof two lines", "tags": ["vip", "@all"] }),
    )
    .await;

    let path = "/api/calls/export?format=csv";
    let response = server.send(&admin, Method::GET, path, None).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert!(!response.headers().contains_key("link"));
    let text = response.text().await.unwrap();
    let lines: Vec<&str> = text.split("\"\r\n").collect();
    assert_eq!(lines.len(), 3, "{text}");
    let (head, newest) = lines[0].split_once("\r\n").unwrap();
    assert!(head.starts_with("id,call_sid,direction,status,caller_name,customer_number"), "{head}");
    assert!(newest.contains(&call_sid(2).to_string()) && newest.contains("\"<img src=x onerror=alert(1)>\""));
    assert!(lines[1].contains("\"'=HYPERLINK(\"\"https://evil.example\"\")\""), "{text}");
    assert!(lines[1].contains("\"'+14155550111\""), "{text}");
    assert!(lines[1].ends_with("\"vip, @all\",\"a \"\"quoted\"\" text,\r\nof two lines"), "{text}");

    // As the list is, so is the file.
    for (query, calls) in
        [("&q=hyperlink", 1), ("&number=%2B14155550112&handled=false", 1), ("&q=%3F", 0), ("&status=busy", 0)]
    {
        let response = server.send(&admin, Method::GET, &format!("{path}{query}"), None).await;
        let text = response.text().await.unwrap();
        assert_eq!(text.matches("CA0").count(), calls, "{query}: {text}");
    }
    let theirs = server.send(&stranger, Method::GET, path, None).await.text().await.unwrap();
    assert_eq!(theirs.lines().count(), 1);
    for bad in [
        "",
        "?format=xls",
        "?format=csv&format=csv",
        "?format=csv&limit=5",
        "?format=csv&colour=red",
        "?format=csv&q=%00",
        "?format=csv&cursor=x",
    ] {
        let refused = server.send(&admin, Method::GET, &format!("/api/calls/export{bad}"), None).await;
        assert_eq!(code(refused).await, "bad_request", "{bad}");
    }
}

#[tokio::test]
async fn what_is_too_much_for_one_file_goes_on_in_the_next() {
    let server = Server::start().await;
    let admin = server.login(1).await;
    let names: Vec<String> = (0..5_100).map(|n| format!("n{}", n % 7)).collect();
    server.backstage.ring_all(admin.tenant, "+14155550111", &names).await.unwrap();
    let mut path = "/api/calls/export?format=csv&q=n1+n1".to_owned();
    let response = server.send(&admin, Method::GET, &path, None).await;
    assert_eq!(response.text().await.unwrap().matches("\r\n").count(), 1 + 5_100_usize.div_ceil(7));
    path = "/api/calls/export?format=csv&handled=false".to_owned();
    let mut sids = Vec::new();
    for left in [100, 0] {
        let response = server.send(&admin, Method::GET, &path, None).await;
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let text = response.text().await.unwrap();
        sids.extend(text.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned()));
        match link {
            Some(link) => path = link.split(['<', '>']).nth(1).unwrap().to_owned(),
            None => assert_eq!(left, 0),
        }
        assert_eq!(sids.len(), 5_100 - left);
    }
    sids.sort_unstable();
    sids.dedup();
    assert_eq!(sids.len(), 5_100);
}
