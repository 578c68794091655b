//! What the destination says: where it is, its name, its port, who else goes there.

use std::collections::BTreeSet;

use super::{Factor, domains, ntp};
use crate::analyze::services::is_usual_port;
use crate::capture::{Application, Protocol};
use crate::humanize;
use crate::model::address_lookups;
use crate::model::records::{Direction, Scope};
use crate::model::socket_subset::SocketSubset;
use crate::model::sockets::{Socket, Source};
use crate::model::surroundings::Surroundings;

/// UDP services that are periodic by design: port and name.
const PERIODIC_BY_DESIGN: [(u16, &str); 8] = [
    (67, "DHCP"),
    (68, "DHCP"),
    (123, "NTP"),
    (546, "DHCPv6"),
    (547, "DHCPv6"),
    (1900, "SSDP"),
    (5353, "mDNS"),
    (5355, "LLMNR"),
];

/// Default ports of attack frameworks' listeners (Metasploit, netcat tutorials, Cobalt Strike's team
/// server, Sliver, Covenant) on which nothing common is registered.
const ATTACK_TOOL_PORTS: [u16; 9] = [1234, 1337, 4443, 4444, 4445, 5555, 6666, 31_337, 50_050];

/// Those of them that mean something within a network too, where the others are ports of developers.
const ATTACK_TOOL_PORTS_INSIDE: [u16; 4] = [1337, 4444, 31_337, 50_050];

/// Fewest sources of a capture for prevalence to say anything.
pub const MIN_SOURCES: usize = 4;

/// The facts about where some connections go. Those that a remote opened say nothing here.
pub(super) fn factors(members: SocketSubset<'_, '_>, surroundings: &Surroundings<'_>) -> Vec<Factor> {
    let Some(socket) = members.first() else { return Vec::new() };
    let Some((addr, port)) = socket.remote().filter(|_| socket.direction != Some(Direction::Inbound)) else {
        return Vec::new();
    };
    let mut factors = Vec::new();
    factors.extend(of_place(&socket, addr, surroundings));
    factors.extend(of_service(members, &socket, port, surroundings));
    let of_name = of_name(members, surroundings);
    let is_known = of_name.as_ref().is_some_and(|factor| factor.weight < 0.0);
    factors.extend(of_name);
    factors.extend(of_lookup(members, &socket, surroundings).filter(|_| !is_known));
    // Who goes to a proxy says nothing about who goes where it leads.
    if !surroundings.is_proxied(&socket) {
        factors.extend(of_prevalence(addr, members, &socket, surroundings));
    }
    factors.extend(of_failure(members, surroundings));
    factors
}

fn of_place(socket: &Socket<'_>, addr: &str, surroundings: &Surroundings<'_>) -> Option<Factor> {
    let is_own = addr == socket.local_addr || socket.remote_scope == Some(Scope::Loopback);
    match socket.remote_scope {
        _ if is_own => Some(Factor::new("destination-own-host", -3.0, "it stays inside the host")),
        Some(Scope::Multicast | Scope::Broadcast | Scope::LinkLocal) => {
            Some(Factor::new("destination-segment", -3.0, "it stays on the local network segment"))
        }
        Some(Scope::Private) if surroundings.is_foreign_private(socket.local_addr, addr) => {
            Some(Factor::new(
                "destination-foreign-private",
                1.0,
                format!("{addr} is a private address of another network"),
            ))
        }
        _ => None,
    }
}

