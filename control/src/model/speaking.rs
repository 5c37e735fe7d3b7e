//! Who speaks in calls, and how.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use common::bus::{Bot, BotState};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::UnknownWord;

/// What a person's connection may do.
#[derive(ToSchema)]
#[schema(as = Mode, rename_all = "snake_case")]
#[expect(dead_code, reason = "stands for common's type in the API description")]
pub enum ModeWord {
    /// Hears everyone, is heard by nobody.
    Listen,
    /// Hears everyone, is heard by the agent side only.
    Whisper,
    /// Hears everyone else, is heard by everyone.
    Join,
    /// As join, with the AI paused.
    Takeover,
}

/// On which side of a call a person is.
#[derive(ToSchema)]
#[schema(as = Side, rename_all = "snake_case")]
#[expect(dead_code, reason = "stands for common's type in the API description")]
pub enum SideWord {
    /// Beside it: heard as the mode says.
    Beside,
    /// In it: the agent who has answered.
    Agent,
}

words! {
    /// What a call's bot does.
    CallBot {
        /// It hears the caller and is heard.
        Active => "active",
        /// It hears nothing and is heard by nobody, until it is handed back to.
        Paused => "paused",
        /// It could not be reached, or has died or fallen silent for good.
        Failed => "failed",
        /// It has ended its connection in order, or the call is over.
        Gone => "gone",
    }
}

impl CallBot {
    /// The same as a gateway says it. `None`: a state that has no word here.
    pub fn of(state: BotState) -> Option<Self> {
        match state {
            BotState::Active => Some(Self::Active),
            BotState::Paused => Some(Self::Paused),
            BotState::Failed => Some(Self::Failed),
            BotState::Gone => Some(Self::Gone),
            BotState::Unknown => None,
        }
    }

    /// Whether it can be paused and handed back to.
    pub const fn is_there(self) -> bool {
        matches!(self, Self::Active | Self::Paused)
    }
}

/// The bot that answers the calls of a number.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum BotSettings {
    /// One that speaks Twilio's Media Streams protocol.
    Stream {
        /// `wss:` or `ws:`, without a name and password; at most 1000 characters. Gateways connect to public addresses
        /// with `wss:`, and to what their operator allows beside them.
        #[schema(example = "wss://bot.example.com/twilio")]
        url: String,
        /// What its `start` has as `customParameters`: at most 20, with names of 1 to 100 characters and values of at
        /// most 1000.
        #[serde(default)]
        parameters: BTreeMap<String, String>,
        /// Seconds without any message of it, while it should speak, after which it is taken for dead, 1 to 600.
        /// `null`: never.
        #[serde(default)]
        #[schema(minimum = 1, maximum = 600)]
        stall_seconds: Option<u32>,
        /// What the caller hears when it fails; at most 500 characters.
        #[serde(default)]
        fallback: Option<String>,
    },
    /// OpenAI's Realtime API, with the key that the gateway is configured with.
    OpenAi {
        /// As the API names it.
        #[schema(example = "gpt-realtime")]
        model: String,
        /// What it is to be; at most 16,000 characters.
        #[serde(default)]
        instructions: String,
        /// As the API names it. `null`: its default.
        #[serde(default)]
        voice: Option<String>,
        /// What it says first, on its own; at most 500 characters. `null`: it waits for the caller.
        #[serde(default)]
        greeting: Option<String>,
        /// What the caller hears when it fails; at most 500 characters.
        #[serde(default)]
        fallback: Option<String>,
    },
}

impl BotSettings {
    /// Which kind it is, for those who may not know more.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Stream { .. } => "stream",
            Self::OpenAi { .. } => "open_ai",
        }
    }

    /// What is wrong with it.
    pub fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Stream { url, parameters, stall_seconds, fallback } => {
                if !is_socket(url) {
                    return Err(
                        "bot.url must be a ws: or wss: URL without name, password and fragment, of at \
                        most 1000 characters",
                    );
                }
                let fits = |(name, value): (&String, &String)| {
                    is_text(name, 1, 100) && is_text(value, 0, 1000) && !name.contains(char::is_whitespace)
                };
                if parameters.len() > 20 || !parameters.iter().all(fits) {
                    return Err(
                        "bot.parameters may be 20, with names of 1 to 100 characters and values of at \
                        most 1000, and no control characters",
                    );
                }
                if stall_seconds.is_some_and(|seconds| !(1..=600).contains(&seconds)) {
                    return Err("bot.stall_seconds must be between 1 and 600");
                }
                check_line(fallback.as_deref(), FALLBACK)
            }
            Self::OpenAi { model, instructions, voice, greeting, fallback } => {
                if !is_name(model, b"-._:") {
                    return Err("bot.model must be a name, of 1 to 100 letters, digits and -._:");
                }
                if !voice.as_deref().is_none_or(is_voice) {
                    return Err("bot.voice must be a name, of 1 to 100 letters, digits and -._:+");
                }
                let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
                if instructions.chars().count() > 16_000 || !instructions.chars().all(plain) {
                    return Err(
                        "bot.instructions may have at most 16000 characters, and no control characters \
                        but line breaks and tabs",
                    );
                }
                check_line(greeting.as_deref(), GREETING)?;
                check_line(fallback.as_deref(), FALLBACK)
            }
        }
    }

    /// The same as gateways are told it.
    pub fn for_gateway(self) -> Bot {
        match self {
            Self::Stream { url, parameters, stall_seconds, fallback } => {
                Bot::Stream { url, parameters, stall_seconds, fallback }
            }
            Self::OpenAi { model, instructions, voice, greeting, fallback } => {
                Bot::OpenAi { model, instructions, voice, greeting, fallback }
            }
        }
    }
}

