//! A session that is connected: media, reports and the end.

use std::time::{Duration, SystemTime};

use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;

use super::dtls_client::DtlsClient;
use super::lab::Lab;
use super::moment;
use crate::frame::Speech;
use crate::listener::{CloseReason, Event, Session};

const SECOND: Duration = Duration::from_secs(1);

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// 46 minutes of call: the sequence number wraps at least twice, and the other implementation follows.
fn rolls_over_twice(mut lab: Lab) {
    let mut out = Vec::new();
    for i in 0..140_000_u64 {
        let packet = lab.packet();
        lab.session.write(&packet, &mut out).unwrap();
        let (now, addr) = (lab.now, lab.client.addr);
        lab.client.handle_input(now, addr, &out);
        assert_eq!(lab.client.undecryptable, 0, "packet {i}");
        let heard = lab.client.heard.pop().unwrap();
        assert_eq!(heard[12..], *packet.payload);
    }
    assert_eq!(lab.session.take_counts().packets, 140_000);
}

#[test]
fn a_long_session_stays_readable_in_gcm() {
    rolls_over_twice(Lab::connected());
}

#[test]
fn a_long_session_stays_readable_in_counter_mode() {
    let profile = SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80;
    let mut lab = Lab::with(DtlsClient::rtc(profile), |offer| offer);
    lab.run(SECOND);
    rolls_over_twice(lab);
}

#[test]
fn mu_law_has_its_own_payload_type_and_clock() {
    let pcmu = |offer: String| {
        offer
            .replace("SAVPF 111", "SAVPF 0 111")
            .replace("a=rtpmap:111", "a=rtpmap:0 PCMU/8000\r\na=rtpmap:111")
    };
    let mut lab = Lab::with(DtlsClient::dimpl(moment()), pcmu);
    lab.run(SECOND);
    lab.speak(60);
    lab.run(Duration::from_millis(30));
    let heard = &lab.client.heard;
    assert_eq!((heard[0][1], heard[1][1]), (0x80, 0), "payload type 0, and a marker on the first");
    assert_eq!(word(&heard[9], 4).wrapping_sub(word(&heard[0], 4)), 9 * 160);
    let report = lab.client.rtcp.first().expect("a report after a second");
    let last = &heard[word(report, 20) as usize - 1];
    let ahead = word(report, 16).wrapping_sub(word(last, 4));
    assert!(ahead <= 160, "{ahead} ticks of 8 kHz in 20 ms");
}

#[test]
fn writing_does_not_allocate_once_there_is_room() {
    let mut lab = Lab::connected();
    let packet = lab.packet();
    let mut out = Vec::with_capacity(packet.payload.len() + Session::OVERHEAD);
    let (room, at) = (out.capacity(), out.as_ptr());
    for _ in 0..100 {
        lab.session.write(&packet, &mut out).unwrap();
        assert_eq!((out.capacity(), out.as_ptr()), (room, at));
        assert_eq!(out.len(), packet.payload.len() + Session::OVERHEAD);
    }
}

#[test]
fn sender_reports_tell_the_time_of_the_media() {
    let mut lab = Lab::connected();
    lab.speak(55);
    let connected = lab.events.iter().find(|(_, e)| matches!(e, Event::Connected { .. })).unwrap().0;
    lab.run(Duration::from_millis(30));
    let report = lab.client.rtcp.first().expect("a report after a second").clone();
    let (at, _) = lab.sent.iter().find(|(_, t)| t.payload[1] == 200).unwrap();
    assert!(*at >= connected + SECOND && *at < connected + 2 * SECOND);
    assert_eq!(report[..8], [0x80, 200, 0, 6, 10, 11, 12, 13]);
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + (*at - lab.start);
    let unix = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(u64::from(word(&report, 8)), (unix.as_secs() + 2_208_988_800) & 0xFFFF_FFFF);
    let fraction = f64::from(word(&report, 12)) / f64::from(u32::MAX);
    assert!((fraction - f64::from(unix.subsec_nanos()) / 1e9).abs() < 1e-6);
    // The packets so far were 20 ms apart and as old as they say.
    let count = word(&report, 20);
    let last = &lab.client.heard[count as usize - 1];
    let ahead = word(&report, 16).wrapping_sub(word(last, 4));
    assert!(ahead <= 960, "{ahead}");
    let octets: usize = lab.client.heard[..count as usize].iter().map(|p| p.len() - 12).sum();
    assert_eq!(word(&report, 24) as usize, octets);
    assert_eq!(report[28..46], *b"\x81\xca\x00\x04\x0a\x0b\x0c\x0d\x01\x06call-1\x00\x00");

    // Then each five seconds; over silence the clock runs on.
    lab.run(20 * SECOND);
    assert_eq!(lab.client.rtcp.len(), 5);
    let (a, b) = (&lab.client.rtcp[3], &lab.client.rtcp[4]);
    assert_eq!(word(b, 16).wrapping_sub(word(a, 16)), 5 * 48_000);
    assert_eq!(word(b, 8) - word(a, 8), 5);
}

