//! Who may stream: tickets and grants, checked offline.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use common::TicketId;
use common::token::{StreamGrant, StreamTicket, TokenError, Verifier};
use gateway_core::twilio::Start;
use time::OffsetDateTime;

/// The custom parameter that holds the grant.
const GRANT: &str = "grant";

/// Why a stream was not let in. The peer is told no more than "no".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reject {
    /// Not a WebSocket handshake, or with a query string.
    Handshake,
    /// No `X-Twilio-Signature`, or more than one.
    SignatureMissing,
    /// Not a ticket of ours.
    TicketInvalid,
    /// A ticket that was good once.
    TicketExpired,
    /// A ticket that another connection has used.
    TicketUsed,
    /// No place, or no memory for another used ticket.
    Full,
    /// The gateway is going away.
    Closing,
    /// No `start` in time.
    NoStart,
    /// `start` names another call than the ticket or the grant.
    OtherCall,
    /// `start` names another account than the ticket or the grant.
    OtherAccount,
    /// No grant in `start`.
    GrantMissing,
    /// Not a grant of ours.
    GrantInvalid,
    /// A grant that was good once.
    GrantExpired,
    /// A grant for another ticket.
    GrantOther,
    /// The grant does not know the signature that was shown: this is not Twilio.
    SignatureWrong,
    /// A leg beside a call that is not here.
    NoCall,
}

impl Reject {
    /// All, for the metrics.
    pub(super) const ALL: [Self; 16] = [
        Self::Handshake,
        Self::SignatureMissing,
        Self::TicketInvalid,
        Self::TicketExpired,
        Self::TicketUsed,
        Self::Full,
        Self::Closing,
        Self::NoStart,
        Self::OtherCall,
        Self::OtherAccount,
        Self::GrantMissing,
        Self::GrantInvalid,
        Self::GrantExpired,
        Self::GrantOther,
        Self::SignatureWrong,
        Self::NoCall,
    ];

    /// The word for it in the log and the metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::SignatureMissing => "signature_missing",
            Self::TicketInvalid => "ticket_invalid",
            Self::TicketExpired => "ticket_expired",
            Self::TicketUsed => "ticket_used",
            Self::Full => "full",
            Self::Closing => "closing",
            Self::NoStart => "no_start",
            Self::OtherCall => "other_call",
            Self::OtherAccount => "other_account",
            Self::GrantMissing => "grant_missing",
            Self::GrantInvalid => "grant_invalid",
            Self::GrantExpired => "grant_expired",
            Self::GrantOther => "grant_other",
            Self::SignatureWrong => "signature_wrong",
            Self::NoCall => "no_call",
        }
    }
}

/// Checks tokens, and remembers which tickets were used.
#[derive(Debug)]
pub(super) struct Admission {
    verifier: Verifier,
    used: Mutex<UsedTickets>,
}

impl Admission {
    /// Remembers at most this many used tickets.
    pub(super) fn new(verifier: Verifier, used_tickets: usize) -> Self {
        let used = UsedTickets { limit: used_tickets, ids: HashSet::new(), by_expiry: BTreeSet::new() };
        Self { verifier, used: Mutex::new(used) }
    }

    /// What a ticket says, if it is ours and not expired.
    pub(super) fn check_ticket(&self, ticket: &str, now: OffsetDateTime) -> Result<StreamTicket, Reject> {
        self.verifier.verify(ticket, now).map_err(|error| match error {
            TokenError::Expired => Reject::TicketExpired,
            _ => Reject::TicketInvalid,
        })
    }

    /// Uses a checked ticket up. Of two who try at once, one gets in.
    pub(super) fn use_ticket(&self, ticket: &StreamTicket, now: OffsetDateTime) -> Result<(), Reject> {
        // Whole after each operation: a panic elsewhere while it was held spoils nothing.
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.add(ticket.id, ticket.exp, now.unix_timestamp())
    }

    /// Checks that a stream is what its ticket and its grant say, and that Twilio opened it.
    pub(super) fn check_start(
        &self,
        ticket: &StreamTicket,
        signature: &str,
        start: &Start,
        now: OffsetDateTime,
    ) -> Result<(), Reject> {
        if start.call != ticket.call_sid {
            return Err(Reject::OtherCall);
        }
        if start.account != ticket.account_sid {
            return Err(Reject::OtherAccount);
        }
        let grant = start.parameters.get(GRANT).ok_or(Reject::GrantMissing)?;
        let grant: StreamGrant = self.verifier.verify(grant, now).map_err(|error| match error {
            TokenError::Expired => Reject::GrantExpired,
            _ => Reject::GrantInvalid,
        })?;
        if grant.ticket != ticket.id {
            return Err(Reject::GrantOther);
        }
        if grant.call_sid != start.call {
            return Err(Reject::OtherCall);
        }
        if grant.account_sid != start.account {
            return Err(Reject::OtherAccount);
        }
        match grant.signatures.matches(signature) {
            true => Ok(()),
            false => Err(Reject::SignatureWrong),
        }
    }
}

/// Tickets that were used and have not expired yet: an expired one is refused for that alone.
#[derive(Debug)]
struct UsedTickets {
    limit: usize,
    ids: HashSet<TicketId>,
    /// The same by their expiry in Unix seconds, soonest first.
    by_expiry: BTreeSet<(i64, TicketId)>,
}

