//! STUN (RFC 8489), as much as ICE needs: Binding requests and their responses, read by borrowing.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;

/// Which session a datagram is for, from its bytes alone. Nothing in it is verified yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Route<'a> {
    /// A STUN Binding request: for the session whose [`IceCredentials::ufrag`](super::IceCredentials) this
    /// is, wherever it comes from.
    Check {
        /// The part of USERNAME before the colon.
        ufrag: &'a str,
    },
    /// A STUN response to a session's own check: for the session with this
    /// [`SessionConfig::tag`](super::SessionConfig), wherever it comes from.
    Response {
        /// The first four bytes of the transaction id.
        tag: u32,
    },
    /// DTLS, SRTP or SRTCP by its first byte (RFC 7983): for the session that owns the source address, that
    /// is, the last to report it with [`Event::Validated`](super::Event), or for nobody.
    Media,
    /// None of these: drop it.
    Other,
}

/// What the socket's owner needs to know of a datagram to find its session.
pub fn route(datagram: &[u8]) -> Route<'_> {
    match datagram.first() {
        Some(20..=63 | 128..=191) => Route::Media,
        Some(0..=3) => match Message::parse(datagram) {
            Some(Message { class: Class::Request, username: Some(name), .. }) => {
                let name = std::str::from_utf8(name).ok();
                match name.and_then(|name| name.split_once(':')) {
                    Some((ufrag, _)) => Route::Check { ufrag },
                    None => Route::Other,
                }
            }
            Some(Message { class: Class::Success | Class::Error, transaction: [a, b, c, d, ..], .. }) => {
                Route::Response { tag: u32::from_be_bytes([a, b, c, d]) }
            }
            _ => Route::Other,
        },
        _ => Route::Other,
    }
}

/// A transaction id.
pub(super) type Transaction = [u8; 12];

/// What kind of Binding message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// Which ICE role the sender of a request claims.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    Controlling,
    Controlled,
}

/// A Binding message. Of its attributes only those before MESSAGE-INTEGRITY are here: what follows it is
/// not covered by it (RFC 8489, section 14.5).
#[derive(Debug)]
pub(super) struct Message<'a> {
    raw: &'a [u8],
    pub(super) class: Class,
    pub(super) transaction: Transaction,
    pub(super) username: Option<&'a [u8]>,
    pub(super) use_candidate: bool,
    pub(super) role: Option<Role>,
    pub(super) has_priority: bool,
    /// An attribute we know has the wrong length.
    pub(super) malformed: bool,
    unknown: [u16; MAX_UNKNOWN],
    unknown_len: usize,
    integrity_at: Option<usize>,
}

/// The longest message that is read. ICE needs a quarter of it.
const MAX_MESSAGE: usize = 1280;
/// The most attributes that are read.
const MAX_ATTRIBUTES: usize = 32;
/// The most unknown attributes that are named in a 420.
const MAX_UNKNOWN: usize = 4;

const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const FINGERPRINT_XOR: u32 = 0x5354_554E;

const USERNAME: u16 = 0x0006;
const INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;
const INTEGRITY_SHA256: u16 = 0x001C;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const CONTROLLED: u16 = 0x8029;
const CONTROLLING: u16 = 0x802A;

impl<'a> Message<'a> {
    /// `None` for what is no Binding message, is cut, or has a wrong FINGERPRINT.
    pub(super) fn parse(raw: &'a [u8]) -> Option<Self> {
        if raw.len() > MAX_MESSAGE || raw.get(4..8)? != COOKIE {
            return None;
        }
        let class = match raw.first_chunk()? {
            [0x00, 0x01] => Class::Request,
            [0x00, 0x11] => Class::Indication,
            [0x01, 0x01] => Class::Success,
            [0x01, 0x11] => Class::Error,
            _ => return None,
        };
        let length = usize::from(u16_at(raw, 2)?);
        if !length.is_multiple_of(4) || raw.len() != HEADER + length {
            return None;
        }
        let mut message = Self {
            raw,
            class,
            transaction: raw.get(8..HEADER)?.try_into().ok()?,
            username: None,
            use_candidate: false,
            role: None,
            has_priority: false,
            malformed: false,
            unknown: [0; MAX_UNKNOWN],
            unknown_len: 0,
            integrity_at: None,
        };
        let (mut at, mut seen) = (HEADER, 0);
        while at < raw.len() {
            seen += 1;
            let (kind, length) = (u16_at(raw, at)?, usize::from(u16_at(raw, at + 2)?));
            let value = raw.get(at + 4..at + 4 + length)?;
            if seen > MAX_ATTRIBUTES {
                return None;
            }
            match kind {
                FINGERPRINT => {
                    let sum = crc32(raw.get(..at)?) ^ FINGERPRINT_XOR;
                    let ends = at + 8 == raw.len();
                    return (ends && value == sum.to_be_bytes()).then_some(message);
                }
                _ if message.integrity_at.is_some() => {}
                INTEGRITY if length == 20 => message.integrity_at = Some(at),
                _ => message.take(kind, value),
            }
            at += 4 + length.next_multiple_of(4);
        }
        (at == raw.len()).then_some(message)
    }

