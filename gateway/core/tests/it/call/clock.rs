//! Clocks that do not begin at zero, jump, start again, or run too fast.

use super::*;

#[test]
fn a_stream_may_begin_at_any_time() {
    for first in [5, 3_600_000, 1 << 52] {
        let mut line = Line::heard();
        for slot in 0..50 {
            for track in Track::ALL {
                line.tone(20 * slot + 20, track, first + 20 * slot, 20);
            }
        }
        assert_eq!(line.sent.len(), 50);
        assert_eq!(line.sent[0].packet.timestamp, first * 8);
        assert_eq!(line.counts(), Counts { received: 100, encoded: 50, ..Counts::default() });
    }
}

#[test]
fn a_clock_that_jumps_is_followed_at_the_cost_of_20_ms() {
    // To where the second half's clock jumps, in ms.
    for jumped in [0, 500, 100_000, 1 << 40] {
        let mut line = Line::heard();
        let start = 10_000;
        for slot in 0..250 {
            for track in Track::ALL {
                let clock = if slot < 125 { start } else { jumped };
                let ulaw = tone(track, 160 * slot, 160);
                line.frame(20 * slot + 20, track, clock + 20 * slot, &ulaw);
            }
        }
        let counts = line.counts();
        assert!(counts.jumps == 2 && counts.stray <= 2, "to {jumped}: {counts:?}");
        assert!(line.sent.len() >= 249, "to {jumped}: {} packets", line.sent.len());
        let times = line.times();
        let (first, last) = (times[0].1, times[times.len() - 1].1);
        assert!(last - first <= 20 * 250, "to {jumped}: no time that has not passed");
        assert!(times.iter().all(|&(at, timestamp)| at + start <= timestamp + 100), "to {jumped}: no delay");
        let [left, right] = line.decode();
        let end = left.len() - 8000;
        assert!(strength(&left[end..], CALLER_TONE) > 7000.0, "to {jumped}");
        assert!(strength(&right[end..], AGENT_TONE) > 7000.0, "to {jumped}");
    }
}

#[test]
fn a_clock_that_went_on_while_nothing_came_is_believed() {
    let mut line = Line::heard();
    line.both(0, 1000);
    line.both(61_000, 62_000);
    assert_eq!(line.times().last(), Some(&(62_000, 61_980)));
    assert!(line.sent.len() <= 106, "{} packets: no flood of silence", line.sent.len());
    assert_eq!(line.counts().stray, 0);
}

#[test]
fn a_clock_that_stood_still_goes_on_where_it_was() {
    let mut line = Line::heard();
    line.both(0, 1000);
    for slot in 50..100 {
        for track in Track::ALL {
            line.tone(60_000 + 20 * slot, track, 20 * slot, 20);
        }
    }
    assert_eq!(line.sent.len(), 100);
    assert_eq!(line.counts(), Counts { received: 200, encoded: 100, ..Counts::default() });
}

#[test]
fn one_frame_with_a_wild_timestamp_changes_nothing() {
    for wild in [0, 100_000, 1 << 50] {
        let mut line = Line::heard();
        for slot in 0..100 {
            for track in Track::ALL {
                let timestamp = if slot == 50 && track == AGENT { wild } else { 10_000 + 20 * slot };
                line.tone(20 * slot + 20, track, timestamp, 20);
            }
        }
        let counts = line.counts();
        assert_eq!((counts.stray, counts.jumps, counts.missing_samples), (1, 0, 160), "{wild}: {counts:?}");
        assert_eq!(line.sent.len(), 100, "{wild}");
    }
}

#[test]
fn a_voice_that_is_always_late_is_moved_to_where_it_is_heard() {
    for behind in [100, 300, 900] {
        let mut line = Line::heard();
        for slot in 0..250 {
            line.tone(20 * slot + 20, CALLER, 20 * slot, 20);
            if 20 * slot >= behind {
                line.tone(20 * slot + 20, AGENT, 20 * slot - behind, 20);
            }
        }
        let [left, right] = line.decode();
        let counts = line.counts();
        assert!(strength(&left[32_000..], CALLER_TONE) > 7500.0, "{behind} ms");
        assert!(strength(&right[32_000..], AGENT_TONE) > 7500.0, "{behind} ms: {counts:?}");
        assert_eq!(counts.jumps, 1, "{behind} ms: {counts:?}");
        let times = line.times();
        assert!(times[200..].iter().all(|&(at, timestamp)| at <= timestamp + 20), "and nobody waits");
    }
}

#[test]
fn a_voice_that_comes_in_long_frames_is_heard_whole_after_a_second() {
    let mut line = Line::heard();
    for slot in 0..250 {
        line.tone(20 * slot + 20, CALLER, 20 * slot, 20);
        if slot % 10 == 9 {
            line.tone(20 * slot + 20, AGENT, 20 * slot - 180, 200);
        }
    }
    let [_, right] = line.decode();
    assert!(strength(&right[32_000..39_000], AGENT_TONE) > 7500.0, "{:?}", line.counts());
}

#[test]
fn audio_faster_than_real_time_is_cut_to_real_time() {
    let mut line = Line::heard();
    for slot in 0..3000 {
        for track in Track::ALL {
            // Four times too fast, for 15 seconds.
            line.tone(5 * slot, track, 20 * slot, 20);
        }
    }
    let most = (15_000.0 * 1.001 + 3000.0) / 20.0;
    assert!((most - 60.0..=most).contains(&(line.sent.len() as f64)), "{} packets", line.sent.len());
    assert!(line.counts().overrun > 1000);
}
