//! Speech over HTTP: attempts, their limits, and the stream of what comes.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};

use super::{SpeechConfig, SpeechError};

/// Most of a refusal that is read, in bytes.
const REFUSAL: usize = 4096;

/// Most characters of it that are passed on.
const WORDS: usize = 300;

/// Longest wait for another attempt, whatever the provider asks for.
const MAX_WAIT: Duration = Duration::from_secs(3);

/// A client with these limits.
pub(super) fn client(config: &SpeechConfig) -> Result<Client, SpeechError> {
    let client = Client::builder()
        .connect_timeout(config.connect)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .tcp_nodelay(true)
        .build();
    client.map_err(|error| SpeechError::Config(format!("HTTP cannot be spoken: {error}")))
}

/// The base URL with these path segments behind it.
pub(super) fn url(base: &str, segments: &[&str]) -> Result<Url, SpeechError> {
    let bad = || SpeechError::Config("the speech provider's URL cannot be used".to_owned());
    let mut url = Url::parse(base).map_err(|_| bad())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad());
    }
    url.path_segments_mut().map_err(|()| bad())?.pop_if_empty().extend(segments);
    Ok(url)
}

/// Sound that is coming.
pub(super) struct Sound {
    first: Option<Bytes>,
    response: Response,
    stall: Duration,
}

impl Sound {
    /// Asks until there is a first piece of sound, as often as may be.
    pub(super) async fn begin(
        config: &SpeechConfig,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Self, SpeechError> {
        let mut delay = config.retry_delay;
        let mut left = config.retries;
        loop {
            let attempt =
                tokio::time::timeout(config.first_byte, Self::attempt(request(), config.stall)).await;
            let (error, asked) = match attempt {
                Ok(Ok(sound)) => return Ok(sound),
                Ok(Err(failed)) => failed,
                Err(_elapsed) => (SpeechError::Late("to begin"), None),
            };
            if left == 0 || !error.is_passing() {
                return Err(error);
            }
            tracing::debug!(error = &error as &dyn std::error::Error, "the speech provider is asked again");
            left -= 1;
            // Not all at the same moment.
            let wait = delay.mul_f64(0.75 + fastrand::f64() / 2.0).max(asked.unwrap_or_default());
            tokio::time::sleep(wait.min(MAX_WAIT)).await;
            delay = delay.saturating_mul(2);
        }
    }

    /// The error comes with how long the provider wants to be left alone.
    async fn attempt(
        request: RequestBuilder,
        stall: Duration,
    ) -> Result<Self, (SpeechError, Option<Duration>)> {
        let mut response = request.send().await.map_err(|error| (away(error), None))?;
        if response.status() != StatusCode::OK {
            let asked = response.headers().get(RETRY_AFTER);
            let asked = asked.and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
            return Err((refused(response).await, asked));
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if kind
            .is_some_and(|kind| !kind.starts_with("audio/") && !kind.starts_with("application/octet-stream"))
        {
            return Err((SpeechError::Malformed("another type of content"), None));
        }
        match response.chunk().await {
            Ok(Some(first)) => Ok(Self { first: Some(first), response, stall }),
            Ok(None) => Err((SpeechError::Malformed("nothing at all"), None)),
            Err(error) => Err((away(error), None)),
        }
    }

    /// The next piece. `None`: that was all.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, SpeechError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        match tokio::time::timeout(self.stall, self.response.chunk()).await {
            Ok(piece) => piece.map_err(away),
            Err(_elapsed) => Err(SpeechError::Late("to go on")),
        }
    }
}

/// What went wrong, without the URL.
fn away(error: reqwest::Error) -> SpeechError {
    let error = error.without_url();
    let why = match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    SpeechError::Away(why)
}

/// What a provider says that does not want to. Both put it into JSON, in different places.
async fn refused(mut response: Response) -> SpeechError {
    let status = response.status();
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece[..piece.len().min(REFUSAL - body.len())]);
        if body.len() >= REFUSAL {
            break;
        }
    }
    let json: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let found = json.as_ref().and_then(|json| {
        ["/error/message", "/detail/message", "/detail"].iter().find_map(|path| json.pointer(path)?.as_str())
    });
    let why = found.or(status.canonical_reason()).unwrap_or("no reason given");
    let why = why.chars().take(WORDS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    SpeechError::Refused { status: Some(status.as_u16()), why }
}
