//! Streams that are in disorder, begin anew, or are no speech at all.

use super::*;

/// Two seconds.
fn said() -> (Vec<Sent>, Vec<i16>) {
    encode(&speech(3 * 48_000, false), Coding::default())
}

#[test]
fn numbers_that_roll_over_and_packets_that_come_twice_change_nothing() {
    let (sent, _) = said();
    assert!(sent.iter().any(|packet| packet.sequence == 0), "the sequence rolls over");
    assert!(sent.windows(2).any(|pair| pair[1].timestamp < pair[0].timestamp), "the clock rolls over");
    let (expected, plain, _) = hear(&sent);
    assert_eq!(plain.decoded as usize, sent.len());

    let twice: Vec<Sent> = sent.iter().flat_map(|packet| [packet.clone(), packet.clone()]).collect();
    let (heard, counts, _) = hear(&twice);
    assert!(heard == expected, "it sounds the same");
    assert_eq!(counts.duplicate as usize, sent.len());
    assert_eq!(counts.decoded, plain.decoded);
}

#[test]
fn packets_out_of_order_are_put_in_order() {
    let (mut sent, _) = said();
    let count = sent.len();
    for pair in sent[50..].chunks_exact_mut(2) {
        let arrives = pair[1].arrives;
        pair[1].arrives = pair[0].arrives;
        pair[0].arrives = arrives + 1;
    }
    let (_, counts, delay) = hear(&sent);
    assert_eq!(counts.decoded as usize, count, "{counts:?}");
    assert!(counts.reordered > 40 && counts.concealed_samples <= 800 + 320, "{counts:?}");
    assert!(delay <= Duration::from_millis(70), "{delay:?}");
}

#[test]
fn a_stream_that_begins_anew_is_followed_with_its_second_packet() {
    for (sequence, timestamp) in [(20_000, 0), (0, 5_000_000), (20_000, 3_000_000_000), (50_000, 12)] {
        let (mut sent, _) = said();
        let half = sent.len() / 2;
        for packet in &mut sent[half..] {
            packet.sequence = packet.sequence.wrapping_add(sequence);
            packet.timestamp = packet.timestamp.wrapping_add(timestamp);
        }
        let (heard, counts, _) = hear(&sent);
        assert_eq!((counts.strays, counts.restarts), (1, 1), "{sequence} {timestamp}: {counts:?}");
        assert!(counts.decoded as usize >= sent.len() - 5, "{counts:?}");
        assert!(loudest(&heard[16_000..20_000]) > 1000, "the new one is heard");
    }
}

#[test]
fn a_single_packet_from_elsewhere_disturbs_nothing() {
    let (mut sent, _) = said();
    let (expected, ..) = hear(&sent);
    let mut stray = sent[60].clone();
    stray.sequence = stray.sequence.wrapping_sub(9000);
    stray.timestamp ^= 1 << 31;
    sent.insert(60, stray);
    let (heard, counts, _) = hear(&sent);
    assert_eq!((counts.strays, counts.restarts), (1, 0));
    assert!(heard == expected, "it sounds the same");
}

#[test]
fn who_breaks_off_fades_and_costs_nothing_after_that() {
    let (mut sent, _) = said();
    sent.truncate(60);
    let (heard, counts, _) = hear(&sent);
    let end = (sent.last().unwrap().arrives / 1000 * 8) as usize;
    assert!(loudest(&heard[end + 1600..]) == 0, "silent 200 ms after the last packet");
    assert!((160..=960).contains(&counts.concealed_samples), "{counts:?}");
}

#[test]
fn what_is_no_opus_is_counted_and_does_no_harm() {
    let (mut sent, _) = said();
    let mut noise = Noise(7);
    let bad: [Vec<u8>; 5] =
        [vec![], vec![0x03], vec![0xff, 0xff], vec![0x78; 1501], (0..200).map(|i| i as u8 | 3).collect()];
    for (i, packet) in sent.iter_mut().enumerate() {
        if i % 10 == 3 {
            packet.payload = bad[i / 10 % bad.len()].clone();
        } else if i % 10 == 7 {
            // The first byte stands: it is taken for what it says.
            packet.payload[1..].iter_mut().for_each(|byte| *byte = (noise.chance() * 256.0) as u8);
        }
    }
    let (_, counts, _) = hear(&sent);
    assert!(counts.malformed >= 10, "{counts:?}");
    assert_eq!(counts.received as usize, sent.len());
}

