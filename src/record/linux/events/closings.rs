//! The kernel's notifications of closing sockets with their final counters: `sock_diag`'s destroy
//! groups.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};

use super::super::diag::{self, Socket};
use super::super::message;
use crate::capture::Protocol;

/// Multicast groups: TCP and UDP over v4, TCP and UDP over v6 (`SKNLGRP_*`, as bits).
const GROUPS: u32 = 0b1111;
const UDP_GROUPS: u32 = 0b1010;

/// The sockets for which notifications are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Notices {
    /// TCP and UDP.
    All,
    /// UDP alone, if a better source covers TCP.
    Udp,
}

/// Requested size of the receive buffer, in bytes. When the reader was starved for two seconds at
/// 10,000 closings per second, 3 % were lost with 1 MiB and none with 8.
const BUFFER_BYTES: libc::c_int = 16 << 20;

/// Messages received per call.
const BATCH: usize = 128;

/// A notification has about 420 bytes; a longer one would be truncated and then rejected by the parser.
const MESSAGE_BYTES: usize = 1024;

/// Index of the drop counter in the answer to `SO_MEMINFO`, and the length of that answer.
const MEMINFO_DROPS: usize = 8;
const MEMINFO_LENGTH: usize = 9;

/// `SO_MEMINFO` of Linux, which the `libc` crate does not name on every target.
const SO_MEMINFO: libc::c_int = 55;

/// Receives the closing sockets of the network namespace in which it was opened.
#[derive(Debug)]
pub(in super::super) struct Closings {
    socket: OwnedFd,
    buffers: Vec<[u8; MESSAGE_BYTES]>,
}

impl Closings {
    /// Opens the socket. No privilege is needed, but a large buffer requires `CAP_NET_ADMIN`.
    ///
    /// # Errors
    /// The system's error; an old kernel has no such groups.
    pub(in super::super) fn open(notices: Notices) -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no memory is passed; the result is checked.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_SOCK_DIAG) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just opened and nothing else owns it.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        if set_buffer(socket.as_raw_fd(), libc::SO_RCVBUFFORCE).is_err() {
            // Without the privilege the system's limit applies; drops are counted anyway.
            set_buffer(socket.as_raw_fd(), libc::SO_RCVBUF)?;
        }
        let groups = if notices == Notices::All { GROUPS } else { UDP_GROUPS };
        bind(socket.as_raw_fd(), groups)?;
        Ok(Self { socket, buffers: vec![[0; MESSAGE_BYTES]; BATCH] })
    }

    /// Passes every available notification to `each`.
    pub(super) fn drain(&mut self, mut each: impl FnMut(Socket)) {
        loop {
            let lengths = self.receive();
            for (buffer, length) in self.buffers.iter().zip(&lengths) {
                let bytes = buffer.get(..*length as usize).unwrap_or(buffer);
                message::messages(bytes).filter_map(|message| parse(message.payload)).for_each(&mut each);
            }
            if lengths.len() < BATCH {
                return;
            }
        }
    }

    /// Notifications that the kernel dropped because the buffer was full.
    pub(super) fn lost(&self) -> u64 {
        let mut info = [0_u32; MEMINFO_LENGTH];
        let mut length = size_of_val(&info) as libc::socklen_t;
        // SAFETY: the place and its length are those of `info`.
        let result = unsafe {
            let place = info.as_mut_ptr().cast();
            libc::getsockopt(self.socket.as_raw_fd(), libc::SOL_SOCKET, SO_MEMINFO, place, &raw mut length)
        };
        if result == 0 { u64::from(info[MEMINFO_DROPS]) } else { 0 }
    }

    /// The descriptor that can be polled.
    pub(super) fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Receives what is available into the buffers, and returns the length of each message.
    fn receive(&mut self) -> Vec<u32> {
        let mut parts: Vec<libc::iovec> = self
            .buffers
            .iter_mut()
            .map(|buffer| libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: MESSAGE_BYTES })
            .collect();
        let mut headers: Vec<libc::mmsghdr> = parts
            .iter_mut()
            .map(|part| {
                // SAFETY: a message header of zeroes is valid, and empty.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_iov = part;
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        let (first, count) = (headers.as_mut_ptr(), headers.len() as libc::c_uint);
        // ENOBUFS reports a loss once, after which the rest can be read: try again.
        for _ in 0..2 {
            // SAFETY: headers, parts and buffers outlive the call and are as long as stated.
            let received = unsafe {
                libc::recvmmsg(
                    self.socket.as_raw_fd(),
                    first,
                    count,
                    // Signed in glibc, unsigned in musl.
                    libc::MSG_DONTWAIT as _,
                    std::ptr::null_mut(),
                )
            };
            if let Ok(received) = usize::try_from(received) {
                return headers[..received].iter().map(|header| header.msg_len).collect();
            }
        }
        Vec::new()
    }
}

/// Parses a notification; the protocol is not in the message itself, but UDP has no `tcp_info`.
fn parse(payload: &[u8]) -> Option<Socket> {
    let protocol = if diag::has_tcp_info(payload) { Protocol::Tcp } else { Protocol::Udp };
    diag::parse(payload, protocol)
}

fn set_buffer(fd: RawFd, option: libc::c_int) -> io::Result<()> {
    let bytes = BUFFER_BYTES;
    let length = size_of_val(&bytes) as libc::socklen_t;
    // SAFETY: the value and its length are those of `bytes`.
    let result = unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, option, (&raw const bytes).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Joins the multicast groups given as bits.
pub(super) fn bind(fd: RawFd, groups: u32) -> io::Result<()> {
    // SAFETY: an address of zeroes is valid.
    let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    address.nl_groups = groups;
    let length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the address and its length belong together.
    let result = unsafe { libc::bind(fd, (&raw const address).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