fn of_service(
    members: SocketSubset<'_, '_>,
    socket: &Socket<'_>,
    port: u16,
    surroundings: &Surroundings<'_>,
) -> Option<Factor> {
    let by_design =
        PERIODIC_BY_DESIGN.iter().find(|known| socket.protocol == Protocol::Udp && known.0 == port);
    if let Some((port, service)) = by_design {
        if let Some(unlike) = (*port == ntp::PORT).then(|| ntp::unlike(members, surroundings)).flatten() {
            return Some(unlike);
        }
        return Some(Factor::new("service-by-design", -3.0, format!("{service} is periodic by design")));
    }
    if !socket.protocol.has_ports() {
        return None;
    }
    let is_outside = members.iter().any(|socket| surroundings.leaves_network(&socket));
    if !is_outside {
        return is_attack_tool_port_inside(socket).then(|| {
            let says = format!("port {port} is a default of attack tools");
            Factor::new("port-attack-tool", 1.0, says)
        });
    }
    if is_attack_tool_port(port) {
        return Some(Factor::new(
            "port-attack-tool",
            2.0,
            format!("port {port} is a default of attack tools, and no common service uses it"),
        ));
    }
    // Inside an organization, they are as good as any other.
    let is_public = members.iter().any(|socket| socket.is_beyond_local_networks());
    if is_public && socket.protocol == Protocol::Tcp && ALTERNATIVE_WEB_PORTS.contains(&port) {
        let says = format!("port {port} is an alternative for web servers that public services hardly use");
        return Some(Factor::new("port-alternative", 0.5, says));
    }
    let is_unusual = !is_usual_port(socket.protocol, port);
    is_unusual.then(|| {
        Factor::new("port-unusual", 1.5, format!("port {port} is unusual for outbound client traffic"))
    })
}

/// Whether a port is a default of attack tools.
pub fn is_attack_tool_port(port: u16) -> bool {
    ATTACK_TOOL_PORTS.contains(&port)
}

/// Whether a connection to another host goes to a port that is a default of attack tools, and of little else inside
/// a network.
pub fn is_attack_tool_port_inside(socket: &Socket<'_>) -> bool {
    let is_other_host = socket.remote_scope != Some(Scope::Loopback)
        && socket.remote().is_some_and(|(addr, _)| addr != socket.local_addr);
    let is_of_tool = socket.remote().is_some_and(|(_, port)| ATTACK_TOOL_PORTS_INSIDE.contains(&port));
    is_other_host && is_of_tool && socket.protocol == Protocol::Tcp
}

/// What a name says by the domain that it is under.
struct NameFact {
    fits: fn(&str) -> bool,
    id: &'static str,
    weight: f64,
    /// With `{}` for the name.
    says: &'static str,
}

impl NameFact {
    const fn new(fits: fn(&str) -> bool, id: &'static str, weight: f64, says: &'static str) -> Self {
        Self { fits, id, weight, says }
    }
}

/// The first that fits counts.
const NAME_FACTS: [NameFact; 7] = [
    NameFact::new(
        |name| domains::is_dynamic(name) && !address_lookups::is_service(name),
        "name-dynamic",
        1.0,
        "{} belongs to a dynamic DNS or tunnel service, where anyone gets a name at once",
    ),
    NameFact::new(
        domains::is_file_drop,
        "name-file-drop",
        1.0,
        "{} is a file-sharing service that anyone can use",
    ),
    NameFact::new(
        domains::is_open_broker,
        "name-open-broker",
        1.0,
        "{} is a public test broker that anyone can use without an account",
    ),
    NameFact::new(
        domains::is_bot_interface,
        "name-bot-interface",
        0.5,
        "{} is for programs, and a channel that malware uses, because it needs no server",
    ),
    NameFact::new(domains::looks_generated, "name-generated", 1.5, "the name {} looks generated"),
    NameFact::new(
        domains::is_hosted,
        "name-hosted",
        0.5,
        "{} belongs to a platform where anyone runs a program at once and without cost",
    ),
    NameFact::new(
        domains::is_cheap,
        "name-cheap",
        0.5,
        "{} is under a top-level domain that is cheap and often abused",
    ),
];

fn of_name(members: SocketSubset<'_, '_>, surroundings: &Surroundings<'_>) -> Option<Factor> {
    let names: BTreeSet<&str> = members.iter().filter_map(|socket| socket.remote_name).collect();
    for fact in &NAME_FACTS {
        if let Some(name) = names.iter().find(|name| (fact.fits)(name)) {
            return Some(Factor::new(fact.id, fact.weight, fact.says.replace("{}", name)));
        }
    }
    if !names.is_empty() && names.iter().all(|name| domains::is_known_service(name)) {
        let name = names.iter().next().copied().unwrap_or_default();
        return Some(Factor::new(
            "name-known-service",
            -2.5,
            format!("{name} belongs to a known update, time or cloud service"),
        ));
    }
    let is_nameless_web = members.iter().all(|socket| {
        is_web(&socket) && socket.remote_name.is_none() && surroundings.leaves_network(&socket)
    }) && members.iter().any(|socket| {
        socket.opened_in_recording && socket.was_established() && is_outside(&socket, surroundings)
    });
    // A recorder overhears answers, and misses those that were cached before it began.
    let weight = if surroundings.sees_every_name() { 1.0 } else { 0.5 };
    (is_nameless_web && surroundings.has_names()).then(|| {
        Factor::new(
            "name-missing",
            weight,
            "it contacts a web server by IP address, while others in this capture use names",
        )
    })
}

