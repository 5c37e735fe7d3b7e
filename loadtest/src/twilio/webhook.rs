//! Twilio's requests to a server: signed forms, and how long and how often it tries.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::report::{Problem, WebhookReport};
use super::signature::sign;
use super::spec::Account;
use super::twiml::{Method, Target};
use super::xml;

/// How long an answer may take in all. Then Twilio gives up.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Most times that a URL may ask to be tried again.
const MAX_RETRIES: u32 = 5;

/// A form's fields, in no particular order.
pub(super) type Params = Vec<(&'static str, String)>;

/// No connection is kept: Twilio comes from anywhere, and a pool would outlive a test's runtime.
static CLIENT: LazyLock<Result<reqwest::Client, String>> = LazyLock::new(|| {
    reqwest::Client::builder()
        .user_agent("TwilioProxy/1.1")
        .pool_max_idle_per_host(0)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(TIME_LIMIT)
        .build()
        .map_err(|error| error.to_string())
});

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Failure {
    Connect,
    Timeout,
    Other,
}

/// Makes one request, again if the URL says so, and reports how it went. `token` is the same on every try.
pub(super) async fn request(
    account: &Account,
    what: &str,
    target: &Target,
    params: &Params,
    token: Uuid,
) -> (WebhookReport, Option<Answer>) {
    let (url, retry) = split_overrides(&target.url);
    // The first of the process loads certificates, which is not the server's time.
    LazyLock::force(&CLIENT);
    let begun = Instant::now();
    let mut tries = 0;
    let outcome = loop {
        let outcome = attempt(account, url, target.method, params, token).await;
        let again = match &outcome {
            Ok(answer) => retry.on_status(answer.status),
            Err((failure, _)) => retry.on_failure(*failure),
        };
        if !again || tries >= retry.count {
            break outcome;
        }
        tries += 1;
    };
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (status, error, answer) = match outcome {
        Ok(answer) => (Some(answer.status), None, Some(answer)),
        Err((_, error)) => (None, Some(error), None),
    };
    let report = WebhookReport { what: what.to_owned(), url: target.url.clone(), status, error, took_ms };
    (report, answer)
}

/// What is wrong with this as an answer with TwiML; otherwise the TwiML.
pub(super) fn twiml(report: &WebhookReport, answer: Option<Answer>) -> Result<String, Problem> {
    let Some(answer) = answer else {
        let error = report.error.as_deref().unwrap_or("no answer");
        return Err(Problem::new(11205, format!("{}: {error}", report.url)));
    };
    if !(200..300).contains(&answer.status) {
        let body: String = String::from_utf8_lossy(&answer.body).chars().take(200).collect();
        let text = format!("{} answered {} {}", report.url, answer.status, body.trim());
        return Err(Problem::new(11200, text.trim_end()));
    }
    let kind = answer.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !matches!(kind.as_str(), "text/xml" | "application/xml") {
        return Err(Problem::new(12300, format!("content type {kind:?} is not text/xml or application/xml")));
    }
    if answer.body.len() > xml::MAX_BYTES {
        return Err(Problem::new(11750, format!("TwiML of more than {} bytes", xml::MAX_BYTES)));
    }
    String::from_utf8(answer.body).map_err(|_| Problem::new(12100, "the document is not UTF-8"))
}

async fn attempt(
    account: &Account,
    url: &str,
    method: Method,
    params: &Params,
    token: Uuid,
) -> Result<Answer, (Failure, String)> {
    let client = CLIENT.as_ref().map_err(|error| (Failure::Other, error.clone()))?;
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
    let request = match method {
        Method::Post => {
            let form_type = HeaderValue::from_static("application/x-www-form-urlencoded; charset=UTF-8");
            let request = client.post(url).header(CONTENT_TYPE, form_type).body(form);
            request.header(SIGNATURE, sign(&account.auth_token, url, params))
        }
        Method::Get => {
            let mark = if url.contains('?') { '&' } else { '?' };
            let url = format!("{url}{mark}{form}");
            client.get(&url).header(SIGNATURE, sign::<&str, &str>(&account.auth_token, &url, &[]))
        }
    };
    let request = request.header(ACCEPT, "*/*").header(IDEMPOTENCY_TOKEN, token.to_string());
    let mut response = request.send().await.map_err(|error| failure(&error))?;
    let status = response.status().as_u16();
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let mut body = Vec::new();
    while body.len() <= xml::MAX_BYTES
        && let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))?
    {
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, content_type, body })
}

