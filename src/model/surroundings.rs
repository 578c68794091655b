//! What is normal in a capture, as the background for judging one contact.

use std::net::IpAddr;

use ahash::{AHashMap, AHashSet};
use ipnet::IpNet;

use super::address_lookups::AddressLookups;
use super::ids::SourceId;
use super::payloads::Payloads;
use super::records::{Direction, Scope, TextId};
use super::scope::{are_of_different_ranges, are_of_one_subnet, scope};
use super::sockets::{Socket, Sockets, Source};
use crate::baseline::Baseline;
use crate::capture::{Metadata, TcpState};

/// Maximum number of counted sources per destination; more would not change any judgment.
const MOST_SOURCES: usize = 64;

/// Ports whose services make a host part of its network's infrastructure: directory, names, time,
/// files, mail.
const INFRASTRUCTURE_PORTS: [u16; 11] = [53, 67, 88, 123, 135, 389, 445, 464, 636, 3268, 9389];

/// Minimum number of destinations tried over IPv6 without an answer for concluding that IPv6 does not work.
const FEWEST_OVER_IPV6: usize = 3;

/// Proxy ports: squid, HTTP alternatives, Privoxy, SOCKS.
const PROXY_PORTS: [u16; 5] = [1080, 3128, 8080, 8118, 8888];

/// Top-level labels of internal names (RFC 6762, RFC 8375, and common practice).
const INSIDE_LABELS: [&str; 8] =
    ["arpa", "corp", "home", "internal", "intranet", "lan", "local", "localdomain"];

/// Whether a name is one that stays inside a network.
pub fn is_internal_name(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|label| INSIDE_LABELS.contains(&label))
}

/// Facts about all connections of a capture.
#[derive(Debug, Default)]
pub struct Surroundings<'a> {
    by_addr: AHashMap<&'a str, Destination>,
    /// Sources that contact anything outside.
    sources: AHashSet<SourceId>,
    /// Those that contact a web server outside which another source contacts too.
    sociable: AHashSet<SourceId>,
    /// Number of external web servers by address, and of those with a known name.
    web: (usize, usize),
    /// Networks declared as local by the user or the capture.
    declared: Vec<IpNet>,
    /// Whether nothing outside answers over IPv6, although it is tried.
    is_ipv6_broken: bool,
    /// Whether all packets or connections of a network are covered, rather than what a host overheard.
    is_of_network: bool,
    baseline: Option<&'a Baseline>,
    /// Addresses and ports of possible proxies, with a domain requested there; `None` after several
    /// domains.
    proxies: AHashMap<(&'a str, u16), Option<&'a str>>,
    payloads: Payloads<'a>,
    lookups: AddressLookups<'a>,
}

/// Facts about one remote address.
#[derive(Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and there are many destinations"
)]
struct Destination {
    /// The first source, and the others, each once: a capture may have hundreds of thousands of
    /// destinations, most with one source.
    first_source: Option<SourceId>,
    other_sources: Vec<SourceId>,
    /// Bit set of [`INFRASTRUCTURE_PORTS`] on which it answered.
    infrastructure: u16,
    /// It answered as an external web server, in a connection whose beginning was seen.
    is_web: bool,
    /// Its name is known from such a connection.
    is_named: bool,
    /// It is outside, and has answered.
    has_answered: bool,
    /// It is in a network that was declared as local.
    is_declared: bool,
}

impl Destination {
    fn add(&mut self, socket: &Socket<'_>, source: SourceId) {
        self.has_answered |= socket.was_established() || socket.was_in(TcpState::Close);
        if is_nameable(socket) {
            self.is_web = true;
            self.is_named |= socket.remote_name.is_some();
        }
        let first = *self.first_source.get_or_insert(source);
        if first != source && self.sources() < MOST_SOURCES && !self.other_sources.contains(&source) {
            self.other_sources.push(source);
        }
        let port = socket.remote_port.unwrap_or_default();
        if let Some(bit) = INFRASTRUCTURE_PORTS.iter().position(|known| *known == port)
            && socket.was_established()
        {
            self.infrastructure |= 1 << bit;
        }
    }

    fn sources(&self) -> usize {
        usize::from(self.first_source.is_some()) + self.other_sources.len()
    }
}

