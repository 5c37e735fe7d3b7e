//! Words to find calls by, out of texts, and what somebody looks for, out of a query.
//!
//! Both are folded alike: compatibility forms and accents go (NFKD), case goes. A word is a run of letters and
//! digits; an ideograph, which stands in no run of that kind, is a word of its own.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Longest word that is told from others, in characters.
const MAX_LENGTH: usize = 32;

/// The most words that a call is found by. What comes first, counts: numbers, name, tags, notes, what was said.
pub(super) const MAX_WORDS: usize = 500;

/// The most words that one may look for at once.
const MAX_ASKED: usize = 8;

/// Lengths of the parts of a number that it is found by. Longer parts are looked for by their last digits and
/// checked, shorter ones are in so many numbers that the newest calls have them.
const PARTS: [usize; 2] = [4, 6];

/// Digits of a number that count: E.164 has 15.
const MAX_DIGITS: usize = 20;

/// A query has more words than may be looked for at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("q may have at most 8 words")]
pub(crate) struct TooManyWords;

/// One of the things that all must be found in a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    /// A word that begins like this.
    Word(String),
    /// A part of the customer's number; or a word that begins like this.
    Digits(String),
}

impl Asked {
    /// What a query looks for. Empty when there is nothing in it to look for.
    pub(crate) fn read(query: &str) -> Result<Vec<Self>, TooManyWords> {
        let of_a_number = |c: char| c.is_ascii_digit() || " +-./()".contains(c);
        if query.chars().all(of_a_number) {
            let digits = digits_of(query);
            // Whoever writes a whole number may write the zeros that only dialling needs.
            let digits = if digits.len() >= 7 { digits.trim_start_matches('0') } else { &digits };
            return Ok(Some(digits)
                .filter(|digits| !digits.is_empty())
                .map(Self::digits)
                .into_iter()
                .collect());
        }
        let asked: Vec<Self> = words(query)
            .map(|word| match word.bytes().all(|byte| byte.is_ascii_digit()) {
                true => Self::digits(&word),
                false => Self::Word(word),
            })
            .take(MAX_ASKED + 1)
            .collect();
        if asked.len() > MAX_ASKED { Err(TooManyWords) } else { Ok(asked) }
    }

    fn digits(digits: &str) -> Self {
        Self::Digits(digits.to_owned())
    }
}

/// What to look for when a number has some digits in it.
#[derive(Debug)]
pub(super) struct Parts {
    /// Leads to it: the last digits differ more than the first.
    pub(super) last: String,
    /// Whatever has it has this too. `None`: having the last is having it.
    pub(super) first: Option<String>,
}

/// The words by which a number is found that has these digits in it. `None`: they are too few for that.
pub(super) fn parts_of(digits: &str) -> Option<Parts> {
    let length = PARTS.into_iter().rev().find(|&length| length <= digits.len())?;
    let (first, last) = (&digits[..length], &digits[digits.len() - length..]);
    let first = (length < digits.len()).then(|| format!("#{first}"));
    Some(Parts { last: format!("#{last}"), first })
}

/// The words that a call is found by.
#[derive(Debug, Default)]
pub(crate) struct Words {
    words: BTreeSet<String>,
}

impl Words {
    /// Adds the words of a text, as long as there is room.
    pub(super) fn add(&mut self, text: &str) {
        for word in words(text) {
            if self.is_full() {
                return;
            }
            self.words.insert(word);
        }
    }

    /// Adds what a number is found by. What is no number, as a SIP address, has words.
    pub(super) fn add_number(&mut self, number: &str) {
        if number.chars().any(char::is_alphabetic) {
            return self.add(number);
        }
        let digits = digits_of(number);
        for length in PARTS {
            let ends = length..=digits.len();
            self.words.extend(ends.map(|end| format!("#{}", &digits[end - length..end])));
        }
    }

    /// Whether no more words fit.
    pub(super) fn is_full(&self) -> bool {
        self.words.len() >= MAX_WORDS
    }

    pub(crate) fn into_vec(self) -> Vec<String> {
        self.words.into_iter().collect()
    }
}

fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).take(MAX_DIGITS).collect()
}

