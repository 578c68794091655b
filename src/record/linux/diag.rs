//! Sockets by `sock_diag`: builds the requests and parses the answers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::message::{attributes, piece, u32_at, u64_at};
use super::netlink::Netlink;
use super::other_sockets::OtherSockets;
use crate::capture::{Counters, Protocol, TcpState};

/// One socket as described by the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Socket {
    /// The kernel's id of the socket, unique until the next boot.
    pub(super) cookie: u64,
    pub(super) protocol: Protocol,
    /// IP protocol number of a raw socket, ethertype of a packet socket.
    pub(super) protocol_number: Option<u16>,
    pub(super) local: (IpAddr, u16),
    pub(super) remote: Option<(IpAddr, u16)>,
    pub(super) state: Option<TcpState>,
    pub(super) counters: Counters,
    /// How far the received sequence has advanced: the payload, plus one after a FIN.
    pub(super) received_sequence: Option<u64>,
    /// How much of it no process has read yet, including a FIN.
    pub(super) unread: u32,
    /// 0 while no process holds the socket: not accepted yet, or already closed.
    pub(super) inode: u32,
    pub(super) uid: u32,
    /// Inode of the cgroup2 folder in which it was created.
    pub(super) cgroup_id: Option<u64>,
    /// Inode of the network namespace.
    pub(super) netns: u64,
}

/// `SOCK_DIAG_BY_FAMILY`, and the older request that walks TCP's table once for both families.
const BY_FAMILY: u16 = 20;
const TCP_BOTH_FAMILIES: u16 = 18;

/// Attributes: `INET_DIAG_INFO` and `INET_DIAG_CGROUP_ID`.
const TCP_INFO: u16 = 2;
const CGROUP_ID: u16 = 21;

/// Asks for `TCP_INFO`.
const WANT_TCP_INFO: u8 = 1 << (TCP_INFO - 1);

/// Every state except `TIME_WAIT` (6), which is not a full socket and may occur by the ten
/// thousands, and `CLOSE` (7). 12 is an incomplete handshake.
const TCP_STATES: u32 = 0x1fff & !1 & !(1 << 6) & !(1 << 7);
const UDP_STATES: u32 = u32::MAX;

/// Sockets of one network namespace.
#[derive(Debug)]
pub(super) struct Diag {
    netlink: Netlink,
    netns: u64,
    walk: TcpWalk,
    others: OtherSockets,
}

/// How TCP's table is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TcpWalk {
    /// One walk for both families, which costs a quarter less.
    Once,
    /// One walk per family, if the kernel refuses the older request.
    PerFamily,
}

impl Diag {
    /// Opens the sockets of the calling thread's namespace, whose inode is `netns`.
    pub(super) fn open(netns: u64) -> io::Result<Self> {
        let (netlink, others) = (Netlink::open()?, OtherSockets::open());
        Ok(Self { netlink, netns, walk: TcpWalk::Once, others })
    }

    /// Inode of the namespace.
    pub(super) fn netns(&self) -> u64 {
        self.netns
    }

    /// Appends every socket of the namespace.
    pub(super) fn sockets(&mut self, sockets: &mut Vec<Socket>) -> io::Result<()> {
        self.tcp(sockets)?;
        for family in [libc::AF_INET, libc::AF_INET6] {
            self.by_family(family, Protocol::Udp, sockets)?;
        }
        self.others.list(&mut self.netlink, self.netns, sockets);
        Ok(())
    }

    fn tcp(&mut self, sockets: &mut Vec<Socket>) -> io::Result<()> {
        if self.walk == TcpWalk::Once {
            let before = sockets.len();
            if self.ask(TCP_BOTH_FAMILIES, &both_families_request(), Protocol::Tcp, sockets).is_ok() {
                return Ok(());
            }
            sockets.truncate(before);
            self.walk = TcpWalk::PerFamily;
        }
        self.by_family(libc::AF_INET, Protocol::Tcp, sockets)?;
        self.by_family(libc::AF_INET6, Protocol::Tcp, sockets)
    }

