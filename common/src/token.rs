//! Signed leave to do one thing: tokens that control signs and a gateway checks without asking anybody.
//!
//! Every token is a JWT signed with Ed25519 (RFC 8037). The algorithm is named here and never read from
//! the token. Each kind has its own audience, so that a token of one kind is never taken for another.
//! The time of the check is an argument: nothing here reads a clock.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{AccountSid, CallId, CallSid, SessionId, TenantId, TicketId, UserId};

/// Longest token that is looked at, in bytes. Ours are under 700.
const MAX_LENGTH: usize = 2048;

/// What a token says. Each kind of claims is its own audience.
pub trait Claims: Serialize + DeserializeOwned {
    /// The `aud` claim: the one thing this token is for.
    const AUDIENCE: &'static str;

    /// When the token stops being good, in Unix seconds.
    fn expires_at(&self) -> i64;
}

/// What a person's connection may do. The same words in the API, the audit log and the metrics.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Hears everyone, is heard by nobody.
    Listen,
    /// Hears everyone, is heard by the agent side only.
    Whisper,
    /// Hears everyone else, is heard by everyone.
    Join,
    /// As join, with the AI paused.
    Takeover,
}

impl Mode {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::Whisper => "whisper",
            Self::Join => "join",
            Self::Takeover => "takeover",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// On which side of a call a person speaks.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Beside the call: a supervisor. Heard as the mode says.
    #[default]
    Beside,
    /// In it: the agent who has answered. With mode `join` the caller hears them, and whispers are for them.
    Agent,
}

/// What TwiML verb opened a media stream: it settles which tracks come and who may speak on it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// `<Start><Stream track="both_tracks">`: both voices come, nothing may be sent.
    Monitor,
    /// `<Connect><Stream>`: the caller's voice comes, audio may be sent.
    Agent,
    /// `<Connect><Stream>` on a leg of our own in the call's conference: what is said on it all others there hear.
    Join,
    /// The same, on a leg that coaches: the call's agent alone hears it.
    Coach,
}

impl StreamKind {
    /// Whether it is on a leg of our own, beside the call's.
    pub const fn is_beside(self) -> bool {
        matches!(self, Self::Join | Self::Coach)
    }
}

/// Leave for one Twilio media stream to connect, once. It stands in the path of the stream's URL.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StreamTicket {
    /// Good for one connection only.
    #[serde(rename = "jti")]
    pub id: TicketId,
    /// The call's owner.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// The same call as Twilio names it; `start` must say so too.
    pub call_sid: CallSid,
    /// The Twilio account of the call; `start` must say so too.
    pub account_sid: AccountSid,
    /// What opened the stream.
    pub kind: StreamKind,
    /// Expiry in Unix seconds.
    pub exp: i64,
}

impl Claims for StreamTicket {
    const AUDIENCE: &'static str = "stream";

    fn expires_at(&self) -> i64 {
        self.exp
    }
}

/// The second token of a media stream, `<Parameter name="grant">`.
///
/// It holds what Twilio must have shown as `X-Twilio-Signature` at the handshake, so that a gateway can
/// tell Twilio from a stranger without knowing any tenant's secret. Twilio allows a parameter fewer than
/// 500 characters, name and value together.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StreamGrant {
    /// The ticket that this grant goes with.
    #[serde(rename = "jti")]
    pub ticket: TicketId,
    /// As in the ticket.
    #[serde(rename = "cs")]
    pub call_sid: CallSid,
    /// As in the ticket.
    #[serde(rename = "as")]
    pub account_sid: AccountSid,
    /// Digests of the signatures that are right.
    #[serde(rename = "sig")]
    pub signatures: SignatureDigests,
    /// Expiry in Unix seconds.
    pub exp: i64,
}

impl Claims for StreamGrant {
    const AUDIENCE: &'static str = "grant";

    fn expires_at(&self) -> i64 {
        self.exp
    }
}

