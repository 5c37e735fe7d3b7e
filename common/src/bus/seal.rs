//! Who may speak on the bus: who has its key. Redis is in between, and who can write to it has not.
//!
//! A frame is the code of the rest (HMAC-SHA256, in base64url), a dot, when it left (Unix milliseconds), a dot, its number
//! among those of its sender, a line's end, and the message. The code covers the channel too. So a frame that was altered,
//! kept, sent twice, or sent elsewhere is told from a good one before its message is read.
//!
//! The time of the check is an argument: nothing here reads a clock.

use std::collections::HashMap;
use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::Channel;
use crate::key::SecretKey;

/// How far the clocks of two processes may be apart, with the way of a frame, in milliseconds. What is older is not
/// heard, so what somebody has kept is worth nothing after that.
const WINDOW: i64 = 30_000;

/// Senders that are remembered before those that have been silent are forgotten: every start of a process is one.
const SENDERS: usize = 1024;

/// What signs the bus. Every process on it has the same.
#[derive(Clone, Debug)]
pub struct BusKeys {
    /// Signs what this process says.
    pub present: SecretKey,
    /// What is signed with one of these is heard too: keys of before, or the next one.
    pub others: Vec<SecretKey>,
}

/// Why a frame is not heard. It is dropped and counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Rejected {
    /// It is no frame.
    Unsigned,
    /// Signed with none of our keys, altered, or meant for another channel.
    BadSignature,
    /// Older than the window, or of a time to come.
    Stale,
    /// It, or one that its sender sent after it, was heard before.
    Replayed,
}

impl Rejected {
    pub(super) const ALL: [Self; 4] = [Self::Unsigned, Self::BadSignature, Self::Stale, Self::Replayed];

    /// As in the label `reason`.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::BadSignature => "bad_signature",
            Self::Stale => "stale",
            Self::Replayed => "replayed",
        }
    }
}

/// Makes frames.
pub(super) struct Sealer {
    key: hmac::Key,
    sent: u64,
}

impl Sealer {
    pub(super) fn new(keys: &BusKeys) -> Self {
        Self { key: key(&keys.present), sent: 0 }
    }

    /// The frame of a message that leaves at `now`, Unix milliseconds.
    pub(super) fn seal(&mut self, channel: Channel, message: &str, now: i64) -> String {
        self.sent += 1;
        let rest = format!("{now}.{}\n{message}", self.sent);
        let code = code(&self.key, channel, rest.as_bytes());
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(code))
    }
}

/// Looks at frames.
pub(super) struct Opener {
    keys: Vec<hmac::Key>,
    /// Of each sender the number of its last frame, and when that was sent.
    heard: HashMap<Uuid, (u64, i64)>,
}

/// A frame of somebody who has the key, of this time.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Opened<'a> {
    pub(super) message: &'a [u8],
    sent_at: i64,
    number: u64,
}

impl Opener {
    pub(super) fn new(keys: &BusKeys) -> Self {
        let keys = std::iter::once(&keys.present).chain(&keys.others).map(key).collect();
        Self { keys, heard: HashMap::new() }
    }

    /// What is in a frame that came on `channel` at `now`, Unix milliseconds.
    pub(super) fn open<'a>(
        &self,
        channel: Channel,
        frame: &'a [u8],
        now: i64,
    ) -> Result<Opened<'a>, Rejected> {
        let (shown, rest) = split(frame, b'.').ok_or(Rejected::Unsigned)?;
        let shown = URL_SAFE_NO_PAD.decode(shown).map_err(|_| Rejected::Unsigned)?;
        let (head, message) = split(rest, b'\n').ok_or(Rejected::Unsigned)?;
        let (sent_at, number) = split(head, b'.').ok_or(Rejected::Unsigned)?;
        let sent_at: i64 = parse(sent_at).ok_or(Rejected::Unsigned)?;
        let number: u64 = parse(number).ok_or(Rejected::Unsigned)?;
        let is_by = |key| verify_slices_are_equal(code(key, channel, rest).as_ref(), &shown).is_ok();
        if !self.keys.iter().any(is_by) {
            return Err(Rejected::BadSignature);
        }
        match now.checked_sub(sent_at).is_some_and(|age| age.abs() <= WINDOW) {
            true => Ok(Opened { message, sent_at, number }),
            false => Err(Rejected::Stale),
        }
    }

    /// Takes note that `sender` sent this, once. Only who has the key gets here, so nobody else fills the memory.
    pub(super) fn note(&mut self, sender: Uuid, opened: &Opened<'_>, now: i64) -> Result<(), Rejected> {
        if self.heard.len() >= SENDERS {
            // What they sent before is stale by now.
            self.heard.retain(|_, &mut (_, sent_at)| now.saturating_sub(sent_at) <= 2 * WINDOW);
        }
        let last = self.heard.entry(sender).or_insert((0, opened.sent_at));
        if opened.number <= last.0 {
            return Err(Rejected::Replayed);
        }
        *last = (opened.number, last.1.max(opened.sent_at));
        Ok(())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("sent", &self.sent).finish_non_exhaustive()
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("senders", &self.heard.len()).finish_non_exhaustive()
    }
}

