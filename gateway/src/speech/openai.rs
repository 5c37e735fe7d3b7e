//! OpenAI's `/v1/audio/speech`, and servers that have the same. It knows no mu-law: PCM at 24 kHz comes.

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Url};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::http::{self, Sound};
use super::phone::Phone;
use super::text::Line;
use super::{Outlet, SpeechConfig, SpeechError};

/// Samples a second of its `pcm`: 16 bits each, in little-endian order.
const RATE: u32 = 24_000;

/// A client of theirs.
#[derive(Debug)]
pub(super) struct OpenAi {
    http: Client,
    url: Url,
    /// Marked as sensitive: it is not shown.
    bearer: Option<HeaderValue>,
}

impl OpenAi {
    pub(super) fn new(config: &SpeechConfig) -> Result<Self, SpeechError> {
        let bearer = match &config.openai.key {
            Some(key) => {
                let bearer = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()));
                let mut bearer = bearer.map_err(|_| {
                    SpeechError::Config("OpenAI's key has characters that none has".to_owned())
                })?;
                bearer.set_sensitive(true);
                Some(bearer)
            }
            None if config.openai.url == super::config::OpenAi::URL => {
                return Err(SpeechError::Config("OpenAI needs a key".to_owned()));
            }
            None => None,
        };
        let url = http::url(&config.openai.url, &["v1", "audio", "speech"])?;
        Ok(Self { http: http::client(config)?, url, bearer })
    }

    /// Says a line. In which language, its text tells: there is no other way.
    pub(super) async fn say(
        &self,
        config: &SpeechConfig,
        line: &Line,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), SpeechError> {
        let voice = line.voice.as_ref().unwrap_or(&config.openai.voice);
        let body = json!({
            "model": config.openai.model,
            "input": line.text,
            "voice": voice,
            "response_format": "pcm",
        });
        let request = || {
            let request = self.http.post(self.url.clone()).json(&body);
            match &self.bearer {
                Some(bearer) => request.header(AUTHORIZATION, bearer.clone()),
                None => request,
            }
        };
        let mut sound = Sound::begin(config, request).await?;
        let mut phone = Phone::new(RATE)?;
        while let Some(piece) = sound.next().await? {
            outlet.push(phone.push(&piece)).await?;
        }
        outlet.push(phone.finish()).await
    }
}
