//! What every kind of bot is to `drive`.

use std::collections::VecDeque;
use std::time::Instant;

use super::{FromBot, ToBot};

/// A bot's protocol: what is said to it, and what its words mean. It has no socket and no clock.
pub(super) trait Adapter {
    /// The WebSocket is open.
    fn opened(&mut self, now: Instant, out: &mut Out);

    /// The call tells it something, but for [`ToBot::Stop`].
    fn tell(&mut self, now: Instant, what: ToBot, out: &mut Out);

    /// A text message came.
    fn receive(&mut self, now: Instant, text: &str, out: &mut Out) -> Result<(), Bad>;

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The clock has come as far.
    fn handle_timeout(&mut self, now: Instant, out: &mut Out);

    /// The call is over: what is still to be said.
    fn stop(&mut self, now: Instant, out: &mut Out);

    /// What its closing of the connection means, with this code and reason.
    fn closed(&self, code: u16, reason: &str) -> End;
}

/// A message that cannot be used: why.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Bad(pub(super) &'static str);

/// What an adapter wants done.
#[derive(Debug, Default)]
pub(super) struct Out {
    /// To the bot.
    pub(super) wire: VecDeque<Wire>,
    /// To the call.
    pub(super) line: VecDeque<FromBot>,
    /// The bot is over.
    pub(super) end: Option<End>,
}

impl Out {
    /// The bot is over, if it was not already.
    pub(super) fn fail(&mut self, why: impl Into<String>) {
        self.end.get_or_insert_with(|| End::Failed(why.into()));
    }

    /// To be sent whatever waits.
    pub(super) fn send(&mut self, text: String) {
        self.wire.push_back(Wire::Words(text));
    }

    /// To be sent unless too much waits.
    pub(super) fn sound(&mut self, text: String) {
        self.wire.push_back(Wire::Sound(text));
    }
}

/// A text message to the bot.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Wire {
    /// Audio: left out when the bot reads too slowly.
    Sound(String),
    /// All else: a bot that reads too slowly for it has failed.
    Words(String),
}

/// How a bot ends by itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// It left in order.
    Gone,
    /// It did not: why.
    Failed(String),
}

impl From<End> for FromBot {
    fn from(end: End) -> Self {
        match end {
            End::Gone => Self::Gone,
            End::Failed(why) => Self::Failed(why),
        }
    }
}
