//! How a leg lets time pass: until something happens to it.

use std::time::{Duration, Instant};

use common::StreamSid;
use tokio::task::JoinError;
use tokio::time::sleep_until;

use super::dial::Child;
use super::{Flow, Leg};
use crate::twilio::call::Order;
use crate::twilio::conference::Seat;
use crate::twilio::origin::Origin;
use crate::twilio::report::{CallStatus, StreamEnd, StreamReport};

/// How long a call outlives its length while a stream is still busy sending it.
const GRACE: Duration = Duration::from_secs(10);

/// For ever.
pub(super) const NEVER: Duration = Duration::from_secs(30 * 86_400);

/// Why waiting ended.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Woke {
    Elapsed,
    StreamEnded,
    Follow,
    /// The dialled leg hung up, or goes elsewhere.
    ChildGone,
    /// The conference that was dialled is over, or has put the leg out.
    OutOfConference,
    CallOver,
}

impl Leg {
    /// Lets `time` pass, or until this stream has ended, or until the call is over.
    pub(super) async fn wait(&mut self, time: Duration, stream: Option<StreamSid>) -> Woke {
        let until = Instant::now() + time;
        loop {
            if self.hung_up {
                return Woke::CallOver;
            }
            if self.follow.is_some() {
                return Woke::Follow;
            }
            let over = self.over_at();
            let first = over.map_or(until, |over| over.min(until));
            tokio::select! {
                order = self.orders.receiver.recv() => self.take(order),
                Some(ended) = self.tasks.join_next() => {
                    let ended = self.note(ended);
                    if ended.is_some() && ended == stream {
                        return if self.hung_up { Woke::CallOver } else { Woke::StreamEnded };
                    }
                }
                order = next_order(&mut self.child) => if self.child_asked(order) {
                    return Woke::ChildGone;
                },
                () = gone(&mut self.seat) => {
                    self.seat = None;
                    return Woke::OutOfConference;
                }
                // An application has nobody to talk to any more.
                () = gone(&mut self.far) => {
                    self.far = None;
                    self.hung_up = true;
                }
                () = sleep_until(first.into()) => match over {
                    Some(over) if over <= until => self.hung_up = true,
                    _ => return Woke::Elapsed,
                },
            }
        }
    }

    /// Lets `time` pass as a verb does.
    pub(super) async fn pass(&mut self, time: Duration) -> Flow {
        match self.wait(time, None).await {
            Woke::CallOver => Flow::Over(self.hung_up_status()),
            Woke::Follow => self.turn(),
            _ => Flow::Next,
        }
    }

    /// How a call has ended that is hung up now.
    pub(super) const fn hung_up_status(&self) -> CallStatus {
        match (self.answered, &self.origin) {
            (Some(_), _) => CallStatus::Completed,
            (None, Origin::Inbound) => CallStatus::NoAnswer,
            (None, Origin::Dialled { .. } | Origin::Made { .. }) => CallStatus::Canceled,
        }
    }

    /// When the caller hangs up, by the clock.
    fn over_at(&self) -> Option<Instant> {
        let over = self.answered? + self.spec.length?;
        Some(if self.running.is_empty() { over } else { over + GRACE })
    }

    /// Takes a stream that has ended. One that sent the whole length of the call ends the call.
    pub(super) fn note(&mut self, ended: Result<StreamReport, JoinError>) -> Option<StreamSid> {
        let report = match ended {
            Ok(report) => report,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The whole runtime ends, and nobody waits for the report.
                Err(_cancelled) => return None,
            },
        };
        let sid = report.stream_sid;
        self.running.retain(|running| running.sid != sid);
        self.on_line(|line| line.stream_ended(sid));
        self.hung_up |= report.end == StreamEnd::CallOver;
        self.report.streams.push(report);
        // It was to begin with this stream, if that never opened.
        self.begin_unheard();
        Some(sid)
    }
}

/// What is asked of the dialled leg; nothing ever while there is none.
async fn next_order(child: &mut Option<Child>) -> Option<Order> {
    match child {
        Some(child) => child.orders.receiver.recv().await,
        None => std::future::pending().await,
    }
}

/// Waits until this seat is lost; for ever without one.
async fn gone(seat: &mut Option<Seat>) {
    match seat {
        Some(seat) => seat.gone().await,
        None => std::future::pending().await,
    }
}
