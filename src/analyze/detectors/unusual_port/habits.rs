//! What each process does with ports, against what is expected and what the others do.

use std::collections::{BTreeMap, BTreeSet};

use ahash::{AHashMap, AHashSet};

use super::Thresholds;
use super::expected;
use crate::analyze::appraisal::payload;
use crate::analyze::services;
use crate::capture::{Protocol, TcpState};
use crate::model::groups::Groups;
use crate::model::ids::SourceId;
use crate::model::records::{Direction, Role};
use crate::model::sockets::{Socket, Sockets, Source};

/// Something odd about a process and its ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Oddity<'a> {
    /// A server with a port of its own listens on another.
    ListensElsewhere { name: &'a str, port: u16, expected: &'static [u16] },
    /// A client of one service talks to a port that is not the service's.
    ReachesElsewhere { name: &'a str, port: u16, expected: &'static [u16] },
    /// A program listens where others do.
    HoldsAnothersPort { name: &'a str, port: u16 },
    /// A connection to a port that tools for break-ins have by default.
    ToolDefault { name: Source<'a>, port: u16, of: &'static str },
    /// A payload that is not what the port is for.
    OutOfPlace { name: Source<'a>, port: u16, protocol: &'a str },
    /// Many ports that nothing else uses.
    RarePorts { name: Source<'a>, ports: Vec<u16>, hosts: usize },
}

/// Port of name servers, which the C library of any program may ask.
const DNS: u16 = 53;

/// Port of the control connections of FTP, which lead to other ports of the same host.
const FTP: u16 = 21;

/// Everything odd, with the rows of its sockets in the order of time.
pub(super) fn odd<'a>(sockets: &Sockets<'a>, config: &Thresholds) -> BTreeMap<Oddity<'a>, Vec<usize>> {
    let mut oddities: BTreeMap<Oddity<'a>, Vec<usize>> = BTreeMap::new();
    for (row, socket) in sockets.iter().enumerate() {
        if let Some(oddity) =
            of_listener(&socket).or_else(|| of_connection(&socket)).or_else(|| of_payload(&socket))
        {
            oddities.entry(oddity).or_default().push(row);
        }
    }
    oddities.extend(rare_ports(sockets, config));
    oddities
}

fn of_listener<'a>(socket: &Socket<'a>) -> Option<Oddity<'a>> {
    let name = socket.process_name.filter(|_| socket.role == Role::Listener)?;
    let port = socket.local_port();
    if expected::belongs_to_others(port, name) {
        return Some(Oddity::HoldsAnothersPort { name, port });
    }
    // What is bound to loopback is a helper's: sshd forwards ports for those who log in.
    let is_reachable = !socket.local_addr.starts_with("127.") && socket.local_addr != "::1";
    let expected = expected::server_ports(name).filter(|ports| is_reachable && !ports.contains(&port))?;
    Some(Oddity::ListensElsewhere { name, port, expected })
}

fn of_connection<'a>(socket: &Socket<'a>) -> Option<Oddity<'a>> {
    let (_, port) = reached(socket)?;
    if let Some(name) = socket.process_name
        && let Some(expected) = expected::client_ports(name)
    {
        let is_odd = port != DNS && !expected.contains(&port);
        return is_odd.then_some(Oddity::ReachesElsewhere { name, port, expected });
    }
    let of = expected::tool(port).filter(|_| socket.protocol == Protocol::Tcp)?;
    Some(Oddity::ToolDefault { name: Source::of(socket), port, of })
}

fn of_payload<'a>(socket: &Socket<'a>) -> Option<Oddity<'a>> {
    let (_, port) = reached(socket)?;
    let (protocol, _) = payload::out_of_place(socket)?;
    Some(Oddity::OutOfPlace { name: Source::of(socket), port, protocol })
}

/// The address and port beyond the local networks to which this host connected with success.
fn reached<'a>(socket: &Socket<'a>) -> Option<(&'a str, u16)> {
    let came_about = if socket.protocol == Protocol::Tcp {
        socket.was_in(TcpState::Established) || socket.bytes_received.is_some_and(|bytes| bytes > 0)
    } else {
        socket.bytes_received.is_some_and(|bytes| bytes > 0)
    };
    let is_outbound = socket.direction == Some(Direction::Outbound) && socket.is_beyond_local_networks();
    socket.remote().filter(|_| is_outbound && came_about && socket.service_port().is_some())
}

/// Processes that reach many ports without a usual service, which nothing else uses.
fn rare_ports<'a>(sockets: &Sockets<'a>, config: &Thresholds) -> Vec<(Oddity<'a>, Vec<usize>)> {
    // Who uses a port; none once there are several.
    let mut users: AHashMap<u16, Option<SourceId>> = AHashMap::new();
    let mut keyed = Vec::new();
    let mut ftp_servers = AHashSet::new();
    for (row, socket) in sockets.iter().enumerate() {
        let Some((addr, port)) = reached(&socket) else { continue };
        let source = sockets.source_id(row);
        let user = users.entry(port).or_insert(Some(source));
        *user = user.filter(|user| *user == source);
        if services::name(socket.protocol, port).is_none() {
            keyed.push((source, row as u32));
        }
        if port == FTP {
            ftp_servers.insert(addr);
        }
    }
    let is_rare = |row: &usize| {
        let remote = sockets.get(*row).remote();
        remote.is_some_and(|(addr, port)| {
            users.get(&port).is_some_and(Option::is_some) && !ftp_servers.contains(addr)
        })
    };
    let of_source = |(source, rows): (SourceId, &[u32])| {
        let name = sockets.source(source);
        let rows: Vec<usize> = rows.iter().map(|row| *row as usize).filter(is_rare).collect();
        let remotes = || rows.iter().filter_map(|row| sockets.get(*row).remote());
        let ports: BTreeSet<u16> = remotes().map(|(_, port)| port).collect();
        let hosts = remotes().map(|(addr, _)| addr).collect::<BTreeSet<_>>().len();
        let is_many = ports.len() >= config.rare_ports as usize;
        is_many.then(|| (Oddity::RarePorts { name, ports: ports.into_iter().collect(), hosts }, rows))
    };
    Groups::new(keyed).iter().filter_map(of_source).collect()
}
