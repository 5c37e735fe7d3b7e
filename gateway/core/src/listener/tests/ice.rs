//! Checks, answers, and where media may go.

use std::time::Duration;

use super::lab::{Lab, addr};
use super::wire::{self, CONTROLLED, CONTROLLING, ERROR_CODE, PRIORITY, USE_CANDIDATE, USERNAME};
use crate::listener::{CloseReason, Event, IceCredentials, RemoteIce, Route, route};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn our_question_comes_before_our_answer() {
    let mut lab = Lab::new();
    let (client, check) = (lab.client.addr, lab.client.check(true, &[]));
    let said = lab.ask(client, &check);
    let kinds: Vec<_> = said.iter().map(|message| [message[0], message[1]]).collect();
    assert_eq!(kinds, [[0, 1], [1, 1]]);
    assert_eq!(route(&check), Route::Check { ufrag: &lab.client.server.0 });
    // The answer to it finds its way by the tag.
    let id = said[0][8..20].try_into().unwrap();
    let answer = wire::stun(0x0101, id, &[], &lab.client.pwd);
    assert_eq!(route(&answer), Route::Response { tag: 7 });
}

#[test]
fn who_does_not_know_the_password_hears_nothing() {
    let mut lab = Lab::new();
    let stranger = addr("203.0.113.9:999");
    let good = lab.client.check(true, &[]);
    let ufrag = lab.client.server.0.clone();
    let user = |name: &str, pwd: &str| {
        wire::stun(1, [1; 12], &[(USERNAME, name.as_bytes()), (PRIORITY, &[0; 4])], pwd)
    };
    let pwd = lab.client.server.1.clone();
    let mut no_integrity = good[..good.len() - 32].to_vec();
    let length = no_integrity.len() as u16 - 20;
    no_integrity[2..4].copy_from_slice(&length.to_be_bytes());
    let all = [
        user(&format!("{ufrag}:clnt"), "another password at all"),
        user(&format!("{ufrag}:other"), &pwd),
        user("other:clnt", &pwd),
        user(&ufrag, &pwd),
        no_integrity,
        good[..good.len() - 4].to_vec(),
    ];
    for message in all {
        assert!(lab.ask(stranger, &message).is_empty());
    }
    assert_eq!(lab.session.take_counts().bad_checks, 6);
}

