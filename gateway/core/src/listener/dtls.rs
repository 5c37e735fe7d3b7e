//! DTLS in the server's role, and the one place that knows which crate speaks it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, ConfigBuilder, DtlsCertificate, Output, SrtpProfile as Chosen, certificate};

use super::event::{CloseReason, SrtpProfile};
use super::fingerprint::{Fingerprint, Hash};
use super::srtp::Keys;

/// What all sessions of a process share: the DTLS certificate and how DTLS is spoken.
pub struct Shared {
    config: Arc<Config>,
    certificate: DtlsCertificate,
    fingerprint: Fingerprint,
}

/// The process has no certificate to offer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SharedError {
    /// No key pair or no certificate could be made.
    #[error("cannot make a DTLS certificate")]
    Certificate,
    /// The DTLS library refused its configuration.
    #[error("cannot configure DTLS")]
    Config(#[source] dimpl::Error),
}

impl Shared {
    /// Makes a certificate of its own: one a process, valid for a year.
    pub fn new() -> Result<Arc<Self>, SharedError> {
        Self::with(|config| config)
    }

    /// With what a test sets beside.
    pub(super) fn with(set: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Result<Arc<Self>, SharedError> {
        let certificate =
            certificate::generate_self_signed_certificate().map_err(|_| SharedError::Certificate)?;
        let fingerprint = Fingerprint::of(Hash::Sha256, &certificate.certificate);
        let config = Config::builder()
            // ICE has proven the address already; a cookie would only cost a round trip.
            .use_server_cookie(false)
            .require_client_certificate(true)
            .flight_start_rto(FIRST_RETRY)
            .flight_retries(RETRIES);
        let config = set(config).build().map_err(SharedError::Config)?;
        Ok(Arc::new(Self { config: Arc::new(config), certificate, fingerprint }))
    }

    /// What the answers' `a=fingerprint` line says.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared({})", self.fingerprint)
    }
}

/// Retransmissions double from here: with [`RETRIES`] they outlast any handshake we wait for.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const RETRIES: usize = 7;
/// The most bytes of handshake one client may send. Chromium needs 3 kB, with a resend of all 6.
const INPUT_BUDGET: usize = 32 * 1024;
/// The most bytes it may send after its handshake: what is left then is repetitions and one close_notify.
const AFTERWARDS_BUDGET: usize = 16 * 1024;
/// The type of a DTLS record of handshake messages, of an alert, and of the rest that comes in epoch 0.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// What a datagram, or time, led to.
#[derive(Debug)]
pub(super) enum Progress {
    /// Nothing to know.
    None,
    /// The handshake is complete and the certificate is the one promised.
    Connected(Box<Keys>),
    /// The association is over.
    Over(CloseReason),
}

/// The association with one browser.
pub(super) struct Dtls {
    /// `None` before the first datagram, and after the end.
    inner: Option<Box<dimpl::Dtls>>,
    expected: Arc<[Fingerprint]>,
    /// Set once, by a certificate with an expected fingerprint. No key is exported before.
    verified: bool,
    connected: bool,
    budget: usize,
    timer: Option<Instant>,
    over: bool,
}

impl Dtls {
    pub(super) fn new(expected: Arc<[Fingerprint]>) -> Self {
        Self {
            inner: None,
            expected,
            verified: false,
            connected: false,
            budget: INPUT_BUDGET,
            timer: None,
            over: false,
        }
    }

    /// Takes a datagram. What is to be sent goes to `send`.
    pub(super) fn handle_input(
        &mut self,
        now: Instant,
        shared: &Shared,
        datagram: &[u8],
        send: impl FnMut(&[u8]),
    ) -> Progress {
        if self.over || !self.is_acceptable(datagram) {
            return Progress::None;
        }
        let Some(left) = self.budget.checked_sub(datagram.len()) else {
            // After the handshake media goes on without it: consent tells of the end.
            return if self.connected { Progress::None } else { self.end(CloseReason::Limit) };
        };
        self.budget = left;
        let inner = self.inner.get_or_insert_with(|| {
            let (config, certificate) = (Arc::clone(&shared.config), shared.certificate.clone());
            Box::new(dimpl::Dtls::new_12(config, certificate, now))
        });
        // The first sets the time for the second.
        let result = inner.handle_timeout(now).and_then(|()| inner.handle_packet(datagram));
        self.drain(result, send)
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant, send: impl FnMut(&[u8])) -> Progress {
        let due = self.timer.is_some_and(|timer| timer <= now);
        match &mut self.inner {
            Some(inner) if due => {
                let result = inner.handle_timeout(now);
                self.drain(result, send)
            }
            _ => Progress::None,
        }
    }

