//! The task of one light listener: `str0m` between its socket and its reception.
//!
//! A listener that only counts takes its socket out of the runtime's poll as soon as one packet could be
//! decrypted: it then looks ten times a second what has come, reads it with one system call, and counts it by its
//! headers. Nobody is woken for a packet, neither at this end nor, on loopback, at the cost of who sends it.
//! [`Heard::jitter`](crate::ears::Heard::jitter) says nothing then.

use std::cell::RefCell;
use std::io;
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::SockRef;
use str0m::net::{Protocol, Receive};
use str0m::{Event, IceConnectionState, Input, Output, Rtc, RtcError};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::header::Header;
use super::inbox::{BATCH, Inbox};
use crate::ears::Profile;
use crate::ears::listener::Command;
use crate::ears::reception::{Packet, Reception};

/// How often one that counts looks what has come. A socket's buffer holds some seconds.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The largest datagram that is read whole.
const DATAGRAM_AT_MOST: usize = 2_048;

/// How many packets of one listener are remembered to tell a replayed datagram from a forged one.
const REMEMBERED: usize = 256;

thread_local! {
    /// Shared by all who count on this thread: each empties it before the next.
    static INBOX: RefCell<Inbox> = RefCell::new(Inbox::new());
}

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
    let mut peer = Peer {
        rtc,
        socket: Socket::Polled(socket),
        local,
        reception,
        accepted,
        count_only,
        decrypted: false,
    };
    if let Err(error) = peer.run(orders).await {
        tracing::debug!(%error, "light listener");
    }
    peer.reception.note_closed();
}

/// The listener's own socket.
enum Socket {
    /// In the runtime's poll.
    Polled(UdpSocket),
    /// Out of it; it does not block either.
    Plain(net::UdpSocket),
}

impl Socket {
    /// A full socket loses the datagram, as the network may.
    fn send(&self, datagram: &[u8], to: SocketAddr) {
        let _ = match self {
            Self::Polled(socket) => socket.try_send_to(datagram, to),
            Self::Plain(socket) => socket.send_to(datagram, to),
        };
    }
}

struct Peer {
    rtc: Rtc,
    socket: Socket,
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
            let due = if let Socket::Plain(_) = self.socket { Instant::now() + LOOK_EVERY } else { deadline };
            if timer.deadline() != due.into() {
                timer.as_mut().reset(due.into());
            }
            let readable = async {
                match &self.socket {
                    Socket::Polled(socket) => socket.readable().await,
                    Socket::Plain(_) => std::future::pending().await,
                }
            };
            tokio::select! {
                ready = readable => {
                    ready?;
                    self.read(&mut buffer)?;
                }
                () = timer.as_mut() => match &self.socket {
                    Socket::Polled(_) => self.rtc.handle_input(Input::Timeout(Instant::now()))?,
                    Socket::Plain(_) => self.count()?,
                },
                // A dropped sender aborts this task anyway.
                _ = orders.recv() => {
                    self.rtc.close()?;
                    self.flush()?;
                    return Ok(());
                }
            }
            if self.count_only && self.decrypted {
                buffer = Vec::new();
                self.leave_poll()?;
            }
        }
    }

    /// Takes the socket out of the runtime's poll: the one that was in it is closed, its twin stays.
    fn leave_poll(&mut self) -> Result<(), RtcError> {
        if let Socket::Polled(socket) = &self.socket {
            self.socket = Socket::Plain(SockRef::from(socket).try_clone()?.into());
        }
        Ok(())
    }

    /// Reads what is there, up to a batch.
    fn read(&mut self, buffer: &mut [u8]) -> Result<(), RtcError> {
        for _ in 0..BATCH {
            let Socket::Polled(socket) = &self.socket else { return Ok(()) };
            let (length, source) = match socket.try_recv_from(buffer) {
                Ok(received) => received,
                // A server that has gone answers with ICMP, which shows here; ICE notices by itself.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let datagram = buffer.get(..length).unwrap_or_default();
            let replay = self.accepted.contains(datagram);
            self.take(source, datagram)?;
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

    /// Reads all that is there: counts what is RTP by its header, the rest is for `str0m`.
    fn count(&mut self) -> Result<(), RtcError> {
        INBOX.with_borrow_mut(|inbox| {
            loop {
                let Socket::Plain(socket) = &self.socket else { return Ok(()) };
                let read = match inbox.read(socket) {
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                    read => read?,
                };
                let seal = self.reception.profile().map_or(0, Profile::tag);
                let packets = inbox.datagrams().filter_map(|datagram| packet(datagram, seal));
                self.reception.packets(Instant::now(), packets);
                for (n, datagram) in inbox.datagrams().enumerate() {
                    if Header::of(datagram).is_none()
                        && let Some(source) = inbox.source(n)
                    {
                        self.take(source, datagram)?;
                        if self.flush()?.is_none() {
                            return Ok(());
                        }
                    }
                }
                if read < BATCH {
                    return Ok(());
                }
            }
        })
    }

    /// Gives a datagram to `str0m`, if it is one of its kinds.
    fn take(&mut self, source: SocketAddr, datagram: &[u8]) -> Result<(), RtcError> {
        let Ok(contents) = datagram.try_into() else { return Ok(()) };
        let receive = Receive { proto: Protocol::Udp, source, destination: self.local, contents };
        self.rtc.handle_input(Input::Receive(Instant::now(), receive))
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
                    self.socket.send(&transmit.contents, transmit.destination);
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

/// What can be said of a packet that stays sealed with a tag of `tag` bytes.
fn packet(datagram: &[u8], tag: usize) -> Option<Packet<'_>> {
    let Header { source, sequence, timestamp, length } = Header::of(datagram)?;
    let payload = datagram.get(length..datagram.len().saturating_sub(tag)).unwrap_or_default();
    Some(Packet { source, sequence, timestamp, payload })
}