/// The first 128 bits of the SHA-256 of each acceptable `X-Twilio-Signature`.
///
/// Twilio may sign the URL with or without its port and trailing slash, so there are up to four; whole
/// digests of four would not fit a parameter.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct SignatureDigests(Vec<[u8; 16]>);

impl SignatureDigests {
    /// Most spellings that fit into a grant.
    pub const MAX: usize = 4;

    /// Digests of these signatures, of which the first [`MAX`](Self::MAX) count.
    pub fn of<'a>(signatures: impl IntoIterator<Item = &'a str>) -> Self {
        Self(signatures.into_iter().take(Self::MAX).map(signature_digest).collect())
    }

    /// Whether this signature is one of them.
    pub fn matches(&self, signature: &str) -> bool {
        // A comparison of digests needs no constant time: nobody can steer a digest byte by byte.
        self.0.contains(&signature_digest(signature))
    }
}

impl TryFrom<String> for SignatureDigests {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| "not base64url")?;
        let (digests, rest) = bytes.as_chunks::<16>();
        match rest.is_empty() && (1..=Self::MAX).contains(&digests.len()) {
            true => Ok(Self(digests.to_vec())),
            false => Err("not one to four digests of 16 bytes"),
        }
    }
}

impl From<SignatureDigests> for String {
    fn from(digests: SignatureDigests) -> Self {
        URL_SAFE_NO_PAD.encode(digests.0.as_flattened())
    }
}

/// Leave to open one WHEP session on one call.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ListenGrant {
    /// The session that it opens.
    #[serde(rename = "jti")]
    pub session: SessionId,
    /// The call's owner.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// Who listens.
    pub user: UserId,
    /// On which side they speak, when they may.
    #[serde(default)]
    pub side: Side,
    /// What the connection may do at first.
    pub mode: Mode,
    /// Expiry in Unix seconds. It bounds the opening, not the listening.
    pub exp: i64,
}

impl Claims for ListenGrant {
    const AUDIENCE: &'static str = "listen";

    fn expires_at(&self) -> i64 {
        self.exp
    }
}

/// Why a token is not good. The holder is told no more than "no"; this is for the log and the metrics.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It was good once.
    #[error("expired")]
    Expired,
    /// Not a token, not of this kind, or not signed by us.
    #[error("not a valid token")]
    Invalid,
}

/// The key could not be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an Ed25519 key in PKCS #8 form")]
pub struct KeyError;

/// Makes tokens. Control has the only one.
#[derive(Clone)]
pub struct Signer {
    key: EncodingKey,
    verifier: Verifier,
    public: Vec<u8>,
}

impl Signer {
    /// A new private key, as PKCS #8 DER. Keep it where only control can read it.
    pub fn generate_pkcs8() -> Vec<u8> {
        let key = Ed25519KeyPair::generate().expect("the system has randomness");
        key.to_pkcs8v1().expect("a fresh key has a PKCS #8 form").as_ref().to_vec()
    }