impl<'a> Surroundings<'a> {
    /// Collects the facts from every connection, and the networks declared in the metadata.
    pub fn of(sockets: &Sockets<'a>, metadata: &Metadata) -> Self {
        let networks = metadata.inside.iter().filter_map(|text| text.parse::<IpNet>().ok());
        // A single address that a log marks as local says nothing about the network around it.
        let declared = networks.filter(|network| network.prefix_len() < network.max_prefix_len()).collect();
        let is_of_network = metadata.holds_many_hosts();
        let mut all = Self { declared, is_of_network, baseline: sockets.baseline(), ..Self::default() };
        for socket in sockets.iter() {
            all.add_proxy(&socket);
        }
        let mut by_addr: AHashMap<TextId, Destination> = AHashMap::new();
        for (row, socket) in sockets.iter().enumerate() {
            if let Some(name) = sockets.remote_name_id(row) {
                all.lookups.add(name, &socket);
            }
            let is_contacted = socket.direction != Some(Direction::Inbound);
            let Some(addr) = sockets.remote_addr_id(row).filter(|_| is_contacted) else { continue };
            let destination = by_addr.entry(addr).or_insert_with(|| Destination {
                is_declared: all.is_in_declared(sockets.text(addr)),
                ..Destination::default()
            });
            let source = sockets.source_id(row);
            destination.add(&socket, source);
            let is_declared = destination.is_declared;
            if socket.app_protocol.is_some() && all.leaves_declared(&socket, |_| is_declared) {
                all.payloads.add(&socket);
            }
            // Only sources that leave the network could have contacted the same external destination.
            if all.sources.len() < MOST_SOURCES
                && !all.sources.contains(&source)
                && all.leaves_declared(&socket, |_| is_declared)
            {
                all.sources.insert(source);
            }
        }
        for destination in
            by_addr.values().filter(|destination| destination.is_web && destination.sources() > 1)
        {
            all.sociable.extend(destination.first_source.iter().chain(&destination.other_sources));
        }
        all.by_addr =
            by_addr.into_iter().map(|(addr, destination)| (sockets.text(addr), destination)).collect();
        all.is_ipv6_broken = all.is_ipv6_broken();
        let web = || all.by_addr.values().filter(|destination| destination.is_web);
        all.web = (web().count(), web().filter(|destination| destination.is_named).count());
        all
    }

