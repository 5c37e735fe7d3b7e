//! UDP in batches: the only file here that talks to the kernel in its own terms.
//!
//! One `sendmmsg` for up to 64 datagrams costs a third less than 64 calls of `sendto`.
#![expect(unsafe_code, reason = "recvmmsg, sendmmsg and watching a socket have no safe form")]

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};
use std::slice;
use std::sync::Arc;

use libc::{c_int, c_void, msghdr};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Datagrams that go out with one call.
pub(super) const SEND_BATCH: usize = 64;

/// Datagrams that come in with one call.
const RECV_BATCH: usize = 32;

/// The longest datagram that is read. What a browser sends keeps to an Ethernet frame.
const DATAGRAM: usize = 2048;

/// What is asked of the kernel for each direction, in bytes: a second of a thousand listeners. It gives no
/// more than `net.core.rmem_max` and `wmem_max`.
const BUFFER: usize = 4 << 20;

/// `SO_MEMINFO` of `asm-generic/socket.h`; the `libc` crate has only the offsets.
const SO_MEMINFO: c_int = 55;

/// Room for one `IP_PKTINFO` or `IPV6_PKTINFO`, aligned as `cmsghdr` wants it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 64]);

/// A bound, non-blocking UDP socket.
#[derive(Debug)]
pub(super) struct Udp {
    socket: Socket,
    addr: SocketAddr,
}

/// How one flush went, in datagrams.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Sent {
    /// The kernel took these.
    pub(super) sent: u64,
    /// Dropped: the socket's buffer or the device's queue was full.
    pub(super) full: u64,
    /// What was to leave, in bytes without any header.
    pub(super) bytes: u64,
    /// Dropped: this address cannot be sent to.
    pub(super) refused: u64,
}

impl Udp {
    /// Binds. Asks for large buffers, for the local address of each datagram if the bind is a wildcard, and
    /// for datagrams that are never fragmented.
    pub(super) fn bind(addr: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        if addr.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.set_recv_buffer_size(BUFFER)?;
        socket.set_send_buffer_size(BUFFER)?;
        // PROBE sets DF and ignores what ICMP says of the path, which anybody can forge. Our largest
        // datagrams fit 1280 bytes.
        set_option(&socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)?;
        if addr.is_ipv6() {
            set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)?;
        }
        if addr.ip().is_unspecified() {
            match addr {
                SocketAddr::V4(_) => set_option(&socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?,
                SocketAddr::V6(_) => set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?,
            }
        }
        socket.bind(&addr.into())?;
        let addr = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { socket, addr })
    }

    /// Where it is bound.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Watches for datagrams, on the runtime that it is called on. For reading alone: who also waited for room
    /// to write would be woken by each datagram that leaves.
    pub(super) fn watch(self: &Arc<Self>) -> io::Result<AsyncFd<Arc<Self>>> {
        // SAFETY: the socket is open, is closed only when the last `Arc` goes, and is never replaced.
        let watch = unsafe { AsyncFd::register_with_interest(self.clone(), Interest::READABLE) };
        Ok(watch?)
    }

    /// What the kernel gave for receiving and sending, in bytes. Linux says twice what may be used.
    pub(super) fn buffers(&self) -> io::Result<(usize, usize)> {
        Ok((self.socket.recv_buffer_size()?, self.socket.send_buffer_size()?))
    }

    /// Datagrams the kernel threw away since the socket was made because we read too slowly.
    pub(super) fn overruns(&self) -> Option<u32> {
        let mut info = [0u32; 9];
        let mut len = size_of_val(&info) as libc::socklen_t;
        // SAFETY: `info` is writable for `len` bytes, and any bytes are valid integers.
        let result = unsafe {
            let (fd, into) = (self.socket.as_raw_fd(), info.as_mut_ptr().cast::<c_void>());
            libc::getsockopt(fd, libc::SOL_SOCKET, SO_MEMINFO, into, &mut len)
        };
        let whole = result == 0 && len as usize == size_of_val(&info);
        whole.then(|| info[libc::SK_MEMINFO_DROPS as usize])
    }
}

