//! Who hears whom: everybody speaks a tone of their own, and everybody's ears are searched for all of them.

use super::*;

const MODES: [Mode; 4] = [Mode::Listen, Mode::Whisper, Mode::Join, Mode::Takeover];

/// Who may be on the floor: a role, and for people a mode.
fn everybody() -> Vec<(Role, Mode)> {
    let people = [Role::Agent, Role::Supervisor];
    let people = people.into_iter().flat_map(|role| MODES.map(|mode| (role, mode)));
    people.chain([(Role::Bot, Mode::Join), (Role::Announcer, Mode::Join)]).collect()
}

/// The design's table in other words than the code's: whether `speaker` is heard.
fn should_hear(speaker: (Role, Mode), hearer: Option<Role>, held: bool, paused: bool) -> bool {
    let (role, mode) = speaker;
    let person = matches!(role, Role::Agent | Role::Supervisor);
    if (person && mode == Mode::Listen) || hearer == Some(Role::Announcer) {
        return false;
    }
    match hearer {
        // The caller.
        None if role == Role::Agent => mode != Mode::Whisper && !held,
        None if role == Role::Supervisor => mode != Mode::Whisper,
        None => role == Role::Announcer || !paused,
        Some(Role::Bot) => person && !paused,
        Some(_) => role != Role::Bot || !paused,
    }
}

#[test]
fn every_pair_hears_what_the_table_says_and_nothing_else() {
    const TONES: [f64; 2] = [610.0, 1030.0];
    for held in [false, true] {
        for pause in [false, true] {
            for first in everybody() {
                for second in everybody() {
                    let pair = [first, second];
                    let mut room = Room::new();
                    room.caller = Some(CALLER_TONE);
                    room.floor.set_held(room.time(), held);
                    room.floor.set_bot_paused(room.time(), pause);
                    for (i, (role, mode)) in pair.into_iter().enumerate() {
                        room.party(i as u32, role, mode);
                        match role {
                            Role::Agent | Role::Supervisor => room.speaks(i as u32, TONES[i]),
                            Role::Bot | Role::Announcer => room.plays(i as u32, TONES[i]),
                        }
                    }
                    // On hold, past the two beeps. In 200 ms each tone has whole periods.
                    room.run(820);
                    let person = |&(role, _): &(Role, Mode)| matches!(role, Role::Agent | Role::Supervisor);
                    let takes_over = pair.iter().any(|who| person(who) && who.1 == Mode::Takeover);
                    let paused = pause || takes_over;
                    assert_eq!(room.floor.is_bot_paused(), paused);
                    let told = format!("{pair:?} held {held} paused {paused}");

                    for (i, speaker) in pair.into_iter().enumerate() {
                        let check = |who, side: usize, expected: bool| {
                            let strength = room.strength(who, TONES[i], 200)[side];
                            let heard =
                                if expected { strength > PEAK * 0.8 } else { strength < PEAK / 100.0 };
                            assert!(heard, "{i} heard by {who:?} at {strength}, not {expected}: {told}");
                        };
                        check(Who::Caller, 0, should_hear(speaker, None, held, paused));
                        check(Who::Listener, 0, should_hear(speaker, Some(Role::Supervisor), held, paused));
                        for (j, hearer) in pair.into_iter().enumerate() {
                            let deaf = person(&hearer) && hearer.1 == Mode::Listen;
                            let hears = should_hear(speaker, Some(hearer.0), held, paused) && i != j && !deaf;
                            check(Who::Party(j as u32), 1, hears);
                            if person(&hearer) {
                                check(Who::Party(j as u32), 0, false);
                            }
                        }
                    }
                    for (j, hearer) in pair.into_iter().enumerate() {
                        let hears = match hearer.0 {
                            Role::Agent => !held && hearer.1 != Mode::Listen,
                            Role::Supervisor => hearer.1 != Mode::Listen,
                            Role::Bot => !paused,
                            Role::Announcer => false,
                        };
                        let [left, right] = room.strength(Who::Party(j as u32), CALLER_TONE, 200);
                        assert_eq!(left > PEAK * 0.8, hears, "caller heard by {j} at {left}: {told}");
                        assert!(hears || left < PEAK / 100.0, "caller heard by {j} at {left}: {told}");
                        assert!(hearer.0 == Role::Bot || right < PEAK / 100.0, "{right}: {told}");
                    }
                    for who in [Who::Caller, Who::Listener] {
                        let strength = room.strength(who, CALLER_TONE, 200)[0];
                        assert!(strength < PEAK / 100.0, "the caller heard by {who:?} at {strength}: {told}");
                    }
                }
            }
        }
    }
}
