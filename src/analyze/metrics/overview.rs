//! What was recorded, in shares.

use std::collections::HashSet;
use std::fmt;

use super::Overview;
use super::shares::{By, endpoint_shares, first, shares};
use super::sockets::Sockets;
use crate::Result;
use crate::model::Tables;
use crate::model::view::Words;

pub(super) fn overview(tables: &Tables, sockets: &Sockets<'_>) -> Result<Overview> {
    let by =
        |names: &Words<'_>| shares(sockets, sockets.connections(), |row| names.get(row), By::Connections);
    let tcp = (0..sockets.len).filter(|row| sockets.protocol.get(*row) == Some("tcp"));
    let services = Services::of(sockets);
    Ok(Overview {
        sockets: sockets.len as u64,
        connections: sockets.connections().count() as u64,
        listeners: listeners(sockets).count() as u64,
        processes: tables.processes.height() as u64,
        endpoints: tables.endpoints.height() as u64,
        by_protocol: by(&sockets.protocol),
        by_direction: by(&sockets.direction),
        by_state: shares(sockets, tcp, |row| sockets.state.get(row), By::Connections),
        by_scope: by(&sockets.remote_scope),
        top_processes: first(by(&sockets.process_name)),
        top_endpoints: first(endpoint_shares(&tables.endpoints, By::Connections)?),
        top_ports: first(shares(sockets, sockets.connections(), |row| services.of_row(row), By::Connections)),
        open_connections_max: tables
            .time_bins
            .column("open_connections")?
            .u32()?
            .iter()
            .flatten()
            .max()
            .map_or(0, u64::from),
    })
}

/// The rows of sockets that listen.
fn listeners(sockets: &Sockets<'_>) -> impl Iterator<Item = usize> {
    (0..sockets.len).filter(|row| sockets.role.get(*row) == Some("listener"))
}

/// Which port of a connection is the service's.
struct Services<'a> {
    sockets: &'a Sockets<'a>,
    listening: HashSet<(&'a str, u16)>,
}

impl<'a> Services<'a> {
    fn of(sockets: &'a Sockets<'a>) -> Self {
        let listening = listeners(sockets)
            .filter_map(|row| Some((sockets.protocol.get(row)?, sockets.local_port.get(row)?)))
            .collect();
        Self { sockets, listening }
    }

    fn of_row(&self, row: usize) -> Option<Service<'a>> {
        let protocol = self.sockets.protocol.get(row)?;
        let local = self.sockets.local_port.get(row)?;
        let is_local = match self.sockets.direction.get(row) {
            Some("inbound") => true,
            Some("internal") => self.listening.contains(&(protocol, local)),
            _ => false,
        };
        let port = if is_local { local } else { self.sockets.remote_port.get(row)? };
        Some(Service { port, protocol })
    }
}

/// `443/tcp`
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Service<'a> {
    port: u16,
    protocol: &'a str,
}

impl fmt::Display for Service<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol)
    }
}