impl AsRawFd for Udp {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Buffers for what one call receives. They are used again and again.
pub(super) struct Receiver {
    buffers: Box<[[u8; DATAGRAM]; RECV_BATCH]>,
    heads: [Head; RECV_BATCH],
}

#[derive(Clone, Copy)]
struct Head {
    src: Option<SocketAddr>,
    local: Option<IpAddr>,
    len: usize,
}

/// A datagram that came.
#[derive(Debug)]
pub(super) struct Datagram<'a> {
    pub(super) src: SocketAddr,
    /// The address it was sent to, if the socket is bound to all of them.
    pub(super) local: Option<IpAddr>,
    pub(super) bytes: &'a [u8],
}

impl Receiver {
    pub(super) fn new() -> Self {
        let none = Head { src: None, local: None, len: 0 };
        Self { buffers: Box::new([[0; DATAGRAM]; RECV_BATCH]), heads: [none; RECV_BATCH] }
    }

    /// Takes what is there, up to a batch, without waiting; says how many, and whether there may be more.
    pub(super) fn receive(&mut self, udp: &Udp) -> (usize, bool) {
        // SAFETY: all of these are plain C data for which zeroes are valid.
        let (mut names, mut iovs, mut messages) = unsafe {
            let names: [libc::sockaddr_storage; RECV_BATCH] = mem::zeroed();
            let iovs: [libc::iovec; RECV_BATCH] = mem::zeroed();
            let messages: [libc::mmsghdr; RECV_BATCH] = mem::zeroed();
            (names, iovs, messages)
        };
        let mut controls = [Control([0; 64]); RECV_BATCH];
        for (i, message) in messages.iter_mut().enumerate() {
            iovs[i] = libc::iovec { iov_base: self.buffers[i].as_mut_ptr().cast(), iov_len: DATAGRAM };
            message.msg_hdr.msg_name = (&raw mut names[i]).cast();
            message.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            message.msg_hdr.msg_iov = &raw mut iovs[i];
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_control = controls[i].0.as_mut_ptr().cast();
            message.msg_hdr.msg_controllen = controls[i].0.len() as _;
        }
        let count = RECV_BATCH as libc::c_uint;
        // SAFETY: every header points to buffers of the lengths it states; all of them outlive the call.
        let got = unsafe {
            let fd = udp.socket.as_raw_fd();
            libc::recvmmsg(fd, messages.as_mut_ptr(), count, libc::MSG_DONTWAIT as _, std::ptr::null_mut())
        };
        // An error is EAGAIN, EINTR or an ICMP message for some other address: all mean "later".
        let got = usize::try_from(got).unwrap_or(0);
        for ((head, message), name) in self.heads.iter_mut().zip(&messages).zip(&names).take(got) {
            let whole = message.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            *head = Head {
                src: if whole { source(name) } else { None },
                // SAFETY: the kernel has filled this header, and its control buffer still lives.
                local: unsafe { local_address(&message.msg_hdr) },
                len: (message.msg_len as usize).min(DATAGRAM),
            };
        }
        (got, got == RECV_BATCH)
    }

    /// One of those received. `None`: it was longer than any of ours may be.
    pub(super) fn get(&self, index: usize) -> Option<Datagram<'_>> {
        let head = self.heads.get(index)?;
        Some(Datagram { src: head.src?, local: head.local, bytes: self.buffers[index].get(..head.len)? })
    }
}

