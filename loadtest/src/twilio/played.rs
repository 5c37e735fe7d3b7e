//! What is played to a party, as it hears it: for tests that listen, and for streams and conferences that carry it on.
//!
//! It is laid down as it comes: by a stream's server, or by a conference. What a bridge plays is not: it is what the
//! other party says, which is known for any moment, so that a call nobody listens to costs nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::conference::Room;
use super::voice::{Voice, length, samples};
use crate::audio::ulaw;

/// The most that is kept, behind the moment and ahead of it: ten minutes each.
const MAX: usize = 10 * 60 * 8000;

/// How much more is kept before something is thrown away, so that this is rare.
const SLACK: usize = 60 * 8000;

/// A line's recorder, on the hearing side.
#[derive(Debug)]
pub(super) struct Played {
    since: Instant,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    /// Samples since the beginning that are not kept any more.
    first: usize,
    /// Mu-law from there on, some of it still to be played. After its end comes silence.
    kept: Vec<u8>,
    /// With whom the party was bridged, and when; the last perhaps still is.
    bridges: Vec<Bridge>,
    /// The conference that it hears.
    room: Option<Weak<Room>>,
}

#[derive(Debug)]
struct Bridge {
    other: Voice,
    from: Instant,
    until: Option<Instant>,
}

impl Played {
    pub(super) fn new(since: Instant) -> Self {
        Self { since, line: Mutex::default() }
    }

    /// When the first sample of what is kept was.
    pub(super) fn since(&self) -> Instant {
        self.since + length(self.line().first)
    }

    /// Audio that begins to play then, or right after what was there before.
    pub(super) fn add(&self, now: Instant, begins: Instant, ulaw: &[u8]) {
        let (now, begins) = (self.place(now), self.place(begins));
        let mut line = self.line();
        let at = begins.max(line.end());
        if at + ulaw.len() <= now + MAX {
            line.lay(at, ulaw, now);
        }
    }

    /// Audio that plays from exactly then on, whatever was to be played.
    pub(super) fn put(&self, from: Instant, ulaw: &[u8]) {
        let at = self.place(from);
        let mut line = self.line();
        line.cut(at);
        line.lay(at, ulaw, at);
    }

    /// What was not played by then never is.
    pub(super) fn clear(&self, now: Instant) {
        let at = self.place(now);
        self.line().cut(at);
    }

    /// From now on the party hears this one.
    pub(super) fn bridge(&self, other: Voice, now: Instant) {
        self.clear(now);
        self.line().bridges.push(Bridge { other, from: now, until: None });
    }

    /// From now on the party hears this conference, which lays down what that is.
    pub(super) fn confer(&self, room: Weak<Room>, now: Instant) {
        self.clear(now);
        self.line().room = Some(room);
    }

    /// The bridge or the conference is over.
    pub(super) fn part(&self, now: Instant) {
        let mut line = self.line();
        line.room = None;
        if let Some(bridge) = line.bridges.last_mut() {
            bridge.until.get_or_insert(now);
        }
    }

    /// Writes what was laid down from then on.
    pub(super) fn copy(&self, from: Instant, out: &mut [u8]) {
        let at = self.place(from);
        let line = self.line();
        let begin = at.saturating_sub(line.first).min(line.kept.len());
        let there = line.kept.len().min(begin + out.len()) - begin;
        out[..there].copy_from_slice(&line.kept[begin..begin + there]);
        out[there..].fill(ulaw::SILENCE);
    }

    /// Writes what is heard up to that moment. False, and nothing written: the party is bridged, and hears the other.
    pub(super) fn hear(&self, until: Instant, out: &mut [u8]) -> bool {
        if self.is_bridged() {
            return false;
        }
        self.catch_up(until);
        self.copy(until.checked_sub(length(out.len())).unwrap_or(self.since), out);
        true
    }

    /// All that is kept of what was played by then.
    pub(super) fn until(&self, now: Instant) -> Vec<i16> {
        self.catch_up(now);
        let line = self.line();
        let mut heard = line.kept.clone();
        heard.resize(self.place(now).saturating_sub(line.first), ulaw::SILENCE);
        for bridge in &line.bridges {
            let begin = self.place(bridge.from).max(line.first);
            let end = self.place(bridge.until.unwrap_or(now).min(now));
            if begin < end {
                let part = &mut heard[begin - line.first..end - line.first];
                bridge.other.fill(self.since + length(begin), part);
            }
        }
        ulaw::decode_all(&heard)
    }

