//! Certificates' fingerprints: what ties a DTLS connection to the offer that came over HTTPS.

use std::fmt::{self, Write as _};

use aws_lc_rs::digest;

/// A hash function of RFC 8122, section 5, strongest last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// A hash of a certificate, as in `a=fingerprint` (RFC 8122, section 5). It displays as the line's value.
#[derive(Clone, Eq, PartialEq)]
pub struct Fingerprint {
    hash: Hash,
    digest: Box<[u8]>,
}

/// Why a fingerprint line could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FingerprintError {
    /// A hash function we do not know or do not trust.
    Unknown,
    /// Not pairs of hexadecimal digits, or not as many as the function makes.
    Malformed,
}

impl Fingerprint {
    pub(super) fn of(hash: Hash, der: &[u8]) -> Self {
        Self { hash, digest: digest::digest(hash.algorithm(), der).as_ref().into() }
    }

    pub(super) fn hash(&self) -> Hash {
        self.hash
    }

    /// Whether it is this certificate's.
    pub(super) fn matches(&self, der: &[u8]) -> bool {
        digest::digest(self.hash.algorithm(), der).as_ref() == &*self.digest
    }

    /// Reads the value of an `a=fingerprint` line.
    pub(super) fn parse(text: &str) -> Result<Self, FingerprintError> {
        let (name, hex) = text.trim().split_once(' ').ok_or(FingerprintError::Malformed)?;
        let hash = [Hash::Sha256, Hash::Sha384, Hash::Sha512]
            .into_iter()
            .find(|hash| hash.name().eq_ignore_ascii_case(name))
            .ok_or(FingerprintError::Unknown)?;
        let length = hash.algorithm().output_len();
        let byte = |pair: &str| {
            let is_hex = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
            is_hex.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
        };
        let digest: Option<Box<[u8]>> = hex.trim().split(':').take(length + 1).map(byte).collect();
        match digest {
            Some(digest) if digest.len() == length => Ok(Self { hash, digest }),
            _ => Err(FingerprintError::Malformed),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.name())?;
        for (i, byte) in self.digest.iter().enumerate() {
            f.write_char(if i == 0 { ' ' } else { ':' })?;
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let print = Fingerprint::of(hash, b"certificate");
            assert_eq!(Fingerprint::parse(&print.to_string()), Ok(print.clone()));
            assert_eq!(Fingerprint::parse(&print.to_string().to_lowercase()), Ok(print.clone()));
            assert!(print.matches(b"certificate") && !print.matches(b"certificatf"));
        }
    }

    #[test]
    fn a_fingerprint_of_the_wrong_length_or_function_is_refused() {
        let good = Fingerprint::of(Hash::Sha256, b"certificate").to_string();
        let parse = |text: &str| Fingerprint::parse(text).unwrap_err();
        assert_eq!(parse(&good[..good.len() - 3]), FingerprintError::Malformed);
        assert_eq!(parse(&format!("{good}:00")), FingerprintError::Malformed);
        assert_eq!(parse(&good.replace("256 ", "256 +")), FingerprintError::Malformed);
        assert_eq!(parse("sha-1 00:11"), FingerprintError::Unknown);
        assert_eq!(parse("sha-256"), FingerprintError::Malformed);
    }
}