    fn by_family(&mut self, family: i32, protocol: Protocol, sockets: &mut Vec<Socket>) -> io::Result<()> {
        match self.ask(BY_FAMILY, &family_request(family as u8, protocol), protocol, sockets) {
            // A kernel without IPv6 has no IPv6 sockets either.
            Err(error) if family == libc::AF_INET6 && error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            result => result,
        }
    }

    fn ask(
        &mut self,
        kind: u16,
        request: &[u8],
        protocol: Protocol,
        out: &mut Vec<Socket>,
    ) -> io::Result<()> {
        let netns = self.netns;
        self.netlink.dump(kind, request, &mut |answer| {
            out.extend(parse(answer, protocol).map(|socket| Socket { netns, ..socket }));
        })
    }
}

/// `struct inet_diag_req`: family, lengths, extensions, an empty socket id, states, then zeros.
fn both_families_request() -> [u8; 60] {
    let mut request = [0; 60];
    request[3] = WANT_TCP_INFO;
    request[52..56].copy_from_slice(&TCP_STATES.to_ne_bytes());
    request
}

/// `struct inet_diag_req_v2`: family, protocol, extensions, states, an empty socket id.
fn family_request(family: u8, protocol: Protocol) -> [u8; 56] {
    let (number, states) = match protocol {
        Protocol::Tcp => (libc::IPPROTO_TCP, TCP_STATES),
        _ => (libc::IPPROTO_UDP, UDP_STATES),
    };
    let mut request = [0; 56];
    request[..3].copy_from_slice(&[family, number as u8, WANT_TCP_INFO]);
    request[4..8].copy_from_slice(&states.to_ne_bytes());
    request
}

/// `idiag_timer` of the small structure that replaces a closed socket (`inet_twsk_diag_fill`).
const STAND_IN: u8 = 3;

/// Length of `struct inet_diag_msg`, after which the attributes begin.
const DIAG_BYTES: usize = 72;

/// Whether a message is about TCP; the protocol itself is not part of it.
pub(super) fn has_tcp_info(answer: &[u8]) -> bool {
    answer.get(DIAG_BYTES..).is_some_and(|rest| attributes(rest).any(|(kind, _)| kind == TCP_INFO))
}

/// Parses one `struct inet_diag_msg` with its attributes; `None` if it is too short or of another kind.
pub(super) fn parse(answer: &[u8], protocol: Protocol) -> Option<Socket> {
    let [family, _, timer, ..] = *answer else { return None };
    // For a closed socket, the TIME_WAIT structure may report FIN_WAIT2 until the peer has closed too.
    if protocol == Protocol::Tcp && timer == STAND_IN {
        return None;
    }
    let port = |offset| Some(u16::from_be_bytes(piece(answer, offset)?));
    let local = (address(family, answer, 8)?, port(4)?);
    let remote = (address(family, answer, 24)?, port(6)?);
    let mut socket = Socket {
        cookie: u64::from(u32_at(answer, 44)?) | u64::from(u32_at(answer, 48)?) << 32,
        protocol,
        protocol_number: None,
        local,
        remote: (remote.1 != 0 || !remote.0.is_unspecified()).then_some(remote),
        state: None,
        counters: Counters::default(),
        received_sequence: None,
        unread: u32_at(answer, 56)?,
        uid: u32_at(answer, 64)?,
        inode: u32_at(answer, 68)?,
        cgroup_id: None,
        netns: 0,
    };
    let mut tcp_info = None;
    for (kind, value) in attributes(answer.get(DIAG_BYTES..)?) {
        match kind {
            TCP_INFO => tcp_info = Some(value),
            CGROUP_ID => socket.cgroup_id = u64_at(value, 0),
            _ => {}
        }
    }
    if protocol == Protocol::Tcp {
        // The state in `tcp_info` was read under the same lock as the counters; the one in the
        // message was read before, and a FIN may have arrived in between.
        socket.state =
            TcpState::of_kernel_number(tcp_info.and_then(|info| info.first().copied()).unwrap_or(answer[1]));
        socket.received_sequence = tcp_info.and_then(|info| u64_at(info, RECEIVED_SEQUENCE));
        socket.counters = tcp_info.map_or_else(Counters::default, |info| counters(info, socket.state));
    }
    Some(socket)
}

