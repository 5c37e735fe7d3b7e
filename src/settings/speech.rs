//! Who speaks in a gateway: the provider of speech, OpenAI as a bot, and where tenants' bots may be.

use gateway::bot::BotConfig;
use gateway::speech::{OpenAi, Provider, Speech, SpeechConfig};

use super::{Raw, SettingsError, bad, optional};

/// What a gateway is told of it.
#[derive(Clone, Debug, Default)]
pub struct Voices {
    /// Text to speech.
    pub speech: SpeechConfig,
    /// Bots.
    pub bot: BotConfig,
}

impl Voices {
    pub(super) fn from_raw(raw: &Raw) -> Result<Self, SettingsError> {
        let mut voices = Self::default();
        let Self { speech, bot } = &mut voices;
        speech.provider = match raw.gateway_tts.as_deref() {
            None | Some("espeak") => Provider::Espeak,
            Some("elevenlabs") => Provider::ElevenLabs,
            Some("openai") => Provider::OpenAi,
            Some(_) => return Err(bad("gateway_tts", "must be espeak, elevenlabs or openai")),
        };
        let (voice, model) = match speech.provider {
            Provider::Espeak => (&mut speech.espeak.voice, None),
            Provider::ElevenLabs => (&mut speech.elevenlabs.voice, Some(&mut speech.elevenlabs.model)),
            Provider::OpenAi => (&mut speech.openai.voice, Some(&mut speech.openai.model)),
        };
        if let Some(set) = &raw.gateway_tts_voice {
            if !gateway::speech::is_voice(set) {
                return Err(bad("gateway_tts_voice", "must be letters, digits and - _ + ."));
            }
            *voice = set.clone();
        }
        match (&raw.gateway_tts_model, model) {
            (Some(set), Some(model)) => *model = set.clone(),
            (Some(_), None) => return Err(bad("gateway_tts_model", "is not for espeak, which has none")),
            (None, _) => {}
        }
        bot.hosts = optional("gateway_bot_hosts", raw.gateway_bot_hosts.as_deref())?.unwrap_or_default();
        if let Some(url) = base("gateway_elevenlabs_url", raw.gateway_elevenlabs_url.as_deref())? {
            speech.elevenlabs.url = url;
        }
        let openai = base("gateway_openai_url", raw.gateway_openai_url.as_deref())?;
        speech.openai.url = openai.unwrap_or_else(|| OpenAi::URL.to_owned());
        // The same server, spoken to through a WebSocket: http becomes ws, and https wss.
        bot.openai_url = format!("{}/v1/realtime", speech.openai.url.replacen("http", "ws", 1));
        let elevenlabs_key = raw.gateway_elevenlabs_api_key.clone().map(Into::into);
        let openai_key = raw.gateway_openai_api_key.clone();
        speech.elevenlabs.key = elevenlabs_key;
        speech.openai.key = openai_key.clone().map(Into::into);
        bot.openai_key = openai_key.map(Into::into);
        Speech::new(speech.clone()).map_err(|error| bad("gateway_tts", &error.to_string()))?;
        Ok(voices)
    }
}

/// An http or https URL, perhaps with a path, without a trailing slash.
fn base(key: &'static str, text: Option<&str>) -> Result<Option<String>, SettingsError> {
    let Some(text) = text else { return Ok(None) };
    let parsed = url::Url::parse(text).map_err(|error| bad(key, &format!("{text}: {error}")))?;
    let plain = matches!(parsed.scheme(), "http" | "https")
        && parsed.host_str().is_some()
        && parsed.username().is_empty()
        && parsed.password().is_none()
        && parsed.query().is_none()
        && parsed.fragment().is_none();
    match plain {
        true => Ok(Some(parsed.as_str().trim_end_matches('/').to_owned())),
        false => Err(bad(key, "must be http(s)://host[:port][/path] and nothing behind it")),
    }
}
