//! A WHEP client: the HTTP half of joining a call (draft-ietf-wish-whep).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, IF_MATCH, LINK, LOCATION};
use reqwest::{Method, RequestBuilder, StatusCode, redirect};
use url::Url;

use crate::http;

/// The longest one exchange may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest answer or fragment that is read, in bytes.
const BODY_AT_MOST: usize = 64 * 1024;

/// How much of a refusal is kept to be shown.
const REFUSAL_AT_MOST: usize = 512;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum WhepError {
    /// No response, or not a whole one.
    #[error("{method} {url}: {source}")]
    Http {
        /// The method of the request.
        method: Method,
        /// Where it went.
        url: Url,
        /// What happened.
        source: reqwest::Error,
    },
    /// Another status than the one the protocol asks for.
    #[error("{method} answered {status}, not {wanted}: {body}")]
    Status {
        /// The method of the request.
        method: Method,
        /// What was answered.
        status: StatusCode,
        /// What should have been.
        wanted: StatusCode,
        /// The beginning of the body, usually problem JSON.
        body: String,
    },
    /// The body is not what the protocol asks for.
    #[error("the body is {0:?}, not {1}")]
    ContentType(String, &'static str),
    /// The body is longer than 64 KiB, or not UTF-8.
    #[error("the body is too long or not text")]
    Body,
    /// A 201 without a usable Location.
    #[error("no usable Location in the 201")]
    Location,
    /// A restart's answer without an ETag.
    #[error("no ETag in the answer")]
    Etag,
}

impl WhepError {
    /// The status that was answered, if one was and it was the wrong one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Where to listen, and the right to: what control gives for a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// The WHEP endpoint of the call.
    pub whep_url: Url,
    /// The bearer token for it.
    pub token: String,
}

/// A WHEP session, made by a POST.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The session's own URL, for PATCH and DELETE.
    pub url: Url,
    /// The entity tag of its ICE session.
    pub etag: Option<String>,
    /// The `Link` headers, as they came.
    pub links: Vec<String>,
    /// The SDP answer.
    pub answer: String,
    /// When the POST was sent.
    pub posted: Instant,
    /// When the answer was here.
    pub answered: Instant,
    token: String,
}

/// The client. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Whep {
    http: reqwest::Client,
}

impl Whep {
    /// A client that follows no redirect: an endpoint may only redirect with 307 or 308, and ours does not.
    ///
    /// # Errors
    ///
    /// When the TLS of the system cannot be set up.
    pub fn new() -> Result<Self, reqwest::Error> {
        Ok(Self { http: http::client(TIMEOUT).redirect(redirect::Policy::none()).build()? })
    }

    /// Sends the offer.
    ///
    /// # Errors
    ///
    /// Everything but a 201 with an SDP answer and a Location.
    pub async fn post(&self, endpoint: &Endpoint, offer: &str) -> Result<Resource, WhepError> {
        let url = endpoint.whep_url.clone();
        let request = self.request(Method::POST, &url, &endpoint.token).header(CONTENT_TYPE, SDP);
        let posted = Instant::now();
        let (headers, answer) =
            exchange(request.body(offer.to_owned()), Method::POST, &url, StatusCode::CREATED).await?;
        let answered = Instant::now();
        require(&headers, SDP)?;
        let location = text(&headers, LOCATION).ok_or(WhepError::Location)?;
        Ok(Resource {
            url: url.join(&location).map_err(|_| WhepError::Location)?,
            etag: text(&headers, ETAG),
            links: headers.get_all(LINK).iter().filter_map(|v| v.to_str().ok()).map(str::to_owned).collect(),
            answer,
            posted,
            answered,
            token: endpoint.token.clone(),
        })
    }

    /// Sends further candidates.
    ///
    /// # Errors
    ///
    /// Everything but a 204.
    pub async fn trickle(&self, resource: &Resource, fragment: &str) -> Result<(), WhepError> {
        let mut request = self.request(Method::PATCH, &resource.url, &resource.token);
        if let Some(etag) = &resource.etag {
            request = request.header(IF_MATCH, etag);
        }
        let request = request.header(CONTENT_TYPE, FRAGMENT).body(fragment.to_owned());
        exchange(request, Method::PATCH, &resource.url, StatusCode::NO_CONTENT).await?;
        Ok(())
    }

