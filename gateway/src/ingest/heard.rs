//! What is made of a call for those who listen to it: nothing while nobody does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway_core::call::{Call, Counts, Wanted};
use gateway_core::frame::Track;

use super::Shared;
use crate::hub::LiveCall;

/// How long to wait before an encoder that could not be made is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A call's two voices on their way to its listeners.
#[derive(Debug)]
pub(super) struct Heard {
    shared: Arc<Shared>,
    live: Arc<LiveCall>,
    call: Call,
    /// How the call was last told that it is heard.
    wanted: Wanted,
    /// Not before this is an encoder made again.
    retry: Option<Instant>,
}

impl Heard {
    pub(super) fn new(shared: Arc<Shared>, live: Arc<LiveCall>, tracks: &[Track]) -> Self {
        let call = Call::new(shared.config.call, tracks);
        Self { shared, live, call, wanted: Wanted::NOTHING, retry: None }
    }

    /// Takes a frame of either voice. What comes of it is [sent](Self::send) later.
    pub(super) fn frame(&mut self, now: Instant, track: Track, timestamp_ms: u64, ulaw: &[u8]) {
        self.call.handle_frame(now, track, timestamp_ms, ulaw);
    }

    /// Lets the call do what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.call.handle_timeout(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), or never.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.call.poll_timeout()
    }

    /// What was counted since this was last asked.
    pub(super) fn take_counts(&mut self) -> Counts {
        self.call.take_counts()
    }

    /// Makes or drops the encoder as listeners come and go. Costs a few atomic reads while nothing changes.
    pub(super) fn follow_listeners(&mut self, now: Instant) {
        let wanted = self.live.wanted();
        if wanted == self.wanted || self.retry.is_some_and(|retry| now < retry) {
            return;
        }
        let was = self.call.is_encoding();
        match self.call.set_heard(now, wanted) {
            Ok(()) => (self.wanted, self.retry) = (wanted, None),
            Err(error) => {
                self.shared.metrics.encoder_failures.inc();
                self.retry = Some(now + RETRY);
                tracing::error!(error = &error as &dyn std::error::Error, "call cannot be encoded");
            }
        }
        let is = self.call.is_encoding();
        self.shared.metrics.encoders.add(i64::from(is) - i64::from(was));
        self.send();
    }

    /// Sends what there is to whoever hears the call.
    pub(super) fn send(&mut self) {
        while let Some(packet) = self.call.poll_packet() {
            self.live.send(&packet);
        }
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.shared.metrics.encoders.sub(i64::from(self.call.is_encoding()));
    }
}
