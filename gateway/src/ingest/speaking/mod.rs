//! What is spoken on a call beside its caller's voice, on the stream's own task: people, a bot, lines that are said.
//!
//! Who hears whom and when is the [`Floor`]'s affair. Here its ears and mouths are tied to the rest: microphones come by
//! the hub, the bot and the speech provider by channels, what the caller is to hear goes to Twilio, what the others are
//! to hear to the call and to the media workers. Nothing here waits for anybody.

mod announcer;
mod in_line;
mod marks;
mod outgoing;

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::bus::{NodeEvent, SayEnd};
use common::token::{Mode, Side};
use gateway_core::call::{Floor, FloorConfig, Output, PartyId};
use gateway_core::frame::{Codec, Packet};

use self::announcer::Announcer;
use self::in_line::InLine;
use self::marks::{Marks, Owner};
use self::outgoing::Outgoing;
use super::Shared;
use crate::hub::LiveCall;
use crate::hub::floor::{ANNOUNCER, Inlet, Order, Party, ToFloor};

/// How long a leg beside a call is kept when nobody may speak on it: people change their minds, and each leg costs money.
const UNUSED: Duration = Duration::from_secs(30);

/// How long a tick of the floor is, in milliseconds.
const TICK_MS: u64 = 20;

/// So far may the floor's time be from the caller's, in milliseconds, before it is set anew.
const DRIFT_MS: u64 = 60;

/// 20 ms of the agent's side for those who only listen, and when they were spoken, in milliseconds of the caller's track.
pub(super) type Frame = (u64, [u8; 160]);

/// All that is spoken on one stream.
#[derive(Debug)]
pub(super) struct Speaking {
    shared: Arc<Shared>,
    live: Arc<LiveCall>,
    inlet: Inlet,
    floor: Floor,
    parties: HashMap<PartyId, Party>,
    announcer: Announcer,
    bot: Option<InLine>,
    marks: Marks,
    out: Outgoing,
    time: Time,
    /// The agent has put the caller on hold.
    held: bool,
    /// Frames for those who only listen.
    frames: Vec<Frame>,
    /// Since when nobody may speak on it.
    unused_since: Option<Instant>,
}

/// The floor's clock by the caller's track.
#[derive(Debug, Default)]
struct Time {
    /// When the newest of the caller's frames began, in milliseconds.
    newest_ms: u64,
    /// What to add to a tick's time.
    base_ms: Option<i64>,
    /// The last timestamp of a packet of somebody's own, in samples.
    last_own: u64,
}

impl Time {
    /// When a tick was, in milliseconds.
    fn of(&mut self, tick: u64) -> u64 {
        let ticks = i64::try_from(tick * TICK_MS).unwrap_or(i64::MAX);
        let newest = i64::try_from(self.newest_ms).unwrap_or(i64::MAX);
        let base = self.base_ms.filter(|base| (base + ticks).abs_diff(newest) <= DRIFT_MS);
        let base = *self.base_ms.insert(base.unwrap_or(newest - ticks));
        u64::try_from(base + ticks).unwrap_or(0)
    }

    /// The timestamp for a packet of somebody's own: it never goes back.
    fn own(&mut self, tick: u64) -> u64 {
        let timestamp = self.of(tick) * 8;
        self.last_own = timestamp.max(self.last_own);
        self.last_own
    }
}

impl Speaking {
    /// For a stream on which one can speak.
    pub(super) fn new(shared: Arc<Shared>, live: Arc<LiveCall>, inlet: Inlet, now: Instant) -> Self {
        let info = live.info();
        let out = Outgoing::new(info.stream);
        let config = FloorConfig { far_end_in_both_ears: info.kind.is_beside(), ..Default::default() };
        Self {
            shared,
            live,
            inlet,
            floor: Floor::new(config, now),
            parties: HashMap::new(),
            announcer: Announcer::default(),
            bot: None,
            marks: Marks::default(),
            out,
            time: Time::default(),
            held: false,
            frames: Vec::new(),
            unused_since: Some(now),
        }
    }

    /// Whether nobody has had leave to speak on it for long.
    pub(super) fn is_deserted(&self, now: Instant) -> bool {
        self.unused_since.is_some_and(|since| now.saturating_duration_since(since) >= UNUSED)
    }

    /// The caller was heard.
    pub(super) fn caller(&mut self, now: Instant, timestamp_ms: u64, ulaw: &[u8]) {
        self.time.newest_ms = self.time.newest_ms.max(timestamp_ms);
        self.floor.handle_caller(now, ulaw);
        self.settle(now);
    }

    /// The caller has pressed a key.
    pub(super) fn key(&mut self, digit: char) {
        if let Some(bot) = &mut self.bot {
            bot.key(digit);
        }
    }

    /// Twilio has played all before one of our marks, or has thrown it away.
    pub(super) fn played(&mut self, name: &str) {
        if let Some(owner) = name.parse().ok().and_then(|number| self.marks.take(number)) {
            self.tell_owner(owner, true);
        }
    }

