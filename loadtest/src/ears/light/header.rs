//! What an RTP packet says of itself that SRTP leaves readable.

/// The fixed part of an RTP header (RFC 3550, section 5.1) and where the payload begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) source: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    /// Bytes of the header, with contributing sources and extension.
    pub(super) length: usize,
}

impl Header {
    /// Nothing when it is no RTP.
    pub(super) fn of(datagram: &[u8]) -> Option<Self> {
        let [first @ 128..=191, kind, high, low, t0, t1, t2, t3, s0, s1, s2, s3, ..] = *datagram else {
            return None;
        };
        // RTCP by its packet types (RFC 5761, section 4).
        if (64..=95).contains(&(kind & 0x7f)) {
            return None;
        }
        let mut length = 12 + 4 * usize::from(first & 0x0f);
        if first & 0x10 != 0 {
            let [_, _, high, low] = *datagram.get(length..)?.first_chunk()?;
            length += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        }
        Some(Self {
            source: u32::from_be_bytes([s0, s1, s2, s3]),
            sequence: u16::from_be_bytes([high, low]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            length,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 14] = [0x80, 0xef, 1, 2, 0, 0, 3, 4, 5, 6, 7, 8, 0xaa, 0xbb];

    #[test]
    fn the_payload_begins_after_sources_and_extension() {
        let expected = Header { source: 0x0506_0708, sequence: 0x0102, timestamp: 0x0304, length: 12 };
        assert_eq!(Header::of(&PLAIN), Some(expected));
        // One contributing source, one word of extension.
        let mut long = [&PLAIN[..12], &[9; 4], &[0xbe, 0xde, 0, 1], &[0x10, 0, 0, 0], &[1]].concat();
        long[0] = 0x91;
        assert_eq!(Header::of(&long).map(|header| header.length), Some(24));
        assert_eq!(Header::of(&long[..17]), None, "cut within the extension");
    }

    #[test]
    fn rtcp_stun_and_dtls_are_not_rtp() {
        for first in [0, 1, 20, 22, 63, 127, 192] {
            let mut other = PLAIN;
            other[0] = first;
            assert_eq!(Header::of(&other), None, "{first}");
        }
        for kind in 192..=223 {
            let mut report = PLAIN;
            report[1] = kind;
            assert_eq!(Header::of(&report), None, "{kind}");
        }
        assert_eq!(Header::of(&PLAIN[..11]), None);
    }
}
