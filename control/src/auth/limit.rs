//! How often one may try.

use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::HeaderMap;
use common::{TenantId, UserId};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config::RequestsPerMinute;
use crate::error::ApiError;
use crate::metrics::Metrics;

/// Keys that are remembered at most. Past it all share one bucket until old ones are forgotten.
const MAX_KEYS: usize = 100_000;

/// A token bucket for each key.
pub(crate) struct Limiter<K: Clone + Eq + Hash> {
    buckets: DefaultKeyedRateLimiter<Option<K>>,
    clock: DefaultClock,
}

impl<K: Clone + Eq + Hash> Limiter<K> {
    /// Allows `burst` at once, and one more each `period`.
    pub(crate) fn new(burst: NonZeroU32, period: Duration) -> Self {
        let quota = Quota::with_period(period.max(Duration::from_nanos(1)))
            .expect("the period is not zero")
            .allow_burst(burst);
        Self { buckets: RateLimiter::dashmap(quota), clock: DefaultClock::default() }
    }

    /// Allows so many a minute, and as many at once.
    pub(crate) fn per_minute(many: NonZeroU32) -> Self {
        Self::new(many, Duration::from_secs(60) / many.get())
    }

    /// Takes one token of this key, or says how long to wait for it.
    pub(crate) fn check(&self, key: K) -> Result<(), Duration> {
        let key = (self.buckets.len() < MAX_KEYS).then_some(key);
        self.buckets.check_key(&key).map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Forgets keys whose bucket is full again.
    pub(crate) fn forget(&self) {
        self.buckets.retain_recent();
        self.buckets.shrink_to_fit();
    }
}

/// How often the API may be asked.
#[derive(Debug)]
pub(crate) struct Requests {
    address: Limiter<IpAddr>,
    user: Limiter<UserId>,
    tenant: Limiter<TenantId>,
}

impl Requests {
    pub(crate) fn new(limits: RequestsPerMinute) -> Self {
        Self {
            address: Limiter::per_minute(limits.address),
            user: Limiter::per_minute(limits.user),
            tenant: Limiter::per_minute(limits.tenant),
        }
    }

    /// Counts a request of whoever it is.
    pub(crate) fn check_address(&self, address: IpAddr, metrics: &Metrics) -> Result<(), ApiError> {
        refuse(self.address.check(subscriber(address)), "address", metrics)
    }

    /// Counts a request of somebody known. What a person may not send does not count for their tenant.
    pub(crate) fn check_person(
        &self,
        tenant: TenantId,
        user: UserId,
        metrics: &Metrics,
    ) -> Result<(), ApiError> {
        refuse(self.user.check(user), "user", metrics)?;
        refuse(self.tenant.check(tenant), "tenant", metrics)
    }

    /// Forgets whose buckets are full again.
    pub(crate) fn forget(&self) {
        self.address.forget();
        self.user.forget();
        self.tenant.forget();
    }
}

fn refuse(checked: Result<(), Duration>, scope: &str, metrics: &Metrics) -> Result<(), ApiError> {
    checked.map_err(|wait| {
        metrics.rate_limited.with_label_values(&[scope]).inc();
        ApiError::TooMany(wait)
    })
}

impl<K: Clone + Eq + Hash> fmt::Debug for Limiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}

/// The address of a client: the peer's, or what a trusted proxy says it is.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut address = peer.to_canonical();
    if trusted.contains(&address) {
        // Proxies append: from the right, the first address that is not a proxy of ours.
        let hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).collect();
        for hop in hops.iter().rev() {
            let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
            address = hop.to_canonical();
            if !trusted.contains(&address) {
                break;
            }
        }
    }
    address
}

/// The address to count a client by. IPv6 counts by /64, which is what one subscriber has.
pub(crate) fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_the_next_is_told_to_wait() {
        let limiter = Limiter::new(NonZeroU32::new(3).unwrap(), Duration::from_secs(60));
        for _ in 0..3 {
            limiter.check("a").unwrap();
        }
        let wait = limiter.check("a").unwrap_err();
        assert!(wait <= Duration::from_secs(60) && wait > Duration::from_secs(50), "{wait:?}");
        limiter.check("b").unwrap();
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let proxy: IpAddr = "127.0.0.1".parse().unwrap();
        let address = |peer: &str, forwarded: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            client_address(peer.parse().unwrap(), &headers, &[proxy]).to_string()
        };
        let count = |address: &str| subscriber(address.parse().unwrap()).to_string();
        assert_eq!(address("127.0.0.1", "6.6.6.6, 203.0.113.5"), "203.0.113.5");
        assert_eq!(address("127.0.0.1", "203.0.113.5, 127.0.0.1"), "203.0.113.5");
        assert_eq!(address("127.0.0.1", "rubbish"), "127.0.0.1");
        assert_eq!(address("198.51.100.7", "203.0.113.5"), "198.51.100.7");
        assert_eq!(address("::ffff:127.0.0.1", "203.0.113.5"), "203.0.113.5");
        assert_eq!(address("2001:db8::1:2:3:4", ""), "2001:db8::1:2:3:4");
        assert_eq!(
            (count("2001:db8::1:2:3:4"), count("192.0.2.1")),
            ("2001:db8::".into(), "192.0.2.1".into())
        );
    }
}
