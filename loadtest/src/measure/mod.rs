//! The measurements that the `loadtest` command makes.
//!
//! Each is honest about what it measures: the server runs in a process of its own, its CPU time is read from the
//! kernel, and delays are taken by the listener from the moment its POST leaves.

mod control;
mod cost;
mod cpu;
mod descriptors;
mod ears;
mod encode;
mod floor;
mod janus;
mod join;
mod latency;
mod listen;
mod load;
mod memory;
mod metrics;
mod owner;
mod placing;
mod server;
mod site;
mod soak;
mod speak;
mod target;
mod window;

pub mod cli;

use std::time::Duration;

use clap::ValueEnum;

use crate::ears::whep::{Endpoint, Whep};
use crate::ears::{EarError, Listener, Options, Profile, light, whole};

/// Which listener.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Kind {
    /// `str0m`: many in one process
    Light,
    /// The whole `webrtc` crate: nearest to a browser
    Whole,
}

impl Kind {
    /// Joins with this kind.
    ///
    /// # Errors
    ///
    /// As [`light::join`] and [`whole::join`].
    pub async fn join(
        self,
        whep: &Whep,
        endpoint: &Endpoint,
        options: &Options,
    ) -> Result<Listener, EarError> {
        match self {
            Self::Light => light::join(whep, endpoint, options).await,
            Self::Whole => whole::join(whep, endpoint, options).await,
        }
    }
}

/// Which SRTP profile to offer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Offered {
    /// All the library knows; the server chooses
    Any,
    /// AEAD_AES_256_GCM only
    Gcm256,
    /// AEAD_AES_128_GCM only
    Gcm128,
    /// AES128_CM_HMAC_SHA1_80 only
    Cm,
}

impl Offered {
    /// The one profile, if it is one.
    pub const fn profile(self) -> Option<Profile> {
        match self {
            Self::Any => None,
            Self::Gcm256 => Some(Profile::AeadAes256Gcm),
            Self::Gcm128 => Some(Profile::AeadAes128Gcm),
            Self::Cm => Some(Profile::Aes128CmSha1_80),
        }
    }
}

/// Milliseconds with three decimals, as all figures are shown.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// A number with three decimals.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

/// The middle one, or the mean of the two in the middle.
fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let upper = figures.get(figures.len() / 2)?;
    let lower = figures.get((figures.len() - 1) / 2)?;
    Some((upper + lower) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0].into_iter()), Some(2.5));
        assert_eq!(median(std::iter::empty()), None);
    }
}
