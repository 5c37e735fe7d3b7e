//! The floor's clock, and what it costs a call on which nobody speaks.

use super::*;

#[test]
fn it_stands_while_nobody_could_be_heard() {
    let mut room = Room::new();
    let stands = |room: &Room| room.floor.poll_timeout().is_none();
    assert!(stands(&room));
    room.party(1, Role::Supervisor, Mode::Listen);
    room.party(2, Role::Announcer, Mode::Join);
    room.floor.handle_caller(room.time(), &[0; 160]);
    assert!(stands(&room), "one listens, one has nothing to say");
    assert_eq!(room.floor.poll_output(), None);

    room.floor.queue(room.time(), PartyId(2), &tone(500.0, 0, 1600));
    assert!(!stands(&room));
    room.run(300);
    assert!(stands(&room), "all was played");

    room.party(1, Role::Supervisor, Mode::Whisper);
    assert!(!stands(&room), "somebody may speak");
    room.party(1, Role::Supervisor, Mode::Listen);
    room.run(20);
    assert!(stands(&room));

    room.party(3, Role::Bot, Mode::Join);
    assert!(!stands(&room), "a bot listens");
    room.floor.set_bot_paused(room.time(), true);
    assert!(stands(&room));
    room.floor.set_held(room.time(), true);
    assert!(!stands(&room), "the caller hears a tone");
    room.floor.set_held(room.time(), false);
    assert!(stands(&room));
    room.floor.dial(room.time(), "1").unwrap();
    assert!(!stands(&room), "a key is dialled");
    room.run(200);
    assert!(stands(&room));
}

#[test]
fn ticks_count_the_time_that_it_stood() {
    let mut room = Room::new();
    room.run(1_000_010);
    room.party(1, Role::Bot, Mode::Join);
    assert_eq!(room.floor.poll_timeout(), Some(room.t0 + Duration::from_millis(1_000_020)));
    room.run(11);
    assert_eq!(room.ears[&Who::Party(1)].tick, Some(50_001));
    room.floor.remove_party(room.time(), PartyId(1));
    assert_eq!(room.floor.poll_timeout(), None);
    room.run(100);
    room.party(1, Role::Bot, Mode::Join);
    room.run(40);
    let tick = room.ears[&Who::Party(1)].tick.unwrap();
    assert!((50_006..=50_008).contains(&tick), "{tick}");
}

#[test]
fn an_owner_who_comes_late_is_given_five_ticks_and_no_more() {
    for (late, ticks, skipped) in [(20, 1, 0), (60, 3, 0), (100, 5, 0), (120, 5, 1), (10_000, 5, 495)] {
        let mut room = Room::new();
        room.run(5);
        room.party(1, Role::Bot, Mode::Join);
        let first = room.floor.poll_timeout().unwrap();
        room.floor.handle_timeout(first + Duration::from_millis(late - 20));
        room.drain();
        let counts = room.floor.take_counts();
        assert_eq!((counts.ticks, counts.skipped_ticks), (ticks, skipped), "{late} ms");
        assert_eq!(room.ears[&Who::Party(1)].tick, Some(late / 20), "{late} ms");
        assert_eq!(room.floor.poll_timeout(), Some(first + Duration::from_millis(late)));
    }
}

#[test]
fn a_clock_that_goes_back_changes_nothing() {
    let mut room = Room::new();
    room.run(505);
    room.party(1, Role::Bot, Mode::Join);
    let deadline = room.floor.poll_timeout();
    room.floor.handle_timeout(room.t0);
    room.floor.handle_caller(room.t0, &[0; 160]);
    assert_eq!(room.floor.poll_timeout(), deadline);
    room.floor.handle_timeout(deadline.unwrap());
    assert!(room.floor.poll_output().is_some());
}

#[test]
fn outputs_that_nobody_takes_are_bounded() {
    let mut room = Room::new();
    room.party(1, Role::Bot, Mode::Join);
    for _ in 0..3000 {
        let deadline = room.floor.poll_timeout().unwrap();
        room.floor.handle_timeout(deadline);
    }
    let waiting = std::iter::from_fn(|| room.floor.poll_output()).count();
    assert!(waiting <= 4096, "{waiting}");
    assert_eq!(room.floor.take_counts().outputs_dropped, 6000 - waiting as u64);
}

#[test]
fn a_party_too_many_is_refused() {
    let mut room = Room::new();
    for party in 0..32 {
        room.party(party, Role::Supervisor, if party % 2 == 0 { Mode::Listen } else { Mode::Join });
    }
    let now = room.time();
    let refused = room.floor.set_party(now, PartyId(32), Role::Supervisor, Mode::Listen);
    assert_eq!(refused, Err(FloorError::TooManyParties));
    assert_eq!(refused.unwrap_err().to_string(), "a call has at most 32 parties");
    room.floor.set_party(now, PartyId(3), Role::Bot, Mode::Join).unwrap();
    room.floor.remove_party(now, PartyId(7));
    room.party(32, Role::Supervisor, Mode::Listen);
    for party in [3, 7, 40] {
        room.floor.remove_party(now, PartyId(party));
    }
}
