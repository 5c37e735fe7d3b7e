//! From the first check to the first word, whatever is lost and whoever interferes.

use std::time::Duration;

use proptest::prelude::*;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile as Profile;

use super::dtls_client::DtlsClient;
use super::lab::{Lab, addr, shared};
use super::moment;
use crate::listener::{CloseReason, Event, SrtpProfile};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_client_connects_and_hears_every_packet() {
    let mut lab = Lab::connected();
    assert_eq!(lab.validated(), [lab.client.addr]);
    let profile = SrtpProfile::AeadAes256Gcm;
    assert!(matches!(lab.events.last(), Some((_, Event::Connected { profile: p })) if *p == profile));
    assert_eq!(lab.speak(50), [lab.client.addr; 50]);
    lab.run(SECOND);
    assert_eq!((lab.client.heard.len(), lab.client.undecryptable), (50, 0));
    let (first, rest) = lab.client.heard.split_first().unwrap();
    assert_eq!(first[..2], [0x80, 0x80 | 111]);
    assert!(first[2] < 0x80, "the first sequence number is in the lower half");
    let word = |packet: &[u8]| u32::from_be_bytes(packet[4..8].try_into().unwrap());
    for (i, packet) in rest.iter().enumerate() {
        let i = i as u16 + 1;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        assert_eq!(sequence, u16::from_be_bytes([first[2], first[3]]) + i);
        assert_eq!(word(packet), word(first).wrapping_add(960 * u32::from(i)));
        assert_eq!(packet[1], 111);
        assert_eq!(packet[8..12], [10, 11, 12, 13]);
        assert_eq!(packet[12..], *format!("opus {}", 160 * u32::from(i)).as_bytes());
    }
    assert_eq!(lab.session.take_counts().packets, 50);
}

#[test]
fn another_dtls_implementation_connects_with_the_profile_it_offers() {
    let profiles = [
        (Profile::Srtp_Aes128_Cm_Hmac_Sha1_80, SrtpProfile::Aes128CmSha1_80),
        (Profile::Srtp_Aead_Aes_128_Gcm, SrtpProfile::AeadAes128Gcm),
    ];
    for (offered, profile) in profiles {
        let mut lab = Lab::with(DtlsClient::rtc(offered), |offer| offer);
        lab.run(SECOND);
        assert_eq!(lab.events.last().map(|(_, e)| e.clone()), Some(Event::Connected { profile }));
        assert!(lab.is_heard());
    }
}

#[test]
fn a_client_without_a_profile_of_ours_is_refused() {
    let dtls = DtlsClient::rtc(Profile::Srtp_Aes128_Cm_Hmac_Sha1_32);
    let mut lab = Lab::with(dtls, |offer| offer);
    lab.run(31 * SECOND);
    let reason = lab.closed().map(|(_, reason)| reason);
    // Whether this client gives up first or sees it through without keys is its own affair.
    assert!(matches!(reason, Some(CloseReason::Dtls | CloseReason::Timeout)), "{reason:?}");
    assert!(lab.speak(1).is_empty());
}

#[test]
fn a_client_that_also_offers_dtls_1_3_connects_with_1_2() {
    let mut lab = Lab::with(DtlsClient::hybrid(moment()), |offer| offer);
    lab.run(SECOND);
    assert!(lab.is_heard());
}

#[test]
fn a_hello_in_several_datagrams_is_put_together_in_any_order() {
    let hello = DtlsClient::fragmented(moment()).start(moment()).packets;
    assert!(hello.len() > 1);
    let mut lab = Lab::with(DtlsClient::fragmented(moment()), |offer| offer);
    // The first datagram of each kind is late by one retransmission.
    let mut seen = 0;
    lab.passes = Box::new(move |to_session, datagram| {
        let is_hello = to_session && datagram[0] == 22 && datagram[13] == 1;
        seen += u32::from(is_hello);
        !(is_hello && seen == 1)
    });
    lab.run(3 * SECOND);
    assert!(lab.is_heard());
}

