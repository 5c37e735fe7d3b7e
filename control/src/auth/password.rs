//! Passwords: argon2id, off the async threads, a few at a time.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Longest password that is looked at, in bytes. Hashing must not be made dear by length.
pub(crate) const MAX_LENGTH: usize = 1024;

/// Shortest password that a person may choose, in characters.
pub(crate) const MIN_LENGTH: usize = 8;

/// Hashes at one time. Each takes 19 MiB and a core for tens of milliseconds.
const AT_ONCE: usize = 2;

/// How long a sign-in waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// Too many wait for their turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy;

/// Hashes and checks passwords. Cloning shares the turns.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Passwords {
    /// The text to keep of a password: parameters, salt and hash (PHC form).
    pub(crate) async fn hash(&self, password: String) -> Result<String, Busy> {
        self.in_turn(move || hash(&password)).await
    }

    /// Whether the password goes with the kept text. With `None` (nobody has that e-mail) it takes as long
    /// and says no.
    pub(crate) async fn verify(&self, password: String, kept: Option<String>) -> Result<bool, Busy> {
        self.in_turn(move || {
            let known = kept.is_some();
            let kept = kept.as_deref().unwrap_or(&NOBODY);
            let right = PasswordHash::new(kept)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
            right && known
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let turn = timeout(TURN, self.turns.clone().acquire_owned()).await.map_err(|_| Busy)?;
        let turn = turn.map_err(|_| Busy)?;
        let work = move || {
            // Held until the work is done, not until the client hangs up.
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }
}

/// What a password is checked against when nobody has the e-mail.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash(&hex(&crate::crypto::random::<16>())));

fn hash(password: &str) -> String {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.expect("the parameters are good and the system has randomness").to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_person_is_right() {
        let passwords = Passwords::default();
        let kept = passwords.hash("correct horse".into()).await.unwrap();
        assert!(kept.starts_with("$argon2id$"), "{kept}");
        let check = |password: &str, kept: Option<&str>| {
            passwords.verify(password.to_owned(), kept.map(str::to_owned))
        };
        assert!(check("correct horse", Some(&kept)).await.unwrap());
        assert!(!check("Correct horse", Some(&kept)).await.unwrap());
        assert!(!check("correct horse", None).await.unwrap());
        assert!(!check("correct horse", Some("rubbish")).await.unwrap());
    }
}
