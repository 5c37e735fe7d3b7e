//! The lite agent of one session (RFC 8445, section 2.5): it answers checks, and before it trusts an address
//! it asks a question of its own there.
//!
//! A check that carries the right password proves that its sender knows the password, not that the sender is
//! at the address the datagram claims to come from. So nothing but answers and a few checks of our own go to
//! an address until one of those checks was answered from it. The same checks, repeated, are the consent to
//! send (RFC 7675).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::event::{Counts, Event, Output};
use super::ice::{Bucket, IceCredentials, RemoteIce};
use super::random;
use super::stun::{self, Class, Message, Refusal, Role, Transaction};

/// The most addresses a session remembers.
pub(super) const MAX_PAIRS: usize = 8;
/// How often a check of ours is repeated before we wait for its address to be heard again.
const MAX_REPEATS: u32 = 5;
/// The first repetition of a check of ours; each further one waits twice as long.
const RTO: Duration = Duration::from_millis(250);
/// The least time between two checks of ours to one address.
const MIN_GAP: Duration = Duration::from_millis(40);
/// How often consent is asked for, before a fifth of it is added or taken away (RFC 7675, section 5.1).
const CONSENT_INTERVAL: Duration = Duration::from_secs(5);
/// How many bytes may go to an address that has not answered yet, for each byte that came from there.
const AMPLIFICATION: usize = 3;
/// Peer-reflexive, for the only component (RFC 8445, section 5.1.2.1).
const PRIORITY: u32 = (110 << 24) | (65_535 << 8) | 255;

#[derive(Debug)]
pub(super) struct Agent {
    local: IceCredentials,
    remote: RemoteIce,
    tag: u32,
    tie_breaker: u64,
    consent: Duration,
    /// At most [`MAX_PAIRS`].
    pairs: Vec<Pair>,
    new_pairs: Bucket,
    /// Counts nominations, so that the latest wins.
    nominations: u64,
    selected: Option<Selected>,
}

/// An address the browser was heard from, in this generation of credentials.
#[derive(Debug)]
struct Pair {
    addr: SocketAddr,
    requests: Bucket,
    heard: Instant,
    /// Bytes that may still go there before it has answered.
    credit: usize,
    /// When it was last nominated, in [`Agent::nominations`]; 0 is never.
    nominated: u64,
    /// When it last answered a check of ours.
    proven: Option<Instant>,
    check: Option<Check>,
}

/// A question of ours that waits for its answer.
#[derive(Debug)]
struct Check {
    transaction: Transaction,
    sent: Option<Instant>,
    repeats: u32,
    next: Instant,
}

/// Where media goes.
#[derive(Debug)]
struct Selected {
    addr: SocketAddr,
    nominated: u64,
    /// When it last answered.
    proven: Instant,
    /// From before an ICE restart: any address proven since is better.
    old: bool,
    consent: Check,
}

impl Agent {
    pub(super) fn new(
        now: Instant,
        local: IceCredentials,
        remote: RemoteIce,
        tag: u32,
        consent: Duration,
    ) -> Self {
        Self {
            local,
            remote,
            tag,
            tie_breaker: u64::from_ne_bytes(random()),
            consent,
            pairs: Vec::new(),
            new_pairs: Bucket::new(now, 16, Duration::from_millis(500)),
            nominations: 0,
            selected: None,
        }
    }

    pub(super) fn local(&self) -> &IceCredentials {
        &self.local
    }

    /// Where media goes, if anywhere yet.
    pub(super) fn selected(&self) -> Option<SocketAddr> {
        self.selected.as_ref().map(|selected| selected.addr)
    }

    /// Whether the browser has proven to be at this address.
    pub(super) fn is_proven(&self, addr: SocketAddr) -> bool {
        let is_old = self.selected.as_ref().is_some_and(|selected| selected.addr == addr);
        is_old || self.pairs.iter().any(|pair| pair.addr == addr && pair.proven.is_some())
    }

    /// Takes a STUN message that came from `src`.
    pub(super) fn handle_input(
        &mut self,
        now: Instant,
        src: SocketAddr,
        datagram: &[u8],
        out: &mut Output,
        counts: &mut Counts,
    ) {
        match Message::parse(datagram) {
            Some(message) if message.class == Class::Request => {
                self.handle_request(now, src, &message, out, counts);
            }
            Some(message) if message.class == Class::Success => {
                self.handle_success(now, src, &message, out);
            }
            // An error to a check of ours is no answer; the check runs out.
            Some(_) => {}
            None => counts.bad_checks += 1,
        }
    }