#[test]
fn errors_are_told_with_integrity_and_no_longer_than_the_question() {
    let mut lab = Lab::new();
    let ufrag = format!("{}:clnt", lab.client.server.0);
    let pwd = lab.client.server.1.clone();
    let name = (USERNAME, ufrag.as_bytes());
    let role = (CONTROLLING, &[1; 8][..]);
    let priority = (PRIORITY, &[1; 4][..]);
    let cases: [(u8, u8, wire::Attributes<'_>); 6] = [
        (4, 87, &[name, priority, (CONTROLLED, &[1; 8])]),
        (4, 20, &[name, priority, role, (0x7001, &[1]), (0x0002, &[])]),
        (4, 0, &[name, role]),
        (4, 0, &[name, (PRIORITY, &[1; 3]), role]),
        (4, 0, &[name, priority, (CONTROLLING, &[1; 7])]),
        (4, 0, &[name, priority, role, (USE_CANDIDATE, &[1])]),
    ];
    for (class, number, attributes) in cases {
        let request = wire::stun(1, [1; 12], attributes, &pwd);
        let client = lab.client.addr;
        let said = lab.ask(client, &request);
        assert_eq!(said.len(), 1, "no question of ours to who is not understood");
        assert_eq!(said[0][..2], [1, 0x11]);
        assert_eq!(wire::find(&said[0], ERROR_CODE).unwrap()[2..4], [class, number]);
        assert!(wire::is_authentic(&said[0], &pwd));
        assert!(said[0].len() <= request.len());
        if number == 20 {
            assert_eq!(wire::find(&said[0], 0x000A), Some(&[0x70, 1, 0, 2][..]));
        }
    }
    // What need not be understood is not in the way.
    let more = lab.client.check(true, &[(0xC001, b"network"), (0x8022, b"software")]);
    let client = lab.client.addr;
    assert_eq!(lab.ask(client, &more).len(), 2);
}

#[test]
fn a_victim_named_by_a_listener_gets_no_media_and_little_else() {
    let mut lab = Lab::connected();
    let victim = addr("192.0.2.200:7000");
    let (mut asked, before) = (0, lab.sent.len());
    for _ in 0..50 {
        let check = lab.client.check(true, &[]);
        asked += check.len();
        lab.input(victim, &check);
        let to = lab.speak(5);
        assert!(to.iter().all(|to| *to == lab.client.addr));
    }
    let sent = lab.sent[before..].iter().filter(|(_, t)| t.to == victim);
    let got: Vec<_> = sent.map(|(_, t)| t.payload.clone()).collect();
    assert!(got.iter().all(|payload| payload[0] < 4));
    let bytes: usize = got.iter().map(Vec::len).sum();
    assert!(bytes <= 3 * asked, "{bytes} for {asked}");
    assert!(!lab.validated().contains(&victim));
    // One request, then silence from there.
    let quiet = addr("192.0.2.201:7000");
    let check = lab.client.check(true, &[]);
    let before = lab.sent.len();
    lab.input(quiet, &check);
    lab.run(60 * SECOND);
    let sent = lab.sent[before..].iter().filter(|(_, t)| t.to == quiet);
    let bytes: usize = sent.map(|(_, t)| t.payload.len()).sum();
    assert!(bytes > 0 && bytes <= 3 * check.len(), "{bytes} for {}", check.len());
}

#[test]
fn an_answer_counts_only_from_the_address_that_was_asked_and_with_its_integrity() {
    let mut lab = Lab::new();
    lab.client.answers = false;
    let (client, pwd) = (lab.client.addr, lab.client.pwd.clone());
    let check = lab.client.check(true, &[]);
    let said = lab.ask(client, &check);
    let id: [u8; 12] = said[0][8..20].try_into().unwrap();
    let good = wire::stun(0x0101, id, &[], &pwd);
    lab.input(addr("203.0.113.9:1"), &good);
    lab.input(client, &wire::stun(0x0101, id, &[], "another password at all"));
    lab.input(client, &wire::stun(0x0101, [9; 12], &[], &pwd));
    lab.input(client, &wire::stun(0x0111, id, &[], &pwd));
    // Nor for another that was asked something else: a listener cannot answer for its victim.
    let victim = addr("192.0.2.200:7000");
    let check = lab.client.check(true, &[]);
    assert_eq!(lab.ask(victim, &check).len(), 2);
    lab.input(victim, &good);
    lab.flush();
    assert!(lab.validated().is_empty());
    lab.input(client, &good);
    lab.flush();
    assert_eq!(lab.validated(), [client]);
}

#[test]
fn media_follows_the_client_to_a_new_address() {
    let mut lab = Lab::connected();
    let (old, new) = (lab.client.addr, addr("198.51.100.1:6000"));
    // A check alone moves nothing.
    let check = lab.client.check(false, &[]);
    lab.client.answers = false;
    lab.input(new, &check);
    assert_eq!(lab.speak(2), [old; 2]);
    // Nominated, and not proven.
    let check = lab.client.check(true, &[]);
    lab.input(new, &check);
    assert_eq!(lab.speak(2), [old; 2]);
    // Proven.
    lab.client.answers = true;
    lab.client.addr = new;
    lab.run(4 * SECOND);
    assert_eq!(lab.speak(2), [new; 2]);
    assert_eq!(lab.validated(), [old, new]);
    assert!(lab.is_heard());
    // The old one is known: a nomination is enough to go back.
    let check = lab.client.check(true, &[]);
    lab.client.nominates = false;
    lab.input(old, &check);
    assert_eq!(lab.speak(1), [old]);
}

#[test]
fn a_stale_address_is_asked_again_before_media_goes_back() {
    let mut lab = Lab::connected();
    let (old, new) = (lab.client.addr, addr("198.51.100.1:6000"));
    lab.client.addr = new;
    lab.run(40 * SECOND);
    assert_eq!(lab.speak(1), [new]);
    lab.client.answers = false;
    let check = lab.client.check(true, &[]);
    lab.input(old, &check);
    assert_eq!(lab.speak(1), [new]);
}

#[test]
fn a_silent_client_is_lost_thirty_seconds_after_its_last_answer() {
    let mut lab = Lab::connected();
    lab.run(40 * SECOND);
    assert_eq!(lab.closed(), None);
    // Its checks still come; its answers do not.
    let last = std::rc::Rc::new(std::cell::Cell::new(lab.now));
    lab.client.answers = false;
    let answers: Vec<_> = lab.sent.iter().filter(|(_, t)| t.payload[..2] == [0, 1]).collect();
    // The answer to the last question came a round trip after it.
    last.set(answers.last().unwrap().0 + Duration::from_millis(20));
    lab.run(60 * SECOND);
    assert_eq!(lab.closed(), Some((last.get() + 30 * SECOND, CloseReason::Lost)));
    let end = lab.closed().unwrap().0;
    assert!(lab.sent.iter().all(|(at, _)| *at <= end));
    assert!(lab.speak(3).is_empty());
}

#[test]
fn consent_is_asked_for_every_four_to_six_seconds() {
    let mut lab = Lab::connected();
    let before = lab.sent.len();
    lab.run(300 * SECOND);
    let asked: Vec<_> =
        lab.sent[before..].iter().filter(|(_, t)| t.payload[..2] == [0, 1]).map(|(at, _)| *at).collect();
    assert!((50..=75).contains(&asked.len()), "{}", asked.len());
    for pair in asked.windows(2) {
        let gap = pair[1] - pair[0];
        assert!((4 * SECOND..=6 * SECOND).contains(&gap), "{gap:?}");
    }
}

#[test]
fn addresses_come_and_go_in_eight_places() {
    let mut lab = Lab::connected();
    let before = lab.sent.len();
    for port in 1..2000 {
        let check = lab.client.check(true, &[]);
        lab.input(addr(&format!("192.0.2.9:{port}")), &check);
        lab.flush();
    }
    // A burst of new addresses is answered, the rest is not.
    assert!(lab.sent.len() - before <= 2 * 16, "{}", lab.sent.len() - before);
    assert!(lab.session.take_counts().limited_checks > 1900);
    assert!(lab.is_heard());
}

#[test]
fn a_flood_of_checks_from_one_address_is_answered_at_a_rate() {
    let mut lab = Lab::connected();
    let (client, before) = (lab.client.addr, lab.sent.len());
    for _ in 0..1000 {
        let check = lab.client.check(true, &[]);
        lab.input(client, &check);
        lab.flush();
    }
    assert!(lab.sent.len() - before <= 50);
    lab.run(10 * SECOND);
    assert!(lab.is_heard());
}

#[test]
fn an_address_that_is_forgotten_was_reported_before() {
    let mut lab = Lab::connected();
    for port in 6000..6020 {
        lab.client.addr = addr(&format!("198.51.100.1:{port}"));
        lab.run(5 * SECOND);
    }
    let forgotten: Vec<_> = lab
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Forgotten(addr) => Some(*addr),
            _ => None,
        })
        .collect();
    assert_eq!(lab.validated().len() - forgotten.len(), 8);
    assert!(forgotten.iter().all(|addr| lab.validated().contains(addr)));
    assert!(lab.is_heard());
}

