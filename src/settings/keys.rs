//! The two halves of the key of all tokens, as text: control signs with one, gateways check with the other.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use common::token::{Signer, Verifier};

use super::{Planes, Raw, SettingsError, bad};

/// Bytes of an Ed25519 public key.
const PUBLIC: usize = 32;

/// What is set of them. A gateway apart needs its half; control has a key in its data directory when none is set.
pub(super) fn read(raw: &Raw, planes: Planes) -> Result<(Option<Signer>, Option<Verifier>), SettingsError> {
    let signer = match (&raw.signing_key, planes) {
        (None, _) => None,
        (Some(_), Planes::Gateway) => {
            return Err(bad("signing_key", "is control's: a gateway that has it could let anybody in"));
        }
        (Some(text), _) => {
            let der = BASE64_STANDARD.decode(text.trim()).ok();
            let signer = der.and_then(|der| Signer::from_pkcs8(&der).ok());
            Some(signer.ok_or_else(|| bad("signing_key", "is not a key that `partyline key new` made"))?)
        }
    };
    let verifier = match (&raw.verifying_key, planes) {
        (None, Planes::Gateway) => {
            return Err(bad("verifying_key", "is needed: `partyline key show` tells it, where control runs"));
        }
        (None, _) => None,
        (Some(text), Planes::Gateway) => {
            let raw = BASE64_STANDARD.decode(text.trim()).ok().filter(|raw| raw.len() == PUBLIC);
            let raw =
                raw.ok_or_else(|| bad("verifying_key", "is not a key that `partyline key show` told"))?;
            Some(Verifier::from_public_key(&raw))
        }
        (Some(_), _) => {
            return Err(bad("verifying_key", "is for a gateway apart: control has the signing key"));
        }
    };
    Ok((signer, verifier))
}

/// A new signing key, as a setting.
pub fn new_signing_key() -> String {
    BASE64_STANDARD.encode(Signer::generate_pkcs8())
}

/// What gateways check this signer's tokens with, as a setting.
pub fn verifying_key(signer: &Signer) -> String {
    BASE64_STANDARD.encode(signer.public_key())
}
