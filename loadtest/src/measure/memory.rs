//! The memory of a process, from the kernel.

use anyhow::{Context, Result};

/// Bytes of a process that are in memory now: `VmRSS` of proc_pid_status(5).
pub(super) fn resident(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    parse(&status).with_context(|| format!("{path} is not understood"))
}

fn parse(status: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = rest.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_part_is_read_in_bytes() {
        assert_eq!(parse("Name:\tx\nVmPeak:\t   9 kB\nVmRSS:\t    12 kB\n"), Some(12_288));
        assert_eq!(parse("Name:\tx\n"), None);
        assert!(resident(std::process::id()).unwrap() > 100_000);
    }
}
