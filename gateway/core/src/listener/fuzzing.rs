//! Doors for fuzzers: functions that take bytes and must not panic.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::{Fragment, IceCredentials, Limits, Offer, Session, SessionConfig, Shared, route, rtcp, stun};

/// Routes and parses a datagram as STUN.
pub fn stun(data: &[u8]) {
    let _ = route(data);
    if let Some(message) = stun::Message::parse(data) {
        let key = stun::key("a password of some length");
        let _ = message.is_authentic(&key);
        for refusal in [stun::Refusal::BadRequest, stun::Refusal::UnknownAttribute] {
            assert!(stun::Message::parse(&stun::error(&message, refusal, &key)).is_some());
        }
    }
}

/// Parses a text as an offer and as a fragment.
pub fn sdp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Offer::parse(text);
    let _ = Fragment::parse(text);
}

/// Parses a compound RTCP packet.
pub fn rtcp(data: &[u8]) {
    let _ = rtcp::report(data, 1, 48_000, SystemTime::UNIX_EPOCH);
}

/// Feeds a session datagrams, each after a byte of length and a byte of time, from an address it takes for
/// its browser's if the length is even.
pub fn session(now: Instant, offer: &Offer, shared: Arc<Shared>, data: &[u8]) {
    let config = SessionConfig {
        ice: IceCredentials { ufrag: "ufrag".into(), pwd: "a password of some length".into() },
        tag: 1,
        ssrc: 1,
        codec: offer.preferred(),
        cname: "fuzz".into(),
        limits: Limits::default(),
    };
    let mut session = Session::new(now, offer, config, shared);
    let (mut now, wall) = (now, SystemTime::UNIX_EPOCH);
    let friend = ([192, 0, 2, 1], 4000).into();
    session.trust(now, friend);
    let mut rest = data;
    while let [length, wait, tail @ ..] = rest {
        let (datagram, next) = tail.split_at(tail.len().min(usize::from(*length)));
        let src = if length % 2 == 0 { friend } else { ([192, 0, 2, 2], 4000).into() };
        session.handle_input(now, wall, src, datagram);
        while session.poll_transmit().is_some() || session.poll_event().is_some() {}
        now += Duration::from_millis(u64::from(*wait));
        session.handle_timeout(now, wall);
        rest = next;
    }
}