/// What callers hear who wait for a person, and for how long they do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// What they are told at once and again and again, by the gateway's voice; at most 500 characters. `null`: in
    /// English, to wait. Empty: nothing.
    #[serde(default)]
    pub text: Option<String>,
    /// The language of the text (BCP 47). `null`: the voice's own.
    #[serde(default)]
    #[schema(example = "en-GB")]
    pub language: Option<String>,
    /// The provider's name for a voice. `null`: its default.
    #[serde(default)]
    pub voice: Option<String>,
    /// Seconds from one time to the next, 5 to 300; 20 unless given.
    #[serde(default = "Waiting::every")]
    #[schema(minimum = 5, maximum = 300)]
    pub every_seconds: u16,
    /// Seconds after which nobody will answer, 5 to 3600: then `dial` rings, or the call ends. 120 unless given.
    #[serde(default = "Waiting::patience")]
    #[schema(minimum = 5, maximum = 3600)]
    pub give_up_seconds: u16,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            text: None,
            language: None,
            voice: None,
            every_seconds: Self::every(),
            give_up_seconds: Self::patience(),
        }
    }
}

impl Waiting {
    /// What callers are told where nobody decided what.
    const TEXT: &'static str = "Please wait. Somebody will be with you soon.";

    const fn every() -> u16 {
        20
    }

    const fn patience() -> u16 {
        120
    }

    /// The words and their language. `None`: nothing is said.
    pub fn line(&self) -> Option<(&str, Option<&str>)> {
        match self.text.as_deref() {
            None => Some((Self::TEXT, Some("en-US"))),
            Some(text) if text.trim().is_empty() => None,
            Some(text) => Some((text, self.language.as_deref())),
        }
    }

    /// What is wrong with it.
    pub fn check(&self) -> Result<(), &'static str> {
        if !(5..=300).contains(&self.every_seconds) {
            return Err("waiting.every_seconds must be between 5 and 300");
        }
        if !(5..=3600).contains(&self.give_up_seconds) {
            return Err("waiting.give_up_seconds must be between 5 and 3600");
        }
        if !self.text.as_deref().is_none_or(|text| is_text(text, 0, 500)) {
            return Err("waiting.text may have at most 500 characters, and no control characters");
        }
        if !self.language.as_deref().is_none_or(is_language) {
            return Err("waiting.language must be a tag like en-GB");
        }
        if !self.voice.as_deref().is_none_or(is_voice) {
            return Err("waiting.voice must be a name, of 1 to 100 letters, digits and -._:+");
        }
        Ok(())
    }
}

/// Whether the text can be a language's tag (BCP 47).
pub fn is_language(text: &str) -> bool {
    is_name(text, b"-")
}

/// Whether the text can be what a provider of speech calls a voice.
pub fn is_voice(text: &str) -> bool {
    is_name(text, b"-._:+")
}

/// Whether the text has 1 to 100 letters, digits and these.
fn is_name(text: &str, extra: &[u8]) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte))
}

fn is_socket(text: &str) -> bool {
    // What `Url` would leave out or escape has no place in an address.
    let is_plain = text.len() <= 1000 && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain
        && Url::parse(text).is_ok_and(|url| {
            matches!(url.scheme(), "ws" | "wss")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.fragment().is_none()
        })
}

fn is_text(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.chars().count()) && !text.contains(char::is_control)
}

const GREETING: &str = "bot.greeting may have at most 500 characters, and no control characters";
const FALLBACK: &str = "bot.fallback may have at most 500 characters, and no control characters";

/// Something that is said to a caller.
fn check_line(line: Option<&str>, why: &'static str) -> Result<(), &'static str> {
    if line.is_none_or(|line| is_text(line, 0, 500)) { Ok(()) } else { Err(why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_is_written_as_gateways_read_it() {
        for json in [
            r#"{"kind":"stream","url":"wss://b/x","parameters":{"a":"b"},"stall_seconds":5,"fallback":"f"}"#,
            r#"{"kind":"open_ai","model":"m","instructions":"i","voice":null,"greeting":null,"fallback":null}"#,
        ] {
            let settings: BotSettings = serde_json::from_str(json).unwrap();
            let bot = settings.clone().for_gateway();
            assert_eq!(serde_json::to_string(&settings).unwrap(), json);
            assert_eq!(serde_json::to_string(&bot).unwrap(), json);
        }
        assert!(serde_json::from_str::<BotSettings>(r#"{"kind":"unknown"}"#).is_err());
        assert!(
            serde_json::from_str::<BotSettings>(r#"{"kind":"stream","url":"ws://b","key":"k"}"#).is_err()
        );
    }

    #[test]
    fn a_bots_address_is_a_socket_without_credentials() {
        for good in ["wss://bot.example.com/twilio?a=b", "ws://127.0.0.1:9000", "wss://[::1]/x"] {
            assert!(is_socket(good), "{good}");
        }
        for bad in [
            "",
            "https://bot.example.com",
            "bot.example.com",
            "wss://",
            "wss://u:p@bot.example.com",
            "wss://u@bot.example.com",
            "wss://bot.example.com/#x",
            "wss://bot.example.com/a b",
            "wss://bot.example.com/\n",
            &format!("wss://b/{}", "x".repeat(1000)),
        ] {
            assert!(!is_socket(bad), "{bad}");
        }
    }
}
