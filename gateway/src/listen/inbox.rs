//! How the rest of the process speaks to a media worker: never waiting, never unbounded.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use common::bus::SessionEnd;
use gateway_core::frame::Packet;
use gateway_core::listener::{IceCredentials, RemoteIce, Session};
use prometheus::IntCounter;
use tokio::sync::{Notify, oneshot};

use super::registry::Record;
use crate::hub::{CallKey, LiveCall, Outlet};

/// Packets that may wait for a worker: a fifth of a second of two hundred calls. Older audio is worth
/// nothing.
const PACKETS: usize = 2048;

/// Requests that may wait for a worker. With more, HTTP says "later".
const REQUESTS: usize = 1024;

/// What HTTP asks of a worker.
#[derive(Debug)]
pub(super) enum Request {
    /// Take over a new session.
    Add(Box<NewSession>),
    /// End the session with this tag.
    Remove { tag: u32, reason: SessionEnd },
    /// What the session with this tag may do has changed: it stands in its record.
    Mode { tag: u32 },
    /// Restart ICE of the session with this tag. The answer is the fragment for the browser; a dropped
    /// sender says that the session is gone.
    Restart { tag: u32, remote: RemoteIce, fresh: IceCredentials, reply: oneshot::Sender<String> },
}

/// A session on its way from HTTP to its worker.
#[derive(Debug)]
pub(super) struct NewSession {
    pub(super) session: Session,
    /// Our ufrag, which the session has too.
    pub(super) ufrag: String,
    pub(super) call: Arc<LiveCall>,
    pub(super) record: Arc<Record>,
}

/// The worker had more to do than it may keep waiting. Nothing was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the media worker is busy")]
pub(super) struct Busy;

/// A packet, and for whom.
#[derive(Debug)]
pub(super) enum Parcel {
    /// All who hear the call in its codec.
    Call(CallKey, Packet),
    /// The session with this tag.
    Own(u32, Packet),
}

/// The speakers' side.
#[derive(Debug)]
pub(super) struct Mailbox {
    requests: SyncSender<Request>,
    packets: SyncSender<Parcel>,
    door: Arc<Door>,
    dropped: IntCounter,
}

/// The worker's side.
#[derive(Debug)]
pub(super) struct Inbox {
    requests: Receiver<Request>,
    packets: Receiver<Parcel>,
    pub(super) door: Arc<Door>,
}

/// What must not be lost, so it stands in no queue: the bell, the calls that ended, the order to stop.
#[derive(Debug, Default)]
pub(super) struct Door {
    bell: Notify,
    /// Bounded by the calls: each ends once.
    ended: Mutex<Vec<CallKey>>,
    /// Bounded by the legs beside calls.
    sides: Mutex<Vec<CallKey>>,
    stop: AtomicBool,
}

/// The two sides of a new inbox. `dropped` counts packets that found the queue full.
pub(super) fn inbox(dropped: IntCounter) -> (Mailbox, Inbox) {
    let door = Arc::new(Door::default());
    let (requests, for_requests) = sync_channel(REQUESTS);
    let (packets, for_packets) = sync_channel(PACKETS);
    let inbox = Inbox { requests: for_requests, packets: for_packets, door: door.clone() };
    (Mailbox { requests, packets, door, dropped }, inbox)
}

impl Mailbox {
    /// Asks for something, or says at once that it cannot be asked now.
    pub(super) fn request(&self, request: Request) -> Result<(), Busy> {
        self.requests.try_send(request).map_err(|_| Busy)?;
        self.door.ring();
        Ok(())
    }

    /// Tells the worker to end all sessions and return.
    pub(super) fn stop(&self) {
        self.door.stop.store(true, Ordering::Release);
        self.door.ring();
    }
}

impl Mailbox {
    fn send(&self, parcel: Parcel) {
        match self.packets.try_send(parcel) {
            Ok(()) => self.door.ring(),
            Err(_full_or_stopped) => self.dropped.inc(),
        }
    }
}

impl Outlet for Mailbox {
    fn packet(&self, call: CallKey, packet: &Packet) {
        self.send(Parcel::Call(call, packet.clone()));
    }

    fn own(&self, tag: u32, packet: &Packet) {
        self.send(Parcel::Own(tag, packet.clone()));
    }