fn address(family: u8, answer: &[u8], offset: usize) -> Option<IpAddr> {
    match i32::from(family) {
        libc::AF_INET => Some(Ipv4Addr::from(piece::<4>(answer, offset)?).into()),
        libc::AF_INET6 => Some(Ipv6Addr::from(piece::<16>(answer, offset)?).to_canonical()),
        _ => None,
    }
}

/// Offset of `tcpi_bytes_received` in `struct tcp_info`.
const RECEIVED_SEQUENCE: usize = 128;

/// Counters from `struct tcp_info`, which grows with each kernel version: fields that an older
/// kernel lacks are null.
///
/// `bytes_sent` counts retransmitted payload again. `bytes_received` is how far the sequence has
/// advanced, and a FIN takes one sequence number (measured on Linux 6.18: 1000 bytes and a FIN give
/// 1001, in state `CLOSE_WAIT`).
fn counters(info: &[u8], state: Option<TcpState>) -> Counters {
    // A listener reuses the fields for its backlog, and carries no data itself.
    if matches!(state, Some(TcpState::Listen)) {
        return Counters::default();
    }
    Counters {
        bytes_sent: u64_at(info, 200).zip(u64_at(info, 208)).map(|(all, again)| all.saturating_sub(again)),
        bytes_received: received(u64_at(info, RECEIVED_SEQUENCE), state),
        packets_sent: u32_at(info, 136).map(u64::from),
        packets_received: u32_at(info, 140).map(u64::from),
        retransmits: u32_at(info, 100),
        rtt_us: u32_at(info, 68).filter(|rtt_us| *rtt_us > 0),
    }
}

