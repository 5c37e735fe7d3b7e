//! CPU time of a process and of a thread, from the kernel's own clocks, to the nanosecond.
//!
//! It is what `/proc/PID/stat` counts in hundredths of a second: user and system time together.
#![expect(unsafe_code, reason = "the CPU clocks have no safe form in std")]

use std::io;
use std::time::Duration;

/// Why the CPU time is not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum CpuError {
    /// The process has gone.
    #[error("the CPU time of process {0}: {1}")]
    Process(u32, io::Error),
    /// The clock cannot be read.
    #[error("a CPU clock: {0}")]
    Clock(#[from] io::Error),
}

/// Linux gives no greater number to a process: `PID_MAX_LIMIT`.
const LARGEST_PID: libc::pid_t = 1 << 22;

/// User and system time of all threads of a process so far, its dead threads included, its children not.
pub(super) fn time_of(pid: u32) -> Result<Duration, CpuError> {
    let gone = |error| CpuError::Process(pid, io::Error::from_raw_os_error(error));
    // A greater number would overflow within the clock's own, and name another process.
    let process = libc::pid_t::try_from(pid).ok().filter(|&pid| pid <= LARGEST_PID);
    let process = process.ok_or_else(|| gone(libc::ESRCH))?;
    let mut clock = 0;
    // SAFETY: `clock` may be written.
    match unsafe { libc::clock_getcpuclockid(process, &mut clock) } {
        0 => Ok(read(clock)?),
        error => Err(gone(error)),
    }
}

/// The CPU time of the calling thread.
pub(super) fn thread_time() -> Result<Duration, CpuError> {
    Ok(read(libc::CLOCK_THREAD_CPUTIME_ID)?)
}

fn read(clock: libc::clockid_t) -> io::Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` may be written.
    if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_the_time_of_its_threads_also_of_dead_ones() {
        let before = time_of(std::process::id()).unwrap();
        let spent = std::thread::spawn(|| {
            let mut n = 0_u64;
            while thread_time().unwrap() < Duration::from_millis(20) {
                n = std::hint::black_box(n + 1);
            }
            thread_time().unwrap()
        });
        let spent = spent.join().unwrap();
        assert!(time_of(std::process::id()).unwrap() >= before + spent);
    }

    #[test]
    fn a_process_that_is_not_there_has_none() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        for pid in [child.id(), i32::MAX as u32, u32::MAX] {
            assert!(matches!(time_of(pid), Err(CpuError::Process(..))));
        }
    }
}
