//! Determines who opened a connection from what the capture shows of the host.
//!
//! The first rule that applies decides:
//!
//! 1. both ends are the host's own addresses or loopback: *internal*, at both ends;
//! 2. seen half-open: `SYN_SENT` is *outbound*, `SYN_RECV` is *inbound*;
//! 3. the recorder knows the owner by the listener that accepted the connection: *inbound*;
//! 4. the local port was listening in the capture, on this address or on all of them, in the
//!    same network namespace where both are known: *inbound*;
//! 5. else *outbound*.
//!
//! UDP does not listen. An unconnected socket bound to the same port counts as a listener for
//! a connected one only if it was there no later: a server that connects a socket per client
//! keeps its first socket open, whereas a client's ports are drawn anew and are not shared.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ahash::{AHashMap, AHashSet};

use crate::capture::{OwnerSource, Protocol, TcpState};
use crate::model::records::Direction;
use crate::model::states::States;

/// What the judgment needs to know of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Flow {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Network namespace, where known.
    pub netns: Option<u64>,
    /// Local address and port.
    pub local: (IpAddr, u16),
    /// Remote address.
    pub remote: IpAddr,
    /// First row, µs since the Unix epoch.
    pub first_seen_us: i64,
    /// Every state seen.
    pub states_seen: States,
    /// How the owner is known.
    pub owner_source: Option<OwnerSource>,
}

/// Facts about the host: its addresses, and its listening ports.
#[derive(Debug, Default)]
pub struct Host {
    addresses: AHashSet<IpAddr>,
    /// Since when something listened there, µs since the Unix epoch.
    waiting: AHashMap<ListenAddr, i64>,
}

/// Where something listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct ListenAddr {
    protocol: Protocol,
    addr: IpAddr,
    port: u16,
    netns: Netns,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Netns {
    Known(u64),
    Unknown,
    /// Every address is also listed here, for connections with an unknown namespace.
    Any,
}

impl Host {
    /// A host with these addresses and no listeners yet. Invalid addresses are ignored.
    pub fn new<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Self {
        let addresses = addresses.into_iter().filter_map(|text| text.parse::<IpAddr>().ok());
        Self { addresses: addresses.map(|addr| addr.to_canonical()).collect(), waiting: AHashMap::new() }
    }

    /// Notes a listening TCP socket or an unconnected UDP socket.
    pub fn add_waiting(
        &mut self,
        protocol: Protocol,
        local: (IpAddr, u16),
        netns: Option<u64>,
        since_us: i64,
    ) {
        for netns in [netns.map_or(Netns::Unknown, Netns::Known), Netns::Any] {
            let listener = ListenAddr { protocol, addr: local.0.to_canonical(), port: local.1, netns };
            let since = self.waiting.entry(listener).or_insert(since_us);
            *since = since_us.min(*since);
        }
    }

    /// Who opened the connection.
    pub fn direction(&self, flow: &Flow) -> Direction {
        let saw = |state: TcpState| flow.states_seen.contains(state);
        if self.is_own(flow.local.0) && self.is_own(flow.remote) {
            Direction::Internal
        } else if saw(TcpState::SynSent) {
            Direction::Outbound
        } else if saw(TcpState::SynRecv)
            || flow.owner_source == Some(OwnerSource::Listener)
            || self.waited_for(flow)
        {
            Direction::Inbound
        } else {
            Direction::Outbound
        }
    }

    fn is_own(&self, addr: IpAddr) -> bool {
        let addr = addr.to_canonical();
        addr.is_loopback() || self.addresses.contains(&addr)
    }

