//! What becomes of speech on good paths and bad ones.

use super::*;

/// So much speech: 12 s.
const LENGTH: usize = 12 * 48_000;

#[test]
fn on_a_clean_path_speech_is_heard_as_it_was_said_and_soon() {
    let speech = speech(LENGTH / 2, false);
    for frame in [10, 20, 40, 60] {
        for (channels, bitrate) in
            [(Channels::Mono, 16_000), (Channels::Mono, 32_000), (Channels::Stereo, 128_000)]
        {
            let coding = Coding { channels, bitrate, frame, ..Coding::default() };
            let (sent, original) = encode(&speech, coding);
            let (heard, counts, _) = hear(&sent);
            let score = score(&original, &heard);
            assert!(score.likeness > 0.99 && score.broken == 0.0, "{coding:?}: {score:?} {counts:?}");
            assert!((0..40).contains(&added(&score, frame)), "{coding:?}: {} ms", added(&score, frame));
            assert_eq!(
                (counts.late, counts.overrun, counts.undecodable),
                (0, 0, 0),
                "{coding:?}: {counts:?}"
            );
        }
    }
}

#[test]
fn with_jitter_and_loss_speech_stays_intelligible() {
    for (fec, least, most) in [(true, 0.97, 0.03), (false, 0.92, 0.1)] {
        let (mut sent, original) = encode(&speech(LENGTH, false), Coding { fec, ..Coding::default() });
        let mut noise = Noise(99);
        sent.retain(|_| noise.chance() >= 0.05);
        for packet in &mut sent {
            packet.arrives += (noise.chance() * 40_000.0) as u64;
        }
        let (heard, counts, _) = hear(&sent);
        let score = score(&original, &heard);
        assert!(score.likeness > least && score.broken < most, "fec {fec}: {score:?} {counts:?}");
        assert!(added(&score, 20) < 100, "fec {fec}: {} ms", added(&score, 20));
        assert_eq!(counts.recovered > 10, fec, "{counts:?}");
    }
}

#[test]
fn a_clock_that_drifts_is_followed() {
    for drift in [-0.0005, 0.0005] {
        let (mut sent, original) = encode(&speech(60 * 48_000, false), Coding::default());
        for packet in &mut sent {
            packet.arrives = (packet.arrives as f64 * (1.0 + drift)) as u64;
        }
        let (heard, counts, _) = hear(&sent);
        // At the end of a minute the clocks are 30 ms apart.
        let end = original.len() - 10 * 8000;
        let moved = (end as f64 * drift) as isize;
        let heard = &heard[end.checked_add_signed(moved).unwrap()..];
        let score = score(&original[end..], heard);
        assert!(score.likeness > 0.95, "{drift}: {score:?} {counts:?}");
        assert!((0..50).contains(&added(&score, 20)), "{drift}: {} ms", added(&score, 20));
        let corrected = if drift < 0.0 { counts.shortened_samples } else { counts.lengthened_samples };
        assert!((100..1000).contains(&corrected), "240 samples apart: {counts:?}");
        assert!(counts.concealed_samples < 1600, "{counts:?}");
    }
}

#[test]
fn a_path_that_stalls_loses_little_and_comes_back_to_a_short_delay() {
    let (mut sent, original) = encode(&speech(LENGTH, false), Coding::default());
    // For 150 ms nothing comes, then all of it at once.
    for packet in &mut sent {
        let stall = 5_000_000..5_150_000;
        if stall.contains(&packet.arrives) {
            packet.arrives = stall.end;
        }
    }
    let (heard, counts, _) = hear(&sent);
    let score = score(&original, &heard);
    assert!(score.likeness > 0.97, "{score:?} {counts:?}");
    assert!(added(&score, 20) < 60, "{} ms", added(&score, 20));
    assert!(counts.overrun + counts.late <= 8, "{counts:?}");
}

#[test]
fn a_path_that_becomes_longer_or_shorter_is_followed() {
    for (before, after) in [(0, 120_000), (120_000, 0)] {
        let (mut sent, original) = encode(&speech(2 * LENGTH, false), Coding::default());
        for packet in &mut sent {
            packet.arrives += if packet.arrives < 6_000_000 { before } else { after };
        }
        let (heard, counts, _) = hear(&sent);
        let end = original.len() - 10 * 8000;
        let score = score(&original[end..], &heard[end + after as usize / 1000 * 8..]);
        let added = added(&score, 20);
        assert!((0..50).contains(&added), "{before} {after}: {added} ms {score:?} {counts:?}");
        assert!(score.likeness > 0.97, "{before} {after}: {score:?} {counts:?}");
    }
}

#[test]
fn pauses_that_are_not_sent_are_silent_and_no_loss() {
    let coding = Coding { dtx: true, bitrate: 24_000, ..Coding::default() };
    let (sent, original) = encode(&speech(3 * LENGTH, true), coding);
    assert!(sent.len() < original.len() / 160 * 9 / 10, "pauses are not sent");
    let (heard, counts, _) = hear(&sent);
    let score = score(&original, &heard);
    assert!(score.likeness > 0.98 && score.broken < 0.02, "{score:?} {counts:?}");
    assert!((0..45).contains(&added(&score, 20)), "{} ms", added(&score, 20));
    // What is made up after the last packet.
    assert!(counts.concealed_samples <= 800, "{counts:?}");
}
