//! `rtc-dtls` behind the interface that `str0m` asks of its DTLS.

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::dtls::config::HandshakeConfig;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use rtc::shared::error::Error as RtcDtlsError;
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, KeyingMaterial, ProtocolVersion, SrtpProfile,
};

use super::dtls::Note;
use crate::ears::Profile;

/// Exporter label of DTLS-SRTP (RFC 5764 section 4.2).
const EXPORTER: &str = "EXTRACTOR-dtls_srtp";

/// `rtc-dtls` tells associations apart by address. Here it has one, wherever ICE takes it.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

/// When the last flight is first repeated; `rtc-dtls` itself stops to, after a record it did not expect.
const REPEAT_AFTER: Duration = Duration::from_millis(200);
const REPEATS_AT_MOST: u32 = 6;

/// Says "no deadline" to `str0m`, which knows no such thing.
const NEVER: Duration = Duration::from_secs(3_600);

/// What waits for `str0m` to poll it.
enum Ready {
    Packet(Vec<u8>),
    PeerCertificate(Vec<u8>),
    Keys(KeyingMaterial, SrtpProfile),
    Connected,
    Closed,
}

/// One association, driven as `str0m` drives its own.
pub(super) struct Association {
    client: Arc<HandshakeConfig>,
    server: Arc<HandshakeConfig>,
    /// The mutex makes it `Sync`, which `str0m` asks for; it is never locked.
    endpoint: Mutex<Option<Endpoint>>,
    active: bool,
    started: bool,
    connected: bool,
    closed: bool,
    now: Instant,
    ready: VecDeque<Ready>,
    flight: Vec<Vec<u8>>,
    repeat: Option<Instant>,
    repeats: u32,
    note: Note,
}

impl fmt::Debug for Association {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Association")
            .field("active", &self.active)
            .field("connected", &self.connected)
            .finish()
    }
}

impl Association {
    pub(super) fn new(
        client: Arc<HandshakeConfig>,
        server: Arc<HandshakeConfig>,
        now: Instant,
        note: Note,
    ) -> Self {
        Self {
            client,
            server,
            endpoint: Mutex::new(None),
            active: false,
            started: false,
            connected: false,
            closed: false,
            now,
            ready: VecDeque::new(),
            flight: Vec::new(),
            repeat: None,
            repeats: 0,
            note,
        }
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut Endpoint, Instant) -> R) -> Option<R> {
        let now = self.now;
        self.endpoint.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().map(|e| act(e, now))
    }

    fn start(&mut self) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, Some(Arc::clone(&self.server)));
        if self.active
            && let Err(error) = endpoint.connect(self.now, PEER, Arc::clone(&self.client), None)
        {
            tracing::debug!(%error, "rtc-dtls does not start");
            self.closed = true;
        }
        *self.endpoint.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(endpoint);
        self.collect();
    }

    /// Queues what the endpoint wants sent, and remembers it as the flight to repeat.
    fn collect(&mut self) {
        let sent = self.with(|endpoint, _| {
            std::iter::from_fn(|| endpoint.poll_transmit()).map(|t| t.message.to_vec()).collect::<Vec<_>>()
        });
        let Some(sent) = sent.filter(|sent| !sent.is_empty()) else { return };
        if !self.connected {
            self.flight.clone_from(&sent);
            self.repeats = 0;
            self.repeat = Some(self.now + REPEAT_AFTER);
        }
        self.ready.extend(sent.into_iter().map(Ready::Packet));
    }

    fn complete(&mut self) {
        self.connected = true;
        self.repeat = None;
        self.flight.clear();
        let keys = self.with(|endpoint, _| {
            let state = endpoint.get_connection_state(PEER)?;
            let (profile, ours) = match state.srtp_protection_profile() {
                SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm => {
                    (SrtpProfile::AEAD_AES_256_GCM, Profile::AeadAes256Gcm)
                }
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => {
                    (SrtpProfile::AEAD_AES_128_GCM, Profile::AeadAes128Gcm)
                }
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => {
                    (SrtpProfile::AES128_CM_SHA1_80, Profile::Aes128CmSha1_80)
                }
                _ => return None,
            };
            let material = state.export_keying_material(EXPORTER, &[], profile.keying_material_len()).ok()?;
            let certificate = state.peer_certificates.first()?.clone();
            Some((certificate, KeyingMaterial::new(material.as_ref()), profile, ours))
        });
        match keys.flatten() {
            Some((certificate, material, profile, ours)) => {
                (self.note)(ours);
                self.ready.push_back(Ready::PeerCertificate(certificate));
                self.ready.push_back(Ready::Keys(material, profile));
                self.ready.push_back(Ready::Connected);
            }
            None => self.ready.push_back(Ready::Closed),
        }
    }
}

