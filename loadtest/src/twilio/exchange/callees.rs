//! Who is called into a conference: a person, or an application.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use common::CallSid;

use super::answer::{Answer, Refusal};
use super::conferences::participant_json;
use super::routes::Asked;
use super::{Exchange, Line};
use crate::audio::Audio;
use crate::twilio::call::{Shared, new_sid};
use crate::twilio::conference::MAX_NAME;
use crate::twilio::courier::Reports;
use crate::twilio::leg::{LONGEST, Leg, Opening, Orders};
use crate::twilio::origin::Origin;
use crate::twilio::played::Played;
use crate::twilio::spec::CallSpec;
use crate::twilio::twiml::Target;
use crate::twilio::voice::{Speech, Voice};
use crate::twilio::webhook;

/// How long a person's telephone rings.
const ANSWERS: Duration = Duration::from_millis(100);

/// Most digits of a number.
const MAX_DIGITS: usize = 15;

/// A call into a conference that is about to be made.
struct Callee {
    origin: Origin,
    opening: Opening,
    /// What the leg's party says and hears.
    voice: Voice,
    played: Arc<Played>,
    /// What the conference hears of it, and where what it hears is laid down.
    said: Voice,
    ears: Arc<Played>,
    audio: Audio,
    reports: Option<Reports>,
}

impl Asked<'_> {
    /// Calls somebody into a conference, which a name alone makes.
    pub(super) fn call_in(&self, conference: &str) -> Answer {
        let required = |field: &'static str| self.request.get(field).filter(|text| !text.is_empty());
        let (Some(from), Some(to)) = (required("From"), required("To")) else {
            return Err(Refusal { status: 400, code: 21201, message: "From and To are required" });
        };
        let terms = self.terms()?;
        let Callee { origin, opening, voice, played, said, ears, audio, reports } = self.callee(to)?;
        let account = self.account()?;
        let room = match self.room_or_named(conference) {
            Ok(room) => room,
            Err(refusal) if conference.starts_with("CF") || conference.chars().count() > MAX_NAME => {
                return Err(refusal);
            }
            Err(_) => self.shared.rooms.open(&account, conference)?,
        };
        let sid: CallSid = new_sid(CallSid::PREFIX);
        let seat = room.invite(sid, &terms, said, ears)?;
        let body = room.standing(sid.as_str()).map(|standing| participant_json(&room, &standing));

        let spec = CallSpec {
            call_sid: Some(sid),
            length: Some(LONGEST),
            caller: audio,
            // The exchange lives as long as its maker wants, whoever still talks.
            exchange: Some(Exchange { shared: self.shared.clone(), _server: None }),
            ..CallSpec::new(account, opening.url()).between(from, to)
        };
        let orders = Orders::kept();
        self.shared.add(Line::new(&spec, sid, origin.clone(), orders.weak()));
        let leg = Leg::new(spec, sid, origin, orders, Arc::new(Shared::new(voice, played)), reports);
        let leg = match opening {
            Opening::Person { .. } => leg.in_conference(seat),
            Opening::Voice(_) | Opening::Elsewhere { .. } => leg.beside_conference(seat),
        };
        leg.launch(opening);
        Ok((StatusCode::CREATED, body.ok_or(Refusal::NOT_FOUND)?))
    }

    fn callee(&self, to: &str) -> Result<Callee, Refusal> {
        const TO: Refusal = Refusal { status: 400, code: 21211, message: "To is nobody who can be called" };
        let now = Instant::now();
        let callback = self.request.get("StatusCallback").map(|url| self.target(url, "StatusCallbackMethod"));
        if let Some(sid) = to.strip_prefix("app:") {
            let application = self.shared.applications.get(self.account, sid).ok_or(TO)?;
            if !webhook::is_web_url(&application.voice.url) {
                return Err(Refusal::invalid("The application has no VoiceUrl"));
            }
            let (heard, spoken) = (Arc::new(Played::new(now)), Arc::new(Played::new(now)));
            return Ok(Callee {
                origin: Origin::Made { application: Some(application.sid) },
                opening: Opening::Voice(application.voice),
                voice: Voice::Line(heard.clone()),
                played: spoken.clone(),
                said: Voice::Line(spoken),
                ears: heard,
                audio: Audio::silence(),
                reports: callback.or(application.status_callback).map(|target| self.reports(target)),
            });
        }
        let digits = to.strip_prefix('+').ok_or(TO)?;
        if digits.len() > MAX_DIGITS || digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(TO);
        }
        let person = self.shared.people.at(to);
        let answers = person.is_some().then_some(ANSWERS);
        let (audio, played) = match person {
            Some(person) => (person.audio, person.played),
            None => (Audio::silence(), Arc::new(Played::new(now))),
        };
        let began = Arc::new(OnceLock::new());
        let voice = Voice::Person(Speech { audio: audio.clone(), looped: false, began });
        Ok(Callee {
            origin: Origin::Made { application: None },
            opening: Opening::Person { answers },
            voice: voice.clone(),
            played: played.clone(),
            said: voice,
            ears: played,
            audio,
            reports: callback.map(|target| self.reports(target)),
        })
    }

    /// What is reported of a call, as the request asks for it: by default its end.
    fn reports(&self, target: Target) -> Reports {
        let events = self.request.all("StatusCallbackEvent");
        let events = if events.is_empty() { "completed" } else { &events };
        Reports { target, events: Some(events.split_whitespace().map(str::to_owned).collect()) }
    }
}
