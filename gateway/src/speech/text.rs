//! A line that is to be said, checked.

use super::{SpeechConfig, SpeechError};

/// Longest tag of a language, in bytes (RFC 5646, 4.4.1).
const MAX_LANGUAGE: usize = 35;

/// Longest name of a voice, in bytes.
const MAX_VOICE: usize = 64;

/// What is to be said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Line {
    /// Not empty, not too long, without characters that are no text.
    pub(super) text: String,
    /// Letters, digits and hyphens.
    pub(super) language: Option<String>,
    /// Letters, digits and `-`, `_`, `+`, `.`; a letter or digit in front.
    pub(super) voice: Option<String>,
}

impl Line {
    pub(super) fn new(
        text: &str,
        language: Option<&str>,
        voice: Option<&str>,
        config: &SpeechConfig,
    ) -> Result<Self, SpeechError> {
        if text.chars().nth(config.characters).is_some() {
            return Err(SpeechError::Text("is too long"));
        }
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if !text.contains(char::is_alphanumeric) {
            return Err(SpeechError::Text("has no words"));
        }
        if language.is_some_and(|tag| !is_language(tag)) {
            return Err(SpeechError::Language);
        }
        if voice.is_some_and(|name| !is_voice(name)) {
            return Err(SpeechError::Voice);
        }
        let (language, voice) = (language.map(str::to_owned), voice.map(str::to_owned));
        Ok(Self { text, language, voice })
    }
}

/// `en`, `en-GB`, `zh-Hant-TW`: subtags of letters and digits, a letter in front.
fn is_language(tag: &str) -> bool {
    let good = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let first = tag.split('-').next().unwrap_or_default();
    (2..=MAX_LANGUAGE).contains(&tag.len())
        && (2..=3).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && tag.split('-').all(good)
}

/// Whether a provider may have a voice of this name: letters, digits and `-`, `_`, `+`, `.`, at most 64.
pub fn is_voice(name: &str) -> bool {
    name.len() <= MAX_VOICE
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+.".contains(&b))
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, language: Option<&str>, voice: Option<&str>) -> Result<Line, SpeechError> {
        Line::new(text, language, voice, &SpeechConfig::default())
    }

    #[test]
    fn a_line_has_words_and_an_end() {
        assert_eq!(line("a\0b\x1b\nc\u{9d}d", None, None).unwrap().text, "a b  c d");
        assert!(line(&"ä".repeat(2000), None, None).is_ok());
        for (text, why) in
            [("", "has no words"), (" \n.?!", "has no words"), (&"ä".repeat(2001), "is too long")]
        {
            assert_eq!(line(text, None, None), Err(SpeechError::Text(why)));
        }
    }

    #[test]
    fn languages_and_voices_are_names_and_nothing_else() {
        for good in ["en", "en-GB", "zh-Hant-TW", "de-1996", "es-419", "cmn"] {
            assert!(line("hi", Some(good), None).is_ok(), "{good}");
        }
        for bad in
            ["", "e", "-v", "--path=/", "en_GB", "en-", "en--GB", "en/../x", "x y", "1n", "englisch", "é"]
        {
            assert_eq!(line("hi", Some(bad), None), Err(SpeechError::Language), "{bad}");
        }
        for good in ["alloy", "en-us+f3", "JBFqnCBsd6RMkjVDRZzb", "af_bella", "v1.0"] {
            assert!(line("hi", None, Some(good)).is_ok(), "{good}");
        }
        let long = "x".repeat(65);
        for bad in ["", "-v", "--stdin", "mb/de1", "../x", "a..b", "a b", "a\0", "+f3", "a?b=c", &long] {
            assert_eq!(line("hi", None, Some(bad)), Err(SpeechError::Voice), "{bad}");
        }
    }
}
