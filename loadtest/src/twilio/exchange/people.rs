//! Who answers a number that a conference calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::audio::Audio;
use crate::twilio::played::Played;

/// Somebody at a telephone.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// What it says, from the moment it answers.
    pub(super) audio: Audio,
    /// What it has heard.
    pub(super) played: Arc<Played>,
}

/// Everybody, by number.
#[derive(Debug, Default)]
pub(super) struct People {
    people: Mutex<BTreeMap<String, Person>>,
}

impl People {
    /// Somebody is at this number from now on.
    pub(super) fn add(&self, number: &str, audio: Audio) {
        let person = Person { audio, played: Arc::new(Played::new(Instant::now())) };
        self.people().insert(number.to_owned(), person);
    }

    /// Who is at this number.
    pub(super) fn at(&self, number: &str) -> Option<Person> {
        self.people().get(number).cloned()
    }

    fn people(&self) -> MutexGuard<'_, BTreeMap<String, Person>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
