//! What each of a conference hears: everybody else, added up.

use crate::audio::ulaw;

/// The most samples that are mixed at a time: 20 ms.
pub(super) const BLOCK: usize = 160;

/// One of a conference, for the length of a block.
#[derive(Debug)]
pub(super) struct Part {
    /// Who hears it.
    pub(super) reach: Reach,
    /// Whether it hears anybody.
    pub(super) listens: bool,
    /// What it says.
    pub(super) said: [u8; BLOCK],
}

/// Who hears somebody.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reach {
    /// Nobody: it is muted, on hold, or not there yet, or coaches somebody who has gone.
    Nobody,
    /// The part of this number, whom it coaches.
    Only(usize),
    /// All others.
    Others,
}

/// Gives each part that listens, by its number, its block of the first `count` samples. `tone` is heard by all.
pub(super) fn mix(
    parts: &[Part],
    tone: Option<&[u8; BLOCK]>,
    count: usize,
    mut hear: impl FnMut(usize, &[u8]),
) {
    let mut all = [0; BLOCK];
    if let Some(tone) = tone {
        add(&mut all, tone, 1);
    }
    for part in parts.iter().filter(|part| part.reach == Reach::Others) {
        add(&mut all, &part.said, 1);
    }
    for (number, part) in parts.iter().enumerate().filter(|(_, part)| part.listens) {
        let mut sum = all;
        if part.reach == Reach::Others {
            add(&mut sum, &part.said, -1);
        }
        for coach in parts.iter().filter(|coach| coach.reach == Reach::Only(number)) {
            add(&mut sum, &coach.said, 1);
        }
        let heard = sum.map(|sample| ulaw::encode(sample.clamp(i16::MIN.into(), i16::MAX.into()) as i16));
        hear(number, &heard[..count.min(BLOCK)]);
    }
}

fn add(sum: &mut [i32; BLOCK], said: &[u8; BLOCK], sign: i32) {
    for (sample, &byte) in sum.iter_mut().zip(said) {
        *sample += sign * i32::from(ulaw::decode(byte));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The fast mix equals the obvious one.
        #[test]
        fn each_hears_all_who_reach_it(
            who in prop::collection::vec((any::<i16>(), 0..4_usize, any::<bool>(), 0..8_usize), 1..8),
        ) {
            let count = who.len();
            let parts: Vec<Part> = who.iter().map(|&(sample, reach, listens, whom)| {
                let reach = match reach {
                    0 => Reach::Nobody,
                    1 => Reach::Only(whom % count),
                    _ => Reach::Others,
                };
                Part { reach, listens, said: [ulaw::encode(sample); BLOCK] }
            }).collect();
            let mut heard = vec![None; count];
            mix(&parts, None, 160, |number, block| heard[number] = Some(block.to_vec()));
            for (me, part) in parts.iter().enumerate() {
                let reaches_me = |&(other, part): &(usize, &Part)| match part.reach {
                    Reach::Nobody => false,
                    Reach::Only(number) => number == me,
                    Reach::Others => other != me,
                };
                let others = parts.iter().enumerate().filter(reaches_me);
                let sum: i32 = others.map(|(_, part)| i32::from(ulaw::decode(part.said[0]))).sum();
                let sum = ulaw::encode(sum.clamp(-32768, 32767) as i16);
                prop_assert_eq!(&heard[me], &part.listens.then(|| vec![sum; 160]));
            }
        }
    }

    #[test]
    fn a_tone_is_heard_by_all_and_a_block_may_be_short() {
        let part = || Part { reach: Reach::Others, listens: true, said: [0xFF; BLOCK] };
        let mut heard = Vec::new();
        mix(&[part(), part()], Some(&[0x80; BLOCK]), 3, |number, block| heard.push((number, block.to_vec())));
        assert_eq!(heard, [(0, vec![0x80; 3]), (1, vec![0x80; 3])]);
    }
}
