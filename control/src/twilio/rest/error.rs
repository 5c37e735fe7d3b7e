//! Why Twilio did not do it.

use std::time::Duration;

/// Why a request to Twilio came to nothing. Each says what can be done about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestError {
    /// There is no such thing in this account, or no more.
    #[error("Twilio has no such thing")]
    NotFound,
    /// Neither of the account's auth tokens is good.
    #[error("Twilio refuses the account's auth tokens")]
    Unauthorized,
    /// Twilio understood, and refuses.
    #[error("Twilio refuses with code {code} (HTTP {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Twilio's number for the error; 0 when it gave none.
        code: u32,
    },
    /// Too many requests, and the tries are used up.
    #[error("Twilio has too many requests")]
    TooMany,
    /// It could not be reached, did not answer in time or failed, and the tries are used up.
    #[error("Twilio cannot be reached, or fails")]
    Unavailable(#[source] Option<reqwest::Error>),
    /// It failed again and again, and is left alone for this time.
    #[error("Twilio has failed too often and is not asked for {} ms", .0.as_millis())]
    Open(Duration),
    /// What it answered makes no sense.
    #[error("Twilio's answer makes no sense: {0}")]
    Protocol(&'static str),
}

impl RestError {
    /// Whether the same may work later.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::TooMany | Self::Unavailable(_) | Self::Open(_) | Self::Protocol(_))
    }
}

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The base is no http or https URL.
    #[error("the base of Twilio's API must be http(s)://host[:port]")]
    Base,
    /// The system's part of HTTPS failed.
    #[error("HTTPS cannot be used")]
    Http(#[from] reqwest::Error),
}
