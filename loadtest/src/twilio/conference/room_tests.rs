use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use common::CallSid;

use super::*;
use crate::audio::{Audio, ulaw};
use crate::twilio::call::new_sid;
use crate::twilio::played::Played;
use crate::twilio::spec::Account;
use crate::twilio::voice::{Speech, Voice};

/// One who is in a conference, and says one sample for ever.
struct Someone {
    call: CallSid,
    ears: Arc<Played>,
    seat: Option<Seat>,
}

impl Someone {
    fn enters(room: &Arc<Room>, says: i16, terms: &Terms, now: Instant) -> Result<Self, Refused> {
        let someone = Self::invited(room, says, terms, now)?;
        someone.seat.as_ref().unwrap().enter(now)?;
        Ok(someone)
    }

    fn invited(room: &Arc<Room>, says: i16, terms: &Terms, now: Instant) -> Result<Self, Refused> {
        let (call, ears) = (new_sid(CallSid::PREFIX), Arc::new(Played::new(now)));
        let began = Arc::new(OnceLock::from(now));
        let audio = Audio::ulaw(vec![ulaw::encode(says); 80_000]);
        let voice = Voice::Person(Speech { audio, looped: true, began });
        let seat = room.invite(call, terms, voice, ears.clone())?;
        Ok(Self { call, ears, seat: Some(seat) })
    }

    /// What it hears in the last 20 ms before `now`.
    fn hears(&self, now: Instant) -> i16 {
        let mut heard = [0; 160];
        assert!(self.ears.hear(now, &mut heard));
        assert!(heard.iter().all(|&sample| sample == heard[0]), "{heard:?}");
        ulaw::decode(heard[0])
    }
}

fn room() -> Arc<Room> {
    let account =
        Account { sid: "AC0123456789abcdef0123456789abcdef".parse().unwrap(), auth_token: "12345".into() };
    Arc::new(Room::new(account, "room 1"))
}

/// Without a tone, which would be in every mix.
fn quiet() -> Terms {
    Terms { beep: Beep::Never, ..Terms::default() }
}

/// What is left of a sample after mu-law.
fn coarse(sample: i16) -> i16 {
    ulaw::decode(ulaw::encode(sample))
}

#[test]
fn each_hears_the_others_from_the_moment_it_is_in() {
    let room = room();
    let t0 = Instant::now();
    let ms = |ms| t0 + Duration::from_millis(ms);
    let a = Someone::enters(&room, 1000, &quiet(), t0).unwrap();
    assert_eq!(room.view().status, "in-progress");
    let b = Someone::enters(&room, 4000, &quiet(), ms(100)).unwrap();
    assert_eq!(a.hears(ms(100)), 0, "nobody was there");
    assert_eq!((a.hears(ms(120)), b.hears(ms(120))), (coarse(4000), coarse(1000)));
    let c = Someone::enters(&room, 16_000, &quiet(), ms(130)).unwrap();
    assert_eq!(a.hears(ms(150)), coarse(coarse(4000) + coarse(16_000)));
    assert_eq!(c.hears(ms(150)), coarse(coarse(1000) + coarse(4000)));
    assert_eq!(room.standings().len(), 3);
}

#[test]
fn nobody_is_heard_before_it_starts_or_while_it_rings() {
    let room = room();
    let t0 = Instant::now();
    let ms = |ms| t0 + Duration::from_millis(ms);
    let waits = Terms { starts: false, ..quiet() };
    let a = Someone::enters(&room, 1000, &waits, t0).unwrap();
    let b = Someone::enters(&room, 4000, &waits, t0).unwrap();
    let c = Someone::invited(&room, 16_000, &quiet(), t0).unwrap();
    assert_eq!((a.hears(ms(40)), room.view().status), (0, "init"));
    c.seat.as_ref().unwrap().ring();
    assert_eq!(room.standing(c.call.as_str()).map(|standing| standing.status), Some("ringing"));
    c.seat.as_ref().unwrap().enter(ms(40)).unwrap();
    assert_eq!(room.view().status, "in-progress");
    assert_eq!(a.hears(ms(60)), coarse(coarse(4000) + coarse(16_000)));
    assert_eq!(b.hears(ms(60)), coarse(coarse(1000) + coarse(16_000)));
}

