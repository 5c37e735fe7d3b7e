//! Webhooks that came while the database was away: on disk, until it is back.
//!
//! What is answered with 2xx is durable, so a webhook is a file of its own, synced before its answer. Files are taken in
//! order, each as if it came now, with the time at which it did come; to take one twice does no harm.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use common::{AccountSid, CallId, CallSid, TenantId};
use prometheus::IntGauge;
use serde::{Deserialize, Serialize};

use super::Kind;
use crate::crypto::make_private_dir;

/// A webhook on disk. Who signed it was checked before.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Kept {
    pub(super) kind: Kind,
    pub(super) tenant: TenantId,
    pub(super) account: AccountSid,
    pub(super) call_sid: Option<CallSid>,
    /// The id that the call was given in the answer, if it was.
    pub(super) call: Option<CallId>,
    /// Unix milliseconds.
    pub(super) received_at: i64,
    pub(super) fields: Vec<(String, String)>,
}

/// The webhooks on disk. Cloning shares them.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    folder: Arc<PathBuf>,
    /// Webhooks that are kept at most.
    limit: usize,
    state: Arc<Mutex<State>>,
    pending: IntGauge,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    files: BTreeSet<u64>,
    /// The ids that calls were given.
    calls: HashMap<CallSid, CallId>,
}

impl Spool {
    /// What an earlier process left in the folder is there, though it be more than `limit`.
    pub(crate) fn open(folder: PathBuf, limit: usize, pending: IntGauge) -> io::Result<Self> {
        make_private_dir(&folder)?;
        // Numbers are of the clock, so that another process with this folder does not write over our files.
        let began = UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
        let mut state = State { next: u64::try_from(began).unwrap_or_default(), ..State::default() };
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let number = path.file_stem().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            let is_whole = path.extension().is_some_and(|extension| extension == "json");
            let Some(number) = number.filter(|_| is_whole) else { continue };
            state.files.insert(number);
            state.next = state.next.max(number + 1);
            if let Some(Kept { call_sid: Some(sid), call: Some(call), .. }) = read(&path)? {
                state.calls.insert(sid, call);
            }
        }
        pending.set(i64::try_from(state.files.len()).unwrap_or(i64::MAX));
        Ok(Self { folder: Arc::new(folder), limit, state: Arc::new(Mutex::new(state)), pending })
    }

    /// The id that a call has here, or gets now.
    pub(super) fn call(&self, sid: CallSid) -> CallId {
        self.lock().calls.get(&sid).copied().unwrap_or_else(CallId::new)
    }

    /// Keeps a webhook. When this is `Ok`, a power cut changes nothing.
    pub(super) async fn keep(&self, kept: Kept) -> io::Result<()> {
        let spool = self.clone();
        tokio::task::spawn_blocking(move || spool.write(&kept)).await.map_err(io::Error::other)?
    }

    fn write(&self, kept: &Kept) -> io::Result<()> {
        let number = {
            let mut state = self.lock();
            if state.files.len() >= self.limit {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "too many webhooks wait on disk"));
            }
            let number = state.next;
            state.next += 1;
            // From now on whatever comes waits behind it.
            state.files.insert(number);
            if let (Some(sid), Some(call)) = (kept.call_sid, kept.call) {
                state.calls.insert(sid, call);
            }
            self.count(&state);
            number
        };
        let written = self.write_file(number, kept);
        if written.is_err() {
            self.forget(number, kept.call.and(kept.call_sid));
        }
        written
    }

    fn write_file(&self, number: u64, kept: &Kept) -> io::Result<()> {
        let (path, draft) = (self.path(number, "json"), self.path(number, "draft"));
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec(kept)?)?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        File::open(&*self.folder)?.sync_all()
    }

    /// The oldest, to be taken.
    pub(super) fn first(&self) -> Option<u64> {
        self.lock().files.first().copied()
    }

    /// What a file holds. `None`: nothing that can be read; it is put aside. An error of kind `NotFound`: it is still being
    /// written.
    pub(super) fn read(&self, number: u64) -> io::Result<Option<Kept>> {
        let kept = read(&self.path(number, "json"))?;
        if kept.is_none() {
            tracing::error!(number, "a webhook on disk cannot be read, and is put aside");
            fs::rename(self.path(number, "json"), self.path(number, "bad"))?;
            self.forget(number, None);
        }
        Ok(kept)
    }

    /// One was taken.
    pub(super) fn remove(&self, number: u64, kept: &Kept) -> io::Result<()> {
        fs::remove_file(self.path(number, "json"))?;
        self.forget(number, kept.call.and(kept.call_sid));
        Ok(())
    }

    fn forget(&self, number: u64, call: Option<CallSid>) {
        let mut state = self.lock();
        state.files.remove(&number);
        if let Some(sid) = call {
            state.calls.remove(&sid);
        }
        self.count(&state);
    }

    fn count(&self, state: &State) {
        self.pending.set(i64::try_from(state.files.len()).unwrap_or(i64::MAX));
    }

    fn path(&self, number: u64, extension: &str) -> PathBuf {
        self.folder.join(format!("{number:020}.{extension}"))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> io::Result<Option<Kept>> {
    Ok(serde_json::from_slice(&fs::read(path)?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(n: u32) -> Kept {
        Kept {
            kind: Kind::Voice,
            tenant: TenantId::new(),
            account: format!("AC{n:032x}").parse().unwrap(),
            call_sid: Some(format!("CA{n:032x}").parse().unwrap()),
            call: Some(CallId::new()),
            received_at: 1,
            fields: vec![("From".to_owned(), "+1".to_owned())],
        }
    }

    #[tokio::test]
    async fn what_was_kept_is_there_for_the_next_process_in_order_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let gauge = || IntGauge::new("pending", "pending").unwrap();
        let folder = dir.path().join("spool");
        let spool = Spool::open(folder.clone(), 2, gauge()).unwrap();
        let (one, two) = (kept(1), kept(2));
        spool.keep(one.clone()).await.unwrap();
        spool.keep(two.clone()).await.unwrap();
        let refused = spool.keep(kept(3)).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        // What a crash left of a third, and what somebody else put there.
        let last = u64::MAX / 2;
        fs::write(folder.join(format!("{last:020}.draft")), "{").unwrap();
        fs::write(folder.join(format!("{last:020}.json")), "{").unwrap();

        let count = gauge();
        let next = Spool::open(folder, 2, count.clone()).unwrap();
        assert_eq!(count.get(), 3);
        assert_eq!(next.call(one.call_sid.unwrap()), one.call.unwrap());
        for kept in [&one, &two] {
            let number = next.first().unwrap();
            let read = next.read(number).unwrap().unwrap();
            assert_eq!((read.tenant, &read.fields, read.call), (kept.tenant, &kept.fields, kept.call));
            next.remove(number, &read).unwrap();
        }
        assert_eq!(next.read(next.first().unwrap()).unwrap().map(|_| ()), None, "it is put aside");
        assert_eq!((next.first(), count.get()), (None, 0));
        assert_ne!(next.call(one.call_sid.unwrap()), one.call.unwrap());
    }
}