fn key(key: &SecretKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())
}

fn code(key: &hmac::Key, channel: Channel, rest: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(channel.name().as_bytes());
    context.update(b"\n");
    context.update(rest);
    context.sign()
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|&byte| byte == at)?;
    Some((&bytes[..place], &bytes[place + 1..]))
}

fn parse<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const NOW: i64 = 1_795_000_000_000;

    fn secret(n: u8) -> SecretKey {
        let mut bytes = [0; 32];
        bytes[0] = n;
        STANDARD.encode(bytes).parse().unwrap()
    }

    fn keys(present: u8, others: &[u8]) -> BusKeys {
        BusKeys { present: secret(present), others: others.iter().copied().map(secret).collect() }
    }

    fn check(keys: &BusKeys, channel: Channel, frame: &str, now: i64) -> Option<Rejected> {
        Opener::new(keys).open(channel, frame.as_bytes(), now).err()
    }

    /// Golden bytes: a change that breaks this test breaks a rolling deploy.
    #[test]
    fn the_form_of_a_frame_is_frozen() {
        let mut sealer = Sealer::new(&keys(1, &[]));
        let frame = sealer.seal(Channel::Commands, "{}", NOW);
        assert_eq!(frame, "k9dZPzxiByWmCyMBwMQtpHqlMUxkkS9fP9R9ynhJ2yU.1795000000000.1\n{}");
    }

    #[test]
    fn a_frame_is_heard_within_the_window_on_its_channel() {
        let keys = keys(1, &[]);
        let frame = Sealer::new(&keys).seal(Channel::Commands, "a message\nof two lines", NOW);
        for now in [NOW - WINDOW, NOW, NOW + WINDOW] {
            let opener = Opener::new(&keys);
            let opened = opener.open(Channel::Commands, frame.as_bytes(), now).unwrap();
            assert_eq!(opened.message, b"a message\nof two lines");
        }
        for now in [NOW - WINDOW - 1, NOW + WINDOW + 1, i64::MIN, i64::MAX] {
            assert_eq!(check(&keys, Channel::Commands, &frame, now), Some(Rejected::Stale), "{now}");
        }
        for channel in [Channel::Events, Channel::News] {
            assert_eq!(check(&keys, channel, &frame, NOW), Some(Rejected::BadSignature));
        }
    }

    #[test]
    fn no_byte_of_a_frame_can_be_another() {
        let keys = keys(1, &[]);
        let frame = Sealer::new(&keys).seal(Channel::Events, r#"{"from":"x"}"#, NOW);
        for place in 0..frame.len() {
            let mut bytes = frame.clone().into_bytes();
            bytes[place] ^= 1;
            let opener = Opener::new(&keys);
            assert!(opener.open(Channel::Events, &bytes, NOW).is_err(), "{place}");
        }
        for nothing in ["", ".", "..\n", "{}", r#"{"id":"…","type":"end_session"}"#, &frame[..20]] {
            assert_eq!(check(&keys, Channel::Events, nothing, NOW), Some(Rejected::Unsigned), "{nothing}");
        }
    }

    #[test]
    fn a_key_is_changed_while_processes_with_both_run() {
        let (before, between, after) = (keys(1, &[2]), keys(2, &[1]), keys(2, &[]));
        let heard = |by: &BusKeys, from: &BusKeys| {
            let frame = Sealer::new(from).seal(Channel::News, "{}", NOW);
            check(by, Channel::News, &frame, NOW)
        };
        for (by, from) in [(&before, &between), (&between, &before), (&between, &after), (&after, &between)] {
            assert_eq!(heard(by, from), None);
        }
        assert_eq!(heard(&after, &before), Some(Rejected::BadSignature));
    }

    #[test]
    fn a_frame_is_heard_once_from_each_sender() {
        let keys = keys(1, &[]);
        let (mut sealer, mut opener) = (Sealer::new(&keys), Opener::new(&keys));
        let [first, second] = ["a", "b"].map(|message| sealer.seal(Channel::Events, message, NOW));
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut hear = |sender, frame: &str, now| {
            let opened = opener.open(Channel::Events, frame.as_bytes(), now)?;
            opener.note(sender, &opened, now)
        };
        assert_eq!(hear(one, &second, NOW), Ok(()));
        assert_eq!(hear(one, &second, NOW), Err(Rejected::Replayed));
        assert_eq!(hear(one, &first, NOW), Err(Rejected::Replayed), "what was before it is late");
        assert_eq!(hear(other, &first, NOW), Ok(()));
        // Whoever is forgotten has sent nothing for so long that it is stale.
        for n in 3..3 + 2 * SENDERS as u128 {
            let now = NOW + 100 * n as i64;
            let frame = Sealer::new(&keys).seal(Channel::Events, "c", now);
            assert_eq!(hear(Uuid::from_u128(n), &frame, now), Ok(()));
            assert_ne!(hear(one, &second, now), Ok(()));
        }
        assert!(opener.heard.len() <= SENDERS + 1, "{}", opener.heard.len());
    }
}
