//! What a stream carries, from the moment it was let in: a call, or a leg beside one.

use std::sync::Arc;
use std::task::Context;
use std::time::Instant;

use bytes::Bytes;
use common::bus::{NodeEvent, StreamEnd};
use gateway_core::call::Counts;
use gateway_core::frame::Track;

use super::Shared;
use super::heard::Heard;
use super::speaking::Speaking;
use crate::hub::{CallInfo, LiveCall};

/// A stream in the hub. Dropping it takes it out and tells the others, whatever ended it.
#[derive(Debug)]
pub(super) struct Carried {
    shared: Arc<Shared>,
    live: Arc<LiveCall>,
    tracks: usize,
    /// `None`: it is a leg beside the call, which only those hear who speak on it.
    heard: Option<Heard>,
    /// `None`: nobody can speak on it.
    speaking: Option<Box<Speaking>>,
    /// What the others will be told.
    end: StreamEnd,
}

impl Carried {
    /// Begins to carry a stream that is in the hub, and tells the others.
    pub(super) fn new(shared: Arc<Shared>, live: Arc<LiveCall>, tracks: &[Track]) -> Self {
        let (node, &CallInfo { tenant, call, call_sid, stream, kind, .. }) = (shared.node, live.info());
        let (heard, event) = if kind.is_beside() {
            shared.metrics.sides.inc();
            (None, NodeEvent::SideStarted { node, tenant, call, call_sid, kind })
        } else {
            shared.metrics.calls.inc();
            let names = tracks.iter().map(|track| track.as_str().to_owned()).collect();
            let event = NodeEvent::StreamStarted { node, tenant, call, call_sid, stream, tracks: names };
            (Some(Heard::new(shared.clone(), live.clone(), tracks)), event)
        };
        shared.bus.events.publish(event);
        let speaking = live.take_floor().map(|inlet| {
            let now = Instant::now();
            Box::new(Speaking::new(shared.clone(), live.clone(), inlet, now))
        });
        Self { shared, live, tracks: tracks.len(), heard, speaking, end: StreamEnd::Lost }
    }

    /// Takes a frame, and sends what comes of it to whoever hears the call.
    pub(super) fn frame(&mut self, now: Instant, track: Track, timestamp_ms: u64, ulaw: &[u8]) {
        if let Some(heard) = &mut self.heard {
            heard.follow_listeners(now);
            self.live.set_media_ms(timestamp_ms);
            heard.frame(now, track, timestamp_ms, ulaw);
        }
        if let (Some(speaking), Track::Inbound) = (&mut self.speaking, track) {
            speaking.caller(now, timestamp_ms, ulaw);
        }
        self.pass_on(now);
    }

