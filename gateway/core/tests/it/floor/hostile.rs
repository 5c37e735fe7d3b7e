//! What holds whatever comes, from whomever.

use proptest::prelude::*;

use super::*;

/// One thing that happens, and how many ms pass after it.
#[derive(Clone, Debug)]
enum Step {
    Rtp { party: u32, sequence: i16, timestamp: i32, payload: Vec<u8> },
    Spoken { party: u32, lost: bool },
    Mode { party: u32, role: Role, mode: Mode },
    Leave { party: u32 },
    Hush { party: u32 },
    Caller(Vec<u8>),
    Queue { party: u32, length: usize },
    Mark { party: u32 },
    Clear { party: u32 },
    Held(bool),
    Paused(bool),
    Dial,
}

fn step() -> impl Strategy<Value = Step> {
    let party = || 0..5u32;
    let mode = prop_oneof![Just(Mode::Listen), Just(Mode::Whisper), Just(Mode::Join), Just(Mode::Takeover)];
    let role = prop_oneof![3 => Just(Role::Agent), 3 => Just(Role::Supervisor), 1 => Just(Role::Bot), 1 => Just(Role::Announcer)];
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        // One, two or many frames, of any length that Opus has.
        (any::<u8>(), prop::collection::vec(any::<u8>(), 0..1600)).prop_map(|(first, mut payload)| {
            payload.insert(0, first);
            payload
        }),
    ];
    let jump = prop_oneof![6 => Just(0i32), 2 => -5000..5000i32, 1 => any::<i32>()];
    let skip = prop_oneof![6 => Just(0i16), 2 => -5..5i16, 1 => any::<i16>()];
    let rtp = (party(), skip, jump, payload).prop_map(|(party, sequence, timestamp, payload)| Step::Rtp {
        party,
        sequence,
        timestamp,
        payload,
    });
    prop_oneof![
        10 => rtp,
        30 => (party(), prop::bool::weighted(0.1)).prop_map(|(party, lost)| Step::Spoken { party, lost }),
        6 => (party(), role, mode).prop_map(|(party, role, mode)| Step::Mode { party, role, mode }),
        1 => party().prop_map(|party| Step::Leave { party }),
        1 => party().prop_map(|party| Step::Hush { party }),
        10 => prop::collection::vec(any::<u8>(), 0..400).prop_map(Step::Caller),
        3 => (party(), 0..5000usize).prop_map(|(party, length)| Step::Queue { party, length }),
        2 => party().prop_map(|party| Step::Mark { party }),
        1 => party().prop_map(|party| Step::Clear { party }),
        1 => any::<bool>().prop_map(Step::Held),
        1 => any::<bool>().prop_map(Step::Paused),
        1 => Just(Step::Dial),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    /// Nothing panics, ticks only grow (`Ear::wait` checks it), every mark comes out once, and as soon as nobody
    /// may be heard the clock stands.
    #[test]
    fn a_floor_takes_anything(steps in prop::collection::vec((step(), 0..25u64), 1..250)) {
        let mut room = Room::new();
        let (mut mouths, mut marks) = (BTreeMap::new(), 0);
        for (step, wait) in steps {
            let now = room.time();
            match step {
                Step::Rtp { party, sequence, timestamp, payload } => {
                    let mouth = mouths.entry(party).or_insert_with(|| Mouth::new(500.0));
                    let sequence = mouth.sequence.wrapping_add_signed(sequence);
                    let timestamp = mouth.timestamp.wrapping_add_signed(timestamp);
                    let rtp = Rtp { sequence, timestamp, marker: false, payload: &payload };
                    room.floor.handle_rtp(now, PartyId(party), rtp);
                }
                Step::Spoken { party, lost } => {
                    let mouth = mouths.entry(party).or_insert_with(|| Mouth::new(500.0));
                    mouth.open = !lost;
                    mouth.say(|rtp| _ = room.floor.handle_rtp(now, PartyId(party), rtp));
                }
                Step::Mode { party, role, mode } => {
                    room.floor.set_party(now, PartyId(party), role, mode).unwrap();
                }
                Step::Leave { party } => room.floor.remove_party(now, PartyId(party)),
                Step::Hush { party } => room.floor.hush(now, PartyId(party)),
                Step::Caller(ulaw) => room.floor.handle_caller(now, &ulaw),
                Step::Queue { party, length } => {
                    room.floor.queue(now, PartyId(party), &tone(700.0, 0, length as u64));
                }
                Step::Mark { party } => {
                    marks += u64::from(room.floor.queue_mark(now, PartyId(party), marks));
                }
                Step::Clear { party } => room.floor.clear(now, PartyId(party)),
                Step::Held(held) => room.floor.set_held(now, held),
                Step::Paused(paused) => room.floor.set_bot_paused(now, paused),
                Step::Dial => _ = room.floor.dial(now, "1w#"),
            }
            room.drain();
            room.run(wait);
        }
        room.floor.set_held(room.time(), false);
        for party in 0..5 {
            room.floor.remove_party(room.time(), PartyId(party));
        }
        room.drain();
        let mut seen: Vec<u64> = room.marks.iter().map(|&(_, mark, _)| mark).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..marks).collect::<Vec<_>>());
        // Keys that still wait, and the last fades.
        room.run(60_000);
        prop_assert_eq!(room.floor.poll_timeout(), None);
    }
}
