//! A media worker: one task on one media thread, one socket, and sessions that nobody else touches.
//!
//! It takes packets and requests from its inbox and datagrams from its socket, and waits when there are
//! none. What to do with them is [`Sessions`]' affair.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::bus::SessionEnd;
use tokio::io::unix::AsyncFd;

use super::inbox::{Inbox, Parcel, Request};
use super::metrics::Metrics;
use super::net::{Datagram, Receiver, Udp};
use super::routes::Reject;
use super::sessions::{Sessions, Setting};
use crate::hub::CallKey;

/// Packets and receive batches that are served before the others get their turn.
const PACKETS_A_TURN: usize = 1024;
const BATCHES_A_TURN: usize = 4;

/// How often a busy worker's counts are given to the metrics.
const TALLY: Duration = Duration::from_secs(1);

/// How long a worker that has nothing to wait for sleeps.
const IDLE: Duration = Duration::from_secs(60);

/// The state of the task.
pub(super) struct Worker {
    inbox: Inbox,
    readable: AsyncFd<Arc<Udp>>,
    receiver: Receiver,
    sessions: Sessions,
    metrics: Metrics,
    tally_at: Option<Instant>,
    /// Reused: calls that ended.
    ended: Vec<CallKey>,
    /// Reused: calls of which a leg has ended.
    sides: Vec<CallKey>,
}

impl Worker {
    /// Must be called on the runtime it is to run on.
    pub(super) fn new(setting: Setting, udp: Arc<Udp>, inbox: Inbox) -> io::Result<Self> {
        Ok(Self {
            inbox,
            readable: udp.watch()?,
            receiver: Receiver::new(),
            metrics: setting.metrics.clone(),
            sessions: Sessions::new(setting, udp),
            tally_at: None,
            ended: Vec::new(),
            sides: Vec::new(),
        })
    }

    /// Works until it is told to stop; then all sessions are ended and their browsers told.
    pub(super) async fn run(mut self) {
        let mut timer = std::pin::pin!(tokio::time::sleep(IDLE));
        while !self.inbox.door.is_stopping() {
            let more = self.serve();
            if more {
                // Twilio's sockets share this thread.
                tokio::task::yield_now().await;
                continue;
            }
            let due = [self.sessions.next_due(), self.tally_at].into_iter().flatten().min();
            let due = due.unwrap_or_else(|| Instant::now() + IDLE).into();
            // A deadline that moves back leaves the timer alone: it wakes up too early now and then.
            if timer.is_elapsed() || due < timer.deadline() {
                timer.as_mut().reset(due);
            }
            let inbox = &self.inbox.door;
            tokio::select! {
                () = inbox.rung() => {}
                () = &mut timer => {
                    self.sessions.out.tally.woke(timer.deadline().elapsed());
                }
                readable = self.readable.readable() => {
                    let (Ok(mut readable), worker) = (
                        readable,
                        Reading {
                            inbox: &self.inbox,
                            receiver: &mut self.receiver,
                            sessions: &mut self.sessions,
                            metrics: &self.metrics,
                        },
                    ) else {
                        tracing::error!("a media socket cannot be watched any more");
                        return;
                    };
                    if worker.receive() {
                        readable.clear_ready();
                    }
                }
            }
        }
        requests(&self.inbox, &mut self.sessions);
        self.sessions.close_all(SessionEnd::Shutdown);
        self.sessions.out.flush();
        self.sessions.out.flush_tally();
    }

    /// Does all that was asked for and that is due. True: there may be more.
    fn serve(&mut self) -> bool {
        // Taken first: what was asked for before a call ended is then seen before its end is served.
        self.inbox.door.take_ended(&mut self.ended);
        self.inbox.door.take_sides(&mut self.sides);
        requests(&self.inbox, &mut self.sessions);
        let more = packets(&self.inbox, &mut self.sessions);
        for call in self.sides.drain(..) {
            self.sessions.side_ended(call);
        }
        for call in self.ended.drain(..) {
            self.sessions.call_ended(call);
        }
        self.sessions.due();
        self.sessions.out.flush();
        self.tally();
        more
    }

    fn tally(&mut self) {
        let now = Instant::now();
        match self.tally_at {
            Some(at) if at <= now => {
                self.sessions.out.flush_tally();
                self.tally_at = None;
            }
            None if self.sessions.out.tally.dirty => self.tally_at = Some(now + TALLY),
            _ => {}
        }
    }
}

/// What receiving needs of a worker, while its socket is watched.
struct Reading<'a> {
    inbox: &'a Inbox,
    receiver: &'a mut Receiver,
    sessions: &'a mut Sessions,
    metrics: &'a Metrics,
}

impl Reading<'_> {
    /// Takes datagrams from the socket. True: it is empty.
    fn receive(self) -> bool {
        for _ in 0..BATCHES_A_TURN {
            let (count, more) = self.receiver.receive(&self.sessions.out.udp);
            for index in 0..count {
                match self.receiver.get(index) {
                    Some(datagram) => datagram_came(self.inbox, self.sessions, self.metrics, &datagram),
                    None => self.metrics.oversize(),
                }
                // A handshake takes longer than a packet may wait.
                packets(self.inbox, self.sessions);
            }
            self.sessions.out.tally.dirty |= count > 0;
            if !more {
                return true;
            }
        }
        false
    }
}

/// Serves what HTTP has asked for. True: there was something.
fn requests(inbox: &Inbox, sessions: &mut Sessions) -> bool {
    let mut any = false;
    while let Some(request) = inbox.request() {
        any = true;
        match request {
            Request::Add(new) => sessions.add(*new),
            Request::Remove { tag, reason } => sessions.remove(tag, reason),
            Request::Mode { tag } => sessions.follow_mode(tag),
            Request::Restart { tag, remote, fresh, reply } => sessions.restart(tag, remote, fresh, reply),
        }
    }
    any
}

/// Passes packets on, and sends them at once. True: there may be more.
fn packets(inbox: &Inbox, sessions: &mut Sessions) -> bool {
    let mut count = 0;
    while count < PACKETS_A_TURN
        && let Some(parcel) = inbox.packet()
    {
        match parcel {
            Parcel::Call(call, packet) => sessions.deliver(call, &packet),
            Parcel::Own(tag, packet) => sessions.deliver_own(tag, &packet),
        }
        count += 1;
    }
    if count > 0 {
        sessions.out.flush();
    }
    count == PACKETS_A_TURN
}

fn datagram_came(inbox: &Inbox, sessions: &mut Sessions, metrics: &Metrics, datagram: &Datagram<'_>) {
    let Datagram { src, local, bytes } = *datagram;
    let mut found = sessions.find(src, bytes);
    // A browser can be faster than this turn: its session may still be in the inbox.
    if found == Err(Reject::UnknownUfrag) && requests(inbox, sessions) {
        found = sessions.find(src, bytes);
    }
    match found {
        Ok(key) => sessions.input(key, src, local, bytes),
        Err(reason) => metrics.rejected(bytes, reason),
    }
}
