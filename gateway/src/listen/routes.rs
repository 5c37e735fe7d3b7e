//! Whose a datagram is.
//!
//! A browser's check names its session, whatever its source; an answer to our own check carries the
//! session's tag. Everything else counts only from an address that a session has validated, and an
//! address belongs to one session at a time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;

use gateway_core::listener::{Route, route};

use super::slab::Key;

/// Addresses one session may own; it says itself which it no longer needs, long before. With one more the
/// oldest is given up.
const ADDRESSES: usize = 16;

/// Which session on this socket a datagram belongs to.
#[derive(Debug, Default)]
pub(super) struct Routes {
    by_ufrag: HashMap<String, Key>,
    by_tag: HashMap<u32, Key>,
    by_addr: HashMap<SocketAddr, Key>,
}

/// What a session is known by.
#[derive(Debug)]
pub(super) struct Names {
    /// Our ufrag of its present ICE session.
    pub(super) ufrag: String,
    pub(super) tag: u32,
    /// Addresses it owns, the newest last.
    addresses: Vec<SocketAddr>,
    /// One it validated while another session owned it.
    wanted: Option<SocketAddr>,
}

/// Why a datagram is nobody's.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Reject {
    /// A check for a ufrag that is not ours.
    UnknownUfrag,
    /// An answer to no check of ours.
    UnknownCheck,
    /// DTLS, SRTP or SRTCP from an address that no session has validated.
    UnknownSource,
    /// No protocol of ours.
    Unknown,
}

impl Names {
    pub(super) fn new(ufrag: String, tag: u32) -> Self {
        Self { ufrag, tag, addresses: Vec::new(), wanted: None }
    }
}

impl Routes {
    /// Whose it is, from its source and its first bytes.
    pub(super) fn find(&self, src: SocketAddr, datagram: &[u8]) -> Result<Key, Reject> {
        let (found, otherwise) = match route(datagram) {
            Route::Check { ufrag } => (self.by_ufrag.get(ufrag), Reject::UnknownUfrag),
            Route::Response { tag } => (self.by_tag.get(&tag), Reject::UnknownCheck),
            Route::Media => (self.by_addr.get(&src), Reject::UnknownSource),
            Route::Other => (None, Reject::Unknown),
        };
        found.copied().ok_or(otherwise)
    }

    /// The session with this tag.
    pub(super) fn by_tag(&self, tag: u32) -> Option<Key> {
        self.by_tag.get(&tag).copied()
    }

    /// Makes a session known by its names. False, and nothing is changed, if one of them is in use.
    pub(super) fn add(&mut self, key: Key, names: &Names) -> bool {
        if self.by_ufrag.contains_key(&names.ufrag) || self.by_tag.contains_key(&names.tag) {
            return false;
        }
        self.by_ufrag.insert(names.ufrag.clone(), key);
        self.by_tag.insert(names.tag, key);
        true
    }

    /// After an ICE restart: checks name the session by its fresh ufrag, and no longer by the old one.
    pub(super) fn rename(&mut self, key: Key, names: &mut Names, ufrag: String) -> bool {
        if self.by_ufrag.contains_key(&ufrag) {
            return false;
        }
        self.by_ufrag.remove(&names.ufrag);
        self.by_ufrag.insert(ufrag.clone(), key);
        names.ufrag = ufrag;
        true
    }

    /// Gives the session an address that it validated. False if another session owns it: that one keeps it
    /// for as long as it lives. The claim is remembered for [`claim_again`](Self::claim_again).
    pub(super) fn claim(&mut self, key: Key, names: &mut Names, addr: SocketAddr) -> bool {
        match self.by_addr.entry(addr) {
            Entry::Occupied(owner) if *owner.get() != key => {
                names.wanted = Some(addr);
                return false;
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(vacant) => {
                vacant.insert(key);
            }
        }
        names.wanted = None;
        names.addresses.retain(|known| *known != addr);
        names.addresses.push(addr);
        if names.addresses.len() > ADDRESSES {
            let oldest = names.addresses.remove(0);
            self.by_addr.remove(&oldest);
        }
        true
    }

    /// Tries the claim that another session was in the way of.
    pub(super) fn claim_again(&mut self, key: Key, names: &mut Names) {
        if let Some(addr) = names.wanted {
            self.claim(key, names, addr);
        }
    }

    /// Takes an address from the session that has no more use for it.
    pub(super) fn release(&mut self, key: Key, names: &mut Names, addr: SocketAddr) {
        names.addresses.retain(|known| *known != addr);
        names.wanted = names.wanted.filter(|wanted| *wanted != addr);
        if let Entry::Occupied(owner) = self.by_addr.entry(addr)
            && *owner.get() == key
        {
            owner.remove();
        }
    }

    /// Forgets a session.
    pub(super) fn remove(&mut self, names: &Names) {
        self.by_ufrag.remove(&names.ufrag);
        self.by_tag.remove(&names.tag);
        for addr in &names.addresses {
            self.by_addr.remove(addr);
        }
    }
}

impl Reject {
    /// All, for metrics that begin at zero.
    pub(super) const ALL: [Self; 4] =
        [Self::UnknownUfrag, Self::UnknownCheck, Self::UnknownSource, Self::Unknown];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownUfrag => "unknown_ufrag",
            Self::UnknownCheck => "unknown_check",
            Self::UnknownSource => "unknown_source",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::slab::Slab;

