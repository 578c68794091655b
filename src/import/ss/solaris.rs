//! Lines of `netstat` of Solaris and illumos, whose tables are of one protocol each.

use super::socket::{Parsed, Socket};
use super::state;
use crate::capture::Protocol;

/// `TCP: IPv4`, above a table.
pub(super) fn title(line: &str) -> Option<Protocol> {
    let (protocol, family) = line.trim().split_once(": ")?;
    match (protocol, family.starts_with("IPv")) {
        ("TCP", true) => Some(Protocol::Tcp),
        ("UDP", true) => Some(Protocol::Udp),
        _ => None,
    }
}

/// Reads a line: both ends, four numbers for TCP, a state. UDP without a peer has only one end.
pub(super) fn parse(line: &str, protocol: Protocol) -> Parsed {
    let words: Vec<&str> = line.split_whitespace().take(16).collect();
    let (local, remote, rest) = match words.as_slice() {
        [local, rest @ ..] if protocol == Protocol::Udp && rest.len() < 2 => (local, &"*.*", rest),
        [local, remote, rest @ ..] if protocol == Protocol::Udp => (local, remote, rest),
        [local, remote, _, _, _, _, rest @ ..] => (local, remote, rest),
        _ => return Parsed::Nothing,
    };
    let socket = Socket::between(local, remote, protocol).map(|mut socket| {
        let state = rest.first().and_then(|word| state::of_word(word));
        socket.state = state.filter(|_| protocol == Protocol::Tcp);
        socket
    });
    match socket {
        Err(super::end::Fault::Other) => Parsed::Nothing,
        socket => socket.into(),
    }
}
