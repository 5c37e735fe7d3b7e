//! Marks that are out: whose they are, and what they are called there.

use std::collections::BTreeMap;

use common::SayId;

/// The most that may be out. Each is a message of a bot's, or a line that is said.
const MAX: usize = 1000;

/// Whose a mark is.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Owner {
    /// The bot's, with its own name for it.
    Bot(String),
    /// It stands at the end of a line; `None`: of one that nobody waits for.
    Line(Option<SayId>),
}

/// The marks of one stream.
#[derive(Debug, Default)]
pub(super) struct Marks {
    next: u64,
    out: BTreeMap<u64, Owner>,
}

impl Marks {
    /// A number for a mark. With too many out the oldest is forgotten.
    pub(super) fn add(&mut self, owner: Owner) -> u64 {
        if self.out.len() >= MAX {
            self.out.pop_first();
        }
        self.next += 1;
        self.out.insert(self.next, owner);
        self.next
    }

    /// Whose the mark with this number was, once.
    pub(super) fn take(&mut self, number: u64) -> Option<Owner> {
        self.out.remove(&number)
    }

    /// All that are out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Owner> + use<> {
        std::mem::take(&mut self.out).into_values()
    }
}
