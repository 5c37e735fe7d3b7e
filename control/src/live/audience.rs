//! What of a tenant's events an agent is told: those of the calls that ring, and of their own.

use std::collections::HashSet;

use axum::extract::ws::Utf8Bytes;
use common::{CallId, UserId};
use serde::Deserialize;
use serde_json::Value;

use crate::model::Call;
use crate::store::LiveMessage;

/// One agent's view. It knows what they were told of, so that they are told once that it is theirs no more.
#[derive(Debug)]
pub(super) struct Audience {
    user: UserId,
    known: HashSet<CallId>,
}

/// What of an event says for whom it is.
#[derive(Deserialize)]
struct Said {
    call_id: CallId,
    call: Option<SaidCall>,
}

#[derive(Deserialize)]
struct SaidCall {
    rings: bool,
    answered_by: Option<SaidPerson>,
}

#[derive(Deserialize)]
struct SaidPerson {
    id: UserId,
}

impl Audience {
    pub(super) fn new(user: UserId) -> Self {
        Self { user, known: HashSet::new() }
    }

    /// They are told of these calls, and of no others.
    pub(super) fn begin(&mut self, calls: &[Call]) {
        self.known = calls.iter().map(|call| call.id).collect();
    }

    /// The event as they are told it. `None`: it is not for them.
    pub(super) fn text(&mut self, message: &LiveMessage) -> Option<Utf8Bytes> {
        let said: Said = serde_json::from_str(&message.text).ok()?;
        let is_theirs = said
            .call
            .is_some_and(|call| call.rings || call.answered_by.is_some_and(|person| person.id == self.user));
        if is_theirs {
            self.known.insert(said.call_id);
            return Some(message.text.clone());
        }
        // Of what it is now they are told nothing but that it is gone.
        self.known.remove(&said.call_id).then(|| without_call(&message.text)).flatten()
    }
}

/// The event without its call and its particulars.
fn without_call(text: &str) -> Option<Utf8Bytes> {
    let mut event: Value = serde_json::from_str(text).ok()?;
    let fields = event.as_object_mut()?;
    fields.retain(|name, _| matches!(name.as_str(), "call_id" | "at" | "seq"));
    fields.insert("type".to_owned(), "call.updated".into());
    fields.insert("call".to_owned(), Value::Null);
    Some(event.to_string().into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_agent_is_told_of_what_rings_and_what_is_theirs_and_once_that_it_is_not() {
        let (me, other) = (UserId::new(), UserId::new());
        let (mine, theirs) = (CallId::new(), CallId::new());
        let mut audience = Audience::new(me);
        let event = |call: CallId, rings: bool, answered_by: Option<UserId>| {
            let answered_by = answered_by.map(|id| json!({ "id": id, "name": "x" }));
            let call = json!({ "type": "call.media", "call_id": call, "at": "t", "seq": 7, "data": { "secret": 1 },
                "call": { "rings": rings, "answered_by": answered_by, "notes": "secret" } });
            LiveMessage { seq: 7, text: call.to_string().into() }
        };
        assert_eq!(audience.text(&event(mine, false, None)), None, "it has a bot");
        for call in [mine, theirs] {
            let message = event(call, true, None);
            assert_eq!(audience.text(&message), Some(message.text.clone()));
        }
        assert!(audience.text(&event(mine, false, Some(me))).is_some());
        let gone: Value =
            serde_json::from_str(&audience.text(&event(theirs, false, Some(other))).unwrap()).unwrap();
        let bare = json!({ "type": "call.updated", "call_id": theirs, "at": "t", "seq": 7, "call": null });
        assert_eq!(gone, bare);
        assert_eq!(audience.text(&event(theirs, false, Some(other))), None, "once");
        assert!(audience.text(&event(mine, false, Some(me))).is_some());
    }
}
