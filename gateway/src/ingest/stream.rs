//! The task of one stream: it holds the socket and the clock, and decides nothing.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use common::token::StreamTicket;
use futures_util::{SinkExt as _, StreamExt as _};
use gateway_core::call;
use gateway_core::twilio::{Event, Leg, Start};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use time::OffsetDateTime;
use tokio::time::Sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};

use super::admission::Reject;
use super::carried::Carried;
use super::close::{Closed, LOST, close};
use super::metrics::Tally;
use super::streams::{Order, Place};
use super::{Config, Shared};
use crate::hub::CallInfo;

/// Bytes read at once. The library clears the whole buffer before each read: with its default of 128 KiB a
/// message costs three times as much.
const READ_BUFFER: usize = 4096;

/// Most that may wait to be sent, in bytes: pongs and a close frame.
const WRITE_BUFFER: usize = 16 * 1024;

/// Shortest time from one wake-up by the clock to the next: that of the runtime's timer.
const TICK: Duration = Duration::from_millis(1);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// One stream, from the answer to its handshake to its end.
#[derive(Debug)]
pub(super) struct Stream {
    // Dropped in this order: the call leaves the hub before its socket's place is free.
    carried: Option<Carried>,
    leg: Leg,
    tally: Tally,
    ticket: StreamTicket,
    signature: String,
    place: Place,
    shared: Arc<Shared>,
}

impl Stream {
    /// A stream whose ticket was good. `signature` is what it showed as Twilio's.
    pub(super) fn new(
        shared: Arc<Shared>,
        place: Place,
        ticket: StreamTicket,
        signature: String,
        now: Instant,
    ) -> Self {
        let leg = Leg::new(shared.config.limits, now);
        let tally = Tally::new(&shared.metrics, now);
        shared.metrics.connections.inc();
        Self { carried: None, leg, tally, ticket, signature, place, shared }
    }

    /// Carries the stream to its end.
    #[tracing::instrument(name = "stream", skip_all, fields(call = %self.ticket.call))]
    pub(super) async fn run(mut self, upgrade: OnUpgrade) {
        // A peer that does not take the answer to its handshake must not hold a place for ever.
        let upgraded = match tokio::time::timeout(self.shared.config.limits.start, upgrade).await {
            Ok(Ok(upgraded)) => TokioIo::new(upgraded),
            Ok(Err(_)) | Err(_) => return self.finish(Closed::ByPeer { code: LOST }),
        };
        let config = websocket_config(&self.shared.config);
        let mut socket = WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await;
        let closed = self.drive(&mut socket).await;
        // First the others learn of the end; seeing the socket off may take a while.
        self.finish(closed);
        close(socket, closed, self.shared.config.close).await;
    }

    /// Reads until there is a reason to stop.
    async fn drive(&mut self, socket: &mut Socket) -> Closed {
        let mut timer = std::pin::pin!(tokio::time::sleep_until(self.deadline(Instant::now()).into()));
        std::future::poll_fn(|cx| self.poll(cx, socket, timer.as_mut())).await
    }

