//! A call that is heard in mu-law: no encoder, and the telephone's own bytes where one side speaks.

use std::time::Duration;

use gateway_core::call::{Config, Wanted};
use gateway_core::frame::{Codec, Packet};
use gateway_core::g711::{self, SILENCE};

use super::{AGENT, AGENT_TONE, CALLER, CALLER_TONE, Line, strength, tone};

const PCMU: Wanted = Wanted { opus: false, pcmu: true };

#[test]
fn one_voice_arrives_byte_for_byte() {
    for (speaks, listens) in [(CALLER, AGENT), (AGENT, CALLER)] {
        let mut line = line(PCMU);
        for at in (0..200).step_by(20) {
            line.tone(at + 20, speaks, at, 20);
            line.frame(at + 20, listens, at, &[SILENCE; 160]);
        }
        let heard: Vec<u8> = packets(&line).flat_map(|packet| packet.payload.to_vec()).collect();
        assert_eq!(heard, tone(speaks, 0, 1600), "{speaks:?}");
        assert!(!line.call.is_encoding());
        let counts = line.counts();
        assert_eq!((counts.encoded, counts.relayed), (0, 10));
    }
}

#[test]
fn two_voices_are_heard_together() {
    let mut line = line(PCMU);
    line.both(0, 1000);
    let mut pcm = vec![0; 8000];
    let heard: Vec<u8> = packets(&line).flat_map(|packet| packet.payload.to_vec()).collect();
    g711::decode(&heard, &mut pcm);
    for hertz in [CALLER_TONE, AGENT_TONE] {
        let strength = strength(&pcm, hertz);
        assert!((7500.0..8500.0).contains(&strength), "{hertz} Hz at {strength}");
    }
}

#[test]
fn silence_is_sent_and_a_hole_of_both_is_not() {
    let mut line = line(PCMU);
    for at in (0..1000).step_by(20) {
        line.frame(at + 20, CALLER, at, &[SILENCE; 160]);
        line.frame(at + 20, AGENT, at, &[SILENCE; 160]);
    }
    assert_eq!(packets(&line).count(), 50);
    assert!(packets(&line).all(|packet| packet.payload[..] == [SILENCE; 160]));

    line.both(3000, 3200);
    line.run_to(4000);
    let again = packets(&line).find(|packet| packet.timestamp >= 3000 * 8).unwrap();
    assert!(again.marker, "a pause came before it");
    assert_eq!(packets(&line).filter(|packet| packet.marker).count(), 2, "the first, and that one");
    assert!(packets(&line).count() < 70, "not the whole hole");
}

#[test]
fn who_hears_which_codec_does_not_matter_to_the_others() {
    let both = Wanted { opus: true, pcmu: true };
    let mut line = line(both);
    line.both(0, 200);
    let times = |line: &Line, codec| {
        let of = packets(line).filter(move |packet| packet.codec == codec);
        of.map(|packet| packet.timestamp).collect::<Vec<_>>()
    };
    let all: Vec<u64> = (0..10).map(|slot| slot * 160).collect();
    assert_eq!((times(&line, Codec::Opus), times(&line, Codec::Pcmu)), (all.clone(), all));

    line.call.set_heard(line.t0 + Duration::from_millis(200), PCMU).unwrap();
    assert!(!line.call.is_encoding());
    line.both(200, 400);
    assert_eq!((times(&line, Codec::Opus).len(), times(&line, Codec::Pcmu).len()), (10, 20));

    line.call.set_heard(line.t0 + Duration::from_millis(400), both).unwrap();
    line.both(400, 600);
    assert_eq!((times(&line, Codec::Opus).len(), times(&line, Codec::Pcmu).len()), (20, 30));
    let markers =
        packets(&line).filter(|packet| packet.marker).map(|packet| (packet.codec, packet.timestamp));
    let expected = [(Codec::Opus, 0), (Codec::Pcmu, 0), (Codec::Opus, 3200)];
    assert_eq!(markers.collect::<Vec<_>>(), expected, "the new encoder begins, mu-law goes on");
}

#[test]
fn what_is_lost_is_filled_in_mu_law_too() {
    let mut line = line(PCMU);
    for at in (0..1000).step_by(20) {
        if at != 500 {
            line.tone(at + 20, CALLER, at, 20);
        }
        line.frame(at + 20, AGENT, at, &[SILENCE; 160]);
    }
    line.run_to(2000);
    let heard: Vec<u8> = packets(&line).flat_map(|packet| packet.payload.to_vec()).collect();
    let mut pcm = vec![0; heard.len()];
    g711::decode(&heard, &mut pcm);
    assert!(strength(&pcm[4000..4160], CALLER_TONE) > 3000.0, "the tone goes on through the hole");
}

fn line(wanted: Wanted) -> Line {
    let mut line = Line::unheard(Config::default());
    line.call.set_heard(line.t0, wanted).expect("libopus is there");
    line
}

fn packets(line: &Line) -> impl Iterator<Item = &Packet> {
    line.sent.iter().map(|sent| &sent.packet)
}
