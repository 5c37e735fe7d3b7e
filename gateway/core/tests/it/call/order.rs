//! Frames that are twice there, missing, late, early, out of order, or of any length.

use super::*;

#[test]
fn a_frame_that_comes_twice_is_heard_once() {
    let (mut once, mut twice) = (Line::heard(), Line::heard());
    once.both(0, 1000);
    for timestamp in (0..1000).step_by(20) {
        for track in [CALLER, AGENT, AGENT, CALLER] {
            twice.tone(timestamp + 20, track, timestamp, 20);
        }
    }
    assert_eq!(once.decode(), twice.decode());
    assert_eq!(twice.counts().duplicate, 100);
    assert_eq!(once.counts().duplicate, 0);
}

#[test]
fn frames_out_of_order_are_put_right_within_the_wait() {
    let (mut straight, mut swapped) = (Line::heard(), Line::heard());
    straight.both(0, 1000);
    for timestamp in (0..1000).step_by(40) {
        swapped.tone(timestamp + 20, CALLER, timestamp, 20);
        swapped.tone(timestamp + 40, AGENT, timestamp + 20, 20);
        swapped.tone(timestamp + 40, AGENT, timestamp, 20);
        swapped.tone(timestamp + 40, CALLER, timestamp + 20, 20);
    }
    // The very first frame of the agent has no predecessor to wait for, so what comes after it is late.
    let (straight, heard) = (straight.decode(), swapped.decode());
    assert_eq!(straight[0].len(), heard[0].len());
    assert!(strength(&heard[1][800..], AGENT_TONE) > 0.99 * strength(&straight[1][800..], AGENT_TONE));
    let counts = swapped.counts();
    assert_eq!((counts.reordered, counts.late), (24, 1), "{counts:?}");
    assert!(counts.missing_samples <= 160, "{counts:?}");
}

#[test]
fn a_missing_frame_is_waited_for_60_ms_and_then_concealed() {
    let mut line = Line::heard();
    line.both(0, 1000);
    for timestamp in (1000..2000).step_by(20) {
        line.tone(timestamp + 20, CALLER, timestamp, 20);
        if timestamp != 1500 {
            line.tone(timestamp + 20, AGENT, timestamp, 20);
        }
    }
    let times = line.times();
    assert_eq!(times.len(), 100);
    // The caller's frame came at 1520: the agent's may come until 1580, when all that waited behind it leaves.
    let at = |slot: usize| times[slot].0;
    assert_eq!([at(74), at(75), at(76), at(77), at(78)], [1500, 1580, 1580, 1580, 1580]);

    let counts = line.counts();
    assert_eq!((counts.gaps, counts.missing_samples, counts.late), (1, 160, 0), "{counts:?}");
    let [_, right] = line.decode();
    let filled = strength(&right[12_020..12_180], AGENT_TONE);
    assert!(filled > 3000.0, "the tone goes on: {filled}");
    let limit = steepest(&right[8000..11_000]) * 3 / 2;
    assert!(steepest(&right[11_800..12_600]) <= limit, "no click");
}

#[test]
fn a_frame_that_comes_after_its_time_is_kept_but_not_heard() {
    let mut line = Line::heard();
    line.both(0, 1000);
    for timestamp in (1000..1200).step_by(20) {
        line.tone(timestamp + 20, CALLER, timestamp, 20);
        if timestamp != 1000 {
            line.tone(timestamp + 20, AGENT, timestamp, 20);
        }
    }
    line.tone(1200, AGENT, 1000, 20);
    line.both(1200, 1300);
    let counts = line.counts();
    assert_eq!((counts.late, counts.duplicate, counts.gaps), (1, 0, 1), "{counts:?}");
    let mut kept = [0; 160];
    assert_eq!(line.call.ring(AGENT).read(8000, &mut kept), 160);
    assert_eq!(kept[..], tone(AGENT, 8000, 160));
    assert_eq!(line.sent.len(), 65);
}

#[test]
fn a_long_hole_in_both_voices_is_passed_over_and_makes_no_flood() {
    let mut line = Line::heard();
    line.both(0, 1000);
    // Nothing for two seconds: Twilio threw it away.
    line.both(3000, 4000);
    let during = line.sent.iter().filter(|sent| (1000..3000).contains(&(sent.packet.timestamp / 8)));
    assert!(during.count() <= 6, "concealed, then one packet that says silence");
    assert_eq!(line.times().last(), Some(&(4020 - 20, 3980)));
    let resumed = line.sent.iter().find(|sent| sent.packet.timestamp == 3000 * 8).unwrap();
    assert!(resumed.packet.marker);
    let counts = line.counts();
    assert_eq!((counts.gaps, counts.missing_samples), (2, 32_000), "{counts:?}");
    let [left, _] = line.decode();
    assert!(peak(&left[10_000..23_900]) < 40, "{}", peak(&left[10_000..23_900]));
    assert!(strength(&left[24_400..], CALLER_TONE) > 7000.0);
}