    /// What the payloads of the capture have in common.
    pub fn payloads(&self) -> &Payloads<'a> {
        &self.payloads
    }

    /// The service that a source asked for its own public address, if it did.
    pub fn asked_for_own_address(&self, source: &Source<'_>) -> Option<&'a str> {
        self.lookups.service_of(source)
    }

    /// What was normal before, if somebody brought it along.
    pub fn baseline(&self) -> Option<&'a Baseline> {
        self.baseline
    }

    fn add_proxy(&mut self, socket: &Socket<'a>) {
        let (Some(remote), Some(name)) = (socket.remote(), socket.remote_name) else { return };
        if PROXY_PORTS.contains(&remote.1) && !socket.is_beyond_local_networks() {
            let domain = domain(name);
            let known = self.proxies.entry(remote).or_insert(Some(domain));
            *known = known.filter(|known| *known == domain);
        }
    }

    fn is_ipv6_broken(&self) -> bool {
        let is_outside = |addr: &str| {
            addr.contains(':') && addr.parse::<IpAddr>().is_ok_and(|addr| scope(addr) == Scope::Public)
        };
        let tried = || self.by_addr.iter().filter(|(addr, _)| is_outside(addr));
        tried().count() >= FEWEST_OVER_IPV6 && !tried().any(|(_, destination)| destination.has_answered)
    }

    /// Whether a connection goes outside over IPv6 in a network where that does not work: programs
    /// try it first for every server that has an IPv6 address (RFC 8305).
    pub fn is_over_broken_ipv6(&self, socket: &Socket<'_>) -> bool {
        let is_ipv6 = socket.remote().is_some_and(|(addr, _)| addr.contains(':'));
        self.is_ipv6_broken && is_ipv6 && socket.is_beyond_local_networks()
    }

    /// Number of sources that contact anything outside their network, at most 64.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Number of sources that contact an address, at most 64.
    pub fn sources_of(&self, addr: &str) -> usize {
        self.by_addr.get(addr).map_or(0, Destination::sources)
    }

    /// Whether a web server is known by a name, in this connection or another.
    pub fn is_named(&self, addr: &str) -> bool {
        self.by_addr.get(addr).is_some_and(|destination| destination.is_named)
    }

    /// Whether a source contacts a web server outside that another source contacts too: of an appliance that knows
    /// nothing but its maker's server, it says nothing that nobody else goes there.
    pub fn goes_where_others_go(&self, source: SourceId) -> bool {
        self.sociable.contains(&source)
    }

    /// Number of infrastructure services (directory, names, time, files) that an address offers.
    pub fn infrastructure_services(&self, addr: &str) -> u32 {
        self.by_addr.get(addr).map_or(0, |destination| destination.infrastructure.count_ones())
    }

    /// Whether a connection leaves the network of its local address: to a public address, or to a
    /// private one in another network. Networks declared as local are not outside.
    pub fn leaves_network(&self, socket: &Socket<'_>) -> bool {
        self.leaves_declared(socket, |addr| self.is_declared(addr))
    }

    fn leaves_declared(&self, socket: &Socket<'_>, is_declared: impl Fn(&str) -> bool) -> bool {
        if socket.direction == Some(Direction::Inbound) {
            return false;
        }
        let Some((remote, _)) = socket.remote() else { return false };
        if self.is_proxied(socket) {
            return true;
        }
        if is_declared(remote) || are_of_one_subnet(socket.local_addr, remote) {
            return false;
        }
        socket.is_beyond_local_networks() || are_of_different_ranges(socket.local_addr, remote)
    }

    /// Whether a connection goes through an internal proxy to an external name. An internal address
    /// counts as a proxy if names of several domains are requested there on a proxy port.
    pub fn is_proxied(&self, socket: &Socket<'_>) -> bool {
        let is_proxy = socket.remote().is_some_and(|remote| self.proxies.get(&remote) == Some(&None));
        let label = socket.remote_name.and_then(|name| name.rsplit_once('.')).map(|(_, label)| label);
        is_proxy && label.is_some_and(|label| !is_internal_name(label) && label.parse::<u8>().is_err())
    }

    /// Whether a connection goes to a private address in another network.
    pub fn is_foreign(&self, socket: &Socket<'_>) -> bool {
        let remote = socket.remote().map(|(addr, _)| addr);
        remote.is_some_and(|remote| self.is_foreign_private(socket.local_addr, remote))
    }

    /// Whether a private address belongs to another network than the local address.
    pub fn is_foreign_private(&self, local: &str, remote: &str) -> bool {
        are_of_different_ranges(local, remote) && !self.is_declared(remote)
    }

    /// Asked of many connections with few destinations, for which it is known.
    fn is_declared(&self, addr: &str) -> bool {
        if self.declared.is_empty() {
            return false;
        }
        match self.by_addr.get(addr) {
            Some(destination) => destination.is_declared,
            None => self.is_in_declared(addr),
        }
    }

    fn is_in_declared(&self, addr: &str) -> bool {
        if self.declared.is_empty() {
            return false;
        }
        let addr = addr.parse::<IpAddr>().map(|addr| addr.to_canonical());
        addr.is_ok_and(|addr| self.declared.iter().any(|network| network.contains(&addr)))
    }

    /// Whether names come from packets or logs of a network, rather than from what a recorder
    /// overhears on its host.
    pub fn sees_every_name(&self) -> bool {
        self.is_of_network
    }

    /// Whether the names of external web servers are usually known in this capture, so that one
    /// without a name is unusual.
    ///
    /// Counted by address rather than by connection, because a busy implant makes most of those. A
    /// third of the addresses suffices, because an infected host may contact more servers by
    /// address than by name. A recording that only overhears names has fewer. An import of packets
    /// or logs has the names of all or of none, and an infected host alone in it may have ten
    /// servers by address for one by name.
    pub fn has_names(&self) -> bool {
        let (all, named) = self.web;
        let unnamed_for_one = if self.is_of_network { 10 } else { 3 };
        named >= 3 && named * unnamed_for_one >= all
    }
}

/// Whether a name would have been seen if the client had sent one: an external web server, from the
/// first packet on.
fn is_nameable(socket: &Socket<'_>) -> bool {
    let is_web = matches!(socket.remote(), Some((_, 80 | 443)));
    is_web && socket.opened_in_recording && socket.is_beyond_local_networks() && socket.was_established()
}

