//! Which end of an inbound connection is the local one.
//!
//! The Filtering Platform of some versions of Windows gives the local end as the source of an inbound connection
//! (that is how Microsoft documents it), that of others gives the remote end. All events of a host follow the
//! same order, so it is told by those of which one end is known: by the addresses from which the host opened
//! connections, by the ports to which its processes were bound, and by what can only receive.

use std::collections::HashMap;
use std::net::IpAddr;

use ahash::AHashSet;

use super::event::{Bind, Connection, Course};
use crate::capture::Protocol;

/// Hosts, and addresses and ports of each, that are kept.
const MOST_HOSTS: usize = 10_000;
const MOST_ENDS: usize = 100_000;

/// Windows opens connections from the ports from here on, unless it is told otherwise.
const FIRST_EPHEMERAL_PORT: u16 = 49_152;

/// What is known of the ends of hosts.
#[derive(Debug, Default)]
pub(super) struct Sides {
    hosts: HashMap<String, Host>,
    /// Connections of which nothing tells the local end.
    pub(super) unsure: u64,
}

#[derive(Debug, Default)]
struct Host {
    addresses: AHashSet<IpAddr>,
    ports: AHashSet<(Protocol, u16)>,
    /// Inbound connections of which the source was local, and of which it was remote.
    local_sources: u64,
    remote_sources: u64,
}

impl Sides {
    /// Learns from an event that says which end is local.
    pub(super) fn learn(&mut self, connection: &Connection) {
        let Some(host) = self.host(&connection.computer) else { return };
        if connection.course == Course::Listening {
            host.add_port(connection.protocol, connection.source.1);
        } else if connection.is_initiator && host.addresses.len() < MOST_ENDS {
            host.addresses.insert(connection.source.0);
        }
    }

    /// Learns from a bind to a port.
    pub(super) fn learn_bind(&mut self, bind: &Bind) {
        let Some(host) = self.host(&bind.computer) else { return };
        host.add_port(bind.protocol, bind.local.1);
        if !bind.local.0.is_unspecified() && host.addresses.len() < MOST_ENDS {
            host.addresses.insert(bind.local.0);
        }
    }

    /// Learns the order of its host from an inbound connection, once the addresses are known.
    pub(super) fn learn_order(&mut self, connection: &Connection) {
        let Some(host) = self.host(&connection.computer) else { return };
        match host.is_source_local(connection) {
            Some(true) => host.local_sources += 1,
            Some(false) => host.remote_sources += 1,
            None => {}
        }
    }

    /// Whether the source of an inbound connection is its local end.
    pub(super) fn is_source_local(&mut self, connection: &Connection) -> bool {
        let of_host = self.host(&connection.computer).and_then(|host| {
            host.is_source_local(connection).or(match host.local_sources.cmp(&host.remote_sources) {
                std::cmp::Ordering::Greater => Some(true),
                std::cmp::Ordering::Less => Some(false),
                std::cmp::Ordering::Equal => None,
            })
        });
        self.unsure += u64::from(of_host.is_none());
        of_host.unwrap_or(false)
    }

    fn host(&mut self, computer: &str) -> Option<&mut Host> {
        if !self.hosts.contains_key(computer) {
            if self.hosts.len() >= MOST_HOSTS {
                return None;
            }
            self.hosts.insert(computer.to_owned(), Host::default());
        }
        self.hosts.get_mut(computer)
    }
}

impl Host {
    fn add_port(&mut self, protocol: Protocol, port: u16) {
        if self.ports.len() < MOST_ENDS && port < FIRST_EPHEMERAL_PORT {
            self.ports.insert((protocol, port));
        }
    }

    fn is_source_local(&self, connection: &Connection) -> Option<bool> {
        let (source, destination) = (connection.source, connection.destination);
        let only = |is: &dyn Fn((IpAddr, u16)) -> bool| match (is(source), is(destination)) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        };
        only(&|(addr, _)| self.addresses.contains(&addr))
            .or_else(|| only(&|(addr, _)| is_receiver(addr)))
            .or_else(|| only(&|(_, port)| self.ports.contains(&(connection.protocol, port))))
            .or_else(|| only(&|(_, port)| (1..FIRST_EPHEMERAL_PORT).contains(&port)))
    }
}

/// Whether an address cannot be that of a sender.
fn is_receiver(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(addr) => addr.is_multicast() || addr.is_broadcast(),
        IpAddr::V6(addr) => addr.is_multicast(),
    }
}
