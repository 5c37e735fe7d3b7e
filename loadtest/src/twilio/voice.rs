//! What a party says, at any moment.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::played::Played;
use crate::audio::{Audio, ulaw};

/// What one party says.
#[derive(Clone, Debug)]
pub(super) enum Voice {
    /// A person's words.
    Person(Speech),
    /// Whatever is laid onto this line: by a server that speaks, or by a conference.
    Line(Arc<Played>),
}

/// A person's words, which begin with the conversation and go on whoever they are connected with.
#[derive(Clone, Debug)]
pub(super) struct Speech {
    pub(super) audio: Audio,
    /// Whether they begin again at their end.
    pub(super) looped: bool,
    /// When the conversation began. Unset: not yet, and nothing is said.
    pub(super) began: Arc<OnceLock<Instant>>,
}

impl Voice {
    /// Writes what is said from that moment on, as mu-law.
    pub(super) fn fill(&self, from: Instant, out: &mut [u8]) {
        match self {
            Self::Person(speech) => speech.fill(from, out),
            Self::Line(line) => line.copy(from, out),
        }
    }
}

impl Speech {
    fn fill(&self, from: Instant, out: &mut [u8]) {
        let Some(&began) = self.began.get() else {
            out.fill(ulaw::SILENCE);
            return;
        };
        let early = samples(began.saturating_duration_since(from)).min(out.len());
        let (before, spoken) = out.split_at_mut(early);
        before.fill(ulaw::SILENCE);
        let at = samples(from.saturating_duration_since(began));
        self.audio.fill(at as u64, self.looped, spoken);
    }
}

/// How many samples there are in a time: 8000 in a second.
pub(super) fn samples(time: Duration) -> usize {
    usize::try_from(time.as_micros() / 125).unwrap_or(usize::MAX)
}

/// How long so many samples are.
pub(super) const fn length(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 125)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_with_the_conversation_and_go_on_with_time() {
        let t0 = Instant::now();
        let began = Arc::new(OnceLock::new());
        let audio = Audio::ulaw((0..240).collect::<Vec<u8>>());
        let voice = Voice::Person(Speech { audio, looped: false, began: began.clone() });
        let mut out = [0; 4];
        voice.fill(t0, &mut out);
        assert_eq!(out, [0xFF; 4], "nobody talks yet");

        began.get_or_init(|| t0 + length(2));
        voice.fill(t0, &mut out);
        assert_eq!(out, [0xFF, 0xFF, 0, 1]);
        voice.fill(t0 + length(102), &mut out);
        assert_eq!(out, [100, 101, 102, 103]);
        voice.fill(t0 + length(240), &mut out);
        assert_eq!(out, [238, 239, 0xFF, 0xFF]);
    }
}
