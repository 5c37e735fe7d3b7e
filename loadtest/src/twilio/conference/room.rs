//! One conference.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use common::{AccountSid, CallSid, ConferenceSid};
use time::OffsetDateTime;
use tokio::sync::oneshot;

use super::mix::{BLOCK, Part, Reach, mix};
use super::report::{Event, Reporter};
use super::seat::{Refused, Seat, Standing};
use super::terms::{Beep, MAX_PARTICIPANTS, Terms};
use crate::audio::{Audio, ulaw};
use crate::tone::Tone;
use crate::twilio::call::new_sid;
use crate::twilio::played::Played;
use crate::twilio::spec::Account;
use crate::twilio::voice::{Voice, length, samples};

/// What is heard of somebody who comes or goes.
static TONE: LazyLock<Audio> = LazyLock::new(|| Audio::tone(Tone(1400), 4000));

/// For how long.
const TONE_SAMPLES: usize = 1600;

/// A conference at Twilio: `init` until it starts, then `in-progress`, then `completed`.
#[derive(Debug)]
pub(in crate::twilio) struct Room {
    sid: ConferenceSid,
    account: AccountSid,
    name: String,
    state: Mutex<State>,
}

/// What the API shows of a conference.
#[derive(Clone, Debug)]
pub(in crate::twilio) struct RoomView {
    pub(in crate::twilio) status: &'static str,
    pub(in crate::twilio) created: OffsetDateTime,
    pub(in crate::twilio) updated: OffsetDateTime,
    /// Why it ended, and with whom.
    pub(in crate::twilio) ended: Option<(&'static str, Option<CallSid>)>,
}

/// A change of one participant. `None`: as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::twilio) struct Change {
    pub(in crate::twilio) muted: Option<bool>,
    pub(in crate::twilio) held: Option<bool>,
    /// Whom alone it speaks to; `Some(None)`: to everybody again.
    pub(in crate::twilio) coaches: Option<Option<CallSid>>,
    pub(in crate::twilio) ends: Option<bool>,
    pub(in crate::twilio) beeps_on_exit: Option<bool>,
}

/// Why somebody is not in it any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::twilio) enum Why {
    Left,
    Kicked,
}

