//! The floor: what the kernel and the cipher cost alone.
//!
//! One thread seals a payload for each of N addresses and gives them to `sendmmsg`, 64 at a time and 50 times a
//! second, and does nothing else: no session, no timer, no call. A server that sends the same packets cannot cost
//! less on the same machine in the same minute.
#![expect(unsafe_code, reason = "sendmmsg has no safe form in std")]

use std::mem;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use socket2::SockAddr;

use super::cpu::thread_time;
use crate::ears::light::inbox::{self, Inbox};

/// Datagrams that go out with one call.
const BATCH: usize = 64;

/// Between two packets of one listener.
const FRAME: Duration = Duration::from_millis(20);

/// How often the sockets are read.
const READ_EVERY: Duration = Duration::from_millis(100);

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Floor {
    /// CPU time of the sending thread a packet, in microseconds.
    pub(super) us_per_packet: f64,
    /// Packets the kernel took.
    pub(super) sent: u64,
    /// Packets it did not take.
    pub(super) refused: u64,
    /// Packets that arrived.
    pub(super) arrived: u64,
}

/// Sends `payload` bytes of audio to `listeners` sockets for `seconds`.
pub(super) async fn run(listeners: usize, payload: usize, seconds: u64) -> Result<Floor> {
    let mut sockets = Vec::with_capacity(listeners);
    for _ in 0..listeners {
        let socket = UdpSocket::bind(("127.0.0.1", 0))?;
        socket.set_nonblocking(true)?;
        sockets.push(socket);
    }
    let addrs = sockets.iter().map(UdpSocket::local_addr).collect::<Result<Vec<_>, _>>()?;
    let over = Arc::new(AtomicBool::new(false));
    let reader = tokio::task::spawn_blocking({
        let over = over.clone();
        move || read(&sockets, &over)
    });
    let sent = tokio::task::spawn_blocking(move || send(&addrs, payload, seconds)).await;
    over.store(true, Ordering::Relaxed);
    let arrived = reader.await??;
    let (cpu, sent, refused) = sent??;
    ensure!(sent > 0, "the kernel took no packet");
    let us_per_packet = cpu.as_secs_f64() * 1e6 / sent as f64;
    Ok(Floor { us_per_packet, sent, refused, arrived })
}

/// Reads as the light listeners do that only count: every 100 ms what has come, so that nobody is woken for a
/// packet at the sender's cost.
fn read(sockets: &[UdpSocket], over: &AtomicBool) -> Result<u64> {
    let (mut inbox, mut arrived) = (Inbox::new(), 0);
    loop {
        // Once more after the end.
        let last = over.load(Ordering::Relaxed);
        for socket in sockets {
            loop {
                let read = inbox.read(socket)?;
                arrived += read as u64;
                if read < inbox::BATCH {
                    break;
                }
            }
        }
        if last {
            return Ok(arrived);
        }
        thread::sleep(READ_EVERY);
    }
}

/// One listener, as far as the floor knows it.
struct Ear {
    name: SockAddr,
    key: LessSafeKey,
    buffer: Vec<u8>,
}

fn send(addrs: &[SocketAddr], payload: usize, seconds: u64) -> Result<(Duration, u64, u64)> {
    let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    socket2::SockRef::from(&socket).set_send_buffer_size(4 << 20)?;
    let mut ears = Vec::with_capacity(addrs.len());
    for (n, addr) in addrs.iter().enumerate() {
        let key = UnboundKey::new(&AES_128_GCM, &(n as u128).to_be_bytes()).ok().context("no AES-128-GCM")?;
        let (key, buffer) = (LessSafeKey::new(key), Vec::with_capacity(1500));
        ears.push(Ear { name: (*addr).into(), key, buffer });
    }
    let audio = vec![0x5a; payload];
    let (mut sent, mut refused) = (0, 0);
    let ticks = seconds * 1000 / FRAME.as_millis() as u64;
    let (began, cpu) = (Instant::now(), thread_time()?);
    for tick in 0..ticks {
        for ears in ears.chunks_mut(BATCH) {
            for ear in ears.iter_mut() {
                seal(ear, tick, &audio)?;
            }
            let taken = send_batch(&socket, ears);
            sent += taken;
            refused += ears.len() as u64 - taken;
        }
        let due = began + FRAME * (tick + 1) as u32;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok((thread_time()?.saturating_sub(cpu), sent, refused))
}

/// Writes one SRTP packet (RFC 7714).
fn seal(ear: &mut Ear, tick: u64, audio: &[u8]) -> Result<()> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&tick.to_be_bytes());
    let [.., high, low] = tick.to_be_bytes();
    let stamp = ((tick * 960) as u32).to_be_bytes();
    ear.buffer.clear();
    ear.buffer.extend_from_slice(&[0x80, 111, high, low]);
    ear.buffer.extend_from_slice(&stamp);
    ear.buffer.extend_from_slice(&[1, 2, 3, 4]);
    ear.buffer.extend_from_slice(audio);
    let (head, body) = ear.buffer.split_at_mut(12);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = ear.key.seal_in_place_separate_tag(nonce, Aad::from(&*head), body).ok().context("sealing")?;
    ear.buffer.extend_from_slice(tag.as_ref());
    Ok(())
}

fn send_batch(socket: &UdpSocket, ears: &mut [Ear]) -> u64 {
    // SAFETY: both are plain C data for which zeroes are valid.
    let (mut iovs, mut messages) =
        unsafe { (mem::zeroed::<[libc::iovec; BATCH]>(), mem::zeroed::<[libc::mmsghdr; BATCH]>()) };
    let count = ears.len().min(BATCH);
    for ((ear, iov), message) in ears.iter_mut().zip(&mut iovs).zip(&mut messages) {
        *iov = libc::iovec { iov_base: ear.buffer.as_mut_ptr().cast(), iov_len: ear.buffer.len() };
        message.msg_hdr.msg_name = ear.name.as_ptr().cast_mut().cast();
        message.msg_hdr.msg_namelen = ear.name.len();
        message.msg_hdr.msg_iov = iov;
        message.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: `count` headers point to buffers of the lengths they state, which outlive the call and which the
    // kernel only reads.
    let taken =
        unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count as libc::c_uint, 0) };
    u64::try_from(taken).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn every_packet_of_the_floor_arrives_and_costs_something() {
        let floor = run(3, 100, 1).await.unwrap();
        assert_eq!((floor.arrived, floor.refused), (150, 0));
        assert!(floor.us_per_packet > 0.0);
    }
}
