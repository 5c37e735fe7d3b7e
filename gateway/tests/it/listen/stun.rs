//! The browser's half of ICE, as little of it as the tests need.

use std::cell::Cell;
use std::net::{SocketAddr, UdpSocket};

use aws_lc_rs::hmac;

use super::server::Opened;
use crate::server::PATIENCE;

/// What Chromium's offer in these tests says.
const UFRAG: &str = "EsAw";
const PWD: &str = "P2uYro0UCOQ4zxjKXaWCBui1";

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const REQUEST: [u8; 2] = [0, 1];
const SUCCESS: [u8; 2] = [1, 1];

/// A browser's socket for one session.
pub(crate) struct Browser {
    pub(crate) socket: UdpSocket,
    server: SocketAddr,
    ufrag: String,
    pwd: String,
    fences: Cell<u32>,
}

impl Browser {
    pub(crate) fn new(session: &Opened, server: SocketAddr) -> Self {
        Self::with_socket(UdpSocket::bind("127.0.0.1:0").unwrap(), session, server)
    }

    pub(crate) fn with_socket(socket: UdpSocket, session: &Opened, server: SocketAddr) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let attribute = |name: &str| {
            let line = session.answer.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim().to_owned()
        };
        Self {
            socket,
            server,
            ufrag: attribute("a=ice-ufrag:"),
            pwd: attribute("a=ice-pwd:"),
            fences: Cell::new(0),
        }
    }

    /// A check that nominates, signed with this password or with the right one.
    pub(crate) fn check(&self, pwd: Option<&str>) -> Vec<u8> {
        self.request(*b"transaction!", pwd)
    }

    fn request(&self, transaction: [u8; 12], pwd: Option<&str>) -> Vec<u8> {
        let username = format!("{}:{UFRAG}", self.ufrag);
        let mut message = Message::new(REQUEST, transaction);
        message.attribute(0x0006, username.as_bytes());
        message.attribute(0x0024, &1_845_501_695_u32.to_be_bytes());
        message.attribute(0x802a, &[7; 8]);
        message.attribute(0x0025, &[]);
        message.sign(pwd.unwrap_or(&self.pwd))
    }

    pub(crate) fn send(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.server).unwrap();
    }

    pub(crate) fn receive(&self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let (len, from) = self.socket.recv_from(&mut buffer).expect("an answer");
        assert_eq!(from, self.server);
        buffer[..len].to_vec()
    }

    /// Checks once, and answers the server's own check: from here on this address is proven. The server's
    /// question and its answer come in any order.
    pub(crate) fn connect(&self) {
        self.send(&self.check(None));
        let (mut asked, mut answered) = (None, false);
        while asked.is_none() || !answered {
            let datagram = self.receive();
            match (datagram.first_chunk(), datagram.get(8..20)) {
                (Some(&SUCCESS), Some(b"transaction!")) => answered = true,
                (Some(&REQUEST), Some(transaction)) => asked = transaction.first_chunk().copied(),
                other => panic!("{other:?}"),
            }
        }
        let mut answer = Message::new(SUCCESS, asked.unwrap());
        // 127.0.0.1 and some port, hidden by the cookie: the server asks to hear us, not to learn where it is.
        answer.attribute(0x0020, &[0, 1, 0x21, 0x12, 127 ^ 0x21, 0x12, 0xa4, 1 ^ 0x42]);
        self.send(&answer.sign(PWD));
    }

    /// Waits until all that was sent before, by whomever, has been looked at: a socket keeps its order.
    pub(crate) fn fence(&self) {
        self.fences.set(self.fences.get() + 1);
        let mut transaction = *b"a fence 0000";
        transaction[8..].copy_from_slice(&self.fences.get().to_be_bytes());
        self.send(&self.request(transaction, None));
        // The answer to this check, not one to an earlier check that is still on its way.
        while self.receive().get(..20).is_none_or(|head| head[..2] != SUCCESS || head[8..] != transaction) {}
    }
}

struct Message(Vec<u8>);

impl Message {
    fn new(kind: [u8; 2], transaction: [u8; 12]) -> Self {
        Self([&kind[..], &[0, 0], &COOKIE, &transaction].concat())
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.0.extend(kind.to_be_bytes());
        self.0.extend((value.len() as u16).to_be_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.measure(0);
    }

    /// Writes the length, as if `more` bytes followed.
    fn measure(&mut self, more: usize) {
        let len = (self.0.len() - 20 + more) as u16;
        self.0[2..4].copy_from_slice(&len.to_be_bytes());
    }

    fn sign(mut self, pwd: &str) -> Vec<u8> {
        self.measure(24);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, pwd.as_bytes());
        let tag = hmac::sign(&key, &self.0);
        self.attribute(0x0008, tag.as_ref());
        self.measure(8);
        let fingerprint = crc32(&self.0) ^ 0x5354_554e;
        self.attribute(0x8028, &fingerprint.to_be_bytes());
        self.0
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}
