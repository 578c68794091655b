//! Sockets other than TCP and UDP: raw, ping and packet sockets with their holders, and UDP-Lite,
//! SCTP and DCCP if the kernel has them.
//!
//! | sockets | source |
//! |---|---|
//! | packet (`AF_PACKET`) | `packet_diag` |
//! | UDP-Lite, SCTP, DCCP | `inet_diag`, like TCP and UDP |
//! | raw IP | `raw_diag`, else `/proc/net/raw`, which has no cookies |
//! | ping (`SOCK_DGRAM` with ICMP) | `/proc/net/icmp`, the only source |
//!
//! A protocol that the kernel lacks is requested only once: each request would make it search for a module.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::FileExt as _;

use super::diag::{self, Socket};
use super::message::{attributes, u16_at, u32_at};
use super::netlink::Netlink;
use crate::capture::{Counters, Protocol, stable_id};

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;

/// Protocols that the kernel lists like UDP.
const LIKE_UDP: [(Protocol, libc::c_int); 3] = [
    (Protocol::UdpLite, libc::IPPROTO_UDPLITE),
    (Protocol::Sctp, libc::IPPROTO_SCTP),
    (Protocol::Dccp, libc::IPPROTO_DCCP),
];

/// Attribute `PACKET_DIAG_UID`, and the flag `PACKET_SHOW_INFO` that requests it.
const PACKET_UID: u16 = 5;
const PACKET_SHOW_INFO: u32 = 1;

/// Maximum number of bytes read from one file in `/proc/net`: some 15,000 sockets.
const MOST_FILE_BYTES: usize = 2 << 20;

/// A request that the kernel may not support.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Packet,
    LikeUdp { protocol: Protocol, number: libc::c_int, family: i32 },
    Raw { family: i32 },
}

/// Access to the other sockets of one network namespace.
#[derive(Debug)]
pub(super) struct OtherSockets {
    questions: Vec<Question>,
    files: Vec<ProcFile>,
    buffer: Vec<u8>,
}

/// An open file in `/proc/net`, which keeps showing the namespace in which it was opened.
#[derive(Debug)]
struct ProcFile {
    file: File,
    is_raw: bool,
}

impl OtherSockets {
    /// Opens everything that must be opened inside the calling thread's namespace.
    pub(super) fn open() -> Self {
        let families = [libc::AF_INET, libc::AF_INET6];
        let mut questions = vec![Question::Packet];
        questions.extend(LIKE_UDP.iter().flat_map(|(protocol, number)| {
            families.map(|family| Question::LikeUdp { protocol: *protocol, number: *number, family })
        }));
        questions.extend(families.map(|family| Question::Raw { family }));
        let open = |(name, is_raw): (&str, bool)| {
            let file = File::open(format!("/proc/thread-self/net/{name}")).ok()?;
            Some(ProcFile { file, is_raw })
        };
        let files = [("icmp", false), ("icmp6", false), ("raw", true), ("raw6", true)];
        Self { questions, files: files.into_iter().filter_map(open).collect(), buffer: Vec::new() }
    }

    /// Appends every such socket of the namespace. What the kernel does not support is left out.
    pub(super) fn list(&mut self, netlink: &mut Netlink, netns: u64, sockets: &mut Vec<Socket>) {
        let mut has_raw_diag = false;
        self.questions.retain(|question| {
            let before = sockets.len();
            let mut take = |answer: &[u8]| {
                sockets.extend(question.parse(answer).map(|socket| Socket { netns, ..socket }));
            };
            let asked = netlink.dump(BY_FAMILY, &question.request(), &mut take);
            if asked.is_err() {
                sockets.truncate(before);
            }
            // ENOENT, EINVAL or EPROTONOSUPPORT, depending on the version: these are permanent.
            // Only a lack of memory is not.
            let stays =
                asked.as_ref().map_or_else(|error| error.raw_os_error() == Some(libc::ENOMEM), |()| true);
            has_raw_diag |= stays && matches!(question, Question::Raw { family: libc::AF_INET });
            stays
        });
        if has_raw_diag {
            self.files.retain(|file| !file.is_raw);
        }
        for file in &self.files {
            if read(&file.file, &mut self.buffer).is_ok() {
                sockets.extend(lines(&self.buffer, file.is_raw, netns));
            }
        }
    }
}

