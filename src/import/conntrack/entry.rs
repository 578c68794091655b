//! A line of conntrack: an entry of its table, or what became of one.

use std::net::IpAddr;

use crate::capture::{Protocol, TcpState};
use crate::import::address;
use crate::import::ss::time::{Stamp, stamp};

/// Words of a line.
const MOST_WORDS: usize = 64;

/// One end of a connection; port 0 where the protocol has none.
pub(super) type End = (IpAddr, u16);

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// It is in the table.
    Listed,
    New,
    Update,
    Destroy,
}

/// Packets of one direction, with the ends that they have before they are translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Direction {
    pub(super) source: End,
    pub(super) destination: End,
    pub(super) packets: Option<u64>,
    pub(super) bytes: Option<u64>,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConntrackEntry {
    pub(super) happening: Happening,
    /// When, where the line says it (`-o timestamp`).
    pub(super) time: Option<Stamp>,
    /// When the connection began and ended, where the kernel notes that (`-o ktimestamp`).
    pub(super) start: Option<Stamp>,
    pub(super) stop: Option<Stamp>,
    /// How old it is, in seconds.
    pub(super) age_s: Option<u64>,
    pub(super) protocol: Protocol,
    /// The number of a protocol that has no name of its own.
    pub(super) protocol_number: Option<u16>,
    pub(super) state: Option<TcpState>,
    /// From who opened it.
    pub(super) original: Direction,
    pub(super) reply: Direction,
    /// Whether nothing came back.
    pub(super) is_unreplied: bool,
    /// Whether there was traffic in both directions, of TCP after the handshake.
    pub(super) is_assured: bool,
}

/// Reads a line; none if it is none of conntrack.
pub(super) fn parse(line: &str) -> Option<ConntrackEntry> {
    let (time, line) = time_before(line.trim());
    let mut words = line.split_whitespace().take(MOST_WORDS).peekable();
    let happening = match *words.peek()? {
        "[NEW]" => Happening::New,
        "[UPDATE]" => Happening::Update,
        "[DESTROY]" => Happening::Destroy,
        _ => Happening::Listed,
    };
    if happening != Happening::Listed {
        words.next();
    }
    // The network protocol with its number, in `/proc/net/nf_conntrack` and with `-o extended`.
    if words.peek().is_some_and(|word| matches!(*word, "ipv4" | "ipv6")) {
        words.next();
        words.next()?.parse::<u8>().ok()?;
    }
    let name = words.next()?;
    let (protocol, protocol_number) = Protocol::of_ip_number(words.next()?.parse().ok()?);
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return None;
    }
    let mut state = None;
    let mut fields = Vec::new();
    let mut marks = Vec::new();
    for word in words {
        match word.split_once('=') {
            Some(pair) => fields.push(pair),
            None if word.starts_with('[') => marks.push(word),
            None if fields.is_empty() && word.bytes().any(|byte| byte.is_ascii_alphabetic()) => {
                state = tcp_state(word);
            }
            // How long it is kept.
            None => {}
        }
    }
    let second = fields.iter().enumerate().filter(|(_, (name, _))| *name == "src").nth(1)?.0;
    let (original, reply) = fields.split_at(second);
    let value = |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    Some(ConntrackEntry {
        happening,
        time,
        start: stamp_in(line, "[start="),
        stop: stamp_in(line, "[stop="),
        age_s: value("delta-time").and_then(|value| value.parse().ok()),
        protocol,
        protocol_number,
        state: state.filter(|_| protocol == Protocol::Tcp),
        original: Direction::new(original, protocol)?,
        reply: Direction::new(reply, protocol)?,
        is_unreplied: marks.contains(&"[UNREPLIED]"),
        is_assured: marks.iter().any(|mark| matches!(*mark, "[ASSURED]" | "[OFFLOAD]" | "[HW_OFFLOAD]")),
    })
}

impl Direction {
    fn new(fields: &[(&str, &str)], protocol: Protocol) -> Option<Self> {
        let value = |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        // ICMP has a type, a code and an identifier in place of ports, and GRE has keys.
        let has_ports = matches!(
            protocol,
            Protocol::Tcp | Protocol::Udp | Protocol::UdpLite | Protocol::Sctp | Protocol::Dccp
        );
        let end = |addr: &str, port: &str| {
            let port = if has_ports { value(port)?.parse().ok()? } else { 0 };
            Some((address::parse(value(addr)?)?, port))
        };
        let count = |name: &str| value(name).and_then(|value| value.parse().ok());
        Some(Self {
            source: end("src", "sport")?,
            destination: end("dst", "dport")?,
            packets: count("packets"),
            bytes: count("bytes"),
        })
    }
}

/// `[1700000000.123456]`, and the line after it.
fn time_before(line: &str) -> (Option<Stamp>, &str) {
    let bracketed = line.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match bracketed.and_then(|(time, rest)| Some((stamp(time)?, rest.trim_start()))) {
        Some((time, rest)) => (Some(time), rest),
        None => (None, line),
    }
}

/// `[start=Tue Nov 14 22:13:20 2023]`.
fn stamp_in(line: &str, label: &str) -> Option<Stamp> {
    stamp(line.split_once(label)?.1.split(']').next()?)
}

/// States of both directions together. Source: `enum tcp_conntrack` of the kernel.
fn tcp_state(word: &str) -> Option<TcpState> {
    Some(match word {
        "SYN_SENT" | "SYN_SENT2" => TcpState::SynSent,
        "SYN_RECV" => TcpState::SynRecv,
        "ESTABLISHED" => TcpState::Established,
        "FIN_WAIT" => TcpState::FinWait1,
        "CLOSE_WAIT" => TcpState::CloseWait,
        "LAST_ACK" => TcpState::LastAck,
        "TIME_WAIT" => TcpState::TimeWait,
        "CLOSE" => TcpState::Close,
        _ => return None,
    })
}
