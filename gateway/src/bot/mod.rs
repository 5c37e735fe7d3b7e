//! Bots in line: programs that answer a call in place of a person, each kind behind the same [`Line`].
//!
//! A bot is a state machine behind [`Adapter`], which knows no socket and no clock. `drive` holds both.

mod adapter;
mod connect;
mod drive;
mod openai;
mod reach;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::bus::{Bot, Speaker};
use common::{AccountSid, CallId, CallSid, StreamSid};
use secrecy::SecretString;
use tokio::sync::mpsc;
use tracing::Instrument as _;

use self::openai::OpenAi;
pub use self::reach::{BotHosts, NotAHost};
use self::stream::Stream;

/// What may wait to be told to a bot. It is taken at once, but a queue that is cleared gives back all its marks together.
const TO_BOT: usize = 2048;

/// What may wait to be taken from a bot. Then it is read no further, so that it must wait itself.
const FROM_BOT: usize = 256;

/// Most characters of a line that somebody said.
const HEARD: usize = 4000;

/// How bots are reached, and what they may do.
#[derive(Clone, Debug)]
pub struct BotConfig {
    /// Where OpenAI's Realtime API is, without a query.
    pub openai_url: String,
    /// The key for it. `None`: a bot of that kind fails.
    pub openai_key: Option<SecretString>,
    /// Where a tenant's bot may be beside public addresses, and without TLS.
    pub hosts: BotHosts,
    /// What `wss:` trusts. `None`: what the machine trusts.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// From the attempt to connect to the answer of the handshake, and as long again until the bot is ready.
    pub connect_timeout: Duration,
    /// How often an open connection is asked for a sign of life. Three without one: it is dead.
    pub ping: Duration,
    /// How long a bot may take nothing of what it is sent.
    pub write_timeout: Duration,
    /// How long the closing of a connection may take.
    pub close_timeout: Duration,
    /// How long OpenAI may take from a question to the first sound of the answer.
    pub answer_timeout: Duration,
    /// Largest text message of a bot, in bytes. A larger one is ignored; one of twice the size ends the connection.
    pub message_bytes: usize,
    /// Messages of a bot within ten seconds; one more ends the connection. Speech is 50 a second, but comes in bursts.
    pub messages: u32,
}

impl Default for BotConfig {
    fn default() -> Self {
        Self {
            openai_url: "wss://api.openai.com/v1/realtime".to_owned(),
            openai_key: None,
            hosts: BotHosts::default(),
            tls: None,
            connect_timeout: Duration::from_secs(5),
            ping: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
            answer_timeout: Duration::from_secs(15),
            message_bytes: 1 << 20,
            messages: 20_000,
        }
    }
}

/// The call that a bot answers.
#[derive(Clone, Copy, Debug)]
pub struct CallFacts {
    /// The call.
    pub call: CallId,
    /// The same as Twilio names it.
    pub call_sid: CallSid,
    /// The Twilio account it belongs to.
    pub account_sid: AccountSid,
    /// Its media stream.
    pub stream: StreamSid,
}

/// What a bot is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ToBot {
    /// 20 ms of the caller's voice in mu-law. One each 20 ms.
    Audio([u8; 160]),
    /// The audio before this mark of the bot's was played, or cleared.
    Played(String),
    /// The caller pressed this key.
    Dtmf(char),
    /// From now on it hears nothing and is heard by nobody.
    Paused,
    /// It hears and is heard again.
    Resumed {
        /// What was said meanwhile, for a bot that can be told.
        recap: Option<String>,
    },
    /// The call is over.
    Stop,
}

/// What comes from a bot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FromBot {
    /// It is connected and hears the call.
    Ready,
    /// Mu-law at 8000 Hz, to be played after what is queued. Any length, faster than real time.
    Audio(Bytes),
    /// To be given back as [`ToBot::Played`], once what was queued before it is played or cleared.
    Mark(String),
    /// What is queued shall not be played: the caller speaks.
    Clear,
    /// What somebody said.
    Heard {
        /// Who.
        speaker: Speaker,
        /// At most 4000 characters.
        text: String,
    },
    /// It could not be reached, broke, fell silent, or misbehaved: why. The last word.
    Failed(String),
    /// It closed its connection in order. The last word.
    Gone,
}

/// A bot's two ends. The bot ends when `to` is dropped.
#[derive(Debug)]
pub struct Line {
    /// To the bot. For `try_send`: a call never waits for a bot.
    pub to: mpsc::Sender<ToBot>,
    /// From the bot.
    pub from: mpsc::Receiver<FromBot>,
}

/// Connects a bot to a call, on the runtime that this is called on. It ends with [`ToBot::Stop`] or with the line.
pub fn attach(bot: Bot, facts: CallFacts, config: Arc<BotConfig>) -> Line {
    let (to, told) = mpsc::channel(TO_BOT);
    let (tell, from) = mpsc::channel(FROM_BOT);
    let span = tracing::info_span!("bot", call = %facts.call);
    let task = async move {
        match bot {
            Bot::Stream { url, parameters, stall_seconds, .. } => {
                let stall = stall_seconds.map(|seconds| Duration::from_secs(seconds.into()));
                let adapter = Stream::new(facts, parameters, stall);
                drive::run(adapter, connect::Target::stream(&url), &config, told, tell).await;
            }
            Bot::OpenAi { model, instructions, voice, greeting, .. } => {
                let target = connect::Target::openai(&config, &model);
                let adapter = OpenAi::new(model, instructions, voice, greeting, &config);
                drive::run(adapter, target, &config, told, tell).await;
            }
            Bot::Unknown => {
                let why = "this gateway does not know such a bot".to_owned();
                let _nobody_waits = tell.send(FromBot::Failed(why)).await;
            }
        }
    };
    tokio::spawn(task.instrument(span));
    Line { to, from }
}

/// The first so many characters.
fn shortened(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}
