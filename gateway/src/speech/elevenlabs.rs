//! ElevenLabs over HTTP: mu-law comes as it is needed.

use reqwest::header::HeaderValue;
use reqwest::{Client, Url};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::http::{self, Sound};
use super::text::Line;
use super::{Outlet, SpeechConfig, SpeechError};

/// A client of theirs.
#[derive(Debug)]
pub(super) struct ElevenLabs {
    http: Client,
    base: Url,
    /// Marked as sensitive: it is not shown.
    key: HeaderValue,
}

impl ElevenLabs {
    pub(super) fn new(config: &SpeechConfig) -> Result<Self, SpeechError> {
        let key = config.elevenlabs.key.as_ref();
        let key = key.ok_or_else(|| SpeechError::Config("ElevenLabs needs a key".to_owned()))?;
        let key = HeaderValue::from_str(key.expose_secret());
        let mut key =
            key.map_err(|_| SpeechError::Config("ElevenLabs' key has characters that none has".to_owned()))?;
        key.set_sensitive(true);
        let base = http::url(&config.elevenlabs.url, &["v1", "text-to-speech"])?;
        Ok(Self { http: http::client(config)?, base, key })
    }

    /// Says a line.
    pub(super) async fn say(
        &self,
        config: &SpeechConfig,
        line: &Line,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), SpeechError> {
        let voice = line.voice.as_ref().unwrap_or(&config.elevenlabs.voice);
        let mut url = http::url(self.base.as_str(), &[voice, "stream"])?;
        url.query_pairs_mut().append_pair("output_format", "ulaw_8000");
        let mut body = json!({ "text": line.text, "model_id": config.elevenlabs.model });
        // It wants ISO 639-1: the language without its country.
        if let Some(language) = line.language.as_deref().and_then(|tag| tag.split('-').next()) {
            body["language_code"] = json!(language.to_lowercase());
        }
        let request = || self.http.post(url.clone()).header("xi-api-key", self.key.clone()).json(&body);
        let mut sound = Sound::begin(config, request).await?;
        while let Some(piece) = sound.next().await? {
            outlet.push(piece).await?;
        }
        Ok(())
    }
}
