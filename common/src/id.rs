//! Our own ids: a UUIDv7 behind a prefix that says what it names.
//!
//! The prefix is part of the text form, so a wrong id in a log or a token is seen at once. A v7 id sorts
//! by its time of birth, which keeps database indexes dense.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text was not an id of the expected kind.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a {expected} id")]
pub struct ParseIdError {
    expected: &'static str,
}

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident => $prefix:literal,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// The prefix of the text form, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id.
            #[expect(clippy::new_without_default, reason = "two ids are never equal: no default exists")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// From the database form. For `control::store` only.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The database form. For `control::store` only.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let wrong = ParseIdError { expected: Self::PREFIX };
                let hex = text.strip_prefix(concat!($prefix, "_")).ok_or(wrong.clone())?;
                // The other spellings that `uuid` reads (braces, hyphens) would give one thing two names.
                let simple = hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                match Uuid::try_parse(hex) {
                    Ok(uuid) if simple => Ok(Self(uuid)),
                    _ => Err(wrong),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, ParseIdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    )*};
}

typed_id! {
    /// One phone call, from Twilio's first webhook to the last listener gone.
    CallId => "call",
    /// One gateway process. A restart makes a new one.
    NodeId => "node",
    /// One line that is said to a caller.
    SayId => "say",
    /// One person's connection to one call.
    SessionId => "ses",
    /// The customer that owns calls, users and keys. Every stored row carries one.
    TenantId => "ten",
    /// Leave for one media stream to connect, once.
    TicketId => "tic",
    /// A person who signs in.
    UserId => "usr",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_form() {
        let id = CallId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("call_"));
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let tenant = TenantId::new().to_string();
        assert_eq!(tenant.parse::<CallId>(), Err(ParseIdError { expected: "call" }));
    }

    #[test]
    fn an_id_has_one_spelling() {
        let hyphens = format!("call_{}", Uuid::now_v7());
        let upper = CallId::new().to_string().to_uppercase();
        for text in [hyphens.as_str(), upper.as_str(), "call_", "call_00", ""] {
            assert!(text.parse::<CallId>().is_err(), "{text}");
        }
    }
}
