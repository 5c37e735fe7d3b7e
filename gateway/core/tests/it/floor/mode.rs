//! What a change of who may be heard does, at the moment it happens.

use super::*;

/// So many samples may fade after a voice was cut: 5 ms.
const FADE: usize = 40;

/// How loud the loudest sample is that the caller heard.
fn loudest(room: &Room, who: Who) -> u16 {
    let Some(ear) = room.ears.get(&who) else { return 0 };
    ear.right.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0)
}

#[test]
fn not_a_sample_of_a_whisper_reaches_the_caller_around_a_change() {
    // At each ms of a tick, so that packets wait, are on their way, or are just being heard.
    for phase in 0..20 {
        let mut room = Room::new();
        room.party(1, Role::Supervisor, Mode::Whisper);
        room.speaks(1, 500.0);
        room.run(400 + phase);
        assert!(loudest(&room, Who::Listener) > 3000, "the whisper is heard by some");
        room.quiet();
        room.party(1, Role::Supervisor, Mode::Join);
        room.run(300);
        assert_eq!(loudest(&room, Who::Caller), 0, "what was whispered before is not heard after, {phase}");

        // The other way: what is said after is not heard, though what was said before was.
        room.speaks(1, 500.0);
        room.run(400 + phase);
        assert!(loudest(&room, Who::Caller) > 3000);
        room.party(1, Role::Supervisor, Mode::Whisper);
        room.forget();
        room.run(400);
        let ear = room.ears.get(&Who::Caller).map_or(&[][..], |ear| &ear.right);
        assert!(ear.len() <= 160, "one fade and no more, {phase}");
        assert!(ear.iter().skip(FADE).all(|&sample| sample == 0), "{phase}");
        assert!(loudest(&room, Who::Listener) > 3000, "{phase}");
    }
}

#[test]
fn what_an_agent_says_on_hold_is_not_heard_after_it() {
    for phase in 0..20 {
        let mut room = Room::new();
        room.party(1, Role::Agent, Mode::Join);
        room.floor.set_held(room.time(), true);
        room.speaks(1, 500.0);
        // Past the beeps.
        room.run(1000 + phase);
        room.forget();
        room.quiet();
        room.floor.set_held(room.time(), false);
        room.run(300);
        assert_eq!(loudest(&room, Who::Caller), 0, "{phase}");
    }
}

#[test]
fn no_change_clicks() {
    let modes =
        [Mode::Join, Mode::Whisper, Mode::Join, Mode::Listen, Mode::Takeover, Mode::Whisper, Mode::Join];
    for phase in [0, 5, 10, 15] {
        let mut room = Room::new();
        room.caller = Some(CALLER_TONE);
        room.party(2, Role::Supervisor, Mode::Whisper);
        for mode in modes {
            room.party(1, Role::Supervisor, mode);
            room.speaks(1, 400.0);
            room.run(300 + phase);
        }
        room.floor.hush(room.time(), PartyId(1));
        room.quiet();
        room.run(100);
        for (who, hertz) in [(Who::Caller, 400.0), (Who::Listener, 400.0), (Who::Party(2), 400.0)] {
            let pcm = &room.ears[&who].right;
            // A tone cut at its peak would step by all of it, and a tone has no steeper step than this.
            let steepest = PEAK * TAU * hertz / 8000.0;
            let step = pcm
                .windows(2)
                .map(|pair| (f64::from(pair[1]) - f64::from(pair[0])).abs())
                .fold(0.0, f64::max);
            assert!(step < steepest * 1.6, "{who:?} steps by {step}, a tone by {steepest}, {phase}");
        }
    }
}

#[test]
fn who_only_listens_is_dropped_before_decoding() {
    let mut room = Room::new();
    room.party(1, Role::Supervisor, Mode::Listen);
    room.party(2, Role::Bot, Mode::Join);
    for party in [1, 2, 3] {
        let now = room.time();
        Mouth::new(500.0).say(|rtp| assert!(!room.floor.handle_rtp(now, PartyId(party), rtp), "{party}"));
    }
    room.party(1, Role::Supervisor, Mode::Join);
    let now = room.time();
    Mouth::new(500.0).say(|rtp| assert!(room.floor.handle_rtp(now, PartyId(1), rtp)));
    let counts = room.floor.take_counts();
    assert_eq!((counts.gated, counts.microphones.received), (3, 1));
}

#[test]
fn a_microphone_that_is_closed_is_silent_within_a_tick() {
    let mut room = Room::new();
    room.party(1, Role::Agent, Mode::Join);
    room.speaks(1, 500.0);
    room.run(400);
    room.floor.hush(room.time(), PartyId(1));
    room.quiet();
    room.forget();
    room.run(200);
    let ear = &room.ears[&Who::Caller].right;
    assert!(ear.len() == 160 && ear[FADE..].iter().all(|&sample| sample == 0));
    assert!(ear[..8].iter().any(|&sample| sample != 0), "it fades");
}

#[test]
fn who_takes_over_silences_the_bot_and_gives_it_back() {
    let mut room = Room::new();
    room.caller = Some(CALLER_TONE);
    room.party(1, Role::Bot, Mode::Join);
    room.plays(1, 600.0);
    room.run(400);
    assert!(room.strength(Who::Caller, 600.0, 200)[0] > PEAK * 0.8);
    assert!(room.strength(Who::Party(1), CALLER_TONE, 200)[0] > PEAK * 0.8);
    room.floor.queue(room.time(), PartyId(1), &tone(600.0, 0, 80_000));
    room.floor.queue_mark(room.time(), PartyId(1), 7);

    room.party(2, Role::Supervisor, Mode::Takeover);
    assert_eq!(room.floor.queued(PartyId(1)), Duration::ZERO);
    assert_eq!(room.marks, [(1, 7, true)]);
    room.forget();
    room.run(400);
    let ear = room.ears.get(&Who::Caller).map_or(&[][..], |ear| &ear.right);
    assert!(ear.len() <= 160 && ear.iter().skip(FADE).all(|&sample| sample == 0), "at most it fades");
    assert!(!room.ears.contains_key(&Who::Party(1)), "it hears nothing");
    assert!(room.floor.queue_mark(room.time(), PartyId(1), 8));
    room.drain();
    assert_eq!(room.marks, [(1, 8, true)], "a paused bot is told that nothing is played");

    room.party(2, Role::Supervisor, Mode::Whisper);
    room.forget();
    room.run(400);
    assert!(room.strength(Who::Caller, 600.0, 200)[0] > PEAK * 0.8);
    assert!(room.strength(Who::Party(1), CALLER_TONE, 200)[0] > PEAK * 0.8);
}