    fn is_bridged(&self) -> bool {
        self.line().bridges.last().is_some_and(|bridge| bridge.until.is_none())
    }

    /// The conference lays down what there is up to then. It locks this line, so it must not be locked here.
    fn catch_up(&self, now: Instant) {
        let room: Option<Arc<Room>> = self.line().room.as_ref().and_then(Weak::upgrade);
        if let Some(room) = room {
            room.advance(now);
        }
    }

    fn place(&self, at: Instant) -> usize {
        let passed: Duration = at.saturating_duration_since(self.since);
        samples(passed)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn end(&self) -> usize {
        self.first + self.kept.len()
    }

    fn cut(&mut self, at: usize) {
        self.kept.truncate(at.saturating_sub(self.first));
    }

    /// Lays `ulaw` down at a place that is not before the end.
    fn lay(&mut self, at: usize, ulaw: &[u8], now: usize) {
        let old = now.saturating_sub(MAX + self.first);
        if old > SLACK {
            self.kept.drain(..old.min(self.kept.len()));
            self.first += old;
        }
        if let Some(at) = at.checked_sub(self.first) {
            self.kept.resize(at, ulaw::SILENCE);
            self.kept.extend_from_slice(ulaw);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::*;
    use crate::audio::Audio;
    use crate::twilio::voice::Speech;

    #[test]
    fn it_has_silence_where_nothing_was_played_and_nothing_that_was_cleared() {
        let t0 = Instant::now();
        let played = Played::new(t0);
        let ms = |ms| t0 + Duration::from_millis(ms);
        played.add(ms(10), ms(10), &[0x80; 160]);
        played.add(ms(10), ms(10), &[0x80; 160]);
        played.clear(ms(40));
        let line = played.until(ms(100));
        assert_eq!(line.len(), 800);
        let loud: Vec<usize> = (0..800).filter(|&at| line[at] != 0).collect();
        assert_eq!((loud.first(), loud.last(), loud.len()), (Some(&80), Some(&319), 240));
    }

    #[test]
    fn whoever_is_bridged_hears_the_other_and_what_was_to_be_played_is_not() {
        let t0 = Instant::now();
        let ms = |ms| t0 + Duration::from_millis(ms);
        let began = Arc::new(OnceLock::from(ms(30)));
        let audio = Audio::ulaw(vec![0x80; 8000]);
        let other = Voice::Person(Speech { audio, looped: false, began });
        let played = Played::new(t0);
        played.add(t0, t0, &[0x00; 800]);
        let mut out = [0; 160];
        assert!(played.hear(ms(20), &mut out) && out == [0; 160]);
        played.bridge(other, ms(20));
        assert!(!played.hear(ms(40), &mut out), "the other's words need no line");
        played.part(ms(60));
        assert!(played.hear(ms(80), &mut out) && out == [0xFF; 160]);

        let line = played.until(ms(100));
        let (server, silence, agent) = (ulaw::decode(0x00), 0, ulaw::decode(0x80));
        let parts = [(0..160, server), (160..240, silence), (240..480, agent), (480..800, silence)];
        for (range, sample) in parts {
            assert!(line[range.clone()].iter().all(|&heard| heard == sample), "{range:?}");
        }
    }

    #[test]
    fn ten_minutes_are_kept_and_a_server_may_be_ten_ahead() {
        let t0 = Instant::now();
        let played = Played::new(t0);
        let minutes = |minutes: u64| t0 + Duration::from_secs(60 * minutes);
        played.add(t0, t0, &[1; MAX]);
        played.add(t0, t0, &[2; 1]);
        assert_eq!(played.line().end(), MAX, "no further ahead");
        played.add(minutes(10), minutes(10), &[3; 160]);
        assert_eq!(played.since(), t0);
        played.add(minutes(12), minutes(12), &[4; 160]);
        assert_eq!(played.since(), minutes(2));
        let mut out = [0; 161];
        played.copy(minutes(10), &mut out);
        assert_eq!((out[0], out[159], out[160]), (3, 3, 0xFF));
        assert_eq!(played.until(minutes(12)).len(), MAX);
    }
}