    /// Takes what people, bots and control have to say. Registers to be woken for more.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, now: Instant) {
        if let Some(speaking) = &mut self.speaking {
            speaking.poll(cx, now);
            self.pass_on(now);
        }
    }

    /// The next message for Twilio.
    pub(super) fn poll_message(&mut self) -> Option<Bytes> {
        self.speaking.as_mut()?.poll_message()
    }

    /// Twilio has played what was before one of our marks.
    pub(super) fn played(&mut self, mark: &str) {
        if let Some(speaking) = &mut self.speaking {
            speaking.played(mark);
        }
    }

    /// Gives those who only listen what is spoken on the agent's side, and sends what there is to send.
    fn pass_on(&mut self, now: Instant) {
        let frames = self.speaking.as_mut().map(|speaking| speaking.take_frames());
        let Some(heard) = &mut self.heard else { return };
        for (timestamp_ms, ulaw) in frames.into_iter().flatten() {
            heard.frame(now, Track::Outbound, timestamp_ms, &ulaw);
        }
        heard.send();
    }

    /// Tells the bot and the others about a key.
    pub(super) fn key(&mut self, digit: char) {
        if let Some(speaking) = &mut self.speaking {
            speaking.key(digit);
        }
        let info = self.live.info();
        self.shared.bus.events.publish(NodeEvent::Dtmf { tenant: info.tenant, call: info.call, digit });
    }

    /// Lets the call do what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(speaking) = &mut self.speaking {
            speaking.handle_timeout(now);
        }
        if let Some(heard) = &mut self.heard {
            heard.follow_listeners(now);
            heard.handle_timeout(now);
        }
        self.pass_on(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), or never.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let speaking = self.speaking.as_ref().and_then(|speaking| speaking.poll_timeout());
        let heard = self.heard.as_ref().and_then(Heard::poll_timeout);
        heard.into_iter().chain(speaking).min()
    }

    /// Whether it is a leg beside a call that is over, or on which nobody has spoken for long.
    pub(super) fn is_deserted(&self, now: Instant) -> bool {
        let unused = |speaking: &Speaking| speaking.is_deserted(now);
        self.heard.is_none() && (!self.live.is_open() || self.speaking.as_deref().is_some_and(unused))
    }

    /// What the call has counted since this was last asked. What was spoken goes to the metrics at once.
    pub(super) fn take_counts(&mut self) -> Counts {
        if let Some(speaking) = &mut self.speaking {
            speaking.flush();
        }
        self.heard.as_mut().map(Heard::take_counts).unwrap_or_default()
    }

    /// The voices that were announced.
    pub(super) fn tracks(&self) -> usize {
        self.tracks
    }

    /// Ends it, for this reason.
    pub(super) fn finish(mut self, end: StreamEnd) {
        self.end = end;
    }

    /// Takes the call out of the hub. Who hears a call that may go on waits for its next stream.
    fn leave(&self) {
        let may_go_on = matches!(self.end, StreamEnd::Lost | StreamEnd::Stalled);
        let runtime = tokio::runtime::Handle::try_current();
        let (true, Ok(runtime)) = (may_go_on, runtime) else { return self.shared.hub.close(&self.live) };
        self.shared.hub.lose(&self.live);
        let (shared, live) = (self.shared.clone(), self.live.clone());
        runtime.spawn(async move {
            tokio::time::sleep(shared.config.wait).await;
            shared.hub.give_up(live.info().call, Some(&live));
        });
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        if let Some(speaking) = &mut self.speaking {
            speaking.end(self.end == StreamEnd::Stopped);
        }
        let (reason, &CallInfo { tenant, call, call_sid, stream, .. }) = (self.end, self.live.info());
        tracing::info!(%call, %stream, ?reason, "media stream ended");
        let event = if self.heard.is_some() {
            self.leave();
            self.shared.metrics.calls.dec();
            NodeEvent::StreamEnded { node: self.shared.node, tenant, call, stream, reason }
        } else {
            self.shared.hub.close_side(&self.live);
            self.shared.metrics.sides.dec();
            NodeEvent::SideEnded { tenant, call, call_sid, reason }
        };
        self.shared.bus.events.publish(event);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use common::CallId;
    use common::token::Signer;
    use gateway_core::frame::{Codec, Packet};
    use prometheus::Registry;

    use super::super::tests::shared;
    use super::*;
    use crate::hub::{CallKey, Outlet};

    #[test]
    fn a_call_is_encoded_while_it_is_heard_and_not_otherwise() {
        let sent = Arc::new(Sent::default());
        let signer = Signer::from_pkcs8(&Signer::generate_pkcs8()).unwrap();
        let shared = shared(vec![sent.clone()], signer.verifier(), &Registry::new());
        let (live, _) = shared.hub.open(CallInfo::of(CallId::new()));
        let mut carried = Carried::new(shared.clone(), live.clone(), &Track::ALL);
        let encoders = || shared.metrics.encoders.get();
        let mut clock = Clock { now: Instant::now(), ms: 0 };

        clock.second(&mut carried);
        assert_eq!((encoders(), sent.take()), (0, 0), "nobody hears it");

        let (one, two) = (live.listen(0, Codec::Opus), live.listen(0, Codec::Opus));
        clock.second(&mut carried);
        let packets = sent.take();
        assert_eq!(encoders(), 1);
        assert!((45..=50).contains(&packets), "{packets} packets in a second");

        drop(one);
        clock.second(&mut carried);
        assert_eq!((encoders(), sent.take()), (1, 50), "one still hears it");

        drop(two);
        clock.second(&mut carried);
        assert_eq!((encoders(), sent.take()), (0, 0), "nobody hears it any more");

        let in_mu_law = live.listen(0, Codec::Pcmu);
        clock.second(&mut carried);
        assert_eq!((encoders(), sent.take()), (0, 50), "mu-law needs none");
        drop(in_mu_law);

        let _three = live.listen(0, Codec::Opus);
        clock.second(&mut carried);
        assert_eq!(encoders(), 1);
        carried.finish(StreamEnd::Stopped);
        assert_eq!((encoders(), shared.metrics.calls.get()), (0, 0));
        assert_eq!(*sent.ended.lock().unwrap(), [live.key()]);
    }

    /// Media time and the clock's, together.
    struct Clock {
        now: Instant,
        ms: u64,
    }

    impl Clock {
        /// A second of both voices, loud enough not to be taken for silence.
        fn second(&mut self, carried: &mut Carried) {
            for _ in 0..50 {
                for track in Track::ALL {
                    let ulaw: Vec<u8> = (0..160).map(|n| if n % 16 < 8 { 0x10 } else { 0x90 }).collect();
                    carried.frame(self.now, track, self.ms, &ulaw);
                }
                self.now += Duration::from_millis(20);
                self.ms += 20;
            }
        }
    }

    #[derive(Debug, Default)]
    struct Sent {
        packets: Mutex<usize>,
        ended: Mutex<Vec<CallKey>>,
    }

    impl Sent {
        fn take(&self) -> usize {
            std::mem::take(&mut self.packets.lock().unwrap())
        }
    }

    impl Outlet for Sent {
        fn packet(&self, _: CallKey, _: &Packet) {
            *self.packets.lock().unwrap() += 1;
        }

        fn own(&self, _: u32, _: &Packet) {}

        fn side_ended(&self, _: CallKey) {}

        fn call_ended(&self, call: CallKey) {
            self.ended.lock().unwrap().push(call);
        }
    }
}