#[test]
fn before_the_first_packet_there_is_nothing_to_report() {
    let mut lab = Lab::connected();
    lab.run(10 * SECOND);
    assert!(lab.client.rtcp.is_empty());
    lab.speak(1);
    lab.run(SECOND + Duration::from_millis(50));
    assert_eq!(lab.client.rtcp.len(), 1);
}

/// A receiver report about our stream, as the browser protects it.
fn receiver_report(lab: &mut Lab, source: u32, jitter: u32) -> Vec<u8> {
    let mut plain = vec![0x81, 201, 0, 7];
    for word in [source, 0x0A0B_0C0D, 0x8000_0002, 1000, jitter, 0, 0] {
        plain.extend(u32::to_be_bytes(word));
    }
    lab.client.send.as_mut().unwrap().encrypt_rtcp(&plain).unwrap().to_vec()
}

#[test]
fn a_receiver_report_is_told_once_and_only_from_one_source() {
    let mut lab = Lab::connected();
    let client = lab.client.addr;
    let first = receiver_report(&mut lab, 1, 480);
    let other = receiver_report(&mut lab, 2, 480);
    let before = lab.events.len();
    for datagram in [&first, &first, &other, &first[..first.len() - 1].to_vec()] {
        lab.input(client, datagram);
    }
    lab.flush();
    let [(_, Event::Report(report))] = &lab.events[before..] else { panic!("{:?}", lab.events) };
    assert_eq!((report.fraction_lost, report.total_lost), (0.5, 2));
    assert_eq!((report.jitter, report.round_trip), (Duration::from_millis(10), None));
    let counts = lab.session.take_counts();
    assert_eq!((counts.replayed, counts.unauthentic), (1, 2));
}

/// An RTP packet of the microphone, as the browser protects it: first two bytes, sequence number and payload.
fn spoken(lab: &mut Lab, head: [u8; 2], sequence: u8, payload: &[u8]) -> Vec<u8> {
    let plain = [&head[..], &[0, sequence, 0, 0, 0, 7, 0, 0, 0, 9], payload].concat();
    lab.client.send.as_mut().unwrap().encrypt_rtp(&plain).unwrap().to_vec()
}

#[test]
fn a_microphone_is_passed_on_while_it_is_open() {
    let mut lab = Lab::connected();
    let client = lab.client.addr;
    let packets = [
        spoken(&mut lab, [0x80, 111], 1, b"closed"),
        spoken(&mut lab, [0x80, 111 | 0x80], 2, b"open"),
        spoken(&mut lab, [0x80, 112], 3, b"another codec"),
        spoken(&mut lab, [0xA0, 111], 4, b"padded\0\0\x03"),
        spoken(&mut lab, [0xA0, 111], 5, b"padded\xFF"),
        spoken(&mut lab, [0x80, 111], 6, b""),
        spoken(&mut lab, [0x80, 111], 7, b"closed again"),
    ];
    let before = lab.events.len();
    for (n, packet) in packets.iter().enumerate() {
        lab.session.set_open((1..6).contains(&n));
        lab.input(client, packet);
    }
    lab.flush();
    let speech: Vec<_> = lab.events[before..].iter().map(|(_, event)| event.clone()).collect();
    let said = |sequence, marker, payload: &'static [u8]| {
        Event::Speech(Speech { sequence, timestamp: 7, marker, payload: payload.into() })
    };
    assert_eq!(speech, [said(2, true, b"open"), said(4, false, b"padded")]);
    let counts = lab.session.take_counts();
    assert_eq!((counts.heard, counts.unheard), (2, 5));
}

