//! What was recorded, in shares.

use std::collections::HashSet;
use std::fmt;

use super::Overview;
use super::shares::{By, endpoint_shares, first, shares};
use super::sockets::Sockets;
use crate::Result;
use crate::capture::{Protocol, TcpState};
use crate::model::Tables;
use crate::model::records::{Direction, Role, Scope};
use crate::model::tables::TimeBinColumns;

pub(super) fn overview(tables: &Tables, sockets: &Sockets<'_>) -> Result<Overview> {
    let by = |name: &dyn Fn(usize) -> Option<&'static str>| {
        shares(sockets, sockets.connections(), name, By::Connections)
    };
    let by_process = shares(sockets, sockets.connections(), |row| sockets.process_name(row), By::Connections);
    let tcp = (0..sockets.len()).filter(|row| sockets.protocol(*row) == Protocol::Tcp);
    let state = |row| sockets.state(row).map(TcpState::as_str);
    let services = Services::new(sockets);
    let bins = TimeBinColumns::of(&tables.time_bins)?;
    Ok(Overview {
        sockets: sockets.len() as u64,
        foreign_sockets: tables.foreign.height() as u64,
        connections: sockets.connections().count() as u64,
        listeners: listeners(sockets).count() as u64,
        processes: tables.processes.height() as u64,
        endpoints: tables.endpoints.height() as u64,
        by_protocol: by(&|row| Some(sockets.protocol(row).as_str())),
        by_direction: by(&|row| sockets.direction(row).map(Direction::as_str)),
        by_state: shares(sockets, tcp, state, By::Connections),
        by_scope: by(&|row| sockets.remote_scope(row).map(Scope::as_str)),
        top_processes: first(by_process),
        top_endpoints: first(endpoint_shares(&tables.endpoints, By::Connections)?),
        top_ports: first(shares(sockets, sockets.connections(), |row| services.of_row(row), By::Connections)),
        open_connections_max: (0..bins.len())
            .map(|bin| bins.open_connections(bin))
            .max()
            .map_or(0, u64::from),
    })
}

/// The rows of sockets that listen.
fn listeners(sockets: &Sockets<'_>) -> impl Iterator<Item = usize> {
    (0..sockets.len()).filter(|row| sockets.role(*row) == Role::Listener)
}

/// Which port of a connection is the service's.
struct Services<'a> {
    sockets: &'a Sockets<'a>,
    listening: HashSet<(Protocol, u16)>,
}

impl<'a> Services<'a> {
    fn new(sockets: &'a Sockets<'a>) -> Self {
        let listening = listeners(sockets)
            .filter_map(|row| Some((sockets.protocol(row), sockets.local_port(row)?)))
            .collect();
        Self { sockets, listening }
    }

    fn of_row(&self, row: usize) -> Option<Service> {
        let protocol = self.sockets.protocol(row);
        let local = self.sockets.local_port(row)?;
        let is_local = match self.sockets.direction(row) {
            Some(Direction::Inbound) => true,
            Some(Direction::Internal) => self.listening.contains(&(protocol, local)),
            _ => false,
        };
        let port = if is_local { local } else { self.sockets.remote_port(row)? };
        Some(Service { port, protocol })
    }
}

/// `443/tcp`
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Service {
    port: u16,
    protocol: Protocol,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol.as_str())
    }
}
