//! Who is heard, where, and from when on.

use super::*;

#[test]
fn the_caller_is_left_and_the_agent_right_and_neither_in_the_other() {
    let mut line = Line::heard();
    line.both(0, 2000);
    let [left, right] = line.decode();
    let (left, right) = (&left[4000..12_000], &right[4000..12_000]);
    let (caller, agent) = (strength(left, CALLER_TONE), strength(right, AGENT_TONE));
    assert!((7000.0..9000.0).contains(&caller), "{caller}");
    assert!((7000.0..9000.0).contains(&agent), "{agent}");
    // 40 dB.
    assert!(strength(left, AGENT_TONE) < caller / 100.0, "{}", strength(left, AGENT_TONE));
    assert!(strength(right, CALLER_TONE) < agent / 100.0, "{}", strength(right, CALLER_TONE));
}

#[test]
fn a_call_that_nobody_hears_has_no_encoder_and_keeps_its_voices() {
    let mut line = Line::unheard(Config::default());
    line.both(0, 1000);
    assert!(!line.call.is_encoding());
    assert_eq!(line.call.poll_timeout(), None);
    assert!(line.sent.is_empty());
    assert_eq!(line.counts(), Counts { received: 100, ..Counts::default() });

    let mut kept = [0; 8000];
    assert_eq!(line.call.ring(AGENT).read(0, &mut kept), 8000);
    assert_eq!(kept[..], tone(AGENT, 0, 8000));

    line.call.set_heard(line.t0 + Duration::from_secs(1), OPUS).unwrap();
    assert!(line.call.is_encoding());
    line.both(1000, 1040);
    line.call.set_heard(line.t0 + Duration::from_secs(2), Wanted::NOTHING).unwrap();
    assert!(!line.call.is_encoding());
    line.both(1040, 2000);
    assert_eq!(line.counts().encoded, 2);
}

#[test]
fn who_comes_late_hears_the_next_20_ms_and_nothing_before() {
    let mut line = Line::unheard(Config::default());
    line.both(0, 1000);
    line.tone(1020, CALLER, 1000, 20);
    line.call.set_heard(line.t0 + Duration::from_millis(1020), OPUS).unwrap();
    line.drain(line.t0 + Duration::from_millis(1020));
    line.tone(1025, AGENT, 1000, 20);
    line.both(1020, 1060);
    assert_eq!(line.times(), [(1025, 1000), (1040, 1020), (1060, 1040)]);
    assert!(line.sent[0].packet.marker, "the first of all");
    assert!(!line.sent[1].packet.marker);
    assert_eq!(line.sent[0].packet.arrived, line.t0 + Duration::from_millis(1025));
}

#[test]
fn a_packet_leaves_as_soon_as_the_second_voice_is_there() {
    let mut line = Line::heard();
    for slot in 0..50 {
        line.tone(20 * slot + 20, AGENT, 20 * slot, 20);
        line.tone(20 * slot + 27, CALLER, 20 * slot, 20);
    }
    let expected: Vec<_> = (0..50).map(|slot| (20 * slot + 27, 20 * slot)).collect();
    assert_eq!(line.times(), expected);
}

#[test]
fn a_voice_that_was_never_announced_makes_the_other_wait_for_nothing() {
    let mut line = Line::heard();
    line.call = Call::new(Config::default(), &[CALLER]);
    line.call.set_heard(line.t0, OPUS).unwrap();
    for slot in 0..50 {
        line.tone(20 * slot + 20, CALLER, 20 * slot, 20);
    }
    assert!(line.times().iter().all(|&(at, timestamp)| at == timestamp + 20));
    assert_eq!(line.sent.len(), 50);
    let [left, right] = line.decode();
    assert!(strength(&left[1600..], CALLER_TONE) > 7000.0);
    assert!(peak(&right) < 40, "{}", peak(&right));
    assert_eq!(line.counts().missing_samples, 0, "silent, not missing");
}

#[test]
fn a_voice_that_stalls_does_not_hold_up_the_other_and_is_heard_when_it_returns() {
    let mut line = Line::heard();
    line.both(0, 1000);
    for timestamp in (1000..3000).step_by(20) {
        line.tone(timestamp + 20, CALLER, timestamp, 20);
    }
    line.both(3000, 4000);
    let times = line.times();
    assert_eq!(times.len(), 200, "no 20 ms is left out");
    let late = times.iter().filter(|&&(at, timestamp)| at > timestamp + 20).count();
    assert!(late <= 4, "{late} packets waited");
    assert!(times.iter().all(|&(at, timestamp)| at <= timestamp + 80));

    let [left, right] = line.decode();
    assert!(strength(&left[8000..24_000], CALLER_TONE) > 7000.0);
    assert!(peak(&right[9000..24_000]) < 40, "{}", peak(&right[9000..24_000]));
    assert!(strength(&right[24_800..], AGENT_TONE) > 7000.0);
    let counts = line.counts();
    // Its first frame back comes just after the caller's, for which nobody waits any more.
    assert_eq!((counts.absent_samples, counts.missing_samples, counts.late), (16_160, 0, 1), "{counts:?}");
}