/// The words of a text, as they come.
fn words(text: &str) -> impl Iterator<Item = String> {
    let mut folded = text
        .nfkd()
        .filter(|&c| !is_combining_mark(c))
        // By the capital, for that is one where small letters are two: the German sharp s, the final sigma.
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .peekable();
    std::iter::from_fn(move || {
        loop {
            let first = folded.by_ref().find(|c| c.is_alphanumeric())?;
            let mut word = String::from(first);
            if is_ideograph(first) {
                return Some(word);
            }
            let mut length = 1;
            while let Some(next) = folded.next_if(|&c| c.is_alphanumeric() && !is_ideograph(c)) {
                length += 1;
                if length <= MAX_LENGTH {
                    word.push(next);
                }
            }
            // A single letter of an alphabet tells nothing.
            if length > 1 || !first.is_ascii() {
                return Some(word);
            }
        }
    })
}

/// Whether words are written with it and no spaces between: Han, kana.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_folded_and_split_where_letters_and_digits_end() {
        for (text, expected) in [
            ("ANNE O'NEIL & SÖHNE", vec!["anne", "neil", "sohne"]),
            ("Straße STRASSE", vec!["strasse", "strasse"]),
            ("ΣΊΣΥΦΟΣ", vec!["σισυφοσ"]),
            ("ﬁne Ｆｕｌｌ ½", vec!["fine", "full"]),
            ("a b3 3", vec!["b3"]),
            ("<img src=x onerror=alert(1)>", vec!["img", "src", "onerror", "alert"]),
            ("電話 call", vec!["電", "話", "call"]),
            ("😀 \u{0} \n", vec![]),
            ("é e\u{301} É", vec!["é", "é", "é"]),
        ] {
            let found: Vec<String> = words(text).collect();
            let folded: Vec<String> = expected
                .iter()
                .map(|word| if *word == "é" { "e".to_owned() } else { (*word).to_owned() })
                .collect();
            // A single letter goes even if it had an accent.
            let folded: Vec<String> = folded.into_iter().filter(|word| word.len() > 1).collect();
            assert_eq!(found, folded, "{text}");
        }
        let long = "x".repeat(1000);
        assert_eq!(words(&long).collect::<Vec<_>>(), ["x".repeat(MAX_LENGTH)]);
    }

    #[test]
    fn a_query_is_a_number_or_words() {
        let digits = |text: &str| Asked::Digits(text.to_owned());
        let word = |text: &str| Asked::Word(text.to_owned());
        for (query, expected) in [
            ("+1 (415) 555-0111", vec![digits("14155550111")]),
            ("0111", vec![digits("0111")]),
            ("030 123456", vec![digits("30123456")]),
            ("0049 30 123456", vec![digits("4930123456")]),
            ("5", vec![digits("5")]),
            ("Anna 0111", vec![word("anna"), digits("0111")]),
            ("100% sure_thing", vec![digits("100"), word("sure"), word("thing")]),
            ("", vec![]),
            ("?!", vec![]),
            (" +-", vec![]),
        ] {
            assert_eq!(Asked::read(query).unwrap(), expected, "{query}");
        }
        assert_eq!(Asked::read("aa bb cc dd ee ff gg hh ii"), Err(TooManyWords));
        assert_eq!(Asked::read("aa bb cc dd ee ff gg hh").unwrap().len(), 8);
    }

    #[test]
    fn a_call_has_so_many_words_and_no_more() {
        let mut words = Words::default();
        words.add_number("+14155550111");
        assert_eq!(words.words.len(), 8 + 6);
        words.add_number("sip:alice@example.com");
        assert!(words.words.contains("alice"));
        words.add(&(0..10_000).map(|n| format!("word{n} ")).collect::<String>());
        assert!(words.is_full());
        words.add("later");
        assert_eq!(words.into_vec().len(), MAX_WORDS);
    }

    proptest! {
        /// Whoever copies a part of a number finds it, however they write it.
        #[test]
        fn every_part_of_a_number_that_is_long_enough_is_among_its_words(
            number in "[1-9][0-9]{6,14}", at in 0..12usize, length in 4..15usize,
        ) {
            let mut words = Words::default();
            words.add_number(&format!("+{number}"));
            let end = (at + length).min(number.len());
            let part = &number[at.min(end)..end];
            if let Some(Parts { last, first }) = parts_of(part) {
                prop_assert_eq!(first.is_none(), last.len() == part.len() + 1);
                prop_assert!(words.words.contains(&last) && first.is_none_or(|first| words.words.contains(&first)));
            } else {
                prop_assert!(part.len() < 4);
            }
        }

        /// Whatever the text: words are short, have no case, and are the same when they are folded again.
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,60}") {
            for word in words(&text) {
                prop_assert!(word.chars().count() <= MAX_LENGTH);
                prop_assert!(word.chars().all(char::is_alphanumeric));
            }
        }
    }
}
