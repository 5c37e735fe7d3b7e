//! HTTP clients that live as long as a measurement.

use std::time::Duration;

use reqwest::ClientBuilder;

/// How long a connection that nobody uses is kept. Servers close such by themselves, ours after ten seconds, and a
/// request that is just under way then is lost.
const IDLE_AT_MOST: Duration = Duration::from_secs(3);

/// A client whose exchanges take no longer than this.
pub(crate) fn client(timeout: Duration) -> ClientBuilder {
    reqwest::Client::builder().timeout(timeout).pool_idle_timeout(IDLE_AT_MOST)
}
