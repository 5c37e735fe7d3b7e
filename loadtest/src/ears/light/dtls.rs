//! DTLS under `str0m`.
//!
//! `str0m` has no setting for SRTP profiles: its own DTLS offers all it knows. Two providers stand in here, and
//! both tell which profile was agreed on, which `str0m` does not. [`Own`] is `str0m`'s own, for "whatever the
//! server chooses". [`Only`] runs `rtc-dtls`, which offers one profile and nothing else.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc::dtls::crypto::Certificate;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
    SrtpProfile,
};
use str0m::crypto::{CryptoError, CryptoProvider};

use super::association::Association;
use crate::ears::{EarError, Profile};

/// Told which profile was agreed on.
pub(super) type Note = Box<dyn Fn(Profile) + Send + Sync>;

thread_local! {
    /// Who wants to know the profile of the `Rtc` that this thread is building.
    static NOTE: RefCell<Option<Note>> = const { RefCell::new(None) };
}

/// Builds an `Rtc` whose agreed profile will be told to `note`.
pub(super) fn noting<R>(note: impl Fn(Profile) + Send + Sync + 'static, build: impl FnOnce() -> R) -> R {
    NOTE.set(Some(Box::new(note)));
    let built = build();
    NOTE.set(None);
    built
}

/// The cryptography for `str0m`, with the DTLS that offers this profile.
pub(super) fn provider(profile: Option<Profile>) -> Result<Arc<CryptoProvider>, EarError> {
    static OWN: OnceLock<Own> = OnceLock::new();
    static ONLY: [OnceLock<Only>; 3] = [const { OnceLock::new() }; 3];
    let mut crypto = str0m::crypto::from_feature_flags();
    let Some(profile) = profile else {
        let inner = crypto.dtls_provider;
        crypto.dtls_provider = OWN.get_or_init(|| Own { inner });
        return Ok(Arc::new(crypto));
    };
    let [gcm256, gcm128, cm] = &ONLY;
    let slot = match profile {
        Profile::AeadAes256Gcm => gcm256,
        Profile::AeadAes128Gcm => gcm128,
        Profile::Aes128CmSha1_80 => cm,
    };
    let only = match slot.get() {
        Some(only) => only,
        None => {
            let only = Only::new(profile)?;
            slot.get_or_init(|| only)
        }
    };
    crypto.dtls_provider = only;
    Ok(Arc::new(crypto))
}

fn taken_note() -> Note {
    NOTE.take().unwrap_or_else(|| Box::new(|_| {}))
}

/// `str0m`'s own DTLS, watched.
#[derive(Debug)]
struct Own {
    inner: &'static dyn DtlsProvider,
}

impl DtlsProvider for Own {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.inner.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = self.inner.new_dtls(certificate, now, version, mtu)?;
        Ok(Box::new(Watched { inner, note: taken_note() }))
    }
}

struct Watched {
    inner: Box<dyn DtlsInstance>,
    note: Note,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl DtlsInstance for Watched {
    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.inner.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(_, profile) = &output {
            match *profile {
                SrtpProfile::AEAD_AES_256_GCM => (self.note)(Profile::AeadAes256Gcm),
                SrtpProfile::AEAD_AES_128_GCM => (self.note)(Profile::AeadAes128Gcm),
                SrtpProfile::AES128_CM_SHA1_80 => (self.note)(Profile::Aes128CmSha1_80),
                _ => {}
            }
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.inner.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.inner.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.inner.close()
    }
}

/// `rtc-dtls` with one profile. One certificate for all listeners of the process: none hides from the server.
struct Only {
    certificate: DtlsCert,
    client: Arc<HandshakeConfig>,
    server: Arc<HandshakeConfig>,
}

impl fmt::Debug for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Only")
    }
}

impl Only {
    fn new(profile: Profile) -> Result<Self, EarError> {
        let failed = |error: &dyn fmt::Display| EarError::Dtls(error.to_string());
        let crypto = rtc::crypto::default_provider().map_err(|e| failed(&e))?;
        let certificate = Certificate::generate_self_signed(vec!["ear".to_owned()], crypto.crypto())
            .map_err(|e| failed(&e))?;
        let der = certificate.certificate.first().ok_or_else(|| failed(&"no certificate"))?.to_vec();
        let offered = match profile {
            Profile::AeadAes256Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
            Profile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            Profile::Aes128CmSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        };
        let config = |client: bool| {
            ConfigBuilder::default()
                .with_crypto_provider(Arc::clone(&crypto))
                .with_certificates(vec![certificate.clone()])
                .with_srtp_protection_profiles(vec![offered])
                .with_client_auth(ClientAuthType::RequireAnyClientCert)
                .with_extended_master_secret(ExtendedMasterSecretType::Require)
                // str0m compares the fingerprint; there is no authority to ask.
                .with_insecure_skip_verify(true)
                .build(client, None)
                .map(Arc::new)
                .map_err(|e| failed(&e))
        };
        let (client, server) = (config(true)?, config(false)?);
        // The key stays with rtc-dtls; str0m only needs the certificate for its fingerprint.
        Ok(Self { certificate: DtlsCert { certificate: der, private_key: Vec::new() }, client, server })
    }
}

impl DtlsProvider for Only {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        Some(self.certificate.clone())
    }

    fn new_dtls(
        &self,
        _: &DtlsCert,
        now: Instant,
        _: DtlsVersion,
        _: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let (client, server) = (Arc::clone(&self.client), Arc::clone(&self.server));
        Ok(Box::new(Association::new(client, server, now, taken_note())))
    }
}
