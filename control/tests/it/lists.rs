//! Lists and searches of calls: what they find, in which order, and by which index.

use std::time::Duration;

use control::backstage::Backstage;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::STORE;
use super::server::{AUTH_TOKEN, PUBLIC_URL};
use super::server::{NUMBER, Person, Server, account, call_sid, code, sign};
use crate::Store;
use crate::postgres::{OWNER, SUPERUSER};

#[tokio::test]
async fn a_search_finds_numbers_names_and_words_newest_first() {
    let server = Server::start().await;
    let person = server.login(1).await;
    for (call, from, name) in [
        (1, "+14155550111", "ANNE O'NEIL & SÖHNE"),
        (2, "+4930123456", "Anna Straße"),
        (3, "+4930129999", "<img src=x onerror=alert(1)>"),
        (4, "sip:alice@example.com", ""),
        (5, "+14155550112", "電話 Σίσυφος"),
    ] {
        ring(&server, call, from, name).await;
    }
    change(
        &server,
        &person,
        1,
        json!({ "notes": "Refund of order 48213, 100% sure_thing", "tags": ["VIP"] }),
    )
    .await;
    change(&server, &person, 5, json!({ "notes": "he wants no refunds", "is_urgent": true })).await;

    for (query, expected) in [
        // Parts of the customer's number, however it is written.
        ("+14155550111", vec![1]),
        ("(415) 555-0111", vec![1]),
        ("0111", vec![1]),
        ("5550", vec![5, 1]),
        ("55501", vec![5, 1]),
        ("415555011", vec![5, 1]),
        ("415", vec![5, 1]),
        ("9", vec![3, 2]),
        ("030 12 34 56", vec![2]),
        ("0049 30 123456", vec![2]),
        ("123457", vec![]),
        // Names: accents, case and signs aside; beginnings are enough.
        ("ann", vec![2, 1]),
        ("anne", vec![1]),
        ("o'neil", vec![1]),
        ("sohne", vec![1]),
        ("SÖHNE anne", vec![1]),
        ("strasse", vec![2]),
        ("ΣΙΣΥΦΟΣ", vec![5]),
        ("電話", vec![5]),
        ("話", vec![5]),
        ("img", vec![3]),
        ("alice", vec![4]),
        ("eil", vec![]),
        // Words of notes and tags; digits are words too; all of them must be there.
        ("refund", vec![5, 1]),
        ("refunds", vec![5]),
        ("refund vip", vec![1]),
        ("vip refund 0111", vec![1]),
        ("48213", vec![1]),
        ("100%", vec![1]),
        ("refund alice", vec![]),
        ("zzz", vec![]),
        ("?!", vec![]),
    ] {
        let query = format!("?q={}", encode(query));
        assert_eq!(found(&server, &person, &query).await, expected, "{query}");
    }
    let sid = call_sid(3).to_string();
    let id = server.get(&person, &format!("/api/calls/{sid}")).await["id"].as_str().unwrap().to_owned();
    for query in [format!("?q={sid}"), format!("?q={id}")] {
        assert_eq!(found(&server, &person, &query).await, [3]);
    }
    for (query, expected) in [
        ("?q=refund&urgent=true", vec![5]),
        ("?q=refund&urgent=false&handled=false&status=incoming,busy", vec![1]),
        ("?q=refund&handled=true", vec![]),
        ("?q=ann&number=%2B14155550111", vec![1]),
        ("?number=%2B4930123456", vec![2]),
        ("?number=%2B15550100&q=0111", vec![1]),
        ("?status=incoming,incoming&urgent=true", vec![5]),
    ] {
        assert_eq!(found(&server, &person, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn what_is_no_longer_written_is_no_longer_found() {
    let server = Server::start().await;
    let person = server.login(1).await;
    ring(&server, 1, "+14155550111", "Anne").await;
    for (body, query, there) in [
        (json!({ "notes": "alpha beta", "tags": ["beta"] }), "alpha", true),
        (json!({ "notes": "gamma" }), "alpha", false),
        (json!({ "is_handled": true }), "gamma", true),
        (json!({ "is_handled": false }), "beta", true),
        (json!({ "tags": [] }), "beta", false),
        (json!({ "notes": null, "caller_name": "Betty" }), "gamma", false),
        (json!({ "is_handled": true }), "anne", false),
        (json!({ "is_handled": false }), "betty 0111", true),
    ] {
        change(&server, &person, 1, body.clone()).await;
        let calls = found(&server, &person, &format!("?q={}", encode(query))).await;
        assert_eq!(calls.len(), usize::from(there), "{body}: {query}");
    }
}

#[tokio::test]
async fn pages_of_a_search_have_each_call_once_and_a_call_stands_where_it_began() {
    let server = Server::start().await;
    let person = server.login(1).await;
    for call in 1..=9 {
        ring(&server, call, &format!("+1415555{call:04}"), "Anna Annette").await;
    }
    // Twilio says late that this one began long ago: it moves to the end of every list.
    let (account, sid) = (account(1).to_string(), call_sid(9).to_string());
    let form = [
        ("AccountSid", account.as_str()),
        ("CallSid", &sid),
        ("CallStatus", "completed"),
        ("SequenceNumber", "3"),
        ("Timestamp", "Fri, 20 Nov 2015 08:00:00 +0000"),
    ];
    assert_eq!(server.twilio("/api/twilio/status", &form).await.status(), StatusCode::NO_CONTENT);
    let mut expected: Vec<u32> = (1..=8).rev().collect();
    expected.push(9);
    for filter in [
        "",
        "&q=anna",
        "&q=ann%20415555",
        "&number=%2B15550100",
        "&status=incoming,completed",
        "&handled=false",
    ] {
        let mut seen = Vec::new();
        let mut query = format!("?limit=2{filter}");
        loop {
            let page = server.get(&person, &format!("/api/calls{query}")).await;
            assert!(page["calls"].as_array().unwrap().len() <= 2);
            seen.extend(numbers(&page));
            match page["next_cursor"].as_str() {
                Some(cursor) => query = format!("?limit=2{filter}&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{filter}");
    }
    assert_eq!(found(&server, &person, "?q=anna&to=2016-01-01T00:00:00Z").await, [9]);
    assert_eq!(found(&server, &person, "?q=anna&from=2016-01-01T00:00:00Z").await.len(), 8);
}

#[tokio::test]
async fn a_search_that_finds_little_among_much_goes_on_page_by_page() {
    // A page looks once, and leaves the rest to the next.
    let server = Server::start_with(|config| config.timings.page = Duration::ZERO).await;
    let person = server.login(1).await;
    ring(&server, 0, "+14155550199", "rare common").await;
    // More than one page looks at, with a word each: too many for one to lead.
    let names: Vec<String> = (1..=1100).map(|call| format!("common co{call}")).collect();
    server.backstage.ring_all(person.tenant, "+14155550100", &names).await.unwrap();
    change(&server, &person, 0, json!({ "is_urgent": true })).await;
    for filter in ["q=common&urgent=true", "q=co%20rare", "q=co&urgent=true", "q=co&number=%2B14155550199"] {
        assert_eq!(found(&server, &person, &format!("?{filter}")).await, [0], "what is rare leads: {filter}");
    }
    // Nothing leads to two digits of a number.
    let mut pages = 0;
    let mut seen = Vec::new();
    let mut query = "?q=99&limit=50".to_owned();
    loop {
        let page = server.get(&person, &format!("/api/calls{query}")).await;
        seen.extend(numbers(&page));
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("?q=99&limit=50&cursor={cursor}"),
            None => break,
        }
    }
    assert!(seen.contains(&0) && pages > 1, "{pages} {seen:?}");
    seen.sort_unstable_by(|a, b| b.cmp(a));
    let mut once = seen.clone();
    once.dedup();
    assert_eq!(seen, once);
}

#[tokio::test]
async fn what_makes_no_sense_is_a_bad_request() {
    let server = Server::start().await;
    let person = server.login(1).await;
    let call = server.ring_live(&person, 1, 1).await;
    let (long, many) = ("x".repeat(201), "aa+".repeat(9));
    for bad in [
        "q=%00".to_owned(),
        "q=a%0Ab".to_owned(),
        "number=%00".to_owned(),
        format!("q={long}"),
        format!("number={long}"),
        format!("q={many}"),
        format!("cursor={call}"),
        format!("cursor=.{call}"),
        format!("cursor=x.{call}"),
        format!("cursor=99999999999999999999.{call}"),
        "cursor=1.usr_01890000000070008000000000000003".to_owned(),
        "cursor=%00".to_owned(),
        "from=0000-01-01T00:00:00".to_owned(),
        "status=busy,".to_owned(),
    ] {
        let response = server.send(&person, Method::GET, &format!("/api/calls?{bad}"), None).await;
        assert_eq!(code(response).await, "bad_request", "{bad}");
    }
    for odd in [
        format!("cursor=-9223372036854775808.{call}"),
        format!("cursor=9223372036854775807.{call}"),
        "from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59-23:59".to_owned(),
        "from=2999-01-01T00:00:00Z&to=2000-01-01T00:00:00Z".to_owned(),
        "q=%25_!%27%22%3B--".to_owned(),
        "number=%27%20OR%201%3D1".to_owned(),
        "number=".to_owned(),
        "q=".to_owned(),
    ] {
        server.get(&person, &format!("/api/calls?{odd}")).await;
    }
}

/// The indexes that lists are ranges of, and of which lists.
const INDEXES: [(&str, &str); 7] = [
    ("calls_by_start", "everything"),
    ("calls_by_status", "status"),
    ("calls_by_handled", "handled"),
    ("calls_by_urgent", "urgent"),
    ("calls_by_customer", "number"),
    ("calls_by_organization", "number"),
    ("call_words_by_call", "words"),
];

#[tokio::test]
async fn every_list_is_a_range_of_an_index() {
    let (server, person) = large().await;
    assert_eq!(unfit(&server.backstage, &person).await, Vec::<String>::new());
}

/// The test above can fail: without any one of the indexes it does.
#[tokio::test]
async fn without_an_index_a_list_is_no_range() {
    for (index, list) in INDEXES {
        let (server, person) = large().await;
        drop_index(&server, index).await;
        let unfit = unfit(&server.backstage, &person).await;
        assert!(unfit.contains(&format!("{list}: without {index}")), "{index}: {unfit:#?}");
    }
}

/// A server whose database takes its tables for large ones.
async fn large() -> (Server, Person) {
    let server = Server::start().await;
    let person = server.login(1).await;
    server.ring(1, 1).await;
    if let Some(database) = &server.data.postgres {
        let tables = "UPDATE pg_class SET reltuples = 2000000, relpages = 1
                      WHERE relname IN ('calls', 'call_words')";
        database.execute(SUPERUSER, tables).await;
    }
    (server, person)
}

/// The plans of lists that read more than a range of an index, or sort; and the lists that do without an index of
/// theirs.
async fn unfit(backstage: &Backstage, person: &Person) -> Vec<String> {
    let mut unfit = Vec::new();
    for (list, plans) in backstage.list_plans(person.tenant).await.unwrap() {
        assert!(!plans.is_empty());
        for (index, _) in INDEXES.iter().filter(|(_, of)| *of == list) {
            if !plans.iter().any(|plan| plan.split_whitespace().any(|word| word == *index)) {
                unfit.push(format!("{list}: without {index}"));
            }
        }
        for plan in plans {
            let is_fit = match STORE {
                Store::Sqlite => plan.lines().all(sqlite_is_fit),
                Store::Postgres => postgres_is_fit(&plan),
            };
            if !is_fit {
                unfit.push(format!("{list}: {plan}"));
            }
        }
    }
    unfit
}

/// A table is looked into by an index and with a bound on its last column, or for a single row.
fn sqlite_is_fit(step: &str) -> bool {
    let of_one_row = ["SCAN m", "SCAN f", "SCAN found", "SCAN CONSTANT ROW", "SCAN (subquery"];
    let bounds = ["(started_at,", "started_at>", "started_at<", "word>", "id=?", "sid=?"];
    match step.split(' ').next() {
        Some("SEARCH") if step.ends_with("calls_by_id (id=?)") => true,
        Some("SEARCH") => step.contains("tenant_id=?") && bounds.iter().any(|bound| step.contains(bound)),
        Some("SCAN") => of_one_row.iter().any(|known| step.starts_with(known)),
        _ => !step.contains("TEMP B-TREE"),
    }
}

/// No table is read whole, nothing is sorted but the newest of a few ranges, and what leads is not filtered by what it
/// should have led by.
fn postgres_is_fit(plan: &str) -> bool {
    let mut leads = false;
    let is_filtered = plan.lines().any(|line| {
        if line.contains(" on ") {
            leads = line.ends_with(" l");
        }
        let columns = ["status", "is_handled", "is_urgent", "number", "started_at", "word"];
        leads && line.contains("Filter:") && columns.iter().any(|column| line.contains(column))
    });
    let is_one_call = plan.contains("call_sid = ");
    is_one_call
        || !is_filtered
            && plan.contains("Index Cond")
            && !["Seq Scan", "Bitmap"].iter().any(|step| plan.contains(step))
            && is_limited_before_it_is_sorted(plan)
}

/// Whatever is sorted is of ranges that each have a limit.
fn is_limited_before_it_is_sorted(plan: &str) -> bool {
    // The steps above a line, from the first.
    let mut above: Vec<(usize, &str)> = Vec::new();
    plan.lines().all(|line| {
        let step = line.trim_start().trim_start_matches("->").trim_start();
        let depth = line.len() - step.len();
        above.retain(|&(other, _)| other < depth);
        above.push((depth, step));
        let bound = above.iter().rev().map(|&(_, step)| step);
        let bound = bound.skip(1).find(|step| matches!(*step, "Limit" | "Sort" | "Incremental Sort"));
        let reads = step.contains("Scan") && step.contains(" on ") && !step.starts_with("Function Scan");
        !reads || bound.is_none_or(|step| step == "Limit")
    })
}

async fn drop_index(server: &Server, index: &str) {
    let statement = format!("DROP INDEX {index}");
    match &server.data.postgres {
        Some(database) => database.execute(OWNER, &statement).await,
        None => {
            use sqlx::{AssertSqlSafe, ConnectOptions as _};
            let options: sqlx::sqlite::SqliteConnectOptions = server.data.url().parse().unwrap();
            let mut connection = options.connect().await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
    }
}

/// A call from this number.
pub(crate) async fn ring(server: &Server, call: u32, from: &str, name: &str) {
    let (account, sid) = (account(1).to_string(), call_sid(call).to_string());
    let form = [
        ("AccountSid", account.as_str()),
        ("CallSid", &sid),
        ("CallStatus", "ringing"),
        ("CallerName", name),
        ("Direction", "inbound"),
        ("From", from),
        ("To", NUMBER),
    ];
    let signature = sign(AUTH_TOKEN, &format!("{PUBLIC_URL}/api/twilio/voice"), &form);
    let response = server.twilio_signed("/api/twilio/voice", &form, &signature).await;
    assert_eq!(response.status(), StatusCode::OK);
}

/// Changes a call.
pub(crate) async fn change(server: &Server, person: &Person, call: u32, body: Value) {
    let path = format!("/api/calls/{}", call_sid(call));
    assert_eq!(server.send(person, Method::PATCH, &path, Some(body)).await.status(), StatusCode::OK);
}

/// Which calls the list has.
async fn found(server: &Server, person: &Person, query: &str) -> Vec<u32> {
    let page = server.get(person, &format!("/api/calls{query}")).await;
    assert_eq!(page["next_cursor"], Value::Null, "{query}");
    numbers(&page)
}

fn numbers(page: &Value) -> Vec<u32> {
    let number = |call: &Value| u32::from_str_radix(&call["call_sid"].as_str().unwrap()[2..], 16).unwrap();
    page["calls"].as_array().unwrap().iter().map(number).collect()
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
