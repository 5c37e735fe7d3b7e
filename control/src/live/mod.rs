//! Live events: from a commit to the sockets of the tenant's people.
//!
//! The database is the queue. The hub only says how far a tenant's events go, and keeps the newest few in
//! memory, so that a socket that keeps up reads nothing from disk. A socket that falls behind reads what
//! it missed from the database; so none is ever lost or doubled, and a slow socket costs no memory.
//!
//! What one control process commits the others hear over the bus, soon and perhaps not in order or not at all: a hole
//! sends sockets to the database, and [`Hub::reaches`] tells them of what nobody told.

mod audience;
pub(crate) mod quality;
pub(crate) mod socket;
pub(crate) mod telephony;
pub(crate) mod transcript;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::bus::{TenantNews, Topic};
use common::{TenantId, UserId};
use tokio::sync::watch;

use crate::store::LiveMessage;

/// Events of a tenant that are kept in memory: how far a socket may be behind before it reads from disk.
const RECENT: usize = 256;

/// Sockets at one time, over all tenants.
const SOCKETS: usize = 8192;

/// Sockets of one person at one time: tabs.
const SOCKETS_PER_USER: usize = 32;

/// Where commits meet sockets. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hub {
    /// The other control processes.
    others: Option<Topic<TenantNews>>,
    channels: Arc<Mutex<HashMap<TenantId, Arc<Channel>>>>,
    places: Arc<Mutex<HashMap<UserId, usize>>>,
}

/// One tenant's newest events.
#[derive(Debug)]
struct Channel {
    recent: Mutex<VecDeque<LiveMessage>>,
    newest: watch::Sender<i64>,
}

/// What a socket has to send next.
#[derive(Debug)]
enum Next {
    /// These, in order. Empty: it is up to date.
    Messages(Vec<LiveMessage>),
    /// More than the memory holds: read from the database.
    Behind,
}

impl Hub {
    /// One whose commits are told to the other control processes too.
    pub(crate) fn among(others: Topic<TenantNews>) -> Self {
        Self { others: Some(others), ..Self::default() }
    }

    /// Tells the tenant's sockets, of all control processes, what was committed here. Called in the order of the
    /// numbers.
    pub(crate) fn publish(&self, tenant: TenantId, message: LiveMessage) {
        if let Some(others) = &self.others {
            others.tell_others(TenantNews { tenant, seq: message.seq, text: message.text.to_string() });
        }
        self.tell(tenant, message);
    }

    /// Tells the tenant's sockets of this process.
    pub(crate) fn tell(&self, tenant: TenantId, message: LiveMessage) {
        let mut channels = lock(&self.channels);
        let Some(channel) = channels.get(&tenant).cloned() else { return };
        if channel.newest.is_closed() {
            channels.remove(&tenant);
            return;
        }
        drop(channels);
        let seq = message.seq;
        {
            let mut recent = lock(&channel.recent);
            if seq <= *channel.newest.borrow() {
                // Of another process, and behind a later one of this: sockets have read it from the database.
                return;
            }
            // A hole would be told to nobody; without what is before it, sockets read from the database.
            if recent.back().is_some_and(|last| last.seq + 1 != seq) {
                recent.clear();
            }
            if recent.len() == RECENT {
                recent.pop_front();
            }
            recent.push_back(message);
            channel.newest.send_replace(seq);
        }
    }

    /// The tenant's events go this far: what nobody told, sockets read from the database.
    pub(crate) fn reaches(&self, tenant: TenantId, seq: i64) {
        let Some(channel) = lock(&self.channels).get(&tenant).cloned() else { return };
        let mut recent = lock(&channel.recent);
        if seq > *channel.newest.borrow() {
            recent.clear();
            channel.newest.send_replace(seq);
        }
    }

    /// The tenants that have sockets here.
    pub(crate) fn tenants(&self) -> Vec<TenantId> {
        lock(&self.channels)
            .iter()
            .filter(|(_, channel)| !channel.newest.is_closed())
            .map(|(&id, _)| id)
            .collect()
    }

    /// Wakes the tenant's sockets: there may be something new that is no event.
    pub(crate) fn nudge(&self, tenant: TenantId) {
        if let Some(channel) = lock(&self.channels).get(&tenant) {
            channel.newest.send_modify(|_| ());
        }
    }

    /// Takes a place for one more socket of this person. `None`: they, or all together, have too many.
    fn enter(&self, tenant: TenantId, user: UserId) -> Option<Seat> {
        let mut places = lock(&self.places);
        let all: usize = places.values().sum();
        let mine = places.entry(user).or_insert(0);
        if all >= SOCKETS || *mine >= SOCKETS_PER_USER {
            return None;
        }
        *mine += 1;
        drop(places);
        // Subscribed under the lock: `publish` forgets a channel that nobody listens to.
        let mut channels = lock(&self.channels);
        let channel = channels.entry(tenant).or_default().clone();
        let newest = channel.newest.subscribe();
        drop(channels);
        Some(Seat { hub: self.clone(), user, channel, newest })
    }
}