/// Ports of web servers: the registered ones, and the alternatives that servers and proxies have by default.
const WEB_PORTS: [u16; 9] = [80, 443, 8000, 8008, 8080, 8081, 8088, 8443, 8888];

/// Those of them that networks often block, so that public services avoid them. They are defaults of test servers, of proxies,
/// and of the listeners of attack tools.
const ALTERNATIVE_WEB_PORTS: [u16; 7] = [8000, 8008, 8080, 8081, 8088, 8443, 8888];

/// Whether clients expect a web server on a port.
pub fn is_web_port(port: u16) -> bool {
    WEB_PORTS.contains(&port)
}

/// Whether a web server is contacted there: by its port, unless the payload is known to be something else.
fn is_web(socket: &Socket<'_>) -> bool {
    let is_port = socket.remote().is_some_and(|(_, port)| is_web_port(port));
    let is_http = |protocol| matches!(protocol, "http" | "tls" | "quic" | Application::UNKNOWN);
    is_port && socket.app_protocol.is_none_or(is_http)
}

/// Programs that greet a server of their own have no use for the address from which they do; one that reports to somebody
/// else says where it runs.
fn of_lookup(
    members: SocketSubset<'_, '_>,
    socket: &Socket<'_>,
    surroundings: &Surroundings<'_>,
) -> Option<Factor> {
    let source = Source::of(socket);
    let service = surroundings.asked_for_own_address(&source)?;
    let is_service = members.iter().any(|socket| socket.remote_name == Some(service));
    // Of a host, any of its programs may have asked.
    let weight = if matches!(source, Source::Process(_)) { 1.0 } else { 0.5 };
    (!is_service && surroundings.leaves_network(socket)).then(|| {
        let says =
            format!("{source} asked {service} for its own public address, as stealers and bots do first");
        Factor::new("source-asks-own-address", weight, says)
    })
}

fn is_outside(socket: &Socket<'_>, surroundings: &Surroundings<'_>) -> bool {
    socket.is_beyond_local_networks() || surroundings.is_foreign(socket)
}

fn of_prevalence(
    addr: &str,
    members: SocketSubset<'_, '_>,
    socket: &Socket<'_>,
    surroundings: &Surroundings<'_>,
) -> Option<Factor> {
    let services = surroundings.infrastructure_services(addr);
    if services >= 3 {
        return Some(Factor::new(
            "destination-infrastructure",
            -2.5,
            format!(
                "{addr} answers on {services} ports of network infrastructure (directory, names, time, files)"
            ),
        ));
    }
    let (all, here) = (surroundings.sources(), surroundings.sources_of(addr));
    if all < MIN_SOURCES || !surroundings.leaves_network(socket) {
        return None;
    }
    // All bots of a small network contact the server that they know by its address; what hosts share has a name.
    let is_web = members.iter().all(|socket| is_web(&socket));
    let is_by_address = surroundings.has_names() && is_web && !surroundings.is_named(addr);
    if here * 2 >= all && !is_by_address {
        let says = format!("{here} of {all} sources in this capture contact {addr}");
        return Some(Factor::new("destination-common", -1.5, says));
    }
    // Each program of a host has servers of its own; the hosts of a network share most of theirs.
    let is_of_host = matches!(Source::of(socket), Source::Address(_));
    let is_like_others = members.source_id().is_some_and(|source| surroundings.goes_where_others_go(source));
    (is_of_host && here == 1 && is_like_others).then(|| {
        Factor::new("destination-rare", 0.5, format!("none of the other {} sources contacts {addr}", all - 1))
    })
}

