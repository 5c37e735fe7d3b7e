//! ICE credentials, and the limiter of checks.

use std::fmt;
use std::time::{Duration, Instant};

use super::random;

/// Our half of a session's ICE credentials (RFC 8445, section 5.3).
#[derive(Clone, Eq, PartialEq)]
pub struct IceCredentials {
    /// The name by which checks find the session. It is no secret.
    pub ufrag: String,
    /// The key of the checks' integrity.
    pub pwd: String,
}

/// The other side's half, from its offer or fragment.
#[derive(Clone, Eq, PartialEq)]
pub struct RemoteIce {
    ufrag: String,
    pwd: String,
}

impl IceCredentials {
    /// Fresh ones, with more randomness than RFC 8839, section 5.4 asks for (24 and 128 bits): 72 and 192.
    pub fn generate() -> Self {
        Self { ufrag: ice_chars::<12>(), pwd: ice_chars::<32>() }
    }
}

/// Text of 6 random bits a letter.
fn ice_chars<const N: usize>() -> String {
    const CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: [u8; N] = random();
    bytes.iter().map(|byte| char::from(CHARS[usize::from(byte & 63)])).collect()
}

impl RemoteIce {
    /// `None` unless both keep to RFC 8839, section 5.4: letters, digits, `+` and `/`; 4 to 256 and 22 to
    /// 256 of them. `-`, `_` and `=` are let through: clients in the field use them.
    pub fn new(ufrag: &str, pwd: &str) -> Option<Self> {
        let fits = |text: &str, least| {
            (least..=256).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_=".contains(&b))
        };
        let good = fits(ufrag, 4) && fits(pwd, 22);
        good.then(|| Self { ufrag: ufrag.to_owned(), pwd: pwd.to_owned() })
    }

    /// The name part.
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    pub(super) fn pwd(&self) -> &str {
        &self.pwd
    }
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IceCredentials({}, ..)", self.ufrag)
    }
}

impl fmt::Debug for RemoteIce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteIce({}, ..)", self.ufrag)
    }
}

/// A token bucket on the session's own time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    tokens: u32,
    burst: u32,
    interval: Duration,
    refilled: Instant,
}

impl Bucket {
    /// A full one of `burst` tokens, that gets one more each `interval`.
    pub(super) fn new(now: Instant, burst: u32, interval: Duration) -> Self {
        Self { tokens: burst, burst, interval, refilled: now }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.refilled);
        let gained = u32::try_from(passed.as_nanos() / self.interval.as_nanos().max(1));
        match gained {
            Ok(gained) if gained < self.burst => {
                self.tokens = (self.tokens + gained).min(self.burst);
                self.refilled += self.interval * gained;
            }
            _ => {
                self.tokens = self.burst;
                self.refilled = now;
            }
        }
        let has = self.tokens > 0;
        self.tokens -= u32::from(has);
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_credentials_differ_and_are_valid() {
        let (a, b) = (IceCredentials::generate(), IceCredentials::generate());
        assert_ne!(a, b);
        assert!(RemoteIce::new(&a.ufrag, &a.pwd).is_some());
        assert!(!format!("{a:?}").contains(&a.pwd));
    }

    #[test]
    fn credentials_out_of_bounds_are_refused() {
        let pwd = "p".repeat(22);
        assert!(RemoteIce::new("abcd", &pwd).is_some());
        assert!(RemoteIce::new("abc", &pwd).is_none());
        assert!(RemoteIce::new("abcd", &pwd[1..]).is_none());
        assert!(RemoteIce::new(&"u".repeat(257), &pwd).is_none());
        assert!(RemoteIce::new("ab:d", &pwd).is_none());
        assert!(RemoteIce::new("abc\r", &pwd).is_none());
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = crate::listener::tests::moment();
        let mut bucket = Bucket::new(start, 3, Duration::from_millis(100));
        let taken = |bucket: &mut Bucket, at| (0..10).filter(|_| bucket.take(at)).count();
        assert_eq!(taken(&mut bucket, start), 3);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(250)), 2);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(299)), 0);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(300)), 1);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(3600)), 3);
    }
}