    fn take(&mut self, kind: u16, value: &'a [u8]) {
        match kind {
            // The first of a kind counts (RFC 8489, section 14).
            USERNAME if self.username.is_none() => self.username = Some(value),
            PRIORITY => {
                self.has_priority = true;
                self.malformed |= value.len() != 4;
            }
            USE_CANDIDATE => {
                self.use_candidate = true;
                self.malformed |= !value.is_empty();
            }
            CONTROLLED | CONTROLLING => {
                let role = if kind == CONTROLLED { Role::Controlled } else { Role::Controlling };
                // Both at once is nonsense.
                self.malformed |= value.len() != 8 || self.role.is_some_and(|other| other != role);
                self.role = Some(role);
            }
            INTEGRITY => self.malformed = true,
            USERNAME | ERROR_CODE | UNKNOWN_ATTRIBUTES | REALM | NONCE | INTEGRITY_SHA256
            | XOR_MAPPED_ADDRESS => {}
            // The upper half need not be understood.
            0x8000.. => {}
            _ => {
                if let Some(slot) = self.unknown.get_mut(self.unknown_len) {
                    *slot = kind;
                    self.unknown_len += 1;
                }
            }
        }
    }

    /// Whether MESSAGE-INTEGRITY is there and made with this key.
    pub(super) fn is_authentic(&self, key: &hmac::Key) -> bool {
        let Some(at) = self.integrity_at else { return false };
        let (Some(head), Some(body), Some(tag)) =
            (self.raw.get(..2), self.raw.get(4..at), self.raw.get(at + 4..at + 24))
        else {
            return false;
        };
        integrity(key, head, at, body).as_ref().ct_eq(tag).into()
    }

    /// Attributes that had to be understood and were not (RFC 8489, section 6.3.1).
    pub(super) fn unknown(&self) -> &[u16] {
        self.unknown.get(..self.unknown_len).unwrap_or_default()
    }

    /// How many bytes it is.
    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }
}

/// HMAC over the message up to its MESSAGE-INTEGRITY at `at`, as if it ended after that.
fn integrity(key: &hmac::Key, kind: &[u8], at: usize, from_cookie: &[u8]) -> hmac::Tag {
    let length = u16::try_from(at + 24 - HEADER).unwrap_or(u16::MAX);
    let mut context = hmac::Context::with_key(key);
    context.update(kind);
    context.update(&length.to_be_bytes());
    context.update(from_cookie);
    context.sign()
}

/// The key of MESSAGE-INTEGRITY for short-term credentials: the password (RFC 8489, section 9.1.1).
pub(super) fn key(password: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes())
}

/// A success response: where the request came from.
pub(super) fn success(transaction: &Transaction, from: SocketAddr, key: &hmac::Key) -> Vec<u8> {
    let mut writer = Writer::new([0x01, 0x01], transaction);
    let port = from.port() ^ 0x2112;
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&COOKIE);
    mask[4..].copy_from_slice(transaction);
    let mut value = [0; 20];
    value[2..4].copy_from_slice(&port.to_be_bytes());
    let length = match from.ip() {
        IpAddr::V4(ip) => {
            value[1] = 1;
            value[4..8].copy_from_slice(&ip.octets());
            8
        }
        IpAddr::V6(ip) => {
            value[1] = 2;
            value[4..].copy_from_slice(&ip.octets());
            20
        }
    };
    for (byte, mask) in value[4..length].iter_mut().zip(mask) {
        *byte ^= mask;
    }
    writer.attribute(XOR_MAPPED_ADDRESS, &value[..length]);
    writer.finish(key)
}

/// What is wrong with an authentic request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// 400.
    BadRequest,
    /// 420, with UNKNOWN-ATTRIBUTES.
    UnknownAttribute,
    /// 487 (RFC 8445, section 7.3.1.1).
    RoleConflict,
}

/// An error response to `request`.
pub(super) fn error(request: &Message<'_>, refusal: Refusal, key: &hmac::Key) -> Vec<u8> {
    let mut writer = Writer::new([0x01, 0x11], &request.transaction);
    // Class, number, and no reason phrase: nobody reads it, and the answer stays short.
    let code = match refusal {
        Refusal::BadRequest => [0, 0, 4, 0],
        Refusal::UnknownAttribute => [0, 0, 4, 20],
        Refusal::RoleConflict => [0, 0, 4, 87],
    };
    writer.attribute(ERROR_CODE, &code);
    if refusal == Refusal::UnknownAttribute {
        let mut list = [0; 2 * MAX_UNKNOWN];
        for (slot, kind) in list.chunks_exact_mut(2).zip(request.unknown()) {
            slot.copy_from_slice(&kind.to_be_bytes());
        }
        writer.attribute(UNKNOWN_ATTRIBUTES, &list[..2 * request.unknown().len()]);
    }
    writer.finish(key)
}