/// The last two labels of a name.
fn domain(name: &str) -> &str {
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    dots.nth(1).map_or(name, |dot| &name[dot + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Capture, Conn};

    #[test]
    fn sources_and_services_of_an_address_are_counted() {
        let mut capture = Capture::new(60);
        for (name, port) in [("a", 53), ("b", 88), ("c", 389), ("a", 389)] {
            capture.add(Conn::to("10.0.0.1", port).by(name, 1));
        }
        capture.add(Conn::to("192.168.1.9", 80).by("d", 1));
        capture.add(Conn::to("10.0.0.2", 389).by("a", 1).refused());
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let surroundings = Surroundings::of(&sockets, &Metadata::default());
        assert_eq!(surroundings.sources(), 3, "the fourth stays inside");
        assert_eq!((surroundings.sources_of("10.0.0.1"), surroundings.sources_of("10.0.0.2")), (3, 1));
        assert_eq!(surroundings.infrastructure_services("10.0.0.1"), 3);
        assert_eq!(surroundings.infrastructure_services("10.0.0.2"), 0);
    }

    #[test]
    fn names_count_only_where_enough_web_servers_have_one() {
        let has_names = |named: usize, unnamed: usize| {
            let mut capture = Capture::new(60);
            for n in 0..named {
                capture.add(Conn::to(&format!("203.0.113.{n}"), 443).named("a.example"));
            }
            for n in 0..unnamed {
                // Repetition does not matter: servers are counted.
                for _ in 0..5 {
                    capture.add(Conn::to(&format!("198.51.100.{n}"), 443));
                }
            }
            let tables = capture.tables();
            Surroundings::of(&Sockets::new(&tables).unwrap(), &Metadata::default()).has_names()
        };
        assert!(has_names(5, 2) && has_names(5, 9) && !has_names(5, 11) && !has_names(2, 0));
    }

    #[test]
    fn a_private_address_of_another_range_is_outside_unless_it_is_declared() {
        let mut capture = Capture::new(60);
        capture
            .add(Conn::to("10.10.10.5", 80))
            .add(Conn::to("192.168.7.7", 80))
            .add(Conn::to("203.0.113.5", 80));
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let leaving = |inside: &[&str]| {
            let inside = inside.iter().map(|&network| network.to_owned()).collect();
            let surroundings = Surroundings::of(&sockets, &Metadata { inside, ..Metadata::default() });
            let mut all: Vec<&str> = sockets
                .iter()
                .filter(|socket| surroundings.leaves_network(socket))
                .filter_map(|socket| Some(socket.remote()?.0))
                .collect();
            all.sort_unstable();
            all
        };
        assert_eq!(leaving(&[]), ["10.10.10.5", "203.0.113.5"]);
        assert_eq!(leaving(&["10.10.10.5/32"]), ["10.10.10.5", "203.0.113.5"]);
        assert_eq!(leaving(&["10.0.0.0/8", "192.168.0.0/16"]), ["203.0.113.5"]);
    }

    #[test]
    fn what_a_proxy_is_asked_for_leaves_the_network() {
        let leaving = |names: &[&'static str], port: u16| {
            let mut capture = Capture::new(60);
            for name in names {
                capture.add(Conn::to("192.168.1.5", port).named(name));
            }
            let tables = capture.tables();
            let sockets = Sockets::new(&tables).unwrap();
            let surroundings = Surroundings::of(&sockets, &Metadata::default());
            sockets.iter().filter(|socket| surroundings.leaves_network(socket)).count()
        };
        assert_eq!(leaving(&["a.example.org", "b.example.com", "files.corp.lan"], 3128), 2);
        assert_eq!(leaving(&["a.example.org", "b.example.org"], 3128), 0, "a server of one domain");
        assert_eq!(leaving(&["a.example.org", "b.example.com"], 443), 0, "no port of proxies");
    }

    #[test]
    fn ipv6_is_broken_where_several_are_tried_and_none_answers() {
        let is_broken = |answers: bool, number: usize| {
            let mut capture = Capture::new(60);
            for n in 0..number {
                capture.add(Conn::to(&format!("2a04:4e42:{n:x}::1"), 443).unanswered());
            }
            if answers {
                capture.add(Conn::to("2a04:4e42:ff::1", 443));
            }
            let tables = capture.tables();
            let sockets = Sockets::new(&tables).unwrap();
            let surroundings = Surroundings::of(&sockets, &Metadata::default());
            sockets.iter().all(|socket| surroundings.is_over_broken_ipv6(&socket))
        };
        assert!(is_broken(false, 4) && !is_broken(true, 4) && !is_broken(false, 1));
    }
}
