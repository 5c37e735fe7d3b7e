//! How listeners are heard now, as gateways told last. Kept in memory alone: after a restart it is told anew
//! within seconds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::SessionId;
use common::bus::ListenerQuality;
use time::OffsetDateTime;

use crate::model::Quality;

/// The most sessions that are remembered: as many as the listeners of ten gateways.
const MAX: usize = 40_960;

/// What a gateway no longer speaks of is forgotten after this long, should the session's end not have been heard.
/// Gateways speak each 5 s.
const FRESH: Duration = Duration::from_secs(30);

/// The newest quality of each session.
#[derive(Debug, Default)]
pub(crate) struct Qualities {
    inner: Mutex<HashMap<SessionId, Told>>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    quality: Quality,
}

impl Qualities {
    /// Takes what a gateway told, at `at` and by the wall clock at `now`. More than a message may hold, and more
    /// than can be remembered, is left out.
    pub(crate) fn put(&self, listeners: Vec<ListenerQuality>, at: Instant, now: OffsetDateTime) {
        let mut inner = self.lock();
        for told in listeners.into_iter().take(ListenerQuality::MAX_AT_ONCE) {
            if inner.len() < MAX || inner.contains_key(&told.session) {
                inner.insert(told.session, Told { at, quality: read(&told, now) });
            }
        }
    }

    /// How a session is heard, if a gateway said so lately. Whose session it is, the caller has found out.
    pub(crate) fn of(&self, session: SessionId, at: Instant) -> Option<Quality> {
        let inner = self.lock();
        inner.get(&session).filter(|told| told.is_fresh(at)).map(|told| told.quality.clone())
    }

    /// A session is over.
    pub(crate) fn forget(&self, session: SessionId) {
        self.lock().remove(&session);
    }

    /// Forgets what nobody speaks of any more.
    pub(crate) fn forget_old(&self, at: Instant) {
        self.lock().retain(|_, told| told.is_fresh(at));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Told>> {
        // The map is whole after every operation.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn is_fresh(&self, at: Instant) -> bool {
        at.saturating_duration_since(self.at) < FRESH
    }
}

fn read(told: &ListenerQuality, now: OffsetDateTime) -> Quality {
    // An age of centuries is no age.
    let age = time::Duration::milliseconds(i64::try_from(told.age_ms).unwrap_or(i64::MAX));
    Quality {
        loss_ratio: told.loss_ratio,
        loss_ratio_total: told.loss_ratio_total,
        jitter_ms: told.jitter_ms,
        round_trip_ms: told.round_trip_ms,
        behind_ms: told.behind_ms,
        mos: told.mos,
        packets: told.packets,
        reported_at: now.checked_sub(age).unwrap_or(OffsetDateTime::UNIX_EPOCH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(age_ms: u64) -> ListenerQuality {
        ListenerQuality {
            session: SessionId::new(),
            packets: 7,
            loss_ratio: 0.0,
            loss_ratio_total: 0.0,
            jitter_ms: 1.5,
            round_trip_ms: None,
            behind_ms: None,
            mos: None,
            age_ms,
        }
    }

    #[test]
    fn the_newest_counts_until_nobody_speaks_of_it_any_more() {
        let (all, at, now) = (Qualities::default(), Instant::now(), OffsetDateTime::now_utc());
        let first = told(1000);
        all.put(vec![first.clone()], at, now);
        all.put(vec![ListenerQuality { packets: 8, ..first.clone() }], at, now);
        let quality = all.of(first.session, at).unwrap();
        assert_eq!((quality.packets, quality.reported_at), (8, now - Duration::from_secs(1)));

        let other = told(u64::MAX);
        all.put(vec![other.clone()], at + FRESH / 2, now);
        assert!(all.of(first.session, at + FRESH).is_none());
        assert!(all.of(other.session, at + FRESH).is_some());
        all.forget_old(at + FRESH);
        assert_eq!(all.lock().len(), 1);
        all.forget(other.session);
        assert_eq!(all.lock().len(), 0);
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let (all, at, now) = (Qualities::default(), Instant::now(), OffsetDateTime::now_utc());
        all.put((0..MAX + 10).map(|_| told(0)).collect(), at, now);
        assert_eq!(all.lock().len(), ListenerQuality::MAX_AT_ONCE, "a message has a bound");
        let kept = told(0);
        all.put(vec![kept.clone()], at, now);
        while all.lock().len() < MAX {
            all.put((0..ListenerQuality::MAX_AT_ONCE).map(|_| told(0)).collect(), at, now);
        }
        all.put(vec![told(0), ListenerQuality { packets: 9, ..kept.clone() }], at, now);
        assert_eq!(all.lock().len(), MAX);
        assert_eq!(all.of(kept.session, at).unwrap().packets, 9, "one that is known stays up to date");
    }
}
