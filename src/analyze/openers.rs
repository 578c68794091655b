//! Which side of a connection opened it.

use ahash::AHashSet;

use super::sockets::{Socket, Sockets};

/// Tells which of the two sockets of a connection inside the host opened it.
pub struct Openers<'a> {
    listening: AHashSet<(&'a str, u16)>,
    five_tuples: AHashSet<(&'a str, &'a str, u16, &'a str, u16)>,
}

impl<'a> Openers<'a> {
    /// Learns the listening ports and the connections inside the host.
    pub fn of(sockets: &Sockets<'a>) -> Self {
        let mut listening = AHashSet::new();
        let mut five_tuples = AHashSet::new();
        for s in sockets.iter() {
            match s.remote {
                None if s.role == "listener" || s.protocol == "udp" => {
                    listening.insert((s.protocol, s.local_port));
                }
                Some((addr, port)) if s.direction == Some("internal") => {
                    five_tuples.insert((s.protocol, s.local_addr, s.local_port, addr, port));
                }
                _ => {}
            }
        }
        Self { listening, five_tuples }
    }

    /// Whether this socket opened its connection; its other side did not.
    ///
    /// For connections inside the host, in this order: the handshake's state, the listening
    /// port, and the higher port, as ephemeral ports lie high. A socket whose other side is
    /// not in the capture opened it: what accepts has a listener, which is.
    pub fn opened(&self, socket: &Socket<'_>) -> bool {
        let Some((addr, port)) = socket.remote else { return false };
        if socket.direction != Some("internal") {
            return socket.direction == Some("outbound");
        }
        if socket.was_in("SYN_SENT") != socket.was_in("SYN_RECV") {
            return socket.was_in("SYN_SENT");
        }
        let listens = self.listening.contains(&(socket.protocol, socket.local_port));
        if listens != self.listening.contains(&(socket.protocol, port)) {
            return !listens;
        }
        let mirror = (socket.protocol, addr, port, socket.local_addr, socket.local_port);
        !self.five_tuples.contains(&mirror) || socket.local_port > port
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Capture, Conn};
    use super::*;

    fn opened(capture: &Capture) -> Vec<bool> {
        let tables = capture.tables();
        let sockets = Sockets::of(&tables).unwrap();
        let openers = Openers::of(&sockets);
        sockets.iter().map(|s| openers.opened(&s)).collect()
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
}
