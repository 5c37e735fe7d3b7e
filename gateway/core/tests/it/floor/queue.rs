//! What machines say: queues, marks, keys and the tone on hold.

use super::*;

/// Lets a floor run until its clock stands, and gives what the caller is given: ticks and bytes.
fn played(room: &mut Room) -> Vec<Output> {
    let mut outputs = Vec::new();
    loop {
        outputs.extend(std::iter::from_fn(|| room.floor.poll_output()));
        let Some(deadline) = room.floor.poll_timeout() else { return outputs };
        room.floor.handle_timeout(deadline);
        room.now = u64::try_from((deadline - room.t0).as_millis()).unwrap();
    }
}

fn to_caller(outputs: &[Output]) -> Vec<u8> {
    let ulaw = outputs.iter().filter_map(|output| match output {
        Output::Caller { ulaw, .. } => Some(ulaw),
        _ => None,
    });
    ulaw.flatten().copied().collect()
}

#[test]
fn a_queue_is_played_bit_by_bit_and_its_marks_come_behind() {
    let mut room = Room::new();
    room.party(1, Role::Announcer, Mode::Join);
    let said = tone(500.0, 1, 1000);
    let now = room.time();
    assert!(room.floor.queue_mark(now, PartyId(1), 1), "nothing is before it");
    // In pieces of any length.
    assert_eq!(room.floor.queue(now, PartyId(1), &said[..7]), 0);
    assert_eq!(room.floor.queue(now, PartyId(1), &said[7..470]), 0);
    assert!(room.floor.queue_mark(now, PartyId(1), 2));
    assert_eq!(room.floor.queue(now, PartyId(1), &said[470..]), 0);
    assert!(room.floor.queue_mark(now, PartyId(1), 3));
    assert!(room.floor.queue_mark(now, PartyId(1), 4));
    assert_eq!(room.floor.queued(PartyId(1)), Duration::from_millis(125));
    let outputs = played(&mut room);
    let heard = to_caller(&outputs);
    assert!(heard[..1000] == said[..] && is_silent(&heard[1000..]) && heard.len() == 1120);
    let order: Vec<String> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::Caller { tick, by_bot_only, .. } => {
                assert!(!by_bot_only);
                Some(format!("{tick}"))
            }
            Output::Mark { mark, dropped: false, .. } => Some(format!("mark {mark}")),
            Output::AgentSide { .. } => None,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(order.join(", "), "mark 1, 0, 1, 2, mark 2, 3, 4, 5, 6, mark 3, mark 4");
}

#[test]
fn what_does_not_fit_is_told() {
    let mut room = Room::new();
    room.party(1, Role::Bot, Mode::Join);
    let now = room.time();
    assert_eq!(room.floor.queue(now, PartyId(1), &vec![0; 479_000]), 0);
    assert_eq!(room.floor.queue(now, PartyId(1), &vec![0; 2000]), 1000);
    assert_eq!(room.floor.queued(PartyId(1)), Duration::from_secs(60));
    assert_eq!(room.floor.queue(now, PartyId(9), &[0; 10]), 10, "nobody");
    let fitted = (0..2000).filter(|&mark| room.floor.queue_mark(now, PartyId(1), mark)).count();
    assert_eq!(fitted, 1024);
    assert!(!room.floor.queue_mark(now, PartyId(9), 1), "nobody");
    room.floor.clear(now, PartyId(1));
    room.drain();
    assert_eq!(room.marks.len(), 1024);
    assert!(room.marks.iter().all(|&(party, _, dropped)| party == 1 && dropped));
    let counts = room.floor.take_counts();
    assert_eq!((counts.queue_refused, counts.queue_cleared), (1010, 480_000));
}

#[test]
fn a_cleared_queue_fades_and_says_which_marks_were_dropped() {
    let mut room = Room::new();
    room.party(1, Role::Bot, Mode::Join);
    let now = room.time();
    room.floor.queue(now, PartyId(1), &tone(500.0, 0, 800));
    room.floor.queue_mark(now, PartyId(1), 1);
    room.floor.queue(now, PartyId(1), &tone(500.0, 800, 8000));
    room.floor.queue_mark(now, PartyId(1), 2);
    room.run(150);
    assert_eq!(room.marks, [(1, 1, false)]);
    room.floor.clear(room.time(), PartyId(1));
    room.drain();
    assert_eq!(room.marks, [(1, 1, false), (1, 2, true)]);
    room.forget();
    room.run(100);
    let ear = &room.ears[&Who::Caller].left;
    assert!(ear.len() == 160 && ear[40..].iter().all(|&sample| sample == 0), "it fades within 5 ms");
    // What comes after is heard from its beginning.
    room.forget();
    let after = tone(700.0, 0, 800);
    room.floor.queue(room.time(), PartyId(1), &after);
    room.run(200);
    let mut pcm = vec![0; 800];
    g711::decode(&after, &mut pcm);
    assert!(room.ears[&Who::Caller].left == pcm);
}

#[test]
fn frames_that_come_one_by_one_are_heard_without_holes() {
    let mut room = Room::new();
    room.party(1, Role::Bot, Mode::Join);
    // As regular as the network lets them: up to 15 ms late.
    let mut sent = 0;
    for ms in 0..4000u64 {
        if sent < 150 && ms >= 20 * sent + sent * 7 % 16 {
            room.floor.queue(room.time(), PartyId(1), &tone(500.0, 160 * sent, 160));
            sent += 1;
        }
        room.run(1);
    }
    let mut pcm = vec![0; 150 * 160];
    g711::decode(&tone(500.0, 0, 150 * 160), &mut pcm);
    assert!(room.ears[&Who::Caller].left == pcm, "no hole");
}

