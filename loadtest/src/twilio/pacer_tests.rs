use std::collections::BTreeSet;

use base64::Engine as _;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::twilio::spec::{Account, Burst, Chunks, Gap, Stall};
use crate::twilio::wire::Ids;

/// A media message: track, sequence number, timestamp, audio.
type Media = (String, u64, u64, Vec<u8>);

#[test]
fn each_frame_is_20_ms_later_and_has_20_ms_of_each_voice() {
    let caller: Vec<u8> = (0..480).map(|i| (i % 100) as u8).collect();
    let spec = spec().saying(Audio::ulaw(caller.clone()), Audio::ulaw(vec![7; 320]));
    let mut pacer = pacer(&spec, Tracks::Both, None);
    pacer.talk(Duration::ZERO, Duration::ZERO);
    let mut media = Vec::new();
    for n in 0..4 {
        assert_eq!(pacer.due(), Duration::from_millis(20 * n));
        assert_eq!(tick(&mut pacer, &mut media), Next::Tick);
    }
    let expected: Vec<Media> = vec![
        ("outbound".into(), 1, 5, vec![7; 160]),
        ("inbound".into(), 2, 5, caller[..160].to_vec()),
        ("outbound".into(), 3, 25, vec![7; 160]),
        ("inbound".into(), 4, 25, caller[160..320].to_vec()),
        ("outbound".into(), 5, 45, vec![0xFF; 160]),
        ("inbound".into(), 6, 45, caller[320..].to_vec()),
        ("outbound".into(), 7, 65, vec![0xFF; 160]),
        ("inbound".into(), 8, 65, vec![0xFF; 160]),
    ];
    assert_eq!(media, expected);
    assert_eq!((pacer.sent().inbound, pacer.sent().outbound), (4, 4));
}

#[test]
fn until_the_conversation_begins_there_is_silence() {
    let spec = spec().saying(Audio::ulaw(vec![1; 320]), Audio::silence());
    let mut late = pacer(&spec, Tracks::Inbound, None);
    late.talk(Duration::ZERO, Duration::from_millis(21));
    let first: Vec<u8> = all(&mut late, 4).into_iter().map(|(.., audio)| audio[0]).collect();
    assert_eq!(first, [0xFF, 0xFF, 1, 1], "21 ms after the opening is the third frame");

    let mut early = pacer(&spec, Tracks::Inbound, None);
    early.talk(Duration::from_millis(39), Duration::ZERO);
    let first: Vec<u8> = all(&mut early, 2).into_iter().map(|(.., audio)| audio[0]).collect();
    assert_eq!(first, [1, 0xFF], "39 ms before is one frame that nobody heard");
}

#[test]
fn a_call_is_over_after_exactly_its_length() {
    for (length, expected) in [(0, 0), (1, 1), (20, 1), (21, 2), (1000, 50)] {
        let mut pacer = pacer(&spec(), Tracks::Inbound, Some(Duration::from_millis(length)));
        let mut media = Vec::new();
        while tick(&mut pacer, &mut media) == Next::Tick {}
        assert_eq!(media.len(), expected, "{length} ms");
        assert!(pacer.ends_well());
    }
}

#[test]
fn any_frame_length_carries_the_same_audio() {
    let speech: Vec<u8> = (0..1600).map(|i| (i % 251) as u8).collect();
    for frame_ms in [10, 20, 50, 100] {
        let spec = CallSpec { frame_ms, ..spec().saying(Audio::ulaw(speech.clone()), Audio::silence()) };
        let mut pacer = pacer(&spec, Tracks::Inbound, None);
        pacer.talk(Duration::ZERO, Duration::ZERO);
        let sent: Vec<u8> =
            all(&mut pacer, 200 / frame_ms).into_iter().flat_map(|(.., audio)| audio).collect();
        assert_eq!(sent, speech, "{frame_ms} ms");
    }
}

#[test]
fn every_nth_frame_is_duplicated_to_the_byte() {
    let mut pacer = with(Faults { duplicate_every: nth(3), ..Faults::default() });
    let sent = all(&mut pacer, 6);
    assert_eq!(timestamps(&sent), [5, 25, 45, 45, 65, 85, 105, 105]);
    assert_eq!(sent[2], sent[3], "sequence number and all");
    assert_eq!((pacer.sent().duplicates, pacer.sent().inbound), (2, 6));
}