/// An address as the kernel reads it. Much shorter than what has room for every kind of address, and copied for
/// each datagram.
#[derive(Clone, Copy)]
#[repr(C)]
union Name {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Name {
    fn new(addr: SocketAddr) -> Self {
        match addr {
            SocketAddr::V4(addr) => Self {
                v4: libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: addr.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from(*addr.ip()).to_be() },
                    sin_zero: [0; 8],
                },
            },
            SocketAddr::V6(addr) => Self {
                v6: libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: addr.port().to_be(),
                    sin6_flowinfo: addr.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: addr.ip().octets() },
                    sin6_scope_id: addr.scope_id(),
                },
            },
        }
    }

    /// Bytes of an address on a socket of this family.
    const fn len(v6: bool) -> libc::socklen_t {
        (if v6 { size_of::<libc::sockaddr_in6>() } else { size_of::<libc::sockaddr_in>() }) as _
    }
}

/// Datagrams that wait to be sent with one call. Their buffers are used again and again.
pub(super) struct Sender {
    buffers: Vec<Vec<u8>>,
    names: Box<[Name; SEND_BATCH]>,
    locals: [Option<IpAddr>; SEND_BATCH],
    len: usize,
    v6: bool,
}

impl Sender {
    /// For one socket.
    pub(super) fn new(udp: &Udp) -> Self {
        Self {
            buffers: (0..SEND_BATCH).map(|_| Vec::with_capacity(1500)).collect(),
            names: Box::new([Name::new(udp.addr); SEND_BATCH]),
            locals: [None; SEND_BATCH],
            len: 0,
            v6: udp.addr.is_ipv6(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == SEND_BATCH
    }

    /// The buffer of the next datagram. Not to be called when full.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffers[self.len]
    }

    /// Adds what is in the buffer. `local` is the source address to use, if the socket has several.
    pub(super) fn commit(&mut self, to: SocketAddr, local: Option<IpAddr>) {
        let to = match to {
            // A socket for both families wants all addresses in IPv6 form.
            SocketAddr::V4(v4) if self.v6 => {
                SocketAddr::V6(SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0))
            }
            other => other,
        };
        self.names[self.len] = Name::new(to);
        self.locals[self.len] = local;
        self.len += 1;
    }

    /// Sends all. What the kernel does not take now is dropped: late audio is worth nothing, and all else
    /// is repeated by who needs it.
    pub(super) fn flush(&mut self, udp: &Udp) -> Sent {
        let mut sent = Sent::default();
        if self.len == 0 {
            return sent;
        }
        // Most flushes are short: only what is used is written.
        let mut iovs = [const { MaybeUninit::<libc::iovec>::uninit() }; SEND_BATCH];
        let mut messages = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; SEND_BATCH];
        let mut controls = [const { MaybeUninit::<Control>::uninit() }; SEND_BATCH];
        for i in 0..self.len {
            let buffer = &mut self.buffers[i];
            sent.bytes += buffer.len() as u64;
            let iov =
                iovs[i].write(libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() });
            // SAFETY: plain C data for which zeroes are valid.
            let message = messages[i].write(unsafe { mem::zeroed() });
            message.msg_hdr.msg_name = (&raw mut self.names[i]).cast();
            message.msg_hdr.msg_namelen = Name::len(self.v6);
            message.msg_hdr.msg_iov = iov;
            message.msg_hdr.msg_iovlen = 1;
            if let Some(local) = self.locals[i] {
                set_source(&mut message.msg_hdr, controls[i].write(Control([0; 64])), local, self.v6);
            }
        }
        // SAFETY: the first `len` have just been written.
        let messages =
            unsafe { slice::from_raw_parts_mut(messages.as_mut_ptr().cast::<libc::mmsghdr>(), self.len) };
        let mut at = 0;
        while at < self.len {
            let rest = &mut messages[at..];
            // SAFETY: every header points to buffers of the lengths it states, which outlive the call and
            // which the kernel only reads.
            let taken = unsafe {
                let fd = udp.socket.as_raw_fd();
                libc::sendmmsg(fd, rest.as_mut_ptr(), rest.len() as _, libc::MSG_DONTWAIT as _)
            };
            if let Ok(taken @ 1..) = usize::try_from(taken) {
                at += taken;
                sent.sent += taken as u64;
                continue;
            }
            match io::Error::last_os_error().raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => {
                    sent.full += (self.len - at) as u64;
                    break;
                }
                // Only the first one failed: no route, a firewall's rule, an address of nobody.
                _ => {
                    sent.refused += 1;
                    at += 1;
                }
            }
        }
        self.len = 0;
        sent
    }
}