#[test]
fn it_is_known_what_only_a_bot_says() {
    let mut room = Room::new();
    room.party(1, Role::Bot, Mode::Join);
    room.party(2, Role::Announcer, Mode::Join);
    let now = room.time();
    room.floor.queue(now, PartyId(1), &tone(500.0, 1, 1600));
    room.floor.queue(now, PartyId(2), &tone(700.0, 1, 800));
    let mut by_bot = Vec::new();
    for _ in 0..10 {
        room.floor.handle_timeout(room.floor.poll_timeout().unwrap());
        by_bot.extend(std::iter::from_fn(|| room.floor.poll_output()).filter_map(|output| match output {
            Output::Caller { by_bot_only, .. } => Some(by_bot_only),
            _ => None,
        }));
    }
    assert_eq!(by_bot, [[false; 5], [true; 5]].concat());
}

#[test]
fn keys_are_tones_of_the_right_pitch_level_and_length() {
    // Q.23.
    let keys = [("1", 697.0, 1209.0), ("5", 770.0, 1336.0), ("9", 852.0, 1477.0), ("0", 941.0, 1336.0)];
    let more = [("*", 941.0, 1209.0), ("#", 941.0, 1477.0), ("A", 697.0, 1633.0), ("D", 941.0, 1633.0)];
    for (key, low, high) in keys.into_iter().chain(more) {
        let mut room = Room::new();
        room.floor.dial(room.time(), key).unwrap();
        let heard = to_caller(&played(&mut room));
        assert_eq!(heard.len(), 800, "{key} sounds 100 ms");
        let mut pcm = [0; 800];
        g711::decode(&heard, &mut pcm);
        // 0 dBm0 is a peak of 22,656.
        let level = |hertz| 20.0 * (strength(&pcm[40..760], hertz) / 22_656.0).log10();
        assert!((-9.5..-8.5).contains(&level(low)), "{key}: {} dBm0", level(low));
        assert!((-7.5..-6.5).contains(&level(high)), "{key}: {} dBm0", level(high));
        for other in [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0] {
            let apart = other == low || other == high || level(other) < -25.0;
            assert!(apart, "{key} has {other} Hz at {} dBm0", level(other));
        }
    }
}

#[test]
fn keys_come_in_order_with_pauses() {
    let mut room = Room::new();
    room.floor.dial(room.time(), "1w2").unwrap();
    room.floor.dial(room.time(), "3").unwrap();
    let ticks: Vec<u64> = played(&mut room)
        .iter()
        .filter_map(|output| match output {
            Output::Caller { tick, .. } => Some(*tick),
            _ => None,
        })
        .collect();
    // 100 ms and 100 ms, then 500 ms.
    let expected: Vec<u64> = (0..5).chain(35..40).chain(45..50).collect();
    assert_eq!(ticks, expected);
}

#[test]
fn a_key_is_heard_alone_and_by_all_but_the_bot() {
    let mut room = Room::new();
    room.party(1, Role::Bot, Mode::Join);
    room.party(2, Role::Supervisor, Mode::Whisper);
    room.plays(1, 500.0);
    room.run(200);
    room.floor.dial(room.time(), "1").unwrap();
    room.run(60);
    room.forget();
    room.run(40);
    let [caller, _] = room.strength(Who::Caller, 697.0, 40);
    assert!(caller > 7000.0, "{caller}");
    assert!(room.strength(Who::Caller, 500.0, 40)[0] < caller / 20.0, "alone");
    assert!(room.strength(Who::Listener, 697.0, 40)[0] > 7000.0);
    assert!(room.strength(Who::Party(2), 697.0, 40)[1] > 5000.0);
    assert!(room.strength(Who::Party(1), 697.0, 40)[0] < 10.0);
}

#[test]
fn what_is_no_key_is_refused_and_nothing_is_dialled() {
    let mut room = Room::new();
    let now = room.time();
    assert_eq!(room.floor.dial(now, "12x"), Err(FloorError::NotAKey('x')));
    assert_eq!(room.floor.dial(now, "1é"), Err(FloorError::NotAKey('é')));
    assert_eq!(room.floor.dial(now, &"1".repeat(129)), Err(FloorError::TooManyKeys { room: 128 }));
    assert_eq!(room.floor.poll_timeout(), None);
    room.floor.dial(now, &"1".repeat(128)).unwrap();
    assert_eq!(room.floor.dial(now, "1"), Err(FloorError::TooManyKeys { room: 0 }));
}

#[test]
fn who_is_on_hold_hears_two_quiet_beeps_each_five_seconds() {
    let mut room = Room::new();
    room.party(1, Role::Agent, Mode::Join);
    room.floor.set_held(room.time(), true);
    room.run(9_990);
    let ear = &room.ears[&Who::Caller].left;
    // 200 ms, 200 ms of silence, 200 ms; again after 5 s. What is silent is not given.
    let sounds = |ms: usize| ear[ms * 8..][..160].iter().any(|&sample| sample.unsigned_abs() > 100);
    let beeps: Vec<usize> = (0..ear.len() / 8).step_by(20).filter(|&ms| sounds(ms)).collect();
    let expected = [0, 400, 5000, 5400].into_iter().flat_map(|ms| (ms..ms + 200).step_by(20));
    assert_eq!(beeps, expected.collect::<Vec<_>>());
    let level = 20.0 * (strength(&ear[200..1400], 425.0) / 22_656.0).log10();
    assert!((-24.5..-23.5).contains(&level), "{level} dBm0");
    assert!(room.strength(Who::Party(1), 425.0, 10_000)[1] < 5.0, "the agent does not hear it");
}
