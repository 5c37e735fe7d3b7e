//! Conferences and who is in them, as the API has them.

use std::sync::Arc;
use std::time::Instant;

use axum::http::StatusCode;
use common::CallSid;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, page};
use super::line::rfc2822;
use super::routes::{ACCOUNTS, Asked};
use crate::twilio::conference::{
    Beep, Callback, Change, MAX_NAME, MAX_PARTICIPANTS, Refused, Room, Standing, Terms, Why,
};

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Over => Self::NOT_FOUND,
            Refused::Full => Self::invalid("The conference is full"),
            Refused::NobodyToCoach => Self::invalid("CallSidToCoach is not in the conference"),
            Refused::Label => {
                Self { status: 400, code: 16025, message: "There is a participant with this label" }
            }
            Refused::TooMany => Self { status: 429, code: 20429, message: "Too many conferences" },
        }
    }
}

impl Asked<'_> {
    pub(super) fn conferences(&self) -> Answer {
        let is_wanted =
            |field: &str, value: &str| self.request.get(field).is_none_or(|wanted| wanted == value);
        let rooms = self.shared.rooms.list(self.account);
        let found = rooms
            .iter()
            .filter(|room| is_wanted("FriendlyName", room.name()) && is_wanted("Status", room.view().status));
        let path = format!("{ACCOUNTS}{}/Conferences.json", self.account);
        let found = found.map(|room| conference_json(room)).collect();
        Ok((StatusCode::OK, page("conferences", &path, &self.request.fields, found)))
    }

    pub(super) fn conference(&self, sid: &str) -> Answer {
        let room = self.room(sid)?;
        Ok((StatusCode::OK, conference_json(&room)))
    }

    pub(super) fn update_conference(&self, sid: &str) -> Answer {
        let room = self.room(sid)?;
        match self.request.get("Status") {
            Some("completed") => room.end(Instant::now()),
            _ => return Err(Refusal::invalid("Status is not completed")),
        }
        Ok((StatusCode::OK, conference_json(&room)))
    }

    pub(super) fn participants(&self, conference: &str) -> Answer {
        let room = self.room_or_named(conference)?;
        let path = format!("{ACCOUNTS}{}/Conferences/{}/Participants.json", self.account, room.sid());
        let is_wanted = |field: &str, value: bool| {
            self.request.get(field).is_none_or(|wanted| wanted == if value { "true" } else { "false" })
        };
        let found = room.standings().into_iter().filter(|standing| {
            is_wanted("Muted", standing.muted)
                && is_wanted("Hold", standing.held)
                && is_wanted("Coaching", standing.coaches.is_some())
        });
        let found = found.map(|standing| participant_json(&room, &standing)).collect();
        Ok((StatusCode::OK, page("participants", &path, &self.request.fields, found)))
    }

    pub(super) fn participant(&self, conference: &str, who: &str) -> Answer {
        let room = self.room_or_named(conference)?;
        let standing = room.standing(who).ok_or(Refusal::NOT_FOUND)?;
        Ok((StatusCode::OK, participant_json(&room, &standing)))
    }

    pub(super) fn update_participant(&self, conference: &str, who: &str) -> Answer {
        let room = self.room_or_named(conference)?;
        let standing = room.standing(who).ok_or(Refusal::NOT_FOUND)?;
        let change = Change {
            // Twilio reads whatever is not true as false here.
            muted: self.request.get("Muted").map(|word| word.eq_ignore_ascii_case("true")),
            held: self.truth("Hold")?,
            coaches: self.coached()?,
            ends: self.truth("EndConferenceOnExit")?,
            beeps_on_exit: self.truth("BeepOnExit")?,
        };
        if !room.change(standing.call, change, Instant::now())? {
            return Err(Refusal::NOT_FOUND);
        }
        self.participant(conference, standing.call.as_str())
    }

    pub(super) fn remove_participant(&self, conference: &str, who: &str) -> Answer {
        let room = self.room_or_named(conference)?;
        let standing = room.standing(who).ok_or(Refusal::NOT_FOUND)?;
        match room.remove(standing.call, Why::Kicked, Instant::now()) {
            true => Ok((StatusCode::NO_CONTENT, json!(null))),
            false => Err(Refusal::NOT_FOUND),
        }
    }

    /// On what terms the request calls somebody into a conference.
    pub(super) fn terms(&self) -> Result<Terms, Refusal> {
        let usual = Terms::default();
        let label = self.request.get("Label").filter(|label| !label.is_empty());
        if label.is_some_and(|label| label.chars().count() > MAX_NAME) {
            return Err(Refusal::invalid("Label is too long"));
        }
        let beep = match self.request.get("Beep").map(Beep::parse) {
            None => usual.beep,
            Some(beep) => beep.ok_or(Refusal::invalid("Beep is neither true, false, onEnter nor onExit"))?,
        };
        let limit = match self.request.get("MaxParticipants").map(str::parse) {
            None => usual.limit,
            Some(Ok(limit @ 2..=MAX_PARTICIPANTS)) => limit,
            Some(_) => return Err(Refusal::invalid("MaxParticipants is not a number from 2 to 250")),
        };
        let callback = self.request.get("ConferenceStatusCallback").map(|url| {
            let events = self.request.all("ConferenceStatusCallbackEvent");
            let target = self.target(url, "ConferenceStatusCallbackMethod");
            Callback::new(target, (!events.is_empty()).then_some(events.as_str()))
        });
        Ok(Terms {
            label: label.map(str::to_owned),
            muted: self.truth("Muted")?.unwrap_or(usual.muted),
            beep,
            starts: self.truth("StartConferenceOnEnter")?.unwrap_or(usual.starts),
            ends: self.truth("EndConferenceOnExit")?.unwrap_or(usual.ends),
            coaches: self.coached()?.flatten(),
            limit,
            callback,
        })
    }

    /// Whom the request lets somebody coach; `Some(None)`: nobody.
    fn coached(&self) -> Result<Option<Option<CallSid>>, Refusal> {
        let coached = self.request.get("CallSidToCoach").filter(|coached| !coached.is_empty());
        match (self.truth("Coaching")?, coached) {
            (Some(false), _) => Ok(Some(None)),
            (None, None) => Ok(None),
            (Some(true), None) => Err(Refused::NobodyToCoach.into()),
            (Some(true) | None, Some(coached)) => match coached.parse() {
                Ok(coached) => Ok(Some(Some(coached))),
                Err(_) => Err(Refused::NobodyToCoach.into()),
            },
        }
    }

    fn truth(&self, field: &str) -> Result<Option<bool>, Refusal> {
        match self.request.get(field) {
            None => Ok(None),
            Some(word) if word.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(word) if word.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(Refusal::invalid("what must be true or false is neither")),
        }
    }

    fn room(&self, sid: &str) -> Result<Arc<Room>, Refusal> {
        let sid = sid.parse().map_err(|_| Refusal::NOT_FOUND)?;
        self.shared.rooms.get(self.account, sid).ok_or(Refusal::NOT_FOUND)
    }

    /// The conference of this id, or the one of this name that goes on.
    pub(super) fn room_or_named(&self, text: &str) -> Result<Arc<Room>, Refusal> {
        self.room(text).or_else(|refusal| self.shared.rooms.named(self.account, text).ok_or(refusal))
    }
}