    /// Serves all that is there at one go: both voices of 20 ms usually come together. By hand and not with
    /// `select!`, which would look at the orders and the clock again for each message.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket,
        mut timer: Pin<&mut Sleep>,
    ) -> Poll<Closed> {
        loop {
            // Orders first: a peer that never pauses must not keep them waiting.
            if let Poll::Ready(order) = Pin::new(&mut self.place.order).poll(cx) {
                return Poll::Ready(Closed::by_order(order.unwrap_or(Order::Shutdown)));
            }
            let now = Instant::now();
            // Bounded: the runtime's budget ends it if the peer does not.
            while let Poll::Ready(received) = socket.poll_next_unpin(cx) {
                let message = match received {
                    Some(Ok(message)) => message,
                    Some(Err(error)) => return Poll::Ready(Closed::by_error(&error)),
                    None => return Poll::Ready(Closed::ByPeer { code: LOST }),
                };
                if let Some(closed) = self.receive(now, &message) {
                    return Poll::Ready(closed);
                }
                if let Some(end) = self.leg.end() {
                    return Poll::Ready(Closed::by_leg(end, message.is_binary()));
                }
            }
            if let Some(carried) = &mut self.carried {
                carried.poll(cx, now);
                if carried.is_deserted(now) {
                    return Poll::Ready(Closed::DESERTED);
                }
            }
            let mut due = self.deadline(now);
            if due <= now {
                self.leg.handle_timeout(now);
                if let Some(carried) = &mut self.carried {
                    carried.handle_timeout(now);
                }
                if let Some(end) = self.leg.end() {
                    return Poll::Ready(Closed::by_leg(end, false));
                }
                due = self.deadline(now);
            }
            if let Err(error) = self.speak(cx, socket) {
                return Poll::Ready(Closed::by_error(&error));
            }
            if self.tally.is_due(now) {
                self.flush(now);
            }
            // Deadlines move at each frame, the timer does not: it wakes up too early now and then, and
            // is set anew.
            let due = due.max(now + TICK);
            if timer.is_elapsed() || due < timer.deadline().into_std() {
                timer.as_mut().reset(due.into());
            }
            std::task::ready!(timer.as_mut().poll(cx));
        }
    }

    /// Sends what is to be played, as far as the socket takes it.
    fn speak(&mut self, cx: &mut Context<'_>, socket: &mut Socket) -> Result<(), tungstenite::Error> {
        let Some(carried) = &mut self.carried else { return Ok(()) };
        let mut any = false;
        loop {
            match socket.poll_ready_unpin(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return Ok(()),
            }
            let Some(bytes) = carried.poll_message() else { break };
            let text =
                Utf8Bytes::try_from(bytes).map_err(|error| tungstenite::Error::Utf8(error.to_string()))?;
            socket.start_send_unpin(Message::Text(text))?;
            any = true;
        }
        match any.then(|| socket.poll_flush_unpin(cx)) {
            Some(Poll::Ready(flushed)) => flushed,
            Some(Poll::Pending) | None => Ok(()),
        }
    }

    /// Takes one message. `Some`: it was the last.
    fn receive(&mut self, now: Instant, message: &Message) -> Option<Closed> {
        let text = match message {
            Message::Text(text) => text.as_str(),
            Message::Binary(_) => {
                let _counted = self.leg.handle_binary(now);
                return None;
            }
            Message::Close(frame) => {
                return Some(Closed::ByPeer { code: frame.as_ref().map_or(1005, |frame| frame.code.into()) });
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                self.leg.handle_control(now);
                return None;
            }
        };
        match self.leg.handle_text(now, text) {
            Ok(Some(Event::Media { track, timestamp_ms, ulaw })) => {
                self.tally.frame(now, track);
                if let Some(carried) = &mut self.carried {
                    carried.frame(now, track, timestamp_ms, ulaw);
                }
            }
            Ok(Some(Event::Started(start))) => return self.admit(&start).err(),
            Ok(Some(Event::Dtmf(digit))) => {
                if let Some(carried) = &mut self.carried {
                    carried.key(digit);
                }
            }
            Ok(Some(Event::Mark(name))) => {
                if let Some(carried) = &mut self.carried {
                    carried.played(&name);
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "bad message from Twilio");
            }
        }
        None
    }

    /// Lets the stream in, if it is the one that was expected.
    fn admit(&mut self, start: &Start) -> Result<(), Closed> {
        let now = OffsetDateTime::now_utc();
        let admission = &self.shared.admission;
        if let Err(reason) = admission.check_start(&self.ticket, &self.signature, start, now) {
            // Whoever gets here had a good ticket: that is worth an operator's eye.
            tracing::warn!(reason = reason.as_str(), stream = %start.stream, "media stream not admitted");
            self.shared.metrics.rejected(reason);
            return Err(Closed::NOT_ADMITTED);
        }
        let info = CallInfo {
            tenant: self.ticket.tenant,
            call: self.ticket.call,
            call_sid: start.call,
            account_sid: self.ticket.account_sid,
            stream: start.stream,
            kind: self.ticket.kind,
        };
        let live = match info.kind.is_beside() {
            false => self.place.open(&self.shared.hub, info),
            true => match self.place.open_side(&self.shared.hub, info) {
                Some(live) => live,
                None => {
                    self.shared.metrics.rejected(Reject::NoCall);
                    return Err(Closed::NOT_ADMITTED);
                }
            },
        };
        tracing::info!(stream = %start.stream, tracks = ?start.tracks, kind = ?self.ticket.kind, "media stream started");
        self.carried = Some(Carried::new(self.shared.clone(), live, &start.tracks));
        Ok(())
    }

    /// When something is due.
    fn deadline(&self, now: Instant) -> Instant {
        let audio = self.carried.as_ref().and_then(Carried::poll_timeout);
        let due = [self.leg.poll_timeout(), audio].into_iter().flatten().min();
        due.unwrap_or(now + self.shared.config.limits.stall)
    }

    fn flush(&mut self, now: Instant) {
        let messages = self.leg.take_counts();
        let audio = self.carried.as_mut().map_or_else(call::Counts::default, Carried::take_counts);
        self.tally.flush(&self.shared.metrics, now, &messages, &audio);
    }

    /// Counts the end and tells the others.
    fn finish(&mut self, closed: Closed) {
        self.flush(Instant::now());
        self.shared.metrics.closed(closed);
        match self.carried.take() {
            Some(carried) => {
                self.tally.finish(&self.shared.metrics, carried.tracks());
                carried.finish(closed.end());
            }
            None if self.leg.end() == Some(gateway_core::twilio::End::NoStart) => {
                self.shared.metrics.rejected(Reject::NoStart);
            }
            None => {}
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.metrics.connections.dec();
        if std::thread::panicking() {
            self.shared.metrics.panics.inc();
        }
    }
}

