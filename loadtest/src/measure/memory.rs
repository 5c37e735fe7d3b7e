//! The memory of a process, from the kernel.

use anyhow::{Context, Result};

/// Bytes of a process that are in memory now and in no file: its heap and stacks. `Anonymous` of
/// `/proc/PID/smaps_rollup`. Unlike the resident size it knows nothing of the program's own pages, which come and
/// go with use.
pub(super) fn anonymous(pid: u32) -> Result<u64> {
    of(pid, "smaps_rollup", "Anonymous:")
}

/// Bytes of a process that are in memory now: `VmRSS` of proc_pid_status(5).
pub(super) fn resident(pid: u32) -> Result<u64> {
    of(pid, "status", "VmRSS:")
}

fn of(pid: u32, file: &str, name: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/{file}");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    parse(&text, name).with_context(|| format!("{path} is not understood"))
}

fn parse(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = rest.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_part_is_read_in_bytes() {
        let text = "Name:\tx\nVmPeak:\t   9 kB\nVmRSS:\t    12 kB\n";
        assert_eq!(parse(text, "VmRSS:"), Some(12_288));
        assert_eq!(parse(text, "Anonymous:"), None);
    }

    #[test]
    fn what_is_written_to_is_anonymous_and_what_is_in_a_file_is_not() {
        let pid = std::process::id();
        let before = anonymous(pid).unwrap();
        let written = vec![1_u8; 32 << 20];
        assert!(anonymous(pid).unwrap() >= before + (30 << 20), "{}", written.len());
        assert!(resident(pid).unwrap() > anonymous(pid).unwrap());
    }
}
