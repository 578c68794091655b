//! Which processes use ports that no service is registered for.

use std::cmp::Reverse;

use ahash::{AHashMap, AHashSet};

use super::sockets::Sockets;
use super::{Anomalies, PortUse};
use crate::analyze::services;
use crate::capture::Protocol;
use crate::model::records::Direction;

/// How many process names are listed.
const MOST: usize = 100;

/// What a process name did.
#[derive(Default)]
struct Use {
    connections: u64,
    unusual_connections: u64,
    ports: AHashSet<(Protocol, u16)>,
    unusual_ports: AHashSet<(Protocol, u16)>,
}

pub(super) fn anomalies(sockets: &Sockets<'_>) -> Anomalies {
    let mut uses: AHashMap<Option<&str>, Use> = AHashMap::new();
    for row in sockets.connections() {
        let Some(port) = service_port(sockets, row) else { continue };
        let process = uses.entry(sockets.process_name(row)).or_default();
        process.connections += 1;
        process.ports.insert(port);
        if services::name(port.0, port.1).is_none() {
            process.unusual_connections += 1;
            process.unusual_ports.insert(port);
        }
    }
    let mut ports_by_process: Vec<PortUse> = uses.into_iter().map(port_use).collect();
    ports_by_process.sort_by(|a, b| rank(a).cmp(&rank(b)));
    ports_by_process.truncate(MOST);
    Anomalies { ports_by_process }
}

/// The local port if the remote opened the connection, else the remote one.
fn service_port(sockets: &Sockets<'_>, row: usize) -> Option<(Protocol, u16)> {
    let is_inbound = sockets.direction(row) == Some(Direction::Inbound);
    let port = if is_inbound { sockets.local_port(row) } else { sockets.remote_port(row) };
    Some((sockets.protocol(row), port?))
}

fn port_use((process, used): (Option<&str>, Use)) -> PortUse {
    PortUse {
        process: process.unwrap_or("unknown").to_owned(),
        connections: used.connections,
        ports: used.ports.len() as u64,
        unusual_ports: used.unusual_ports.len() as u64,
        unusual_connections: used.unusual_connections,
    }
}

fn rank(process: &PortUse) -> (Reverse<u64>, Reverse<u64>, &str, u64) {
    (Reverse(process.unusual_ports), Reverse(process.connections), &process.process, process.ports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Capture, Conn};

    #[test]
    fn ports_without_a_service_are_counted_once_and_the_service_is_on_the_side_that_accepts() {
        let mut capture = Capture::new(60);
        for port in [443, 40_001, 40_001, 40_002] {
            capture.add(Conn::to("203.0.113.5", port).by("curl", 7));
        }
        capture.add(Conn::to("203.0.113.5", 50_000).local_port(22).inbound().by("sshd", 8));
        let tables = capture.tables();
        let found = anomalies(&Sockets::new(&tables.connections).unwrap()).ports_by_process;
        let numbers = |p: &PortUse| (p.connections, p.ports, p.unusual_ports, p.unusual_connections);
        assert_eq!((found[0].process.as_str(), numbers(&found[0])), ("curl", (4, 3, 2, 3)));
        assert_eq!((found[1].process.as_str(), numbers(&found[1])), ("sshd", (1, 1, 0, 0)));
    }

    #[test]
    fn an_empty_capture_has_no_process() {
        let tables = Capture::new(60).tables();
        assert!(anomalies(&Sockets::new(&tables.connections).unwrap()).ports_by_process.is_empty());
    }
}
