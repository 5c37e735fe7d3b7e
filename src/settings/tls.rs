//! The settings of TLS.

use common::tls::{Files, Tls, TlsError};

use super::{SettingsError, bad};

/// Both files, read and checked; or neither is set.
pub(super) fn open(cert: Option<&str>, key: Option<&str>) -> Result<Option<Tls>, SettingsError> {
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => Tls::open(Files::new(cert, key)).map(Some).map_err(|error| {
            let setting = if matches!(error, TlsError::Key { .. }) { "tls_key" } else { "tls_cert" };
            bad(setting, &error.to_string())
        }),
        _ => Err(bad("tls_cert", "certificate and key belong together: set both or none")),
    }
}

/// A plain URL would send Twilio and browsers to a port that speaks TLS alone.
pub(super) fn must_be_https(key: &'static str, url: Option<&str>) -> Result<(), SettingsError> {
    match url {
        Some(url) if !url.starts_with("https:") => {
            Err(bad(key, "must begin with https:// while a TLS certificate is set"))
        }
        _ => Ok(()),
    }
}
