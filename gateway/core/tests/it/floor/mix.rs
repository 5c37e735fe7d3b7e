//! The mix against the obvious one: add everything up.

use gateway_core::call::{Frame, Mixer};
use proptest::prelude::*;

use super::*;

/// The loudest sample of mu-law.
const LIMIT: i64 = 32_124;

/// A voice of some loudness for several slots: noise, or a tone that is the same in many voices.
fn voice() -> impl Strategy<Value = Vec<[u8; 160]>> {
    let noise = prop::collection::vec(any::<u8>(), 160 * 4);
    let loudness = prop_oneof![2 => Just(0.0), 4 => 0.0..0.3f64, 2 => 0.3..1.0f64];
    (noise, loudness, any::<bool>()).prop_map(|(noise, loudness, tonal)| {
        let slots = noise.as_chunks::<160>().0.iter().enumerate();
        let sample = |slot: usize, i: usize, noise: u8| {
            let noise = f64::from(g711::decode_sample(noise));
            let tone = (TAU * 300.0 * (slot * 160 + i) as f64 / 8000.0).sin() * 32_000.0;
            g711::encode_sample((if tonal { tone } else { noise } * loudness) as i16)
        };
        slots.map(|(slot, noise)| std::array::from_fn(|i| sample(slot, i, noise[i]))).collect()
    })
}

/// What the obvious mixer gives: the sum of all that is not silent.
fn sum(frames: &[Frame]) -> Vec<i64> {
    let heard: Vec<&Frame> =
        frames.iter().filter(|frame| frame.pcm.iter().any(|sample| sample.unsigned_abs() > 8)).collect();
    (0..160).map(|i| heard.iter().map(|frame| i64::from(frame.pcm[i])).sum()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn a_mix_is_the_sum_or_a_quieter_one(voices in prop::collection::vec(voice(), 0..9)) {
        let mut mixer = Mixer::new();
        let mut was_loud = false;
        for slot in 0..4 {
            let frames: Vec<Frame> = voices.iter().map(|voice| Frame::telephone(voice[slot])).collect();
            let expected = sum(&frames);
            let mut heard = mixer.mix(frames.iter());
            let loud = expected.iter().any(|sample| sample.abs() > LIMIT);
            if !loud && !was_loud {
                prop_assert!(heard.pcm.iter().zip(&expected).all(|(&a, &b)| i64::from(a) == b), "to the sample");
            }
            for (&heard, &expected) in heard.pcm.iter().zip(&expected) {
                let heard = i64::from(heard);
                prop_assert!(heard.abs() <= expected.abs().min(LIMIT), "{heard} for {expected}");
                prop_assert!(heard * expected >= 0, "it never wraps: {heard} for {expected}");
            }
            let mut ulaw = [0; 160];
            g711::encode(&heard.pcm, &mut ulaw);
            if frames.iter().filter(|frame| !frame.silent).count() != 1 {
                prop_assert_eq!(heard.code(), &ulaw);
            }
            was_loud |= loud;
        }
    }

    #[test]
    fn a_voice_alone_is_heard_to_the_bit(voice in voice(), others in 0..5usize) {
        let mut mixer = Mixer::new();
        for slot in voice {
            let frame = Frame::telephone(slot);
            let silent = vec![Frame::SILENCE; others];
            let mut heard = mixer.mix(silent.iter().chain([&frame]));
            let expected = if frame.silent { [SILENCE; 160] } else { slot };
            prop_assert_eq!(heard.code(), &expected);
        }
    }

    /// Over the whole floor: each of several machines says something else, and everybody is told apart by sum.
    #[test]
    fn everybody_on_the_floor_hears_the_sum_of_the_others(voices in prop::collection::vec(voice(), 1..6)) {
        let mut room = Room::new();
        let mut floor = room.floor;
        let now = room.t0;
        for (i, voice) in voices.iter().enumerate() {
            let party = PartyId(i as u32);
            floor.set_party(now, party, Role::Announcer, Mode::Join).unwrap();
            floor.queue(now, party, voice.as_flattened());
        }
        let (mut caller, mut listener) = (vec![[SILENCE; 160]; 4], vec![[0; 160]; 4]);
        while let Some(deadline) = floor.poll_timeout() {
            floor.handle_timeout(deadline);
            while let Some(output) = floor.poll_output() {
                match output {
                    Output::Caller { tick, ulaw, .. } => caller[tick as usize] = ulaw,
                    Output::AgentSide { tick, ulaw } => listener[tick as usize] = ulaw,
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
        for slot in 0..4 {
            let frames: Vec<Frame> = voices.iter().map(|voice| Frame::telephone(voice[slot])).collect();
            prop_assert_eq!(caller[slot], listener[slot]);
            let expected = sum(&frames);
            if expected.iter().any(|sample| sample.abs() > LIMIT) {
                break;
            }
            // Of a single voice no bit is changed, not even of its two zeros.
            let mut heard = frames.iter().filter(|frame| !frame.silent);
            let alone = heard.next().filter(|_| heard.next().is_none());
            let coded = expected.iter().map(|sample| g711::encode_sample(*sample as i16)).collect::<Vec<_>>();
            prop_assert_eq!(&caller[slot][..], alone.map_or(&coded[..], |frame| &frame.ulaw));
        }
        room.floor = floor;
    }
}

#[test]
fn voices_that_are_too_loud_together_are_turned_down_and_come_back() {
    let mut mixer = Mixer::new();
    let slot = |hertz: f64, peak: f64, slot: usize| {
        let sample = |i| ((TAU * hertz * (slot * 160 + i) as f64 / 8000.0).sin() * peak) as i16;
        Frame::linear(std::array::from_fn(sample))
    };
    let mut heard = Vec::new();
    for at in 0..100 {
        let loud = if (20..50).contains(&at) { 30_000.0 } else { 3000.0 };
        heard.extend(mixer.mix([slot(400.0, loud, at), slot(1000.0, loud, at)].iter()).pcm);
    }
    // While it is loud both tones are there in equal strength, and little else is: it is no clipping.
    let loud = &heard[25 * 160..45 * 160];
    let (low, high) = (strength(loud, 400.0), strength(loud, 1000.0));
    assert!((low / high - 1.0).abs() < 0.05 && low > 14_000.0, "{low} {high}");
    let power = loud.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / loud.len() as f64;
    let rest = power - (low * low + high * high) / 2.0;
    assert!(rest < power / 1000.0, "30 dB below: {rest} of {power}");
    // 500 ms later all is as before.
    let after = strength(&heard[75 * 160..], 400.0);
    assert!((2950.0..3050.0).contains(&after), "{after}");
}
