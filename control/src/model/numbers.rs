//! Phone numbers and what they do with their callers.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{BotSettings, Route, Waiting};

/// A phone number of the organization.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Number {
    /// E.164.
    #[schema(example = "+15550100")]
    pub number: String,
    /// What people call it.
    pub label: String,
    /// What its TwiML does.
    pub route: Route,
    /// The particulars.
    pub settings: NumberSettings,
    /// Whether a bot answers.
    pub has_bot: bool,
    /// Since when it is known.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// The particulars of a number.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberSettings {
    /// Whom a call rings, E.164. Route `monitor` dials it at once, route `agent` after its stream.
    #[serde(default)]
    pub dial: Option<String>,
    /// What callers are told before anything else, as that the call is listened to. `null`: what the tenant's settings
    /// say.
    #[serde(default)]
    pub disclosure: Option<Disclosure>,
    /// The bot that answers, with route `agent`. Its parameters and instructions are for admins: `null` for anybody
    /// else.
    #[serde(default)]
    pub bot: Option<BotSettings>,
    /// What callers hear who wait for a person, with route `agent` and no bot, and for how long. `null`: as an empty
    /// object.
    #[serde(default)]
    pub waiting: Option<Waiting>,
}

impl NumberSettings {
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.dial.as_deref().is_some_and(|dial| !is_e164(dial)) {
            return Err("dial must be E.164");
        }
        self.disclosure.as_ref().map_or(Ok(()), Disclosure::check)?;
        self.bot.as_ref().map_or(Ok(()), BotSettings::check)?;
        self.waiting.as_ref().map_or(Ok(()), Waiting::check)
    }
}

/// What a caller is told, by Twilio's voice.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// The words; 1 to 500 characters.
    #[schema(example = "This call may be listened to for training.")]
    pub text: String,
    /// Their language, as Twilio names it. `null`: Twilio's own, `en-US`.
    #[serde(default)]
    #[schema(example = "en-GB")]
    pub language: Option<String>,
    /// The voice, as Twilio names it. `null`: Twilio's own.
    #[serde(default)]
    #[schema(example = "Polly.Amy")]
    pub voice: Option<String>,
}

impl Disclosure {
    /// Most characters of the text.
    pub const MAX_TEXT: usize = 500;

    /// What is wrong with it.
    pub fn check(&self) -> Result<(), &'static str> {
        let is_name = |name: &str, extra: &str| {
            (1..=50).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.as_bytes().contains(&byte))
        };
        let length = self.text.trim().chars().count();
        if length == 0
            || self.text.chars().count() > Self::MAX_TEXT
            || self.text.chars().any(char::is_control)
        {
            return Err("disclosure.text must have 1 to 500 characters, and no control characters");
        }
        if !self.language.as_deref().is_none_or(|language| is_name(language, "-")) {
            return Err("disclosure.language must be a tag like en-GB");
        }
        if !self.voice.as_deref().is_none_or(|voice| is_name(voice, "-._")) {
            return Err("disclosure.voice must be a name like Polly.Amy");
        }
        Ok(())
    }
}

/// Whether the text is a number as E.164 writes it: `+`, then 7 to 15 digits, the first not zero.
pub fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_international_numbers_are_e164() {
        for good in ["+15550100", "+4930123456", "+123456789012345"] {
            assert!(is_e164(good), "{good}");
        }
        for bad in
            ["", "+", "15550100", "+0555010099", "+1555 0100", "+123456", "+1234567890123456", "+1555٠100"]
        {
            assert!(!is_e164(bad), "{bad}");
        }
    }
}
