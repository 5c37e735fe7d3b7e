//! What speech is made with.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// Who makes speech of text.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Provider {
    /// A program on this machine, which needs no key.
    #[default]
    Espeak,
    /// ElevenLabs, over HTTP.
    ElevenLabs,
    /// OpenAI, or whoever has the same `/v1/audio/speech`.
    OpenAi,
}

/// What speech is made with, and how long it may take.
#[derive(Clone, Debug)]
pub struct SpeechConfig {
    /// Who makes it.
    pub provider: Provider,
    /// That program.
    pub espeak: Espeak,
    /// That provider.
    pub elevenlabs: ElevenLabs,
    /// That provider.
    pub openai: OpenAi,
    /// Until the provider's connection is open.
    pub connect: Duration,
    /// Until the first sound is there, for each attempt; also the wait for a place among [`at_once`](Self::at_once).
    pub first_byte: Duration,
    /// From one piece of sound to the next.
    pub stall: Duration,
    /// For the whole line.
    pub total: Duration,
    /// Further attempts after one that failed in passing, none of them after the first sound.
    pub retries: u32,
    /// Before the first of them; before each next one twice as long. A provider's `Retry-After` counts for more.
    pub retry_delay: Duration,
    /// Lines in the making at one time.
    pub at_once: NonZeroUsize,
    /// Characters of a line.
    pub characters: usize,
    /// Sound of a line.
    pub longest: Duration,
}

impl Default for SpeechConfig {
    fn default() -> Self {
        Self {
            provider: Provider::default(),
            espeak: Espeak::default(),
            elevenlabs: ElevenLabs::default(),
            openai: OpenAi::default(),
            connect: Duration::from_secs(3),
            first_byte: Duration::from_secs(10),
            stall: Duration::from_secs(10),
            total: Duration::from_secs(120),
            retries: 2,
            retry_delay: Duration::from_millis(200),
            at_once: NonZeroUsize::MIN.saturating_add(15),
            characters: 2000,
            longest: Duration::from_secs(600),
        }
    }
}

/// espeak-ng.
#[derive(Clone, Debug)]
pub struct Espeak {
    /// The program, looked for in `PATH` when it is a bare name.
    pub program: PathBuf,
    /// The voice or language when a line has neither.
    pub voice: String,
}

impl Default for Espeak {
    fn default() -> Self {
        Self { program: "espeak-ng".into(), voice: "en-us".to_owned() }
    }
}

/// ElevenLabs.
#[derive(Clone, Debug)]
pub struct ElevenLabs {
    /// Base of its API, without a trailing slash.
    pub url: String,
    /// Its key.
    pub key: Option<SecretString>,
    /// The id of the voice when a line has none.
    pub voice: String,
    /// The model.
    pub model: String,
}

impl Default for ElevenLabs {
    fn default() -> Self {
        Self {
            url: "https://api.elevenlabs.io".to_owned(),
            key: None,
            voice: "JBFqnCBsd6RMkjVDRZzb".to_owned(),
            model: "eleven_flash_v2_5".to_owned(),
        }
    }
}

/// OpenAI, or a server like it.
#[derive(Clone, Debug)]
pub struct OpenAi {
    /// Base of its API, without a trailing slash.
    pub url: String,
    /// Its key. A server of one's own may need none.
    pub key: Option<SecretString>,
    /// The voice when a line has none.
    pub voice: String,
    /// The model.
    pub model: String,
}

impl Default for OpenAi {
    fn default() -> Self {
        Self {
            url: OpenAi::URL.to_owned(),
            key: None,
            voice: "marin".to_owned(),
            model: "gpt-4o-mini-tts".to_owned(),
        }
    }
}

impl OpenAi {
    /// Where OpenAI itself is.
    pub const URL: &str = "https://api.openai.com";
}
