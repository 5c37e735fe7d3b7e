//! Text to speech for the telephone, each provider behind the same [`Speech`].
//!
//! Sound is passed on as it comes: a provider that streams is heard before it is done. What comes is mu-law at 8000 Hz,
//! whatever the provider makes.

mod config;
mod elevenlabs;
mod espeak;
mod http;
mod openai;
mod phone;
mod text;
mod wav;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

pub use self::config::{ElevenLabs, Espeak, OpenAi, Provider, SpeechConfig};
use self::text::Line;
pub use self::text::is_voice;

/// Pieces of sound that may wait to be taken. A line as long as may be has fewer, unless a provider sends crumbs: then
/// it has to wait.
const PIECES: usize = 4096;

/// Why there is no speech, or no more of it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpeechError {
    /// The configuration misses something, or something in it cannot be used.
    #[error("{0}")]
    Config(String),
    /// The text cannot be said.
    #[error("the text {0}")]
    Text(&'static str),
    /// The language is not a tag of BCP 47.
    #[error("the language is not a tag like en or en-GB")]
    Language,
    /// The voice cannot be one of the provider's.
    #[error("the provider has no such voice")]
    Voice,
    /// As much is being said as may be.
    #[error("too many lines are being said at this moment")]
    Busy,
    /// The provider refuses: with this status, if it has one.
    #[error("the provider refuses{}: {why}", .status.map(|status| format!(" with {status}")).unwrap_or_default())]
    Refused {
        /// Of HTTP.
        status: Option<u16>,
        /// In words.
        why: String,
    },
    /// The provider cannot be reached, or broke off.
    #[error("the provider is away: {0}")]
    Away(String),
    /// The provider took too long.
    #[error("the provider took too long {0}")]
    Late(&'static str),
    /// What came is not the sound that was asked for.
    #[error("the provider sent no sound: {0}")]
    Malformed(&'static str),
    /// More sound than a line may have.
    #[error("the provider sent more sound than a line may have")]
    TooLong,
}

impl SpeechError {
    /// Whether the same might go well a moment later.
    fn is_passing(&self) -> bool {
        match self {
            Self::Refused { status, .. } => status.is_some_and(|status| status == 429 || status >= 500),
            Self::Away(_) | Self::Late(_) => true,
            _ => false,
        }
    }
}

/// What makes speech. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Speech(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: SpeechConfig,
    engine: Engine,
    at_once: Semaphore,
}

#[derive(Debug)]
enum Engine {
    Espeak,
    ElevenLabs(elevenlabs::ElevenLabs),
    OpenAi(openai::OpenAi),
}

impl Speech {
    /// Makes ready what the configuration says. Reaches out to nobody.
    pub fn new(config: SpeechConfig) -> Result<Self, SpeechError> {
        let engine = match config.provider {
            Provider::Espeak => Engine::Espeak,
            Provider::ElevenLabs => Engine::ElevenLabs(elevenlabs::ElevenLabs::new(&config)?),
            Provider::OpenAi => Engine::OpenAi(openai::OpenAi::new(&config)?),
        };
        let at_once = Semaphore::new(config.at_once.get());
        Ok(Self(Arc::new(Shared { config, engine, at_once })))
    }

    /// Says this, in mu-law at 8000 Hz. `language` is a tag of BCP 47, `voice` the provider's name for it. The end of
    /// the channel is the end of the line; an error is the last of it. Dropping the receiver ends the work.
    pub fn say(
        &self,
        text: &str,
        language: Option<&str>,
        voice: Option<&str>,
    ) -> mpsc::Receiver<Result<Bytes, SpeechError>> {
        let (sound, taken) = mpsc::channel(PIECES);
        let shared = self.0.clone();
        let line = Line::new(text, language, voice, &shared.config);
        tokio::spawn(async move {
            let result = match line {
                Ok(line) => tokio::select! {
                    result = shared.say(&line, &sound) => result,
                    () = sound.closed() => return,
                },
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                tracing::warn!(error = &error as &dyn std::error::Error, "a line could not be said");
                let _nobody_waits = sound.send(Err(error)).await;
            }
        });
        taken
    }
}

impl Shared {
    async fn say(
        &self,
        line: &Line,
        sound: &mpsc::Sender<Result<Bytes, SpeechError>>,
    ) -> Result<(), SpeechError> {
        let started = Instant::now();
        let config = &self.config;
        let waited = tokio::time::timeout(config.first_byte, self.at_once.acquire()).await;
        let Ok(Ok(_place)) = waited else { return Err(SpeechError::Busy) };
        let mut outlet = Outlet { sound, left: bytes_of(config.longest) };
        let making = async {
            match &self.engine {
                Engine::Espeak => espeak::say(config, line, &mut outlet).await,
                Engine::ElevenLabs(provider) => provider.say(config, line, &mut outlet).await,
                Engine::OpenAi(provider) => provider.say(config, line, &mut outlet).await,
            }
        };
        match tokio::time::timeout_at(started + config.total, making).await {
            Ok(made) => made,
            Err(_elapsed) => Err(SpeechError::Late("as a whole")),
        }
    }
}

/// Where sound goes.
struct Outlet<'a> {
    sound: &'a mpsc::Sender<Result<Bytes, SpeechError>>,
    /// Bytes that may still come.
    left: usize,
}

impl Outlet<'_> {
    /// Passes a piece on.
    async fn push(&mut self, ulaw: Bytes) -> Result<(), SpeechError> {
        if ulaw.is_empty() {
            return Ok(());
        }
        self.left = self.left.checked_sub(ulaw.len()).ok_or(SpeechError::TooLong)?;
        // Nobody there: the whole work is dropped at its next step.
        let _taken_or_closed = self.sound.send(Ok(ulaw)).await;
        // A provider may be much faster than real time; the calls on this thread are not to wait for it.
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// How much mu-law that is.
fn bytes_of(time: Duration) -> usize {
    usize::try_from(time.as_millis()).unwrap_or(usize::MAX).saturating_mul(8)
}
