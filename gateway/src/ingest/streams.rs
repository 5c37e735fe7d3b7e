//! The sockets that are open, so that one can be told to end by somebody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::token::StreamKind;
use tokio::sync::{Notify, oneshot};

use super::admission::Reject;
use crate::hub::{CallInfo, CallKey, Hub, LiveCall};

/// Why a socket must end, though its own stream gave no cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Order {
    /// A newer stream of the same call took its place.
    Replaced,
    /// The gateway is going away.
    Shutdown,
}

/// All sockets of this gateway.
#[derive(Debug)]
pub(super) struct Streams {
    limit: usize,
    inner: Mutex<Inner>,
    /// Told each time a socket has ended.
    left: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    closing: bool,
    next: u64,
    /// By number. `None`: was told already.
    orders: HashMap<u64, Option<oneshot::Sender<Order>>>,
    /// The call's own, and those of its legs.
    by_call: HashMap<(CallKey, StreamKind), u64>,
}

impl Inner {
    fn tell(&mut self, number: u64, order: Order) {
        if let Some(sender) = self.orders.get_mut(&number).and_then(Option::take) {
            let _ended_by_itself = sender.send(order);
        }
    }
}

impl Streams {
    /// Room for this many sockets.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, inner: Mutex::default(), left: Notify::new() }
    }

    /// Takes a place for a socket, until the place is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Place, Reject> {
        let mut inner = self.lock();
        if inner.closing {
            return Err(Reject::Closing);
        }
        if inner.orders.len() >= self.limit {
            return Err(Reject::Full);
        }
        let number = inner.next;
        inner.next += 1;
        let (sender, order) = oneshot::channel();
        inner.orders.insert(number, Some(sender));
        Ok(Place { streams: self.clone(), number, call: None, order })
    }

    /// Lets nobody in any more, and tells all to end.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.closing = true;
        let numbers: Vec<u64> = inner.orders.keys().copied().collect();
        for number in numbers {
            inner.tell(number, Order::Shutdown);
        }
    }

    /// Waits until no socket is left.
    pub(super) async fn ended(&self) {
        loop {
            let left = self.left.notified();
            if self.lock().orders.is_empty() {
                return;
            }
            left.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The maps are whole after every operation, so a panic elsewhere spoils nothing.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket's place among all.
#[derive(Debug)]
pub(super) struct Place {
    streams: Arc<Streams>,
    number: u64,
    call: Option<(CallKey, StreamKind)>,
    /// Comes at most once.
    pub(super) order: oneshot::Receiver<Order>,
}

impl Place {
    /// Opens the call that this socket carries, and tells an older socket of the same call to end.
    pub(super) fn open(&mut self, hub: &Hub, info: CallInfo) -> Arc<LiveCall> {
        // In one step: between the two a newer stream could find the call, and not its socket.
        let streams = self.streams.clone();
        let mut inner = streams.lock();
        let (live, replaced) = hub.open(info);
        self.take(&mut inner, &live, replaced);
        drop(inner);
        live
    }

    /// The same for the stream of a leg beside a call. `None`: there is no such call here.
    pub(super) fn open_side(&mut self, hub: &Hub, info: CallInfo) -> Option<Arc<LiveCall>> {
        let streams = self.streams.clone();
        let mut inner = streams.lock();
        let (live, replaced) = hub.open_side(info)?;
        self.take(&mut inner, &live, replaced);
        Some(live)
    }

    fn take(&mut self, inner: &mut Inner, live: &LiveCall, replaced: Option<Arc<LiveCall>>) {
        let old = replaced.and_then(|old| inner.by_call.remove(&lane(&old)));
        inner.by_call.insert(lane(live), self.number);
        if let Some(number) = old {
            inner.tell(number, Order::Replaced);
        }
        self.call = Some(lane(live));
    }
}

/// Streams of a call that take each other's place. Its own do, whatever opened them.
fn lane(live: &LiveCall) -> (CallKey, StreamKind) {
    let kind = live.info().kind;
    (live.key(), if kind.is_beside() { kind } else { StreamKind::Agent })
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.streams.lock();
        inner.orders.remove(&self.number);
        // A newer socket of the call has the same key.
        if let Some(key) = self.call
            && inner.by_call.get(&key) == Some(&self.number)
        {
            inner.by_call.remove(&key);
        }
        drop(inner);
        self.streams.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use common::CallId;

    use super::*;

    #[test]
    fn the_older_socket_of_a_call_is_told_and_no_other() {
        let (streams, hub) = (Arc::new(Streams::new(9)), Hub::new(Vec::new()));
        let [mut old, mut new, mut other] = [0; 3].map(|_| streams.enter().unwrap());
        let call = CallId::new();
        old.open(&hub, CallInfo::of(call));
        other.open(&hub, CallInfo::of(CallId::new()));
        let live = new.open(&hub, CallInfo::of(call));

        assert_eq!(old.order.try_recv(), Ok(Order::Replaced));
        assert!(new.order.try_recv().is_err() && other.order.try_recv().is_err());
        drop(old);
        assert!(Arc::ptr_eq(&live, &hub.find(live.info().tenant, call).unwrap()));
    }

    #[tokio::test]
    async fn closing_tells_all_lets_nobody_in_and_waits_for_the_last() {
        let (streams, hub) = (Arc::new(Streams::new(9)), Hub::new(Vec::new()));
        let (mut opening, mut live) = (streams.enter().unwrap(), streams.enter().unwrap());
        live.open(&hub, CallInfo::of(CallId::new()));
        streams.close();
        assert_eq!(opening.order.try_recv(), Ok(Order::Shutdown));
        assert_eq!(live.order.try_recv(), Ok(Order::Shutdown));
        assert_eq!(streams.enter().err(), Some(Reject::Closing));

        drop(opening);
        let ended = tokio::spawn({
            let streams = streams.clone();
            async move { streams.ended().await }
        });
        tokio::task::yield_now().await;
        assert!(!ended.is_finished());
        drop(live);
        let limit = std::time::Duration::from_secs(20);
        tokio::time::timeout(limit, ended).await.expect("it has ended").unwrap();
        assert!(streams.lock().by_call.is_empty());
    }

    #[test]
    fn a_place_too_many_is_refused_until_one_is_free() {
        let streams = Arc::new(Streams::new(1));
        let place = streams.enter().unwrap();
        assert_eq!(streams.enter().err(), Some(Reject::Full));
        drop(place);
        assert!(streams.enter().is_ok());
    }
}