    /// Signs with this private key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| KeyError)?;
        let public = pair.public_key().as_ref().to_vec();
        let verifier = Verifier::from_public_key(&public);
        Ok(Self { key: EncodingKey::from_ed_der(der), verifier, public })
    }

    /// The token for these claims.
    pub fn sign<C: Claims>(&self, claims: &C) -> String {
        let header = Header::new(Algorithm::EdDSA);
        let claims = WithAudience { aud: C::AUDIENCE, claims };
        jsonwebtoken::encode(&header, &claims, &self.key)
            .expect("our claims are JSON objects and the key is good")
    }

    /// The raw public key of 32 bytes.
    pub fn public_key(&self) -> &[u8] {
        &self.public
    }

    /// Checks what this signs. A gateway has only this half.
    pub fn verifier(&self) -> Verifier {
        self.verifier.clone()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

/// Checks tokens, offline.
#[derive(Clone)]
pub struct Verifier {
    key: DecodingKey,
}

impl Verifier {
    /// Checks against this raw public key of 32 bytes. A wrong length makes every token invalid.
    pub fn from_public_key(raw: &[u8]) -> Self {
        Self { key: DecodingKey::from_ed_der(raw) }
    }

    /// What the token says, if it is of kind `C`, signed by us and not expired at `now`.
    pub fn verify<C: Claims>(&self, token: &str, now: OffsetDateTime) -> Result<C, TokenError> {
        if token.len() > MAX_LENGTH {
            return Err(TokenError::Invalid);
        }
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_audience(&[C::AUDIENCE]);
        rules.set_required_spec_claims(&["aud", "exp"]);
        rules.validate_exp = false; // by our own `now`, below
        let token = jsonwebtoken::decode::<C>(token, &self.key, &rules).map_err(|_| TokenError::Invalid)?;
        match now.unix_timestamp() < token.claims.expires_at() {
            true => Ok(token.claims),
            false => Err(TokenError::Expired),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

#[derive(Serialize)]
struct WithAudience<'a, C> {
    aud: &'static str,
    #[serde(flatten)]
    claims: &'a C,
}

fn signature_digest(signature: &str) -> [u8; 16] {
    let whole = digest(&SHA256, signature.as_bytes());
    whole.as_ref().first_chunk().copied().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn a_token_is_good_until_the_second_it_expires() {
        let signer = signer();
        let token = signer.sign(&grant(60));
        let check = |second| {
            let now = NOW + time::Duration::seconds(second);
            signer.verifier().verify::<ListenGrant>(&token, now).map(|_| ())
        };
        assert_eq!(check(59), Ok(()));
        assert_eq!(check(60), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_of_another_kind_is_refused() {
        let signer = signer();
        let token = signer.sign(&grant(60));
        assert_eq!(signer.verifier().verify::<StreamTicket>(&token, NOW), Err(TokenError::Invalid));
    }

    #[test]
    fn a_stranger_cannot_sign() {
        let token = signer().sign(&grant(60));
        assert_eq!(signer().verifier().verify::<ListenGrant>(&token, NOW), Err(TokenError::Invalid));
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        let signer = signer();
        let token = signer.sign(&grant(60));
        let (_, rest) = token.split_once('.').unwrap();
        let (claims, _) = rest.split_once('.').unwrap();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        for forged in
            [format!("{none}.{claims}."), format!("{none}.{claims}"), String::new(), "…".repeat(4000)]
        {
            assert_eq!(
                signer.verifier().verify::<ListenGrant>(&forged, NOW),
                Err(TokenError::Invalid),
                "{forged}"
            );
        }
    }

    #[test]
    fn the_largest_grant_fits_a_twilio_parameter() {
        let signatures = ["a", "b", "c", "d", "e"];
        let grant = StreamGrant {
            ticket: TicketId::new(),
            call_sid: format!("CA{}", "0".repeat(32)).parse().unwrap(),
            account_sid: format!("AC{}", "0".repeat(32)).parse().unwrap(),
            signatures: SignatureDigests::of(signatures),
            exp: 9_999_999_999,
        };
        let signer = signer();
        let token = signer.sign(&grant);
        assert!("grant".len() + token.len() < 500, "{}", token.len());

        let read: StreamGrant = signer.verifier().verify(&token, NOW).unwrap();
        assert_eq!(signatures.map(|s| read.signatures.matches(s)), [true, true, true, true, false]);
    }

    fn signer() -> Signer {
        Signer::from_pkcs8(&Signer::generate_pkcs8()).unwrap()
    }

    fn grant(exp: i64) -> ListenGrant {
        ListenGrant {
            session: SessionId::new(),
            tenant: TenantId::new(),
            call: CallId::new(),
            user: UserId::new(),
            side: Side::Beside,
            mode: Mode::Listen,
            exp,
        }
    }
}
