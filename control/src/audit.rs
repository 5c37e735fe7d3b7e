//! Who did what: the entries of a tenant's audit log, and the chain that they are.
//!
//! `h(n) = SHA-256(h(n-1) ‖ canonical(n))`, and `h(0)` is 32 zero bytes. The canonical form is a JSON array without
//! spaces, so that any tool can check it: tenant, seq, Unix milliseconds, action, user, key, address, call, target,
//! data. Ids are as the API writes them, `data` is the stored JSON as one string, and what is not there is `null`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use common::{CallId, TenantId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::crypto::sha256;
use crate::model::{Person, UnknownWord, words};

words! {
    /// What was done.
    Action {
        /// A person signed in.
        SignInStarted => "sign_in.started",
        /// Somebody gave a wrong password for a person that there is.
        SignInFailed => "sign_in.failed",
        /// A person signed out, here or everywhere.
        SignInEnded => "sign_in.ended",
        /// A used refresh token came again: the sign-in was ended.
        SignInReused => "sign_in.reused",
        /// A person's password was changed.
        PasswordChanged => "password.changed",
        /// Somebody was refused what their role or key does not allow.
        AccessRefused => "access.refused",
        /// Somebody got leave to connect to a call.
        SessionGranted => "session.granted",
        /// Somebody's connection to a call began to carry audio.
        SessionStarted => "session.started",
        /// Somebody asked that a connection may do something else.
        SessionAsked => "session.asked",
        /// What somebody's connection may do has changed: from when in the call's audio on.
        SessionChanged => "session.changed",
        /// Somebody's connection to a call is over: from when to when they heard it.
        SessionEnded => "session.ended",
        /// Somebody asked for the end of a connection.
        SessionClosed => "session.closed",
        /// An agent answered a call.
        CallAnswered => "call.answered",
        /// Somebody took a call over.
        CallTakenOver => "call.taken_over",
        /// A caller was put on hold, or taken off it.
        CallHeld => "call.held",
        /// Somebody ended a call.
        CallEnded => "call.ended",
        /// Somebody put a caller through to somebody else.
        CallTransferred => "call.transferred",
        /// Keys were sent to the caller's side.
        KeysSent => "keys.sent",
        /// A call's bot was paused.
        BotPaused => "bot.paused",
        /// A call was handed back to its bot.
        BotResumed => "bot.resumed",
        /// A line was written to be spoken.
        LineAdded => "line.added",
        /// One line, or all, were to be spoken no more.
        LineCancelled => "line.cancelled",
        /// A call's record was changed.
        CallChanged => "call.changed",
        /// A call's record was removed, by a person or by age.
        CallRemoved => "call.removed",
        /// A number was added.
        NumberAdded => "number.added",
        /// A number was changed.
        NumberChanged => "number.changed",
        /// A number was removed.
        NumberRemoved => "number.removed",
        /// A person was added.
        UserAdded => "user.added",
        /// A person was changed.
        UserChanged => "user.changed",
        /// An API key was made.
        KeyAdded => "key.added",
        /// An API key was revoked.
        KeyRevoked => "key.revoked",
        /// A person was invited.
        InvitationAdded => "invitation.added",
        /// An invitation was accepted.
        InvitationAccepted => "invitation.accepted",
        /// An invitation was revoked.
        InvitationRevoked => "invitation.revoked",
        /// The tenant was made.
        TenantAdded => "tenant.added",
        /// The tenant's settings were changed.
        TenantChanged => "tenant.changed",
        /// The tenant's account at a provider was set or changed.
        AccountChanged => "account.changed",
        /// Data left: a recording, a transcript, a list.
        DataExported => "data.exported",
    }
}

/// An entry to add to a tenant's log. `Caller::did` makes one that says who.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) action: Action,
    /// `None`: the operator, or the server itself.
    pub(crate) user: Option<UserId>,
    /// The API key that acted for them.
    pub(crate) key: Option<String>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) call: Option<CallId>,
    /// What it was done to.
    pub(crate) target: Option<String>,
    /// A JSON object.
    pub(crate) data: Value,
}

impl Entry {
    /// Something that nobody in particular did.
    pub(crate) fn new(action: Action) -> Self {
        Self { action, user: None, key: None, address: None, call: None, target: None, data: json!({}) }
    }

    /// Who did it.
    pub(crate) fn by(self, user: UserId) -> Self {
        Self { user: Some(user), ..self }
    }

    /// From where.
    pub(crate) fn from(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// On which call.
    pub(crate) fn of_call(self, call: CallId) -> Self {
        Self { call: Some(call), ..self }
    }

    /// What it was done to: an id, a number.
    pub(crate) fn on(self, target: impl fmt::Display) -> Self {
        Self { target: Some(target.to_string()), ..self }
    }

    /// The particulars, a JSON object. No secret, and nothing that a person may want erased one day.
    pub(crate) fn with(self, data: Value) -> Self {
        Self { data, ..self }
    }
}

/// An entry as the API gives it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Counts over all the tenant's entries, from 1 and without holes.
    pub seq: i64,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What was done.
    #[schema(example = "session.ended")]
    pub action: String,
    /// Who, by the name they have now. `null`: the operator, or the server itself.
    pub user: Option<Person>,
    /// The API key that acted for them.
    pub key: Option<String>,
    /// From which address, if it came over the network.
    pub address: Option<String>,
    /// On which call.
    #[schema(value_type = Option<String>)]
    pub call_id: Option<CallId>,
    /// What it was done to: an id, a number, a route.
    pub target: Option<String>,
    /// The particulars.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// A row of the log, as stored.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) action: String,
    pub(crate) user: Option<UserId>,
    pub(crate) key: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) call: Option<CallId>,
    pub(crate) target: Option<String>,
    pub(crate) data: String,
    pub(crate) hash: Vec<u8>,
}

