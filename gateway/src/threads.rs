//! The media threads: one runtime each, and no task ever changes its thread.
//!
//! A call lives on one of them: its socket is read there, its frames are kept and encoded there, and its
//! listeners' packets leave from there. Nothing is handed from thread to thread on the way and no other thread
//! is woken for it, which would cost more than the work itself.

use std::cell::Cell;
use std::io;
use std::num::NonZeroUsize;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Connections that one thread has before the next gets some: with as many calls, all of them heard, a core is
/// busy for a third of its time.
const LITTLE: usize = 128;

thread_local! {
    static INDEX: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Running threads. Dropping them ends them and all that runs on them.
#[derive(Debug)]
pub(crate) struct Threads {
    handles: Vec<Handle>,
    threads: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Threads {
    /// Starts the threads.
    pub(crate) fn start(count: NonZeroUsize) -> io::Result<Self> {
        let mut all = Self { handles: Vec::new(), threads: Vec::new() };
        for index in 0..count.get() {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            all.handles.push(runtime.handle().clone());
            let (stop, stopped) = oneshot::channel::<()>();
            let run = move || {
                INDEX.set(Some(index));
                let _stopped_or_dropped = runtime.block_on(stopped);
            };
            let thread = thread::Builder::new().name(format!("media-{index}")).spawn(run)?;
            all.threads.push((stop, thread));
        }
        Ok(all)
    }

    /// The number of the media thread that asks; `None` on any other.
    pub(crate) fn current() -> Option<usize> {
        INDEX.get()
    }

    /// The runtimes, one a thread, in the order of their numbers.
    pub(crate) fn handles(&self) -> &[Handle] {
        &self.handles
    }

    /// How many tasks there are on all threads.
    pub(crate) fn tasks(&self) -> usize {
        self.handles.iter().map(|handle| handle.metrics().num_alive_tasks()).sum()
    }

    /// The runtime for another connection: the first that has little to do, or the one with the least.
    ///
    /// Filled one after the other, for a thread with more sockets finds more of them ready each time it wakes.
    pub(crate) fn place(&self) -> Handle {
        let tasks = |handle: &&Handle| handle.metrics().num_alive_tasks();
        let first = self.handles.iter().find(|handle| tasks(handle) < LITTLE);
        let least = || self.handles.iter().min_by_key(tasks);
        first.or_else(least).cloned().unwrap_or_else(Handle::current)
    }

    /// Ends the threads and what still runs on them, and waits until that is done.
    pub(crate) async fn stop(self) {
        let (stops, threads): (Vec<_>, Vec<_>) = self.threads.into_iter().unzip();
        drop(stops);
        let join = || threads.into_iter().for_each(|thread| drop(thread.join()));
        let _joined = tokio::task::spawn_blocking(join).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn each_runtime_has_a_thread_and_all_end_together() {
        let threads = Threads::start(NonZeroUsize::new(3).unwrap()).unwrap();
        let mut numbers = Vec::new();
        for handle in threads.handles() {
            // It sleeps first: a runtime without its clock would panic.
            let task = handle.spawn(async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Threads::current()
            });
            numbers.push(task.await.unwrap());
        }
        assert_eq!(numbers, [Some(0), Some(1), Some(2)]);
        assert_eq!(Threads::current(), None);

        let first = threads.place();
        let many: Vec<_> = (0..LITTLE).map(|_| first.spawn(std::future::pending::<()>())).collect();
        let second = threads.place();
        assert!(first.id() != second.id(), "the first has enough to do");
        many.iter().for_each(tokio::task::JoinHandle::abort);
        drop(many);

        let endless = threads.handles()[0].spawn(std::future::pending::<()>());
        threads.stop().await;
        assert!(endless.await.unwrap_err().is_cancelled());
    }
}
