//! Bots in line, against servers that speak their protocols over real sockets.

mod openai;
mod peer;
mod reach;
mod realtime;
mod stream;
mod tls;

use std::sync::Arc;

use common::CallId;
use common::bus::Bot;
use gateway::bot::{BotConfig, CallFacts, FromBot, Line, ToBot, attach};
use uuid::Uuid;

use crate::server::PATIENCE;

/// Bots are on this machine.
fn on_this_machine() -> BotConfig {
    BotConfig { hosts: "127.0.0.0/8, ::1".parse().unwrap(), ..BotConfig::default() }
}

/// A call with a bot.
struct Call {
    facts: CallFacts,
    line: Line,
}

impl Call {
    fn with(bot: Bot, config: BotConfig) -> Self {
        let sid = |letters: &str| format!("{letters}{}", Uuid::new_v4().simple());
        let facts = CallFacts {
            call: CallId::new(),
            call_sid: sid("CA").parse().unwrap(),
            account_sid: sid("AC").parse().unwrap(),
            stream: sid("MZ").parse().unwrap(),
        };
        Self { facts, line: attach(bot, facts, Arc::new(config)) }
    }

    async fn tell(&self, what: ToBot) {
        self.line.to.send(what).await.unwrap();
    }

    /// What the bot says next.
    async fn hear(&mut self) -> FromBot {
        let next = tokio::time::timeout(PATIENCE, self.line.from.recv()).await;
        next.expect("the bot says something").expect("the bot is there")
    }

    /// What the bot says last.
    async fn over(&mut self) -> FromBot {
        let last = self.hear().await;
        let after = tokio::time::timeout(PATIENCE, self.line.from.recv()).await;
        assert_eq!(after.expect("the line ends"), None);
        last
    }
}