    /// Takes what has come for it. Registers to be woken for more.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, now: Instant) {
        while let Poll::Ready(Some(message)) = self.inlet.messages.poll_recv(cx) {
            self.message(now, message);
        }
        while let Poll::Ready(Some((party, speech))) = self.inlet.speech.poll_recv(cx) {
            let rtp = gateway_core::call::Rtp {
                sequence: speech.sequence,
                timestamp: speech.timestamp,
                marker: speech.marker,
                payload: &speech.payload,
            };
            self.floor.handle_rtp(now, party, rtp);
        }
        self.poll_bot(cx, now);
        self.poll_announcer(cx, now);
        self.settle(now);
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.floor.handle_timeout(now);
        self.settle(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), or never.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.floor.poll_timeout()
    }

    /// The next message for Twilio: text.
    pub(super) fn poll_message(&mut self) -> Option<Bytes> {
        self.out.poll()
    }

    /// Frames for those who only listen, since this was last asked.
    pub(super) fn take_frames(&mut self) -> std::vec::Drain<'_, Frame> {
        self.frames.drain(..)
    }

    /// Gives what was counted to the metrics.
    pub(super) fn flush(&mut self) {
        self.shared.metrics.speaking.floor(self.floor.take_counts());
    }

    fn message(&mut self, now: Instant, message: ToFloor) {
        match message {
            ToFloor::Party(party) => match self.floor.set_party(now, party.id, party.role(), party.mode) {
                Ok(()) => {
                    self.parties.insert(party.id, party);
                    self.unused_since = None;
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "somebody cannot speak");
                }
            },
            ToFloor::Left(party) => {
                self.floor.remove_party(now, party);
                self.parties.remove(&party);
                if self.parties.is_empty() {
                    self.unused_since.get_or_insert(now);
                }
            }
            ToFloor::Hush(party) => self.floor.hush(now, party),
            ToFloor::Order(order) => self.order(now, order),
        }
    }

    fn order(&mut self, now: Instant, order: Order) {
        match order {
            Order::Attach(bot) => self.attach(bot),
            Order::PauseBot { paused, recap } => self.pause_bot(now, paused, recap),
            Order::Say { say, text, language, voice } => self.say(say, text, language, voice),
            Order::CancelSay(which) => self.cancel_say(now, which),
            Order::SendDtmf(digits) => {
                if let Err(error) = self.floor.dial(now, &digits) {
                    tracing::warn!(error = &error as &dyn std::error::Error, "keys cannot be sent");
                }
            }
            Order::Hold(held) => self.held = held,
        }
    }

    /// Sees to it that what follows from the present state holds, and passes on what came of it.
    fn settle(&mut self, now: Instant) {
        // Who would hear nothing at all hears that the call is still there.
        let deserted = self.bot.is_some() && self.floor.is_bot_paused() && !self.is_answered();
        self.floor.set_held(now, self.held || deserted);
        self.follow_pause(now);
        while let Some(output) = self.floor.poll_output() {
            self.output(now, output);
        }
    }

    /// Whether a person is there whom the caller can hear.
    fn is_answered(&self) -> bool {
        self.parties.values().any(|party| match (party.side, party.mode) {
            (Side::Agent, _) | (Side::Beside, Mode::Join | Mode::Takeover) => true,
            (Side::Beside, Mode::Listen | Mode::Whisper) => false,
        })
    }

    fn output(&mut self, now: Instant, output: Output) {
        match output {
            Output::Caller { ulaw, by_bot_only, .. } => {
                let metrics = &self.shared.metrics.speaking;
                match self.out.audio(now, &ulaw, by_bot_only) {
                    true => metrics.frames.inc(),
                    false => metrics.frames_dropped.inc(),
                }
            }
            Output::Mark { mark, dropped: false, party } => {
                self.out.mark(mark);
                if party == ANNOUNCER {
                    self.announcer.has_ended();
                }
            }
            Output::Mark { mark, dropped: true, .. } => {
                if let Some(owner) = self.marks.take(mark) {
                    self.tell_owner(owner, false);
                }
            }
            Output::Bot { ulaw, .. } => {
                if let Some(bot) = &mut self.bot
                    && !bot.hear(ulaw)
                {
                    self.shared.metrics.speaking.bot_dropped.inc();
                }
            }
            Output::Party { tick, party, payload, marker } => {
                let timestamp = self.time.own(tick);
                if let Some(party) = self.parties.get(&party) {
                    let packet = Packet { codec: Codec::Opus, payload, timestamp, marker, arrived: now };
                    self.live.send_own(party, packet);
                }
            }
            Output::AgentSide { tick, ulaw } => {
                let at = self.time.of(tick);
                self.frames.push((at, ulaw));
            }
        }
    }

    /// A mark's audio is over: heard, or not.
    fn tell_owner(&mut self, owner: Owner, heard: bool) {
        match owner {
            // As Twilio does: also when it was thrown away.
            Owner::Bot(name) => {
                if let Some(bot) = &mut self.bot {
                    bot.played(name);
                }
            }
            Owner::Line(Some(say)) => {
                self.said(say, if heard { SayEnd::Spoken } else { SayEnd::Interrupted })
            }
            Owner::Line(None) => {}
        }
    }

    fn publish(&self, event: NodeEvent) {
        self.shared.bus.events.publish(event);
    }
}

impl Speaking {
    /// The stream is over; `in_order`: and the call with it.
    pub(super) fn end(&mut self, in_order: bool) {
        self.end_lines();
        self.end_bot(in_order);
    }
}