#[test]
fn a_coach_reaches_one_and_the_muted_and_the_held_nobody() {
    let room = room();
    let t0 = Instant::now();
    let ms = |ms| t0 + Duration::from_millis(ms);
    let caller = Someone::enters(&room, 1000, &quiet(), t0).unwrap();
    let agent = Someone::enters(&room, 2000, &quiet(), t0).unwrap();
    let coach = Terms { coaches: Some(agent.call), ..quiet() };
    let coach = Someone::enters(&room, 8000, &coach, t0).unwrap();
    let sum = |samples: &[i16]| coarse(samples.iter().map(|&sample| coarse(sample)).sum());
    let heard = |at| (caller.hears(at), agent.hears(at), coach.hears(at));
    assert_eq!(heard(ms(20)), (sum(&[2000]), sum(&[1000, 8000]), sum(&[1000, 2000])));

    let change = |call, change, at| assert!(room.change(call, change, at).unwrap());
    change(coach.call, Change { coaches: Some(None), ..Change::default() }, ms(20));
    assert_eq!(heard(ms(40)), (sum(&[2000, 8000]), sum(&[1000, 8000]), sum(&[1000, 2000])));
    change(coach.call, Change { muted: Some(true), ..Change::default() }, ms(40));
    assert_eq!(heard(ms(60)), (sum(&[2000]), sum(&[1000]), sum(&[1000, 2000])));
    change(caller.call, Change { held: Some(true), ..Change::default() }, ms(60));
    assert_eq!(heard(ms(80)), (0, 0, sum(&[2000])));
    change(caller.call, Change { held: Some(false), ..Change::default() }, ms(80));
    assert_eq!(heard(ms(100)), (sum(&[2000]), sum(&[1000]), sum(&[1000, 2000])));

    let back = Change { muted: Some(false), coaches: Some(Some(caller.call)), ..Change::default() };
    change(coach.call, back, ms(100));
    room.remove(caller.call, Why::Left, ms(120));
    assert_eq!((agent.hears(ms(140)), coach.hears(ms(140))), (0, sum(&[2000])), "whom it coached is gone");
    let nobody = Change { coaches: Some(Some(caller.call)), ..Change::default() };
    assert_eq!(room.change(coach.call, nobody, ms(140)), Err(Refused::NobodyToCoach));
    let itself = Change { coaches: Some(Some(coach.call)), ..Change::default() };
    assert_eq!(room.change(coach.call, itself, ms(140)), Err(Refused::NobodyToCoach));
    assert_eq!(room.change(caller.call, Change::default(), ms(140)), Ok(false));
}

#[test]
fn it_ends_with_who_ends_it_or_with_the_last() {
    let t0 = Instant::now();
    let ending = Terms { ends: true, ..quiet() };
    let end = |room: &Room| room.view().ended.map(|(reason, _)| reason);

    let first = room();
    let mut boss = Someone::enters(&first, 1, &ending, t0).unwrap();
    let other = Someone::enters(&first, 1, &quiet(), t0).unwrap();
    drop(boss.seat.take());
    assert_eq!(end(&first), Some("participant-with-end-conference-on-exit-left"));
    assert_eq!(first.view().ended.and_then(|(_, call)| call), Some(boss.call));
    assert!(first.is_over() && first.standings().is_empty());
    assert_eq!(other.seat.as_ref().unwrap().enter(t0), Err(Refused::Over));
    assert_eq!(Someone::enters(&first, 1, &quiet(), t0).err(), Some(Refused::Over));

    let second = room();
    let boss = Someone::invited(&second, 1, &ending, t0).unwrap();
    let last = Someone::enters(&second, 1, &quiet(), t0).unwrap();
    second.remove(boss.call, Why::Left, t0);
    assert_eq!(end(&second), None, "who only rang ends nothing");
    second.remove(last.call, Why::Kicked, t0);
    assert_eq!(end(&second), Some("last-participant-kicked"));
    assert!(!second.remove(last.call, Why::Kicked, t0));

    let third = room();
    let _someone = Someone::enters(&third, 1, &quiet(), t0).unwrap();
    third.end(t0);
    assert_eq!((end(&third), third.view().status), (Some("conference-ended-via-api"), "completed"));
}

#[tokio::test]
async fn who_is_put_out_is_told() {
    let room = room();
    let t0 = Instant::now();
    let mut someone = Someone::enters(&room, 1, &quiet(), t0).unwrap();
    let mut seat = someone.seat.take().unwrap();
    room.remove(someone.call, Why::Kicked, t0);
    seat.gone().await;
}

