//! Trickled candidates and ICE restarts over HTTP: `application/trickle-ice-sdpfrag` (RFC 8840, section 9).

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::ice::{IceCredentials, RemoteIce};
use super::sdp::write_candidates;

/// A fragment of SDP, as a client sends it with PATCH.
#[derive(Clone, Debug)]
pub struct Fragment {
    remote: Option<RemoteIce>,
}

/// Why a fragment was refused. Each one is the client's doing and malformed: 400.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FragmentError {
    /// Over the limit on bytes or lines.
    #[error("fragment is too long")]
    TooLong,
    /// A line is not `a=...` or `m=...`, or there is none.
    #[error("malformed line")]
    Line,
    /// A ufrag without a password, the reverse, two that differ, or one not as RFC 8839 wants it.
    #[error("malformed ICE credentials")]
    Ice,
}

impl Fragment {
    /// The most bytes of a fragment that are read.
    pub const MAX_BYTES: usize = 16 * 1024;
    const MAX_LINES: usize = 256;

    /// Reads a fragment. Its candidates are skipped: a lite agent answers checks and starts none, so it
    /// learns the client's addresses from the checks themselves.
    pub fn parse(text: &str) -> Result<Self, FragmentError> {
        if text.len() > Self::MAX_BYTES || text.lines().count() > Self::MAX_LINES {
            return Err(FragmentError::TooLong);
        }
        let (mut ufrag, mut pwd, mut lines) = (None, None, 0);
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            lines += 1;
            if !line.starts_with("a=") && !line.starts_with("m=") {
                return Err(FragmentError::Line);
            }
            // At the session's level, or repeated in the one section there can be.
            let (slot, value) = match line.split_once(':') {
                Some(("a=ice-ufrag", value)) => (&mut ufrag, value),
                Some(("a=ice-pwd", value)) => (&mut pwd, value),
                _ => continue,
            };
            if slot.replace(value).is_some_and(|before| before != value) {
                return Err(FragmentError::Ice);
            }
        }
        let remote = match (ufrag, pwd) {
            (Some(ufrag), Some(pwd)) => Some(RemoteIce::new(ufrag, pwd).ok_or(FragmentError::Ice)?),
            (None, None) => None,
            _ => return Err(FragmentError::Ice),
        };
        if lines == 0 { Err(FragmentError::Line) } else { Ok(Self { remote }) }
    }

    /// The credentials it names. If they differ from those of the offer, or of the last restart, this is an
    /// ICE restart, else it only trickles candidates. `None` also only trickles.
    pub fn remote(&self) -> Option<&RemoteIce> {
        self.remote.as_ref()
    }
}

/// The body of the response to an ICE restart.
pub(super) fn restarted(
    ice: &IceCredentials,
    mid: Option<&str>,
    payload_type: u8,
    candidates: &[SocketAddr],
) -> String {
    let mut out = format!(
        "a=ice-lite\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\nm=audio 9 UDP/TLS/RTP/SAVPF {payload_type}\r\n",
        ice.ufrag, ice.pwd
    );
    if let Some(mid) = mid {
        // Writing to a String cannot fail.
        let _ = write!(out, "a=mid:{mid}\r\n");
    }
    write_candidates(&mut out, candidates);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRICKLE: &str = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
        a=candidate:1387637174 1 udp 2122260223 6ab1-4e2f.local 61764 typ host\r\n\
        a=end-of-candidates\r\n";

    #[test]
    fn a_trickle_fragment_names_its_credentials() {
        let fragment = Fragment::parse(TRICKLE).unwrap();
        assert_eq!(fragment.remote().unwrap().ufrag(), "EsAw");
        assert!(Fragment::parse("m=audio 9 X 0\na=mid:0\n").unwrap().remote().is_none());
    }

    #[test]
    fn half_the_credentials_or_two_kinds_are_refused() {
        let parse = |text: &str| Fragment::parse(text).unwrap_err();
        assert_eq!(parse("a=ice-ufrag:EsAw\r\n"), FragmentError::Ice);
        assert_eq!(parse(&format!("{TRICKLE}a=ice-ufrag:other\r\n")), FragmentError::Ice);
        assert_eq!(parse(&TRICKLE.replace("P2uYro", "")), FragmentError::Ice);
        assert_eq!(parse("hello"), FragmentError::Line);
        assert_eq!(parse(""), FragmentError::Line);
        assert_eq!(parse(&"a=x\n".repeat(300)), FragmentError::TooLong);
        assert_eq!(parse(&"a".repeat(20_000)), FragmentError::TooLong);
    }

    #[test]
    fn the_response_to_a_restart_reads_back_as_a_fragment() {
        let ice = IceCredentials::generate();
        let addr = "192.0.2.1:8082".parse().unwrap();
        let text = restarted(&ice, Some("audio0"), 111, &[addr]);
        let fragment = Fragment::parse(&text).unwrap();
        assert_eq!(fragment.remote(), RemoteIce::new(&ice.ufrag, &ice.pwd).as_ref());
        assert!(text.contains("\r\na=mid:audio0\r\na=candidate:1 1 udp "), "{text}");
        assert_eq!(text.lines().count(), text.matches("\r\n").count());
    }
}