pub(super) fn participant_json(room: &Room, standing: &Standing) -> Value {
    let Standing { call, label, muted, held, coaches, starts, ends, status, created, updated, .. } = standing;
    let (account, conference) = (room.account(), room.sid());
    json!({
        "account_sid": account,
        "call_sid": call,
        "label": label,
        "call_sid_to_coach": coaches,
        "coaching": coaches.is_some(),
        "conference_sid": conference,
        "date_created": rfc2822(*created),
        "date_updated": rfc2822(*updated),
        "end_conference_on_exit": ends,
        "hold": held,
        "muted": muted,
        "queue_time": "0",
        "start_conference_on_enter": starts,
        "status": status,
        "uri": format!("{ACCOUNTS}{account}/Conferences/{conference}/Participants/{call}.json"),
    })
}

fn conference_json(room: &Room) -> Value {
    let view = room.view();
    let uri = format!("{ACCOUNTS}{}/Conferences/{}", room.account(), room.sid());
    json!({
        "sid": room.sid(),
        "account_sid": room.account(),
        "friendly_name": room.name(),
        "status": view.status,
        "region": "us1",
        "reason_conference_ended": view.ended.map(|(reason, _)| reason),
        "call_sid_ending_conference": view.ended.and_then(|(_, call)| call),
        "api_version": "2010-04-01",
        "date_created": rfc2822(view.created),
        "date_updated": rfc2822(view.updated),
        "uri": format!("{uri}.json"),
        "subresource_uris": {
            "participants": format!("{uri}/Participants.json"),
            "recordings": format!("{uri}/Recordings.json"),
        },
    })
}
