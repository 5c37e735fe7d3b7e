use std::net::SocketAddr;

use super::*;
use crate::listener::IceCredentials;

/// In Chromium's manner.
pub(in crate::listener) fn chromium(direction: &str) -> String {
    format!(
        "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
        a=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\n\
        a=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:9Xz4\r\na=ice-pwd:hXZkPHs8VqqcKQKRk1bZgNK0\r\n\
        a=ice-options:trickle\r\na=fingerprint:sha-256 {PRINT}\r\na=setup:actpass\r\na=mid:0\r\n\
        a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na={direction}\r\na=rtcp-mux\r\n\
        a=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
        a=fmtp:111 minptime=10;useinbandfec=1;stereo=1\r\na=rtpmap:63 red/48000/2\r\n\
        a=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    )
}

const PRINT: &str = "7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:\
                     DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08";

fn answer_to(offer: &str, candidates: &[SocketAddr]) -> String {
    answer_in(Codec::Opus, offer, candidates)
}

fn answer_in(codec: Codec, offer: &str, candidates: &[SocketAddr]) -> String {
    let offer = Offer::parse(offer).unwrap();
    let ours = Ours {
        id: u64::MAX,
        ice: &IceCredentials { ufrag: "usfr".into(), pwd: "pppppppppppppppppppppp".into() },
        fingerprint: &offer.fingerprints[0],
        ssrc: 77,
        cname: "call",
        codec,
        payload_type: offer.payload_type(codec).unwrap(),
    };
    answer(&offer, &ours, candidates)
}