/// A check of our own, in the controlled role. `username` is `theirs:ours`.
pub(super) fn request(
    transaction: &Transaction,
    username: &str,
    tie_breaker: u64,
    priority: u32,
    key: &hmac::Key,
) -> Vec<u8> {
    let mut writer = Writer::new([0x00, 0x01], transaction);
    writer.attribute(USERNAME, username.as_bytes());
    writer.attribute(PRIORITY, &priority.to_be_bytes());
    writer.attribute(CONTROLLED, &tie_breaker.to_be_bytes());
    writer.finish(key)
}

struct Writer(Vec<u8>);

impl Writer {
    fn new(kind: [u8; 2], transaction: &Transaction) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&kind);
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&COOKIE);
        bytes.extend_from_slice(transaction);
        Self(bytes)
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        // Our own values: the longest is a username of two ufrags, 513 bytes.
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&kind.to_be_bytes());
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn set_length(&mut self, extra: usize) {
        let length = u16::try_from(self.0.len() + extra - HEADER).unwrap_or(u16::MAX);
        self.0[2..4].copy_from_slice(&length.to_be_bytes());
    }

    fn finish(mut self, key: &hmac::Key) -> Vec<u8> {
        let tag = integrity(key, &self.0[..2], self.0.len(), &self.0[4..]);
        self.attribute(INTEGRITY, tag.as_ref());
        // The checksum covers a length that counts the checksum itself.
        self.set_length(8);
        let sum = crc32(&self.0) ^ FINGERPRINT_XOR;
        self.attribute(FINGERPRINT, &sum.to_be_bytes());
        self.0
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// CRC-32 of ITU V.42, four bits at a time: the messages are short and the table stays in the cache.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = {
        let mut table = [0; 16];
        let mut i = 0;
        while i < 16 {
            let (mut value, mut bit) = (i as u32, 0);
            while bit < 4 {
                value = if value & 1 == 1 { (value >> 1) ^ 0xEDB8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[i] = value;
            i += 1;
        }
        table
    };
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        let sum = sum ^ u32::from(*byte);
        let sum = (sum >> 4) ^ TABLE[(sum & 15) as usize];
        (sum >> 4) ^ TABLE[(sum & 15) as usize]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769, section 2.1: a request with a username, by another implementation.
    const SAMPLE: &[u8] = b"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
        \x80\x22\x00\x10STUN test client\x00\x24\x00\x04\x6e\x00\x01\xff\
        \x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36\
        \x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20\
        \x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2\
        \x80\x28\x00\x04\xe5\x7a\x3b\xcf";
    const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

    #[test]
    fn the_sample_of_rfc_5769_is_read_and_authentic() {
        let message = Message::parse(SAMPLE).unwrap();
        assert_eq!(message.username, Some(&b"evtj:h6vY"[..]));
        assert_eq!(message.role, Some(Role::Controlled));
        assert!(message.has_priority && !message.use_candidate && !message.malformed);
        assert!(message.is_authentic(&key(PASSWORD)));
        assert!(!message.is_authentic(&key("VOkJxbRl1RmTxUk/WvJxBu")));
        assert_eq!(route(SAMPLE), Route::Check { ufrag: "evtj" });
    }

    #[test]
    fn every_flipped_bit_makes_the_sample_void() {
        let key = key(PASSWORD);
        // Up to the end of the integrity; what follows is not covered by it.
        for bit in 0..8 * (SAMPLE.len() - 8) {
            let mut bytes = SAMPLE.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let passes = Message::parse(&bytes).is_some_and(|m| m.is_authentic(&key));
            assert!(!passes, "bit {bit}");
        }
        for length in 0..SAMPLE.len() {
            assert!(Message::parse(&SAMPLE[..length]).is_none());
        }
    }

    #[test]
    fn what_follows_the_integrity_does_not_count() {
        let key = key("password password pass");
        let mut bytes = request(&[7; 12], "a:b", 1, 2, &key);
        bytes.truncate(bytes.len() - 8);
        bytes.extend_from_slice(&[0x00, 0x25, 0, 0]);
        let length = u16::try_from(bytes.len() - HEADER).unwrap();
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        let message = Message::parse(&bytes).unwrap();
        assert!(message.is_authentic(&key));
        assert!(!message.use_candidate);
    }

    #[test]
    fn our_own_messages_can_be_read_back() {
        let key = key("password password pass");
        let from = "[2001:db8::1]:4000".parse().unwrap();
        let bytes = success(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], from, &key);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.class, Class::Success);
        assert!(message.is_authentic(&key));
        assert_eq!(route(&bytes), Route::Response { tag: 0x0102_0304 });
        // RFC 5769, section 2.2: 192.0.2.1:32853 under its transaction id.
        let id = *b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";
        let bytes = success(&id, "192.0.2.1:32853".parse().unwrap(), &key);
        assert_eq!(&bytes[20..32], b"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43");
    }

    #[test]
    fn the_first_byte_tells_media_from_the_rest() {
        assert_eq!(route(&[22]), Route::Media);
        assert_eq!(route(&[0x80, 111]), Route::Media);
        for other in [&[][..], &[0], &[64], &[19], &[255; 40]] {
            assert_eq!(route(other), Route::Other);
        }
    }
}
