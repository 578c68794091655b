//! A `NETLINK_SOCK_DIAG` socket by plain `libc`: sends a request, receives a dump.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use super::message::{self, Message};

/// The kernel never fills more than this at once, however large the buffer.
const BUFFER_BYTES: usize = 32 * 1024;

/// `NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH`: a complete dump.
const DUMP_FLAGS: u16 = 0x301;

/// A socket that answers for the network namespace in which it was opened.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Netlink {
    /// Opens the socket in the network namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: no memory is passed; the result is checked.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_SOCK_DIAG) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just opened and nothing else owns it.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { socket, buffer: vec![0; BUFFER_BYTES], sequence: 0 })
    }

    /// Sends a dump request and passes the payload of each answer to `each`.
    pub(super) fn dump(&mut self, kind: u16, request: &[u8], each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        self.send(kind, request)?;
        loop {
            let length = self.receive()?;
            for answer in message::messages(&self.buffer[..length]) {
                // Answers to an earlier, abandoned dump may still arrive.
                if answer.sequence == self.sequence && take(answer, each)? == Walk::Done {
                    return Ok(());
                }
            }
        }
    }

    fn send(&self, kind: u16, request: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(16 + request.len());
        bytes.extend((16 + request.len() as u32).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(DUMP_FLAGS.to_ne_bytes());
        bytes.extend(self.sequence.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(request);
        // SAFETY: `bytes` is valid for its length during the call.
        let sent = unsafe { libc::send(self.socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn receive(&mut self) -> io::Result<usize> {
        loop {
            // SAFETY: the buffer is valid for its length during the call.
            let received = unsafe {
                libc::recv(
                    self.socket.as_raw_fd(),
                    self.buffer.as_mut_ptr().cast(),
                    self.buffer.len(),
                    libc::MSG_TRUNC,
                )
            };
            match usize::try_from(received) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) if length <= self.buffer.len() => return Ok(length),
                Ok(_) => return Err(io::Error::other("the kernel's answer was cut short")),
                Err(_) => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Walk {
    More,
    Done,
}

fn take(answer: Message<'_>, each: &mut dyn FnMut(&[u8])) -> io::Result<Walk> {
    match answer.kind {
        message::ERROR | message::DONE => match message::error_number(answer.payload) {
            0.. => Ok(Walk::Done),
            number => Err(io::Error::from_raw_os_error(-number)),
        },
        _ => {
            each(answer.payload);
            Ok(Walk::More)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_the_kernel_does_not_know_is_an_error_and_not_a_hang() {
        let mut netlink = Netlink::open().unwrap();
        let error = netlink.dump(0x7fff, &[0; 56], &mut |_| ()).unwrap_err();
        assert!(error.raw_os_error().is_some(), "{error}");
    }

    #[test]
    fn a_dump_after_a_refused_one_gets_its_own_answers() {
        let mut netlink = Netlink::open().unwrap();
        // Family 255 does not exist.
        let refused = [[255, 6, 0, 0].as_slice(), &[0xff; 4], &[0; 48]].concat();
        assert!(netlink.dump(20, &refused, &mut |_| ()).is_err());
        let tcp_v4 = [[2, 6, 0, 0].as_slice(), &[0xff; 4], &[0; 48]].concat();
        netlink.dump(20, &tcp_v4, &mut |answer| assert_eq!(answer[0], 2)).unwrap();
    }
}