const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");
const IDEMPOTENCY_TOKEN: HeaderName = HeaderName::from_static("i-twilio-idempotency-token");

fn failure(error: &reqwest::Error) -> (Failure, String) {
    let kind = match () {
        () if error.is_connect() => Failure::Connect,
        () if error.is_timeout() => Failure::Timeout,
        () => Failure::Other,
    };
    // The causes say what happened; the outermost text only that something did.
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    (kind, text)
}

/// When a request is made again: connection overrides in the URL's fragment, as `#rc=3&rp=ct,rt,5xx`.
#[derive(Debug, Eq, PartialEq)]
struct Retry {
    count: u32,
    connect: bool,
    read: bool,
    client_errors: bool,
    server_errors: bool,
}

impl Retry {
    const fn on_failure(&self, failure: Failure) -> bool {
        match failure {
            Failure::Connect => self.connect,
            Failure::Timeout | Failure::Other => self.read,
        }
    }

    const fn on_status(&self, status: u16) -> bool {
        match status {
            400..=499 => self.client_errors,
            500..=599 => self.server_errors,
            _ => false,
        }
    }
}

/// The URL that is called and signed, without its fragment, and what the fragment says.
fn split_overrides(url: &str) -> (&str, Retry) {
    let mut retry =
        Retry { count: 1, connect: true, read: false, client_errors: false, server_errors: false };
    let Some((url, overrides)) = url.split_once('#') else { return (url, retry) };
    for (name, value) in form_urlencoded::parse(overrides.as_bytes()) {
        match &*name {
            "rc" => retry.count = value.parse().unwrap_or(1).min(MAX_RETRIES),
            "rp" => {
                let has = |word| value.split(',').any(|given| given == word || given == "all");
                retry.connect = has("ct");
                retry.read = has("rt");
                retry.client_errors = has("4xx");
                retry.server_errors = has("5xx");
            }
            _ => {}
        }
    }
    (url, retry)
}

/// Whether this can be called at all.
pub(super) fn is_web_url(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_read_and_neither_called_nor_signed() {
        let (url, retry) = split_overrides("https://h/cb?a=1#rc=3&rp=ct,rt,5xx");
        assert_eq!(url, "https://h/cb?a=1");
        assert_eq!(retry.count, 3);
        assert!(retry.on_failure(Failure::Connect) && retry.on_failure(Failure::Timeout));
        assert!(retry.on_status(503) && !retry.on_status(404) && !retry.on_status(200));
    }

    #[test]
    fn by_default_only_a_failed_connection_is_tried_again_and_once() {
        let (url, retry) = split_overrides("https://h/cb");
        assert_eq!((url, retry.count), ("https://h/cb", 1));
        assert!(retry.on_failure(Failure::Connect));
        assert!(!retry.on_failure(Failure::Timeout) && !retry.on_status(500));
        assert_eq!(split_overrides("https://h/cb#rc=99").1.count, MAX_RETRIES);
        assert_eq!(split_overrides("https://h/cb#rc=x&rp=").1.count, 1);
    }

    #[test]
    fn only_xml_with_a_good_status_is_twiml() {
        let report = |status| WebhookReport {
            what: "voice".into(),
            url: "https://h/v".into(),
            status,
            error: None,
            took_ms: 0,
        };
        let answer = |status, kind: &str, body: &[u8]| {
            Some(Answer { status, content_type: kind.into(), body: body.to_vec() })
        };
        let cases = [
            (answer(200, "text/xml", b"<Response/>"), Ok("<Response/>")),
            (answer(200, "application/xml; charset=utf-8", b"<Response/>"), Ok("<Response/>")),
            (answer(403, "text/xml", b"<Response/>"), Err(11200)),
            (answer(302, "text/xml", b""), Err(11200)),
            (answer(500, "text/html", b"oops"), Err(11200)),
            (answer(200, "application/json", b"{}"), Err(12300)),
            (answer(200, "", b"<Response/>"), Err(12300)),
            (answer(200, "text/xml", &[b' '; xml::MAX_BYTES + 1]), Err(11750)),
            (answer(200, "text/xml", b"\xff"), Err(12100)),
            (None, Err(11205)),
        ];
        for (answer, expected) in cases {
            let what = format!("{answer:?}").chars().take(80).collect::<String>();
            let got = twiml(&report(None), answer);
            let got = got.as_deref().map_err(|problem| problem.code);
            assert_eq!(got, expected, "{what}");
        }
    }
}
