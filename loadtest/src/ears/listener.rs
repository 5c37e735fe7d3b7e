//! A listener that has joined, of either kind, and what it is without WHEP: an ear.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::reception::{Progress, Reception};
use super::whep::{Resource, Whep};
use super::{EarError, Heard, Profile};

/// How long a connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a listener's task is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Command {
    /// End the connection properly: RTCP BYE, DTLS `close_notify`.
    Close,
}

/// One that hears, however the connection was agreed on.
///
/// Dropping it is what a crashed browser does: nothing is said to the server, packets are no longer read.
pub struct Ear {
    pub(super) reception: Arc<Reception>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) task: JoinHandle<()>,
    pub(super) patience: Duration,
    /// When the first sample of what it says was spoken.
    pub(super) began: Arc<OnceLock<Instant>>,
}

/// One listener on one call: an ear that joined by WHEP. Dropping it is dropping its [`Ear`].
pub struct Listener {
    pub(super) ear: Ear,
    pub(super) whep: Whep,
    pub(super) resource: Resource,
}

impl Listener {
    /// The WHEP session of this listener.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Leaves as a well-behaved client does: DELETE, then BYE and `close_notify`. Gives all that was heard.
    ///
    /// # Errors
    ///
    /// [`EarError::Whep`] when the server does not accept the DELETE; the connection is closed all the same.
    pub async fn leave(self) -> Result<Heard, EarError> {
        let deleted = self.whep.delete(&self.resource).await;
        let heard = self.ear.hang_up().await;
        deleted?;
        Ok(heard)
    }

    /// As [`Ear::hang_up`].
    pub async fn hang_up(self) -> Heard {
        self.ear.hang_up().await
    }

    /// As [`Ear::vanish`].
    pub fn vanish(self) -> Heard {
        self.ear.vanish()
    }
}

impl Deref for Listener {
    type Target = Ear;

    fn deref(&self) -> &Ear {
        &self.ear
    }
}

impl Ear {
    /// Waits until ICE and DTLS are done.
    ///
    /// # Errors
    ///
    /// [`EarError::NotConnected`] when patience ends, [`EarError::Closed`] when the connection does.
    pub async fn connected(&self) -> Result<(), EarError> {
        self.wait(|progress| progress.connected)
            .await?
            .ok_or(EarError::NotConnected(self.patience))
            .map(|_| ())
    }

    /// Waits for `n` packets since joining, each counted once.
    ///
    /// # Errors
    ///
    /// [`EarError::TooFewPackets`] when patience ends, [`EarError::Closed`] when the connection does.
    pub async fn wait_packets(&self, n: u64) -> Result<(), EarError> {
        self.wait(|progress| progress.packets >= n).await?.map(|_| ()).ok_or_else(|| {
            EarError::TooFewPackets {
                wanted: n,
                got: self.reception.watch().borrow().packets,
                within: self.patience,
            }
        })
    }

    /// Waits for packets worth `duration` at 20 ms each, on top of what is already here.
    ///
    /// # Errors
    ///
    /// As [`Listener::wait_packets`].
    pub async fn listen_for(&self, duration: Duration) -> Result<(), EarError> {
        let here = self.reception.watch().borrow().packets;
        self.wait_packets(here + duration.as_millis().div_ceil(20) as u64).await
    }

    /// Waits until the server has ended the connection.
    ///
    /// # Errors
    ///
    /// [`EarError::StillOpen`] when patience ends.
    pub async fn closed(&self) -> Result<(), EarError> {
        let mut progress = self.reception.watch();
        let ended = tokio::time::timeout(self.patience, progress.wait_for(|p| p.closed)).await;
        ended.map(|_| ()).map_err(|_| EarError::StillOpen(self.patience))
    }

    /// The counters so far, without audio.
    pub fn counts(&self) -> Heard {
        self.reception.heard(false)
    }

    /// What was heard since this was last asked, with its audio.
    pub fn take(&self) -> Heard {
        self.reception.heard(true)
    }

    /// When the first sample of what it says was spoken. The others follow in real time.
    pub fn speaks_since(&self) -> Option<Instant> {
        self.began.get().copied()
    }

    /// The SRTP profile that was agreed on, once connected.
    pub fn profile(&self) -> Option<Profile> {
        self.reception.heard(false).profile
    }

    /// Ends the connection without a DELETE, as a closed browser tab does.
    pub async fn hang_up(mut self) -> Heard {
        // A task that has already ended needs no telling.
        let _ = self.commands.send(Command::Close).await;
        if tokio::time::timeout(GOODBYE, &mut self.task).await.is_err() {
            self.task.abort();
        }
        self.reception.heard(true)
    }

    /// Goes silent at once: no DELETE, no BYE, no `close_notify`, no more checks.
    pub fn vanish(self) -> Heard {
        self.task.abort();
        self.reception.heard(true)
    }

    async fn wait(&self, reached: impl Fn(&Progress) -> bool) -> Result<Option<Progress>, EarError> {
        let mut progress: watch::Receiver<Progress> = self.reception.watch();
        let waited = tokio::time::timeout(self.patience, progress.wait_for(|p| reached(p) || p.closed)).await;
        match waited {
            Err(_) => Ok(None),
            Ok(Ok(progress)) if reached(&progress) => Ok(Some(*progress)),
            Ok(_) => Err(EarError::Closed),
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}
