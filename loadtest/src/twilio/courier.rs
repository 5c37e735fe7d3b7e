//! Carries a call's callbacks, one after the other, and loses, repeats and reorders them as asked.
//!
//! The call does not wait for it: a slow server delays its own callbacks and nothing else.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::report::{CallStatus, WebhookReport};
use super::spec::{Account, CallSpec, StatusOrder};
use super::twiml::Target;
use super::webhook::{self, Params};

/// Callbacks that may wait. A call has a handful.
const QUEUE: usize = 256;

/// A callback to make.
#[derive(Debug)]
struct Callback {
    what: String,
    target: Target,
    params: Params,
    copies: usize,
}

/// Takes callbacks. The courier's work ends when all of these are gone.
#[derive(Clone, Debug)]
pub(super) struct Courier {
    queue: mpsc::Sender<Callback>,
}

impl Courier {
    /// Starts one. The task gives back how it went.
    pub(super) fn start(account: Account) -> (Self, JoinHandle<Vec<WebhookReport>>) {
        let (queue, mut callbacks) = mpsc::channel::<Callback>(QUEUE);
        let carry = async move {
            let mut reports = Vec::new();
            while let Some(Callback { what, target, params, copies }) = callbacks.recv().await {
                let token = Uuid::new_v4();
                for _ in 0..copies {
                    let (report, _) = webhook::request(&account, &what, &target, &params, token).await;
                    reports.push(report);
                }
            }
            reports
        };
        (Self { queue }, tokio::spawn(carry))
    }

    /// Takes a callback along.
    pub(super) fn post(&self, what: &str, target: Target, params: Params) {
        self.send(Callback { what: what.to_owned(), target, params, copies: 1 });
    }

    fn send(&self, callback: Callback) {
        if let Err(error) = self.queue.try_send(callback) {
            tracing::warn!(%error, "a callback is lost");
        }
    }
}

/// Where a call's status is reported.
#[derive(Clone, Debug)]
pub(super) struct Reports {
    pub(super) target: Target,
    /// Of `initiated ringing answered completed`; none: all of them.
    pub(super) events: Option<Vec<String>>,
}

impl Reports {
    fn wants(&self, status: CallStatus) -> bool {
        let event = match status {
            CallStatus::Initiated => "initiated",
            CallStatus::Ringing => "ringing",
            CallStatus::InProgress => "answered",
            _ => "completed",
        };
        self.events.as_ref().is_none_or(|events| events.iter().any(|wanted| wanted == event))
    }
}

/// The status callbacks of one call.
#[derive(Debug)]
pub(super) struct Statuses {
    spec: Arc<CallSpec>,
    reports: Option<Reports>,
    courier: Courier,
    held: Vec<(CallStatus, Params)>,
    number: u64,
}

impl Statuses {
    pub(super) const fn new(spec: Arc<CallSpec>, reports: Option<Reports>, courier: Courier) -> Self {
        Self { spec, reports, courier, held: Vec::new(), number: 0 }
    }

    /// Numbers a status and reports it, now or at the end, if it is wanted.
    pub(super) fn report(&mut self, status: CallStatus, mut params: Params) {
        if self.reports.as_ref().is_some_and(|reports| !reports.wants(status)) {
            return;
        }
        params.push(("SequenceNumber", self.number.to_string()));
        self.number += 1;
        if self.spec.faults.webhooks.lose.contains(&status) {
            return;
        }
        match self.spec.faults.webhooks.order {
            Some(_) => self.held.push((status, params)),
            None => self.send(status, params),
        }
    }

    /// Sends what was held back.
    pub(super) fn finish(mut self) {
        let mut held = std::mem::take(&mut self.held);
        match self.spec.faults.webhooks.order {
            None | Some(StatusOrder::Late) => {}
            Some(StatusOrder::Reversed) => held.reverse(),
            Some(StatusOrder::Shuffled) => fastrand::Rng::with_seed(self.spec.seed).shuffle(&mut held),
        }
        for (status, params) in held {
            self.send(status, params);
        }
    }

    fn send(&self, status: CallStatus, params: Params) {
        if let Some(Reports { target, .. }) = self.reports.clone() {
            let copies = if self.spec.faults.webhooks.duplicate { 2 } else { 1 };
            self.courier.send(Callback { what: status.as_str().to_owned(), target, params, copies });
        }
    }
}