impl Question {
    fn request(self) -> Vec<u8> {
        match self {
            // `struct packet_diag_req`: family, protocol, inode, what to show, a cookie.
            Self::Packet => {
                let mut request = vec![0; 20];
                request[0] = libc::AF_PACKET as u8;
                request[8..12].copy_from_slice(&PACKET_SHOW_INFO.to_ne_bytes());
                request
            }
            Self::LikeUdp { number, family, .. } => inet_request(family, number),
            // All of them, whatever their protocol.
            Self::Raw { family } => inet_request(family, libc::IPPROTO_RAW),
        }
    }

    fn parse(self, answer: &[u8]) -> Option<Socket> {
        match self {
            Self::Packet => packet(answer),
            Self::LikeUdp { protocol, .. } => diag::parse(answer, protocol),
            Self::Raw { .. } => {
                let socket = diag::parse(answer, Protocol::Raw)?;
                Some(raw(socket, socket.local.1))
            }
        }
    }
}

/// `struct inet_diag_req_v2`: family, protocol, and every state.
fn inet_request(family: i32, protocol: libc::c_int) -> Vec<u8> {
    let mut request = vec![0; 56];
    request[..2].copy_from_slice(&[family as u8, protocol as u8]);
    request[4..8].fill(0xff);
    request
}

/// A raw socket, for which the kernel reports the protocol in place of the port.
fn raw(socket: Socket, number: u16) -> Socket {
    let is_icmp = [libc::IPPROTO_ICMP, libc::IPPROTO_ICMPV6].contains(&i32::from(number));
    Socket {
        protocol: if is_icmp { Protocol::Icmp } else { Protocol::Raw },
        protocol_number: Some(number),
        local: (socket.local.0, 0),
        remote: without_port(socket.remote),
        ..socket
    }
}

fn without_port(remote: Option<(IpAddr, u16)>) -> Option<(IpAddr, u16)> {
    remote.filter(|(addr, _)| !addr.is_unspecified()).map(|(addr, _)| (addr, 0))
}

/// `struct packet_diag_msg`: family, type, ethertype, inode, cookie; then attributes.
fn packet(answer: &[u8]) -> Option<Socket> {
    let cookie = u64::from(u32_at(answer, 8)?) | u64::from(u32_at(answer, 12)?) << 32;
    let uid = attributes(answer.get(16..)?).find(|(kind, _)| *kind == PACKET_UID);
    Some(Socket {
        protocol_number: u16_at(answer, 2),
        uid: uid.and_then(|(_, value)| u32_at(value, 0)).unwrap_or_default(),
        inode: u32_at(answer, 4)?,
        ..blank(cookie, Protocol::Packet, (Ipv4Addr::UNSPECIFIED.into(), 0))
    })
}

fn blank(cookie: u64, protocol: Protocol, local: (IpAddr, u16)) -> Socket {
    Socket {
        cookie,
        protocol,
        protocol_number: None,
        local,
        remote: None,
        state: None,
        counters: Counters::default(),
        received_sequence: None,
        unread: 0,
        inode: 0,
        uid: 0,
        cgroup_id: None,
        netns: 0,
    }
}

/// Reads a file from its beginning.
fn read(file: &File, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    loop {
        let filled = buffer.len();
        if filled >= MOST_FILE_BYTES {
            return Ok(());
        }
        buffer.resize(filled + 4096, 0);
        let read = file.read_at(&mut buffer[filled..], filled as u64)?;
        buffer.truncate(filled + read);
        if read == 0 {
            return Ok(());
        }
    }
}

/// The sockets in a file of `/proc/net`, whose first line is a header.
fn lines(bytes: &[u8], is_raw: bool, netns: u64) -> impl Iterator<Item = Socket> {
    let lines = bytes.split(|byte| *byte == b'\n').skip(1);
    lines.filter_map(move |line| parse_line(std::str::from_utf8(line).ok()?, is_raw, netns))
}

/// `sl local rem st tx:rx tr:when retrnsmt uid timeout inode …`
fn parse_line(line: &str, is_raw: bool, netns: u64) -> Option<Socket> {
    let fields: Vec<&str> = line.split_ascii_whitespace().take(10).collect();
    let [_, local, remote, _, _, _, _, uid, _, inode] = fields.as_slice() else { return None };
    let (local, number) = endpoint(local)?;
    let inode: u32 = inode.parse().ok()?;
    let id = [netns.to_le_bytes(), u64::from(inode).to_le_bytes()].concat();
    let socket = Socket {
        remote: without_port(endpoint(remote)),
        uid: uid.parse().ok()?,
        inode,
        netns,
        ..blank(stable_id(&id), Protocol::Icmp, (local, 0))
    };
    Some(if is_raw { raw(socket, number) } else { socket })
}

