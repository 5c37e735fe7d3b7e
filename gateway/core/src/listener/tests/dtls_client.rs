//! The client's DTLS: the crate we use, or another, with a choice of profiles.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use dimpl::{Config, Dtls, DtlsCertificate, Output, certificate};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::protection_profile::ProtectionProfile;

/// Profile, and the exported material.
pub(super) type Material = (ProtectionProfile, Vec<u8>);

pub(super) enum DtlsClient {
    /// Without a timer before the start and after an error.
    Dimpl {
        dtls: Box<Dtls>,
        certificate: DtlsCertificate,
        timer: Option<Instant>,
    },
    Rtc {
        endpoint: Box<Endpoint>,
        config: Arc<HandshakeConfig>,
        der: Vec<u8>,
    },
}

#[derive(Default)]
pub(super) struct Outcome {
    pub(super) packets: Vec<Vec<u8>>,
    pub(super) material: Option<Material>,
    pub(super) closed: bool,
}

/// One association, and so one address will do.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

impl DtlsClient {
    pub(super) fn dimpl(now: Instant) -> Self {
        Self::dimpl_with(now, 1150, Dtls::new_12)
    }

    /// One that offers DTLS 1.3 as well.
    pub(super) fn hybrid(now: Instant) -> Self {
        Self::dimpl_with(now, 1150, Dtls::new_auto)
    }

    /// One that needs several datagrams for each flight, as Chromium does for its hello.
    pub(super) fn fragmented(now: Instant) -> Self {
        Self::dimpl_with(now, 100, Dtls::new_12)
    }

    fn dimpl_with(now: Instant, mtu: usize, new: fn(Arc<Config>, DtlsCertificate, Instant) -> Dtls) -> Self {
        let certificate = certificate::generate_self_signed_certificate().unwrap();
        // In Chromium's manner: soon, and for long.
        let config = Config::builder().flight_start_rto(Duration::from_millis(50)).flight_retries(9);
        let config = config.dangerously_set_rng_seed(2);
        let config = Arc::new(config.mtu(mtu).build().unwrap());
        let mut dtls = new(config, certificate.clone(), now);
        dtls.set_active(true);
        Self::Dimpl { dtls: Box::new(dtls), certificate, timer: None }
    }

    pub(super) fn rtc(profile: SrtpProtectionProfile) -> Self {
        let crypto = rtc_crypto::default_provider().unwrap();
        let certificate = Certificate::generate_self_signed(vec!["client".into()], crypto.crypto()).unwrap();
        let der = certificate.certificate[0].to_vec();
        let config = ConfigBuilder::default()
            .with_crypto_provider(crypto)
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(vec![profile])
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_insecure_skip_verify(true)
            .build(true, Some(PEER))
            .unwrap();
        let endpoint = Endpoint::new(PEER, TransportProtocol::UDP, None);
        Self::Rtc { endpoint: Box::new(endpoint), config: Arc::new(config), der }
    }

    /// The value of the `a=fingerprint` line.
    pub(super) fn fingerprint(&self) -> String {
        let der = match self {
            Self::Dimpl { certificate, .. } => &certificate.certificate,
            Self::Rtc { der, .. } => der,
        };
        let hash = digest::digest(&digest::SHA256, der);
        let hex: Vec<_> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        format!("sha-256 {}", hex.join(":"))
    }

    pub(super) fn start(&mut self, now: Instant) -> Outcome {
        match self {
            Self::Dimpl { dtls, .. } => dtls.handle_timeout(now).unwrap(),
            Self::Rtc { endpoint, config, .. } => {
                endpoint.connect(now, PEER, Arc::clone(config), None).unwrap();
            }
        }
        self.drain(Vec::new())
    }

    pub(super) fn handle_input(&mut self, now: Instant, datagram: &[u8]) -> Outcome {
        let events = match self {
            Self::Dimpl { dtls, .. } => {
                if dtls.handle_timeout(now).and_then(|()| dtls.handle_packet(datagram)).is_err() {
                    return self.fail();
                }
                Vec::new()
            }
            Self::Rtc { endpoint, .. } => endpoint.read(now, PEER, None, datagram.into()).unwrap_or_default(),
        };
        self.drain(events)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Outcome {
        match self {
            Self::Dimpl { dtls, .. } => {
                if dtls.handle_timeout(now).is_err() {
                    return self.fail();
                }
            }
            Self::Rtc { endpoint, .. } => drop(endpoint.handle_timeout(PEER, now)),
        }
        self.drain(Vec::new())
    }

    /// Stops its clock: what broke stays broken.
    fn fail(&mut self) -> Outcome {
        let outcome = self.drain(Vec::new());
        if let Self::Dimpl { timer, .. } = self {
            *timer = None;
        }
        outcome
    }

    pub(super) fn close(&mut self) -> Outcome {
        if let Self::Dimpl { dtls, .. } = self {
            dtls.close().unwrap();
        }
        self.drain(Vec::new())
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Dimpl { timer, .. } => *timer,
            Self::Rtc { endpoint, .. } => endpoint.poll_timeout(&PEER),
        }
    }

    fn drain(&mut self, events: Vec<EndpointEvent>) -> Outcome {
        let mut outcome = Outcome::default();
        match self {
            Self::Dimpl { dtls, timer, .. } => {
                let mut buffer = vec![0; 4096];
                loop {
                    match dtls.poll_output(&mut buffer) {
                        Output::Packet(packet) => outcome.packets.push(packet.to_vec()),
                        Output::KeyingMaterial(material, profile) => {
                            assert_eq!(profile, dimpl::SrtpProfile::AEAD_AES_256_GCM);
                            let profile = ProtectionProfile::AeadAes256Gcm;
                            outcome.material = Some((profile, material.to_vec()));
                        }
                        Output::CloseNotify => outcome.closed = true,
                        Output::Timeout(at) => break *timer = Some(at),
                        _ => {}
                    }
                }
            }
            Self::Rtc { endpoint, .. } => {
                while let Some(transmit) = endpoint.poll_transmit() {
                    outcome.packets.push(transmit.message.to_vec());
                }
                for event in events {
                    match event {
                        EndpointEvent::HandshakeComplete => outcome.material = Some(export(endpoint)),
                        EndpointEvent::PeerClosed => outcome.closed = true,
                        _ => {}
                    }
                }
            }
        }
        outcome
    }
}

fn export(endpoint: &Endpoint) -> Material {
    let state = endpoint.get_connection_state(PEER).unwrap();
    let profile = match state.srtp_protection_profile() {
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
        other => panic!("{other:?}"),
    };
    let length = 2 * (profile.key_len() + profile.salt_len());
    (profile, state.export_keying_material("EXTRACTOR-dtls_srtp", &[], length).unwrap().as_ref().to_vec())
}
