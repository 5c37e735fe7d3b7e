//! TLS that ends here: a certificate and its key from two files, read anew when they change.
//!
//! Reading them anew disturbs nobody: an open connection keeps what it began with, and a pair that cannot be
//! used leaves the one before in its place.

use std::convert::Infallible;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig};
use tokio_rustls::server::TlsStream;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Where the certificate and its key are.
#[derive(Clone, Debug)]
pub struct Files {
    /// PEM: the server's certificate, and behind it those that lead to the root.
    pub cert: PathBuf,
    /// PEM: the private key of the first of them.
    pub key: PathBuf,
    /// How often to look whether they changed.
    pub every: Duration,
}

impl Files {
    /// These files, looked at every ten seconds.
    pub fn new(cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { cert: cert.into(), key: key.into(), every: LOOK }
    }
}

/// Why a certificate or its key cannot be used. Its text is one line that names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// It is the certificate's file.
    #[error("{}: {why}", .path.display())]
    Cert {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It is the key's file.
    #[error("{}: {why}", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// What a server needs to speak TLS. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Shared>);

struct Shared {
    files: Files,
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    seen: Mutex<Seen>,
    metrics: Metrics,
}

impl Tls {
    /// Reads the files. The certificate may have expired: that is said in the log, and no reason not to start.
    pub fn open(files: Files) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        // Before the files are read: what is written meanwhile shows as a change later.
        let stamps = Stamps::of(&files);
        let pair = Pair::read(&files, &provider)?;
        let metrics = Metrics::new();
        metrics.expiry.set(pair.expires);
        let current = Arc::new(Current(RwLock::new(pair.key)));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has the suites of both versions")
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let seen = Mutex::new(Seen { taken: stamps, last: stamps });
        Ok(Self(Arc::new(Shared { files, acceptor, current, seen, metrics })))
    }

    /// Registers when the certificate expires, how often it was read anew and how handshakes end. Fails when they
    /// are registered already.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        let Metrics { expiry, reloads, handshaken, .. } = &self.0.metrics;
        registry.register(Box::new(expiry.clone()))?;
        registry.register(Box::new(reloads.clone()))?;
        registry.register(Box::new(handshaken.clone()))
    }

    /// Looks at the files every now and then, and takes what changed. Never ends; dropping it is safe.
    pub async fn follow(&self) -> Infallible {
        let mut look = tokio::time::interval(self.0.files.every);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            let tls = self.clone();
            // A file may be on a network; nobody else waits for it.
            if let Err(error) = tokio::task::spawn_blocking(move || tls.look()).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the TLS files cannot be looked at"
                );
            }
        }
    }

    /// Shakes hands with a client, within this time. `None`: it came to nothing, which is logged and counted.
    pub(crate) async fn accept(&self, stream: TcpStream, within: Duration) -> Option<TlsStream<TcpStream>> {
        let Handshakes { ok, failed, timeout } = &self.0.metrics.handshakes;
        match tokio::time::timeout(within, self.0.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                ok.inc();
                return Some(stream);
            }
            Ok(Err(error)) => {
                failed.inc();
                tracing::debug!(error = &error as &dyn std::error::Error, "TLS handshake failed");
            }
            Err(_elapsed) => {
                timeout.inc();
                tracing::debug!("TLS handshake took too long");
            }
        }
        None
    }

    /// Takes the files if they changed since they were last taken and rest since the last look: a new pair
    /// takes two writes, and half of it would be a failure that is none.
    fn look(&self) {
        let Shared { files, seen, .. } = &*self.0;
        let stamps = Stamps::of(files);
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = std::mem::replace(&mut seen.last, stamps) == stamps;
        if rest && seen.taken != stamps {
            seen.taken = stamps;
            self.reload();
        }
    }

    fn reload(&self) {
        let Shared { files, acceptor, current, metrics, .. } = &*self.0;
        match Pair::read(files, acceptor.config().crypto_provider()) {
            Ok(Pair { key, expires }) => {
                current.set(key);
                metrics.expiry.set(expires);
                metrics.ok.inc();
                tracing::info!(cert = %files.cert.display(), "the new TLS certificate is in use");
            }
            Err(error) => {
                metrics.failed.inc();
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the new TLS certificate cannot be used, the old one stays"
                );
            }
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("files", &self.files).finish_non_exhaustive()
    }
}

