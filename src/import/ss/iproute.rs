//! Lines of `ss`, of all versions of iproute2.

use super::end::Fault;
use super::socket::{Parsed, Socket, process_name};
use super::state;
use crate::capture::{Owner, Protocol, TcpState};
use crate::import::flow::comes_from_server;

/// Families and protocols of `ss` other than TCP and UDP.
const OTHERS: [&str; 16] = [
    "u_str", "u_seq", "u_dgr", "nl", "raw", "icmp6", "icmp", "p_raw", "p_dgr", "v_str", "v_dgr", "tipc",
    "xdp", "mptcp", "sctp", "dccp",
];

/// What only `ss` prints: states with hyphens.
const STATES: [&str; 15] = [
    "ESTAB",
    "SYN-SENT",
    "SYN-RECV",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    "UNCONN",
    "CLOSE-WAIT",
    "LAST-ACK",
    "LISTEN",
    "CLOSING",
    "UNKNOWN",
    // Early versions have a name for none of these, and say so.
    "UNDEF",
    "NEW-SYN-RECV",
    "BOUND-INACTIVE",
];

/// What versions print that leave out counters because they are zero; earlier ones do not know them.
const SINCE_COUNTERS: [&str; 6] =
    [" bytes_", " segs_", " data_segs_", " delivered:", " minrtt:", " delivery_rate "];

/// Reads a line. `has_heading` says that it stands below a heading of `ss`: then it may lack both
/// protocol and state.
pub(super) fn parse(line: &str, has_heading: bool) -> Parsed {
    let mut rest = line;
    let netid =
        word(rest).filter(|(word, _)| matches!(*word, "tcp" | "udp" | "???") || OTHERS.contains(word));
    if let Some((netid, after)) = netid {
        if !matches!(netid, "tcp" | "udp") {
            return Parsed::Other(netid.to_owned());
        }
        rest = after;
    }
    let state = word(rest).filter(|(word, _)| STATES.contains(word));
    rest = state.map_or(rest, |(_, after)| after);
    if state.is_none() && !has_heading && !rest.contains("users:((") {
        return Parsed::Nothing;
    }
    let Some([_, _, local, remote]) = columns(&mut rest) else { return Parsed::Nothing };
    let state = state.map(|(word, _)| word);
    let protocol = match (netid.map(|(word, _)| word), state) {
        (Some("udp"), _) | (None, Some("UNCONN")) => Protocol::Udp,
        _ => Protocol::Tcp,
    };
    let socket = Socket::between(local, remote, protocol);
    socket.map(|socket| with_rest(socket, netid.is_some(), state, rest)).into()
}

/// The next word of a line and what follows it.
fn word(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    (end > 0).then(|| line.split_at(end))
}

/// Two queues and two ends.
fn columns<'a>(rest: &mut &'a str) -> Option<[&'a str; 4]> {
    let mut columns = [""; 4];
    for column in &mut columns {
        (*column, *rest) = word(rest)?;
    }
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(columns[0]) && is_number(columns[1])).then_some(columns)
}

fn with_rest(mut socket: Socket, has_netid: bool, state: Option<&str>, rest: &str) -> Socket {
    if socket.protocol == Protocol::Tcp {
        socket.state = state.and_then(state::of_word);
    }
    // Which states there are says which protocol a table without a column for it is of.
    let is_of_tcp = !matches!(state, None | Some("ESTAB" | "UNCONN"));
    socket.has_protocol = has_netid || is_of_tcp;
    let rest = take_users(rest, &mut socket.owner);
    socket.cookie = number_after(&rest, " sk:", 16).filter(|cookie| *cookie != 0);
    socket.inode = number_after(&rest, " ino:", 10).filter(|inode| *inode != 0);
    // `ss` leaves the root user out, but only where it was asked for users at all.
    socket.owner.uid = number_after(&rest, " uid:", 10)
        .and_then(|uid| u32::try_from(uid).ok())
        .or_else(|| socket.cookie.map(|_| 0).filter(|_| socket.inode.is_some()));
    // `ss -O`: what else stands below the line stands behind these.
    let marks = [" <-> ", " --> ", " <-- ", " --- "];
    let details = marks.iter().find_map(|mark| Some(rest.split_once(mark)?.1)).unwrap_or(&rest);
    add_details(details, &mut socket);
    socket
}