#[test]
fn every_nth_frame_comes_after_its_successor() {
    let mut pacer = with(Faults { reorder_every: nth(2), ..Faults::default() });
    let sent = all(&mut pacer, 6);
    // The sixth still waits for the seventh.
    assert_eq!(timestamps(&sent), [5, 45, 25, 85, 65]);
    assert_eq!(
        sent.iter().map(|media| media.1).collect::<Vec<_>>(),
        [1, 3, 2, 5, 4],
        "as they were numbered"
    );
    let mut last = Vec::new();
    pacer.release(&mut |text| last.push(media(text)));
    assert_eq!(timestamps(&last), [105], "and is not lost at the end");
}

#[test]
fn a_gap_jumps_in_time_and_not_in_sequence() {
    let gap = Gap { every: nth(4).unwrap(), frames: 2 };
    let mut pacer = with(Faults { gap: Some(gap), ..Faults::default() });
    let sent = all(&mut pacer, 9);
    // Frames 4 and 5 are missing, and 8 and 9.
    assert_eq!(timestamps(&sent), [5, 25, 45, 105, 125]);
    assert_eq!(sent.iter().map(|media| media.1).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(pacer.sent().skipped, 4);
}

#[test]
fn a_stall_is_silent_for_its_time_and_one_without_end_has_no_good_end() {
    let after = Duration::from_millis(40);
    let short = Stall { after, lasting: Some(Duration::from_millis(60)) };
    let mut pacer = with(Faults { stall: Some(short), ..Faults::default() });
    assert_eq!(timestamps(&all(&mut pacer, 7)), [5, 25, 105, 125]);
    assert!(pacer.ends_well());

    let mut pacer = with(Faults { stall: Some(Stall { after, lasting: None }), ..Faults::default() });
    assert_eq!(timestamps(&all(&mut pacer, 100)), [5, 25]);
    assert!(!pacer.ends_well());
}

#[test]
fn a_stall_by_command_ends_by_command() {
    let mut pacer = with(Faults::default());
    let mut sent = all(&mut pacer, 1);
    pacer.stall(true);
    assert!(all(&mut pacer, 5).is_empty() && !pacer.ends_well());
    pacer.stall(false);
    sent.extend(all(&mut pacer, 1));
    assert_eq!(timestamps(&sent), [5, 125]);
    assert!(pacer.ends_well());
}

#[test]
fn a_burst_holds_frames_back_and_sends_them_at_once_in_order() {
    let burst = Burst { after: Duration::from_millis(40), hold: Duration::from_millis(2000) };
    let mut pacer = with(Faults { burst: Some(burst), ..Faults::default() });
    let mut due = Vec::new();
    let mut sent = Vec::new();
    for _ in 0..104 {
        due.push(pacer.due().as_millis());
        tick(&mut pacer, &mut sent);
    }
    assert_eq!(due[..3], [0, 20, 2040]);
    assert!(due[2..=102].iter().all(|&due| due == 2040), "{due:?}");
    assert_eq!(due[103], 2060);
    assert!(timestamps(&sent).is_sorted() && sent.len() == 104, "nothing is lost");
}

#[test]
fn a_connection_is_dropped_at_its_time() {
    let mut pacer = with(Faults { drop_after: Some(Duration::from_millis(60)), ..Faults::default() });
    let mut sent = Vec::new();
    let nexts: Vec<Next> = (0..4).map(|_| tick(&mut pacer, &mut sent)).collect();
    assert_eq!(nexts, [Next::Tick, Next::Tick, Next::Tick, Next::Drop]);
    assert_eq!(sent.len(), 3);
}

#[test]
fn bad_messages_come_between_good_ones_and_change_no_number() {
    let mut pacer = with(Faults { bad_every: nth(2), ..Faults::default() });
    let mut texts = Vec::new();
    for _ in 0..6 {
        pacer.tick(&mut |_, _| false, &mut |text| texts.push(text.to_owned()));
    }
    assert_eq!(texts.len(), 9);
    assert_eq!(pacer.sent().bad, 3);
    let numbers: Vec<u64> = [0, 1, 3, 4, 6, 7].map(|i: usize| media(&texts[i]).1).to_vec();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    let bad: BTreeSet<&String> = [2, 5, 8].map(|i: usize| &texts[i]).into();
    assert_eq!(bad.len(), 3, "each is bad in its own way");
}

proptest! {
    /// Whatever the faults, every frame that was not left out arrives, and time never runs backwards.
    #[test]
    fn nothing_is_lost_but_what_is_counted(
        duplicate in 0..6_u32, reorder in 0..6_u32, every in 2..7_u32, missing in 0..4_u32, jitter in 0..50_u64,
        seed in any::<u64>(),
    ) {
        let gap = (missing > 0).then(|| Gap { every: nth(every).unwrap(), frames: missing });
        let faults = Faults {
            duplicate_every: nth(duplicate),
            reorder_every: nth(reorder),
            gap,
            jitter: Duration::from_millis(jitter),
            ..Faults::default()
        };
        let mut pacer = pacer(&CallSpec { seed, faults, ..spec() }, Tracks::Both, Some(Duration::from_secs(2)));
        let mut sent = Vec::new();
        let mut last = Duration::ZERO;
        loop {
            let number = pacer.position();
            prop_assert!(pacer.due() >= last && pacer.due() >= number);
            prop_assert!(pacer.due() <= number + Duration::from_millis(jitter));
            last = pacer.due();
            if tick(&mut pacer, &mut sent) == Next::Over {
                break;
            }
        }
        let counts = *pacer.sent();
        prop_assert_eq!(counts.inbound + counts.outbound + counts.skipped, 200);
        prop_assert_eq!(sent.len() as u64, counts.inbound + counts.outbound + counts.duplicates);
        let distinct: BTreeSet<u64> = sent.iter().map(|media| media.1).collect();
        let dense: BTreeSet<u64> = (1..=counts.inbound + counts.outbound).collect();
        prop_assert_eq!(distinct, dense);
    }
}

fn spec() -> CallSpec {
    let sid = "AC0123456789abcdef0123456789abcdef".parse().unwrap();
    CallSpec::new(Account { sid, auth_token: "secret".into() }, "http://localhost/voice")
}

fn with(faults: Faults) -> Pacer {
    pacer(&spec().with_faults(faults), Tracks::Inbound, None)
}

fn pacer(spec: &CallSpec, tracks: Tracks, length: Option<Duration>) -> Pacer {
    let ids = Ids {
        account: spec.account.sid,
        call: "CA0123456789abcdef0123456789abcdef".parse().unwrap(),
        stream: "MZ0123456789abcdef0123456789abcdef".parse().unwrap(),
    };
    Pacer::new(spec, Writer::new(ids, Chunks::Shared), tracks, length)
}

fn nth(n: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(n)
}

fn tick(pacer: &mut Pacer, sent: &mut Vec<Media>) -> Next {
    pacer.tick(&mut |_, _| false, &mut |text| sent.push(media(text)))
}

/// The messages of the next `ticks` frames.
fn all(pacer: &mut Pacer, ticks: u64) -> Vec<Media> {
    let mut sent = Vec::new();
    for _ in 0..ticks {
        tick(pacer, &mut sent);
    }
    sent
}

fn media(text: &str) -> Media {
    let message: Value = serde_json::from_str(text).unwrap();
    let field = |name: &str| message["media"][name].as_str().unwrap();
    let payload = base64::engine::general_purpose::STANDARD.decode(field("payload")).unwrap();
    let sequence = message["sequenceNumber"].as_str().unwrap().parse().unwrap();
    (field("track").to_owned(), sequence, field("timestamp").parse().unwrap(), payload)
}

fn timestamps(sent: &[Media]) -> Vec<u64> {
    sent.iter().map(|media| media.2).collect()
}

#[test]
fn what_is_live_takes_the_place_of_what_is_known() {
    let spec = spec().saying(Audio::ulaw(vec![1; 1600]), Audio::ulaw(vec![2; 1600]));
    let mut pacer = pacer(&spec, Tracks::Both, None);
    pacer.talk(Duration::ZERO, Duration::ZERO);
    let mut sent = Vec::new();
    for is_live in [false, true, false] {
        let live = &mut |track, out: &mut [u8]| {
            let live = is_live && track == Track::Outbound;
            if live {
                out.fill(9);
            }
            live
        };
        pacer.tick(live, &mut |text| sent.push(media(text)));
    }
    let heard: Vec<(&str, u8)> = sent.iter().map(|(track, .., audio)| (track.as_str(), audio[0])).collect();
    let (outbound, inbound) = ("outbound", "inbound");
    let expected = [(outbound, 2), (inbound, 1), (outbound, 9), (inbound, 1), (outbound, 2), (inbound, 1)];
    assert_eq!(heard, expected);
}
