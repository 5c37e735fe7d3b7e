//! The forms of values in Twilio's JSON: nearly all are strings.

use serde::{Deserialize as _, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// A time in RFC 2822, or `null`. What cannot be read is none: no field is worth an answer.
pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<OffsetDateTime>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.and_then(|text| OffsetDateTime::parse(&text, &Rfc2822).ok()))
}

/// A number in a string, or `null`, or a number.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    let text = value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string());
    Ok(text.parse().ok())
}

/// The form of a truth value.
pub(super) const fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
