//! Reading what waits at a socket, many datagrams with one call.
#![expect(unsafe_code, reason = "recvmmsg has no safe form in std")]

use std::io;
use std::mem;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;

use socket2::SockAddr;

/// Datagrams that are read with one call, at most.
pub(crate) const BATCH: usize = 32;

/// The largest datagram that is read whole, in bytes. Listeners are sent none larger.
const ROOM: usize = 1_600;

/// Room for one batch. The datagrams of the last read stay until the next.
pub(crate) struct Inbox {
    room: Vec<[u8; ROOM]>,
    sources: Vec<libc::sockaddr_storage>,
    /// Bytes of each datagram, and of its source's address.
    lengths: Vec<(usize, libc::socklen_t)>,
}

impl Inbox {
    /// With nothing in it.
    pub(crate) fn new() -> Self {
        // SAFETY: zeroes are a valid address of no family.
        let nobody: libc::sockaddr_storage = unsafe { mem::zeroed() };
        Self {
            room: vec![[0; ROOM]; BATCH],
            sources: vec![nobody; BATCH],
            lengths: Vec::with_capacity(BATCH),
        }
    }

    /// Reads what waits at a socket that does not block, up to a batch, and says how many datagrams that were.
    ///
    /// # Errors
    ///
    /// What the kernel says, but for "nothing is there": that is 0.
    pub(crate) fn read(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.lengths.clear();
        // SAFETY: both are plain C data for which zeroes are valid.
        let (mut iovs, mut messages) =
            unsafe { (mem::zeroed::<[libc::iovec; BATCH]>(), mem::zeroed::<[libc::mmsghdr; BATCH]>()) };
        let rooms = self.room.iter_mut().zip(&mut self.sources);
        for ((iov, message), (room, source)) in iovs.iter_mut().zip(&mut messages).zip(rooms) {
            *iov = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
            message.msg_hdr.msg_name = (&raw mut *source).cast();
            message.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            message.msg_hdr.msg_iov = iov;
            message.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: each of the `BATCH` headers points to room of the length it states, which outlives the call and
        // which nobody else uses meanwhile.
        let read = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let Ok(read) = usize::try_from(read) else {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::WouldBlock { Ok(0) } else { Err(error) };
        };
        let of = |message: &libc::mmsghdr| (message.msg_len as usize, message.msg_hdr.msg_namelen);
        self.lengths.extend(messages.iter().take(read).map(of));
        Ok(read)
    }

    /// The datagrams that were read last.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.room.iter().zip(&self.lengths).map(|(room, (length, _))| room.get(..*length).unwrap_or_default())
    }

    /// Who sent one of them.
    pub(crate) fn source(&self, n: usize) -> Option<SocketAddr> {
        let (source, (_, length)) = (self.sources.get(n)?, self.lengths.get(n)?);
        // SAFETY: the kernel wrote an address of this length there.
        unsafe { SockAddr::new(mem::transmute_copy(source), *length) }.as_socket()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_read_in_order_with_its_source_and_no_more_than_a_batch_at_once() {
        let (here, there) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut inbox = Inbox::new();
        assert_eq!(inbox.read(&here).unwrap(), 0, "nothing is there");
        for n in 0..BATCH + 2 {
            there.send_to(&vec![n as u8; n + 1], here.local_addr().unwrap()).unwrap();
        }
        assert_eq!(inbox.read(&here).unwrap(), BATCH);
        for (n, datagram) in inbox.datagrams().enumerate() {
            assert_eq!(datagram, vec![n as u8; n + 1]);
            assert_eq!(inbox.source(n), Some(there.local_addr().unwrap()));
        }
        assert_eq!(inbox.read(&here).unwrap(), 2);
        assert_eq!(inbox.datagrams().map(<[u8]>::len).collect::<Vec<_>>(), [BATCH + 1, BATCH + 2]);
        assert_eq!(inbox.source(2), None);
        assert_eq!(inbox.read(&here).unwrap(), 0);
        assert_eq!(inbox.datagrams().count(), 0);
    }
}