#[test]
fn who_comes_and_goes_is_heard_as_a_tone_unless_it_is_not_to_be() {
    let room = room();
    let t0 = Instant::now();
    let ms = |ms| t0 + Duration::from_millis(ms);
    let loud = |someone: &Someone, range: std::ops::Range<usize>, now| {
        someone.ears.until(now)[range].iter().any(|&sample| sample != 0)
    };
    let a = Someone::enters(&room, 0, &quiet(), t0).unwrap();
    let exits = Someone::enters(&room, 0, &Terms { beep: Beep::Exit, ..quiet() }, t0).unwrap();
    assert!(!loud(&a, 0..800, ms(100)));
    let _usual = Someone::enters(&room, 0, &Terms::default(), ms(100)).unwrap();
    assert!(
        loud(&a, 800..960, ms(500)) && loud(&exits, 2300..2400, ms(500)) && !loud(&a, 2401..4000, ms(500))
    );
    room.remove(exits.call, Why::Left, ms(500));
    assert!(loud(&a, 4000..5600, ms(700)));
}

#[test]
fn it_has_room_for_so_many_and_one_of_a_label() {
    let room = room();
    let t0 = Instant::now();
    let named = Terms { label: Some("anna".into()), ..quiet() };
    let anna = Someone::enters(&room, 1, &named, t0).unwrap();
    assert_eq!(Someone::enters(&room, 1, &named, t0).err(), Some(Refused::Label));
    assert_eq!(room.standing("anna").map(|standing| standing.call), Some(anna.call));
    let _second = Someone::enters(&room, 1, &quiet(), t0).unwrap();
    let few = Terms { limit: 2, ..quiet() };
    assert_eq!(Someone::enters(&room, 1, &few, t0).err(), Some(Refused::Full));
    assert_eq!(room.standings().len(), 2, "who was refused is not in it");
    let all: Vec<Someone> =
        (2..MAX_PARTICIPANTS).map(|_| Someone::enters(&room, 1, &quiet(), t0).unwrap()).collect();
    assert_eq!(Someone::enters(&room, 1, &quiet(), t0).err(), Some(Refused::Full));
    drop(all);
    assert_eq!(room.standings().len(), 2);
}

#[test]
fn a_name_is_one_conference_an_account_until_it_is_over() {
    let rooms = Rooms::default();
    let account = |digit: &str| Account {
        sid: format!("AC{}", digit.repeat(32)).parse().unwrap(),
        auth_token: "12345".into(),
    };
    let (ours, theirs) = (account("1"), account("2"));
    let first = rooms.open(&ours, "room").unwrap();
    assert_eq!(rooms.open(&ours, "room").unwrap().sid(), first.sid());
    assert_ne!(rooms.open(&theirs, "room").unwrap().sid(), first.sid());
    assert!(rooms.get(theirs.sid, first.sid()).is_none());
    first.end(Instant::now());
    assert!(rooms.named(ours.sid, "room").is_none());
    let second = rooms.open(&ours, "room").unwrap();
    let sids: Vec<_> = rooms.list(ours.sid).iter().map(|room| room.sid()).collect();
    assert_eq!(sids, [second.sid(), first.sid()]);

    let t0 = Instant::now();
    let theirs = rooms.open(&theirs, "room").unwrap();
    let _in_theirs = Someone::invited(&theirs, 1, &quiet(), t0).unwrap();
    let others: Vec<Someone> = (0..997)
        .map(|n| {
            let room = rooms.open(&ours, &n.to_string()).unwrap();
            Someone::invited(&room, 1, &quiet(), t0).unwrap()
        })
        .collect();
    assert!(rooms.get(ours.sid, first.sid()).is_some());
    let _in_second = Someone::invited(&second, 1, &quiet(), t0).unwrap();
    let third = rooms.open(&ours, "one more").unwrap();
    let _in_third = Someone::invited(&third, 1, &quiet(), t0).unwrap();
    assert!(rooms.get(ours.sid, first.sid()).is_none(), "the oldest that nobody is in is forgotten");
    assert_eq!(rooms.open(&ours, "and one more").err(), Some(Refused::TooMany));
    drop(others);
    rooms.open(&ours, "and one more").unwrap();
}
