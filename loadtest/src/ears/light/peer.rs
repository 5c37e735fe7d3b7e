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

/// How many packets of one listener are remembered to tell a replayed datagram from a forged one.
const REMEMBERED: usize = 256;

/// Runs until told to close, or until the other side ends.
pub(super) async fn run(
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    reception: Arc<Reception>,
    orders: mpsc::Receiver<Command>,
) {
    let mut peer = Peer { rtc, socket, local, reception, accepted: Accepted::default() };
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
            let Ok(contents) = datagram.try_into() else { continue };
            let now = Instant::now();
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
        let [128..=191, kind, high, low, _, _, _, _, s0, s1, s2, s3, ..] = *datagram else { return false };
        let (source, number) = (u32::from_be_bytes([s0, s1, s2, s3]), u16::from_be_bytes([high, low]));
        !(64..=95).contains(&(kind & 0x7f)) && self.ring.contains(&(source, number))
    }
}
