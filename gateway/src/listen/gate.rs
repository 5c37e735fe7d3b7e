//! Who may ask at all: how often from one source, and from the pages of which origins.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// The kinds of body that WHEP takes, and where.
pub(super) const SDP: &str = "application/sdp";
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// Checks between two times that sources at rest are forgotten.
const SWEEP: u32 = 1024;

/// How long a browser may remember the answer to a preflight.
const PREFLIGHT: Duration = Duration::from_secs(600);

/// How many requests one source may make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// In the long run, each second.
    pub per_second: NonZeroU32,
    /// At once.
    pub burst: NonZeroU32,
}

impl Default for Rate {
    /// Generous: a whole office behind one address, or a proxy in front of everybody.
    fn default() -> Self {
        const PER_SECOND: NonZeroU32 = NonZeroU32::new(200).unwrap();
        const BURST: NonZeroU32 = NonZeroU32::new(2000).unwrap();
        Self { per_second: PER_SECOND, burst: BURST }
    }
}

/// Counts the requests of each source.
#[derive(Debug)]
pub(super) struct Limiter {
    sources: DefaultKeyedRateLimiter<IpAddr>,
    checks: AtomicU32,
}

impl Limiter {
    pub(super) fn new(rate: Rate) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        Self { sources: RateLimiter::keyed(quota), checks: AtomicU32::new(0) }
    }

    /// Whether one more request from there is welcome.
    pub(super) fn admits(&self, source: IpAddr) -> bool {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP) {
            self.sources.retain_recent();
        }
        self.sources.check_key(&network(source)).is_ok()
    }
}

/// What counts as one source: an IPv4 address, or the IPv6 network that one customer gets.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

/// The CORS rules of WHEP: pages of these origins may do all of it, others nothing. `*` is every origin:
/// nothing here depends on cookies.
pub(super) fn cors(origins: &[String]) -> Result<CorsLayer, String> {
    let mut list = Vec::new();
    for origin in origins {
        let trimmed = origin.trim_end_matches('/');
        let value = HeaderValue::from_str(trimmed).map_err(|_| format!("not an origin: {origin:?}"))?;
        list.push(value);
    }
    let origins = match list.iter().any(|origin| origin == "*") {
        true => AllowOrigin::any(),
        false => AllowOrigin::list(list),
    };
    let expose = [
        header::LOCATION,
        header::LINK,
        header::ETAG,
        header::RETRY_AFTER,
        HeaderName::from_static("accept-patch"),
    ];
    Ok(CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::POST, Method::PATCH, Method::DELETE, Method::OPTIONS])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_MATCH])
        .expose_headers(expose)
        .max_age(PREFLIGHT))
}

/// Says with the answer to OPTIONS what may be posted and patched.
pub(super) async fn describe(request: Request, next: Next) -> Response {
    let asks = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if asks {
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static("accept-post"), HeaderValue::from_static(SDP));
        headers.insert(HeaderName::from_static("accept-patch"), HeaderValue::from_static(FRAGMENT));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::post;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn pages_of_configured_origins_may_ask_and_no_others() {
        let listed: &[&str] = &["https://console.example", "http://127.0.0.1:8080/"];
        for (configured, origin, allowed) in [
            (listed, Some("https://console.example"), Some("https://console.example")),
            (listed, Some("http://127.0.0.1:8080"), Some("http://127.0.0.1:8080")),
            (listed, Some("http://127.0.0.1:8081"), None),
            (listed, Some("http://console.example"), None),
            (listed, Some("https://console.example.evil.example"), None),
            (listed, Some("null"), None),
            (listed, None, None),
            (&[], Some("https://console.example"), None),
            (&["*"], Some("https://anybody.example"), Some("*")),
        ] {
            for method in [Method::OPTIONS, Method::POST] {
                let response = ask(configured, method.clone(), origin).await;
                let got = response.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
                assert_eq!(got.map(|v| v.to_str().unwrap()), allowed, "{method} {origin:?}");
                assert!(response.status().is_success(), "{method} {origin:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_preflight_needs_no_token_and_names_what_whep_needs() {
        let response = ask(&["https://a.example"], Method::OPTIONS, Some("https://a.example")).await;
        for (name, words) in [
            ("access-control-allow-methods", &["POST", "PATCH", "DELETE", "OPTIONS"][..]),
            ("access-control-allow-headers", &["authorization", "content-type", "if-match"]),
            ("accept-post", &["application/sdp"]),
            ("accept-patch", &["application/trickle-ice-sdpfrag"]),
        ] {
            let value = response.headers()[name].to_str().unwrap().to_owned();
            assert!(words.iter().all(|word| value.contains(word)), "{name}: {value}");
        }
        let response = ask(&["https://a.example"], Method::POST, Some("https://a.example")).await;
        let exposed = response.headers()["access-control-expose-headers"].to_str().unwrap().to_owned();
        for name in ["location", "etag", "link", "retry-after"] {
            assert!(exposed.contains(name), "{exposed}");
        }
    }

    #[test]
    fn an_origin_that_cannot_stand_in_a_header_is_refused() {
        assert!(cors(&["https://a\n.example".to_owned()]).is_err());
    }

    #[test]
    fn a_source_has_its_burst_and_another_source_has_its_own() {
        let one = NonZeroU32::MIN;
        let limiter = Limiter::new(Rate { per_second: one, burst: NonZeroU32::new(3).unwrap() });
        let asks = |ip: &str| limiter.admits(ip.parse().unwrap());
        assert_eq!([(); 4].map(|()| asks("192.0.2.1")), [true, true, true, false]);
        assert!(!asks("::ffff:192.0.2.1"), "the same address in its other form");
        assert!(asks("192.0.2.2"));
        let network = ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:9::1", "2001:db8::3"];
        assert_eq!(network.map(asks), [true, true, true, false], "a /64 is one source");
        assert!(asks("2001:db8:0:1::1"));
    }

    async fn ask(configured: &[&str], method: Method, origin: Option<&str>) -> Response {
        let configured: Vec<_> = configured.iter().map(|&origin| origin.to_owned()).collect();
        let app = Router::new()
            .route("/", post(async || "hello"))
            .layer(cors(&configured).unwrap())
            .layer(axum::middleware::from_fn(describe));
        let mut request = Request::builder().method(method).uri("/").body(Body::empty()).unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
            let wants = HeaderValue::from_static("POST");
            request.headers_mut().insert(header::ACCESS_CONTROL_REQUEST_METHOD, wants);
        }
        app.oneshot(request).await.unwrap()
    }
}