#[test]
fn a_flood_of_packets_is_bounded() {
    let t0 = epoch();
    let (sent, _) = said();
    let mut microphone = Microphone::new(Jitter::default(), t0).unwrap();
    for round in 0..100u16 {
        for packet in &sent {
            let sequence = packet.sequence.wrapping_add(round);
            let timestamp = packet.timestamp.wrapping_add(u32::from(round) * 7);
            microphone.handle_rtp(t0, Rtp { sequence, timestamp, marker: false, payload: &packet.payload });
        }
    }
    let counts = microphone.take_counts();
    assert!(counts.overrun > 0, "{counts:?}");
    // What is left is heard within the longest delay and a bit.
    for slot in 0..200 {
        microphone.next(t0 + Duration::from_millis(20 * slot));
    }
    assert!(microphone.is_idle());
}

#[test]
fn a_cut_drops_what_waits_and_what_was_sent_before() {
    let t0 = epoch();
    let (sent, _) = said();
    let mut microphone = Microphone::new(Jitter::default(), t0).unwrap();
    let mut slot = 0;
    let mut run = |microphone: &mut Microphone, packets: &[Sent]| {
        let mut heard = Vec::new();
        for packet in packets {
            let now = t0 + Duration::from_millis(20 * slot);
            slot += 1;
            let &Sent { sequence, timestamp, ref payload, .. } = packet;
            microphone.handle_rtp(now, Rtp { sequence, timestamp, marker: false, payload });
            heard.extend(microphone.next(now).pcm);
        }
        (heard, t0 + Duration::from_millis(20 * slot))
    };
    let (heard, now) = run(&mut microphone, &sent[..41]);
    assert!(loudest(&heard) > 1000);
    let tail = microphone.cut(now);
    assert!(
        loudest(&tail.pcm) > 0 && tail.pcm[40..].iter().all(|&sample| sample == 0),
        "it fades within 5 ms"
    );
    assert!(microphone.next(now).silent && microphone.is_idle());

    // Packets of before that were on their way.
    let (heard, _) = run(&mut microphone, &[sent[38].clone(), sent[40].clone(), sent[39].clone()]);
    assert_eq!(loudest(&heard), 0);
    assert!(microphone.take_counts().late >= 3);
    let (heard, _) = run(&mut microphone, &sent[44..]);
    assert!(loudest(&heard) > 1000, "what is said after it is heard");
}

#[test]
fn what_was_said_before_a_cut_and_comes_after_it_is_dropped() {
    let t0 = epoch();
    let (sent, _) = said();
    let mut microphone = Microphone::new(Jitter::default(), t0).unwrap();
    let at = |slot: usize| t0 + Duration::from_millis(20 * slot as u64);
    let take = |microphone: &mut Microphone, slot: usize, packet: usize| {
        let &Sent { sequence, timestamp, ref payload, .. } = &sent[packet];
        microphone.handle_rtp(at(slot), Rtp { sequence, timestamp, marker: false, payload });
        loudest(&microphone.next(at(slot)).pcm)
    };
    (0..40).for_each(|slot| _ = take(&mut microphone, slot, slot));
    // Four packets are held up; meanwhile it is cut.
    (40..44).for_each(|slot| _ = microphone.next(at(slot)));
    microphone.cut(at(43) + Duration::from_millis(10));
    for (slot, packet) in [(44, 40), (44, 41), (45, 43), (46, 42)] {
        assert_eq!(take(&mut microphone, slot, packet), 0, "{packet}");
    }
    let heard: Vec<u16> = (47..100).map(|slot| take(&mut microphone, slot, slot)).collect();
    assert!(heard.into_iter().max() > Some(1000), "what is said after it is heard");
}

fn loudest(pcm: &[i16]) -> u16 {
    pcm.iter().map(|sample| sample.unsigned_abs()).max().unwrap()
}
