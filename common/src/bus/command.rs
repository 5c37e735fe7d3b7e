//! What control tells gateways to do, in the imperative.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::token::Mode;
use crate::{CallId, SayId, SessionId};

/// Control to gateway: what to do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NodeCommand {
    /// End this person's connection now.
    EndSession {
        /// The session.
        session: SessionId,
    },
    /// This call is over: nobody need wait for a stream of it any more. A stream that is open ends by itself.
    EndCall {
        /// The call.
        call: CallId,
    },
    /// Twilio is about to end this call's stream and to open another: whoever listens waits for that one.
    ExpectStream {
        /// The call.
        call: CallId,
    },
    /// From now on this person's connection may do that much.
    SetMode {
        /// The session.
        session: SessionId,
        /// What it may do.
        mode: Mode,
    },
    /// Connect this bot to the call, which it answers. Said again until [`NodeEvent::BotChanged`] tells what came of it;
    /// a call that has a bot, or had this one, keeps what it has.
    Attach {
        /// The call.
        call: CallId,
        /// The bot.
        bot: Bot,
    },
    /// The bot hears nothing and is heard by nobody, until it is resumed. Fine to say twice.
    PauseBot {
        /// The call.
        call: CallId,
        /// Paused, or handed back to.
        paused: bool,
        /// What was said meanwhile, for a bot that can be told: at most 8000 characters.
        #[serde(default)]
        recap: Option<String>,
    },
    /// Say this to the caller, after what is being said.
    Say {
        /// The call.
        call: CallId,
        /// The line.
        say: SayId,
        /// The words, at most 2000 characters.
        text: String,
        /// BCP 47. `None`: the provider's default.
        #[serde(default)]
        language: Option<String>,
        /// The provider's name for a voice. `None`: its default.
        #[serde(default)]
        voice: Option<String>,
    },
    /// Say these lines no more: one, or all there are.
    CancelSay {
        /// The call.
        call: CallId,
        /// The line. `None`: all.
        #[serde(default)]
        say: Option<SayId>,
    },
    /// Send these keys to the caller's side, as tones.
    SendDtmf {
        /// The call.
        call: CallId,
        /// `0` to `9`, `*`, `#`, `A` to `D`, and `w` for half a second of silence; at most 32.
        digits: String,
    },
    /// The caller hears comfort tone and no agent; agents do not hear the caller. Fine to say twice.
    Hold {
        /// The call.
        call: CallId,
        /// On hold, or not.
        held: bool,
    },
    /// Something this build does not know. Counted, never an error.
    #[serde(other)]
    Unknown,
}

/// Who answers a call in place of a person.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Bot {
    /// One that speaks Twilio's Media Streams protocol: to it the gateway is Twilio.
    Stream {
        /// `wss:` or `ws:`.
        url: String,
        /// What its `start` has as `customParameters`.
        #[serde(default)]
        parameters: BTreeMap<String, String>,
        /// Seconds without any message of it, while it should speak, after which it is taken for dead. `None`: never.
        #[serde(default)]
        stall_seconds: Option<u32>,
        /// What the caller hears when it fails.
        #[serde(default)]
        fallback: Option<String>,
    },
    /// OpenAI's Realtime API, with the key that the gateway is configured with.
    OpenAi {
        /// As the API names it.
        model: String,
        /// What it is to be, at most 16000 characters.
        #[serde(default)]
        instructions: String,
        /// As the API names it. `None`: its default.
        #[serde(default)]
        voice: Option<String>,
        /// What it says first, on its own. `None`: it waits for the caller.
        #[serde(default)]
        greeting: Option<String>,
        /// What the caller hears when it fails.
        #[serde(default)]
        fallback: Option<String>,
    },
    /// A kind this build does not know.
    #[serde(other)]
    Unknown,
}