#[derive(Debug)]
struct State {
    status: &'static str,
    created: OffsetDateTime,
    updated: OffsetDateTime,
    ended: Option<(&'static str, Option<CallSid>)>,
    members: Vec<Member>,
    reporter: Reporter,
    /// Up to when everybody has heard what there was.
    mixed: Instant,
    /// How much of the tone is still to be heard.
    tone: usize,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Member {
    standing: Standing,
    limit: usize,
    voice: Voice,
    ears: Arc<Played>,
    /// Dropped with the member, which tells its leg.
    _gone: oneshot::Sender<()>,
}

impl Room {
    pub(in crate::twilio) fn new(account: Account, name: &str) -> Self {
        let sid = new_sid(ConferenceSid::PREFIX);
        let now = OffsetDateTime::now_utc();
        Self {
            sid,
            account: account.sid,
            name: name.to_owned(),
            state: Mutex::new(State {
                status: "init",
                created: now,
                updated: now,
                ended: None,
                members: Vec::new(),
                reporter: Reporter::new(account, sid, name),
                mixed: Instant::now(),
                tone: 0,
                parts: Vec::new(),
            }),
        }
    }

    pub(in crate::twilio) const fn sid(&self) -> ConferenceSid {
        self.sid
    }

    pub(in crate::twilio) const fn account(&self) -> AccountSid {
        self.account
    }

    pub(in crate::twilio) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::twilio) fn is_over(&self) -> bool {
        self.state().ended.is_some()
    }

    /// Whether nobody is in it or on the way: it is over, or those who made it were refused.
    pub(super) fn is_empty(&self) -> bool {
        self.state().members.is_empty()
    }

    pub(in crate::twilio) fn view(&self) -> RoomView {
        let State { status, created, updated, ended, .. } = *self.state();
        RoomView { status, created, updated, ended }
    }

    /// Who is in it, or on the way: the newest first.
    pub(in crate::twilio) fn standings(&self) -> Vec<Standing> {
        self.state().members.iter().rev().map(|member| member.standing.clone()).collect()
    }

    /// The participant of this id or label.
    pub(in crate::twilio) fn standing(&self, who: &str) -> Option<Standing> {
        let is_it =
            |standing: &&Standing| standing.call.as_str() == who || standing.label.as_deref() == Some(who);
        self.state().members.iter().map(|member| &member.standing).find(is_it).cloned()
    }

    /// Keeps a place for somebody who says `voice` and hears what is laid down on `ears`.
    pub(in crate::twilio) fn invite(
        self: &Arc<Self>,
        call: CallSid,
        terms: &Terms,
        voice: Voice,
        ears: Arc<Played>,
    ) -> Result<Seat, Refused> {
        let mut state = self.state();
        if state.ended.is_some() {
            return Err(Refused::Over);
        }
        if state.members.len() >= MAX_PARTICIPANTS {
            return Err(Refused::Full);
        }
        let mut taken = state.members.iter().filter_map(|member| member.standing.label.as_ref());
        if terms.label.as_ref().is_some_and(|label| taken.any(|taken| taken == label)) {
            return Err(Refused::Label);
        }
        if terms.coaches.is_some_and(|coached| !state.has(coached)) {
            return Err(Refused::NobodyToCoach);
        }
        state.reporter.decide(terms.callback.as_ref());
        let now = OffsetDateTime::now_utc();
        let standing = Standing {
            call,
            label: terms.label.clone(),
            muted: terms.muted,
            held: false,
            coaches: terms.coaches,
            beep: terms.beep,
            starts: terms.starts,
            ends: terms.ends,
            status: "queued",
            created: now,
            updated: now,
        };
        let (sender, gone) = oneshot::channel();
        state.members.push(Member { standing, limit: terms.limit, voice, ears, _gone: sender });
        Ok(Seat::new(self.clone(), call, gone))
    }

    pub(super) fn ring(&self, call: CallSid) {
        if let Some(member) = self.state().member(call) {
            member.standing.status = "ringing";
        }
    }

    /// Somebody who was invited is there.
    pub(super) fn enter(self: &Arc<Self>, call: CallSid, now: Instant) -> Result<(), Refused> {
        let mut state = self.state();
        state.advance(now);
        let there = state.members.iter().filter(|member| member.is_connected()).count();
        let member = state.member(call).ok_or(Refused::Over)?;
        if there >= member.limit {
            return Err(Refused::Full);
        }
        member.standing.status = "connected";
        member.standing.updated = OffsetDateTime::now_utc();
        member.ears.confer(Arc::downgrade(self), now);
        let standing = member.standing.clone();
        state.reporter.tell(Event::JOIN, Some(&standing), Vec::new());
        if standing.starts && state.status == "init" {
            state.set_status("in-progress");
            state.reporter.tell(Event::START, None, Vec::new());
        }
        if standing.beep.on_enter() {
            state.tone = TONE_SAMPLES;
        }
        Ok(())
    }

    /// Changes a participant. False: there is none.
    pub(in crate::twilio) fn change(
        &self,
        call: CallSid,
        change: Change,
        now: Instant,
    ) -> Result<bool, Refused> {
        let mut state = self.state();
        state.advance(now);
        if let Some(Some(coached)) = change.coaches
            && (coached == call || !state.has(coached))
        {
            return Err(Refused::NobodyToCoach);
        }
        let Some(member) = state.member(call) else { return Ok(false) };
        let standing = &mut member.standing;
        let before = standing.clone();
        standing.muted = change.muted.unwrap_or(before.muted);
        standing.held = change.held.unwrap_or(before.held);
        standing.coaches = change.coaches.unwrap_or(before.coaches);
        standing.ends = change.ends.unwrap_or(before.ends);
        if let Some(beeps) = change.beeps_on_exit {
            standing.beep = match (before.beep.on_enter(), beeps) {
                (true, true) => Beep::Always,
                (true, false) => Beep::Enter,
                (false, true) => Beep::Exit,
                (false, false) => Beep::Never,
            };
        }
        standing.updated = OffsetDateTime::now_utc();
        let after = standing.clone();
        let modified =
            after.coaches != before.coaches || after.ends != before.ends || after.beep != before.beep;
        for (changed, event) in [
            (after.muted && !before.muted, Event::MUTE),
            (!after.muted && before.muted, Event::UNMUTE),
            (after.held && !before.held, Event::HOLD),
            (!after.held && before.held, Event::UNHOLD),
            (modified, Event::MODIFY),
        ] {
            if changed {
                state.reporter.tell(event, Some(&after), Vec::new());
            }
        }
        Ok(true)
    }

    /// Takes somebody out. False: there is none.
    pub(in crate::twilio) fn remove(&self, call: CallSid, why: Why, now: Instant) -> bool {
        let mut state = self.state();
        state.advance(now);
        let Some(at) = state.members.iter().position(|member| member.standing.call == call) else {
            return false;
        };
        let Member { standing, ears, .. } = state.members.remove(at);
        let was_there = standing.status == "connected";
        if was_there {
            ears.part(now);
            state.reporter.tell(Event::LEAVE, Some(&standing), Vec::new());
        }
        if was_there && standing.beep.on_exit() {
            state.tone = TONE_SAMPLES;
        }
        let reason = match (was_there && standing.ends, why) {
            (true, Why::Left) => "participant-with-end-conference-on-exit-left",
            (true, Why::Kicked) => "participant-with-end-conference-on-exit-kicked",
            (false, _) if !state.members.is_empty() => return true,
            (false, Why::Left) => "last-participant-left",
            (false, Why::Kicked) => "last-participant-kicked",
        };
        state.end(reason, Some(&standing), now);
        true
    }

    /// Ends it for everybody, as the API asks.
    pub(in crate::twilio) fn end(&self, now: Instant) {
        let mut state = self.state();
        state.advance(now);
        state.end("conference-ended-via-api", None, now);
    }

    /// Lays down what everybody hears up to that moment.
    pub(in crate::twilio) fn advance(&self, now: Instant) {
        self.state().advance(now);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    fn is_connected(&self) -> bool {
        self.standing.status == "connected"
    }

    /// Who hears it, with the number of the one it coaches.
    fn reach(&self, coached: Option<usize>) -> Reach {
        let standing = &self.standing;
        match (standing.coaches, coached) {
            _ if !self.is_connected() || standing.muted || standing.held => Reach::Nobody,
            (None, _) => Reach::Others,
            (Some(_), Some(number)) => Reach::Only(number),
            (Some(_), None) => Reach::Nobody,
        }
    }
}

impl State {
    fn member(&mut self, call: CallSid) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.standing.call == call)
    }

