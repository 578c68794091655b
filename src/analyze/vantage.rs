//! The side from which a capture is seen.
//!
//! A recording has one host: `local_*` is its side. An import of a network's log has many, and
//! `local_*` is the originator. So that every table and detector can treat the local side as its
//! own, a connection opened from outside to the inside is flipped when it is read: its local side
//! is then the internal host, as in a recording of that host, and its direction is inbound.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::capture::{Counters, Metadata, TcpState};
use crate::model::records::{Direction, Scope};
use crate::model::scope::scope;

/// The side from which connections are seen.
#[derive(Debug, Clone, Default)]
pub enum Vantage {
    /// The recorded host's.
    #[default]
    Host,
    /// The local networks'; the private ones if the list is empty.
    LocalNets(Vec<IpNet>),
}

impl Vantage {
    /// The vantage of a capture. Invalid networks in its metadata are ignored.
    pub fn of(metadata: &Metadata) -> Self {
        if metadata.holds_many_hosts() {
            Self::LocalNets(metadata.inside.iter().filter_map(|text| text.parse().ok()).collect())
        } else {
            Self::Host
        }
    }

    /// Whether a connection opened by `originator` must be flipped.
    pub fn flips(&self, originator: IpAddr, responder: IpAddr) -> bool {
        match self {
            Self::Host => false,
            Self::LocalNets(inside) => !is_inside(inside, originator) && is_inside(inside, responder),
        }
    }

    /// The direction of a connection, after flipping if needed; `None` if a host's own rules
    /// decide.
    pub fn direction(&self, local: IpAddr, remote: IpAddr, was_flipped: bool) -> Option<Direction> {
        let Self::LocalNets(inside) = self else { return None };
        Some(match was_flipped {
            true => Direction::Inbound,
            false if is_inside(inside, local) && is_inside(inside, remote) => Direction::Internal,
            false => Direction::Outbound,
        })
    }
}

fn is_inside(networks: &[IpNet], addr: IpAddr) -> bool {
    let addr = addr.to_canonical();
    if networks.is_empty() {
        matches!(scope(addr), Scope::Private | Scope::Loopback | Scope::LinkLocal | Scope::SharedNat)
    } else {
        networks.iter().any(|network| network.contains(&addr))
    }
}

/// What the other end counts. Retransmissions are those of the originator, of which the other end
/// knows nothing.
pub fn flipped_counters(counters: Counters) -> Counters {
    Counters {
        bytes_sent: counters.bytes_received,
        bytes_received: counters.bytes_sent,
        packets_sent: counters.packets_received,
        packets_received: counters.packets_sent,
        retransmits: None,
        rtt_us: counters.rtt_us,
    }
}

/// The state of the other end, as far as it follows.
pub fn flipped_state(state: TcpState) -> TcpState {
    match state {
        TcpState::SynSent => TcpState::SynRecv,
        TcpState::SynRecv => TcpState::SynSent,
        TcpState::FinWait1 | TcpState::FinWait2 => TcpState::CloseWait,
        TcpState::CloseWait | TcpState::LastAck => TcpState::FinWait2,
        TcpState::TimeWait => TcpState::Close,
        TcpState::Established | TcpState::Close | TcpState::Listen | TcpState::Closing => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direction(vantage: &Vantage, originator: &str, responder: &str) -> Option<Direction> {
        let (originator, responder) = (originator.parse().unwrap(), responder.parse().unwrap());
        let flipped = vantage.flips(originator, responder);
        let (local, remote) = if flipped { (responder, originator) } else { (originator, responder) };
        vantage.direction(local, remote, flipped)
    }

    #[test]
    fn the_networks_inside_decide() {
        let private = Vantage::LocalNets(Vec::new());
        let given = Vantage::LocalNets(vec!["192.0.2.0/24".parse().unwrap()]);
        let cases = [
            ("10.0.0.1", "8.8.8.8", Direction::Outbound, Direction::Outbound),
            ("8.8.8.8", "10.0.0.1", Direction::Inbound, Direction::Outbound),
            ("10.0.0.1", "10.0.0.2", Direction::Internal, Direction::Outbound),
            ("8.8.8.8", "192.0.2.1", Direction::Outbound, Direction::Inbound),
            ("::ffff:192.0.2.1", "192.0.2.9", Direction::Outbound, Direction::Internal),
        ];
        for (originator, responder, by_private, by_given) in cases {
            assert_eq!(direction(&private, originator, responder), Some(by_private), "{originator}");
            assert_eq!(direction(&given, originator, responder), Some(by_given), "{originator}");
        }
    }

    #[test]
    fn a_recording_of_a_host_is_left_as_it_is() {
        assert_eq!(direction(&Vantage::Host, "8.8.8.8", "10.0.0.1"), None);
        assert!(matches!(Vantage::of(&Metadata::default()), Vantage::Host));
    }

    #[test]
    fn what_one_end_sent_the_other_received() {
        let counters = Counters {
            bytes_sent: Some(1),
            packets_received: Some(2),
            retransmits: Some(3),
            ..Counters::default()
        };
        let flipped = flipped_counters(counters);
        assert_eq!(
            (flipped.bytes_received, flipped.packets_sent, flipped.retransmits),
            (Some(1), Some(2), None)
        );
    }

    /// By the state diagram of RFC 9293: what one end is in while the other is in the given one.
    #[test]
    fn the_other_end_is_in_the_state_that_answers_this_one() {
        let pairs = [
            (TcpState::SynSent, TcpState::SynRecv),
            (TcpState::SynRecv, TcpState::SynSent),
            (TcpState::Established, TcpState::Established),
            (TcpState::FinWait1, TcpState::CloseWait),
            (TcpState::FinWait2, TcpState::CloseWait),
            (TcpState::CloseWait, TcpState::FinWait2),
            (TcpState::LastAck, TcpState::FinWait2),
            (TcpState::Closing, TcpState::Closing),
            (TcpState::TimeWait, TcpState::Close),
            (TcpState::Close, TcpState::Close),
            (TcpState::Listen, TcpState::Listen),
        ];
        for (here, there) in pairs {
            assert_eq!(flipped_state(here), there, "{here:?}");
        }
    }
}