/// The certificate that new connections get. The lock is held for the copy of a pointer, once a handshake.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl Current {
    fn set(&self, key: Arc<CertifiedKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = key;
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _any_name: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// A certificate with the key that fits it.
struct Pair {
    key: Arc<CertifiedKey>,
    /// When the server's own certificate ends, in seconds since 1970.
    expires: i64,
}

impl Pair {
    fn read(files: &Files, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let bad_cert = |why: String| TlsError::Cert { path: files.cert.clone(), why };
        let bad_key = |why: String| TlsError::Key { path: files.key.clone(), why };

        let pem = std::fs::read(&files.cert).map_err(|error| bad_cert(error.to_string()))?;
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|_| bad_cert("not a PEM file".to_owned()))?;
        let leaf = chain.first().ok_or_else(|| bad_cert("has no certificate in PEM form".to_owned()))?;
        let (_, leaf) = X509Certificate::from_der(leaf)
            .map_err(|_| bad_cert("its first certificate cannot be read".to_owned()))?;
        let expires = leaf.validity().not_after.timestamp();

        let pem = std::fs::read(&files.key).map_err(|error| bad_key(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
            bad_key(match error {
                PemError::NoItemsFound => {
                    "has no private key in PEM form, or only an encrypted one".to_owned()
                }
                _ => "not a PEM file".to_owned(),
            })
        })?;
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|_| bad_key("its private key cannot be used".to_owned()))?;

        let pair = CertifiedKey::new(chain, key);
        match pair.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                let why = format!("not the key of the first certificate in {}", files.cert.display());
                return Err(bad_key(why));
            }
            Err(error) => return Err(bad_cert(format!("its first certificate cannot be used: {error}"))),
        }
        if expires <= OffsetDateTime::now_utc().unix_timestamp() {
            tracing::warn!(cert = %files.cert.display(), "the TLS certificate has expired");
        }
        Ok(Self { key: Arc::new(pair), expires })
    }
}

/// What the files looked like.
#[derive(Debug)]
struct Seen {
    /// When they were last read.
    taken: Stamps,
    /// When they were last looked at.
    last: Stamps,
}

/// What changes when one of the files is written or replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamps {
    cert: Option<Stamp>,
    key: Option<Stamp>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamp {
    modified: SystemTime,
    /// A file that is moved here may be older than the one it replaces.
    inode: u64,
    bytes: u64,
}

impl Stamps {
    fn of(files: &Files) -> Self {
        Self { cert: Stamp::of(&files.cert), key: Stamp::of(&files.key) }
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        Some(Self { modified: file.modified().ok()?, inode: file.ino(), bytes: file.len() })
    }
}

struct Metrics {
    expiry: IntGauge,
    reloads: IntCounterVec,
    ok: IntCounter,
    failed: IntCounter,
    handshaken: IntCounterVec,
    handshakes: Handshakes,
}

/// `partyline_tls_handshakes_total`, by result.
struct Handshakes {
    ok: IntCounter,
    failed: IntCounter,
    timeout: IntCounter,
}

impl Metrics {
    fn new() -> Self {
        let expiry = IntGauge::new(
            "partyline_tls_cert_expiry_timestamp_seconds",
            "When the TLS certificate in use expires, in seconds since 1970",
        )
        .expect("a constant of the right form");
        let reloads = IntCounterVec::new(
            Opts::new("partyline_tls_reloads_total", "Changed TLS files that were read anew, by result"),
            &["result"],
        )
        .expect("a constant of the right form");
        let [ok, failed] = ["ok", "failed"].map(|result| reloads.with_label_values(&[result]));
        let handshaken = IntCounterVec::new(
            Opts::new("partyline_tls_handshakes_total", "TLS handshakes of clients, by result"),
            &["result"],
        )
        .expect("a constant of the right form");
        let handshakes = |result| handshaken.with_label_values(&[result]);
        let handshakes =
            Handshakes { ok: handshakes("ok"), failed: handshakes("failed"), timeout: handshakes("timeout") };
        Self { expiry, reloads, ok, failed, handshaken, handshakes }
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