    fn waited_for(&self, flow: &Flow) -> bool {
        let (addr, port) = (flow.local.0.to_canonical(), flow.local.1);
        // A socket on all IPv6 addresses also accepts IPv4, unless disabled.
        let all_v4 = addr.is_ipv4().then_some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let addrs = [Some(addr), Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)), all_v4];
        let namespaces = match flow.netns {
            Some(netns) => [Netns::Known(netns), Netns::Unknown],
            None => [Netns::Any, Netns::Any],
        };
        addrs.into_iter().flatten().any(|addr| {
            namespaces.into_iter().any(|netns| {
                let listener = ListenAddr { protocol: flow.protocol, addr, port, netns };
                let since_us = self.waiting.get(&listener);
                since_us
                    .is_some_and(|since_us| flow.protocol == Protocol::Tcp || *since_us <= flow.first_seen_us)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "10.0.0.5";

    fn addr(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn tcp(local: &str, port: u16, remote: &str) -> Flow {
        Flow {
            protocol: Protocol::Tcp,
            netns: None,
            local: (addr(local), port),
            remote: addr(remote),
            first_seen_us: 100,
            states_seen: States::NONE,
            owner_source: None,
        }
    }

    fn listening(local: &str, port: u16, netns: Option<u64>) -> Host {
        let mut host = Host::new([HOST, "no address"]);
        host.add_waiting(Protocol::Tcp, (addr(local), port), netns, 0);
        host
    }

    #[test]
    fn a_listening_port_makes_a_connection_inbound_on_its_address_and_on_all() {
        let flow = tcp(HOST, 443, "8.8.8.8");
        let cases = [
            ("0.0.0.0", 443, Direction::Inbound),
            ("::", 443, Direction::Inbound),
            (HOST, 443, Direction::Inbound),
            ("::ffff:10.0.0.5", 443, Direction::Inbound),
            ("127.0.0.1", 443, Direction::Outbound),
            ("0.0.0.0", 444, Direction::Outbound),
        ];
        for (local, port, expected) in cases {
            assert_eq!(listening(local, port, None).direction(&flow), expected, "{local} {port}");
        }
    }

    #[test]
    fn a_v4_wildcard_does_not_take_v6() {
        let flow = tcp("2a00::5", 443, "2a00::6");
        assert_eq!(listening("0.0.0.0", 443, None).direction(&flow), Direction::Outbound);
        assert_eq!(listening("::", 443, None).direction(&flow), Direction::Inbound);
    }

    #[test]
    fn another_namespace_listens_for_itself() {
        let in_netns = |netns| Flow { netns, ..tcp(HOST, 443, "8.8.8.8") };
        let host = listening("0.0.0.0", 443, Some(7));
        assert_eq!(host.direction(&in_netns(Some(7))), Direction::Inbound);
        assert_eq!(host.direction(&in_netns(Some(8))), Direction::Outbound);
        assert_eq!(host.direction(&in_netns(None)), Direction::Inbound);
        assert_eq!(
            listening("0.0.0.0", 443, None).direction(&in_netns(Some(8))),
            Direction::Inbound,
            "where the listener's namespace is not known, it may be the same"
        );
    }

    #[test]
    fn both_ends_on_the_host_are_internal_whoever_listens() {
        let host = listening("0.0.0.0", 5432, None);
        for (local, port, remote, remote_is) in [
            ("127.0.0.1", 5432, "127.0.0.1", "the server's end"),
            ("127.0.0.1", 40000, "127.0.0.1", "the client's end"),
            (HOST, 5432, HOST, "by the host's address"),
            ("::1", 5432, "::1", "by v6"),
            ("::ffff:127.0.0.1", 5432, HOST, "mixed"),
        ] {
            assert_eq!(host.direction(&tcp(local, port, remote)), Direction::Internal, "{remote_is}");
        }
    }

    #[test]
    fn the_handshake_tells_more_than_the_port() {
        let host = listening("0.0.0.0", 443, None);
        let with =
            |port, state: TcpState| Flow { states_seen: States::new(&[state]), ..tcp(HOST, port, "8.8.8.8") };
        assert_eq!(host.direction(&with(443, TcpState::SynSent)), Direction::Outbound);
        assert_eq!(host.direction(&with(9999, TcpState::SynRecv)), Direction::Inbound);
        assert_eq!(host.direction(&with(9999, TcpState::Established)), Direction::Outbound);
    }

    #[test]
    fn an_owner_known_by_its_listener_means_inbound() {
        let flow = Flow { owner_source: Some(OwnerSource::Listener), ..tcp(HOST, 9999, "8.8.8.8") };
        assert_eq!(Host::default().direction(&flow), Direction::Inbound);
    }

    #[test]
    fn an_unconnected_udp_socket_waits_only_for_those_that_come_after_it() {
        let mut host = Host::new([HOST]);
        host.add_waiting(Protocol::Udp, (addr("0.0.0.0"), 1194), None, 50);
        let udp =
            |first_seen_us| Flow { protocol: Protocol::Udp, first_seen_us, ..tcp(HOST, 1194, "8.8.8.8") };
        assert_eq!(host.direction(&udp(100)), Direction::Inbound);
        assert_eq!(host.direction(&udp(49)), Direction::Outbound);
        assert_eq!(host.direction(&tcp(HOST, 1194, "8.8.8.8")), Direction::Outbound, "TCP is another port");
    }
}
