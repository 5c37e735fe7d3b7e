//! The fields of a webhook.

use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

/// Longest value that is kept of a foreign field, in characters.
const MAX_TEXT: usize = 200;

/// How far ahead of our clock a time of Twilio's may be.
const AHEAD: time::Duration = time::Duration::minutes(5);

/// A form, decoded.
#[derive(Debug, Default)]
pub(super) struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    pub(super) fn parse(body: &[u8]) -> Self {
        Self { fields: url::form_urlencoded::parse(body).into_owned().collect() }
    }

    /// Fields that were decoded before.
    pub(super) fn of(fields: Vec<(String, String)>) -> Self {
        Self { fields }
    }

    /// All fields, in the order they came.
    pub(super) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The value of a field that is there once and not empty. The signature does not say in which order
    /// two values came, so neither counts.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut values =
            self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (Some(value), None) if !value.is_empty() => Some(value),
            _ => None,
        }
    }

    /// The value, cut to a sane length and without control characters. For texts of people and networks.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let clean =
            |value: &str| value.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect::<String>();
        self.get(name).map(clean).filter(|value| !value.is_empty())
    }

    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.get(name)?.parse().ok()
    }

    /// `Timestamp`: RFC 2822 in call callbacks, ISO 8601 in stream callbacks. `now` when it is missing,
    /// unreadable or not yet.
    pub(super) fn timestamp(&self, now: OffsetDateTime) -> OffsetDateTime {
        let text = self.get("Timestamp").unwrap_or_default();
        let time = OffsetDateTime::parse(text, &Rfc2822).or_else(|_| OffsetDateTime::parse(text, &Rfc3339));
        match time {
            Ok(time) if time <= now + AHEAD && time.unix_timestamp() >= 0 => {
                time.to_offset(time::UtcOffset::UTC)
            }
            _ => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn both_forms_of_time_are_read_and_the_rest_is_now() {
        let now = datetime!(2026-11-20 12:00 UTC);
        let at = |text: &str| {
            let body =
                url::form_urlencoded::Serializer::new(String::new()).append_pair("Timestamp", text).finish();
            Form::parse(body.as_bytes()).timestamp(now)
        };
        assert_eq!(at("Fri, 20 Nov 2026 11:59:58 +0000"), datetime!(2026-11-20 11:59:58 UTC));
        assert_eq!(at("2026-11-20T11:59:58.5Z"), datetime!(2026-11-20 11:59:58.5 UTC));
        for odd in ["", "yesterday", "Fri, 20 Nov 2026 13:59:58 +0000", "0001-01-01T00:00:00Z"] {
            assert_eq!(at(odd), now, "{odd}");
        }
    }

    #[test]
    fn a_field_that_is_there_twice_has_no_value() {
        let form = Form::parse(b"a=1&b=&c=2&c=3&d=%00x%0A");
        assert_eq!(
            (form.get("a"), form.get("b"), form.get("c"), form.get("e")),
            (Some("1"), None, None, None)
        );
        assert_eq!(form.text("d").as_deref(), Some("x"));
    }
}