    fn handle_request(
        &mut self,
        now: Instant,
        src: SocketAddr,
        request: &Message<'_>,
        out: &mut Output,
        counts: &mut Counts,
    ) {
        // Who does not know the password gets no answer: else we could be made to answer anyone.
        // The key is a kilobyte and needed every few seconds: made when needed, not kept.
        let key = stun::key(&self.local.pwd);
        if !self.is_ours(request.username) || !request.is_authentic(&key) {
            counts.bad_checks += 1;
            return;
        }
        let Some(index) = self.pair_of(now, src, out) else {
            counts.limited_checks += 1;
            return;
        };
        let pair = &mut self.pairs[index];
        if !pair.requests.take(now) {
            counts.limited_checks += 1;
            return;
        }
        pair.heard = now;
        pair.credit = pair.credit.saturating_add(AMPLIFICATION * request.len()).min(8 * 1024);

        let refusal = if request.malformed || !request.has_priority {
            Some(Refusal::BadRequest)
        } else if !request.unknown().is_empty() {
            Some(Refusal::UnknownAttribute)
        } else if request.role == Some(Role::Controlled) {
            // A lite agent never controls (RFC 8445, section 6.1.1).
            Some(Refusal::RoleConflict)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            pair.send(stun::error(request, refusal, &key), out);
            return;
        }
        if request.use_candidate {
            self.nominations += 1;
            pair.nominated = self.nominations;
        }
        let is_fresh = pair.is_fresh(now, self.consent);
        // Our question goes first: a browser that reads datagrams in order has answered it before it takes
        // our answer as leave to start DTLS.
        // And it is repeated with each check that comes, because DTLS waits for it.
        if !is_fresh {
            let check = pair.check.get_or_insert_with(|| Check::new(now, self.tag));
            if check.sent.is_none_or(|sent| now >= sent + MIN_GAP) {
                self.send_check(now, index, out);
            }
        }
        let answer = stun::success(&request.transaction, src, &key);
        self.pairs[index].send(answer, out);
        self.select(now, out);
    }

    fn handle_success(&mut self, now: Instant, src: SocketAddr, response: &Message<'_>, out: &mut Output) {
        let answers = |check: &Check| check.transaction == response.transaction;
        let pair =
            self.pairs.iter().position(|pair| pair.addr == src && pair.check.as_ref().is_some_and(answers));
        let consents =
            self.selected.as_ref().is_some_and(|selected| selected.addr == src && answers(&selected.consent));
        // The answer's key is the browser's own password: whoever answers knows it, and is there.
        if (pair.is_none() && !consents) || !response.is_authentic(&stun::key(self.remote.pwd())) {
            return;
        }
        if let (true, Some(selected)) = (consents, &mut self.selected) {
            selected.proven = now;
        }
        let known = self.pairs.iter_mut().find(|pair| pair.addr == src);
        if let Some(known) = known {
            if known.proven.is_none() {
                out.event(Event::Validated(src));
            }
            known.proven = Some(now);
            known.check = None;
        }
        self.select(now, out);
    }

    /// The username of a check to us: `ours:theirs`.
    fn is_ours(&self, username: Option<&[u8]>) -> bool {
        let name = username.and_then(|name| std::str::from_utf8(name).ok());
        name.and_then(|name| name.split_once(':'))
            .is_some_and(|(ours, theirs)| ours == self.local.ufrag && theirs == self.remote.ufrag())
    }

    /// The pair of this address, a new one if need be, `None` if too many addresses come and go.
    fn pair_of(&mut self, now: Instant, addr: SocketAddr, out: &mut Output) -> Option<usize> {
        if let Some(index) = self.pairs.iter().position(|pair| pair.addr == addr) {
            return Some(index);
        }
        if !self.new_pairs.take(now) {
            return None;
        }
        if self.pairs.len() >= MAX_PAIRS {
            let selected = self.selected();
            // An address that never answered goes before one that did, then the longest unheard.
            let (index, _) = self
                .pairs
                .iter()
                .enumerate()
                .filter(|(_, pair)| Some(pair.addr) != selected)
                .min_by_key(|(_, pair)| (pair.proven, pair.heard))?;
            let gone = self.pairs.swap_remove(index);
            if gone.proven.is_some() {
                out.event(Event::Forgotten(gone.addr));
            }
        }
        self.pairs.push(Pair {
            addr,
            requests: Bucket::new(now, 50, Duration::from_millis(20)),
            heard: now,
            credit: 0,
            nominated: 0,
            proven: None,
            check: None,
        });
        Some(self.pairs.len() - 1)
    }

    /// Moves to the pair that was nominated last, of those that answered lately.
    fn select(&mut self, now: Instant, out: &mut Output) {
        let current = self.selected();
        let best = self
            .pairs
            .iter()
            .filter(|pair| pair.is_fresh(now, self.consent))
            .max_by_key(|pair| (pair.nominated, Some(pair.addr) == current, pair.proven));
        let Some((best, proven)) = best.and_then(|best| Some((best, best.proven?))) else { return };
        match &mut self.selected {
            Some(selected) if selected.addr == best.addr => {
                selected.nominated = best.nominated;
                selected.proven = selected.proven.max(proven);
                selected.old = false;
            }
            Some(selected) if !selected.old && selected.nominated > best.nominated => {}
            _ => {
                let next = Selected {
                    addr: best.addr,
                    nominated: best.nominated,
                    proven,
                    old: false,
                    consent: Check { next: now + consent_interval(), ..Check::new(now, self.tag) },
                };
                let before = self.selected.replace(next).map(|selected| selected.addr);
                // One from before a restart is in no pair any more.
                if let Some(before) = before
                    && self.pairs.iter().all(|pair| pair.addr != before)
                {
                    out.event(Event::Forgotten(before));
                }
            }
        }
    }

