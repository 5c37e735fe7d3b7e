//! Silence is not sent, and its end is clean.

use gateway_core::call::Setting;

use super::*;

#[test]
fn silence_ends_in_single_bytes_400_ms_apart() {
    let mut line = Line::heard();
    line.both(0, 200);
    hum(&mut line, 200, 2000);
    line.both(2000, 2200);

    let quiet: Vec<_> = line.sent.iter().filter(|sent| sent.packet.payload.len() == 1).collect();
    let times: Vec<_> = quiet.iter().map(|sent| (sent.at, sent.packet.timestamp / 8)).collect();
    // Five packets of hangover, then at once, then every 400 ms.
    assert_eq!(times, [(320, 300), (720, 700), (1120, 1100), (1520, 1500), (1920, 1900)]);
    // RFC 6716, section 3.1: configuration 19, CELT, narrowband, 20 ms; stereo; one frame.
    assert!(quiet.iter().all(|sent| sent.packet.payload[..] == [19 << 3 | 1 << 2]));
    assert_eq!(line.sent.len(), 10 + 5 + 5 + 10);
    let marked: Vec<_> =
        line.sent.iter().filter(|sent| sent.packet.marker).map(|sent| sent.packet.timestamp / 8).collect();
    assert_eq!(marked, [0, 2000]);
    let counts = line.counts();
    assert_eq!((counts.encoded, counts.comfort), (25, 5));
}

#[test]
fn one_silent_side_does_not_silence_the_other() {
    let mut line = Line::heard();
    for timestamp in (0..2000).step_by(20) {
        line.frame(timestamp + 20, CALLER, timestamp, &[0xff; 160]);
        line.tone(timestamp + 20, AGENT, timestamp, 20);
    }
    assert_eq!(line.counts().encoded, 100);
    let [left, right] = line.decode();
    assert!(strength(&right[1600..], AGENT_TONE) > 7000.0);
    assert!(peak(&left) < 40, "{}", peak(&left));
}

#[test]
fn a_voice_after_silence_is_whole_at_once_and_does_not_click() {
    let (mut paused, mut fresh) = (Line::heard(), Line::heard());
    paused.both(0, 500);
    hum(&mut paused, 500, 3000);
    paused.both(3000, 3500);
    fresh.both(3000, 3500);

    let ([after, _], [wanted, _]) = (paused.decode(), fresh.decode());
    let pause = &after[5000..24_000];
    assert_eq!(peak(pause), 0, "nothing is heard in the pause");
    let after = &after[24_000..];
    let limit = steepest(&wanted[1600..]) * 3 / 2;
    assert!(steepest(after) <= limit, "{} for {limit}", steepest(after));
    // Within the first 20 ms it must be as strong as it is for who came with it.
    for slot in 0..10 {
        let stretch = 160 * slot + 20..160 * (slot + 1) + 20;
        let (heard, wanted) =
            (strength(&after[stretch.clone()], CALLER_TONE), strength(&wanted[stretch], CALLER_TONE));
        assert!((heard / wanted - 1.0).abs() < 0.1, "slot {slot}: {heard} for {wanted}");
    }
}

#[test]
fn a_listener_who_comes_in_silence_is_told_of_it_at_once() {
    let mut line = Line::unheard(Config::default());
    hum(&mut line, 0, 1000);
    line.call.set_heard(line.t0 + Duration::from_secs(1), OPUS).unwrap();
    hum(&mut line, 1000, 1400);
    assert_eq!(line.times()[0], (1020, 1000));
    assert_eq!(line.sent.len(), 6);
}

#[test]
fn who_comes_in_a_pause_hears_the_first_word_as_loud_as_the_others_do() {
    // From complexity 4 on libopus decides otherwise what a packet leans on.
    for complexity in [0, 5] {
        let opus = Setting { complexity, ..Setting::default() };
        let mut line = Line::unheard(Config { opus, ..Config::default() });
        line.call.set_heard(line.t0, OPUS).unwrap();
        line.both(0, 500);
        hum(&mut line, 500, 3000);
        line.both(3000, 3500);
        let [[all, _], [late, _]] = [line.decode(), line.decode_from(2600)];
        let (all, late) = (&all[24_000..24_180], &late[late.len() - 4000..late.len() - 3820]);
        let (all, late) = (strength(all, CALLER_TONE), strength(late, CALLER_TONE));
        assert!((late / all - 1.0).abs() < 0.05, "complexity {complexity}: {late} for {all}");
    }
}

/// Both sides say nothing: zeros of either sign and the steps next to them.
fn hum(line: &mut Line, from: u64, to: u64) {
    let idle: Vec<u8> = (0..160).map(|i| [0xff, 0x7f, 0xfe, 0x7e][i % 4]).collect();
    for timestamp in (from..to).step_by(20) {
        for track in Track::ALL {
            line.frame(timestamp + 20, track, timestamp, &idle);
        }
    }
}