#[test]
fn any_one_datagram_may_be_lost() {
    for lost in 0..24 {
        let mut lab = Lab::new();
        let mut count = 0;
        lab.passes = Box::new(move |_, _| {
            count += 1;
            count - 1 != lost
        });
        lab.run(5 * SECOND);
        assert!(lab.session.is_connected() && lab.is_heard(), "datagram {lost}");
    }
}

#[test]
fn any_one_flight_may_be_lost() {
    for lost in 0..4 {
        let mut lab = Lab::new();
        let (mut flight, mut direction) = (0, true);
        lab.passes = Box::new(move |to_session, datagram| {
            if !(20..64).contains(&datagram[0]) {
                return true;
            }
            if to_session != direction {
                direction = to_session;
                flight += 1;
            }
            // A retransmission after the loss is a new flight only if the other side has spoken: so the
            // first datagrams of the flight are lost, not its repetition.
            let hit = flight == lost;
            if hit {
                flight = lost + 1;
            }
            !hit
        });
        lab.run(10 * SECOND);
        assert!(lab.session.is_connected() && lab.is_heard(), "flight {lost}");
    }
}

#[test]
fn a_third_of_everything_may_be_lost() {
    for seed in 0..30_u64 {
        let mut lab = Lab::new();
        let mut state = seed;
        lab.passes = Box::new(move |_, _| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % 3 != 0
        });
        lab.run(20 * SECOND);
        let took = lab.events.last().map(|(at, _)| *at - lab.start);
        assert!(lab.session.is_connected(), "seed {seed}: {took:?}");
    }
}

#[test]
fn another_certificate_than_the_offers_gets_no_media_and_no_keys() {
    let other = DtlsClient::dimpl(moment()).fingerprint();
    let dtls = DtlsClient::dimpl(moment());
    let own = dtls.fingerprint();
    let mut lab = Lab::with(dtls, |offer| offer.replace(&own, &other));
    lab.run(2 * SECOND);
    assert_eq!(lab.closed().map(|(_, reason)| reason), Some(CloseReason::Fingerprint));
    assert!(lab.speak(5).is_empty());
    assert!(lab.client.receive.is_none(), "the server's Finished never left");
    assert_eq!(lab.session.poll_timeout(), None);
}

#[test]
fn who_never_comes_is_given_up_on_time() {
    let mut lab = Lab::new();
    lab.passes = Box::new(|_, _| false);
    assert_eq!(lab.session.poll_timeout(), Some(lab.start + 30 * SECOND));
    lab.run(60 * SECOND);
    assert_eq!(lab.closed(), Some((lab.start + 30 * SECOND, CloseReason::Timeout)));
    assert_eq!(lab.sent, []);
}

#[test]
fn who_does_not_finish_the_handshake_is_given_up_on_time() {
    let mut lab = Lab::new();
    lab.passes = Box::new(|to_session, d| !to_session || d[0] < 4 || d.len() > 1000 || d[13] == 1);
    lab.run(60 * SECOND);
    assert_eq!(lab.closed(), Some((lab.start + 30 * SECOND, CloseReason::Timeout)));
}

/// A ClientHello that would start a handshake.
fn hello() -> Vec<u8> {
    DtlsClient::dimpl(moment()).start(moment()).packets.remove(0)
}

fn junk() -> Vec<Vec<u8>> {
    let record = |kind: u8, body: &[u8]| {
        let mut out = vec![kind, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, body.len() as u8];
        out.extend(body);
        out
    };
    vec![
        hello(),
        record(21, &[2, 40]),
        record(21, &[1, 0]),
        record(20, &[1]),
        record(23, b"data"),
        record(22, &[0; 30]),
        record(25, &[0; 30]),
        vec![0x80; 40],
        [&[0x80, 111][..], &[7; 60]].concat(),
        [&[0x80, 201][..], &[7; 60]].concat(),
        vec![0x16],
        vec![0xfe, 0xfd],
        vec![0; 20],
        vec![],
    ]
}

