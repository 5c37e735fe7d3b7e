//! Sessions that may speak: what they say on its way to the call, and what they may do.

use std::time::{Duration, Instant};

use common::bus::NodeEvent;
use common::token::Mode;
use gateway_core::call::PartyId;
use gateway_core::frame::{Codec, Speech};

use super::{Entry, Sessions};
use crate::hub::CallKey;
use crate::hub::floor::Party;
use crate::listen::slab::Key;

/// Packets of one microphone in a second. Opus at its shortest, 2.5 ms, would be 400; browsers send 50.
const SPEECH: u32 = 150;

/// How many packets a microphone has sent in the present second.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    since: Option<Instant>,
    packets: u32,
}

impl Spoken {
    /// Counts a packet. False: it is one too many.
    fn count(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= Duration::from_secs(1)) {
            (self.since, self.packets) = (Some(now), 0);
        }
        self.packets = self.packets.saturating_add(1);
        self.packets <= SPEECH
    }
}

/// A session as one that takes part in its call.
pub(super) fn party(entry: &Entry, worker: usize, mode: Mode) -> Party {
    Party { id: PartyId(entry.record.tag), side: entry.record.grant.side, mode, worker }
}

impl Sessions {
    /// What the session with this tag may do has changed.
    pub(in crate::listen) fn follow_mode(&mut self, tag: u32) {
        let Some(key) = self.routes.by_tag(tag) else { return };
        self.mode_changed(key);
    }

    /// A leg beside this call is over: who was heard there only listens, and control is told.
    pub(in crate::listen) fn side_ended(&mut self, call: CallKey) {
        for codec in Codec::ALL {
            let members = self.calls.get(&(call, codec)).map(|audience| audience.members.clone());
            for key in members.unwrap_or_default() {
                let Some(entry) = self.entries.get_mut(key) else { continue };
                let mode = entry.record.mouth.mode();
                if mode != Mode::Listen && !entry.call.carries(mode) {
                    self.mode_changed(key);
                }
            }
        }
    }

    fn mode_changed(&mut self, key: Key) {
        if self.entries.get_mut(key).is_some_and(|entry| entry.ear.is_some()) {
            self.take_part(key);
        }
        let Some(entry) = self.entries.get_mut(key) else { return };
        let grant = &entry.record.grant;
        self.setting.bus.events.publish(NodeEvent::SessionChanged {
            tenant: grant.tenant,
            call: grant.call,
            session: grant.session,
            mode: entry.record.mouth.mode(),
            media_ms: entry.call.media_ms(),
        });
    }

    /// Lets a connected session take part in its call as its mode says. One that cannot speak only listens, whatever
    /// was allowed.
    pub(super) fn take_part(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let mouth = &entry.record.mouth;
        if !(entry.call.carries(mouth.mode()) && entry.session.can_speak()) {
            mouth.set_mode(Mode::Listen);
        }
        let mode = mouth.mode();
        let (was, is) = (entry.own, mode != Mode::Listen);
        if is && !was {
            // Packets of their own go on behind those that all heard.
            entry.not_before = entry.not_before.max(entry.call.newest() + 1);
        }
        entry.own = is;
        if let Some(ear) = &mut entry.ear {
            ear.set_resting(is);
        }
        if was || is {
            entry.call.set_party(party(entry, self.setting.index, mode));
        }
    }

    /// A packet of a microphone that is open.
    pub(super) fn speech(&mut self, key: Key, speech: Speech) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let metrics = &self.setting.metrics.speech;
        if !entry.spoken.count(Instant::now()) {
            metrics.limited.inc();
        } else if entry.call.speak(PartyId(entry.record.tag), speech) {
            metrics.passed.inc();
        } else {
            metrics.dropped.inc();
        }
    }
}
