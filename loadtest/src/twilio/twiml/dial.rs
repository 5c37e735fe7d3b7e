//! `<Dial>`: a number, or a conference.

use std::time::Duration;

use common::CallSid;

use super::{Parser, Target, Verb};
use crate::twilio::conference::{Beep, Callback, MAX_NAME, MAX_PARTICIPANTS, Terms};
use crate::twilio::xml::Element;

/// What may stand in `<Dial>`.
const NOUNS: &[&str] = &["Application", "Client", "Conference", "Number", "Queue", "Sim", "Sip"];

/// What `<Conference>` may have.
const CONFERENCE: &[&str] = &[
    "beep",
    "coach",
    "endConferenceOnExit",
    "eventCallbackUrl",
    "jitterBufferSize",
    "maxParticipants",
    "muted",
    "participantLabel",
    "record",
    "recordingStatusCallback",
    "recordingStatusCallbackEvent",
    "recordingStatusCallbackMethod",
    "region",
    "startConferenceOnEnter",
    "statusCallback",
    "statusCallbackEvent",
    "statusCallbackMethod",
    "trim",
    "waitMethod",
    "waitUrl",
];

/// What to connect a call with.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::twilio) struct Dial {
    pub(in crate::twilio) whom: Whom,
    pub(in crate::twilio) action: Option<Target>,
    /// How long it may ring.
    pub(in crate::twilio) timeout: Option<Duration>,
    /// How long they may be connected.
    pub(in crate::twilio) time_limit: Option<Duration>,
}

/// Who is dialled.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::twilio) enum Whom {
    /// A number, or anybody else that can be rung.
    Number(String),
    /// A conference, and on what terms.
    Conference { name: String, terms: Box<Terms> },
}

impl Parser<'_> {
    pub(super) fn dial(&mut self, element: &Element) -> Option<Verb> {
        for child in element.children.iter().filter(|child| !NOUNS.contains(&child.name.as_str())) {
            self.note(format!("<{}> cannot stand in <Dial>", child.name));
        }
        let nouns = element.children.iter().filter(|child| NOUNS.contains(&child.name.as_str()));
        let mut targets = nouns.chain([element]).filter(|target| !target.text.trim().is_empty());
        let Some(target) = targets.next() else { return self.refuse(13223, "<Dial> without a number") };
        let name = target.text.trim().to_owned();
        let whom = match target.name.as_str() {
            "Conference" => {
                if name.chars().count() > MAX_NAME {
                    return self
                        .refuse(12200, format!("a conference's name has {MAX_NAME} characters at most"));
                }
                Whom::Conference { name, terms: Box::new(self.terms(target)?) }
            }
            _ => Whom::Number(name),
        };
        Some(Verb::Dial(Dial {
            whom,
            action: self.action(element),
            timeout: self.seconds(element, "timeout"),
            time_limit: self.seconds(element, "timeLimit"),
        }))
    }

    /// On what terms somebody comes into a conference. None: it cannot, as everybody would hear what is for one.
    fn terms(&mut self, element: &Element) -> Option<Terms> {
        for (name, _) in element.attributes.iter().filter(|(name, _)| !CONFERENCE.contains(&name.as_str())) {
            self.note(format!("<Conference> has no attribute {name}"));
        }
        let usual = Terms::default();
        let coaches = match element.get("coach").filter(|coached| !coached.is_empty()) {
            None => None,
            Some(coached) => match coached.parse::<CallSid>() {
                Ok(coached) => Some(coached),
                Err(_) => return self.refuse(12200, format!("coach {coached:?} is not a call")),
            },
        };
        let callback = match element.get("statusCallback") {
            Some(url) => self.target(element, url, "statusCallbackMethod"),
            None => None,
        };
        let limit = match element.get("maxParticipants").map(str::parse) {
            None => usual.limit,
            Some(Ok(limit @ 2..=MAX_PARTICIPANTS)) => limit,
            Some(_) => {
                self.note(format!("maxParticipants is not a number from 2 to {MAX_PARTICIPANTS}"));
                usual.limit
            }
        };
        let beep = match element.get("beep").map(Beep::parse) {
            None => usual.beep,
            Some(Some(beep)) => beep,
            Some(None) => {
                self.note("beep is neither true, false, onEnter nor onExit");
                usual.beep
            }
        };
        Some(Terms {
            label: element.get("participantLabel").map(str::to_owned),
            muted: self.truth(element, "muted", usual.muted),
            beep,
            starts: self.truth(element, "startConferenceOnEnter", usual.starts),
            ends: self.truth(element, "endConferenceOnExit", usual.ends),
            coaches,
            limit,
            callback: callback.map(|target| Callback::new(target, element.get("statusCallbackEvent"))),
        })
    }

    fn truth(&mut self, element: &Element, name: &str, usual: bool) -> bool {
        match element.get(name) {
            None => usual,
            Some("true") => true,
            Some("false") => false,
            Some(other) => {
                self.note(format!("{name} {other:?} is neither true nor false"));
                usual
            }
        }
    }
}
