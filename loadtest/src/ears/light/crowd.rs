//! Many light listeners at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};

use super::join;
use crate::ears::whep::{Endpoint, Whep};
use crate::ears::{EarError, Heard, Listener, Options};

/// Listeners that joined, and why others did not.
#[derive(Default)]
pub struct Crowd {
    /// Those that are connected and have heard a first packet.
    pub listeners: Vec<Listener>,
    /// What went wrong with the others.
    pub failures: Vec<EarError>,
}

impl Crowd {
    /// Waits until every listener has heard `duration` more.
    ///
    /// # Errors
    ///
    /// The first listener's that did not.
    pub async fn listen_for(&self, duration: Duration) -> Result<(), EarError> {
        futures_util::future::try_join_all(self.listeners.iter().map(|one| one.listen_for(duration))).await?;
        Ok(())
    }

    /// The counters of all, in the order they joined.
    pub fn counts(&self) -> Vec<Heard> {
        self.listeners.iter().map(|one| one.counts()).collect()
    }

    /// All leave, 16 at a time. Gives what each heard; one whose DELETE was refused is in the failures.
    pub async fn leave(self) -> (Vec<Heard>, Vec<EarError>) {
        let mut failures = self.failures;
        let mut heard = Vec::with_capacity(self.listeners.len());
        let mut leaving = stream::iter(self.listeners).map(Listener::leave).buffered(16);
        while let Some(left) = leaving.next().await {
            match left {
                Ok(one) => heard.push(one),
                Err(error) => failures.push(error),
            }
        }
        (heard, failures)
    }
}

/// Joins once for each endpoint, `parallel` at a time, and waits for each one's first packet.
///
/// A grant lives for a minute: pass the endpoints as a stream that asks for each when its turn comes.
/// `joined` is told of each as it is done.
pub async fn join_many(
    endpoints: impl Stream<Item = Endpoint>,
    parallel: usize,
    whep: &Whep,
    options: &Options,
    mut joined: impl FnMut(),
) -> Crowd {
    let options = Arc::new(options.clone());
    let mut crowd = Crowd::default();
    let joining = endpoints.map(|endpoint| {
        let options = Arc::clone(&options);
        async move {
            let listener = join(whep, &endpoint, &options).await?;
            listener.connected().await?;
            listener.wait_packets(1).await?;
            Ok(listener)
        }
    });
    let mut joining = std::pin::pin!(joining.buffer_unordered(parallel.max(1)));
    while let Some(one) = joining.next().await {
        match one {
            Ok(listener) => crowd.listeners.push(listener),
            Err(error) => crowd.failures.push(error),
        }
        joined();
    }
    crowd
}