impl Link {
    /// The hash that the row should have behind a row with the hash `before`.
    pub(crate) fn hash_after(&self, tenant: TenantId, before: &[u8; 32]) -> [u8; 32] {
        let Self { seq, at, action, user, key, address, call, target, data, hash: _ } = self;
        let canonical = json!([tenant, seq, at, action, user, key, address, call, target, data]);
        let mut bytes = before.to_vec();
        bytes.extend_from_slice(canonical.to_string().as_bytes());
        sha256(&bytes)
    }
}

/// How far a tenant's log goes, and the hash of all of it: what is kept elsewhere, so that a missing end is found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// Whose log.
    pub tenant: TenantId,
    /// How many rows it has.
    pub seq: i64,
    /// The last row's hash.
    pub hash: [u8; 32],
}

impl Head {
    /// Of a log in which nothing stands yet.
    pub(crate) const fn start(tenant: TenantId) -> Self {
        Self { tenant, seq: 0, hash: [0; 32] }
    }

    /// Goes one row on, if it is the right one.
    pub(crate) fn follow(&mut self, link: &Link) -> Result<(), Fault> {
        let seq = self.seq + 1;
        if link.seq != seq {
            return Err(Fault { tenant: self.tenant, seq, why: Why::Missing });
        }
        let hash = link.hash_after(self.tenant, &self.hash);
        if link.hash != hash {
            return Err(Fault { tenant: self.tenant, seq, why: Why::Changed });
        }
        (self.seq, self.hash) = (seq, hash);
        Ok(())
    }
}

/// One line: tenant, number of rows, hash.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.tenant, self.seq)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The line was not a head.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a line of `partyline audit verify`: a tenant, a number, 64 hex digits")]
pub struct NotAHead;

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(line: &str) -> Result<Self, NotAHead> {
        let mut words = line.split_whitespace();
        let (Some(tenant), Some(seq), Some(hex), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(NotAHead);
        };
        let digits = hex.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(NotAHead);
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
            let pair = str::from_utf8(pair).map_err(|_| NotAHead)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAHead)?;
        }
        let (tenant, seq) = (tenant.parse().map_err(|_| NotAHead)?, seq.parse().map_err(|_| NotAHead)?);
        Ok(Self { tenant, seq, hash })
    }
}

/// The first bad row of a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{tenant} row {seq} {why}")]
pub struct Fault {
    /// Whose log.
    pub tenant: TenantId,
    /// The row's number.
    pub seq: i64,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Why {
    /// It is not there, and later ones are, or were when a head was kept.
    Missing,
    /// It is not what was written there.
    Changed,
    /// It agrees with the rows before it, and not with the head that was kept: all of it was written anew.
    Rewritten,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::Changed => "is not what was written there",
            Self::Rewritten => "agrees with the rows before it, but not with the head that was kept",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_form_is_frozen() {
        // Made by Python: hashlib.sha256(bytes(32) + json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode())
        let tenant = "ten_01890000000070008000000000000003".parse().unwrap();
        let first = link(1, r#"{"a":"\u0000 é"}"#);
        let expected = "280d2253bb5b8eee883fb94a8e643a98886ba5fced51aad7979c2611aedf7594";
        let head = Head { tenant, seq: 1, hash: first.hash_after(tenant, &[0; 32]) };
        assert_eq!(head.to_string(), format!("{tenant} 1 {expected}"));
        assert_eq!(head.to_string().parse(), Ok(head));
    }

    #[test]
    fn the_first_bad_row_is_named() {
        let tenant = TenantId::new();
        let mut rows = Vec::new();
        let mut head = Head::start(tenant);
        for seq in 1..=4 {
            let mut row = link(seq, "{}");
            row.hash = row.hash_after(tenant, &head.hash).to_vec();
            head.follow(&row).unwrap();
            rows.push(row);
        }
        let check = |rows: &[Link]| {
            let mut head = Head::start(tenant);
            rows.iter().try_for_each(|row| head.follow(row)).map_err(|fault| (fault.seq, fault.why))
        };
        assert_eq!(check(&rows), Ok(()));
        let mut changed = rows.clone();
        changed[1].at += 1;
        assert_eq!(check(&changed), Err((2, Why::Changed)));
        assert_eq!(check(&[&rows[..1], &rows[2..]].concat()), Err((2, Why::Missing)));
        let mut swapped = rows.clone();
        swapped.swap(2, 3);
        (swapped[2].seq, swapped[3].seq) = (3, 4);
        assert_eq!(check(&swapped), Err((3, Why::Changed)));
        let mut moved = Head::start(TenantId::new());
        assert_eq!(moved.follow(&rows[0]).unwrap_err().why, Why::Changed, "another tenant's row");
    }

    #[test]
    fn what_is_no_head_is_refused() {
        let tenant = TenantId::new();
        let hex = "0".repeat(64);
        for bad in [
            String::new(),
            format!("{tenant} 1"),
            format!("{tenant} x {hex}"),
            format!("{tenant} 1 {hex}0"),
            format!("{tenant} 1 {}", "é".repeat(32)),
            format!("{tenant} 1 {hex} more"),
            format!("call_1 1 {hex}"),
        ] {
            assert_eq!(bad.parse::<Head>(), Err(NotAHead), "{bad}");
        }
    }

    fn link(seq: i64, data: &str) -> Link {
        Link {
            seq,
            at: 1_795_000_000_123,
            action: "call.changed".to_owned(),
            user: Some("usr_01890000000070008000000000000004".parse().unwrap()),
            key: None,
            address: Some("2001:db8::1".to_owned()),
            call: None,
            target: Some("+15550100".to_owned()),
            data: data.to_owned(),
            hash: Vec::new(),
        }
    }
}
