//! A socket as `ss` and `netstat` print it.

use std::net::IpAddr;

use crate::capture::{Counters, Owner, Protocol, TcpState};

/// A line of a table of sockets, and for `ss -i` the line of details below it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Socket {
    pub(super) protocol: Protocol,
    pub(super) state: Option<TcpState>,
    pub(super) local: (IpAddr, u16),
    pub(super) remote: Option<(IpAddr, u16)>,
    pub(super) counters: Counters,
    pub(super) owner: Owner,
    /// The kernel's cookie, where it was asked for (`-e`).
    pub(super) cookie: Option<u64>,
    pub(super) inode: Option<u64>,
}

/// The table's kind, which its heading tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// `ss`, with a column for the protocol if there are several.
    Ss { has_netid: bool },
    /// `netstat`.
    Netstat,
}

impl Table {
    /// The table that a heading begins.
    pub(super) fn of_heading(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        match (words.next()?, words.next()?) {
            ("State", "Recv-Q") => Some(Self::Ss { has_netid: false }),
            ("Netid", "State") => Some(Self::Ss { has_netid: true }),
            ("Proto", "Recv-Q") => Some(Self::Netstat),
            _ => None,
        }
    }

    /// The socket on a line; none if the line is none.
    pub(super) fn socket(self, line: &str) -> Option<Socket> {
        let words: Vec<&str> = line.split_whitespace().take(64).collect();
        match self {
            Self::Ss { has_netid } => ss(&words, has_netid, line),
            Self::Netstat => netstat(&words),
        }
    }
}

fn ss(words: &[&str], has_netid: bool, line: &str) -> Option<Socket> {
    let (netid, rest) = if has_netid { words.split_first()? } else { (&"", words) };
    let [state, _, _, local, remote, ..] = rest else { return None };
    let protocol = match *netid {
        "udp" => Protocol::Udp,
        // Without a column, an unconnected state is that of UDP alone.
        "" if *state == "UNCONN" => Protocol::Udp,
        "tcp" | "" => Protocol::Tcp,
        _ => return None,
    };
    let mut socket = Socket {
        protocol,
        state: (protocol == Protocol::Tcp).then(|| tcp_state(state)).flatten(),
        local: end(local)?,
        remote: end(remote).filter(|(_, port)| *port != 0),
        counters: Counters::default(),
        owner: Owner::default(),
        cookie: number_after(line, " sk:", 16),
        inode: number_after(line, " ino:", 10).filter(|inode| *inode != 0),
    };
    if protocol == Protocol::Tcp && socket.state.is_none() {
        return None;
    }
    // `ss` leaves the root user out, but only where it was asked for users at all.
    socket.owner.uid = number_after(line, " uid:", 10)
        .and_then(|uid| u32::try_from(uid).ok())
        .or_else(|| socket.cookie.map(|_| 0).filter(|_| socket.inode.is_some()));
    users(line, &mut socket.owner);
    Some(socket)
}

/// `users:(("sshd",pid=1,fd=4),("sshd",pid=2,fd=4))`: the last of several is the one that serves.
fn users(line: &str, owner: &mut Owner) {
    let Some((_, list)) = line.split_once("users:((") else { return };
    let Some((name, rest)) = list.strip_prefix('"').and_then(|list| list.split_once("\",pid=")) else {
        return;
    };
    owner.process_name = Some(name.chars().take(255).collect());
    owner.pid = leading_number(rest, 10).and_then(|pid| u32::try_from(pid).ok());
}

/// The details of `ss -i`: what is zero is left out by it.
pub(super) fn add_details(line: &str, socket: &mut Socket) {
    if socket.protocol != Protocol::Tcp || !(line.contains(" rto:") || line.contains(" mss:")) {
        return;
    }
    let line = format!(" {}", line.trim());
    let count = |name: &str| Some(number_after(&line, name, 10).unwrap_or(0));
    let small = |number: u64| u32::try_from(number).ok();
    socket.counters = Counters {
        bytes_sent: count(" bytes_acked:"),
        bytes_received: count(" bytes_received:"),
        packets_sent: count(" segs_out:"),
        packets_received: count(" segs_in:"),
        retransmits: text_after(&line, " retrans:")
            .map_or(Some(0), |text| leading_number(text.split_once('/')?.1, 10).and_then(small)),
        rtt_us: text_after(&line, " rtt:").and_then(milliseconds_us),
    };
}

fn netstat(words: &[&str]) -> Option<Socket> {
    let [protocol, _, _, local, remote, rest @ ..] = words else { return None };
    let protocol = match *protocol {
        "tcp" | "tcp6" => Protocol::Tcp,
        "udp" | "udp6" => Protocol::Udp,
        _ => return None,
    };
    let (state, rest) = match (protocol, rest) {
        (Protocol::Tcp, [state, rest @ ..]) => (Some(tcp_state(state)?), rest),
        (Protocol::Tcp, []) => return None,
        (_, rest) => (None, rest),
    };
    let mut owner = Owner::default();
    if let Some((pid, name)) = rest.iter().find_map(|word| word.split_once('/')) {
        owner.pid = pid.parse().ok();
        owner.process_name = owner.pid.map(|_| name.trim_end_matches(':').chars().take(255).collect());
    }
    Some(Socket {
        protocol,
        state,
        local: end(local)?,
        remote: end(remote).filter(|(_, port)| *port != 0),
        counters: Counters::default(),
        owner,
        cookie: None,
        inode: None,
    })
}