impl UsedTickets {
    fn add(&mut self, id: TicketId, expires: i64, now: i64) -> Result<(), Reject> {
        while let Some(&(expired, old)) = self.by_expiry.first().filter(|(expires, _)| *expires <= now) {
            self.by_expiry.remove(&(expired, old));
            self.ids.remove(&old);
        }
        if self.ids.contains(&id) {
            return Err(Reject::TicketUsed);
        }
        // Forgetting a ticket that is still good would let it be used again.
        if self.ids.len() >= self.limit {
            return Err(Reject::Full);
        }
        self.ids.insert(id);
        self.by_expiry.insert((expires, id));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use common::token::{SignatureDigests, Signer, StreamKind};
    use common::{CallId, TenantId};
    use gateway_core::frame::Track;

    use super::*;

    #[test]
    fn a_used_ticket_is_remembered_until_it_expires() {
        let mut used = UsedTickets { limit: 2, ids: HashSet::new(), by_expiry: BTreeSet::new() };
        let [a, b, c] = [TicketId::new(), TicketId::new(), TicketId::new()];
        assert_eq!(used.add(a, 60, 0), Ok(()));
        assert_eq!(used.add(b, 61, 0), Ok(()));
        assert_eq!(used.add(a, 60, 59), Err(Reject::TicketUsed));
        assert_eq!(used.add(c, 90, 59), Err(Reject::Full));
        assert_eq!(used.add(c, 90, 60), Ok(()), "the first has expired");
        assert_eq!(used.add(b, 61, 60), Err(Reject::TicketUsed), "the second has not");
        assert_eq!((used.ids.len(), used.by_expiry.len()), (2, 2));
    }

    #[test]
    fn a_start_must_be_what_both_tokens_say() {
        let signer = Signer::from_pkcs8(&Signer::generate_pkcs8()).unwrap();
        let stranger = Signer::from_pkcs8(&Signer::generate_pkcs8()).unwrap();
        let admission = Admission::new(signer.verifier(), 1);
        let sid = |digit: &str| digit.repeat(32);
        let ticket = StreamTicket {
            id: TicketId::new(),
            tenant: TenantId::new(),
            call: CallId::new(),
            call_sid: format!("CA{}", sid("1")).parse().unwrap(),
            account_sid: format!("AC{}", sid("1")).parse().unwrap(),
            kind: StreamKind::Monitor,
            exp: 60,
        };
        let grant = StreamGrant {
            ticket: ticket.id,
            call_sid: ticket.call_sid,
            account_sid: ticket.account_sid,
            signatures: SignatureDigests::of(["right"]),
            exp: 60,
        };
        let other_call = format!("CA{}", sid("2")).parse().unwrap();
        let other_account = format!("AC{}", sid("2")).parse().unwrap();
        let start = |grant: &str| Start {
            account: ticket.account_sid,
            call: ticket.call_sid,
            stream: format!("MZ{}", sid("1")).parse().unwrap(),
            tracks: vec![Track::Inbound],
            parameters: BTreeMap::from([(GRANT.to_owned(), grant.to_owned())]),
        };
        let good = start(&signer.sign(&grant));
        let check = |start: &Start, second: i64| {
            let now = OffsetDateTime::from_unix_timestamp(second).unwrap();
            admission.check_start(&ticket, "right", start, now)
        };
        let granted = |grant: StreamGrant| check(&start(&signer.sign(&grant)), 0);

        assert_eq!(check(&good, 59), Ok(()));
        assert_eq!(check(&good, 60), Err(Reject::GrantExpired));
        assert_eq!(check(&Start { call: other_call, ..good.clone() }, 0), Err(Reject::OtherCall));
        assert_eq!(check(&Start { account: other_account, ..good.clone() }, 0), Err(Reject::OtherAccount));
        let nothing = Start { parameters: BTreeMap::new(), ..good.clone() };
        assert_eq!(check(&nothing, 0), Err(Reject::GrantMissing));
        assert_eq!(check(&start("no token"), 0), Err(Reject::GrantInvalid));
        assert_eq!(check(&start(&stranger.sign(&grant)), 0), Err(Reject::GrantInvalid));
        // A ticket is no grant, though we signed it.
        assert_eq!(check(&start(&signer.sign(&ticket)), 0), Err(Reject::GrantInvalid));
        assert_eq!(
            granted(StreamGrant { ticket: TicketId::new(), ..grant.clone() }),
            Err(Reject::GrantOther)
        );
        assert_eq!(granted(StreamGrant { call_sid: other_call, ..grant.clone() }), Err(Reject::OtherCall));
        let elsewhere = StreamGrant { account_sid: other_account, ..grant.clone() };
        assert_eq!(granted(elsewhere), Err(Reject::OtherAccount));
        let unsigned = StreamGrant { signatures: SignatureDigests::of(["wrong"]), ..grant };
        assert_eq!(granted(unsigned), Err(Reject::SignatureWrong));
    }

    #[test]
    fn each_reason_has_a_word_of_its_own() {
        let words: HashSet<_> = Reject::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(words.len(), Reject::ALL.len());
    }
}