fn unsupported(text: &str) -> &'static str {
    match Offer::parse(text) {
        Err(Unsupported(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn malformed(text: &str) -> &'static str {
    match Offer::parse(text) {
        Err(Malformed(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn chromium_is_answered_in_full() {
    let candidates = ["192.0.2.7:8082".parse().unwrap(), "[2001:db8::1]:8082".parse().unwrap()];
    let expected = format!(
        "v=0\r\no=- 9223372036854775807 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
        a=ice-lite\r\nm=audio 8082 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 192.0.2.7\r\na=mid:0\r\n\
        a=sendonly\r\na=rtcp-mux\r\na=ice-ufrag:usfr\r\na=ice-pwd:pppppppppppppppppppppp\r\n\
        a=fingerprint:sha-256 {PRINT}\r\na=setup:passive\r\na=rtpmap:111 opus/48000/2\r\n\
        a=fmtp:111 minptime=10;stereo=1;sprop-stereo=1;useinbandfec=0\r\na=ptime:20\r\n\
        a=msid:call audio\r\na=ssrc:77 cname:call\r\n\
        a=candidate:1 1 udp 2130706431 192.0.2.7 8082 typ host\r\n\
        a=candidate:2 1 udp 2130706175 2001:db8::1 8082 typ host\r\na=end-of-candidates\r\n"
    );
    assert_eq!(answer_to(&chromium("recvonly"), &candidates), expected);
}

#[test]
fn mu_law_is_answered_without_a_word_of_opus() {
    let text = answer_in(Codec::Pcmu, &chromium("recvonly"), &[]);
    assert!(text.contains("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"), "{text}");
    assert!(text.contains("a=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n"), "{text}");
    assert!(!text.contains("opus") && !text.contains("a=fmtp"), "{text}");
}

#[test]
fn what_stands_first_in_an_offer_is_preferred() {
    let chromium = chromium("recvonly");
    let formats = |formats: &str| {
        let offer = Offer::parse(&chromium.replace("111 63 9 0 8 13 110 126", formats)).unwrap();
        (offer.preferred(), offer.payload_type(Codec::Opus), offer.payload_type(Codec::Pcmu))
    };
    assert_eq!(formats("9 111 0"), (Codec::Opus, Some(111), Some(0)));
    assert_eq!(formats("9 0 111"), (Codec::Pcmu, Some(111), Some(0)));
    assert_eq!(formats("8 0"), (Codec::Pcmu, None, Some(0)));
    assert_eq!(formats("111"), (Codec::Opus, Some(111), None));
    // The static number needs no map, and means something else with one.
    let bare = chromium.replace("a=rtpmap:0 PCMU/8000\r\n", "").replace("111 63 9 0", "0");
    assert_eq!(Offer::parse(&bare).unwrap().preferred(), Codec::Pcmu);
    let other = chromium.replace("a=rtpmap:0 PCMU/8000", "a=rtpmap:0 PCMU/16000").replace("111 63 9 0", "0");
    assert_eq!(unsupported(&other), "no audio section with Opus or PCMU");
    let dynamic = chromium.replace("a=rtpmap:0 PCMU", "a=rtpmap:100 pcmu").replace("111 63 9 0", "100");
    assert_eq!(Offer::parse(&dynamic).unwrap().payload_type(Codec::Pcmu), Some(100));
}

#[test]
fn a_section_with_opus_goes_before_one_with_mu_law_alone() {
    let chromium = chromium("recvonly");
    let (session, audio) = chromium.split_at(chromium.find("m=audio").unwrap());
    let phone = audio.replace("111 63 9 0", "0").replace("a=mid:0", "a=mid:p");
    let offer = Offer::parse(&format!("{session}{phone}{audio}")).unwrap();
    assert_eq!((offer.mid(), offer.preferred()), (Some("0"), Codec::Opus));
}

#[test]
fn the_answer_is_sdp_to_another_reader() {
    let text = answer_to(&chromium("sendrecv"), &["192.0.2.7:8082".parse().unwrap()]);
    let sdp = SessionDescription::unmarshal(&mut Cursor::new(&text)).unwrap();
    assert!(sdp.has_attribute("ice-lite"));
    assert!(sdp.media_descriptions[0].has_attribute("sendrecv"));
    assert!(!text.contains(";stereo=1"), "no stereo is wanted of a microphone");
}

#[test]
fn other_sections_are_rejected_in_their_place() {
    let video = "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:vvvv\r\n\
        a=ice-pwd:vvvvvvvvvvvvvvvvvvvvvvvv\r\na=mid:v\r\na=recvonly\r\na=rtcp-mux\r\na=rtcp-mux-only\r\n\
        a=rtpmap:96 VP8/90000\r\n";
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d\r\n";
    let offer = chromium("recvonly").replace("BUNDLE 0", "BUNDLE v 0 d");
    let (session, audio) = offer.split_at(offer.find("m=audio").unwrap());
    let text = answer_to(&format!("{session}{video}{audio}{data}"), &[]);
    let lines: Vec<_> = text.lines().filter(|l| l.starts_with("m=") || l.starts_with("a=mid")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 UDP/TLS/RTP/SAVPF 96",
            "a=mid:v",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "a=mid:0",
            "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
            "a=mid:d",
        ]
    );
    assert!(text.contains("a=group:BUNDLE 0\r\n"));
    // The audio section's own credentials count, not those of the tagged one.
    let offer = Offer::parse(&format!("{session}{video}{audio}")).unwrap();
    assert_eq!(offer.remote_ice().ufrag(), "9Xz4");
    // A section that leaves them out takes the tagged one's.
    let silent = audio.replace("a=ice-ufrag:9Xz4\r\na=ice-pwd:hXZkPHs8VqqcKQKRk1bZgNK0\r\n", "");
    let offer = Offer::parse(&format!("{session}{video}{silent}")).unwrap();
    assert_eq!(offer.remote_ice().ufrag(), "vvvv");
}

#[test]
fn an_offer_without_bundle_and_mid_is_answered_without() {
    let offer = chromium("sendrecv").replace("a=group:BUNDLE 0\r\n", "").replace("a=mid:0\r\n", "");
    let text = answer_to(&offer, &[]);
    assert!(!text.contains("BUNDLE") && !text.contains("a=mid"), "{text}");
}

#[test]
fn rtcp_mux_only_is_repeated() {
    let offer = chromium("recvonly").replace("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-mux-only\r\n");
    assert!(answer_to(&offer, &[]).contains("a=rtcp-mux\r\na=rtcp-mux-only\r\n"));
}

#[test]
fn bare_newlines_and_text_before_the_version_are_let_through() {
    let offer = format!("\r\n{}", chromium("recvonly").replace("\r\n", "\n"));
    assert_eq!(Offer::parse(&offer).unwrap().payload_type(Codec::Opus), Some(111));
}

#[test]
fn what_we_cannot_do_is_unsupported() {
    let offer = chromium("recvonly");
    for direction in ["sendonly", "inactive"] {
        assert_eq!(unsupported(&chromium(direction)), "client does not want to receive");
    }
    assert_eq!(unsupported(&offer.replace("a=rtcp-mux\r\n", "")), "no rtcp-mux");
    assert_eq!(unsupported(&offer.replace("actpass", "passive")), "client must start DTLS");
    assert_eq!(unsupported(&offer.replace("a=setup:actpass\r\n", "")), "client must start DTLS");
    let nothing = "no audio section with Opus or PCMU";
    let opus_only = offer.replace("111 63 9 0 8 13 110 126", "111");
    assert_eq!(unsupported(&opus_only.replace("opus/48000/2", "opus/48000")), nothing);
    assert_eq!(unsupported(&offer.replace("m=audio 9 ", "m=audio 0 ")), nothing);
    assert_eq!(unsupported(&offer.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")), nothing);
    assert_eq!(unsupported(&opus_only.replace("a=rtpmap:111", "a=rtpmap:112")), nothing);
    let lite = offer.replace("a=extmap-allow-mixed", "a=ice-lite");
    assert_eq!(unsupported(&lite), "both sides are ICE lite");
    let weak = offer.replace(&format!("sha-256 {PRINT}"), "sha-1 00:11");
    assert_eq!(unsupported(&weak), "no fingerprint by SHA-256 or better");
    assert_eq!(Offer::parse(&weak).unwrap_err().refusal(), Refusal::Unsupported);
}

#[test]
fn what_makes_no_sense_is_malformed() {
    let offer = chromium("recvonly");
    assert_eq!(malformed(""), "syntax");
    assert_eq!(malformed("hello"), "syntax");
    assert_eq!(malformed(&offer.replace("9Xz4", "9Xz")), "ICE credentials");
    assert_eq!(malformed(&offer.replace("9Xz4", "9 z4")), "ICE credentials");
    assert_eq!(malformed(&offer.replace("a=ice-pwd:hXZkPHs8VqqcKQKRk1bZgNK0\r\n", "")), "no ICE credentials");
    assert_eq!(malformed(&offer.replace(PRINT, &PRINT[..50])), "fingerprint");
    assert_eq!(malformed(&offer.replace("actpass", "maybe")), "setup");
    assert_eq!(malformed(&offer.replace("a=mid:0", &format!("a=mid:{}", "0".repeat(65)))), "mid");
    assert_eq!(malformed(&offer.replace("a=mid:0", "a=mid:0\ra=evil:1")), "mid");
    assert_eq!(malformed(&format!("{offer}{}", "a=x\r\n".repeat(3000))), "too long");
    assert_eq!(malformed(&format!("{offer}a={}", "x".repeat(70_000))), "too long");
    assert_eq!(malformed(&format!("{offer}{}", "m=video 0 X 1\r\n".repeat(16))), "too many sections");
    let no_print = offer.replace(&format!("a=fingerprint:sha-256 {PRINT}\r\n"), "");
    assert_eq!(malformed(&no_print), "no fingerprint");
    assert_eq!(Offer::parse(&no_print).unwrap_err().refusal(), Refusal::Malformed);
}

#[test]
fn of_several_fingerprints_those_of_the_strongest_function_count() {
    let strong = format!("sha-512 {}", ["AB"; 64].join(":"));
    let line = format!("a=fingerprint:sha-256 {PRINT}\r\n");
    let both = chromium("recvonly").replace(
        &line,
        &format!("{line}a=fingerprint:{strong}\r\na=fingerprint:sha-1 00\r\na=fingerprint:{strong}\r\n"),
    );
    let prints: Vec<_> = Offer::parse(&both).unwrap().fingerprints.iter().map(ToString::to_string).collect();
    assert_eq!(prints, [strong.clone(), strong]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(at in 0_usize..1400, cut in 0_usize..60, text in "(\\PC|[\r\n=: ]){0,40}") {
        let mut offer = chromium("recvonly");
        let at = at.min(offer.len());
        let end = (at + cut).min(offer.len());
        offer.replace_range(at..end, &text);
        let _ = Offer::parse(&offer);
    }
}
