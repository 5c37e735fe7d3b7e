//! The CPU time of a process, from the kernel.

use std::time::Duration;

/// Ticks a second in `/proc`: `USER_HZ`, 100 on every architecture this runs on. The kernel scales ticks to the
/// true run time, so their sum is exact to a tick.
const TICKS_A_SECOND: u64 = 100;

/// Why the CPU time is not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum CpuError {
    /// The process has gone, or is not ours to look at.
    #[error("/proc/{0}/stat: {1}")]
    Read(u32, std::io::Error),
    /// The kernel writes something else there.
    #[error("/proc/{0}/stat is not understood")]
    Parse(u32),
}

/// User and system time of all threads of a process so far, its dead threads included, its children not.
pub(super) fn time_of(pid: u32) -> Result<Duration, CpuError> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|e| CpuError::Read(pid, e))?;
    parse(&stat).ok_or(CpuError::Parse(pid))
}

/// Fields 14 and 15 of proc_pid_stat(5). The second, the name, may hold spaces and parentheses.
fn parse(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1_000 / TICKS_A_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added_whatever_the_name() {
        let stat = "42 (a ) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 150 27 5 6 20 0 9 0 100 1 2";
        assert_eq!(parse(stat), Some(Duration::from_millis(1_770)));
        assert_eq!(parse("42 (short) S 1"), None);
    }

    #[test]
    fn this_process_has_a_time() {
        time_of(std::process::id()).unwrap();
        assert!(matches!(time_of(u32::MAX), Err(CpuError::Read(..))));
    }
}
