//! The session: one browser, from its offer to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::error::Unspecified;

use super::agent::Agent;
use super::dtls::{Dtls, Progress, Shared};
use super::event::{CloseReason, Counts, Event, Output, Transmit};
use super::ice::{IceCredentials, RemoteIce};
use super::reception::Reception;
use super::rtcp::Block;
use super::sdp::{Offer, Ours, answer};
use super::srtp::{Bad, Keys, Receiver, Sender};
use super::{fragment, random, rtcp};
use crate::block::Block as Memory;
use crate::frame::{Codec, Packet, Speech};

/// What a session is told when it is made.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Our ICE credentials. The ufrag must be unique on the socket.
    pub ice: IceCredentials,
    /// The socket owner's own number for the session: [`route`](super::route) gives it back for the answers
    /// to this session's checks. Unique on the socket while the session lives.
    pub tag: u32,
    /// The SSRC we send with.
    pub ssrc: u32,
    /// What is sent. An offer that does not have it gets the other one.
    pub codec: Codec,
    /// The RTCP canonical name we send with (RFC 7022), and the name of the stream in the answer: up to 64
    /// letters, digits and `-_.@`; anything else is left out.
    pub cname: String,
    /// Limits and times.
    pub limits: Limits,
}

/// Limits and times of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// From the start to the end of the DTLS handshake.
    pub connect: Duration,
    /// How long a selected address may leave our checks unanswered (RFC 7675, section 5.1).
    pub consent: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(30), consent: Duration::from_secs(30) }
    }
}

/// The first sender report comes soon, so that the browser can place our clock; then one each interval.
const FIRST_REPORT: Duration = Duration::from_secs(1);
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// While a microphone sends: its browser is to know soon how that arrives.
const MICROPHONE_INTERVAL: Duration = Duration::from_secs(1);
/// The longest SRTP or SRTCP datagram that is read.
const MAX_SRTP: usize = 1500;

/// One browser that hears a call.
///
/// After each `handle_*`, [`ice_restart`](Self::ice_restart) and [`close`](Self::close), drain
/// [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event) until both return `None`, and
/// come back at [`poll_timeout`](Self::poll_timeout). Nothing the network sends makes it panic or grow
/// without bound.
#[derive(Debug)]
pub struct Session {
    shared: Arc<Shared>,
    offer: Offer,
    /// In the answer's origin line.
    id: u64,
    ssrc: u32,
    codec: Codec,
    payload_type: u8,
    cname: String,
    agent: Agent,
    dtls: Dtls,
    media: Option<Box<Media>>,
    /// The end of [`Limits::connect`], until it is connected.
    connect_by: Option<Instant>,
    next_report: Option<Instant>,
    closed: bool,
    /// Whether what the microphone sends is passed on.
    open: bool,
    /// Where packets of the microphone are put.
    block: Memory,
    out: Output,
    counts: Counts,
}

/// What there is once the keys are known.
#[derive(Debug)]
struct Media {
    sender: Sender,
    receiver: Receiver,
    /// How the browser's microphone arrives, once it sends.
    reception: Option<Reception>,
}

impl Session {
    /// The most bytes [`write`](Self::write) adds to a payload: RTP header and the longest tag.
    pub const OVERHEAD: usize = 12 + 16;

    /// A session for this offer. It waits for the browser's checks.
    pub fn new(now: Instant, offer: &Offer, config: SessionConfig, shared: Arc<Shared>) -> Self {
        let SessionConfig { ice, tag, ssrc, codec, mut cname, limits } = config;
        let offered = offer.payload_type(codec).map(|number| (codec, number));
        let preferred = || (offer.preferred(), offer.payload_type(offer.preferred()).unwrap_or_default());
        let (codec, payload_type) = offered.unwrap_or_else(preferred);
        cname.retain(|c| c.is_ascii_alphanumeric() || "-_.@".contains(c));
        cname.truncate(64);
        Self {
            agent: Agent::new(now, ice, offer.remote.clone(), tag, limits.consent),
            dtls: Dtls::new(Arc::clone(&offer.fingerprints)),
            offer: offer.clone(),
            id: u64::from_ne_bytes(random()),
            shared,
            ssrc,
            codec,
            payload_type,
            cname,
            media: None,
            connect_by: Some(now + limits.connect),
            next_report: None,
            closed: false,
            open: false,
            block: Memory::default(),
            out: Output::default(),
            counts: Counts::default(),
        }
    }

    /// The SDP answer to the offer it was made from. `candidates` are the addresses, best first, at which
    /// the socket can be reached from outside; 16 of them are named.
    pub fn answer(&self, candidates: &[SocketAddr]) -> String {
        let ours = Ours {
            id: self.id,
            ice: self.agent.local(),
            fingerprint: self.shared.fingerprint(),
            ssrc: self.ssrc,
            cname: &self.cname,
            codec: self.codec,
            payload_type: self.payload_type,
        };
        answer(&self.offer, &ours, candidates)
    }

