//! A browser without a socket, so that a session can be connected: `str0m`, which shares no code with ours.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use gateway_core::frame::Codec;
use gateway_core::listener::{Event, IceCredentials, Limits, Offer, Session, SessionConfig, Shared};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Input, Output, Rtc};

/// What the session's side of a handshake took: from the offer's text to the keys.
#[derive(Debug)]
pub struct Joined {
    /// Connected.
    pub session: Session,
    /// On the clock, spent in our code alone.
    pub took: Duration,
}

/// A browser that has made its offer.
#[derive(Debug)]
pub struct Browser {
    rtc: Rtc,
    pending: SdpPendingOffer,
    offer: String,
    addr: SocketAddr,
}

impl Browser {
    /// With a certificate and an address of its own.
    ///
    /// # Panics
    ///
    /// When `str0m` refuses what this asks of it.
    pub fn new(number: u16) -> Self {
        let addr = SocketAddr::from(([192, 0, 2, 1], 1024 + number % 60_000));
        let now = Instant::now();
        let mut rtc = Rtc::new(now);
        rtc.add_local_candidate(Candidate::host(addr, "udp").expect("a plain address"));
        let mut changes = rtc.sdp_api();
        changes.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        let (offer, pending) = changes.apply().expect("audio is to be received");
        Self { rtc, pending, offer: offer.to_sdp_string(), addr }
    }

    /// Has a session made for the offer, and lets both talk until they have keys.
    ///
    /// # Panics
    ///
    /// When they do not come to any.
    pub fn join(self, shared: &Arc<Shared>) -> Joined {
        let Self { mut rtc, pending, offer, addr } = self;
        let server: SocketAddr = ([198, 51, 100, 1], 8082).into();
        let (mut now, wall) = (Instant::now(), SystemTime::now());
        let began = Instant::now();
        let offer = Offer::parse(&offer).expect("an offer");
        let config = SessionConfig {
            ice: IceCredentials::generate(),
            tag: 1,
            ssrc: 2,
            codec: Codec::Opus,
            cname: "bench".to_owned(),
            limits: Limits::default(),
        };
        let mut session = Session::new(now, &offer, config, Arc::clone(shared));
        let answer = session.answer(&[server]);
        let mut took = began.elapsed();

        let answer = SdpAnswer::from_sdp_string(&answer).expect("an answer");
        rtc.sdp_api().accept_answer(pending, answer).expect("the answer fits");
        for _ in 0..1000 {
            let next = loop {
                match rtc.poll_output().expect("str0m goes on") {
                    Output::Transmit(transmit) => {
                        let began = Instant::now();
                        session.handle_input(now, wall, addr, &transmit.contents);
                        took += began.elapsed();
                    }
                    Output::Event(_) => {}
                    Output::Timeout(at) => break at,
                }
            };
            let began = Instant::now();
            if session.poll_timeout().is_some_and(|at| at <= now) {
                session.handle_timeout(now, wall);
            }
            let sent: Vec<_> = std::iter::from_fn(|| session.poll_transmit()).collect();
            let events: Vec<_> = std::iter::from_fn(|| session.poll_event()).collect();
            took += began.elapsed();
            if events.iter().any(|event| matches!(event, Event::Connected { .. })) {
                return Joined { session, took };
            }
            if sent.is_empty() {
                let ours = session.poll_timeout().unwrap_or(next);
                now = next.min(ours).max(now + Duration::from_millis(1));
                rtc.handle_input(Input::Timeout(now)).expect("time passes");
            }
            for transmit in sent {
                let contents = transmit.payload.as_slice().try_into().expect("a datagram");
                let receive = Receive { proto: Protocol::Udp, source: server, destination: addr, contents };
                rtc.handle_input(Input::Receive(now, receive)).expect("str0m takes it");
            }
        }
        panic!("no keys after a thousand turns");
    }
}
