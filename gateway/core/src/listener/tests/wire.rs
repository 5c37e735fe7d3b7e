//! STUN as a full agent writes it, from the RFC and not from our own code.

use aws_lc_rs::hmac;

/// Attributes before the integrity, as type and value.
pub(super) type Attributes<'a> = &'a [(u16, &'a [u8])];

pub(super) const USERNAME: u16 = 0x0006;
pub(super) const ERROR_CODE: u16 = 0x0009;
pub(super) const PRIORITY: u16 = 0x0024;
pub(super) const USE_CANDIDATE: u16 = 0x0025;
pub(super) const CONTROLLED: u16 = 0x8029;
pub(super) const CONTROLLING: u16 = 0x802A;

/// A message with MESSAGE-INTEGRITY and FINGERPRINT.
pub(super) fn stun(kind: u16, transaction: [u8; 12], attributes: Attributes<'_>, pwd: &str) -> Vec<u8> {
    let mut out = kind.to_be_bytes().to_vec();
    out.extend([0, 0, 0x21, 0x12, 0xA4, 0x42]);
    out.extend(transaction);
    for (kind, value) in attributes {
        attribute(&mut out, *kind, value);
    }
    set_length(&mut out, 24);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, pwd.as_bytes());
    let tag = hmac::sign(&key, &out);
    attribute(&mut out, 0x0008, tag.as_ref());
    set_length(&mut out, 8);
    let sum = crc32(&out) ^ 0x5354_554E;
    attribute(&mut out, 0x8028, &sum.to_be_bytes());
    out
}

fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend(kind.to_be_bytes());
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn set_length(out: &mut [u8], more: usize) {
    let length = (out.len() + more - 20) as u16;
    out[2..4].copy_from_slice(&length.to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

/// The value of an attribute.
pub(super) fn find(message: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = &message[20..];
    while let [a, b, c, d, tail @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*c, *d]));
        if u16::from_be_bytes([*a, *b]) == wanted {
            return Some(&tail[..length]);
        }
        rest = &tail[length.next_multiple_of(4)..];
    }
    None
}

/// Whether MESSAGE-INTEGRITY is right: the message is made again and compared.
pub(super) fn is_authentic(message: &[u8], pwd: &str) -> bool {
    let mut attributes = Vec::new();
    let mut rest = &message[20..];
    while let [a, b, c, d, tail @ ..] = rest {
        let (kind, length) = (u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*c, *d])));
        if kind == 0x0008 {
            break;
        }
        attributes.push((kind, &tail[..length]));
        rest = &tail[length.next_multiple_of(4)..];
    }
    let kind = u16::from_be_bytes([message[0], message[1]]);
    stun(kind, message[8..20].try_into().unwrap(), &attributes, pwd) == message
}