fn websocket_config(config: &Config) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(config.message_bytes))
        .max_frame_size(Some(config.message_bytes))
}

#[cfg(test)]
mod tests {
    use common::bus::{NodeEvent, Received, StreamEnd};
    use common::token::{SignatureDigests, Signer, StreamGrant, StreamKind};
    use common::{CallId, TenantId, TicketId};
    use gateway_core::frame::Track;
    use prometheus::Registry;

    use super::super::tests::shared;
    use super::*;

    #[tokio::test]
    async fn a_fault_of_ours_leaves_no_call_behind() {
        let signer = Signer::from_pkcs8(&Signer::generate_pkcs8()).unwrap();
        let registry = Registry::new();
        let shared = shared(Vec::new(), signer.verifier(), &registry);
        let mut events = shared.bus.events.subscribe();
        let mut stream = admitted(&shared, &signer);
        assert_eq!(shared.hub.ids().len(), 1);
        assert_eq!((shared.metrics.calls.get(), shared.metrics.connections.get()), (1, 1));

        let task = tokio::spawn(async move {
            stream.tally.frame(Instant::now(), Track::Inbound);
            panic!("a fault of ours");
        });
        assert!(task.await.unwrap_err().is_panic());

        assert_eq!(shared.hub.ids(), []);
        assert_eq!((shared.metrics.calls.get(), shared.metrics.connections.get()), (0, 0));
        assert_eq!(shared.metrics.panics.get(), 1);
        tokio::time::timeout(Duration::from_secs(20), shared.streams.ended())
            .await
            .expect("its place is free");
        let mut reasons = Vec::new();
        for _ in 0..2 {
            if let Some(Received::Message(envelope)) = events.next().await
                && let NodeEvent::StreamEnded { reason, .. } = envelope.body
            {
                reasons.push(reason);
            }
        }
        assert_eq!(reasons, [StreamEnd::Lost]);
    }

    /// A stream with good tokens whose `start` was taken.
    fn admitted(shared: &Arc<Shared>, signer: &Signer) -> Stream {
        let zeros = "0".repeat(32);
        let exp = OffsetDateTime::now_utc().unix_timestamp() + 60;
        let ticket = StreamTicket {
            id: TicketId::new(),
            tenant: TenantId::new(),
            call: CallId::new(),
            call_sid: format!("CA{zeros}").parse().unwrap(),
            account_sid: format!("AC{zeros}").parse().unwrap(),
            kind: StreamKind::Monitor,
            exp,
        };
        let grant = StreamGrant {
            ticket: ticket.id,
            call_sid: ticket.call_sid,
            account_sid: ticket.account_sid,
            signatures: SignatureDigests::of(["right"]),
            exp,
        };
        let start = Start {
            account: ticket.account_sid,
            call: ticket.call_sid,
            stream: format!("MZ{zeros}").parse().unwrap(),
            tracks: Track::ALL.to_vec(),
            parameters: [("grant".to_owned(), signer.sign(&grant))].into(),
        };
        let place = shared.streams.enter().unwrap();
        let mut stream = Stream::new(shared.clone(), place, ticket, "right".to_owned(), Instant::now());
        stream.admit(&start).unwrap();
        stream
    }
}
