//! Secret keys that an operator sets: 32 bytes, written in base64.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A secret key of 256 bits. It is never shown.
#[derive(Clone, Eq, PartialEq)]
pub struct SecretKey([u8; 32]);

/// The text was not a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be 32 bytes in base64, as `openssl rand -base64 32` makes them")]
pub struct NotAKey;

impl SecretKey {
    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for SecretKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| NotAKey)?;
        let key: [u8; 32] = bytes.try_into().map_err(|_| NotAKey)?;
        // What stands in an example, or what somebody typed to get on.
        match key.iter().all(|&byte| byte == key[0]) {
            true => Err(NotAKey),
            false => Ok(Self(key)),
        }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_that_somebody_has_drawn() {
        let key: SecretKey = format!("{}E=\n", "A".repeat(42)).parse().unwrap();
        assert_eq!(key.as_bytes()[31], 1);
        assert_eq!(format!("{key:?}"), "SecretKey(…)");
        for bad in ["", "c2hvcnQ=", &"A".repeat(43), &"A".repeat(44), "not base64"] {
            assert_eq!(bad.parse::<SecretKey>(), Err(NotAKey), "{bad}");
        }
    }
}
