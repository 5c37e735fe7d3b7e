//! The G.711 stream of a call that is heard: mu-law as it came, where one side is silent, else both voices
//! added up. No encoder, and one packet a listener: two tracks would cost a second one.

use bytes::Bytes;

use super::sound::{Payload, Sound};
use super::{Counts, SLOT};
use crate::block::Block;
use crate::g711;

/// The stream: where its packets are put, and whether it has begun.
#[derive(Debug, Default)]
pub(super) struct Phone {
    block: Block,
    /// The last 20 ms were sent.
    talking: bool,
}

impl Phone {
    /// Takes the next 20 ms. All are sent, silence too: a decoder of G.711 takes what is missing for lost, and
    /// fills it.
    pub(super) fn next(&mut self, sound: &Sound, counts: &mut Counts) -> Payload {
        let marker = !std::mem::replace(&mut self.talking, true);
        counts.relayed += 1;
        Payload { bytes: self.both(sound), marker }
    }

    /// Nothing is known for a while: nothing is sent.
    pub(super) fn hush(&mut self) {
        self.talking = false;
    }

    fn both(&mut self, sound: &Sound) -> Bytes {
        let [left, right] = &sound.pcm;
        match (sound.silent, sound.whole) {
            ([_, true], [true, _]) => return self.block.packet(&sound.ulaw[0]),
            ([true, _], [_, true]) => return self.block.packet(&sound.ulaw[1]),
            _ => {}
        }
        let mut ulaw = [0; SLOT];
        for ((ulaw, left), right) in ulaw.iter_mut().zip(left).zip(right) {
            *ulaw = g711::encode_sample(left.saturating_add(*right));
        }
        self.block.packet(&ulaw)
    }
}
