//! The web console: files of its build, embedded in the binary.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::App;
use crate::error::ApiError;

/// The folder that the console's build writes.
#[derive(RustEmbed)]
#[folder = "console/dist"]
struct Dist;

/// Names in this folder carry a hash of their content: they never change.
const HASHED: &str = "assets/";

const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\"><meta charset=\"utf-8\"><title>Partyline</title>
<h1>The console is not built</h1>
<p>The server runs, but without its web console. Run <code>make console</code>, build again and restart.</p>
</html>
";

/// The file at this path, or the console's page for a path that names no file.
pub(crate) fn serve(app: &App, path: &str, headers: &HeaderMap) -> Response {
    let name = path.trim_start_matches('/');
    let mut response = match find(name, headers) {
        Some(response) => response,
        // A page of the console, which reads its own path. Something with a dot was meant as a file.
        None if !last_part(name).contains('.') && !name.starts_with(HASHED) => {
            find("index.html", headers).unwrap_or_else(not_built)
        }
        None => ApiError::NotFound.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy(app));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

fn find(name: &str, headers: &HeaderMap) -> Option<Response> {
    let name = if name.is_empty() { "index.html" } else { name };
    let file = Dist::get(name)?;
    let tag = tag(&file);
    let cache = match name.starts_with(HASHED) {
        true => "public, max-age=31536000, immutable",
        // Kept, but asked about each time: the page must name the newest files.
        false => "no-cache",
    };
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|have| have.as_bytes() == tag.as_bytes());
    let headers = [(header::CACHE_CONTROL, cache), (header::ETAG, tag.as_str())];
    if known {
        return Some((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let kind = content_type(name, &file);
    Some((headers, [(header::CONTENT_TYPE, kind)], file.data).into_response())
}

fn not_built() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, NOT_BUILT).into_response()
}

fn tag(file: &EmbeddedFile) -> String {
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..16] {
        let _never_fails = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

fn content_type(name: &str, file: &EmbeddedFile) -> String {
    let kind = file.metadata.mimetype();
    // The guess for scripts is an old name, and no guess names the character set.
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("js" | "mjs") => "text/javascript; charset=utf-8".to_owned(),
        Some("html" | "css" | "svg" | "txt") => format!("{kind}; charset=utf-8"),
        Some("webmanifest") => "application/manifest+json".to_owned(),
        _ => kind.to_owned(),
    }
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// What the page may load and whom it may talk to: itself, and the gateways.
fn policy(app: &App) -> HeaderValue {
    let mut connect = "'self'".to_owned();
    for gateway in app.gateways.origins() {
        // A microphone's control connection is a socket, which an http: source does not cover (CSP 3, 6.7.2.8).
        let _never_fails = write!(connect, " {gateway} {}", gateway.replacen("http", "ws", 1));
    }
    // Not every browser takes 'self' to mean sockets as well. The grammar has no IPv6 address (CSP 3, 2.3.1).
    for origin in app.public_url.origins().iter().filter(|origin| !origin.contains('[')) {
        let _never_fails = write!(connect, " {}", origin.replacen("http", "ws", 1));
    }
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src {connect}; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    // The URLs were parsed: their origins are ASCII without control characters.
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}