#[test]
fn a_mapped_address_is_its_ipv4_address() {
    let mut lab = Lab::new();
    let check = lab.client.check(true, &[]);
    let mapped = addr("[::ffff:198.51.100.1]:5000");
    lab.input(mapped, &check);
    lab.flush();
    assert!(lab.sent.iter().all(|(_, t)| t.to == lab.client.addr));
    assert_eq!(wire::find(&lab.sent[1].1.payload, 0x0020).unwrap()[1], 1);
}

#[test]
fn a_restart_takes_new_credentials_while_media_goes_on() {
    let mut lab = Lab::connected();
    let old_check = lab.client.check(true, &[]);
    let fresh = IceCredentials::generate();
    lab.client.ufrag = "new1".into();
    lab.client.pwd = "another-password-of-24-c".into();
    lab.client.server = (fresh.ufrag.clone(), fresh.pwd.clone());
    let remote = RemoteIce::new("new1", "another-password-of-24-c").unwrap();
    lab.session.ice_restart(lab.now, remote, fresh.clone());
    assert!(lab.session.fragment(&[]).contains(&fresh.pwd));
    assert!(lab.is_heard());
    let client = lab.client.addr;
    assert!(lab.ask(client, &old_check).is_empty(), "old credentials are dead");
    let old = lab.client.addr;
    lab.client.addr = addr("198.51.100.1:6000");
    lab.run(5 * SECOND);
    assert_eq!(lab.speak(1), [lab.client.addr]);
    assert!(lab.events.iter().any(|(_, event)| *event == Event::Forgotten(old)));
    lab.run(60 * SECOND);
    assert!(lab.is_heard());
}