    /// The body of the response to an ICE restart, with our present credentials: a fragment of SDP.
    pub fn fragment(&self, candidates: &[SocketAddr]) -> String {
        fragment::restarted(self.agent.local(), self.offer.mid(), self.payload_type, candidates)
    }

    /// Takes a datagram that came from `src` at `now`. `wall` is the same moment by the wall clock.
    pub fn handle_input(&mut self, now: Instant, wall: SystemTime, src: SocketAddr, datagram: &[u8]) {
        let src = canonical(src);
        match datagram.first() {
            _ if self.closed => {}
            Some(0..=3) => {
                self.agent.handle_input(now, src, datagram, &mut self.out, &mut self.counts);
            }
            // Everything else counts only from where the browser has proven to be.
            _ if !self.agent.is_proven(src) => self.counts.strangers += 1,
            Some(20..=63) => {
                let (to, out) = (self.agent.selected().unwrap_or(src), &mut self.out);
                let send = |packet: &[u8]| out.transmit(to, packet.to_vec());
                let progress = self.dtls.handle_input(now, &self.shared, datagram, send);
                self.advance(now, progress);
            }
            Some(128..=191) => self.handle_srtp(now, wall, datagram),
            _ => {}
        }
    }

    fn advance(&mut self, now: Instant, progress: Progress) {
        match progress {
            Progress::None => {}
            Progress::Over(reason) => self.finish(reason),
            Progress::Connected(keys) => match self.start_media(&keys) {
                Ok(media) => {
                    self.media = Some(Box::new(media));
                    self.connect_by = None;
                    self.next_report = Some(now + FIRST_REPORT);
                    self.out.event(Event::Connected { profile: keys.profile });
                }
                Err(Unspecified) => self.finish(CloseReason::Dtls),
            },
        }
    }

    fn start_media(&self, keys: &Keys) -> Result<Media, Unspecified> {
        Ok(Media {
            sender: Sender::new(&keys.server, self.ssrc, self.payload_type, self.codec)?,
            receiver: Receiver::new(&keys.client)?,
            reception: None,
        })
    }

    fn handle_srtp(&mut self, now: Instant, wall: SystemTime, datagram: &[u8]) {
        // Before the keys it is only early.
        let Some(media) = &mut self.media else { return };
        let mut copy = [0; MAX_SRTP];
        let (Some(copy), Some(kind)) = (copy.get_mut(..datagram.len()), datagram.get(1)) else {
            self.counts.unauthentic += 1;
            return;
        };
        copy.copy_from_slice(datagram);
        // RTCP by its packet types (RFC 5761, section 4).
        if (192..224).contains(kind) {
            match media.receiver.open_rtcp(copy) {
                Ok(compound) => {
                    if let (Some(reception), Some((source, ntp))) =
                        (&mut media.reception, rtcp::sender_report(compound))
                    {
                        reception.sender_report(source, ntp, wall);
                    }
                    if let Some(report) = rtcp::report(compound, self.ssrc, self.codec.clock(), wall) {
                        self.out.event(Event::Report(report));
                    }
                }
                Err(bad) => self.counts.bad_srtp(bad),
            }
        } else {
            let header = copy.first_chunk::<12>().copied();
            match media.receiver.open_rtp(copy) {
                Ok(payload) => {
                    let (Codec::Opus, Some(header)) = (self.codec, header) else {
                        self.counts.unheard += 1;
                        return;
                    };
                    let [_, kind, s0, s1, t0, t1, t2, t3, source @ ..] = header;
                    if kind & 0x7F != self.payload_type {
                        self.counts.unheard += 1;
                        return;
                    }
                    let (sequence, timestamp) =
                        (u16::from_be_bytes([s0, s1]), u32::from_be_bytes([t0, t1, t2, t3]));
                    let source = u32::from_be_bytes(source);
                    if media.reception.is_none() {
                        self.next_report = Some(now + MICROPHONE_INTERVAL);
                    }
                    Reception::packet(&mut media.reception, now, source, sequence, timestamp);
                    if !self.open || payload.is_empty() {
                        self.counts.unheard += 1;
                        return;
                    }
                    self.counts.heard += 1;
                    self.out.event(Event::Speech(Speech {
                        sequence,
                        timestamp,
                        marker: kind & 0x80 != 0,
                        payload: self.block.packet(payload),
                    }));
                }
                Err(bad) => self.counts.bad_srtp(bad),
            }
        }
    }

    /// Says whether what the microphone sends is passed on. At first it is not: what comes is then dropped before
    /// anybody decodes it.
    pub fn set_open(&mut self, open: bool) {
        self.open = open;
    }