fn received(sequence: Option<u64>, state: Option<TcpState>) -> Option<u64> {
    use TcpState::{Close, CloseWait, Closing, LastAck, TimeWait};
    match state {
        Some(CloseWait | Closing | LastAck | TimeWait) => sequence.map(|count| count.saturating_sub(1)),
        // Closed by a FIN or by a reset: one byte more or less, with no way to distinguish them.
        Some(Close) | None => None,
        Some(_) => sequence,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use proptest::prelude::*;

    use super::*;

    fn own_sockets() -> Vec<Socket> {
        let mut sockets = Vec::new();
        Diag::open(1).unwrap().sockets(&mut sockets).unwrap();
        sockets
    }

    fn find(local_port: u16, remote_port: Option<u16>) -> Option<Socket> {
        own_sockets().into_iter().find(|s| s.local.1 == local_port && s.remote.map(|r| r.1) == remote_port)
    }

    /// A message as the kernel sends it, with the given `tcp_info`.
    fn answer(state: u8, tcp_info: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; DIAG_BYTES];
        bytes[..4].copy_from_slice(&[2, state, 0, 0]);
        bytes[4..8].copy_from_slice(&[0x1f, 0x90, 0x01, 0xbb]);
        bytes[8..12].copy_from_slice(&[10, 0, 0, 1]);
        bytes[24..28].copy_from_slice(&[192, 0, 2, 7]);
        bytes[44..52].copy_from_slice(&[5, 0, 0, 0, 1, 0, 0, 0]);
        bytes[68] = 77;
        bytes.extend((4 + tcp_info.len() as u16).to_ne_bytes());
        bytes.extend(TCP_INFO.to_ne_bytes());
        bytes.extend(tcp_info);
        bytes
    }

    fn tcp_info(state: u8, received: u64, sent: (u64, u64)) -> Vec<u8> {
        let mut info = vec![0; 216];
        info[0] = state;
        info[128..136].copy_from_slice(&received.to_ne_bytes());
        info[200..208].copy_from_slice(&sent.0.to_ne_bytes());
        info[208..216].copy_from_slice(&sent.1.to_ne_bytes());
        info
    }

    #[test]
    fn a_message_is_read_field_by_field() {
        let socket = parse(&answer(1, &tcp_info(1, 300, (1500, 500))), Protocol::Tcp).unwrap();
        assert_eq!(socket.cookie, 5 | 1 << 32);
        assert_eq!(socket.local, ("10.0.0.1".parse().unwrap(), 8080));
        assert_eq!(socket.remote, Some(("192.0.2.7".parse().unwrap(), 443)));
        assert_eq!((socket.inode, socket.state), (77, Some(TcpState::Established)));
        assert_eq!(socket.counters.bytes_sent, Some(1000));
        assert_eq!(socket.counters.bytes_received, Some(300));
        assert_eq!(socket.counters.rtt_us, None, "no sample yet");
    }

    #[test]
    fn what_stands_in_for_a_closed_socket_is_none() {
        let mut stand_in = answer(5, &tcp_info(5, 0, (0, 0)));
        assert!(parse(&stand_in, Protocol::Tcp).is_some());
        stand_in[2] = STAND_IN;
        assert_eq!(parse(&stand_in, Protocol::Tcp), None);
        assert!(parse(&stand_in, Protocol::Udp).is_some());
    }

    #[test]
    fn the_fin_is_no_payload() {
        for (state, expected) in [(1, 1001), (4, 1001), (5, 1001), (8, 1000), (9, 1000), (11, 1000)] {
            let socket = parse(&answer(state, &tcp_info(state, 1001, (0, 0))), Protocol::Tcp).unwrap();
            assert_eq!(socket.counters.bytes_received, Some(expected), "state {state}");
        }
    }

    #[test]
    fn a_fin_that_came_between_message_and_counters_is_taken_off() {
        let socket = parse(&answer(1, &tcp_info(8, 1001, (0, 0))), Protocol::Tcp).unwrap();
        assert_eq!(socket.state, Some(TcpState::CloseWait));
        assert_eq!(socket.counters.bytes_received, Some(1000));
    }

    #[test]
    fn an_older_kernel_leaves_null_what_it_does_not_count() {
        let info = &tcp_info(1, 300, (1, 0))[..136];
        let socket = parse(&answer(1, info), Protocol::Tcp).unwrap();
        assert_eq!(socket.counters.bytes_received, Some(300));
        assert_eq!((socket.counters.bytes_sent, socket.counters.packets_sent), (None, None));
    }

    #[test]
    fn the_kernel_knows_a_listener_and_a_connection_of_this_process() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&[1; 12_345]).unwrap();
        server.read_exact(&mut [0; 12_345]).unwrap();

        let listening = find(port, None).unwrap();
        assert_eq!((listening.state, listening.counters), (Some(TcpState::Listen), Counters::default()));
        let sending = find(client.local_addr().unwrap().port(), Some(port)).unwrap();
        assert_eq!(sending.counters.bytes_sent, Some(12_345));
        assert!(sending.counters.rtt_us.is_some() && sending.cookie != 0 && sending.inode != 0);
        let receiving = find(port, Some(client.local_addr().unwrap().port())).unwrap();
        assert_eq!(receiving.counters.bytes_received, Some(12_345));
        assert_ne!(receiving.cookie, sending.cookie);
    }

    #[test]
    fn udp_has_no_state_and_no_counters_and_a_remote_only_when_connected() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let found = find(port, None).unwrap();
        assert_eq!((found.protocol, found.state), (Protocol::Udp, None));
        assert_eq!(found.counters, Counters::default());
        socket.connect("127.0.0.1:9").unwrap();
        assert_eq!(find(port, Some(9)).unwrap().cookie, found.cookie);
    }

    #[test]
    fn both_ways_to_walk_tcp_give_the_same() {
        let listener = TcpListener::bind("[::1]:0").or_else(|_| TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut by_family = Vec::new();
        let mut diag = Diag { walk: TcpWalk::PerFamily, ..Diag::open(1).unwrap() };
        diag.sockets(&mut by_family).unwrap();
        let found = by_family.into_iter().find(|socket| socket.local.1 == port).unwrap();
        assert_eq!(find(port, None), Some(found));
    }

    proptest! {
        #[test]
        fn garbage_gives_a_socket_or_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes, Protocol::Tcp);
        }

        #[test]
        fn a_message_cut_anywhere_is_survived(length in 0_usize..300) {
            let whole = answer(1, &tcp_info(1, 1, (1, 0)));
            let cut = &whole[..length.min(whole.len())];
            prop_assert_eq!(parse(cut, Protocol::Tcp).is_some(), cut.len() >= DIAG_BYTES);
        }
    }
}
