//! The fields of Twilio's requests.

use std::time::Duration;

use common::{CallSid, StreamSid};

use super::origin::Origin;
use super::report::CallStatus;
use super::spec::CallSpec;
use super::webhook::Params;

/// What every request about a call has. More than any server needs: the signature covers all of it.
pub(super) fn of_call(spec: &CallSpec, origin: &Origin, sid: CallSid, status: CallStatus) -> Params {
    let mut params = vec![
        ("AccountSid", spec.account.sid.to_string()),
        ("ApiVersion", "2010-04-01".into()),
        ("CallSid", sid.to_string()),
        ("CallStatus", status.as_str().into()),
        ("Called", spec.to.clone()),
        ("Caller", spec.from.clone()),
        ("Direction", origin.direction().into()),
        ("From", spec.from.clone()),
        ("To", spec.to.clone()),
    ];
    match origin {
        Origin::Inbound => params.push(("StirVerstat", "TN-Validation-Passed-A".into())),
        Origin::Dialled { parent } => params.push(("ParentCallSid", parent.to_string())),
        Origin::Made { application } => {
            params.extend(application.clone().map(|application| ("ApplicationSid", application)));
        }
    }
    let from = Place::of(&spec.from);
    let to = Place::of(&spec.to);
    for (names, place) in [(CALLER, &from), (FROM, &from), (CALLED, &to), (TO, &to)] {
        let values = [place.city, place.state, place.zip, place.country];
        params.extend(names.into_iter().zip(values.map(str::to_owned)));
    }
    if let Some(name) = &spec.caller_name {
        params.push(("CallerName", name.clone()));
    }
    params
}

/// What an action of `<Dial>` is told besides, of a number. `bridged`: for how long, if it was answered.
pub(super) fn of_dial(child: CallSid, status: CallStatus, bridged: Option<Duration>) -> Params {
    vec![
        ("DialCallSid", child.to_string()),
        ("DialCallStatus", status.as_str().into()),
        ("DialCallDuration", bridged.unwrap_or_default().as_secs().to_string()),
        ("DialBridged", bridged.is_some().to_string()),
    ]
}

/// What an action of `<Dial>` is told besides, of a conference: there is no call of its own to tell of.
pub(super) fn of_conference(was_in: bool) -> Params {
    let status = if was_in { "answered" } else { "failed" };
    vec![("DialCallStatus", status.to_owned()), ("DialBridged", was_in.to_string())]
}

/// What an action of `<Connect>` is told besides.
pub(super) fn of_stream(stream: StreamSid) -> Params {
    vec![("StreamSid", stream.to_string())]
}

const CALLER: [&str; 4] = ["CallerCity", "CallerState", "CallerZip", "CallerCountry"];
const FROM: [&str; 4] = ["FromCity", "FromState", "FromZip", "FromCountry"];
const CALLED: [&str; 4] = ["CalledCity", "CalledState", "CalledZip", "CalledCountry"];
const TO: [&str; 4] = ["ToCity", "ToState", "ToZip", "ToCountry"];

/// Where a number is from, as far as Twilio says. Fields that it does not know are there and empty.
struct Place {
    city: &'static str,
    state: &'static str,
    zip: &'static str,
    country: &'static str,
}

impl Place {
    fn of(number: &str) -> Self {
        let (city, state, zip, country) = match number.get(..5) {
            Some("+1202") => ("WASHINGTON", "DC", "20001", "US"),
            Some("+1312") => ("CHICAGO", "IL", "60601", "US"),
            Some("+1415") => ("SAN FRANCISCO", "CA", "94102", "US"),
            Some("+1617") => ("BOSTON", "MA", "02108", "US"),
            Some(other) if other.starts_with("+1") => ("", "", "", "US"),
            _ => ("", "", "", ""),
        };
        Self { city, state, zip, country }
    }
}
