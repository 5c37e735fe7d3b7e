//! Many calls.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::call::{Call, dial};
use super::report::CallReport;
use super::spec::CallSpec;

/// Calls that were placed together. Dropping it hangs all of them up.
#[derive(Debug, Default)]
pub struct Crowd {
    calls: Vec<Call>,
}

impl Crowd {
    /// Places `count` calls, one every `every` and the first at once. `spec` makes call number `n`.
    ///
    /// If this future is dropped, the calls placed so far are hung up.
    pub async fn place(count: usize, every: Duration, mut spec: impl FnMut(usize) -> CallSpec) -> Self {
        let mut crowd = Self::default();
        // An interval of zero is not possible.
        let mut clock = interval(every.max(Duration::from_micros(1)));
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for n in 0..count {
            clock.tick().await;
            crowd.add(spec(n));
        }
        crowd
    }

    /// Places one more call.
    pub fn add(&mut self, spec: CallSpec) {
        self.calls.push(dial(spec));
    }

    /// The calls, in the order in which they were placed.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Waits until each call has a stream or is over, and counts those that have one.
    pub async fn wait_live(&self) -> usize {
        let mut live = 0;
        for call in &self.calls {
            live += usize::from(call.wait_live().await.is_ok());
        }
        live
    }

    /// Every caller hangs up.
    pub fn hang_up(&self) {
        for call in &self.calls {
            call.hang_up();
        }
    }

    /// Waits for the end of all calls.
    pub async fn finished(self) -> Vec<CallReport> {
        let mut reports = Vec::with_capacity(self.calls.len());
        for call in self.calls {
            reports.push(call.finished().await);
        }
        reports
    }
}
