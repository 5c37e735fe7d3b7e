//! What the status callback of a conference is told.

use common::ConferenceSid;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::seat::Standing;
use super::terms::Callback;
use crate::twilio::courier::Courier;
use crate::twilio::spec::Account;
use crate::twilio::webhook::Params;

/// Something that happened: the word by which it is asked for, and the one by which it is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Event(&'static str, &'static str);

impl Event {
    pub(super) const START: Self = Self("start", "conference-start");
    pub(super) const END: Self = Self("end", "conference-end");
    pub(super) const JOIN: Self = Self("join", "participant-join");
    pub(super) const LEAVE: Self = Self("leave", "participant-leave");
    pub(super) const MUTE: Self = Self("mute", "participant-mute");
    pub(super) const UNMUTE: Self = Self("mute", "participant-unmute");
    pub(super) const HOLD: Self = Self("hold", "participant-hold");
    pub(super) const UNHOLD: Self = Self("hold", "participant-unhold");
    pub(super) const MODIFY: Self = Self("modify", "participant-modify");
}

/// Tells the first participant's callback, in order.
#[derive(Debug)]
pub(super) struct Reporter {
    account: Account,
    conference: ConferenceSid,
    name: String,
    /// Where to. Decided by whoever comes first: none is a decision too.
    callback: Option<Option<Callback>>,
    courier: Option<Courier>,
    number: u64,
}

impl Reporter {
    pub(super) fn new(account: Account, conference: ConferenceSid, name: &str) -> Self {
        Self { account, conference, name: name.to_owned(), callback: None, courier: None, number: 0 }
    }

    /// Somebody comes, with this callback.
    pub(super) fn decide(&mut self, callback: Option<&Callback>) {
        self.callback.get_or_insert_with(|| callback.cloned());
    }

    /// Tells of an event.
    pub(super) fn tell(&mut self, event: Event, who: Option<&Standing>, more: Params) {
        let Event(wanted, told) = event;
        let Some(callback) = self.callback.as_ref().and_then(Option::as_ref) else { return };
        if !callback.events.iter().any(|event| event == wanted) {
            return;
        }
        let mut params: Params = vec![
            ("AccountSid", self.account.sid.to_string()),
            ("ConferenceSid", self.conference.to_string()),
            ("FriendlyName", self.name.clone()),
            ("StatusCallbackEvent", told.to_owned()),
            ("SequenceNumber", self.number.to_string()),
            // The year has four digits, so this cannot fail.
            ("Timestamp", OffsetDateTime::now_utc().format(&Rfc2822).unwrap_or_default()),
        ];
        if let Some(who) = who {
            params.extend([
                ("CallSid", who.call.to_string()),
                ("Muted", who.muted.to_string()),
                ("Hold", who.held.to_string()),
                ("Coaching", who.coaches.is_some().to_string()),
                ("EndConferenceOnExit", who.ends.to_string()),
                ("StartConferenceOnEnter", who.starts.to_string()),
            ]);
            params.extend(who.coaches.map(|coached| ("CallSidToCoach", coached.to_string())));
            params.extend(who.label.clone().map(|label| ("ParticipantLabel", label)));
        }
        params.extend(more);
        self.number += 1;
        let courier = self.courier.get_or_insert_with(|| Courier::start(self.account.clone()).0);
        courier.post(told, callback.target.clone(), params);
    }

    /// Nothing comes any more.
    pub(super) fn finish(&mut self) {
        self.courier = None;
    }
}
