//! SRTP and SRTCP (RFC 3711, RFC 7714): keys and ciphers here, the two directions in `send` and `recv`.

mod recv;
mod send;

use std::fmt;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{aead, cipher, hmac};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub(super) use recv::{Bad, Receiver};
pub(super) use send::Sender;

use super::event::SrtpProfile;

/// Bytes of an RTP header with neither CSRCs nor extensions.
pub(super) const RTP_HEADER: usize = 12;
/// The part of an RTCP packet that is not encrypted.
const RTCP_HEADER: usize = 8;
/// The bit of the SRTCP index word that says "encrypted".
const ENCRYPTED: u32 = 1 << 31;
const CM_TAG: usize = 10;

impl SrtpProfile {
    const fn key_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 => 16,
        }
    }

    const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm | Self::AeadAes128Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }
}

/// One side's master key and salt.
pub(super) struct Master {
    profile: SrtpProfile,
    key: Zeroizing<[u8; 32]>,
    /// Padded with zeroes on the right (RFC 7714, section 11).
    salt: Zeroizing<[u8; 14]>,
}

/// Both sides' master keys, as DTLS exports them.
pub(super) struct Keys {
    pub(super) profile: SrtpProfile,
    pub(super) client: Master,
    pub(super) server: Master,
}

impl Keys {
    /// Splits the exported material: client key, server key, client salt, server salt (RFC 5764, section
    /// 4.2). `None` if it has another length.
    pub(super) fn split(profile: SrtpProfile, material: &[u8]) -> Option<Self> {
        let (keys, salts) = material.split_at_checked(2 * profile.key_len())?;
        if salts.len() != 2 * profile.salt_len() {
            return None;
        }
        let (client_key, server_key) = keys.split_at(profile.key_len());
        let (client_salt, server_salt) = salts.split_at(profile.salt_len());
        Some(Self {
            profile,
            client: Master::new(profile, client_key, client_salt),
            server: Master::new(profile, server_key, server_salt),
        })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({:?}, ..)", self.profile)
    }
}

impl Master {
    fn new(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Self {
        let mut master = Self { profile, key: Zeroizing::default(), salt: Zeroizing::default() };
        master.key[..key.len()].copy_from_slice(key);
        master.salt[..salt.len()].copy_from_slice(salt);
        master
    }

    /// A session key (RFC 3711, section 4.3.1, with a key derivation rate of 0; AES-CM as in 4.3.3).
    fn derive<const N: usize>(&self, label: u8) -> Result<Zeroizing<[u8; N]>, Unspecified> {
        let key = &self.key[..self.profile.key_len()];
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&*self.salt);
        iv[7] ^= label;
        let mut out = Zeroizing::new([0; N]);
        let context = cipher::EncryptionContext::Iv128(iv.into());
        counter_mode(key)?.less_safe_encrypt(&mut *out, context)?;
        Ok(out)
    }
}

fn counter_mode(key: &[u8]) -> Result<cipher::EncryptingKey, Unspecified> {
    let algorithm = if key.len() == 32 { &cipher::AES_256 } else { &cipher::AES_128 };
    cipher::EncryptingKey::ctr(cipher::UnboundCipherKey::new(algorithm, key)?)
}

/// Which of the two protocols: it picks the labels of key derivation.
#[derive(Clone, Copy)]
enum Protocol {
    Rtp = 0,
    Rtcp = 3,
}

/// One direction of one protocol.
enum Cipher {
    Gcm {
        key: aead::LessSafeKey,
        salt: [u8; 12],
    },
    /// Boxed: it is fifty times as big.
    Cm(Box<CounterMode>),
}

struct CounterMode {
    key: cipher::EncryptingKey,
    auth: hmac::Key,
    salt: [u8; 14],
}

