//! Speech of our own: short telephone conversations, a file a side, made by `voices/make.sh`.

use crate::audio::Audio;

/// A telephone conversation: two voices that take turns, in files of the same length.
#[derive(Clone, Copy, Debug)]
pub struct Conversation {
    /// What the files are called.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub topic: &'static str,
    /// Who calls.
    pub caller_name: &'static str,
    /// The caller's number, of those that belong to nobody.
    pub number: &'static str,
    /// The caller's side, mu-law at 8 kHz.
    pub caller: &'static [u8],
    /// The agent's side.
    pub agent: &'static [u8],
}

impl Conversation {
    /// Both sides, caller first.
    pub fn audio(&self) -> (Audio, Audio) {
        (Audio::ulaw(self.caller), Audio::ulaw(self.agent))
    }
}

macro_rules! conversations {
    ($($name:literal, $topic:literal, $caller_name:literal, $number:literal;)*) => {
        &[$(Conversation {
            name: $name,
            topic: $topic,
            caller_name: $caller_name,
            number: $number,
            caller: include_bytes!(concat!("../voices/", $name, "-caller.ulaw")),
            agent: include_bytes!(concat!("../voices/", $name, "-agent.ulaw")),
        },)*]
    };
}

/// All there are.
pub fn all() -> &'static [Conversation] {
    conversations! {
        "broken-router", "A broken router", "Emma Lindqvist", "+12025550142";
        "delivery-address", "A changed delivery address", "Marcus Bell", "+13125550117";
        "cancelled-appointment", "A cancelled appointment", "Ruth Adeyemi", "+16175550165";
        "lost-luggage", "A lost suitcase", "Daniel Ortiz", "+14155550189";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{peak_dbfs, rms_dbfs, ulaw};

    #[test]
    fn both_sides_are_as_long_and_as_loud_as_they_should_be() {
        for conversation in all() {
            assert_eq!(conversation.caller.len(), conversation.agent.len(), "{}", conversation.name);
            assert_eq!(conversation.caller.len() % 160, 0, "whole frames");
            assert!((30 * 8000..=60 * 8000).contains(&conversation.caller.len()));
            for side in [conversation.caller, conversation.agent] {
                let pcm = ulaw::decode_all(side);
                let spoken: Vec<i16> = pcm
                    .chunks_exact(160)
                    .filter(|frame| rms_dbfs(frame) > -50.0)
                    .flatten()
                    .copied()
                    .collect();
                let level = rms_dbfs(&spoken);
                assert!((-21.0..=-18.0).contains(&level), "{}: {level} dBFS", conversation.name);
                assert!(peak_dbfs(&pcm) < -0.9, "{}: clipped", conversation.name);
            }
        }
    }

    #[test]
    fn the_two_sides_take_turns() {
        for conversation in all() {
            let (caller, agent) =
                (ulaw::decode_all(conversation.caller), ulaw::decode_all(conversation.agent));
            let speaks = |frame: &[i16]| rms_dbfs(frame) > -50.0;
            let frames = caller.chunks_exact(160).zip(agent.chunks_exact(160));
            let both = frames.filter(|(caller, agent)| speaks(caller) && speaks(agent)).count();
            assert_eq!(both, 0, "{}", conversation.name);
        }
    }
}