    fn number(&self, call: CallSid) -> Option<usize> {
        self.members.iter().position(|member| member.standing.call == call)
    }

    /// Whether this call is in it, and not only on the way.
    fn has(&self, call: CallSid) -> bool {
        self.number(call).is_some_and(|number| self.members[number].is_connected())
    }

    fn set_status(&mut self, status: &'static str) {
        self.status = status;
        self.updated = OffsetDateTime::now_utc();
    }

    fn end(&mut self, reason: &'static str, by: Option<&Standing>, now: Instant) {
        if self.ended.is_some() {
            return;
        }
        for member in std::mem::take(&mut self.members) {
            if member.is_connected() {
                member.ears.part(now);
                self.reporter.tell(Event::LEAVE, Some(&member.standing), Vec::new());
            }
        }
        self.ended = Some((reason, by.map(|standing| standing.call)));
        let was_started = self.status == "in-progress";
        self.set_status("completed");
        if was_started {
            let mut more = vec![("ReasonConferenceEnded", reason.to_owned()), ("Reason", reason.to_owned())];
            if let Some(standing) = by {
                more.push(("CallSidEndingConference", standing.call.to_string()));
                let label = standing.label.clone();
                more.extend(label.map(|label| ("ParticipantLabelEndingConference", label)));
            }
            self.reporter.tell(Event::END, None, more);
        }
        self.reporter.finish();
    }

    /// Before anything changes: who was heard up to now was heard as things were.
    fn advance(&mut self, now: Instant) {
        if self.status != "in-progress" {
            self.mixed = self.mixed.max(now);
            return;
        }
        loop {
            let count = samples(now.saturating_duration_since(self.mixed)).min(BLOCK);
            if count == 0 {
                return;
            }
            self.block(count);
            self.mixed += length(count);
        }
    }

    /// Mixes the next block.
    fn block(&mut self, count: usize) {
        let mut parts = std::mem::take(&mut self.parts);
        parts.clear();
        for member in &self.members {
            let standing = &member.standing;
            let coached = standing.coaches.and_then(|coached| self.number(coached));
            let mut part = Part {
                reach: member.reach(coached),
                listens: member.is_connected() && !standing.held,
                said: [ulaw::SILENCE; BLOCK],
            };
            if part.reach != Reach::Nobody {
                member.voice.fill(self.mixed, &mut part.said[..count]);
            }
            parts.push(part);
        }
        let tone = (self.tone > 0).then(|| {
            let mut tone = [ulaw::SILENCE; BLOCK];
            let sounding = count.min(self.tone);
            TONE.fill((TONE_SAMPLES - self.tone) as u64, false, &mut tone[..sounding]);
            tone
        });
        self.tone = self.tone.saturating_sub(count);
        mix(&parts, tone.as_ref(), count, |number, heard| {
            self.members[number].ears.put(self.mixed, heard);
        });
        self.parts = parts;
    }
}
