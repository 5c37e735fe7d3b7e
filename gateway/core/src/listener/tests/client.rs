//! A browser: full ICE in the controlling role, DTLS client, SRTP by another implementation.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc_srtp::context::Context;

use super::dtls_client::{DtlsClient, Material, Outcome};
use super::wire::{self, CONTROLLING, PRIORITY, USE_CANDIDATE, USERNAME};

/// A datagram and the address it leaves from.
pub(super) type Sent = (SocketAddr, Vec<u8>);

pub(super) struct Client {
    pub(super) addr: SocketAddr,
    pub(super) ufrag: String,
    pub(super) pwd: String,
    /// The session's, from its answer.
    pub(super) server: (String, String),
    pub(super) dtls: DtlsClient,
    pub(super) nominates: bool,
    /// Whether it answers the session's checks.
    pub(super) answers: bool,
    next_check: Instant,
    checks: u32,
    started: bool,
    pub(super) send: Option<Context>,
    pub(super) receive: Option<Context>,
    /// RTP as it was heard: header and payload.
    pub(super) heard: Vec<Vec<u8>>,
    pub(super) rtcp: Vec<Vec<u8>>,
    pub(super) undecryptable: usize,
    pub(super) closed: bool,
    pub(super) out: Vec<Sent>,
}

impl Client {
    pub(super) fn new(now: Instant, addr: SocketAddr, dtls: DtlsClient) -> Self {
        Self {
            addr,
            ufrag: "clnt".into(),
            pwd: "client-password-of-24-ch".into(),
            server: Default::default(),
            dtls,
            nominates: true,
            answers: true,
            next_check: now,
            checks: 0,
            started: false,
            send: None,
            receive: None,
            heard: Vec::new(),
            rtcp: Vec::new(),
            undecryptable: 0,
            closed: false,
            out: Vec::new(),
        }
    }

    pub(super) fn offer(&self) -> String {
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
            m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n\
            a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:{}\r\na=setup:actpass\r\n\
            a=rtpmap:111 opus/48000/2\r\n",
            self.ufrag,
            self.pwd,
            self.dtls.fingerprint()
        )
    }

    /// A check as this client makes it, with more attributes if wanted.
    pub(super) fn check(&mut self, nominates: bool, more: wire::Attributes<'_>) -> Vec<u8> {
        self.checks += 1;
        let mut transaction = [b'c'; 12];
        transaction[..4].copy_from_slice(&self.checks.to_be_bytes());
        let username = format!("{}:{}", self.server.0, self.ufrag);
        let mut attributes: Vec<(u16, &[u8])> = vec![
            (USERNAME, username.as_bytes()),
            (PRIORITY, &[0x6e, 0, 1, 0xff]),
            (CONTROLLING, &[1, 2, 3, 4, 5, 6, 7, 8]),
        ];
        if nominates {
            attributes.push((USE_CANDIDATE, &[]));
        }
        attributes.extend(more);
        wire::stun(0x0001, transaction, &attributes, &self.server.1)
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        let dtls = self.dtls.poll_timeout().filter(|_| self.started);
        dtls.map_or(self.next_check, |dtls| dtls.min(self.next_check))
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.next_check <= now {
            let check = self.check(self.nominates, &[]);
            self.out.push((self.addr, check));
            // Chromium's paces: quick until it can write, then slow.
            let pace = if self.receive.is_some() { 2500 } else { 50 };
            self.next_check = now + Duration::from_millis(pace);
        }
        if self.started && self.dtls.poll_timeout().is_some_and(|at| at <= now) {
            let outcome = self.dtls.handle_timeout(now);
            self.take(outcome);
        }
    }

    /// Takes a datagram that came to `at`.
    pub(super) fn handle_input(&mut self, now: Instant, at: SocketAddr, datagram: &[u8]) {
        match datagram[0] {
            0..=3 => self.handle_stun(now, at, datagram),
            20..=63 => {
                let outcome = self.dtls.handle_input(now, datagram);
                self.take(outcome);
            }
            _ => {
                let Some(context) = &mut self.receive else {
                    self.undecryptable += 1;
                    return;
                };
                let is_rtcp = (192..224).contains(&datagram[1]);
                let opened = match is_rtcp {
                    true => context.decrypt_rtcp(datagram).map(|plain| self.rtcp.push(plain.to_vec())),
                    false => context.decrypt_rtp(datagram).map(|plain| self.heard.push(plain.to_vec())),
                };
                self.undecryptable += usize::from(opened.is_err());
            }
        }
    }

    fn handle_stun(&mut self, now: Instant, at: SocketAddr, message: &[u8]) {
        let transaction = message[8..20].try_into().unwrap();
        match message[..2] {
            [0, 1] => {
                let username = format!("{}:{}", self.ufrag, self.server.0);
                let good = wire::find(message, USERNAME) == Some(username.as_bytes());
                assert!(wire::find(message, USE_CANDIDATE).is_none(), "a lite agent nominates nothing");
                if good && wire::is_authentic(message, &self.pwd) && self.answers {
                    self.out.push((at, wire::stun(0x0101, transaction, &[], &self.pwd)));
                }
            }
            [1, 1] => {
                assert!(wire::is_authentic(message, &self.server.1));
                if !self.started {
                    self.started = true;
                    let outcome = self.dtls.start(now);
                    self.take(outcome);
                }
            }
            _ => {}
        }
    }

    pub(super) fn take(&mut self, outcome: Outcome) {
        for packet in outcome.packets {
            self.out.push((self.addr, packet));
        }
        if let Some(material) = outcome.material {
            self.start_media(&material);
        }
        self.closed |= outcome.closed;
    }

    fn start_media(&mut self, (profile, material): &Material) {
        let crypto = rtc_crypto::default_provider().unwrap();
        let mut config = rtc_srtp::config::Config { profile: *profile, ..Default::default() };
        config.set_session_keys_from_keying_material(material, true).unwrap();
        let keys = config.keys;
        let context =
            |key: &[u8], salt: &[u8]| Context::new(key, salt, *profile, None, None, crypto.crypto()).unwrap();
        self.send = Some(context(&keys.local_master_key, &keys.local_master_salt));
        self.receive = Some(context(&keys.remote_master_key, &keys.remote_master_salt));
    }
}
