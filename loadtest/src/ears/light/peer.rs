//! The task of one light listener: `str0m` between its socket and its reception.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::net::{Protocol, Receive};
use str0m::{Event, IceConnectionState, Input, Output, Rtc, RtcError};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::ears::listener::Command;
use crate::ears::reception::{Packet, Reception};

/// Datagrams read before timers are looked at again.
const BATCH: usize = 32;

/// The largest datagram that is read whole.
const DATAGRAM_AT_MOST: usize = 2_048;

/// Bytes that AES-GCM adds to a packet (RFC 7714).
const SEAL: usize = 16;

/// How many packets of one listener are remembered to tell a replayed datagram from a forged one.
const REMEMBERED: usize = 256;

/// Runs until told to close, or until the other side ends.
pub(super) async fn run(
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    reception: Arc<Reception>,
    orders: mpsc::Receiver<Command>,
    count_only: bool,
) {
    let accepted = Accepted::default();
    let mut peer = Peer { rtc, socket, local, reception, accepted, count_only, decrypted: false };
    if let Err(error) = peer.run(orders).await {
        tracing::debug!(%error, "light listener");
    }
    peer.reception.note_closed();
}

struct Peer {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    reception: Arc<Reception>,
    accepted: Accepted,
    count_only: bool,
    /// A packet could be decrypted: the keys are right.
    decrypted: bool,
}

impl Peer {
    async fn run(&mut self, mut orders: mpsc::Receiver<Command>) -> Result<(), RtcError> {
        let mut buffer = vec![0; DATAGRAM_AT_MOST];
        let timer = tokio::time::sleep_until(Instant::now().into());
        tokio::pin!(timer);
        loop {
            let Some(deadline) = self.flush()? else { return Ok(()) };
            if deadline <= Instant::now() {
                self.rtc.handle_input(Input::Timeout(Instant::now()))?;
                continue;
            }
            if timer.deadline() != deadline.into() {
                timer.as_mut().reset(deadline.into());
            }
            tokio::select! {
                ready = self.socket.readable() => {
                    ready?;
                    self.read(&mut buffer)?;
                }
                () = timer.as_mut() => self.rtc.handle_input(Input::Timeout(Instant::now()))?,
                // A dropped sender aborts this task anyway.
                _ = orders.recv() => {
                    self.rtc.close()?;
                    self.flush()?;
                    return Ok(());
                }
            }
        }
    }

    /// Reads what is there, up to a batch.
    fn read(&mut self, buffer: &mut [u8]) -> Result<(), RtcError> {
        for _ in 0..BATCH {
            let (length, source) = match self.socket.try_recv_from(buffer) {
                Ok(received) => received,
                // A server that has gone answers with ICMP, which shows here; ICE notices by itself.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let datagram = buffer.get(..length).unwrap_or_default();
            let now = Instant::now();
            if self.count_only && self.decrypted && self.count(now, datagram) {
                continue;
            }
            let Ok(contents) = datagram.try_into() else { continue };
            let replay = self.accepted.contains(datagram);
            let receive = Receive { proto: Protocol::Udp, source, destination: self.local, contents };
            self.rtc.handle_input(Input::Receive(now, receive))?;
            if replay {
                // The number and source were authenticated before; str0m refuses it by the replay check.
                self.reception.note_replay();
            }
            if self.flush()?.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Counts a datagram that is RTP by its header, and says whether it was.
    fn count(&self, now: Instant, datagram: &[u8]) -> bool {
        let Some(header) = Header::of(datagram) else { return false };
        let Header { source, sequence, timestamp } = header;
        let payload = datagram.get(12..datagram.len().saturating_sub(SEAL)).unwrap_or_default();
        self.reception.packet(now, Packet { source, sequence, timestamp, payload });
        true
    }

    /// Sends and tells all there is. Gives the next deadline, or nothing when the connection is over.
    fn flush(&mut self) -> Result<Option<Instant>, RtcError> {
        while self.rtc.is_alive() {
            match self.rtc.poll_output()? {
                Output::Timeout(deadline) => {
                    // Far deadlines are str0m's way of saying none.
                    return Ok(Some(deadline.min(Instant::now() + Duration::from_secs(60))));
                }
                Output::Transmit(transmit) => {
                    // A full socket loses the datagram, as the network may.
                    let _ = self.socket.try_send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(event) => {
                    if !self.note(event) {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Whether to go on.
    fn note(&mut self, event: Event) -> bool {
        match event {
            Event::Connected => self.reception.note_connected(Instant::now()),
            Event::RtpPacket(packet) => {
                let header = &packet.header;
                self.decrypted = true;
                self.accepted.insert(*header.ssrc, header.sequence_number);
                self.reception.packet(
                    packet.timestamp,
                    Packet {
                        source: *header.ssrc,
                        sequence: header.sequence_number,
                        timestamp: header.timestamp,
                        payload: &packet.payload,
                    },
                );
            }
            Event::SenderFeedback(_) => self.reception.note_sender_report(),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => return false,
            Event::Closed => {
                // Lets the farewell out before the end.
                self.reception.note_closed();
            }
            _ => {}
        }
        true
    }
}

/// The last packets that were decrypted, by source and number.
#[derive(Default)]
struct Accepted {
    ring: Vec<(u32, u16)>,
    next: usize,
}

impl Accepted {
    fn insert(&mut self, source: u32, number: u16) {
        match self.ring.get_mut(self.next) {
            Some(slot) => *slot = (source, number),
            None => self.ring.push((source, number)),
        }
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// Whether this datagram is RTP whose header is that of a packet already decrypted.
    fn contains(&self, datagram: &[u8]) -> bool {
        Header::of(datagram).is_some_and(|header| self.ring.contains(&(header.source, header.sequence)))
    }
}

/// What stands at the head of an RTP packet without extensions (RFC 3550, section 5.1); SRTP leaves it readable.
struct Header {
    source: u32,
    sequence: u16,
    timestamp: u32,
}

impl Header {
    fn of(datagram: &[u8]) -> Option<Self> {
        let [128..=191, kind, high, low, t0, t1, t2, t3, s0, s1, s2, s3, ..] = *datagram else { return None };
        // RTCP by its packet types (RFC 5761, section 4).
        if (64..=95).contains(&(kind & 0x7f)) {
            return None;
        }
        Some(Self {
            source: u32::from_be_bytes([s0, s1, s2, s3]),
            sequence: u16::from_be_bytes([high, low]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        })
    }
}
