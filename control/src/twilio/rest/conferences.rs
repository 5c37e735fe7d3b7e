//! Conferences and who is in them.

use common::{CallSid, ConferenceSid};
use serde::Deserialize;

use super::send::Ask;
use super::{RestAccount, RestClient, RestError, form};

/// A conference, as Twilio has it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Conference {
    /// Its id.
    pub sid: ConferenceSid,
    /// The name in the TwiML.
    pub friendly_name: String,
    /// `init`, `in-progress`, `completed`.
    pub status: String,
}

/// A leg in a conference, as Twilio has it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Participant {
    /// The leg.
    pub call_sid: CallSid,
    /// The conference.
    pub conference_sid: ConferenceSid,
    /// The name that it was given.
    pub label: Option<String>,
    /// Whether nobody hears it.
    pub muted: bool,
    /// Whether it hears music and nobody.
    pub hold: bool,
    /// Whether only one participant hears it.
    pub coaching: bool,
    /// Whom it coaches.
    pub call_sid_to_coach: Option<CallSid>,
    /// `queued`, `connecting`, `ringing`, `connected`, `complete`, `failed`.
    pub status: String,
}

/// Somebody to call into a conference.
#[derive(Clone, Copy, Debug)]
pub struct NewParticipant<'a> {
    /// Who calls: a number of the account, E.164.
    pub from: &'a str,
    /// Whom it calls: E.164, or `app:` and the id of a TwiML application.
    pub to: &'a str,
    /// The name by which it can be found.
    pub label: &'a str,
    /// Whether the conference is over when this leaves.
    pub ends_it: bool,
    /// Whom alone it is to be heard by. `None`: everybody.
    pub coaches: Option<CallSid>,
    /// Where Twilio reports on the leg. `None`: nowhere.
    pub status_callback: Option<&'a str>,
}

/// What to change of a participant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ParticipantChange {
    /// Whether nobody hears it.
    Muted(bool),
    /// Whether it hears music and nobody.
    Hold(bool),
    /// Only this participant hears it; `None`: everybody does.
    Coaching(Option<CallSid>),
    /// Whether the conference is over when it leaves.
    EndsIt(bool),
}

#[derive(Deserialize)]
struct Conferences {
    conferences: Vec<Conference>,
}

#[derive(Deserialize)]
struct Participants {
    participants: Vec<Participant>,
}

impl RestClient {
    /// The conference of this name that goes on, if there is one.
    pub async fn conference_find(
        &self,
        account: &RestAccount,
        name: &str,
    ) -> Result<Option<Conference>, RestError> {
        let ask = Ask::get("conference_list", "Conferences.json".to_owned())
            .field("FriendlyName", name)
            .field("Status", "in-progress")
            .field("PageSize", "1");
        Ok(self.ask::<Conferences>(account, ask).await?.conferences.into_iter().next())
    }

    /// Ends a conference for everybody.
    pub async fn conference_end(
        &self,
        account: &RestAccount,
        conference: ConferenceSid,
    ) -> Result<Conference, RestError> {
        let path = format!("Conferences/{conference}.json");
        self.ask(account, Ask::set("conference_update", path).field("Status", "completed")).await
    }

    /// Who is in a conference, at most 50: a page.
    pub async fn participant_list(
        &self,
        account: &RestAccount,
        conference: ConferenceSid,
    ) -> Result<Vec<Participant>, RestError> {
        let path = format!("Conferences/{conference}/Participants.json");
        let ask = Ask::get("participant_list", path).field("PageSize", "50");
        Ok(self.ask::<Participants>(account, ask).await?.participants)
    }

    /// Calls somebody into a conference.
    pub async fn participant_create(
        &self,
        account: &RestAccount,
        conference: ConferenceSid,
        new: &NewParticipant<'_>,
    ) -> Result<Participant, RestError> {
        let ask = Ask::make("participant_create", format!("Conferences/{conference}/Participants.json"))
            .field("From", new.from)
            .field("To", new.to)
            .field("Label", new.label)
            .field("Beep", "false")
            .field("EndConferenceOnExit", form::truth(new.ends_it))
            .optional("Coaching", new.coaches.map(|_| form::truth(true)))
            .optional("CallSidToCoach", new.coaches.map(String::from))
            .optional("StatusCallback", new.status_callback)
            .optional(
                "StatusCallbackEvent",
                new.status_callback.map(|_| "initiated ringing answered completed"),
            );
        self.ask(account, ask).await
    }

    /// One participant.
    pub async fn participant_fetch(
        &self,
        account: &RestAccount,
        conference: ConferenceSid,
        call: CallSid,
    ) -> Result<Participant, RestError> {
        let path = format!("Conferences/{conference}/Participants/{call}.json");
        self.ask(account, Ask::get("participant_fetch", path)).await
    }

    /// Changes a participant.
    pub async fn participant_update(
        &self,
        account: &RestAccount,
        conference: ConferenceSid,
        call: CallSid,
        change: ParticipantChange,
    ) -> Result<Participant, RestError> {
        let ask =
            Ask::set("participant_update", format!("Conferences/{conference}/Participants/{call}.json"));
        let ask = match change {
            ParticipantChange::Muted(muted) => ask.field("Muted", form::truth(muted)),
            ParticipantChange::Hold(hold) => ask.field("Hold", form::truth(hold)),
            ParticipantChange::EndsIt(ends) => ask.field("EndConferenceOnExit", form::truth(ends)),
            ParticipantChange::Coaching(None) => ask.field("Coaching", "false"),
            ParticipantChange::Coaching(Some(coached)) => {
                ask.field("Coaching", "true").field("CallSidToCoach", coached.as_str())
            }
        };
        self.ask(account, ask).await
    }

    /// Puts a participant out. One who is gone already is out too.
    pub async fn participant_remove(
        &self,
        account: &RestAccount,
        conference: ConferenceSid,
        call: CallSid,
    ) -> Result<(), RestError> {
        let path = format!("Conferences/{conference}/Participants/{call}.json");
        match self.tell(account, Ask::delete("participant_remove", path)).await {
            Ok(()) | Err(RestError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
