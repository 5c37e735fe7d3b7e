//! Twilio's ids: two letters and 32 hexadecimal digits, parsed once at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text was not a Twilio id of the expected kind.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a Twilio id of the form {expected} and 32 hexadecimal digits")]
pub struct ParseSidError {
    expected: &'static str,
}

macro_rules! twilio_sid {
    ($($(#[$doc:meta])* $name:ident => $prefix:literal,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 34]);

        impl $name {
            /// The two letters in front.
            pub const PREFIX: &'static str = $prefix;

            /// The text form.
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).expect("parsed from ASCII")
            }
        }

        impl FromStr for $name {
            type Err = ParseSidError;

            fn from_str(text: &str) -> Result<Self, ParseSidError> {
                let wrong = ParseSidError { expected: $prefix };
                let bytes: [u8; 34] = text.as_bytes().try_into().map_err(|_| wrong.clone())?;
                let hex = bytes[2..].iter().all(u8::is_ascii_hexdigit);
                match text.starts_with($prefix) && hex {
                    true => Ok(Self(bytes)),
                    false => Err(wrong),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseSidError;

            fn try_from(text: String) -> Result<Self, ParseSidError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(sid: $name) -> Self {
                sid.as_str().to_owned()
            }
        }
    )*};
}

twilio_sid! {
    /// A Twilio account.
    AccountSid => "AC",
    /// A leg of a call at Twilio.
    CallSid => "CA",
    /// One media stream of a leg.
    StreamSid => "MZ",
    /// A recording that Twilio made.
    RecordingSid => "RE",
    /// A conference at Twilio.
    ConferenceSid => "CF",
    /// A TwiML application of an account.
    ApplicationSid => "AP",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_letters_and_length_are_a_sid() {
        let good = "CA0123456789abcdef0123456789abcdef";
        assert_eq!(good.parse::<CallSid>().map(|sid| sid.to_string()).as_deref(), Ok(good));
        for bad in ["", "CA", &good[1..], &good[..33], &good.replace('0', "g"), &good.replace("CA", "MZ")] {
            assert!(bad.parse::<CallSid>().is_err(), "{bad}");
        }
    }
}
