//! Which process of this machine listens at an address.

use std::net::IpAddr;
use std::path::Path;

use url::{Host, Url};

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// The process that listens at this address, when it is on loopback and its descriptors may be looked at.
pub(super) fn of(url: &Url) -> Option<u32> {
    let local = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => IpAddr::V4(ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(ip).is_loopback(),
    };
    let port = url.port_or_known_default().filter(|_| local)?;
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let table = std::fs::read_to_string(table).ok()?;
        holder(&format!("socket:[{}]", listening(&table, port)?))
    })
}

/// The inode of the socket that listens at a port, by proc_pid_net(5).
fn listening(table: &str, port: u16) -> Option<u64> {
    let port = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let wanted = fields.get(1)?.ends_with(&port) && *fields.get(3)? == LISTENING;
        if wanted { fields.get(9)?.parse().ok() } else { None }
    })
}

/// The process that holds this socket open.
fn holder(socket: &str) -> Option<u32> {
    let entries = std::fs::read_dir("/proc").ok()?.flatten();
    let mut processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    processes.find(|pid| {
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        descriptors
            .filter_map(|entry| std::fs::read_link(entry.path()).ok())
            .any(|to| to == Path::new(socket))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_by_what_it_listens_at() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = |host: &str| Url::parse(&format!("http://{host}:{port}/")).unwrap();
        assert_eq!(of(&url("127.0.0.1")), Some(std::process::id()));
        assert_eq!(of(&url("localhost")), Some(std::process::id()));
        assert_eq!(of(&url("192.0.2.1")), None, "another machine's port is not ours");
    }

    #[test]
    fn only_who_listens_counts() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  0  0 11 1 0\n\
            1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 12 1 0\n";
        assert_eq!(listening(table, 8080), Some(12));
        assert_eq!(listening(table, 8081), None);
        assert_eq!(listening("", 8080), None);
    }
}