/// `0100007F:00FF`: 32-bit words in native byte order, and a hexadecimal number.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (addr, number) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(addr.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let addr: IpAddr = match addr.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let bytes: Vec<u8> = (0..4).map(|at| word(at * 8)).collect::<Option<Vec<_>>>()?.concat();
            Ipv6Addr::from(*bytes.first_chunk::<16>()?).to_canonical()
        }
        _ => return None,
    };
    Some((addr, u16::from_str_radix(number, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
    use std::os::unix::fs::MetadataExt as _;

    use proptest::prelude::*;

    use super::*;

    /// A socket of any kind; `None` without the privilege or the protocol.
    fn socket(family: i32, kind: i32, protocol: i32) -> Option<OwnedFd> {
        // SAFETY: no memory is passed; the result is checked.
        let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
        // SAFETY: the descriptor was just opened and nothing else owns it.
        (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// The listed entry of this process's socket.
    fn listed(socket: &OwnedFd) -> Option<Socket> {
        let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
        let inode = std::fs::metadata(path).unwrap().ino() as u32;
        let mut sockets = Vec::new();
        let mut others = OtherSockets::open();
        let mut netlink = Netlink::open().unwrap();
        // The second time, unsupported requests are skipped.
        others.list(&mut netlink, 1, &mut Vec::new());
        others.list(&mut netlink, 1, &mut sockets);
        sockets.into_iter().find(|socket| socket.inode == inode)
    }

    #[track_caller]
    fn check(socket: Option<OwnedFd>, protocol: Protocol, number: Option<u16>) {
        let Some(socket) = socket else {
            println!("skipped: {} needs root, and a kernel that has it", protocol.as_str());
            return;
        };
        let found = listed(&socket).expect("it is listed");
        assert_eq!((found.protocol, found.protocol_number, found.local.1), (protocol, number, 0));
        assert!(found.remote.is_none() && found.cookie != 0 && found.netns == 1);
        let again = listed(&socket).map(|socket| socket.cookie);
        assert_eq!(again, Some(found.cookie), "the same at every tick");
    }

    #[test]
    fn the_kernel_lists_raw_and_packet_sockets_of_this_process() {
        let every_frame = i32::from((libc::ETH_P_ALL as u16).to_be());
        check(socket(libc::AF_PACKET, libc::SOCK_RAW, every_frame), Protocol::Packet, Some(3));
        check(socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP), Protocol::Icmp, Some(1));
        check(socket(libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6), Protocol::Icmp, Some(58));
        check(socket(libc::AF_INET, libc::SOCK_RAW, 89), Protocol::Raw, Some(89));
    }

    #[test]
    fn a_line_of_proc_is_a_socket() {
        let line = " 233: 0100007F:0001 0200000A:0000 07 00000000:00000000 00:00000000 00000000  1000        0 3276208 2 00000000f9ceaa59 0";
        let socket = parse_line(line, true, 7).unwrap();
        assert_eq!((socket.protocol, socket.protocol_number), (Protocol::Icmp, Some(1)));
        assert_eq!((socket.uid, socket.inode, socket.netns), (1000, 3_276_208, 7));
        if cfg!(target_endian = "little") {
            assert_eq!(socket.local, ("127.0.0.1".parse().unwrap(), 0));
            assert_eq!(socket.remote, Some(("10.0.0.2".parse().unwrap(), 0)));
        }
        assert_ne!(parse_line(line, true, 8).unwrap().cookie, socket.cookie, "another namespace");
        let ping = parse_line(line, false, 7).unwrap();
        assert_eq!((ping.protocol, ping.protocol_number), (Protocol::Icmp, None));
        assert_eq!(parse_line("  sl  local_address rem_address   st", true, 7), None);
    }

    #[test]
    fn a_packet_socket_is_read_field_by_field() {
        let mut answer = vec![17, 3, 0x88, 0x8e, 77, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0];
        answer.extend([8, 0, 5, 0, 232, 3, 0, 0]);
        let socket = packet(&answer).unwrap();
        assert_eq!((socket.cookie, socket.inode, socket.uid), (5 | 1 << 32, 77, 1000));
        assert_eq!(socket.protocol_number, Some(u16::from_ne_bytes([0x88, 0x8e])));
        (0..16).for_each(|length| assert_eq!(packet(&answer[..length]), None));
    }

    proptest! {
        #[test]
        fn garbage_gives_sockets_or_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = packet(&bytes);
            let _ = lines(&bytes, true, 1).count();
        }

        #[test]
        fn any_line_is_survived(line in "[0-9A-F: ]{0,120}") {
            let _ = parse_line(&line, true, 1);
        }
    }
}
