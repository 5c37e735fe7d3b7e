//! Dashboards and alerts are made of metrics that exist, and each alert says what to do.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use crate::installation::Installation;

/// What a histogram's series are called beside the histogram.
const SUFFIXES: [&str; 3] = ["_bucket", "_count", "_sum"];
/// Labels that Prometheus adds, or that a histogram has by its nature.
const COMMON: [&str; 3] = ["instance", "job", "le"];

/// What only planes apart export, which have a bus over Redis: `forged.rs` reads it there.
const ONLY_APART: [&str; 1] = ["partyline_bus_messages_rejected_total"];

#[tokio::test(flavor = "multi_thread")]
async fn dashboards_and_alerts_use_only_what_is_exported() {
    let here = Installation::start().await;
    let text = reqwest::get(format!("http://{}/metrics", here.addrs.admin)).await.unwrap();
    let text = text.text().await.unwrap();
    here.stop().await;
    let mut families = HashMap::<&str, Vec<&str>>::new();
    let mut kinds = HashMap::new();
    for line in text.lines() {
        match line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            Some(kind) => drop(kinds.insert(kind.0, kind.1)),
            None if line.starts_with('#') => {}
            None => families.entry(line.split(['{', ' ']).next().unwrap()).or_default().push(line),
        }
    }

    let dashboard: Value = serde_json::from_str(&file("deploy/grafana/partyline.json")).unwrap();
    let mut queries = Vec::new();
    expressions(&dashboard, &mut queries);
    assert!(queries.len() > 20, "the dashboard has queries");
    queries.push(file("deploy/prometheus/alerts.yml"));
    let mut checked = 0;
    for query in &queries {
        for (name, selector) in selectors(query) {
            checked += 1;
            if ONLY_APART.contains(&name) {
                continue;
            }
            let series = families.get(name).unwrap_or_else(|| panic!("{name} is not exported: {query}"));
            let family = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
            let kind = kinds.get(name).or_else(|| kinds.get(family));
            assert!(kind.is_some(), "{name} has no type");
            for matcher in selector.split(',').filter(|matcher| !matcher.is_empty()) {
                let (label, value) = matcher.split_once('=').unwrap();
                let label = label.trim_end_matches('!');
                if COMMON.contains(&label) {
                    continue;
                }
                let wanted = match matcher.contains("!=") || value.starts_with('~') {
                    true => format!("{label}=\""),
                    false => format!("{label}={value}"),
                };
                assert!(series.iter().any(|series| series.contains(&wanted)), "{name} has no {wanted}");
            }
        }
    }
    assert!(checked > 40, "{checked} selectors were checked");
}

#[test]
fn each_alert_has_a_severity_a_summary_and_a_page_that_says_what_to_do() {
    let (alerts, manual) = (file("deploy/prometheus/alerts.yml"), file("docs/OPERATIONS.md"));
    let mut count = 0;
    for alert in alerts.split("- alert: ").skip(1) {
        let name = alert.lines().next().unwrap().trim();
        for part in ["severity: ", "summary: "] {
            assert!(alert.contains(part), "{name} has no {part}");
        }
        let link = format!("runbook: docs/OPERATIONS.md#{}", name.to_lowercase());
        assert!(alert.contains(&link), "{name} has no {link}");
        assert!(manual.lines().any(|line| line == format!("### {name}")), "{name} is not in the manual");
        count += 1;
    }
    assert!(count >= 10, "{count} alerts");
}

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Every `expr` in a dashboard.
fn expressions(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| expressions(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, into)),
        _ => {}
    }
}

/// Our metrics in a query, each with what stands in its braces.
fn selectors(query: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = query;
    while let Some(start) = rest.find(is_word) {
        rest = &rest[start..];
        let (word, after) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
        if word.starts_with("partyline_") || word.starts_with("http_server_") {
            let braces = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            found.push((word, braces.map_or("", |(inside, _)| inside)));
        }
        rest = after;
    }
    found
}