impl Cipher {
    fn new(master: &Master, protocol: Protocol) -> Result<Self, Unspecified> {
        let first = protocol as u8;
        let (key, salt) = (master.derive::<32>(first)?, master.derive::<14>(first + 2)?);
        match master.profile {
            SrtpProfile::Aes128CmSha1_80 => Self::cm(&key[..16], &*master.derive::<20>(first + 1)?, *salt),
            profile => {
                let mut short = [0; 12];
                short.copy_from_slice(&salt[..12]);
                Self::gcm(&key[..profile.key_len()], short)
            }
        }
    }

    fn gcm(key: &[u8], salt: [u8; 12]) -> Result<Self, Unspecified> {
        let algorithm = if key.len() == 32 { &aead::AES_256_GCM } else { &aead::AES_128_GCM };
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key)?);
        Ok(Self::Gcm { key, salt })
    }

    fn cm(key: &[u8], auth: &[u8], salt: [u8; 14]) -> Result<Self, Unspecified> {
        let auth = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth);
        Ok(Self::Cm(Box::new(CounterMode { key: counter_mode(key)?, auth, salt })))
    }

    /// Encrypts `packet` from `header` on and appends the tag. `index` is the 48-bit one.
    fn seal_rtp(
        &self,
        packet: &mut Vec<u8>,
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), Unspecified> {
        match self {
            Self::Gcm { key, salt } => {
                let nonce = gcm_nonce(salt, ssrc, index);
                let (head, body) = packet.split_at_mut_checked(header).ok_or(Unspecified)?;
                let tag = key.seal_in_place_separate_tag(nonce, aead::Aad::from(&*head), body)?;
                packet.extend_from_slice(tag.as_ref());
            }
            Self::Cm(cm) => {
                let CounterMode { key, auth, salt } = &**cm;
                let body = packet.get_mut(header..).ok_or(Unspecified)?;
                key.less_safe_encrypt(body, cm_iv(salt, ssrc, index))?;
                let tag = cm_tag(auth, packet, &roll_over(index).to_be_bytes());
                packet.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Checks and decrypts a packet in place, and returns where its payload ends.
    fn open_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, Unspecified> {
        match self {
            Self::Gcm { key, salt } => {
                let nonce = gcm_nonce(salt, ssrc, index);
                let (head, body) = packet.split_at_mut_checked(header).ok_or(Unspecified)?;
                Ok(header + key.open_in_place(nonce, aead::Aad::from(&*head), body)?.len())
            }
            Self::Cm(cm) => {
                let CounterMode { key, auth, salt } = &**cm;
                let end = packet.len().checked_sub(CM_TAG).filter(|end| *end >= header);
                let end = end.ok_or(Unspecified)?;
                let tag = cm_tag(auth, &packet[..end], &roll_over(index).to_be_bytes());
                if !bool::from(tag.ct_eq(&packet[end..])) {
                    return Err(Unspecified);
                }
                key.less_safe_encrypt(&mut packet[header..end], cm_iv(salt, ssrc, index))?;
                Ok(end)
            }
        }
    }

    /// Encrypts a compound RTCP packet and appends index and tag (RFC 3711, section 3.4; RFC 7714, section
    /// 9.2).
    fn seal_rtcp(&self, packet: &mut Vec<u8>, ssrc: u32, index: u32) -> Result<(), Unspecified> {
        let word = (index | ENCRYPTED).to_be_bytes();
        match self {
            Self::Gcm { key, salt } => {
                let nonce = gcm_nonce(salt, ssrc, u64::from(index));
                let (head, body) = packet.split_at_mut_checked(RTCP_HEADER).ok_or(Unspecified)?;
                let aad = rtcp_aad(head, word)?;
                let tag = key.seal_in_place_separate_tag(nonce, aad, body)?;
                packet.extend_from_slice(tag.as_ref());
                packet.extend_from_slice(&word);
            }
            Self::Cm(cm) => {
                let CounterMode { key, auth, salt } = &**cm;
                let body = packet.get_mut(RTCP_HEADER..).ok_or(Unspecified)?;
                key.less_safe_encrypt(body, cm_iv(salt, ssrc, u64::from(index)))?;
                packet.extend_from_slice(&word);
                let tag = cm_tag(auth, packet, &[]);
                packet.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// The index a compound packet claims. One that is not encrypted is refused: both sides agreed to
    /// encrypt.
    fn rtcp_index(&self, packet: &[u8]) -> Option<u32> {
        let tail = match self {
            Self::Gcm { .. } => 0,
            Self::Cm(_) => CM_TAG,
        };
        let end = packet.len().checked_sub(tail)?;
        let word = u32::from_be_bytes(*packet.get(..end)?.last_chunk()?);
        (word & ENCRYPTED != 0).then_some(word & !ENCRYPTED)
    }

    /// Checks and decrypts a compound packet in place, and returns where it ends.
    fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, index: u32) -> Result<usize, Unspecified> {
        let word = (index | ENCRYPTED).to_be_bytes();
        match self {
            Self::Gcm { key, salt } => {
                let nonce = gcm_nonce(salt, ssrc, u64::from(index));
                let end = packet.len().checked_sub(word.len()).ok_or(Unspecified)?;
                let packet = &mut packet[..end];
                let (head, body) = packet.split_at_mut_checked(RTCP_HEADER).ok_or(Unspecified)?;
                let aad = rtcp_aad(head, word)?;
                Ok(RTCP_HEADER + key.open_in_place(nonce, aad, body)?.len())
            }
            Self::Cm(cm) => {
                let CounterMode { key, auth, salt } = &**cm;
                let tagged = packet.len().checked_sub(CM_TAG).ok_or(Unspecified)?;
                let end = tagged.checked_sub(4).filter(|end| *end >= RTCP_HEADER);
                let end = end.ok_or(Unspecified)?;
                let tag = cm_tag(auth, &packet[..tagged], &[]);
                if !bool::from(tag.ct_eq(&packet[tagged..])) {
                    return Err(Unspecified);
                }
                let iv = cm_iv(salt, ssrc, u64::from(index));
                key.less_safe_encrypt(&mut packet[RTCP_HEADER..end], iv)?;
                Ok(end)
            }
        }
    }
}

/// The upper part of an index.
fn roll_over(index: u64) -> u32 {
    (index >> 16) as u32
}

/// RFC 7714, sections 8.1 and 9.1: the same shape for both, with an SRTCP index in place of the 48 bits.
fn gcm_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> aead::Nonce {
    let mut nonce = *salt;
    let mix = (u128::from(ssrc) << 48 | u128::from(index)).to_be_bytes();
    for (byte, mix) in nonce.iter_mut().zip(&mix[4..]) {
        *byte ^= mix;
    }
    aead::Nonce::assume_unique_for_key(nonce)
}

/// RFC 3711, section 4.1.1.
fn cm_iv(salt: &[u8; 14], ssrc: u32, index: u64) -> cipher::EncryptionContext {
    let mut iv = (u128::from(ssrc) << 64 | u128::from(index) << 16).to_be_bytes();
    for (byte, salt) in iv.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    cipher::EncryptionContext::Iv128(iv.into())
}

fn cm_tag(auth: &hmac::Key, packet: &[u8], more: &[u8]) -> [u8; CM_TAG] {
    let mut context = hmac::Context::with_key(auth);
    context.update(packet);
    context.update(more);
    let mut tag = [0; CM_TAG];
    tag.copy_from_slice(&context.sign().as_ref()[..CM_TAG]);
    tag
}

fn rtcp_aad(head: &[u8], word: [u8; 4]) -> Result<aead::Aad<[u8; 12]>, Unspecified> {
    let mut aad = [0; 12];
    aad[..8].copy_from_slice(head.get(..8).ok_or(Unspecified)?);
    aad[8..].copy_from_slice(&word);
    Ok(aead::Aad::from(aad))
}

#[cfg(test)]
mod tests;
