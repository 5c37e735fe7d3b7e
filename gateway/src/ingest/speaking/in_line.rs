//! The call's bot: what it hears and says, and what others do about it.

use std::task::{Context, Poll};
use std::time::Instant;

use common::bus::{Bot, BotState, NodeEvent};
use common::token::Mode;
use gateway_core::call::Role;

use super::{Owner, Speaking};
use crate::bot::{self, CallFacts, FromBot, Line, ToBot};
use crate::hub::floor::BOT;

/// What the caller hears when a bot fails and nothing else is configured.
const FALLBACK: &str = "One moment, please.";

/// The most of a detail that is told, in characters.
const DETAIL: usize = 200;

/// A bot that answers the call.
#[derive(Debug)]
pub(super) struct InLine {
    /// `None`: it is gone, or has failed.
    line: Option<Line>,
    fallback: Option<String>,
    /// It is connected.
    ready: bool,
    /// What it was last told.
    paused: bool,
    /// What it is to be told when it goes on.
    recap: Option<String>,
    /// It could not be told something it must know.
    deaf: bool,
}

impl InLine {
    /// 20 ms of what it hears. False: it has no time for them.
    pub(super) fn hear(&mut self, ulaw: [u8; 160]) -> bool {
        self.line.as_ref().is_none_or(|line| line.to.try_send(ToBot::Audio(ulaw)).is_ok())
    }

    /// The caller has pressed a key.
    pub(super) fn key(&mut self, digit: char) {
        self.tell(ToBot::Dtmf(digit));
    }

    /// All before its mark was played, or thrown away.
    pub(super) fn played(&mut self, name: String) {
        self.tell(ToBot::Played(name));
    }

    /// Tells it what must not be lost. A bot that takes nothing more is no use to anybody.
    fn tell(&mut self, message: ToBot) {
        if let Some(line) = &self.line {
            self.deaf |= line.to.try_send(message).is_err();
        }
    }
}

impl Speaking {
    /// Connects a bot. A call that has one, or had one, keeps what it has.
    pub(super) fn attach(&mut self, bot: Bot) {
        if self.bot.is_some() {
            return;
        }
        let fallback = match &bot {
            Bot::Stream { fallback, .. } | Bot::OpenAi { fallback, .. } => fallback.clone(),
            Bot::Unknown => return tracing::warn!("a bot of a kind this build does not know"),
        };
        let info = self.live.info();
        let facts = CallFacts {
            call: info.call,
            call_sid: info.call_sid,
            account_sid: info.account_sid,
            stream: info.stream,
        };
        let line = bot::attach(bot, facts, self.shared.bots.clone());
        self.bot = Some(InLine {
            line: Some(line),
            fallback,
            ready: false,
            paused: false,
            recap: None,
            deaf: false,
        });
    }

    /// Pauses the bot, or lets it go on.
    pub(super) fn pause_bot(&mut self, now: Instant, paused: bool, recap: Option<String>) {
        self.floor.set_bot_paused(now, paused);
        if let Some(bot) = &mut self.bot
            && !paused
        {
            bot.recap = recap;
        }
    }

    /// Tells the bot when it has become paused, or no longer is, whoever did that.
    pub(super) fn follow_pause(&mut self, now: Instant) {
        let paused = self.floor.is_bot_paused();
        let Some(bot) = self.bot.as_mut().filter(|bot| bot.ready && bot.paused != paused) else { return };
        bot.paused = paused;
        if paused {
            bot.tell(ToBot::Paused);
            // What it had said already is not heard any more.
            self.floor.clear(now, BOT);
            self.out.clear_bot(now);
            self.bot_is(BotState::Paused, None);
        } else {
            let recap = bot.recap.take();
            bot.tell(ToBot::Resumed { recap });
            self.bot_is(BotState::Active, None);
        }
    }

    /// Takes what the bot says.
    pub(super) fn poll_bot(&mut self, cx: &mut Context<'_>, now: Instant) {
        loop {
            let Some(bot) = &mut self.bot else { return };
            let Some(line) = &mut bot.line else { return };
            if bot.deaf {
                return self.bot_failed(now, "it does not take what it is sent");
            }
            match line.from.poll_recv(cx) {
                Poll::Pending => return,
                Poll::Ready(Some(message)) => self.hear_bot(now, message),
                Poll::Ready(None) => return self.bot_left(now),
            }
        }
    }

    fn hear_bot(&mut self, now: Instant, message: FromBot) {
        let paused = self.floor.is_bot_paused();
        match message {
            FromBot::Ready => {
                if self.floor.set_party(now, BOT, Role::Bot, Mode::Join).is_err() {
                    return self.bot_failed(now, "too many take part in the call");
                }
                if let Some(bot) = &mut self.bot {
                    bot.ready = true;
                }
                self.bot_is(BotState::Active, None);
            }
            FromBot::Audio(_) if paused => {}
            FromBot::Audio(ulaw) => {
                let refused = self.floor.queue(now, BOT, &ulaw);
                self.shared.metrics.speaking.bot_refused_bytes.inc_by(refused as u64);
            }
            FromBot::Mark(name) => {
                let mark = self.marks.add(Owner::Bot(name));
                if (paused || !self.floor.queue_mark(now, BOT, mark))
                    && let Some(owner) = self.marks.take(mark)
                {
                    self.tell_owner(owner, false);
                }
            }
            FromBot::Clear => {
                self.floor.clear(now, BOT);
                self.out.clear_bot(now);
            }
            FromBot::Heard { speaker, text } => {
                let info = self.live.info();
                self.publish(NodeEvent::Heard {
                    tenant: info.tenant,
                    call: info.call,
                    speaker,
                    text,
                    media_ms: self.live.media_ms(),
                });
            }
            FromBot::Failed(why) => self.bot_failed(now, &why),
            FromBot::Gone => self.bot_left(now),
        }
    }

    /// The bot is no use any more: the caller is told something, and people are told.
    fn bot_failed(&mut self, now: Instant, why: &str) {
        let Some(bot) = &mut self.bot else { return };
        bot.line = None;
        let fallback = bot.fallback.take().unwrap_or_else(|| FALLBACK.to_owned());
        self.floor.remove_party(now, BOT);
        self.shared.metrics.speaking.bot_failures.inc();
        tracing::warn!(call = %self.live.info().call, why, "a bot has failed");
        // With a person on the line the caller needs no other word.
        if !self.is_answered() && !fallback.is_empty() {
            self.announce(fallback);
        }
        self.bot_is(BotState::Failed, Some(why.chars().take(DETAIL).collect()));
    }

    /// The bot has left in order. What it has said to the end is still heard.
    fn bot_left(&mut self, _now: Instant) {
        let Some(bot) = &mut self.bot else { return };
        bot.line = None;
        self.bot_is(BotState::Gone, None);
    }

    fn bot_is(&self, state: BotState, detail: Option<String>) {
        let info = self.live.info();
        self.publish(NodeEvent::BotChanged {
            tenant: info.tenant,
            call: info.call,
            state,
            media_ms: self.live.media_ms(),
            detail,
        });
    }

    /// The stream is over. A call that may go on gets its bot again on its next stream: nobody is told that it has left.
    pub(super) fn end_bot(&mut self, in_order: bool) {
        if let Some(line) = self.bot.take().and_then(|bot| bot.line) {
            let _it_sees_the_channel_close = line.to.try_send(ToBot::Stop);
            if in_order {
                self.bot_is(BotState::Gone, None);
            }
        }
    }
}
