//! The conferences of an exchange.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::{AccountSid, ConferenceSid};

use super::room::Room;
use super::seat::Refused;
use crate::twilio::spec::Account;

/// Conferences that are remembered; of more the oldest that nobody is in are forgotten.
const MAX_ROOMS: usize = 1000;

/// All conferences, the oldest first.
#[derive(Debug, Default)]
pub(in crate::twilio) struct Rooms {
    rooms: Mutex<VecDeque<Arc<Room>>>,
}

impl Rooms {
    /// The conference of this name that is not over, or a new one.
    pub(in crate::twilio) fn open(&self, account: &Account, name: &str) -> Result<Arc<Room>, Refused> {
        let mut rooms = self.rooms();
        if let Some(room) = going(&rooms, account.sid, name) {
            return Ok(room);
        }
        if rooms.len() >= MAX_ROOMS {
            let oldest = rooms.iter().position(|room| room.is_empty()).ok_or(Refused::TooMany)?;
            rooms.remove(oldest);
        }
        let room = Arc::new(Room::new(account.clone(), name));
        rooms.push_back(room.clone());
        Ok(room)
    }

    /// The conference of this name that is not over.
    pub(in crate::twilio) fn named(&self, account: AccountSid, name: &str) -> Option<Arc<Room>> {
        going(&self.rooms(), account, name)
    }

    /// The conference of this id.
    pub(in crate::twilio) fn get(&self, account: AccountSid, sid: ConferenceSid) -> Option<Arc<Room>> {
        self.rooms().iter().find(|room| room.sid() == sid && room.account() == account).cloned()
    }

    /// All of an account, the newest first.
    pub(in crate::twilio) fn list(&self, account: AccountSid) -> Vec<Arc<Room>> {
        self.rooms().iter().rev().filter(|room| room.account() == account).cloned().collect()
    }

    fn rooms(&self) -> MutexGuard<'_, VecDeque<Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn going(rooms: &VecDeque<Arc<Room>>, account: AccountSid, name: &str) -> Option<Arc<Room>> {
    let is_it = |room: &&Arc<Room>| room.account() == account && room.name() == name && !room.is_over();
    rooms.iter().rev().find(is_it).cloned()
}
