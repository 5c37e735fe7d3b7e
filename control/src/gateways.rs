//! The gateways that live: which takes the next call, and where a call's listeners go.
//!
//! Each tells its URL and how full it is with its heartbeat. A URL that configuration does not allow is not used: what
//! comes over the bus is a hint, and callers' voices go where it points.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::NodeId;

use crate::StartError;
use crate::config::BaseUrl;
use crate::crypto::random;

/// A gateway that has not spoken for so long gets no new call.
const FRESH: Duration = Duration::from_secs(3);

/// A gateway that has not spoken for so long is forgotten.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Gateways that are known at most.
const MOST: usize = 1000;

/// All gateways.
#[derive(Debug)]
pub(crate) struct Gateways {
    /// Where calls go while no gateway is known.
    configured: BaseUrl,
    allowed: Vec<Pattern>,
    known: Mutex<HashMap<NodeId, Gateway>>,
}

#[derive(Clone, Debug)]
struct Gateway {
    url: BaseUrl,
    utilization: f64,
    seen: Instant,
}

/// An origin, or `https://*.example.com`: every host below that one.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Pattern(String);

impl Gateways {
    /// None known yet. `allowed`: further origins that gateways may have.
    pub(crate) fn new(configured: BaseUrl, allowed: &[String]) -> Result<Self, StartError> {
        let mut patterns = vec![Pattern(configured.origin())];
        for text in allowed {
            patterns.push(Pattern::parse(text)?);
        }
        Ok(Self { configured, allowed: patterns, known: Mutex::default() })
    }

    /// A gateway lives. `false`: its URL is not one that gateways may have.
    pub(crate) fn saw(&self, node: NodeId, url: &str, utilization: f64, now: Instant) -> bool {
        let url = BaseUrl::parse(url, "a gateway's URL").ok();
        let Some(url) = url.filter(|url| self.allowed.iter().any(|pattern| pattern.allows(url))) else {
            return false;
        };
        let mut known = self.lock();
        known.retain(|_, gateway| now.saturating_duration_since(gateway.seen) < REMEMBERED);
        if known.len() < MOST || known.contains_key(&node) {
            let utilization = if utilization.is_finite() { utilization } else { 1.0 };
            known.insert(node, Gateway { url, utilization, seen: now });
        }
        true
    }

    /// Where a new call goes: the emptier one of two taken by chance, for the emptiest of all would get every call of
    /// a second.
    pub(crate) fn for_new_call(&self, now: Instant) -> BaseUrl {
        let known = self.lock();
        let is_fresh = |gateway: &&Gateway| now.saturating_duration_since(gateway.seen) < FRESH;
        let fresh: Vec<&Gateway> = known.values().filter(is_fresh).collect();
        let any = || {
            let chance = u32::from_ne_bytes(random()) as usize;
            fresh.get(chance % fresh.len().max(1)).copied()
        };
        let emptier = any().into_iter().chain(any()).min_by(|a, b| a.utilization.total_cmp(&b.utilization));
        emptier.map_or_else(|| self.configured.clone(), |gateway| gateway.url.clone())
    }

    /// Where another stream of a call goes: to this gateway, where its listeners are, as long as that lives.
    pub(crate) fn for_stream(&self, node: Option<NodeId>, now: Instant) -> BaseUrl {
        let known = self.lock();
        let at = node.and_then(|node| known.get(&node));
        let at = at.filter(|gateway| now.saturating_duration_since(gateway.seen) < FRESH);
        let at = at.map(|gateway| gateway.url.clone());
        drop(known);
        at.unwrap_or_else(|| self.for_new_call(now))
    }

    /// Where the listeners of this gateway's calls go.
    pub(crate) fn url_of(&self, node: Option<NodeId>) -> BaseUrl {
        let known = self.lock();
        let gateway = node.and_then(|node| known.get(&node));
        gateway.map_or_else(|| self.configured.clone(), |gateway| gateway.url.clone())
    }

