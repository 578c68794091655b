//! Which end of a connection opened it: the originator, in Zeek's terms.
//!
//! Everything that distinguishes source and destination uses this: detectors, exports, OCSF.

use crate::capture::{Protocol, TcpState};
use crate::model::records::{Direction, Role};
use ahash::AHashSet;

use super::sockets::{Socket, Sockets};

/// Determines the originator of each connection.
pub struct Orientation<'a> {
    /// Whether this is a log or a packet capture of a network. Then `local_*` is the originator of
    /// every connection, except of those seen from their other end, which are inbound.
    holds_many_hosts: bool,
    listening: AHashSet<(Protocol, u16)>,
    five_tuples: AHashSet<(Protocol, &'a str, u16, &'a str, u16)>,
}

/// A connection, oriented from originator to responder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow<'a> {
    /// Address and port of the originator.
    pub originator: (&'a str, u16),
    /// Address and port of the responder.
    pub responder: (&'a str, u16),
    /// Whether the originator is the local end.
    pub is_local_originator: bool,
}

impl<'a> Orientation<'a> {
    /// Collects the listening ports and the connections inside the host.
    pub fn new(sockets: &Sockets<'a>) -> Self {
        let mut listening = AHashSet::new();
        let mut five_tuples = AHashSet::new();
        for s in sockets.iter() {
            match s.remote() {
                None if s.role == Role::Listener || s.protocol == Protocol::Udp => {
                    listening.insert((s.protocol, s.local_port()));
                }
                Some((addr, port)) if s.direction == Some(Direction::Internal) => {
                    five_tuples.insert((s.protocol, s.local_addr, s.local_port(), addr, port));
                }
                _ => {}
            }
        }
        Self { holds_many_hosts: sockets.holds_many_hosts(), listening, five_tuples }
    }

    /// The two ends of a connection; `None` if it has no remote.
    pub fn flow<'s>(&self, socket: &Socket<'s>) -> Option<Flow<'s>> {
        let (local, remote) = ((socket.local_addr, socket.local_port()), socket.remote()?);
        let is_local_originator = self.is_originator(socket);
        let (originator, responder) = if is_local_originator { (local, remote) } else { (remote, local) };
        Some(Flow { originator, responder, is_local_originator })
    }

    /// Whether the local end of this socket opened its connection; otherwise the remote end did.
    ///
    /// For connections inside the host, these decide, in order: the handshake's state, the
    /// listening port, and the higher port, because ephemeral ports are high. A socket whose other
    /// end is not in the capture is the originator: an accepting one would have a listener in the
    /// capture.
    pub fn is_originator(&self, socket: &Socket<'_>) -> bool {
        let Some((addr, port)) = socket.remote() else { return false };
        if self.holds_many_hosts {
            return socket.direction != Some(Direction::Inbound);
        }
        if socket.direction != Some(Direction::Internal) {
            return socket.direction == Some(Direction::Outbound);
        }
        if socket.was_in(TcpState::SynSent) != socket.was_in(TcpState::SynRecv) {
            return socket.was_in(TcpState::SynSent);
        }
        let listens = self.listening.contains(&(socket.protocol, socket.local_port()));
        if listens != self.listening.contains(&(socket.protocol, port)) {
            return !listens;
        }
        let mirror = (socket.protocol, addr, port, socket.local_addr, socket.local_port());
        !self.five_tuples.contains(&mirror) || socket.local_port() > port
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Capture, Conn};
    use super::*;

    fn opened(capture: &Capture) -> Vec<bool> {
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let orientation = Orientation::new(&sockets);
        sockets.iter().map(|s| orientation.is_originator(&s)).collect()
    }

    #[test]
    fn outbound_opens_inbound_accepts_and_a_listener_does_neither() {
        let mut capture = Capture::new(60);
        capture.add(Conn::to("203.0.113.5", 443).at(1.0));
        capture.add(Conn::to("203.0.113.5", 50_000).local_port(22).inbound().at(2.0));
        capture.add(Conn::listener(22).at(3.0));
        assert_eq!(opened(&capture), [true, false, false]);
    }

    #[test]
    fn of_two_sides_inside_the_host_the_one_on_the_listening_port_accepts() {
        let mut capture = Capture::new(60);
        capture.add(Conn::listener(50_001));
        let conn = |port| Conn::to("127.0.0.1", port).internal().states("ESTABLISHED");
        capture.add(conn(50_001).local_port(40_000).at(1.0));
        capture.add(conn(40_000).local_port(50_001).at(2.0));
        assert_eq!(opened(&capture), [false, true, false]);
    }

    #[test]
    fn a_refused_connection_inside_the_host_has_one_side_and_that_opened_it() {
        let mut capture = Capture::new(60);
        capture.add(Conn::to("127.0.0.1", 60_000).local_port(40_000).internal().refused().at(1.0));
        assert_eq!(opened(&capture), [true]);
    }

    #[test]
    fn without_a_listener_in_sight_the_ephemeral_port_opened_it() {
        let mut capture = Capture::new(60);
        let conn = |port| Conn::to("127.0.0.1", port).internal().states("ESTABLISHED");
        capture.add(conn(80).local_port(40_000).at(1.0));
        capture.add(conn(40_000).local_port(80).at(2.0));
        assert_eq!(opened(&capture), [true, false]);
    }

    #[test]
    fn the_handshake_decides_against_the_ports() {
        let mut capture = Capture::new(60);
        let conn = |port| Conn::to("127.0.0.1", port).internal();
        capture.add(conn(40_000).local_port(80).states("SYN_SENT>ESTABLISHED").at(1.0));
        capture.add(conn(80).local_port(40_000).states("SYN_RECV>ESTABLISHED").at(2.0));
        assert_eq!(opened(&capture), [true, false]);
    }

    #[test]
    fn in_a_log_of_a_network_the_local_end_opened_all_that_is_not_inbound() {
        let mut capture = Capture::new(60);
        let conn = |port| Conn::to("10.0.0.2", port).internal().states("ESTABLISHED").on("10.0.0.1");
        capture.add(conn(6_000).local_port(5_000).at(1.0));
        // The same two ports reversed are another connection, not its other end.
        capture.add(Conn::to("10.0.0.1", 5_000).internal().on("10.0.0.2").local_port(6_000).at(2.0));
        capture.add(Conn::to("203.0.113.9", 50_000).local_port(22).inbound().at(3.0));
        capture.imported();
        assert_eq!(opened(&capture), [true, true, false]);
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let flow = Orientation::new(&sockets).flow(&sockets.get(2)).unwrap();
        assert_eq!((flow.originator, flow.responder.1), (("203.0.113.9", 50_000), 22));
    }
}