fn set_option(socket: &Socket, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    let len = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the value is an int, its length is stated, and the kernel only reads it.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast::<c_void>(), len)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The source of a datagram; an IPv4 address in its own form.
fn source(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let name: *const libc::sockaddr_storage = name;
    match c_int::from(
        // SAFETY: `name` points to a whole sockaddr_storage.
        unsafe { (*name).ss_family },
    ) {
        libc::AF_INET => {
            // SAFETY: a sockaddr_storage is large and aligned enough for any address, and the family says
            // that this one is of IPv4.
            let v4 = unsafe { &*name.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::new(ip.into(), u16::from_be(v4.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: as above, of IPv6.
            let v6 = unsafe { &*name.cast::<libc::sockaddr_in6>() };
            let (ip, port) = (Ipv6Addr::from(v6.sin6_addr.s6_addr), u16::from_be(v6.sin6_port));
            Some(match ip.to_ipv4_mapped() {
                Some(ip) => SocketAddr::new(ip.into(), port),
                // The scope is part of a link-local address.
                None => SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id).into(),
            })
        }
        _ => None,
    }
}

/// The address a datagram was sent to, from its control messages.
///
/// # Safety
///
/// `message` has been filled by the kernel, and its control buffer is readable.
unsafe fn local_address(message: &msghdr) -> Option<IpAddr> {
    // SAFETY: by the caller's word the control buffer holds what the kernel wrote; the CMSG macros stay
    // inside its stated length. The payload of a message may be unaligned, hence `read_unaligned`.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(message);
        while let Some(control) = next.as_ref() {
            let data = libc::CMSG_DATA(control);
            match (control.cmsg_level, control.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                    return Some(Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr)).into());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                    return Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
                }
                _ => next = libc::CMSG_NXTHDR(message, control),
            }
        }
    }
    None
}

/// Tells the kernel the source address to use. The interface is left to the routing table.
fn set_source(message: &mut msghdr, control: &mut Control, local: IpAddr, v6: bool) {
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len() as _;
    // SAFETY: the buffer is aligned for cmsghdr and has more room than either message needs, so that the
    // first header exists and its payload can be written.
    unsafe {
        let Some(header) = libc::CMSG_FIRSTHDR(message).as_mut() else { return };
        let data = libc::CMSG_DATA(header);
        let size = match local {
            IpAddr::V4(ip) if !v6 => {
                let address = libc::in_addr { s_addr: u32::from(ip).to_be() };
                let info = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: address, ipi_addr: address };
                data.cast::<libc::in_pktinfo>().write_unaligned(info);
                (header.cmsg_level, header.cmsg_type) = (libc::IPPROTO_IP, libc::IP_PKTINFO);
                size_of::<libc::in_pktinfo>()
            }
            ip => {
                let ip = match ip {
                    IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                    IpAddr::V6(ip) => ip,
                };
                let address = libc::in6_addr { s6_addr: ip.octets() };
                let info = libc::in6_pktinfo { ipi6_addr: address, ipi6_ifindex: 0 };
                data.cast::<libc::in6_pktinfo>().write_unaligned(info);
                (header.cmsg_level, header.cmsg_type) = (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO);
                size_of::<libc::in6_pktinfo>()
            }
        } as libc::c_uint;
        header.cmsg_len = libc::CMSG_LEN(size) as _;
        message.msg_controllen = libc::CMSG_SPACE(size) as _;
    }
}

#[cfg(test)]
mod tests;
