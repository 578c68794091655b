//! A record of a list as a socket.

use std::net::IpAddr;

use super::Fault;
use super::fields::{Fields, KIND, LOCAL_ADDR, LOCAL_PORT, PROTOCOL, REMOTE_ADDR, REMOTE_PORT, STATE};
use crate::capture::{Protocol, TcpState, UnusedReason};
use crate::import::snapshot::Socket;
use crate::import::ss::end::{self, End};
use crate::import::ss::state;

/// What a record says of its socket.
pub(super) fn read(fields: &Fields) -> Result<Socket, Fault> {
    let protocol = protocol(fields)?;
    let (local, remote) = ends(fields, protocol)?;
    let state = (protocol == Protocol::Tcp).then(|| tcp_state(fields)).flatten();
    // What `ss` and Windows print for a listener is not a remote.
    let remote = remote
        .filter(|(addr, port)| state != Some(TcpState::Listen) && !(addr.is_unspecified() && *port == 0));
    Ok(Socket {
        protocol,
        protocol_number: None,
        state,
        local,
        remote,
        identity: fields.get(&["socket", "offset", "sockoffset", "inode"]).map(str::to_owned),
        owner: fields.owner(),
    })
}

/// The transport protocol: what its column says, else what only TCP or UDP has.
pub(super) fn protocol(fields: &Fields) -> Result<Protocol, Fault> {
    let column = if fields.is_of_lsof() { &["node"] } else { PROTOCOL };
    if let Some(text) = fields.get(column) {
        return named(text).ok_or_else(|| other(text));
    }
    match fields.get(KIND) {
        Some("1" | "SOCK_STREAM") => Ok(Protocol::Tcp),
        Some("2" | "SOCK_DGRAM") => Ok(Protocol::Udp),
        Some(text) => named(text).ok_or_else(|| other(text)),
        None if fields.has_any(STATE) => Ok(Protocol::Tcp),
        // Get-NetUDPEndpoint.
        None if !fields.has_any(REMOTE_ADDR) => Ok(Protocol::Udp),
        None => {
            let kind = "socket without a protocol or a state (add one of these columns)";
            Err(Fault::skipped(UnusedReason::Unsupported, kind))
        }
    }
}

fn other(text: &str) -> Fault {
    Fault::skipped(UnusedReason::NoConnection, format!("socket of another family or protocol ({text})"))
}

/// `TCP`, `tcp6`, `TCPv4`, `udp46`, `6`, `17`.
fn named(text: &str) -> Option<Protocol> {
    match text {
        "6" => return Some(Protocol::Tcp),
        "17" => return Some(Protocol::Udp),
        _ => {}
    }
    let word = text.to_ascii_lowercase();
    match word.trim_end_matches(['4', '6']).trim_end_matches('v') {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        _ => None,
    }
}

fn ends(fields: &Fields, protocol: Protocol) -> Result<(End, Option<End>), Fault> {
    let (local, remote) = if fields.is_of_velociraptor() {
        (end(fields, &["srcip"], &["srcport"], protocol)?, end(fields, &["destip"], &["destport"], protocol)?)
    } else if fields.is_of_volatility_linux() {
        let remote = end(fields, &["destinationaddr"], &["destinationport"], protocol)?;
        (end(fields, &["sourceaddr"], &["sourceport"], protocol)?, remote)
    } else if fields.is_of_lsof() {
        of_lsof(fields, protocol)?
    } else if fields.is_listener() {
        (end(fields, &["address"], &["port"], protocol)?, None)
    } else {
        (end(fields, LOCAL_ADDR, LOCAL_PORT, protocol)?, end(fields, REMOTE_ADDR, REMOTE_PORT, protocol)?)
    };
    match local {
        Some(local) => Ok((local, remote)),
        None => Err(Fault::skipped(UnusedReason::NoConnection, "socket without a local address")),
    }
}

/// `10.0.0.5:22->192.0.2.1:50122 (ESTABLISHED)`.
fn of_lsof(fields: &Fields, protocol: Protocol) -> Result<(Option<End>, Option<End>), Fault> {
    let ends = fields.get(&["name"]).and_then(|name| name.split(' ').next()).unwrap_or_default();
    let (local, remote) = ends.split_once("->").unwrap_or((ends, ""));
    let remote = if remote.is_empty() { None } else { Some(parse(remote, protocol)?) };
    Ok((Some(parse(local, protocol)?), remote))
}

fn parse(text: &str, protocol: Protocol) -> Result<End, Fault> {
    end::parse(text, protocol).map_err(|fault| match fault {
        end::Fault::Name => {
            let kind = "socket with a name in place of an address or a port (list them as numbers)";
            Fault::skipped(UnusedReason::Unsupported, kind)
        }
        end::Fault::Cut | end::Fault::Other => Fault::Unreadable,
    })
}

/// An end of which the port stands in a column of its own, or behind the address; none if it is empty.
pub(super) fn end(
    fields: &Fields,
    addr: &[&str],
    port: &[&str],
    protocol: Protocol,
) -> Result<Option<End>, Fault> {
    let Some(addr) = fields.get(addr) else { return Ok(None) };
    if addr.ends_with('…') || addr.ends_with("...") {
        let kind = "address cut by Format-Table: use Format-List or Export-Csv";
        return Err(Fault::skipped(UnusedReason::Unsupported, kind));
    }
    let is_alone = addr == "*" || addr.trim_matches(['[', ']']).split('%').next().is_some_and(is_address);
    let text = match fields.get(port) {
        Some(port) if is_alone || !ends_with_port(addr) => format!("{addr}:{port}"),
        None if is_alone => format!("{addr}:0"),
        _ => addr.to_owned(),
    };
    parse(&text, protocol).map(Some)
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

fn ends_with_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(_, port)| port == "*" || port.parse::<u16>().is_ok())
}

/// The state by its word, or by the number that Windows and PowerShell's JSON have for it.
/// Source: Microsoft, `MIB_TCP_STATE`.
fn tcp_state(fields: &Fields) -> Option<TcpState> {
    if fields.is_of_lsof() {
        let (_, state) = fields.get(&["name"])?.rsplit_once('(')?;
        return state::of_word(state.trim_end_matches(')'));
    }
    if fields.is_listener() {
        return Some(TcpState::Listen);
    }
    Some(match fields.get(STATE)? {
        "1" | "12" | "100" => TcpState::Close,
        "2" => TcpState::Listen,
        "3" => TcpState::SynSent,
        "4" => TcpState::SynRecv,
        "5" => TcpState::Established,
        "6" => TcpState::FinWait1,
        "7" => TcpState::FinWait2,
        "8" => TcpState::CloseWait,
        "9" => TcpState::Closing,
        "10" => TcpState::LastAck,
        "11" => TcpState::TimeWait,
        word => return state::of_word(word),
    })
}
