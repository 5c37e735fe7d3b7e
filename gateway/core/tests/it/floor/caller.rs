//! The caller's voice on its way to those on the floor.

use super::*;

/// Lets the caller's frames arrive `held` ms after their regular times, and gives what a bot hears in the ticks
/// from the first frame on.
fn hears(frames: u64, held: impl Fn(u64) -> u64) -> (Vec<i16>, Vec<u8>, FloorCounts) {
    let mut room = Room::new();
    room.party(1, Role::Bot, Mode::Join);
    let said = tone(CALLER_TONE, 0, frames * 160);
    let mut arrivals: Vec<u64> = (0..frames).map(|i| 20 * i + 3 + held(i)).collect();
    // They come in order.
    (1..arrivals.len()).for_each(|i| arrivals[i] = arrivals[i].max(arrivals[i - 1]));
    let mut next = 0;
    while room.now < 20 * frames + 500 {
        while next < arrivals.len() && arrivals[next] <= room.now {
            room.floor.handle_caller(room.time(), &said[next * 160..][..160]);
            next += 1;
        }
        room.run(1);
    }
    let heard = std::mem::take(&mut room.ears.get_mut(&Who::Party(1)).unwrap().left);
    (heard, said, room.floor.take_counts())
}

#[test]
fn it_passes_bit_by_bit_within_20_ms() {
    let (heard, said, counts) = hears(100, |_| 0);
    let mut pcm = vec![0; said.len()];
    g711::decode(&said, &mut pcm);
    let begins = heard.iter().position(|&sample| sample != 0).unwrap();
    assert!(begins <= 161, "{begins}");
    let begins = begins / 160 * 160;
    assert!(heard[begins..begins + pcm.len()] == pcm[..], "as it was said");
    assert_eq!(
        (counts.caller_dropped_samples, counts.caller_missing_samples),
        (0, 800),
        "the end is made up"
    );
}

#[test]
fn frames_that_tremble_wait_no_longer_than_40_ms() {
    // 12 ms of trembling, with a frame each second held up by more.
    let (heard, said, counts) = hears(1000, |i| i * 7 % 13 + if i % 50 == 20 { 15 } else { 0 });
    assert!(counts.caller_missing_samples < 8000, "{counts:?}");
    let mut pcm = vec![0; said.len()];
    g711::decode(&said, &mut pcm);
    let steepest = PEAK * TAU * CALLER_TONE / 8000.0;
    let step =
        heard.windows(2).map(|pair| (f64::from(pair[1]) - f64::from(pair[0])).abs()).fold(0.0, f64::max);
    assert!(step < steepest * 1.7, "no click: {step}");
    // At the end no more waits than what 40 ms allow: the voice is over soon after the last frame.
    let over = heard.iter().rposition(|sample| sample.unsigned_abs() > 2000).unwrap();
    assert!(over < said.len() + (15 + 40 + 60) * 8, "{} ms late", (over - said.len()) / 8);
}

#[test]
fn a_connection_that_was_held_up_does_not_leave_a_delay() {
    // A second of frames at once.
    let (heard, said, counts) = hears(500, |i| if (100..150).contains(&i) { (150 - i) * 20 } else { 0 });
    assert!(counts.caller_dropped_samples >= 4000, "{counts:?}");
    let over = heard.iter().rposition(|sample| sample.unsigned_abs() > 2000).unwrap();
    assert!(over < said.len() + (40 + 60) * 8, "{} ms late", (over - said.len()) / 8);
}

#[test]
fn frames_of_any_length_are_taken() {
    let mut room = Room::new();
    room.party(1, Role::Bot, Mode::Join);
    for length in [0, 1, 159, 161, 1600, 8000, 100_000] {
        room.floor.handle_caller(room.time(), &vec![0x55; length]);
        room.run(20);
    }
    assert!(room.floor.take_counts().caller_dropped_samples > 100_000);
}
