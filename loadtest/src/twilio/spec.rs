//! What call to place, and what shall go wrong with it.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use common::{AccountSid, CallSid};

use super::exchange::Exchange;
use super::report::CallStatus;
use crate::audio::Audio;

/// Whose calls they are.
#[derive(Clone, Eq, PartialEq)]
pub struct Account {
    /// The account's id.
    pub sid: AccountSid,
    /// The secret that signs every request.
    pub auth_token: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("sid", &self.sid).finish_non_exhaustive()
    }
}

/// A call to place. [`CallSpec::new`] gives one that is silent and lasts until it is hung up.
#[derive(Clone, Debug)]
pub struct CallSpec {
    /// Whose call.
    pub account: Account,
    /// The number's voice webhook.
    pub voice_url: String,
    /// Where the call's status is reported.
    pub status_url: Option<String>,
    /// The call's id; by default a new one.
    pub call_sid: Option<CallSid>,
    /// Who calls, E.164.
    pub from: String,
    /// Who is called: a number of the account.
    pub to: String,
    /// What a caller-id lookup found.
    pub caller_name: Option<String>,
    /// What the caller says: the inbound track.
    pub caller: Audio,
    /// What the other side says once `<Dial>` is answered: the outbound track.
    pub agent: Audio,
    /// Whether both begin again at their end.
    pub loop_audio: bool,
    /// How long until the caller hangs up, counted in media of the first stream, or from the answer
    /// while there is none. None: until told.
    pub length: Option<Duration>,
    /// How long `<Dial>` rings before the agent answers.
    pub agent_rings: Duration,
    /// The timestamp of the first frame. Twilio's own example begins at 5.
    pub first_timestamp_ms: u64,
    /// Audio in a media message, in milliseconds. Twilio sends 20 and promises nothing. Taken as 1 to 1000.
    pub frame_ms: u64,
    /// How chunks are numbered.
    pub chunks: Chunks,
    /// Whose REST API knows the call.
    pub exchange: Option<Exchange>,
    /// What goes wrong.
    pub faults: Faults,
    /// What chance there is, is made from this.
    pub seed: u64,
}

impl CallSpec {
    /// A call of this account to this voice webhook.
    pub fn new(account: Account, voice_url: impl Into<String>) -> Self {
        Self {
            account,
            voice_url: voice_url.into(),
            status_url: None,
            call_sid: None,
            from: "+12025550142".into(),
            to: "+15550100".into(),
            caller_name: None,
            caller: Audio::silence(),
            agent: Audio::silence(),
            loop_audio: false,
            length: None,
            agent_rings: Duration::ZERO,
            first_timestamp_ms: 5,
            frame_ms: 20,
            chunks: Chunks::Shared,
            exchange: None,
            faults: Faults::default(),
            seed: 0,
        }
    }

    /// What the two sides say.
    pub fn saying(self, caller: Audio, agent: Audio) -> Self {
        Self { caller, agent, ..self }
    }

    /// Who calls whom.
    pub fn between(self, from: impl Into<String>, to: impl Into<String>) -> Self {
        Self { from: from.into(), to: to.into(), ..self }
    }

    /// Hung up by the caller after this.
    pub fn lasting(self, length: Duration) -> Self {
        Self { length: Some(length), ..self }
    }

    /// With its status reported here.
    pub fn reporting_to(self, status_url: impl Into<String>) -> Self {
        Self { status_url: Some(status_url.into()), ..self }
    }

    /// Known to this REST API.
    pub fn at(self, exchange: &Exchange) -> Self {
        Self { exchange: Some(exchange.clone()), ..self }
    }

    /// With this going wrong.
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }
}

/// How `media.chunk` counts. Twilio's example fits the first; its words could mean the second.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Chunks {
    /// One count for both tracks.
    #[default]
    Shared,
    /// A count for each track.
    PerTrack,
}

/// What goes wrong with a call. Times are media time of a stream, counts are frames: an "every nth"
/// strikes frame n, 2n, 3n, … on all tracks.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The TCP connection ends without `stop` or a close frame after this.
    pub drop_after: Option<Duration>,
    /// Such an end is a reset (RST) and not a FIN.
    pub reset: bool,
    /// No media for a time, or to the end; the socket stays open.
    pub stall: Option<Stall>,
    /// Every nth frame is sent twice.
    pub duplicate_every: Option<NonZeroU32>,
    /// Every nth frame is sent after the one that follows it.
    pub reorder_every: Option<NonZeroU32>,
    /// Frames are missing now and then.
    pub gap: Option<Gap>,
    /// Frames are held back and then sent at once.
    pub burst: Option<Burst>,
    /// After every nth frame comes a message that is not right.
    pub bad_every: Option<NonZeroU32>,
    /// Frames leave up to this late, by chance.
    pub jitter: Duration,
    /// What goes wrong with the requests.
    pub webhooks: WebhookFaults,
}

/// Silence of the socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stall {
    /// When it begins.
    pub after: Duration,
    /// How long it lasts. None: to the end, and then without `stop`.
    pub lasting: Option<Duration>,
}

/// Missing frames, as when Twilio throws audio away: timestamps jump, sequence numbers do not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gap {
    /// Every nth frame begins a gap.
    pub every: NonZeroU32,
    /// How many frames are missing.
    pub frames: u32,
}

/// Frames that come late and all at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Burst {
    /// When frames begin to be held back.
    pub after: Duration,
    /// For how long.
    pub hold: Duration,
}

/// What goes wrong with requests.
#[derive(Clone, Debug, Default)]
pub struct WebhookFaults {
    /// The voice webhook is asked twice, as after a lost answer; the second answer counts.
    pub duplicate_voice: bool,
    /// Status callbacks that never arrive.
    pub lose: Vec<CallStatus>,
    /// Every status callback is sent twice.
    pub duplicate: bool,
    /// Status callbacks are all held back to the end of the call and then sent like this.
    pub order: Option<StatusOrder>,
}

/// In which order held-back status callbacks are sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StatusOrder {
    /// As they happened, only late.
    Late,
    /// The last first.
    Reversed,
    /// By chance, from the call's seed.
    Shuffled,
}