    fn send_check(&mut self, now: Instant, index: usize, out: &mut Output) {
        let Some(check) = self.pairs.get_mut(index).and_then(|pair| pair.check.as_mut()) else { return };
        check.sent = Some(now);
        let transaction = check.transaction;
        let request = self.question(&transaction);
        if let Some(pair) = self.pairs.get_mut(index) {
            pair.send(request, out);
        }
    }

    /// Sends a check once more because its time came, or gives it up.
    fn repeat_check(&mut self, now: Instant, index: usize, out: &mut Output) {
        let pair = &mut self.pairs[index];
        let Some(check) = &mut pair.check else { return };
        if check.repeats >= MAX_REPEATS {
            pair.check = None;
            return;
        }
        check.repeats += 1;
        check.next = now + RTO * 2_u32.pow(check.repeats);
        self.send_check(now, index, out);
    }

    /// A check of ours. Its username is `theirs:ours`.
    fn question(&self, transaction: &Transaction) -> Vec<u8> {
        let username = format!("{}:{}", self.remote.ufrag(), self.local.ufrag);
        let key = stun::key(self.remote.pwd());
        stun::request(transaction, &username, self.tie_breaker, PRIORITY, &key)
    }

    /// Does what is due. `false` when the selected address has not answered for too long: it is lost.
    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut Output) -> bool {
        for index in 0..self.pairs.len() {
            if self.pairs[index].check.as_ref().is_some_and(|check| check.next <= now) {
                self.repeat_check(now, index, out);
            }
        }
        if self.selected.as_ref().is_some_and(|selected| now >= selected.proven + self.consent) {
            self.selected = None;
            // Another address that answered lately may take over.
            self.select(now, out);
            if self.selected.is_none() {
                return false;
            }
        }
        if self.selected.as_ref().is_some_and(|selected| selected.consent.next <= now) {
            let check = Check { next: now + consent_interval(), ..Check::new(now, self.tag) };
            let request = self.question(&check.transaction);
            if let Some(selected) = &mut self.selected {
                selected.consent = check;
                out.transmit(selected.addr, request);
            }
        }
        true
    }

    /// When something is due next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let checks = self.pairs.iter().filter_map(|pair| pair.check.as_ref()).map(|check| check.next);
        let selected = self.selected.as_ref();
        let consent = selected.map(|s| s.consent.next.min(s.proven + self.consent));
        checks.chain(consent).min()
    }

    /// As if `addr` had answered a check.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn trust(&mut self, now: Instant, addr: SocketAddr, out: &mut Output) {
        if let Some(index) = self.pair_of(now, addr, out) {
            self.pairs[index].proven = Some(now);
            self.select(now, out);
        }
    }

    /// New credentials on both sides (RFC 8445, section 9). The selected address stays until another, or the
    /// same one, is proven with the new ones.
    pub(super) fn restart(
        &mut self,
        now: Instant,
        local: IceCredentials,
        remote: RemoteIce,
        out: &mut Output,
    ) {
        self.local = local;
        self.remote = remote;
        let kept = self.selected();
        for pair in self.pairs.drain(..) {
            if pair.proven.is_some() && Some(pair.addr) != kept {
                out.event(Event::Forgotten(pair.addr));
            }
        }
        if let Some(selected) = &mut self.selected {
            selected.old = true;
            selected.nominated = 0;
            selected.consent = Check { next: now + consent_interval(), ..Check::new(now, self.tag) };
        }
    }
}

impl Pair {
    fn is_fresh(&self, now: Instant, consent: Duration) -> bool {
        self.proven.is_some_and(|proven| now < proven + consent)
    }

    /// Sends, within the credit of an address that has not answered yet.
    fn send(&mut self, payload: Vec<u8>, out: &mut Output) {
        if self.proven.is_none() {
            match self.credit.checked_sub(payload.len()) {
                Some(left) => self.credit = left,
                None => return,
            }
        }
        out.transmit(self.addr, payload);
    }
}

impl Check {
    fn new(now: Instant, tag: u32) -> Self {
        let mut transaction: Transaction = random();
        transaction[..4].copy_from_slice(&tag.to_be_bytes());
        Self { transaction, sent: None, repeats: 0, next: now + RTO }
    }
}

/// 4 to 6 seconds.
fn consent_interval() -> Duration {
    let spread = u32::from(u16::from_ne_bytes(random()));
    CONSENT_INTERVAL.mul_f64(0.8 + 0.4 * f64::from(spread) / f64::from(u16::MAX))
}
