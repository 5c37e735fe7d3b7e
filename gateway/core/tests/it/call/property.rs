//! What holds for every stream, however broken.

use gateway_core::call::Config;
use gateway_core::frame::Codec;
use proptest::prelude::*;

use super::*;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A frame that arrives after `wait` ms and has its timestamp moved by `shift` ms, for ever if `stays`.
    Frame { wait: u64, agent: bool, shift: i64, stays: bool, length: usize },
    /// Somebody comes or goes.
    Heard(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![8 => 0..25u64, 1 => 0..500u64, 1 => 0..10_000u64];
    let shift = prop_oneof![
        8 => Just(0i64),
        4 => -100..100i64,
        2 => -3000..3000i64,
        1 => -10_000_000..10_000_000i64,
        1 => any::<i64>(),
    ];
    let length = prop_oneof![6 => Just(160usize), 2 => 0..500usize, 1 => 0..8100usize];
    let frame = (wait, any::<bool>(), shift, any::<bool>(), length)
        .prop_map(|(wait, agent, shift, stays, length)| Step::Frame { wait, agent, shift, stays, length });
    prop_oneof![20 => frame, 1 => any::<bool>().prop_map(Step::Heard)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    /// Timestamps only grow (`Line::drain` checks it), no more than real time and the burst comes out, memory
    /// is bounded, and as soon as the stream is whole again it is heard whole.
    #[test]
    fn a_broken_stream_stays_within_bounds_and_heals(steps in prop::collection::vec(step(), 1..300)) {
        let config = Config { ring: Duration::from_secs(5), ..Config::default() };
        let mut line = Line::unheard(config);
        let (mut now, mut clocks, mut begun) = (0, [0u64; 2], None);
        for step in steps {
            match step {
                Step::Heard(heard) => {
                    line.run_to(now);
                    let wanted = Wanted { opus: heard, pcmu: heard && now % 2 == 0 };
                    line.call.set_heard(line.t0 + Duration::from_millis(now), wanted).unwrap();
                }
                Step::Frame { wait, agent, shift, stays, length } => {
                    now += wait;
                    let clock = &mut clocks[usize::from(agent)];
                    let timestamp = clock.wrapping_add_signed(shift);
                    let track = if agent { AGENT } else { CALLER };
                    line.frame(now, track, timestamp, &tone(track, 0, length));
                    begun.get_or_insert(now);
                    *clock = if stays { timestamp } else { *clock }.wrapping_add(length as u64 / 8) % (1 << 53);
                }
            }
        }
        let elapsed = now - begun.unwrap_or(now);
        let most = (elapsed as f64 * 1.001 + 3000.0) / 20.0;
        for codec in Codec::ALL {
            let sent = line.sent.iter().filter(|sent| sent.packet.codec == codec).count();
            prop_assert!(sent as f64 <= most, "{} packets in {} ms", sent, elapsed);
        }
        for track in Track::ALL {
            prop_assert!(line.call.ring(track).memory() <= 6 * 9400);
        }

        line.call.set_heard(line.t0 + Duration::from_millis(now), OPUS).unwrap();
        let now = now + 20;
        let clocks = clocks.map(|clock| clock.min(1 << 52));
        for slot in 0..250 {
            for (clock, track) in clocks.into_iter().zip(Track::ALL) {
                line.tone(now + 20 * slot, track, clock + 20 * slot, 20);
            }
        }
        let recent = line.sent.iter().filter(|sent| sent.at > now + 4000).count();
        // A stream that has used up its burst loses a frame now and then until real time catches up.
        prop_assert!((45..=51).contains(&recent), "{recent} packets in the last second");
    }
}