/// Within the network, who is down is usually one's own, and kept in view by a monitor.
fn of_failure(members: SocketSubset<'_, '_>, surroundings: &Surroundings<'_>) -> Option<Factor> {
    let leaves = members.iter().any(|socket| surroundings.leaves_network(&socket));
    let is_tcp = |socket: &Socket<'_>| socket.protocol == Protocol::Tcp;
    let all = members.iter().filter(is_tcp).count();
    let failed = members.iter().filter(is_tcp).filter(|socket| !socket.was_established()).count();
    (all >= 10 && failed * 10 >= all * 9).then(|| {
        let weight = if leaves { 1.0 } else { 0.5 };
        Factor::new(
            "destination-dead",
            weight,
            format!(
                "{} of {} attempts failed, and it kept trying",
                humanize::count(failed as u64),
                humanize::count(all as u64)
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Metadata;
    use crate::model::sockets::Sockets;
    use crate::model::testing::{Capture, Conn};

    /// Ids of the factors of the connections to `addr`.
    fn ids(capture: &Capture, addr: &str) -> Vec<&'static str> {
        let tables = capture.tables();
        let sockets = Sockets::new(&tables).unwrap();
        let surroundings = Surroundings::of(&sockets, &Metadata::default());
        let rows: Vec<usize> = (0..sockets.len())
            .filter(|row| sockets.get(*row).remote().is_some_and(|r| r.0 == addr))
            .collect();
        factors(sockets.subset(&rows), &surroundings).into_iter().map(|factor| factor.id).collect()
    }

    #[test]
    fn what_stays_on_the_host_or_on_the_segment_is_said_to() {
        let mut capture = Capture::new(60);
        let segment = ["224.0.0.251", "169.254.7.7", "255.255.255.255"];
        for addr in segment {
            capture.add(Conn::to(addr, 5_000).udp());
        }
        capture.add(Conn::to("192.168.1.10", 8080)).add(Conn::to("127.0.0.1", 8080).internal());
        for addr in segment {
            assert!(
                ids(&capture, addr).contains(&"destination-segment"),
                "{addr}: {:?}",
                ids(&capture, addr)
            );
        }
        for addr in ["192.168.1.10", "127.0.0.1"] {
            assert_eq!(ids(&capture, addr), ["destination-own-host"], "{addr}");
        }
    }

    #[test]
    fn a_private_address_is_no_excuse_if_it_is_of_another_network() {
        let mut capture = Capture::new(60);
        capture.add(Conn::to("10.10.10.5", 8080)).add(Conn::to("192.168.1.7", 8080));
        assert_eq!(ids(&capture, "10.10.10.5"), ["destination-foreign-private"]);
        assert!(ids(&capture, "192.168.1.7").is_empty());
    }

    #[test]
    fn ports_count_outside_and_few_of_them_inside() {
        let mut capture = Capture::new(60);
        capture.add(Conn::to("203.0.113.5", 4444)).add(Conn::to("203.0.113.6", 47_808));
        capture.add(Conn::to("203.0.113.7", 443)).add(Conn::to("192.168.1.7", 4444));
        capture.add(Conn::to("192.168.1.8", 5555)).add(Conn::to("127.0.0.1", 4444).internal());
        assert_eq!(ids(&capture, "203.0.113.5"), ["port-attack-tool"]);
        assert_eq!(ids(&capture, "203.0.113.6"), ["port-unusual"]);
        assert!(ids(&capture, "203.0.113.7").is_empty() && ids(&capture, "192.168.1.8").is_empty());
        assert_eq!(ids(&capture, "192.168.1.7"), ["port-attack-tool"]);
        assert!(!ids(&capture, "127.0.0.1").contains(&"port-attack-tool"));
    }

    #[test]
    fn names_raise_and_lower() {
        let mut capture = Capture::new(60);
        capture.add(Conn::to("203.0.113.1", 443).named("www.ct7ctrgb6cr7.com"));
        capture.add(Conn::to("203.0.113.2", 443).named("security.ubuntu.com"));
        capture.add(Conn::to("203.0.113.3", 443).named("example.org"));
        capture.add(Conn::to("203.0.113.4", 443)).add(Conn::to("203.0.113.5", 8080));
        capture.add(Conn::to("203.0.113.6", 8080).speaking("ssh"));
        capture.add(Conn::to("203.0.113.7", 443).named("a.example.top"));
        capture.add(Conn::to("203.0.113.8", 443).named("api.telegram.org"));
        capture.add(Conn::to("203.0.113.9", 8883).named("test.mosquitto.org"));
        capture.add(Conn::to("203.0.113.10", 443).named("raw.githubusercontent.com"));
        assert_eq!(ids(&capture, "203.0.113.8"), ["name-bot-interface"]);
        assert_eq!(ids(&capture, "203.0.113.9"), ["name-open-broker"]);
        capture.add(Conn::to("203.0.113.11", 443).named("a-b.workers.dev"));
        assert_eq!(ids(&capture, "203.0.113.10"), ["name-bot-interface"]);
        assert_eq!(ids(&capture, "203.0.113.11"), ["name-hosted"]);
        assert_eq!(ids(&capture, "203.0.113.7"), ["name-cheap"]);
        assert_eq!(ids(&capture, "203.0.113.5"), ["port-alternative", "name-missing"]);
        assert_eq!(ids(&capture, "203.0.113.6"), ["port-alternative"], "no web server, as its payload says");
        assert_eq!(ids(&capture, "203.0.113.1"), ["name-generated"]);
        assert_eq!(ids(&capture, "203.0.113.2"), ["name-known-service"]);
        assert!(ids(&capture, "203.0.113.3").is_empty());
        assert_eq!(ids(&capture, "203.0.113.4"), ["name-missing"]);
    }

    #[test]
    fn a_source_that_asks_for_its_own_address_reports_to_somebody_unless_it_is_known_whom() {
        let mut capture = Capture::new(60);
        capture.add(Conn::to("203.0.113.1", 443).named("api.ipify.org").by("a", 1));
        capture.add(Conn::to("203.0.113.2", 587).named("mail.example.org").by("a", 1));
        capture.add(Conn::to("203.0.113.3", 443).named("security.ubuntu.com").by("a", 1));
        capture.add(Conn::to("203.0.113.4", 587).named("mail.example.org").by("b", 2));
        assert_eq!(ids(&capture, "203.0.113.2"), ["source-asks-own-address"]);
        assert_eq!(ids(&capture, "203.0.113.3"), ["name-known-service"]);
        assert!(ids(&capture, "203.0.113.1").is_empty() && ids(&capture, "203.0.113.4").is_empty());
    }

    #[test]
    fn what_many_use_is_common_and_what_serves_the_network_is_infrastructure() {
        let mut capture = Capture::new(60);
        for host in ["192.168.1.10", "192.168.1.11", "192.168.1.12", "192.168.1.13"] {
            capture.add(Conn::to("203.0.113.1", 443).on(host).unowned());
        }
        capture.add(Conn::to("203.0.113.2", 443).unowned());
        capture.add(Conn::to("203.0.113.3", 443).by("a", 1));
        for port in [53, 88, 389] {
            capture.add(Conn::to("192.168.1.1", port).by("a", 1));
        }
        // An appliance that knows its maker only.
        capture.add(Conn::to("203.0.113.9", 443).on("192.168.1.77").unowned());
        assert!(ids(&capture, "203.0.113.9").is_empty());
        assert_eq!(ids(&capture, "203.0.113.1"), ["destination-common"]);
        assert_eq!(ids(&capture, "203.0.113.2"), ["destination-rare"]);
        assert!(ids(&capture, "203.0.113.3").is_empty(), "a program has servers of its own");
        assert_eq!(ids(&capture, "192.168.1.1"), ["destination-infrastructure"]);
    }

    #[test]
    fn a_web_server_that_all_know_by_its_address_is_not_common() {
        let mut capture = Capture::new(60);
        for host in ["192.168.1.10", "192.168.1.11", "192.168.1.12", "192.168.1.13"] {
            capture.add(Conn::to("203.0.113.1", 443).named("a.example.org").on(host).unowned());
            capture.add(Conn::to("203.0.113.2", 443).named("b.example.org").on(host).unowned());
            capture.add(Conn::to("203.0.113.3", 443).named("c.example.org").on(host).unowned());
            capture.add(Conn::to("203.0.113.9", 8080).on(host).unowned());
        }
        assert_eq!(ids(&capture, "203.0.113.1"), ["destination-common"]);
        assert_eq!(ids(&capture, "203.0.113.9"), ["port-alternative", "name-missing"]);
    }
}
