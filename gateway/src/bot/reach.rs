//! Where a tenant's bot may be: at a public address, or where the operator says.
//!
//! A tenant's admin writes its URL, and the gateway connects to it from inside the operator's network. So it is looked at the
//! very address that is connected to, after its name was resolved: a name can mean another address at each look.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::Url;

/// Most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// Hosts where bots may be although their addresses are not public, and that need no TLS: `bots.internal`, `10.1.2.3`,
/// `10.1.0.0/16`, `fd00::/8`, separated by commas. The default is none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BotHosts {
    names: Vec<String>,
    nets: Vec<IpNet>,
}

/// The text names no host, address or range of addresses.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}: must be a host, an address, or a range of addresses like 10.1.0.0/16")]
pub struct NotAHost(String);

impl FromStr for BotHosts {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        let mut hosts = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if let Ok(net) = part.parse::<IpNet>().or_else(|_| part.parse::<IpAddr>().map(IpNet::from)) {
                hosts.nets.push(net);
                continue;
            }
            let is_name = part.len() <= 253
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
                // What ends like a number is read as an address wherever it stands in a URL.
                && part.trim_end_matches('.').bytes().next_back().is_some_and(|byte| byte.is_ascii_alphabetic());
            match is_name {
                true => hosts.names.push(part.trim_end_matches('.').to_ascii_lowercase()),
                false => return Err(NotAHost(part.to_owned())),
            }
        }
        Ok(hosts)
    }
}

impl BotHosts {
    /// The addresses of a tenant's bot that may be connected to; at least one. The error is for people.
    pub(super) async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, String> {
        self.permitted(url, resolved(url).await?)
    }

    fn permitted(&self, url: &Url, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, String> {
        let name = url.domain().map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        let is_named = name.is_some_and(|name| self.names.contains(&name));
        let mut why = "its host has no address";
        let mut may = |ip: IpAddr| {
            let ip = meant(ip);
            if is_named || self.nets.iter().any(|net| net.contains(&ip)) {
                return true;
            }
            let is_public = is_public(ip);
            why = match is_public {
                true => "its URL must be wss://, but for hosts that the operator lists in gateway_bot_hosts",
                false => "its address is not public, and the operator does not list it in gateway_bot_hosts",
            };
            is_public && url.scheme() == "wss"
        };
        let good: Vec<_> = found.into_iter().filter(|addr| may(addr.ip())).take(MAX_ADDRESSES).collect();
        if good.is_empty() { Err(why.to_owned()) } else { Ok(good) }
    }
}

/// All addresses of the URL's host.
pub(super) async fn resolved(url: &Url) -> Result<Vec<SocketAddr>, String> {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err("its URL has no host".to_owned());
    };
    // Brackets are of the URL, not of the address.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((host, port)).await;
    Ok(found.map_err(|error| format!("cannot connect: {error}"))?.collect())
}

/// The address that is reached in the end: of an IPv4 address inside an IPv6 one, the IPv4 address.
fn meant(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        // NAT64 (RFC 6052): how a node that has only IPv6 reaches the rest.
        IpAddr::V6(v6) if NAT64.contains(&v6) => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::from([a, b, c, d])
        }
        ip => ip,
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !NOT_PUBLIC_4.iter().any(|net| net.contains(&v4)),
        IpAddr::V6(v6) => UNICAST_6.contains(&v6) && !NOT_PUBLIC_6.iter().any(|net| net.contains(&v6)),
    }
}

/// What IANA's registry of special addresses calls not globally reachable, and multicast.
const NOT_PUBLIC_4: [Ipv4Net; 16] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    // With the metadata of most clouds' machines, and the credentials in them.
    v4([169, 254, 0, 0], 16),
    // The same of Azure. It is a public address that only its machines reach.
    v4([168, 63, 129, 16], 32),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// All that IANA gives to networks. Outside of it are loopback, link-local, unique local, multicast and old forms.
const UNICAST_6: Ipv6Net = v6([0x2000, 0], 3);

/// Of it, what is no network of anybody's: protocol assignments with Teredo, documentation, 6to4.
const NOT_PUBLIC_6: [Ipv6Net; 4] =
    [v6([0x2001, 0], 23), v6([0x2001, 0x0db8], 32), v6([0x2002, 0], 16), v6([0x3fff, 0], 20)];

const NAT64: Ipv6Net = v6([0x0064, 0xff9b], 96);

const fn v4([a, b, c, d]: [u8; 4], bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6([first, second]: [u16; 2], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(hosts: &str, url: &str, found: &[&str]) -> Result<Vec<String>, String> {
        let found = found.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 443)).collect();
        let good = hosts.parse::<BotHosts>().unwrap().permitted(&Url::parse(url).unwrap(), found)?;
        Ok(good.into_iter().map(|addr| addr.ip().to_string()).collect())
    }

    #[test]
    fn only_public_addresses_are_public() {
        for good in ["8.8.8.8", "172.15.255.255", "172.32.0.0", "100.128.0.0", "198.20.0.0", "168.63.129.17"]
            .into_iter()
            .chain(["2606:4700::1111", "2a00:1450:4001::5", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"])
        {
            assert!(permitted("", "wss://bot.example", &[good]).is_ok(), "{good}");
        }
        for bad in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "168.63.129.16",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.255.255",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            let why = permitted("", "wss://bot.example", &[bad]).unwrap_err();
            assert!(why.contains("not public"), "{bad}: {why}");
        }
    }

    #[test]
    fn of_a_names_addresses_only_the_permitted_ones_are_left() {
        let mixed = ["127.0.0.1", "8.8.8.8", "fd00::1", "2606:4700::1111"];
        assert_eq!(permitted("", "wss://bot.example", &mixed).unwrap(), ["8.8.8.8", "2606:4700::1111"]);
        assert_eq!(permitted("fd00::/8", "wss://bot.example", &mixed[..3]).unwrap(), ["8.8.8.8", "fd00::1"]);
        assert_eq!(permitted("", "wss://bot.example", &["8.8.8.8"; 20]).unwrap().len(), MAX_ADDRESSES);
        assert_eq!(permitted("", "wss://bot.example", &[]).unwrap_err(), "its host has no address");
    }

    #[test]
    fn the_operators_hosts_may_be_private_and_without_tls() {
        let private = ["10.1.2.3"];
        for hosts in ["10.1.2.3", "10.1.0.0/16", "Bots.Internal", " x.example , bots.internal.,"] {
            for url in ["ws://bots.internal/x", "wss://BOTS.internal", "ws://bots.internal."] {
                assert!(permitted(hosts, url, &private).is_ok(), "{hosts} {url}");
            }
        }
        assert!(permitted("127.0.0.0/8", "ws://b.example", &["::ffff:127.0.0.1"]).is_ok());
        for hosts in ["10.2.0.0/16", "internal", "more.bots.internal", "fd00::/8"] {
            assert!(permitted(hosts, "wss://bots.internal", &private).is_err(), "{hosts}");
        }
        let why = permitted("bots.internal", "ws://bot.example", &["8.8.8.8"]).unwrap_err();
        assert!(why.contains("must be wss://"), "{why}");
    }

    #[test]
    fn what_is_no_host_is_refused() {
        assert_eq!("".parse(), Ok(BotHosts::default()));
        for bad in ["10.0.0.0/33", "10.0.0", "http://x", "a b", "*.x", "x:80", "[::1]", "-.", "x/8", "."] {
            assert!(bad.parse::<BotHosts>().is_err(), "{bad}");
        }
    }
}
