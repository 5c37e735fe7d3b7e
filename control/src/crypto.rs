//! Keys on disk, and secrets at rest.

use std::fmt;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use common::token::Signer;
use common::{AccountSid, TenantId};

/// A key could not be read or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file could not be read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} does not hold a key of ours", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
    },
}

/// The key that signs every token: read from `data_dir`, or made there, readable by its owner alone.
///
/// # Errors
///
/// When the folder or file cannot be used, or the file holds no key.
pub fn signing_key(data_dir: &Path) -> Result<Signer, KeyError> {
    let (path, der) = load_or_make(data_dir, SIGNING_KEY, Signer::generate_pkcs8)?;
    Signer::from_pkcs8(&der).map_err(|_| KeyError::Unusable { path })
}

/// Puts a fresh key in place of the one that signs every token. What the old one signed is good for nothing once
/// control and gateways have started anew.
///
/// # Errors
///
/// When the folder or file cannot be used.
pub fn rotate_signing_key(data_dir: &Path) -> Result<(), KeyError> {
    load_or_make(data_dir, &next_to(SIGNING_KEY), Signer::generate_pkcs8)?;
    take_next(data_dir, SIGNING_KEY)
}

const SIGNING_KEY: &str = "signing.key";

/// The file of the key that will take the place of this one.
fn next_to(name: &str) -> String {
    format!("{name}.next")
}

/// Puts the next key in place of the one with this name.
pub(crate) fn take_next(data_dir: &Path, name: &str) -> Result<(), KeyError> {
    let path = data_dir.join(next_to(name));
    std::fs::rename(&path, data_dir.join(name))
        .and_then(|()| std::fs::File::open(data_dir))
        .and_then(|folder| folder.sync_all())
        .map_err(|source| KeyError::Io { path, source })
}

/// Seals what must not be read from a copy of the database.
pub(crate) struct SecretBox {
    /// The first seals, all open.
    keys: Vec<RandomizedNonceKey>,
    id: String,
}

/// A key that seals secrets: AES-256.
#[derive(Clone, Eq, PartialEq)]
pub struct SecretKey([u8; 32]);

/// The text was not a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be 32 bytes in base64, as `openssl rand -base64 32` makes them")]
pub struct NotAKey;

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

/// What was sealed cannot be opened: another key, another owner, or damage.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a stored secret cannot be opened with any of the keys")]
pub(crate) struct OpenError;

/// The file of the data directory that has the key when no other is given.
const SECRETS_KEY: &str = "secrets.key";

impl SecretBox {
    /// Seals with `key`; without one, with that in `data_dir`, made when it is not there. What was sealed with one of
    /// `old`, or with the key in `data_dir`, still opens.
    pub(crate) fn open(
        data_dir: &Path,
        key: Option<&SecretKey>,
        old: &[SecretKey],
    ) -> Result<Self, KeyError> {
        let path = data_dir.join(SECRETS_KEY);
        let mut all: Vec<Vec<u8>> = Vec::new();
        match key {
            None => all.push(load_or_make(data_dir, SECRETS_KEY, || random::<32>().to_vec())?.1),
            Some(key) => {
                all.push(key.0.to_vec());
                match std::fs::read(&path) {
                    Ok(before) => all.push(before),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(source) => return Err(KeyError::Io { path, source }),
                }
            }
        }
        all.extend(old.iter().map(|key| key.0.to_vec()));
        let id = sha256(&all[0])[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        let usable = |bytes: &Vec<u8>| RandomizedNonceKey::new(&AES_256_GCM, bytes);
        let keys = all.iter().map(usable).collect::<Result<_, _>>();
        Ok(Self { keys: keys.map_err(|_| KeyError::Unusable { path })?, id })
    }

    /// Names the key that seals. It says nothing about the key.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// A secret of this thing of the tenant's, for the database: nonce, ciphertext, tag.
    pub(crate) fn seal(&self, tenant: TenantId, of: Of<'_>, secret: &str) -> Vec<u8> {
        let mut sealed = secret.as_bytes().to_vec();
        let nonce = self.keys[0]
            .seal_in_place_append_tag(Aad::from(of.owner(tenant)), &mut sealed)
            .expect("a short text can be sealed");
        let mut out = nonce.as_ref().to_vec();
        out.extend_from_slice(&sealed);
        out
    }

    /// What was sealed for this thing of the tenant's. Moved to another row it does not open.
    pub(crate) fn unseal(&self, tenant: TenantId, of: Of<'_>, sealed: &[u8]) -> Result<String, OpenError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(OpenError)?;
        // A wrong key is known by the tag, so that the right one is found by trying: there are a few.
        let found = self.keys.iter().find_map(|key| {
            let mut bytes = sealed.to_vec();
            let aad = Aad::from(of.owner(tenant));
            key.open_in_place(Nonce::from(nonce), aad, &mut bytes).ok().map(|plain| plain.to_vec())
        });
        String::from_utf8(found.ok_or(OpenError)?).map_err(|_| OpenError)
    }
}

impl fmt::Debug for SecretBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBox(…)")
    }
}