/// `10.0.0.1:22`, `[::1]:22`, `:::22` (`netstat`), `*:22`, `10.0.0.1%eth0:53`, `0.0.0.0:*`.
fn end(text: &str) -> Option<(IpAddr, u16)> {
    let (addr, port) = text.rsplit_once(':')?;
    let addr = addr.trim_matches(['[', ']']);
    let addr = addr.split('%').next().unwrap_or(addr).trim_matches(['[', ']']);
    let addr: IpAddr = if addr == "*" { "::".parse().ok()? } else { addr.parse().ok()? };
    let port = if port == "*" { 0 } else { port.parse().ok()? };
    Some((addr.to_canonical(), port))
}

fn tcp_state(text: &str) -> Option<TcpState> {
    Some(match text {
        "ESTAB" | "ESTABLISHED" => TcpState::Established,
        "SYN-SENT" | "SYN_SENT" => TcpState::SynSent,
        "SYN-RECV" | "SYN_RECV" => TcpState::SynRecv,
        "FIN-WAIT-1" | "FIN_WAIT1" => TcpState::FinWait1,
        "FIN-WAIT-2" | "FIN_WAIT2" => TcpState::FinWait2,
        "TIME-WAIT" | "TIME_WAIT" => TcpState::TimeWait,
        "CLOSE-WAIT" | "CLOSE_WAIT" => TcpState::CloseWait,
        "LAST-ACK" | "LAST_ACK" => TcpState::LastAck,
        "LISTEN" => TcpState::Listen,
        "CLOSING" => TcpState::Closing,
        "UNCONN" | "CLOSE" => TcpState::Close,
        _ => return None,
    })
}

fn text_after<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    Some(line.split_once(name)?.1)
}

fn number_after(line: &str, name: &str, radix: u32) -> Option<u64> {
    leading_number(text_after(line, name)?, radix)
}

fn leading_number(text: &str, radix: u32) -> Option<u64> {
    let end = text.find(|c: char| !c.is_digit(radix)).unwrap_or(text.len());
    u64::from_str_radix(&text[..end], radix).ok()
}

/// `3.521/1.2` milliseconds in µs.
fn milliseconds_us(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let ms: f64 = text[..end].parse().ok()?;
    (0.0..=4_000_000.0).contains(&ms).then(|| (ms * 1000.0).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "ESTAB 0 0 10.0.0.1:22 10.0.0.2:5555 users:((\"ssh \\\"d\",pid=77,fd=4)) timer:(keepalive,1min,0) uid:1000 ino:123 sk:1a cgroup:/x <->";

    #[test]
    fn a_line_of_ss_gives_the_socket_and_its_owner() {
        let mut socket = Table::Ss { has_netid: false }.socket(LINE).unwrap();
        assert_eq!(
            (socket.state, socket.cookie, socket.inode),
            (Some(TcpState::Established), Some(0x1a), Some(123))
        );
        assert_eq!((socket.owner.pid, socket.owner.uid), (Some(77), Some(1000)));
        add_details(
            "\t cubic rto:204 rtt:3.5/1.2 mss:1448 bytes_sent:90 bytes_acked:80 segs_out:3 retrans:0/2",
            &mut socket,
        );
        let counters = socket.counters;
        assert_eq!((counters.bytes_sent, counters.bytes_received), (Some(80), Some(0)));
        assert_eq!((counters.retransmits, counters.rtt_us), (Some(2), Some(3500)));
    }

    #[test]
    fn a_line_of_netstat_gives_the_socket_and_its_owner() {
        let socket = Table::Netstat.socket("tcp6 0 0 :::80 :::* LISTEN 12/nginx: master").unwrap();
        assert_eq!((socket.local, socket.remote), (("::".parse().unwrap(), 80), None));
        assert_eq!((socket.owner.pid, socket.owner.process_name.as_deref()), (Some(12), Some("nginx")));
        let socket = Table::Netstat.socket("udp 0 0 0.0.0.0:68 0.0.0.0:* 9/dhclient").unwrap();
        assert_eq!((socket.protocol, socket.state), (Protocol::Udp, None));
    }

    #[test]
    fn ends_are_read_in_every_spelling() {
        for (text, expected) in [
            ("10.0.0.1:22", Some(("10.0.0.1", 22))),
            ("[::ffff:10.0.0.1]:22", Some(("10.0.0.1", 22))),
            ("[fe80::1]%eth0:546", Some(("fe80::1", 546))),
            ("127.0.0.53%lo:53", Some(("127.0.0.53", 53))),
            ("*:443", Some(("::", 443))),
            ("0.0.0.0:*", Some(("0.0.0.0", 0))),
            ("nonsense", None),
        ] {
            let expected = expected.map(|(addr, port)| (addr.parse::<IpAddr>().unwrap(), port));
            assert_eq!(end(text), expected, "{text}");
        }
    }
}
