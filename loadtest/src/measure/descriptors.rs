//! File descriptors: every listener of this process needs one.
#![expect(unsafe_code, reason = "limits have no safe form in std")]

use std::io;

use anyhow::{Context, Result};

/// Allows this process, and those it starts, as many as the system lets it have.
pub(super) fn allow_all() -> Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` may be written.
    let read = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` may be read.
    if read != 0 || unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } != 0 {
        return Err(io::Error::last_os_error()).context("the limit of open files");
    }
    Ok(())
}

/// How many a process has open.
pub(super) fn open(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/fd");
    Ok(std::fs::read_dir(&path).with_context(|| path.clone())?.count() as u64)
}

/// How many threads a process has.
pub(super) fn threads(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/task");
    Ok(std::fs::read_dir(&path).with_context(|| path.clone())?.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_is_counted() {
        allow_all().unwrap();
        let pid = std::process::id();
        let files: Vec<_> = (0..20).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        assert!(open(pid).unwrap() >= files.len() as u64);
        assert!(threads(pid).unwrap() >= 1);
        assert!(open(u32::MAX).is_err() && threads(u32::MAX).is_err());
    }
}
