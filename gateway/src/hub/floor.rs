//! Who may speak on a call, and the way to whoever mixes them: the task of the call's stream.
//!
//! Who may speak is kept with the call's audience and not with its stream: a stream that takes another's place finds
//! them there.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::SayId;
use common::bus::Bot;
use common::token::{Mode, Side};
use gateway_core::call::{PartyId, Role};
use gateway_core::frame::Speech;
use tokio::sync::mpsc;

/// Packets of microphones that may wait for the task of a stream: a second of a dozen of them. More are dropped.
const SPEECH: usize = 512;

/// The bot of a call. No session has this number.
pub const BOT: PartyId = PartyId(u32::MAX);

/// What is said on control's behalf, on any call. No session has this number.
pub const ANNOUNCER: PartyId = PartyId(u32::MAX - 1);

/// Somebody who may speak.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Party {
    /// Their number: the tag of their session.
    pub id: PartyId,
    /// On which side they are.
    pub side: Side,
    /// What they may do: never [`Mode::Listen`].
    pub mode: Mode,
    /// The worker that has their session.
    pub worker: usize,
}

impl Party {
    /// What they are to the mixer.
    pub fn role(&self) -> Role {
        match self.side {
            Side::Agent => Role::Agent,
            Side::Beside => Role::Supervisor,
        }
    }
}

/// What the task of a stream is told, apart from what is spoken.
#[derive(Debug)]
pub enum ToFloor {
    /// Somebody may speak from now on, or may do something else.
    Party(Party),
    /// Somebody may speak no more.
    Left(PartyId),
    /// A microphone was closed: nothing of it is to be heard any more.
    Hush(PartyId),
    /// Control wants something done.
    Order(Order),
}

/// What control wants done on a call. The fields are those of [`NodeCommand`](common::bus::NodeCommand).
#[derive(Debug)]
pub enum Order {
    /// Connect a bot.
    Attach(Bot),
    /// Pause the bot, or let it go on.
    PauseBot {
        /// Paused, or not.
        paused: bool,
        /// What was said meanwhile.
        recap: Option<String>,
    },
    /// Say a line.
    Say {
        /// The line.
        say: SayId,
        /// The words.
        text: String,
        /// BCP 47.
        language: Option<String>,
        /// The provider's name for it.
        voice: Option<String>,
    },
    /// Say one line no more, or none.
    CancelSay(Option<SayId>),
    /// Send keys as tones.
    SendDtmf(String),
    /// Put the caller on hold, or take them off it.
    Hold(bool),
}

/// What the task of a stream takes.
#[derive(Debug)]
pub struct Inlet {
    /// Never dropped. Bounded by those who speak: people and control.
    pub messages: mpsc::UnboundedReceiver<ToFloor>,
    /// Packets of microphones.
    pub speech: mpsc::Receiver<(PartyId, Speech)>,
}

/// The floor of a call as others reach it.
#[derive(Debug, Default)]
pub(super) struct Door(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    parties: BTreeMap<PartyId, Party>,
    /// To the stream that the call has now, if one can speak on it.
    stream: Option<Stream>,
}

/// The other ends of an [`Inlet`].
#[derive(Debug)]
struct Stream {
    messages: mpsc::UnboundedSender<ToFloor>,
    speech: mpsc::Sender<(PartyId, Speech)>,
}

impl Door {
    /// What a stream of the call is told from now on, beginning with who may speak. An older one is told nothing more.
    pub(super) fn take(&self) -> Inlet {
        let (messages, their_messages) = mpsc::unbounded_channel();
        let (speech, their_speech) = mpsc::channel(SPEECH);
        let mut inner = self.lock();
        for party in inner.parties.values() {
            let _it_is_open = messages.send(ToFloor::Party(*party));
        }
        inner.stream = Some(Stream { messages, speech });
        Inlet { messages: their_messages, speech: their_speech }
    }

    /// Says what somebody may do: with [`Mode::Listen`] they may speak no more.
    pub(super) fn set(&self, party: Party) {
        let mut inner = self.lock();
        let message = match party.mode {
            Mode::Listen => {
                inner.parties.remove(&party.id);
                ToFloor::Left(party.id)
            }
            Mode::Whisper | Mode::Join | Mode::Takeover => {
                inner.parties.insert(party.id, party);
                ToFloor::Party(party)
            }
        };
        inner.tell(message);
    }

    /// Whether this one may speak.
    pub(super) fn has(&self, party: PartyId) -> bool {
        self.lock().parties.contains_key(&party)
    }

    /// The stream is over, and nobody is told anything before there is another.
    pub(super) fn close(&self) {
        self.lock().stream = None;
    }

    /// Tells the stream. False: there is none now.
    pub(super) fn tell(&self, message: ToFloor) -> bool {
        self.lock().tell(message)
    }

    /// Passes a packet on. False: it was dropped.
    pub(super) fn speak(&self, party: PartyId, speech: Speech) -> bool {
        let inner = self.lock();
        inner.stream.as_ref().is_some_and(|stream| stream.speech.try_send((party, speech)).is_ok())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whole after every operation, so a panic elsewhere while it was held spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn tell(&self, message: ToFloor) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.messages.send(message).is_ok())
    }
}
