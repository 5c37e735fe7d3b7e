//! One session, one client, and the network between them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::client::Client;
use super::dtls_client::DtlsClient;
use super::moment;
use crate::frame::Packet;
use crate::listener::{Event, IceCredentials, Limits, Offer, Session, SessionConfig, Shared, Transmit};

/// One way.
const LATENCY: Duration = Duration::from_millis(10);

/// What passes, of both directions.
type Filter = Box<dyn FnMut(bool, &[u8]) -> bool>;

pub(super) struct Lab {
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) session: Session,
    pub(super) client: Client,
    /// On the way: when it arrives, whether to the session, the client's address, the datagram.
    wire: Vec<(Instant, bool, SocketAddr, Vec<u8>)>,
    /// Decides what arrives, by direction (`true` to the session) and bytes.
    pub(super) passes: Filter,
    pub(super) events: Vec<(Instant, Event)>,
    /// All the session sent.
    pub(super) sent: Vec<(Instant, Transmit)>,
    timestamp: u64,
}

pub(super) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Lab {
    pub(super) fn new() -> Self {
        Self::with(DtlsClient::dimpl(moment()), |offer| offer)
    }

    /// With this client, and its offer changed on the way.
    pub(super) fn with(dtls: DtlsClient, change: impl FnOnce(String) -> String) -> Self {
        let start = moment();
        let mut client = Client::new(start, addr("198.51.100.1:5000"), dtls);
        let offer = Offer::parse(&change(client.offer())).unwrap();
        let ice = IceCredentials::generate();
        client.server = (ice.ufrag.clone(), ice.pwd.clone());
        let config = SessionConfig {
            ice,
            tag: 7,
            ssrc: 0x0A0B_0C0D,
            codec: offer.preferred(),
            cname: "call-1".into(),
            limits: Limits::default(),
        };
        let session = Session::new(start, &offer, config, shared());
        Self {
            start,
            now: start,
            session,
            client,
            wire: Vec::new(),
            passes: Box::new(|_, _| true),
            events: Vec::new(),
            sent: Vec::new(),
            timestamp: 0,
        }
    }

    /// A lab that is connected.
    pub(super) fn connected() -> Self {
        let mut lab = Self::new();
        lab.run(Duration::from_millis(500));
        assert!(lab.session.is_connected() && lab.client.receive.is_some());
        lab
    }

    pub(super) fn wall(&self) -> SystemTime {
        let since = self.now.duration_since(self.start);
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + since
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.flush();
            let arrival = self.wire.iter().map(|(at, ..)| *at).min();
            let times = [arrival, self.session.poll_timeout(), Some(self.client.poll_timeout())];
            let next = times.into_iter().flatten().min().unwrap_or(end).max(self.now);
            if next > end {
                break;
            }
            self.now = next;
            let (due, later) = self.wire.drain(..).partition(|(at, ..)| *at <= next);
            self.wire = later;
            let due: Vec<_> = due;
            for (_, to_session, addr, datagram) in due {
                if to_session {
                    self.input(addr, &datagram);
                } else {
                    self.client.handle_input(next, addr, &datagram);
                }
                self.flush();
            }
            if self.session.poll_timeout().is_some_and(|at| at <= next) {
                let wall = self.wall();
                self.session.handle_timeout(next, wall);
            }
            if self.client.poll_timeout() <= next {
                self.client.handle_timeout(next);
            }
        }
        self.now = end;
        self.flush();
    }

    /// Gives the session a datagram at once.
    pub(super) fn input(&mut self, src: SocketAddr, datagram: &[u8]) {
        let wall = self.wall();
        self.session.handle_input(self.now, wall, src, datagram);
    }

    /// Moves what both sides want to say onto the wire.
    pub(super) fn flush(&mut self) {
        let due = self.now + LATENCY;
        while let Some(transmit) = self.session.poll_transmit() {
            self.sent.push((self.now, transmit.clone()));
            if transmit.to.ip() == self.client.addr.ip() && (self.passes)(false, &transmit.payload) {
                self.wire.push((due, false, transmit.to, transmit.payload));
            }
        }
        while let Some(event) = self.session.poll_event() {
            self.events.push((self.now, event));
        }
        for (from, datagram) in std::mem::take(&mut self.client.out) {
            if (self.passes)(true, &datagram) {
                self.wire.push((due, true, from, datagram));
            }
        }
    }

    /// What `src` gets back for a datagram.
    pub(super) fn ask(&mut self, src: SocketAddr, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.flush();
        let before = self.sent.len();
        self.input(src, datagram);
        self.flush();
        let sent = self.sent[before..].iter();
        sent.filter(|(_, t)| t.to == src).map(|(_, t)| t.payload.clone()).collect()
    }

    /// The next packet of the call, 20 ms after the last.
    pub(super) fn packet(&mut self) -> Packet {
        let timestamp = self.timestamp;
        self.timestamp += 160;
        Packet {
            codec: self.session.codec(),
            payload: Bytes::from(format!("opus {timestamp}")),
            timestamp,
            marker: timestamp == 0,
            arrived: self.now,
        }
    }

    /// Writes packets of speech, 20 ms apart, and returns where they went.
    pub(super) fn speak(&mut self, packets: usize) -> Vec<SocketAddr> {
        let mut out = Vec::new();
        let mut to = Vec::new();
        for _ in 0..packets {
            let packet = self.packet();
            if let Some(addr) = self.session.write(&packet, &mut out) {
                to.push(addr);
                if addr.ip() == self.client.addr.ip() {
                    self.wire.push((self.now + LATENCY, false, addr, out.clone()));
                }
            }
            self.run(Duration::from_millis(20));
        }
        to
    }

    /// Whether speech arrives now.
    pub(super) fn is_heard(&mut self) -> bool {
        let before = self.client.heard.len();
        self.speak(3);
        self.run(2 * LATENCY);
        self.client.heard.len() == before + 3
    }

    pub(super) fn closed(&self) -> Option<(Instant, crate::listener::CloseReason)> {
        self.events.iter().find_map(|(at, event)| match event {
            Event::Closed(reason) => Some((*at, *reason)),
            _ => None,
        })
    }

    pub(super) fn validated(&self) -> Vec<SocketAddr> {
        let addrs = self.events.iter().filter_map(|(_, event)| match event {
            Event::Validated(addr) => Some(*addr),
            _ => None,
        });
        addrs.collect()
    }
}

pub(super) fn shared() -> Arc<Shared> {
    // When a lost flight is sent again has some chance in it: here the same each time.
    Shared::with(|config| config.dangerously_set_rng_seed(1)).unwrap()
}