    /// When something is due next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.timer
    }

    /// Says good-bye, if there is a connection to say it on.
    pub(super) fn close(&mut self, send: impl FnMut(&[u8])) {
        if let Some(inner) = &mut self.inner {
            let result = inner.close();
            self.drain(result, send);
        }
        self.end(CloseReason::Local);
    }

    /// What is not encrypted proves nothing. Before the end of the handshake an alert of that kind is left
    /// to the deadline; after it only repetitions of the last flight may still be in the clear.
    fn is_acceptable(&self, datagram: &[u8]) -> bool {
        let [kind, _, _, epoch_high, epoch_low, ..] = *datagram else { return false };
        let is_clear = (epoch_high, epoch_low) == (0, 0);
        match (is_clear, kind) {
            (false, _) => true,
            (true, ALERT) => false,
            (true, HANDSHAKE) => true,
            (true, _) => !self.connected,
        }
    }

    fn drain(&mut self, result: Result<(), dimpl::Error>, mut send: impl FnMut(&[u8])) -> Progress {
        let Some(inner) = &mut self.inner else { return Progress::None };
        // A certificate must fit, or the crate panics. It cannot be longer than what came in.
        let mut buffer = vec![0; if self.connected { 2048 } else { INPUT_BUDGET }];
        let (mut keys, mut closed, mut was_connected) = (None, false, self.connected);
        let timer = loop {
            match inner.poll_output(&mut buffer) {
                Output::Packet(packet) => send(packet),
                Output::BufferTooSmall { needed } if needed <= 2 * INPUT_BUDGET => {
                    buffer.resize(needed, 0);
                }
                Output::BufferTooSmall { .. } => return self.end(CloseReason::Dtls),
                Output::PeerCert(der) => {
                    if !self.expected.iter().any(|expected| expected.matches(der)) {
                        // Nothing of the flight that would complete the handshake has left yet.
                        return self.end(CloseReason::Fingerprint);
                    }
                    self.verified = true;
                }
                Output::Connected => self.connected = true,
                Output::KeyingMaterial(material, profile) => {
                    keys = Keys::split(our_profile(profile), &material);
                }
                Output::CloseNotify => closed = true,
                // Nobody negotiated a data channel.
                Output::ApplicationData(_) => {}
                Output::Timeout(at) => break at,
                _ => {}
            }
        };
        self.timer = Some(timer);
        if closed {
            return self.end(CloseReason::Peer);
        }
        if let Err(error) = result {
            tracing::debug!(%error, was_connected, "DTLS association broke");
            // Whoever can still break it after the handshake must not end the media: drop only DTLS.
            let ended = self.end(CloseReason::Dtls);
            return if was_connected { Progress::None } else { ended };
        }
        if self.connected && !std::mem::replace(&mut was_connected, true) {
            self.budget = AFTERWARDS_BUDGET;
            return match keys {
                Some(keys) if self.verified => Progress::Connected(Box::new(keys)),
                // No certificate, or no profile in common.
                _ => self.end(CloseReason::Dtls),
            };
        }
        Progress::None
    }

    fn end(&mut self, reason: CloseReason) -> Progress {
        self.over = true;
        self.inner = None;
        self.timer = None;
        Progress::Over(reason)
    }
}

impl fmt::Debug for Dtls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dtls")
            .field("inner", &self.inner)
            .field("verified", &self.verified)
            .field("connected", &self.connected)
            .finish_non_exhaustive()
    }
}

fn our_profile(chosen: Chosen) -> SrtpProfile {
    match chosen {
        Chosen::AEAD_AES_256_GCM => SrtpProfile::AeadAes256Gcm,
        Chosen::AEAD_AES_128_GCM => SrtpProfile::AeadAes128Gcm,
        // A profile of a later version has other lengths, and then `Keys::split` refuses it.
        _ => SrtpProfile::Aes128CmSha1_80,
    }
}