#[test]
fn a_microphone_is_dropped_and_counted() {
    let mut lab = Lab::connected();
    let client = lab.client.addr;
    let mut packet = |sequence: u8| spoken(&mut lab, [0x80, 111], sequence, b"voice");
    let packets: Vec<_> = (0..10).map(&mut packet).collect();
    for packet in packets.iter().chain(&packets) {
        lab.input(client, packet);
    }
    let counts = lab.session.take_counts();
    assert_eq!((counts.unheard, counts.replayed, counts.unauthentic), (10, 10, 0));
    lab.input(client, &[0x80; 2000]);
    assert_eq!(lab.session.take_counts().unauthentic, 1);
}

#[test]
fn a_microphone_is_told_each_second_how_it_arrives() {
    let mut lab = Lab::connected();
    let client = lab.client.addr;
    lab.run(5 * SECOND);
    for sequence in [1, 2, 3, 5, 6, 8] {
        let packet = spoken(&mut lab, [0x80, 111], sequence, b"voice");
        lab.input(client, &packet);
    }
    lab.run(SECOND + Duration::from_millis(50));
    // It was told nothing before, for there was nothing to tell.
    let [report] = lab.client.rtcp.as_slice() else { panic!("{:?}", lab.client.rtcp) };
    assert_eq!(report[..8], [0x81, 201, 0, 7, 10, 11, 12, 13]);
    assert_eq!((word(report, 8), word(report, 12), word(report, 16)), (9, 64 << 24 | 2, 8));

    // Beside what we say of our own packets; and no more once it has fallen silent.
    lab.speak(1);
    let packet = spoken(&mut lab, [0x80, 111], 9, b"voice");
    lab.input(client, &packet);
    lab.run(SECOND + Duration::from_millis(50));
    let report = lab.client.rtcp.last().unwrap();
    assert_eq!(report[..4], [0x81, 200, 0, 12]);
    assert_eq!((word(report, 28), word(report, 32), word(report, 36)), (9, 2, 9));
    lab.run(SECOND + Duration::from_millis(50));
    assert_eq!(lab.client.rtcp.last().unwrap()[0], 0x80);
}

#[test]
fn closing_says_bye_and_close_notify_and_then_nothing() {
    let mut lab = Lab::connected();
    lab.speak(3);
    lab.session.close(lab.now, lab.wall());
    lab.session.close(lab.now, lab.wall());
    lab.run(SECOND);
    let bye = lab.client.rtcp.last().unwrap();
    assert_eq!(bye[bye.len() - 8..], [0x81, 203, 0, 1, 10, 11, 12, 13]);
    assert!(lab.client.closed);
    let closed: Vec<_> = lab.events.iter().filter(|(_, event)| matches!(event, Event::Closed(_))).collect();
    assert_eq!(closed.len(), 1);
    assert_eq!(lab.closed().map(|(_, reason)| reason), Some(CloseReason::Local));
    assert_eq!(lab.session.poll_timeout(), None);
    let (client, check) = (lab.client.addr, lab.client.check(true, &[]));
    assert!(lab.ask(client, &check).is_empty());
    assert!(lab.speak(2).is_empty());
}

#[test]
fn a_client_that_closes_frees_the_session_at_once() {
    let mut lab = Lab::connected();
    let outcome = lab.client.dtls.close();
    lab.client.take(outcome);
    lab.run(Duration::from_millis(20));
    assert_eq!(lab.closed().map(|(_, reason)| reason), Some(CloseReason::Peer));
    assert!(!lab.session.is_connected());
}

#[test]
fn a_session_ends_rather_than_use_an_index_twice() {
    let mut lab = Lab::connected();
    let mut out = Vec::new();
    lab.session.set_index((1 << 48) - 1);
    let packet = lab.packet();
    assert!(lab.session.write(&packet, &mut out).is_some());
    assert!(lab.session.write(&packet, &mut out).is_none());
    assert!(out.is_empty());
    lab.flush();
    assert_eq!(lab.closed().map(|(_, reason)| reason), Some(CloseReason::Limit));
}