    /// The origins that gateways may have, as a content security policy writes them.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &str> {
        self.allowed.iter().map(|pattern| pattern.0.as_str())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, Gateway>> {
        // A panic elsewhere leaves the map whole: every change of it is one step.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, StartError> {
        let key = "an allowed gateway's origin";
        match text.split_once("://*.") {
            Some((scheme, rest)) => {
                let base = BaseUrl::parse(&format!("{scheme}://{rest}"), key)?;
                match base.origin().split_once("://") {
                    Some((scheme, rest)) => Ok(Self(format!("{scheme}://*.{rest}"))),
                    None => Err(StartError::Url { key, why: "has no host" }),
                }
            }
            None if text.contains('*') => {
                Err(StartError::Url { key, why: "has a * elsewhere than before a dot and a host" })
            }
            None => Ok(Self(BaseUrl::parse(text, key)?.origin())),
        }
    }

    fn allows(&self, url: &BaseUrl) -> bool {
        let origin = url.origin();
        match self.0.split_once('*') {
            None => origin == self.0,
            Some((scheme, host)) => {
                let rest = origin.strip_prefix(scheme).and_then(|rest| rest.strip_suffix(host));
                rest.is_some_and(|name| !name.is_empty())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_go_to_the_emptier_ones_that_live_and_listeners_to_their_calls() {
        let gateways = gateways(&["https://*.gw.example.com"]);
        let now = Instant::now();
        assert_eq!(gateways.for_new_call(now).as_str(), "https://gw.example.com");
        let [empty, full, silent] = [(); 3].map(|()| NodeId::new());
        assert!(gateways.saw(silent, "https://c.gw.example.com", 0.0, now));
        let later = now + FRESH;
        assert!(gateways.saw(full, "https://b.gw.example.com", 0.9, later));
        assert!(gateways.saw(empty, "https://a.gw.example.com", 0.1, later));

        let mut to_the_empty = 0;
        for _ in 0..1000 {
            match gateways.for_new_call(later).as_str() {
                "https://a.gw.example.com" => to_the_empty += 1,
                "https://b.gw.example.com" => {}
                other => panic!("{other} is silent"),
            }
        }
        assert!((650..850).contains(&to_the_empty), "three quarters, and not {to_the_empty}");
        assert_eq!(gateways.url_of(Some(silent)).as_str(), "https://c.gw.example.com");
        assert_eq!(gateways.url_of(None).as_str(), "https://gw.example.com");

        let stream = |node| gateways.for_stream(Some(node), later).as_str().to_owned();
        assert_eq!(stream(full), "https://b.gw.example.com", "where its listeners are, full or not");
        assert_ne!(stream(silent), "https://c.gw.example.com", "nobody would be there to take it");

        gateways.saw(full, "https://b.gw.example.com", f64::NAN, now + REMEMBERED);
        assert_eq!(gateways.url_of(Some(silent)).as_str(), "https://gw.example.com", "forgotten");
    }

    #[test]
    fn a_url_that_is_not_allowed_is_not_used() {
        let gateways = gateways(&["https://*.gw.example.com", "http://10.0.0.1:81"]);
        for (url, allowed) in [
            ("https://gw.example.com", true),
            ("https://a.gw.example.com", true),
            ("https://a.b.gw.example.com/", true),
            ("http://10.0.0.1:81", true),
            ("http://10.0.0.1:82", false),
            ("http://a.gw.example.com", false),
            ("https://a.gw.example.com:444", false),
            ("https://.gw.example.com", false),
            ("https://evil.example/.gw.example.com", false),
            ("https://evil.example/?.gw.example.com", false),
            ("https://a.gw.example.com@evil.example", false),
            ("https://agw.example.com", false),
            ("", false),
        ] {
            assert_eq!(gateways.saw(NodeId::new(), url, 0.0, Instant::now()), allowed, "{url}");
        }
        for bad in ["", "*", "https://*", "ftp://*.example.com", "https://*.a/?b"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }

    fn gateways(allowed: &[&str]) -> Gateways {
        let configured = BaseUrl::parse("https://gw.example.com", "x").unwrap();
        let allowed: Vec<String> = allowed.iter().map(|&text| text.to_owned()).collect();
        Gateways::new(configured, &allowed).unwrap()
    }
}