    const SRTP: &[u8] = &[0x80, 0x6f, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9];

    #[test]
    fn an_address_is_never_taken_from_a_living_session() {
        let (mut routes, [(a, mut alice), (b, mut bob)]) = fixture();
        assert!(routes.claim(a, &mut alice, addr(1)));
        assert!(!routes.claim(b, &mut bob, addr(1)));
        assert_eq!(routes.find(addr(1), SRTP), Ok(a));

        routes.claim_again(b, &mut bob);
        assert_eq!(routes.find(addr(1), SRTP), Ok(a), "the owner still lives");
        routes.remove(&alice);
        assert_eq!(routes.find(addr(1), SRTP), Err(Reject::UnknownSource));
        routes.claim_again(b, &mut bob);
        assert_eq!(routes.find(addr(1), SRTP), Ok(b), "the owner is gone");
    }

    #[test]
    fn a_session_keeps_its_newest_addresses_only() {
        let (mut routes, [(a, mut alice), _]) = fixture();
        for port in 1..=17 {
            assert!(routes.claim(a, &mut alice, addr(port)));
        }
        assert_eq!(routes.find(addr(1), SRTP), Err(Reject::UnknownSource));
        assert_eq!(routes.find(addr(2), SRTP), Ok(a));
        assert!(routes.claim(a, &mut alice, addr(2)), "validated once more");
        assert_eq!((alice.addresses.len(), routes.by_addr.len()), (16, 16));
    }

    #[test]
    fn an_address_is_released_by_its_owner_only() {
        let (mut routes, [(a, mut alice), (b, mut bob)]) = fixture();
        routes.claim(a, &mut alice, addr(1));
        routes.claim(b, &mut bob, addr(1));
        routes.release(b, &mut bob, addr(1));
        assert_eq!(routes.find(addr(1), SRTP), Ok(a));
        routes.release(a, &mut alice, addr(1));
        assert_eq!(routes.find(addr(1), SRTP), Err(Reject::UnknownSource));
        routes.claim_again(b, &mut bob);
        assert_eq!(routes.by_addr.len(), 0, "it has given its wish up");
    }

    #[test]
    fn who_leaves_leaves_nothing_behind() {
        let (mut routes, [(a, mut alice), (b, mut bob)]) = fixture();
        routes.claim(a, &mut alice, addr(1));
        routes.claim(b, &mut bob, addr(2));
        assert!(routes.rename(a, &mut alice, "fresh".to_owned()));
        routes.remove(&alice);
        routes.remove(&bob);
        assert_eq!((routes.by_ufrag.len(), routes.by_tag.len(), routes.by_addr.len()), (0, 0, 0));
    }

    #[test]
    fn two_sessions_never_share_a_name() {
        let (mut routes, [(a, mut alice), (b, _)]) = fixture();
        assert!(!routes.add(b, &Names::new("alice".to_owned(), 3)));
        assert!(!routes.add(b, &Names::new("carol".to_owned(), 1)));
        assert!(!routes.rename(a, &mut alice, "bob".to_owned()));
        assert_eq!((routes.by_ufrag.len(), routes.by_tag(3)), (2, None));
    }

    fn fixture() -> (Routes, [(Key, Names); 2]) {
        let (mut routes, mut slab) = (Routes::default(), Slab::new());
        let mut add = |ufrag: &str, tag| {
            let (key, names) = (slab.insert(()), Names::new(ufrag.to_owned(), tag));
            assert!(routes.add(key, &names));
            (key, names)
        };
        let both = [add("alice", 1), add("bob", 2)];
        (routes, both)
    }

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }
}