    /// Whether the browser offered to send, and can: a microphone is taken in Opus alone.
    pub fn can_speak(&self) -> bool {
        self.offer.may_send() && self.codec == Codec::Opus
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant, wall: SystemTime) {
        if self.closed {
            return;
        }
        if self.connect_by.is_some_and(|by| by <= now) {
            self.finish(CloseReason::Timeout);
            return;
        }
        // Before the connection an address that falls silent is not the end: the browser may try another.
        if !self.agent.handle_timeout(now, &mut self.out) && self.media.is_some() {
            self.finish(CloseReason::Lost);
            return;
        }
        if let Some(to) = self.agent.selected() {
            let out = &mut self.out;
            let progress = self.dtls.handle_timeout(now, |packet| out.transmit(to, packet.to_vec()));
            self.advance(now, progress);
        }
        if self.next_report.is_some_and(|at| at <= now) {
            self.report(now, wall);
        }
    }

    /// Says what we have sent and what has come; before the first packet there is nothing to say.
    fn report(&mut self, now: Instant, wall: SystemTime) {
        let block = self.media.as_mut().and_then(|media| media.reception.as_mut()?.report(wall));
        let sent = self.send_rtcp(now, wall, block, false);
        let interval = match (sent, block) {
            (_, Some(_)) => MICROPHONE_INTERVAL,
            (true, None) => REPORT_INTERVAL,
            (false, None) => FIRST_REPORT,
        };
        self.next_report = Some(now + interval);
    }

    fn send_rtcp(&mut self, now: Instant, wall: SystemTime, block: Option<Block>, bye: bool) -> bool {
        let (Some(media), Some(to)) = (&mut self.media, self.agent.selected()) else { return false };
        let sender = &mut media.sender;
        let info = sender.clock(now).map(|rtp_time| rtcp::SenderInfo {
            rtp_time,
            packets: sender.packets,
            octets: sender.octets,
        });
        if info.is_none() && block.is_none() && !bye {
            return false;
        }
        let mut compound = rtcp::compound(self.ssrc, &self.cname, wall, info, block, bye);
        let sealed = sender.protect(&mut compound).is_ok();
        if sealed {
            self.out.transmit(to, compound);
        }
        sealed
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next. `None` once it is closed.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed {
            return None;
        }
        let times = [
            self.connect_by,
            self.agent.poll_timeout(),
            self.dtls.poll_timeout().filter(|_| self.agent.selected().is_some()),
            self.next_report,
        ];
        times.into_iter().flatten().min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.poll_transmit()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.poll_event()
    }

    /// Protects one packet of its [`codec`](Self::codec): clears `out`, writes the RTP packet into it and says
    /// where it goes. `None`, and `out` is empty, if the session is not connected, has no validated address or is
    /// closed. Allocates nothing once `out` has room for the payload and [`Session::OVERHEAD`] bytes.
    pub fn write(&mut self, packet: &Packet, out: &mut Vec<u8>) -> Option<SocketAddr> {
        out.clear();
        let to = self.agent.selected()?;
        let media = self.media.as_mut()?;
        if media.sender.write(packet, out).is_err() {
            self.finish(CloseReason::Limit);
            return None;
        }
        self.counts.packets += 1;
        Some(to)
    }

    /// What is sent.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// What happened since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// Whether [`write`](Self::write) has keys: from [`Event::Connected`] to the end.
    pub fn is_connected(&self) -> bool {
        self.media.is_some()
    }

    /// Begins anew with ICE (RFC 8445, section 9): from now on only checks with these credentials count.
    /// DTLS and SRTP go on, and media goes on to the old address until a new one is validated. The socket's
    /// owner routes the fresh ufrag to this session, and forgets the old one.
    pub fn ice_restart(&mut self, now: Instant, remote: RemoteIce, fresh: IceCredentials) {
        self.agent.restart(now, fresh, remote, &mut self.out);
    }

    /// Ends the session from our side: RTCP BYE, DTLS close_notify, then [`Event::Closed`].
    pub fn close(&mut self, now: Instant, wall: SystemTime) {
        if self.closed {
            return;
        }
        self.send_rtcp(now, wall, None, true);
        if let Some(to) = self.agent.selected() {
            let out = &mut self.out;
            self.dtls.close(|packet| out.transmit(to, packet.to_vec()));
        }
        self.finish(CloseReason::Local);
    }

    /// Takes the browser to be at `addr`, for tests of what comes after that.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn trust(&mut self, now: Instant, addr: SocketAddr) {
        self.agent.trust(now, addr, &mut self.out);
    }

    /// Goes to this place in the RTP stream.
    #[cfg(test)]
    pub(super) fn set_index(&mut self, index: u64) {
        if let Some(media) = &mut self.media {
            media.sender.set_index(index);
        }
    }

    /// The one way to the end. Keys go at once.
    fn finish(&mut self, reason: CloseReason) {
        self.closed = true;
        self.media = None;
        self.dtls = Dtls::new(Arc::default());
        self.out.event(Event::Closed(reason));
    }
}

impl Counts {
    fn bad_srtp(&mut self, bad: Bad) {
        match bad {
            Bad::Replayed => self.replayed += 1,
            Bad::Unauthentic => self.unauthentic += 1,
        }
    }
}

/// An IPv4 address on an IPv6 socket is an IPv4 address.
fn canonical(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::from((ip, v6.port())),
            None => addr,
        },
        SocketAddr::V4(_) => addr,
    }
}