/// Takes the owner out of a line: `users:(("sshd",pid=1,fd=4))`, and before iproute2 4.0
/// `users:(("sshd",1,4))`. What is left is free of names that a process chose for itself.
fn take_users(line: &str, owner: &mut Owner) -> String {
    let Some((before, list)) = line.split_once("users:((\"") else { return format!("{line} ") };
    let Some((name, pid, after)) = first_user(list) else { return format!("{before} ") };
    owner.process_name = process_name(name);
    owner.pid = Some(pid);
    let mut after = after;
    while let Some(next) = after.strip_prefix(",(\"").and_then(first_user) {
        after = next.2;
    }
    format!("{before} {} ", after.strip_prefix(')').unwrap_or(after))
}

/// `NAME",pid=1,fd=4)`, and with more between the two numbers: a name may have anything in it, so that only what ends as it must is one.
fn first_user(list: &str) -> Option<(&str, u32, &str)> {
    list.match_indices("\",").find_map(|(at, _)| {
        let rest = &list[at + 2..];
        let rest = rest.strip_prefix("pid=").unwrap_or(rest);
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let pid = rest[..digits].parse().ok()?;
        let rest = without_extras(rest[digits..].strip_prefix(',')?)?;
        let rest = rest.strip_prefix("fd=").unwrap_or(rest);
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
        let after = rest[digits..].strip_prefix(')')?;
        let is_end = after.starts_with(')') || after.starts_with(",(\"");
        is_end.then_some((&list[..at], pid, after))
    })
}

/// Without what `ss -T` and `ss -Z` print between process and descriptor: `tid=78,`,
/// `proc_ctx=system_u:system_r:sshd_t:s0-s0:c0.c1023,`. A context may have commas in it.
fn without_extras(mut rest: &str) -> Option<&str> {
    if let Some(after) = rest.strip_prefix("tid=") {
        rest = after.split_once(',')?.1;
    }
    if rest.starts_with("proc_ctx=") {
        rest = &rest[rest.find(",fd=")? + 1..];
    }
    Some(rest)
}

/// Adds the details of `ss -i`; counters that are not there stay unknown.
pub(super) fn add_details(line: &str, socket: &mut Socket) {
    let line = format!(" {} ", take_users(line.trim(), &mut socket.owner));
    if !(line.contains(" rto:") || line.contains(" mss:")) {
        return;
    }
    if !socket.has_protocol {
        (socket.protocol, socket.has_protocol) = (Protocol::Tcp, true);
    }
    if socket.protocol != Protocol::Tcp {
        return;
    }
    socket.has_details = true;
    let count = |name: &str| number_after(&line, name, 10);
    let counters = &mut socket.counters;
    counters.bytes_sent = match (count(" bytes_sent:"), count(" bytes_acked:")) {
        (Some(sent), _) => Some(sent.saturating_sub(count(" bytes_retrans:").unwrap_or(0))),
        // The SYN is acknowledged too, and counted on the side that has sent it first.
        (None, Some(acked)) => {
            let was_accepted = socket
                .remote
                .is_some_and(|remote| comes_from_server(Protocol::Tcp, socket.local.1, remote.1));
            Some(acked.saturating_sub(u64::from(!was_accepted)))
        }
        (None, None) => None,
    };
    counters.bytes_received = count(" bytes_received:");
    counters.packets_sent = count(" segs_out:");
    counters.packets_received = count(" segs_in:");
    counters.retransmits = text_after(&line, " retrans:")
        .and_then(|text| leading_number(text.split_once('/')?.1, 10))
        .and_then(|number| u32::try_from(number).ok());
    counters.rtt_us = text_after(&line, " rtt:").and_then(milliseconds_us);
}

/// Whether details are of a version that knows counters.
pub(super) fn knows_counters(line: &str) -> bool {
    SINCE_COUNTERS.iter().any(|name| line.contains(name))
}

/// Sets the counters that a version leaves out because they are zero.
pub(super) fn fill_zeros(socket: &mut Socket) {
    if !socket.has_details || socket.state == Some(TcpState::Listen) {
        return;
    }
    let counters = &mut socket.counters;
    for counter in [
        &mut counters.bytes_sent,
        &mut counters.bytes_received,
        &mut counters.packets_sent,
        &mut counters.packets_received,
    ] {
        counter.get_or_insert(0);
    }
    counters.retransmits.get_or_insert(0);
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

/// `` `- ESTAB  0  0  10.0.0.1:5000  10.0.0.2:40000``: an association of SCTP, below its socket.
pub(super) fn is_association(line: &str) -> bool {
    line.trim_start()
        .strip_prefix("`- ")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// Whether a line is a socket whatever stands above it.
pub(super) fn is_socket(line: &str) -> bool {
    matches!(parse(line, false), Parsed::Socket(_) | Parsed::Fault(Fault::Name))
}