impl Default for Channel {
    fn default() -> Self {
        Self { recent: Mutex::default(), newest: watch::Sender::new(0) }
    }
}

/// One socket's place. It is free again when this is dropped.
struct Seat {
    hub: Hub,
    user: UserId,
    channel: Arc<Channel>,
    newest: watch::Receiver<i64>,
}

impl Seat {
    /// Waits until there may be something new.
    async fn changed(&mut self) {
        // The channel, and with it the sender, lives as long as this.
        let _never_closed = self.newest.changed().await;
    }

    /// What follows number `position`.
    fn after(&mut self, position: i64) -> Next {
        let newest = *self.newest.borrow_and_update();
        if newest <= position {
            return Next::Messages(Vec::new());
        }
        let recent = lock(&self.channel.recent);
        match recent.front() {
            Some(first) if first.seq <= position + 1 => {
                Next::Messages(recent.iter().filter(|message| message.seq > position).cloned().collect())
            }
            // Nothing in memory, or not from there on.
            _ => Next::Behind,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut places = lock(&self.hub.places);
        if let Some(mine) = places.get_mut(&self.user) {
            *mine -= 1;
            if *mine == 0 {
                places.remove(&self.user);
            }
        }
    }
}

/// A panic elsewhere leaves these maps whole: every change of them is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_keeps_up_reads_from_memory_and_one_that_does_not_from_disk() {
        let (hub, tenant) = (Hub::default(), TenantId::new());
        let mut seat = hub.enter(tenant, UserId::new()).unwrap();
        for seq in 1..=RECENT as i64 + 1 {
            hub.publish(tenant, message(seq));
        }
        assert!(matches!(seat.after(0), Next::Behind));
        assert_eq!(numbers(seat.after(1)), (2..=RECENT as i64 + 1).collect::<Vec<_>>());
        assert!(numbers(seat.after(RECENT as i64 + 1)).is_empty());
    }

    #[test]
    fn a_hole_sends_sockets_to_the_database() {
        let (hub, tenant) = (Hub::default(), TenantId::new());
        let mut seat = hub.enter(tenant, UserId::new()).unwrap();
        hub.publish(tenant, message(1));
        hub.publish(tenant, message(3));
        assert!(matches!(seat.after(1), Next::Behind));
        assert_eq!(numbers(seat.after(2)), [3]);
    }

    #[test]
    fn what_another_process_tells_late_or_not_at_all_is_read_from_disk() {
        let (hub, tenant) = (Hub::default(), TenantId::new());
        let mut seat = hub.enter(tenant, UserId::new()).unwrap();
        hub.publish(tenant, message(1));
        hub.publish(tenant, message(3));
        hub.tell(tenant, message(2));
        assert!(matches!(seat.after(1), Next::Behind));
        assert_eq!(numbers(seat.after(2)), [3]);

        hub.reaches(tenant, 5);
        assert!(matches!(seat.after(3), Next::Behind));
        hub.reaches(tenant, 4);
        hub.publish(tenant, message(6));
        assert_eq!(numbers(seat.after(5)), [6]);
        assert_eq!(hub.tenants(), [tenant]);
    }

    #[test]
    fn another_tenants_event_is_not_told() {
        let (hub, tenant) = (Hub::default(), TenantId::new());
        let mut seat = hub.enter(tenant, UserId::new()).unwrap();
        let stranger = TenantId::new();
        let mut theirs = hub.enter(stranger, UserId::new()).unwrap();
        hub.publish(stranger, message(1));
        assert!(numbers(seat.after(0)).is_empty());
        assert_eq!(numbers(theirs.after(0)), [1]);
    }

    #[test]
    fn a_person_has_so_many_places_and_gets_them_back() {
        let (hub, tenant, user) = (Hub::default(), TenantId::new(), UserId::new());
        let mut seats: Vec<Seat> = (0..SOCKETS_PER_USER).map(|_| hub.enter(tenant, user).unwrap()).collect();
        assert!(hub.enter(tenant, user).is_none());
        assert!(hub.enter(tenant, UserId::new()).is_some());
        seats.pop();
        assert!(hub.enter(tenant, user).is_some());
        drop(seats);
        assert!(hub.places.lock().unwrap().is_empty());
    }

    #[test]
    fn a_channel_without_sockets_is_forgotten() {
        let (hub, tenant) = (Hub::default(), TenantId::new());
        drop(hub.enter(tenant, UserId::new()));
        hub.publish(tenant, message(1));
        assert!(hub.channels.lock().unwrap().is_empty());
    }

    fn message(seq: i64) -> LiveMessage {
        LiveMessage { seq, text: String::new().into() }
    }

    fn numbers(next: Next) -> Vec<i64> {
        match next {
            Next::Messages(messages) => messages.iter().map(|message| message.seq).collect(),
            Next::Behind => panic!("behind"),
        }
    }
}