/// Random bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// A fresh secret, behind what it begins with: a prefix and 16 hex digits that name it, so that one that is found
/// somewhere can be revoked. Gives the name and the whole.
pub(crate) fn named_secret(prefix: &str) -> (String, String) {
    let name: String = random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("{prefix}{name}");
    let whole = format!("{name}_{}", URL_SAFE_NO_PAD.encode(random::<32>()));
    (name, whole)
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// What a secret belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of<'a> {
    /// The auth token of a Twilio account.
    Account(AccountSid),
    /// The bot of a number.
    Bot(&'a str),
}

impl Of<'_> {
    fn owner(self, tenant: TenantId) -> String {
        match self {
            Self::Account(sid) => format!("{tenant}/{sid}"),
            Self::Bot(number) => format!("{tenant}/bot/{number}"),
        }
    }
}

/// The bytes of the file, after making it when it is not there. A crash leaves a whole file or none, and
/// of two processes that make it at once both get the same.
fn load_or_make(
    folder: &Path,
    name: &str,
    make: impl FnOnce() -> Vec<u8>,
) -> Result<(PathBuf, Vec<u8>), KeyError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| KeyError::Io { path, source }
    };
    let path = folder.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => return Ok((path, bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(at(&path)(error)),
    }
    make_private_dir(folder).map_err(at(folder))?;

    let draft = folder.join(format!(".{name}.{:016x}", u64::from_ne_bytes(random())));
    let made = (|| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(&make())?;
        file.sync_all()?;
        match std::fs::hard_link(&draft, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    })();
    let _leftover_is_harmless = std::fs::remove_file(&draft);
    made.map_err(at(&path))?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
    let bytes = std::fs::read(&path).map_err(at(&path))?;
    Ok((path, bytes))
}

/// Makes the folder, readable by its owner alone, when it is not there.
pub(crate) fn make_private_dir(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_signing_key_is_made_once_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data");
        signing_key(&folder).unwrap();
        let first = std::fs::read(folder.join("signing.key")).unwrap();
        signing_key(&folder).unwrap();
        assert_eq!(std::fs::read(folder.join("signing.key")).unwrap(), first);
        let mode = std::fs::metadata(folder.join("signing.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_file_that_is_no_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["signing.key", "secrets.key"] {
            std::fs::write(dir.path().join(name), "short").unwrap();
        }
        assert!(matches!(signing_key(dir.path()), Err(KeyError::Unusable { .. })));
        assert!(matches!(SecretBox::open(dir.path(), None, &[]), Err(KeyError::Unusable { .. })));
    }

    #[test]
    fn a_sealed_secret_opens_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = SecretBox::open(dir.path(), None, &[]).unwrap();
        let account = Of::Account(format!("AC{}", "0".repeat(32)).parse().unwrap());
        let (owner, stranger) = (TenantId::new(), TenantId::new());
        let sealed = secrets.seal(owner, account, "12345");
        assert!(!sealed.windows(5).any(|bytes| bytes == b"12345"));

        let again = SecretBox::open(dir.path(), None, &[]).unwrap();
        assert_eq!(again.unseal(owner, account, &sealed).unwrap(), "12345");
        assert!(again.unseal(stranger, account, &sealed).is_err());
        assert!(again.unseal(owner, Of::Bot("+15550100"), &sealed).is_err());
        assert!(again.unseal(owner, account, &sealed[..11]).is_err());
        assert_ne!(sealed, again.seal(owner, account, "12345"), "a nonce is never used twice");
    }

    #[test]
    fn what_an_old_key_sealed_opens_and_what_no_key_sealed_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let account = Of::Account(format!("AC{}", "0".repeat(32)).parse().unwrap());
        let tenant = TenantId::new();
        let [old, new] = [1_u8, 2].map(|n| {
            let mut bytes = [n; 32];
            bytes[0] = 0;
            STANDARD.encode(bytes).parse::<SecretKey>().unwrap()
        });
        let open = |key, old: &[SecretKey]| SecretBox::open(dir.path(), key, old).unwrap();
        let in_folder = open(None, &[]);
        let (first, then) = (open(Some(&old), &[]), open(Some(&new), std::slice::from_ref(&old)));
        assert!(in_folder.id() != first.id() && first.id() != then.id());
        assert_eq!(open(Some(&old), &[]).id(), first.id());

        let sealed = [&in_folder, &first, &then].map(|secrets| secrets.seal(tenant, account, "12345"));
        for sealed in &sealed {
            assert_eq!(then.unseal(tenant, account, sealed).unwrap(), "12345");
        }
        assert!(
            open(Some(&new), &[]).unseal(tenant, account, &sealed[1]).is_err(),
            "the old key is not given"
        );
        assert!(then.unseal(TenantId::new(), account, &sealed[1]).is_err());
        assert_eq!(format!("{new:?}"), "SecretKey(…)");
        for bad in ["", "c2hvcnQ=", &"A".repeat(43), &"A".repeat(44), "not base64"] {
            assert_eq!(bad.parse::<SecretKey>(), Err(NotAKey), "{bad}");
        }
    }
}