    fn side_ended(&self, call: CallKey) {
        self.door.sides.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        self.door.ring();
    }

    fn call_ended(&self, call: CallKey) {
        self.door.ended.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        self.door.ring();
    }
}

impl Inbox {
    /// The next request. `None`: there is none now.
    pub(super) fn request(&self) -> Option<Request> {
        self.requests.try_recv().ok()
    }

    /// The next packet. `None`: there is none now.
    pub(super) fn packet(&self) -> Option<Parcel> {
        self.packets.try_recv().ok()
    }
}

impl Door {
    /// On the worker's own thread this is a few instructions; from another it wakes the thread, if it sleeps.
    fn ring(&self) {
        self.bell.notify_one();
    }

    /// Waits until the bell is rung, or was since the last time.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// The calls of which a leg beside them has ended since the last time, in `calls`.
    pub(super) fn take_sides(&self, calls: &mut Vec<CallKey>) {
        calls.clear();
        mem::swap(calls, &mut self.sides.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The calls that ended since the last time, in `calls`.
    pub(super) fn take_ended(&self, calls: &mut Vec<CallKey>) {
        calls.clear();
        mem::swap(calls, &mut self.ended.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;
    use futures_util::FutureExt as _;
    use gateway_core::frame::Codec;

    use super::*;

    #[test]
    fn a_full_queue_drops_the_packet_counts_it_and_does_not_wait() {
        let (mailbox, inbox, dropped) = fixture();
        for _ in 0..PACKETS + 3 {
            mailbox.packet(CallKey(1), &packet());
        }
        assert_eq!(dropped.get(), 3);
        assert_eq!(std::iter::from_fn(|| inbox.packet()).count(), PACKETS);
    }

    #[test]
    fn a_full_queue_of_requests_says_so() {
        let (mailbox, inbox, _) = fixture();
        let remove = |tag| mailbox.request(Request::Remove { tag, reason: SessionEnd::Left });
        for tag in 0..REQUESTS as u32 {
            assert_eq!(remove(tag), Ok(()));
        }
        assert_eq!(remove(9999), Err(Busy));
        assert!(matches!(inbox.request(), Some(Request::Remove { tag: 0, .. })));
        assert_eq!(remove(9999), Ok(()));
    }

    #[test]
    fn the_end_of_a_call_and_the_order_to_stop_pass_full_queues() {
        let (mailbox, inbox, _) = fixture();
        for _ in 0..=PACKETS {
            mailbox.packet(CallKey(1), &packet());
        }
        mailbox.call_ended(CallKey(1));
        mailbox.call_ended(CallKey(2));
        mailbox.stop();

        let mut ended = Vec::new();
        inbox.door.take_ended(&mut ended);
        assert_eq!(ended, [CallKey(1), CallKey(2)]);
        inbox.door.take_ended(&mut ended);
        assert_eq!(ended, []);
        assert!(inbox.door.is_stopping());
    }

    #[test]
    fn the_bell_is_heard_by_who_comes_later_and_once() {
        let (mailbox, inbox, _) = fixture();
        let rung = || inbox.door.rung().now_or_never().is_some();
        assert!(!rung());
        mailbox.packet(CallKey(1), &packet());
        mailbox.packet(CallKey(1), &packet());
        assert!(rung());
        assert!(!rung());
        mailbox.call_ended(CallKey(1));
        assert!(rung());
        mailbox.stop();
        assert!(rung());
    }

    #[test]
    fn a_worker_that_is_gone_takes_nothing_and_hurts_nobody() {
        let (mailbox, inbox, dropped) = fixture();
        drop(inbox);
        mailbox.packet(CallKey(1), &packet());
        mailbox.call_ended(CallKey(1));
        assert_eq!(dropped.get(), 1);
        assert_eq!(mailbox.request(Request::Remove { tag: 1, reason: SessionEnd::Left }), Err(Busy));
    }

    fn fixture() -> (Mailbox, Inbox, IntCounter) {
        let dropped = IntCounter::new("dropped", "for the test").unwrap();
        let (mailbox, inbox) = inbox(dropped.clone());
        (mailbox, inbox, dropped)
    }

    fn packet() -> Packet {
        Packet {
            codec: Codec::Opus,
            payload: Bytes::from_static(b"opus"),
            timestamp: 0,
            marker: false,
            arrived: Instant::now(),
        }
    }
}