#[test]
fn two_seconds_that_come_at_once_leave_at_once() {
    let mut line = Line::heard();
    line.both(0, 1000);
    // A stall of the connection; then all of it, one voice after the other.
    for track in [AGENT, CALLER] {
        for timestamp in (1000..3000).step_by(20) {
            line.tone(3010, track, timestamp, 20);
        }
    }
    line.both(3000, 4000);
    let times = line.times();
    assert_eq!(times.len(), 200);
    assert!(times[50..150].iter().all(|&(at, _)| at == 3010));
    assert!(times[150..].iter().all(|&(at, timestamp)| at == timestamp + 20), "and no delay stays");
    let [left, right] = line.decode();
    assert!(strength(&left[1600..], CALLER_TONE) > 7900.0 * 0.95);
    assert!(strength(&right[1600..], AGENT_TONE) > 7900.0 * 0.95);
    let counts = line.counts();
    assert_eq!((counts.overrun, counts.missing_samples, counts.late), (0, 0, 0), "{counts:?}");
}

#[test]
fn frames_of_any_length_make_packets_of_20_ms() {
    for samples in [1, 24, 80, 200, 240, 480, 799, 1600] {
        let mut line = Line::heard();
        let mut at = [0; 2];
        for _ in 0..16_000 / samples {
            for (at, track) in at.iter_mut().zip(Track::ALL) {
                let arrival = (*at + samples as u64) / 8;
                line.frame(arrival, track, *at / 8, &tone(track, *at, samples));
                *at += samples as u64;
            }
        }
        let packets = 16_000 / samples * samples / 160;
        assert_eq!(line.sent.len(), packets, "{samples} samples");
        for (slot, sent) in line.sent.iter().enumerate() {
            assert_eq!(sent.packet.timestamp, 160 * slot as u64);
        }
        let counts = line.counts();
        assert_eq!((counts.duplicate, counts.missing_samples), (0, 0), "{samples} samples: {counts:?}");
        let [left, right] = line.decode();
        let (caller, agent) = (strength(&left[1600..], CALLER_TONE), strength(&right[1600..], AGENT_TONE));
        assert!(caller > 7500.0 && agent > 7500.0, "{samples} samples: {caller}, {agent}");
    }
}

#[test]
fn voices_out_of_step_are_brought_into_step_without_waiting() {
    for offset in [1, 5, 9, 11, 15, 19] {
        let mut line = Line::heard();
        for slot in 0..100 {
            line.tone(20 * slot + 25, CALLER, 20 * slot + 5, 20);
            line.tone(20 * slot + 25 + offset, AGENT, 20 * slot + 5 + offset, 20);
        }
        let counts = line.counts();
        assert_eq!((counts.missing_samples, counts.late, counts.jumps), (0, 0, 0), "{offset} ms: {counts:?}");
        // Up to 10 ms the agent's frame belongs to the slot that began before it, else to the next.
        let wait = if offset <= 10 { offset } else { 0 };
        for (slot, &(at, timestamp)) in line.times().iter().enumerate().skip(5) {
            assert_eq!((at, timestamp), (20 * slot as u64 + 25 + wait, 20 * slot as u64 + 5), "{offset} ms");
        }
    }
}

#[test]
fn what_is_no_frame_is_refused() {
    let mut line = Line::heard();
    line.frame(0, CALLER, 0, &[]);
    line.frame(0, CALLER, 0, &[0xff; 8001]);
    line.frame(0, CALLER, u64::MAX, &[0xff; 160]);
    assert_eq!(line.counts(), Counts { received: 3, refused: 3, ..Counts::default() });
    line.both(0, 100);
    assert_eq!(line.sent.len(), 5);
}

#[test]
fn timestamps_that_tremble_do_no_harm() {
    let mut line = Line::heard();
    for slot in 0..200u64 {
        let trembling = 20 * slot + [0, 4, 1, 3, 0, 2][slot as usize % 6];
        for track in Track::ALL {
            line.frame(20 * slot + 20, track, trembling, &tone(track, 160 * slot, 160));
        }
    }
    let counts = line.counts();
    assert_eq!((counts.missing_samples, counts.late, counts.duplicate), (0, 0, 0), "{counts:?}");
    assert_eq!(line.sent.len(), 200);
}
