//! Connection attempts, told from the segments that the system sends again for one of them.

use ahash::AHashMap;

use crate::capture::Protocol;
use crate::model::records::TextId;
use crate::model::sockets::Sockets;

/// Longest time between two records of one attempt, in µs: an unanswered SYN is sent again after 1, 2, 4, 8, 16 and 32 s
/// (Linux) or after 3 and 6 s (Windows), and a log that closes a flow in between has a record for each.
const SENT_AGAIN_US: i64 = 40_000_000;

/// The attempts seen so far, in the order of time.
#[derive(Debug, Default)]
pub struct Attempts {
    /// When the last record of an unanswered attempt began, by both ends.
    last: AHashMap<(End, End), i64>,
}

/// Address and port.
type End = (TextId, u16);

impl Attempts {
    /// Whether the connection in a row is an attempt of its own: it is not if it is unanswered, as the one from
    /// the same port just before.
    pub fn is_new(&mut self, sockets: &Sockets<'_>, row: usize) -> bool {
        let socket = sockets.get(row);
        if socket.protocol != Protocol::Tcp || socket.was_established() {
            return true;
        }
        let remote = sockets.remote_addr_id(row).zip(socket.remote_port);
        let (Some(local_port), Some(remote)) = (socket.local_port, remote) else { return true };
        let local = (sockets.local_addr_id(row), local_port);
        let last = self.last.insert((local, remote), socket.first_seen_us);
        last.is_none_or(|last| socket.first_seen_us.saturating_sub(last) > SENT_AGAIN_US)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Capture, Conn};

    fn attempts(conns: &[Conn]) -> usize {
        let mut capture = Capture::new(600);
        for conn in conns {
            capture.add(conn.clone());
        }
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let mut attempts = Attempts::default();
        (0..sockets.len()).filter(|row| attempts.is_new(&sockets, *row)).count()
    }

    #[test]
    fn a_syn_that_is_sent_again_is_the_same_attempt_and_another_port_or_a_later_one_is_not() {
        let conn = |at| Conn::to("203.0.113.5", 449).unanswered().local_port(50_000).at(at);
        assert_eq!(attempts(&[conn(0.0), conn(9.0), conn(30.0)]), 1);
        assert_eq!(attempts(&[conn(0.0), conn(9.0).local_port(50_001)]), 2);
        assert_eq!(attempts(&[conn(0.0), conn(60.0)]), 2);
    }

    #[test]
    fn connections_that_came_about_are_always_counted() {
        let conn = |at| Conn::to("203.0.113.5", 449).local_port(50_000).at(at);
        assert_eq!(attempts(&[conn(0.0), conn(9.0)]), 2);
    }
}