impl DtlsInstance for Association {
    fn set_active(&mut self, active: bool) {
        self.active = active;
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.now = self.now.max(Instant::now());
        self.start();
        let read = self.with(|endpoint, now| endpoint.read(now, PEER, None, BytesMut::from(packet)));
        match read {
            Some(Ok(events)) => {
                for event in events {
                    match event {
                        EndpointEvent::HandshakeComplete => self.complete(),
                        EndpointEvent::PeerClosed => self.ready.push_back(Ready::Closed),
                        // A listener opens no data channel.
                        _ => {}
                    }
                }
            }
            Some(Err(RtcDtlsError::ErrAlertFatalOrClose)) => self.ready.push_back(Ready::Closed),
            // One bad datagram does not end an association (RFC 6347 section 4.1.2.7).
            Some(Err(error)) => tracing::debug!(%error, "rtc-dtls dropped a datagram"),
            None => {}
        }
        self.collect();
        Ok(())
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        match self.ready.pop_front() {
            Some(Ready::Packet(packet)) => copy(&packet, buffer)
                .map_or_else(|| DtlsOutput::BufferTooSmall { needed: packet.len() }, DtlsOutput::Packet),
            Some(Ready::PeerCertificate(der)) => copy(&der, buffer)
                .map_or_else(|| DtlsOutput::BufferTooSmall { needed: der.len() }, DtlsOutput::PeerCert),
            Some(Ready::Keys(material, profile)) => DtlsOutput::KeyingMaterial(material, profile),
            Some(Ready::Connected) => DtlsOutput::Connected,
            Some(Ready::Closed) => DtlsOutput::CloseNotify,
            None => {
                let own = self.with(|endpoint, _| endpoint.poll_timeout(&PEER)).flatten();
                let start = (!self.started).then_some(self.now);
                let next = [own.filter(|_| !self.connected), self.repeat, start].into_iter().flatten().min();
                DtlsOutput::Timeout(next.unwrap_or(self.now + NEVER))
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.now = self.now.max(now);
        self.start();
        if self.connected || self.closed {
            return Ok(());
        }
        // Without an association yet, as a server before the first hello, there is nothing to time.
        let _ = self.with(|endpoint, now| endpoint.handle_timeout(PEER, now));
        self.collect();
        if self.repeat.is_some_and(|due| due <= self.now) {
            self.repeats += 1;
            self.repeat =
                (self.repeats < REPEATS_AT_MOST).then(|| self.now + REPEAT_AFTER * (1 << self.repeats));
            self.ready.extend(self.flight.iter().cloned().map(Ready::Packet));
        }
        Ok(())
    }

    fn send_application_data(&mut self, _: &[u8]) -> Result<usize, DtlsImplError> {
        Ok(0)
    }

    fn is_active(&self) -> bool {
        self.active
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.connected.then_some(ProtocolVersion::DTLS1_2)
    }

    fn is_closing(&self) -> bool {
        self.closed
    }

    fn is_closed(&self) -> bool {
        self.closed && self.ready.is_empty()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        if !std::mem::replace(&mut self.closed, true) {
            let _ = self.with(|endpoint, now| endpoint.stop(now, PEER));
            self.connected = true;
            self.repeat = None;
            self.collect();
        }
        Ok(())
    }
}

fn copy<'a>(bytes: &[u8], buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let room = buffer.get_mut(..bytes.len())?;
    room.copy_from_slice(bytes);
    Some(room)
}