#[test]
fn a_stranger_before_and_during_the_handshake_changes_nothing_and_hears_nothing() {
    let mut lab = Lab::new();
    let stranger = addr("203.0.113.9:999");
    for step in 0..200 {
        for datagram in junk() {
            lab.input(stranger, &datagram);
        }
        if step == 0 {
            // Nor does one from the client's own address, before it has shown to be there.
            let client = lab.client.addr;
            for datagram in junk() {
                lab.input(client, &datagram);
            }
        }
        lab.run(Duration::from_millis(1));
    }
    assert!(lab.session.is_connected() && lab.is_heard());
    assert!(lab.sent.iter().all(|(_, transmit)| transmit.to != stranger));
    assert!(lab.session.take_counts().strangers >= 200 * 11);
}

#[test]
fn a_spoofed_alert_during_the_handshake_does_not_end_it() {
    let mut lab = Lab::new();
    for _ in 0..100 {
        let client = lab.client.addr;
        lab.input(client, &[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40]);
        lab.run(Duration::from_millis(1));
    }
    assert!(lab.session.is_connected() && lab.is_heard());
}

#[test]
fn a_live_session_survives_all_of_it_from_its_own_address() {
    let mut lab = Lab::connected();
    let client = lab.client.addr;
    for _ in 0..300 {
        for datagram in junk() {
            lab.input(client, &datagram);
            lab.flush();
        }
    }
    assert_eq!(lab.closed(), None);
    assert!(lab.is_heard());
    let counts = lab.session.take_counts();
    assert!(counts.unauthentic + counts.replayed >= 300);
    // And can still say good-bye.
    lab.session.close(lab.now, lab.wall());
    lab.run(SECOND);
    assert!(lab.client.closed);
}

/// Each byte of a long message as a fragment of its own.
fn fragments(count: u32) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(|i| {
        let mut out = vec![22, 0xfe, 0xfd, 0, 0];
        out.extend(&u64::from(i + 100).to_be_bytes()[2..]);
        out.extend([0, 13, 1, 1, 0, 0, 0, 0]);
        out.extend(&i.to_be_bytes()[1..]);
        out.extend([0, 0, 1, 7]);
        out
    })
}

#[test]
fn thirty_thousand_fragments_end_a_handshake_and_not_the_process() {
    let mut lab = Lab::new();
    let client = lab.client.addr;
    lab.session.trust(lab.now, client);
    for fragment in fragments(30_000) {
        lab.input(client, &fragment);
    }
    lab.flush();
    assert!(matches!(lab.closed(), Some((_, CloseReason::Dtls | CloseReason::Limit))));
}

#[test]
fn thirty_thousand_fragments_leave_a_live_session_alone() {
    let mut lab = Lab::connected();
    let client = lab.client.addr;
    for fragment in fragments(30_000) {
        lab.input(client, &fragment);
        lab.flush();
    }
    assert_eq!(lab.closed(), None);
    assert!(lab.is_heard());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_datagram_makes_a_session_panic(
        changes in prop::collection::vec((0_usize..30, 0_usize..1500, any::<u8>(), 0_usize..1500), 1..12),
    ) {
        let mut lab = Lab::new();
        // What the client says, broken in places, before the true thing.
        let recorded = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let log = std::rc::Rc::clone(&recorded);
        lab.passes = Box::new(move |to_session, datagram| {
            if to_session {
                log.borrow_mut().push(datagram.to_vec());
            }
            true
        });
        for _ in 0..30 {
            lab.run(Duration::from_millis(10));
            let said = std::mem::take(&mut *recorded.borrow_mut());
            for (i, mut datagram) in said.into_iter().enumerate() {
                for (at, place, byte, cut) in &changes {
                    if *at == i && !datagram.is_empty() {
                        let place = place % datagram.len();
                        datagram[place] = *byte;
                        datagram.truncate(1 + cut % datagram.len());
                    }
                }
                let client = lab.client.addr;
                lab.input(client, &datagram);
                lab.flush();
            }
        }
    }
}

#[test]
fn sessions_share_one_certificate() {
    let shared = shared();
    assert!(shared.fingerprint().to_string().starts_with("sha-256 "));
    assert_eq!(shared.fingerprint().to_string().len(), 8 + 95);
}