    /// Restarts ICE with a fragment that carries new credentials. Gives the server's fragment; the resource
    /// takes over the new entity tag.
    ///
    /// # Errors
    ///
    /// Everything but a 200 with a fragment and an ETag.
    pub async fn restart(&self, resource: &mut Resource, fragment: &str) -> Result<String, WhepError> {
        let request = self
            .request(Method::PATCH, &resource.url, &resource.token)
            .header(CONTENT_TYPE, FRAGMENT)
            .header(IF_MATCH, "*")
            .body(fragment.to_owned());
        let (headers, body) = exchange(request, Method::PATCH, &resource.url, StatusCode::OK).await?;
        require(&headers, FRAGMENT)?;
        resource.etag = Some(text(&headers, ETAG).ok_or(WhepError::Etag)?);
        Ok(body)
    }

    /// Ends the session.
    ///
    /// # Errors
    ///
    /// Everything but a 200.
    pub async fn delete(&self, resource: &Resource) -> Result<(), WhepError> {
        let request = self.request(Method::DELETE, &resource.url, &resource.token);
        exchange(request, Method::DELETE, &resource.url, StatusCode::OK).await?;
        Ok(())
    }

    fn request(&self, method: Method, url: &Url, token: &str) -> RequestBuilder {
        self.http.request(method, url.clone()).header(AUTHORIZATION, format!("Bearer {token}"))
    }
}

async fn exchange(
    request: RequestBuilder,
    method: Method,
    url: &Url,
    wanted: StatusCode,
) -> Result<(HeaderMap, String), WhepError> {
    let failed = |source| WhepError::Http { method: method.clone(), url: url.clone(), source };
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > BODY_AT_MOST {
            return Err(WhepError::Body);
        }
        body.extend_from_slice(&chunk);
    }
    if status != wanted {
        let body = String::from_utf8_lossy(&body).chars().take(REFUSAL_AT_MOST).collect();
        return Err(WhepError::Status { method, status, wanted, body });
    }
    Ok((headers, String::from_utf8(body).map_err(|_| WhepError::Body)?))
}

fn text(headers: &HeaderMap, name: reqwest::header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn require(headers: &HeaderMap, wanted: &'static str) -> Result<(), WhepError> {
    let found = text(headers, CONTENT_TYPE).unwrap_or_default();
    let essence = found.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) { Ok(()) } else { Err(WhepError::ContentType(found, wanted)) }
}

/// The host candidates over UDP an answer names, in its order.
pub fn candidates(sdp: &str) -> Vec<SocketAddr> {
    sdp.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.trim_end().strip_prefix("a=candidate:")?.split(' ').collect();
            match fields.as_slice() {
                [_, "1", transport, _, address, port, "typ", "host", ..]
                    if transport.eq_ignore_ascii_case("udp") =>
                {
                    Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
                }
                _ => None,
            }
        })
        .collect()
}

/// The answer with another address in place of every host candidate.
pub(super) fn with_candidate(sdp: &str, from: SocketAddr, to: SocketAddr) -> String {
    let mut replaced = false;
    let lines =
        sdp.lines().filter_map(|line| {
            if !line.starts_with("a=candidate:") {
                return Some(line.to_owned());
            }
            if std::mem::replace(&mut replaced, true) {
                return None;
            }
            Some(line.replace(
                &format!(" {} {} ", from.ip(), from.port()),
                &format!(" {} {} ", to.ip(), to.port()),
            ))
        });
    let mut answer = lines.collect::<Vec<_>>().join("\r\n");
    answer.push_str("\r\n");
    answer
}

/// The offer without its candidates, for a listener who can only be reached by answering its checks.
pub(super) fn without_candidates(sdp: &str) -> String {
    let kept = sdp.lines().filter(|line| !line.starts_with("a=candidate:"));
    kept.flat_map(|line| [line, "\r\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 8082 typ host\r\n\
        a=candidate:2 1 UDP 2130706430 ::1 8082 typ host generation 0\r\n\
        a=candidate:3 1 tcp 1 127.0.0.1 9 typ host tcptype passive\r\na=end-of-candidates\r\n";

    #[test]
    fn only_udp_host_candidates_are_taken() {
        let expected: Vec<SocketAddr> =
            ["127.0.0.1:8082", "[::1]:8082"].iter().map(|a| a.parse().unwrap()).collect();
        assert_eq!(candidates(ANSWER), expected);
    }

    #[test]
    fn a_shaper_stands_in_for_every_candidate() {
        let found = candidates(ANSWER);
        let front: SocketAddr = "127.0.0.1:9999".parse().unwrap();
        let through = with_candidate(ANSWER, found[0], front);
        assert_eq!(candidates(&through), [front]);
        assert!(through.contains("a=end-of-candidates\r\n"));
        assert!(candidates(&without_candidates(ANSWER)).is_empty());
    }
}
